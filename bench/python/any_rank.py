"""Training where there are too many cells to price: local search beside L-BFGS and Adam.

`ReLURegressor` with patterns="auto" against networks of a fixed width trained by SciPy's L-BFGS
(from new random weights until time is up) and by PyTorch's Adam (full batches, each of three
learning rates for the whole time; left out where torch is not installed). The methods get the same
seconds and threads; the objective is that of the network each returns, by one function in NumPy.
Standardised data with a ones column, columns of norm one, beta = n lambda, no further bias.

    python bench/python/any_rank.py
    python bench/python/any_rank.py --problems wine planted --n-jobs 1
"""

from __future__ import annotations

import argparse
import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning

from cvxnn import Network, ReLURegressor

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    X: Array
    y: Array
    beta: float
    seconds: float  # for each method
    width: int = 100  # of the networks trained by gradients

    def objective(self, network: Network) -> float:
        """Return the training objective of a network."""
        return network.objective(self.X, self.y, beta=self.beta, bias="none")


class TimeIsUp(Exception):
    """Raised from within a minimiser."""


def standardised(X: Array) -> Array:
    X = X[:, X.std(axis=0) > 0]
    X = np.column_stack([(X - X.mean(axis=0)) / X.std(axis=0), np.ones(len(X))])
    return X / np.linalg.norm(X, axis=0)


def wine() -> Problem:
    X, target = datasets.load_wine(return_X_y=True)
    return Problem(standardised(X), np.where(target == 0, 1.0, -1.0), 1e-3 * len(X), 2.0)


def diabetes() -> Problem:
    X, target = datasets.load_diabetes(return_X_y=True)
    y = (target - target.mean()) / target.std()
    return Problem(standardised(X), y, 1e-2 * len(X), 4.0)


def breast_cancer() -> Problem:
    X, target = datasets.load_breast_cancer(return_X_y=True)
    return Problem(standardised(X), 2.0 * target - 1.0, 1e-3 * len(X), 10.0)


def digits() -> Problem:
    X, target = datasets.load_digits(return_X_y=True)
    return Problem(standardised(X), np.where(target % 2 == 0, 1.0, -1.0), 1e-3 * len(X), 30.0)


def planted() -> Problem:
    random = np.random.default_rng(0)
    X = random.standard_normal((20_000, 50)) / np.sqrt(20_000)
    hidden, output = random.standard_normal((50, 10)), random.standard_normal(10)
    y = np.sign(np.maximum(X @ hidden, 0.0) @ output)
    return Problem(X, y, 1e-3 * len(X), 60.0, width=200)


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "wine": wine,
    "diabetes": diabetes,
    "breast cancer": breast_cancer,
    "digits": digits,
    "planted": planted,
}


def random_weights(problem: Problem, seed: int) -> tuple[Array, Array]:
    """Return hidden and output weights that fit nothing yet, of both signs."""
    random = np.random.default_rng(seed)
    hidden = random.standard_normal((problem.width, problem.X.shape[1]))
    output = np.where(np.arange(problem.width) % 2 == 0, 1.0, -1.0)
    scale = 0.1 * np.linalg.norm(problem.y) / np.linalg.norm(problem.X @ hidden.T, axis=0)
    return hidden * np.sqrt(scale)[:, None], output * np.sqrt(scale)


def to_network(hidden: Array, output: Array) -> Network:
    return Network(hidden, np.zeros(len(hidden)), output[:, None], np.zeros(1))


def lbfgs(problem: Problem) -> float:
    """Return the best objective of L-BFGS from random weights, again and again until time is up."""
    X, y, beta, m = problem.X, problem.y, problem.beta, problem.width
    split = m * X.shape[1]
    end = perf_counter() + problem.seconds
    best = np.inf

    def function(weights: Array) -> tuple[float, Array]:
        nonlocal best
        hidden, output = weights[:split].reshape(m, -1), weights[split:]
        z = X @ hidden.T
        active = np.maximum(z, 0.0)
        residual = active @ output - y
        slopes = ((residual[:, None] * (z > 0.0)) * output).T @ X
        value = 0.5 * residual @ residual + 0.5 * beta * (weights @ weights)
        best = min(best, value)
        if perf_counter() > end:
            raise TimeIsUp
        return value, beta * weights + np.concatenate([slopes.ravel(), active.T @ residual])

    options = {"maxiter": 100_000, "maxfun": 100_000, "maxcor": 20, "ftol": 1e-13, "gtol": 1e-13}
    seed = 0
    while perf_counter() < end:
        hidden, output = random_weights(problem, seed)
        seed += 1
        try:
            start = np.concatenate([hidden.ravel(), output])
            minimize(function, start, jac=True, method="L-BFGS-B", options=options)
        except TimeIsUp:
            pass
    return best


def adam(problem: Problem, rate: float, n_jobs: int) -> float:
    """Return the best objective of Adam within the time, double precision, full batches."""
    import torch

    torch.set_num_threads(n_jobs)
    X, y = torch.from_numpy(problem.X.copy()), torch.from_numpy(problem.y.copy())
    weights = [torch.tensor(w, requires_grad=True) for w in random_weights(problem, 0)]
    optimiser = torch.optim.Adam(weights, lr=rate)
    end = perf_counter() + problem.seconds
    best = np.inf
    while perf_counter() < end:
        optimiser.zero_grad()
        residual = torch.relu(X @ weights[0].T) @ weights[1] - y
        decay = sum((w**2).sum() for w in weights)
        value = 0.5 * (residual**2).sum() + 0.5 * problem.beta * decay
        value.backward()
        best = min(best, float(value.detach()))
        optimiser.step()
    return best


def run(name: str, problem: Problem, tol: float, n_jobs: int) -> None:
    start = perf_counter()
    model = ReLURegressor(
        problem.beta, bias="none", tol=tol, max_time=problem.seconds, n_jobs=n_jobs
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(problem.X, problem.y)
    took = perf_counter() - start
    certificate = model.certificate_
    rates = (1e-3, 1e-2, 1e-1) if importlib.util.find_spec("torch") else ()
    by_adam = min((adam(problem, rate, n_jobs) for rate in rates), default=np.nan)
    n, d = problem.X.shape
    print(
        f"{name:14} {n:6} {d:3} {problem.seconds:6.0f} | {took:7.2f} "
        f"{problem.objective(model.network_):12.6f} {certificate.lower_bound:10.3f} "
        f"{certificate.verify(problem.X, problem.y)!s:6} {len(model.network_.hidden_weights):4} | "
        f"{lbfgs(problem):12.6f} {by_adam:12.6f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--tol", type=float, default=1e-6)
    parser.add_argument("--n-jobs", type=int, default=2)
    options = parser.parse_args()
    print("problem             n   d seconds |   cvxnn    objective      bound proved  m |", end="")
    print("      L-BFGS         Adam")
    for name in options.problems:
        run(name, PROBLEMS[name](), options.tol, options.n_jobs)


if __name__ == "__main__":
    main()
