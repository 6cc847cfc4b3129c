"""Training over every cell of the data to a certified gap: time, rounds, neurons, peak memory.

Each problem is fitted by `ReLURegressor` or `ReLUClassifier` with patterns="exact" in a process of
its own, after a fit of a few samples that pays for first calls. beta is a share of the largest
useful one. Reported are the seconds of `fit` and its status, the relative gap of the network, and
the peak resident memory of the process, data and Python included; then `Certificate.verify` proves
the bound again. The number of patterns is that of generic data of the same shape.

    python bench/python/global_training.py
    python bench/python/global_training.py --problems plane-10000 --n-jobs 1 --tol 1e-10
    python bench/python/global_training.py --data FOLDER

FOLDER holds ecg/ecg.npz (an electrocardiogram as SciPy ships it) and uci/NAME.csv.gz (a header, the
class in the last column); without it these problems are left out.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import comb
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from cvxnn import ReLUClassifier, ReLURegressor
from cvxnn._native import core

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    X: Array
    y: Array
    share: float  # beta over the largest useful beta
    bias: str = "regularized"
    classes: bool = False

    @property
    def design(self) -> Array:
        columns = [self.X, np.ones(len(self.X))] if self.bias == "regularized" else [self.X]
        return np.asfortranarray(np.column_stack(columns))

    def beta(self) -> float:
        """Return the share of the smallest beta at which the network is zero."""
        labels = np.where(self.y == np.unique(self.y)[-1], 1.0, -1.0) if self.classes else self.y
        v = -0.5 * labels if self.classes else -labels
        found = core.bound_support(
            self.design, v, floor=0.0, tol=1e-9, max_seconds=60.0, n_threads=2
        )
        return self.share * float(found["upper"])

    def n_patterns(self) -> int:
        n, rank = self.design.shape
        return 2 * sum(comb(n - 1, k) for k in range(rank))


@dataclass(frozen=True)
class Result:
    problem: str
    n: int
    columns: int
    patterns: int
    seconds: float
    status: str
    rounds: int
    neurons: int
    objective: float
    relative_gap: float
    verified: bool
    peak_mb: float


def points(d: int, n: int) -> Problem:
    random = np.random.default_rng(0)
    X = random.standard_normal((n, d))
    wave = np.sin(2.0 * X[:, 0]) * (np.cos(X[:, 1]) if d > 1 else np.cos(1.0))
    return Problem(X, wave + 0.1 * random.standard_normal(n), 0.02)


def ecg(folder: Path, n: int) -> Problem:
    raw = np.load(folder / "ecg" / "ecg.npz")["ecg"].astype(int)
    z = (raw[::3] - 1024) / 200
    return Problem(np.column_stack([z[i : i + n] for i in range(3)]), z[3 : n + 3], 1e-3, "none")


def uci(folder: Path, name: str) -> Problem:
    table = np.loadtxt(folder / "uci" / f"{name}.csv.gz", delimiter=",", skiprows=1)
    return Problem(table[:, :-1], table[:, -1], 0.02, classes=True)


def problems(folder: Path | None) -> dict[str, Callable[[], Problem]]:
    found: dict[str, Callable[[], Problem]] = {
        "line-100000": lambda: points(1, 100_000),
        "plane-1000": lambda: points(2, 1000),
        "plane-3000": lambda: points(2, 3000),
        "plane-10000": lambda: points(2, 10_000),
        "space-300": lambda: points(3, 300),
        "space-3000": lambda: points(3, 3000),
        "four-150": lambda: points(4, 150),
    }
    if folder is not None:
        for n in (2400, 10_000):
            found[f"ecg-{n}"] = lambda n=n: ecg(folder, n)  # type: ignore[misc]
        for name in ("haberman-survival", "titanic", "blood"):
            found[name] = lambda name=name: uci(folder, name)  # type: ignore[misc]
    return found


def run(name: str, folder: Path | None, tol: float, n_jobs: int | None) -> Result:
    problem = problems(folder)[name]()
    estimator = ReLUClassifier if problem.classes else ReLURegressor
    options = {"patterns": "exact", "bias": problem.bias, "tol": tol, "n_jobs": n_jobs}
    estimator(1.0, **options).fit(problem.X[:6], np.arange(6) % 2)
    model = estimator(problem.beta(), **options)
    start = perf_counter()
    model.fit(problem.X, problem.y)
    seconds = perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    certificate = model.certificate_
    targets = problem.y
    if problem.classes:
        targets = np.where(problem.y == model.classes_[1], 1.0, -1.0)
    return Result(
        name,
        *problem.design.shape,
        problem.n_patterns(),
        seconds,
        model.status_,
        model.n_iter_,
        model.network_.n_neurons,
        certificate.objective,
        certificate.relative_gap,
        certificate.verify(problem.X, targets),
        peak,
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--problems", nargs="+", metavar="NAME", help="some of them, by name")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="real data")
    parser.add_argument("--tol", type=float, default=1e-6, help="relative gap (default 1e-6)")
    parser.add_argument("--n-jobs", type=int, help="threads (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results there")
    arguments = parser.parse_args()
    names = arguments.problems or list(problems(arguments.data))
    unknown = [name for name in names if name not in problems(arguments.data)]
    if unknown:
        parser.error(f"no problem {unknown[0]!r}; --data is needed for the real ones")
    header = "problem n columns patterns seconds rounds neurons gap status proved MB".split()
    print(f"| {' | '.join(header)} |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    results = []
    context = multiprocessing.get_context("spawn")
    for name in names:
        with context.Pool(1) as pool:
            result = pool.apply(run, (name, arguments.data, arguments.tol, arguments.n_jobs))
        results.append(asdict(result))
        print(
            f"| {name} | {result.n:,} | {result.columns} | {result.patterns:.1e} "
            f"| {result.seconds:.2f} | {result.rounds} | {result.neurons} "
            f"| {result.relative_gap:.1e} | {result.status} | {result.verified} "
            f"| {result.peak_mb:.0f} |",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    return int(any(result["status"] != "converged" for result in results))


if __name__ == "__main__":
    sys.exit(main())
