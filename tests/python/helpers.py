"""Data, reference cells and reference optima that the tests compare with."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from itertools import combinations, product
from math import comb

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from cvxnn import Network


def zaslavsky(n, rank):
    """Number of cells of n generic central hyperplanes (Zaslavsky 1975)."""
    return 2 * sum(comb(n - 1, k) for k in range(rank))


def gaussian_problem(n, d, *, seed, loss="squared"):
    """Random X and y; labels -1 and 1 for the logistic loss, both present."""
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, d))
    y = random.standard_normal(n)
    if loss == "logistic":
        y = np.where(y > np.median(y), 1.0, -1.0)
    return X, y


def with_bias(X, bias):
    """Append the ones column of a regularised bias."""
    return np.column_stack([X, np.ones(len(X))]) if bias == "regularized" else X


def real_problem(name):
    """Data, gates' patterns and beta of the reference table: 50 Gaussian gates, beta = n lambda."""
    load, decay = {
        "wine": (load_wine, 1e-3),
        "diabetes": (load_diabetes, 1e-2),
        "breast cancer": (load_breast_cancer, 1e-3),
    }[name]
    X, target = load(return_X_y=True)
    y = {
        "wine": np.where(target == 0, 1.0, -1.0),
        "diabetes": (target - target.mean()) / target.std(),
        "breast cancer": 2.0 * target - 1.0,
    }[name]
    X = X[:, X.std(axis=0) > 0]
    X = with_bias((X - X.mean(axis=0)) / X.std(axis=0), "regularized")
    X /= np.linalg.norm(X, axis=0)
    gates = np.random.default_rng(123).standard_normal((X.shape[1], 50))
    gates[-1] *= 0.3
    patterns = np.unique((X @ gates > 0.0).T, axis=0)
    return X, y, patterns, decay * len(X)


def generic_cells(X):
    """Dense patterns of rows in general position: every side of every ray of the arrangement."""
    n, rank = X.shape
    patterns = set()
    for rows in combinations(range(n), rank - 1):
        ray = np.linalg.svd(X[list(rows)])[2][-1]
        for direction in (ray, -ray):
            signs = X @ direction > 0.0
            for local in product((False, True), repeat=rank - 1):
                signs[list(rows)] = local
                patterns.add(signs.tobytes())
    assert len(patterns) == zaslavsky(n, rank)
    return np.array([np.frombuffer(pattern, dtype=np.bool_) for pattern in sorted(patterns)])


@cache
def _integer_grid(radius, d):
    axes = [np.arange(-radius, radius + 1.0)] * d
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, d)


def integer_cells(X):
    """Dense patterns of a small integer arrangement, by exact arithmetic on a grid.

    Every cell holds the sum of at most d extreme rays, whose coordinates are minors of order d - 1,
    bounded by Hadamard; so a grid of integer points meets every cell.
    """
    X = np.asarray(X, dtype=np.float64)
    d = X.shape[1]
    longest = int(np.abs(X).max())
    minor = int((longest * np.sqrt(d - 1)) ** (d - 1)) if d > 1 else 1
    values = _integer_grid(max(1, d * minor), d) @ X.T
    interior = ((values != 0.0) | ~X.any(axis=1)).all(axis=1)
    codes = (values[interior] > 0.0) @ 2 ** np.arange(len(X))[::-1]
    return (np.unique(codes)[:, None] >> np.arange(len(X))[::-1] & 1).astype(np.bool_)


def reference_optimum(X, patterns, y, beta, *, loss="squared", cones=True):
    """Optimum of the convex program over the given dense patterns, by cvxpy and Clarabel."""
    import cvxpy as cp

    active = patterns.T.astype(np.float64)
    shape = (X.shape[1], len(patterns))
    plus = cp.Variable(shape)
    minus = cp.Variable(shape) if cones else np.zeros(shape)
    penalty = cp.sum(cp.norm(plus, axis=0)) + (cp.sum(cp.norm(minus, axis=0)) if cones else 0.0)
    outputs = cp.sum(cp.multiply(active, X @ (plus - minus)), axis=1)
    if loss == "squared":
        value = 0.5 * cp.sum_squares(outputs - y)
    else:
        value = cp.sum(cp.logistic(cp.multiply(-y, outputs)))
    signs = 2.0 * active - 1.0
    constraints = [cp.multiply(signs, X @ part) >= 0.0 for part in (plus, minus) if cones]
    program = cp.Problem(cp.Minimize(value + beta * penalty), constraints)
    program.solve(solver=cp.CLARABEL, tol_gap_abs=1e-12, tol_gap_rel=1e-9, tol_feas=1e-9)
    assert program.status == cp.OPTIMAL
    return program.value


