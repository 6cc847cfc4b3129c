"""Training of the other models: time, size, objective, proved bound, peak memory.

Each is fitted in a process of its own, on data that scikit-learn ships or that is made here; then
`verify` of its certificate proves the bound again.

    python bench/python/models.py
    python bench/python/models.py --models line spiral-3 --n-jobs 1
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import warnings
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from cvxnn import (
    CircularReLURegressor,
    ConvReLUClassifier,
    DeepLinearRegressor,
    DeepParallelReLUClassifier,
    NarrowReLURegressor,
    NormReLURegressor,
    ParallelReLUClassifier,
    ParallelReLURegressor,
    ReLUClassifier,
)

Array = NDArray[np.float64]
Case = tuple[Any, Array, NDArray[Any]]


def spiral(model: Any) -> Case:
    """Two arms of 100 points, one turn and a half."""
    turn = np.linspace(0.1, 1.0, 100)
    angle = 3.0 * np.pi * turn
    arm = turn[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return model, np.concatenate([arm, -arm]), np.repeat([1, 0], 100)


def line(model: Any) -> Case:
    random = np.random.default_rng(0)
    x = random.standard_normal((100_000, 1))
    return model, x, np.sin(2.0 * x[:, 0]) + 0.1 * random.standard_normal(len(x))


def gaussian(model: Any, n: int, d: int) -> Case:
    random = np.random.default_rng(0)
    X = random.standard_normal((n, d))
    return model, X, np.maximum(X[:, 0], 0.0) - np.abs(X[:, -1]) + 0.1 * random.standard_normal(n)


def digits(model: Any, n: int = 1797) -> Case:
    X, y = load_digits(return_X_y=True)
    return model, X[:n] / 16.0, y[:n]


def iris(model: Any) -> Case:
    X, y = load_iris(return_X_y=True)
    return model, StandardScaler().fit_transform(X)[:, 2:], y


MODELS: dict[str, Callable[[int | None], Case]] = {
    "line": lambda jobs: line(NarrowReLURegressor(2, beta=1000.0)),
    "line-3": lambda jobs: line(NarrowReLURegressor(3, beta=1000.0)),
    "shared-outputs": lambda jobs: iris(ReLUClassifier(1.0, output_norm="l2", n_jobs=jobs)),
    "convolution": lambda jobs: digits(
        ConvReLUClassifier(1.0, input_shape=(8, 8), tol=1e-3, max_time=45.0, n_jobs=jobs)
    ),
    "max-pooling": lambda jobs: digits(
        ConvReLUClassifier(1.0, input_shape=(8, 8), pooling="max", tol=1e-2, n_jobs=jobs), 100
    ),
    "parallel-exact": lambda jobs: gaussian(
        ParallelReLURegressor(0.1, m1=1, patterns="exact", n_jobs=jobs), 12, 2
    ),
    "spiral-3": lambda jobs: spiral(ParallelReLUClassifier(1e-3, m1=4, tol=2e-2, n_jobs=jobs)),
    "spiral-4": lambda jobs: spiral(
        DeepParallelReLUClassifier(1e-3, branch_widths=(4, 4), tol=2e-2, n_jobs=jobs)
    ),
    "l1-norm": lambda jobs: gaussian(NormReLURegressor(0.1, hidden_norm="l1", n_jobs=jobs), 100, 2),
    "largest-modulus": lambda jobs: gaussian(
        NormReLURegressor(0.1, hidden_norm="linf", n_jobs=jobs), 100, 2
    ),
    "circular": lambda jobs: gaussian(CircularReLURegressor(0.1, n_jobs=jobs), 100, 3),
    "deep-linear": lambda jobs: gaussian(
        DeepLinearRegressor(4, beta=1.0, architecture="parallel"), 1000, 50
    ),
}


def run(name: str, n_jobs: int | None) -> str:
    """Fit a model, and return its row of the table."""
    model, X, y = MODELS[name](n_jobs)
    start = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the status is printed
        model.fit(X, y)
    seconds = perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    certificate = model.certificate_
    proved = certificate.verify(X, targets(model, y))
    return (
        f"| {name} | {type(model).__name__} | {len(X):,} | {X.shape[1]} | {seconds:.2f} "
        f"| {certificate.objective:.6g} | {certificate.lower_bound:.6g} | {model.status_} "
        f"| {proved} | {model.score(X, y):.3f} | {peak:.0f} |"
    )


def targets(model: Any, y: NDArray[Any]) -> NDArray[Any]:
    """Return what a certificate knows as targets: signs of two classes, one-hot rows of more."""
    classes = getattr(model, "classes_", None)
    if classes is None:
        return y
    if len(classes) == 2:
        return np.where(y == classes[1], 1.0, -1.0)
    return (y[:, None] == classes).astype(np.float64)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--models", nargs="+", metavar="NAME", choices=MODELS, default=MODELS)
    parser.add_argument("--n-jobs", type=int, help="threads (default: all)")
    arguments = parser.parse_args()
    header = "problem estimator n d seconds objective bound status proved score MB".split()
    print(f"| {' | '.join(header)} |")
    print("|" + "---|" * len(header))
    context = multiprocessing.get_context("spawn")
    for name in arguments.models:
        with context.Pool(1) as pool:
            print(pool.apply(run, (name, arguments.n_jobs)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
