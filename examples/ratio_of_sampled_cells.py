"""How many sampled cells does it take to be near the optimum, and how near is certain?

Networks of two features are trained on more and more sampled activation patterns. For each, the
bound over all cells tells how far from the optimum it can be at most; the true ratio, from training
over every cell, is drawn beside it.

    python examples/ratio_of_sampled_cells.py [--figure ratio.png]

needs cvxnn[plot].
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np

from cvxnn import ReLURegressor, certify_everywhere

BETA = 0.05


def main():
    """Print a line for each number of cells, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", default="ratio.png")
    figure = parser.parse_args().figure
    random = np.random.default_rng(0)
    X = random.uniform(-1.0, 1.0, (300, 2))
    y = np.sin(3.0 * X[:, 0]) * np.cos(3.0 * X[:, 1]) + 0.1 * random.standard_normal(300)
    optimum = ReLURegressor(BETA, tol=1e-6).fit(X, y).certificate_.objective
    counts = [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
    ratios = np.empty((len(counts), 2))
    print("cells  objective / optimum  certified without training over all")
    for row, count in zip(ratios, counts, strict=True):
        model = ReLURegressor(BETA, patterns=count, random_state=0).fit(X, y)
        bound = certify_everywhere(model.certificate_, X, y)
        row[:] = bound.objective / optimum, bound.objective / bound.lower_bound
        print(f"{count:5}  {row[0]:19.4f}  {row[1]:35.4f}")
    _, axes = plt.subplots(figsize=(6.0, 4.0), layout="constrained")
    axes.loglog(counts, ratios[:, 1] - 1.0, "o-", label="certified")
    axes.loglog(counts, np.maximum(ratios[:, 0] - 1.0, 1e-6), "s-", label="true")
    axes.set(xlabel="sampled cells", ylabel="objective above the optimum, relative")
    axes.legend()
    plt.savefig(figure, dpi=150)


if __name__ == "__main__":
    main()
