"""Reference optima of parallel three-layer networks, by cvxpy and by descents."""

from itertools import combinations_with_replacement, product

import cvxpy as cp
import numpy as np
from helpers import generic_cells
from scipy.optimize import minimize
from scipy.sparse import block_diag

from cvxnn import ParallelNetwork, ParallelReLURegressor

SEPARATE = {"weight_decay": True, "unit_columns": False, "path": False, "power": True}
STRENGTH = {"weight_decay": 1.0, "unit_columns": 1.0, "path": 1.0, "power": 1.5}
HAT = np.array([[-1.0], [0], [1], [2], [3]]), np.array([0.0, 0, 1, 0, 0])


def trained(X, y, beta=0.1, **options):
    options = {"bias": "none", "tol": 1e-7, **options}
    return ParallelReLURegressor(beta, **options).fit(X, y)


def program_value(X, y, beta, regularizer, m1, loss="squared"):
    """Return the optimum over every pattern of both layers that one can think of, by cvxpy."""
    n, d = X.shape
    outputs, cones = [], []
    signed = list(product(generic_cells(X), (1.0, -1.0)))
    for branch in combinations_with_replacement(signed, m1):
        F = np.hstack([sign * pattern[:, None] * X for pattern, sign in branch])
        own = block_diag([(2.0 * pattern - 1.0)[:, None] * X for pattern, _ in branch])
        for second in product((0.0, 1.0), repeat=n):
            on = np.array(second)[:, None]
            outputs.append(on * F)
            cones.append(np.vstack([own.toarray(), (2.0 * on - 1.0) * F]))
    A, C = np.hstack(outputs), block_diag(cones, format="csr")
    plus, minus = cp.Variable(A.shape[1]), cp.Variable(A.shape[1])
    f = A @ (plus - minus)
    value = {
        "squared": lambda: 0.5 * cp.sum_squares(f - y),
        "logistic": lambda: cp.sum(cp.logistic(cp.multiply(-y, f))),
    }[loss]()
    width = d if SEPARATE[regularizer] else d * m1
    norms = [cp.norm(cp.reshape(u, (width, -1), order="F"), axis=0) for u in (plus, minus)]
    penalty = beta * STRENGTH[regularizer] * sum(cp.sum(norm) for norm in norms)
    program = cp.Problem(cp.Minimize(value + penalty), [C @ plus >= 0.0, C @ minus >= 0.0])
    accuracy = {"tol_gap_abs": 1e-9, "tol_gap_rel": 1e-9, "tol_feas": 1e-9}
    program.solve(solver=cp.CLARABEL, **({} if loss == "logistic" else accuracy))
    return program.value


def best_of_descents(X, y, beta, regularizer, m1, runs=2, branches=3):
    """Return the best objective of networks trained by L-BFGS, differences for derivatives."""
    n_outputs = 1
    shapes = (
        (branches, m1, X.shape[1]),
        (branches, m1, 1),
        (branches, 1, n_outputs),
    )
    ends = np.cumsum([np.prod(shape) for shape in shapes])

    def network(weights):
        first, second, last = (
            part.reshape(shape)
            for part, shape in zip(np.split(weights, ends[:-1]), shapes, strict=True)
        )
        if regularizer in ("weight_decay", "unit_columns"):
            axes = (1, 2) if regularizer == "weight_decay" else 2
            first = first / np.linalg.norm(first, axis=axes, keepdims=True)
        return ParallelNetwork(first, np.zeros((branches, m1)), second, last)

    def objective(weights):
        return network(weights).objective(X, y, beta=beta, regularizer=regularizer, bias="none")

    random = np.random.default_rng(0)
    starts = random.standard_normal((runs, ends[-1]))
    return min(minimize(objective, x, method="L-BFGS-B").fun for x in starts)
