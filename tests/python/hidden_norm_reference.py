"""Reference optima under other norms of hidden weights, by cvxpy and by descents."""

import cvxpy as cp
import numpy as np
from helpers import generic_cells
from scipy.linalg import block_diag
from scipy.optimize import minimize

from cvxnn import (
    CircularReLUClassifier,
    CircularReLURegressor,
    NormReLUClassifier,
    NormReLURegressor,
)

NORMS = ("l1", "linf", "circular")


def regressor(norm, beta, **options):
    if norm == "circular":
        return CircularReLURegressor(beta, **options)
    return NormReLURegressor(beta, **{"hidden_norm": norm, "bias": "none", **options})


def classifier(norm, beta, **options):
    if norm == "circular":
        return CircularReLUClassifier(beta, **options)
    return NormReLUClassifier(beta, **{"hidden_norm": norm, "bias": "none", **options})


def norms_of(norm, vectors):
    """The norm of each row, by definition."""
    if norm == "l1":
        return np.abs(vectors).sum(axis=1)
    if norm == "linf":
        return np.abs(vectors).max(axis=1)
    return np.abs(np.fft.fft(vectors, norm="ortho")).sum(axis=1) / np.sqrt(vectors.shape[1])


def hidden_vectors(network):
    """The neurons as vectors that bring their output weights along, biases last."""
    weights = network.hidden_weights
    if hasattr(network, "hidden_bias"):
        weights = np.column_stack([weights, network.hidden_bias])
    return weights * np.abs(network.output_weights).sum(axis=1)[:, None]


def program_value(X, y, beta, norm, loss="squared", patterns=None):
    """Return the optimum over every cell of generic data, by cvxpy."""
    n, d = X.shape
    patterns = generic_cells(X) if patterns is None else patterns
    n_targets = y.shape[1] if y.ndim == 2 else 1
    A = np.hstack([pattern[:, None] * X for pattern in patterns])
    C = block_diag(*[(2.0 * pattern - 1.0)[:, None] * X for pattern in patterns])
    f, penalty, inside = [], 0.0, []
    fourier = np.fft.fft(np.eye(d), norm="ortho") / np.sqrt(d)
    for _ in range(n_targets):
        plus, minus = cp.Variable(A.shape[1]), cp.Variable(A.shape[1])
        f.append(A @ (plus - minus))
        inside += [C @ plus >= 0.0, C @ minus >= 0.0]
        for u in (plus, minus):
            columns = cp.reshape(u, (d, len(patterns)), order="F")
            if norm == "l1":
                penalty += cp.sum(cp.abs(u))
            elif norm == "linf":
                penalty += cp.sum(cp.max(cp.abs(columns), axis=0))
            else:
                parts = [(fourier.real @ columns), (fourier.imag @ columns)]
                rows = cp.vstack([cp.vec(part, order="F") for part in parts])
                penalty += cp.sum(cp.norm(rows, axis=0))
    if loss == "multinomial":
        scores = cp.vstack(f).T
        value = cp.sum(cp.log_sum_exp(scores, axis=1)) - cp.sum(cp.multiply(y, scores))
    elif loss == "logistic":
        value = cp.sum(cp.logistic(cp.multiply(-y, f[0])))
    else:
        Y = y.reshape(n, -1).T
        value = sum(0.5 * cp.sum_squares(g - t) for g, t in zip(f, Y, strict=True))
    program = cp.Problem(cp.Minimize(value + beta * penalty), inside)
    accuracy = {"tol_gap_abs": 1e-9, "tol_gap_rel": 1e-9, "tol_feas": 1e-9}
    program.solve(solver=cp.CLARABEL, **(accuracy if loss == "squared" else {}))
    return program.value


def best_of_descents(X, y, beta, norm, runs=3, neurons=6):
    """Return the best objective of networks trained by L-BFGS on weights that make it smooth.

    An l1 norm is the least sum of squares of two factors, entry by entry, and the norm of circular
    networks that of the factors of a circular convolution.
    """
    d = X.shape[1]
    signs = np.where(np.arange(neurons) % 2 == 0, 1.0, -1.0)

    def objective(weights):
        p, q = weights.reshape(2, neurons, d)
        if norm == "l1":
            u, cost = p * q, 0.5 * np.sum(weights**2)
        elif norm == "circular":
            u = np.fft.irfft(np.fft.rfft(p) * np.fft.rfft(q), n=d)
            cost = 0.5 * np.sum(weights**2)
        else:
            u, cost = p[:, :1] ** 2 * np.sin(q), np.sum(p[:, 0] ** 2)
        hidden = X @ u.T
        f = np.maximum(hidden, 0.0) @ signs
        by_u = ((hidden > 0.0) * (f - y)[:, None] * signs).T @ X
        if norm == "l1":
            slopes = by_u * q, by_u * p
        elif norm == "circular":
            spectrum = np.fft.rfft(by_u)
            slopes = [np.fft.irfft(spectrum * np.conj(np.fft.rfft(w)), n=d) for w in (q, p)]
        else:
            by_p = np.zeros_like(p)
            by_p[:, 0] = 2.0 * p[:, 0] * np.sum(by_u * np.sin(q), axis=1)
            slopes = by_p, by_u * p[:, :1] ** 2 * np.cos(q)
        by_cost = weights if norm != "linf" else np.zeros((2, neurons, d))
        if norm == "linf":
            by_cost[0, :, 0] = 2.0 * p[:, 0]
        slope = np.concatenate([part.ravel() for part in slopes]) + beta * by_cost.ravel()
        return 0.5 * np.sum((f - y) ** 2) + beta * cost, slope

    random = np.random.default_rng(0)
    starts = random.standard_normal((runs, 2 * neurons * d))
    return min(minimize(objective, x, jac=True, method="L-BFGS-B").fun for x in starts)
