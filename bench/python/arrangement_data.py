"""Lists the cells of real data by several engines and checks each list against the exact count.

python bench/python/arrangement_data.py FOLDER, a folder of gzipped csv files whose last column is
a label.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from cvxnn.arrangements import count_cells, enumerate_cells

NAMES = ("iris", "titanic", "haberman-survival", "blood")
METHODS = ("auto", "lowest_vertex", "ray_tree")


def features(path):
    table = np.genfromtxt(path, delimiter=",", skip_header=1)
    return table[:, :-1]


def arrangements(folder):
    """Yield (name, X): the features, and the features with a column of ones."""
    for name in NAMES:
        X = features(folder / f"{name}.csv.gz")
        yield name, X
        yield f"{name} + ones", np.column_stack([X, np.ones(len(X))])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--max-cells", type=int, default=3_000_000)
    options = parser.parse_args()
    wrong = 0
    for name, X in arrangements(options.folder):
        start = time.perf_counter()
        count = count_cells(X)
        line = f"{name:24} n={len(X):4} d={X.shape[1]} cells={count:>12,}"
        line += f" counted in {time.perf_counter() - start:6.2f} s"
        listed = None
        for method in METHODS if count <= options.max_cells else ():
            start = time.perf_counter()
            cells = enumerate_cells(X, method=method)
            line += f"  {method} {time.perf_counter() - start:6.2f} s"
            same = len(cells) == count and (listed is None or cells == listed)
            line += "" if same else " WRONG"
            wrong += not same
            listed = cells
        print(line, flush=True)
    raise SystemExit(wrong > 0)


if __name__ == "__main__":
    main()