def reference_network_optimum(X, y, beta, *, loss, delta, slope, bias):
    """Optimum of a two-layer network over every cell of the data, by cvxpy and Clarabel.

    The activation has the given slope below zero; with bias "free" biases cost nothing and the
    output has one.
    """
    import cvxpy as cp

    design = X if bias == "none" else np.column_stack([X, np.ones(len(X))])
    active = generic_cells(design).T.astype(np.float64)
    paid = X.shape[1] if bias == "free" else design.shape[1]
    plus, minus = (cp.Variable((design.shape[1], active.shape[1])) for _ in range(2))
    steepness = active + slope * (1.0 - active)
    f = cp.sum(cp.multiply(steepness, design @ (plus - minus)), axis=1)
    if bias == "free":
        f = f + cp.Variable()
    penalty = cp.sum(cp.norm(plus[:paid], axis=0)) + cp.sum(cp.norm(minus[:paid], axis=0))
    slack = 1.0 - cp.multiply(y, f)
    value = {
        "squared": lambda: 0.5 * cp.sum_squares(f - y),
        "absolute": lambda: cp.norm1(f - y),
        "huber": lambda: 0.5 * cp.sum(cp.huber(f - y, delta)),
        "logistic": lambda: cp.sum(cp.logistic(-cp.multiply(y, f))),
        "hinge": lambda: cp.sum(cp.pos(slack)),
        "squared_hinge": lambda: 0.5 * cp.sum_squares(cp.pos(slack)),
        "interpolation": lambda: 0.0,
    }[loss]()
    constraints = [cp.multiply(2.0 * active - 1.0, design @ part) >= 0.0 for part in (plus, minus)]
    if loss == "interpolation":
        constraints.append(f == y)
    program = cp.Problem(cp.Minimize(value + beta * penalty), constraints)
    program.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-9, tol_feas=1e-9)
    assert program.status == cp.OPTIMAL
    return program.value


def lbfgs_network(X, y, *, beta, loss="squared", bias="regularized", n_neurons=20, seed=0):
    """Train the non-convex problem from a random start; return network and objective."""
    design = with_bias(X, bias)
    d = design.shape[1]

    def objective(parameters):
        weights = parameters[: n_neurons * d].reshape(n_neurons, d)
        outputs = parameters[n_neurons * d :]
        hidden = np.maximum(design @ weights.T, 0.0)
        f = hidden @ outputs
        if loss == "squared":
            value, slope = 0.5 * np.sum((f - y) ** 2), f - y
        else:
            value, slope = np.sum(np.logaddexp(0.0, -y * f)), -y * expit(-y * f)
        value += 0.5 * beta * parameters @ parameters
        by_weights = ((slope[:, None] * (hidden > 0.0)) * outputs).T @ design
        gradient = np.concatenate([by_weights.ravel(), hidden.T @ slope])
        return value, gradient + beta * parameters

    start = np.random.default_rng(seed).standard_normal(n_neurons * (d + 1)) / np.sqrt(d)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxfun": 1000})
    weights = found.x[: n_neurons * d].reshape(n_neurons, d)
    hidden_bias = weights[:, -1] if bias == "regularized" else np.zeros(n_neurons)
    hidden_weights = weights[:, :-1] if bias == "regularized" else weights
    network = Network(hidden_weights, hidden_bias, found.x[n_neurons * d :, None], [0.0])
    return network, found.fun


def run_python(code, *arguments, cwd=None, timeout=60, **environment):
    """Run code in a fresh interpreter; return the finished process with its output as text."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, **environment},
        cwd=cwd,
        timeout=timeout,
        capture_output=True,
        text=True,
        check=False,
    )
