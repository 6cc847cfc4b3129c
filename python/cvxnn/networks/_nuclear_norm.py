"""Least squares with a multiple of the nuclear norm, and a bound by duality."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "NuclearSolution",
    "Spectrum",
    "largest_singular_value",
    "least_nuclear_norm",
    "without_mean",
]

Array = NDArray[np.float64]

_CHECKS = 10  # iterations between two looks at the gap
_RELAXATION = 1.6
_UNBALANCED = 5.0  # residuals that are so different change the step length
_SCALE = 2.0  # by this factor


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The data X = U diag(s) V' and Y, rows times the root of their weights, perhaps centred."""

    left: Array  # U, (n, r)
    values: Array  # s, (r,), positive
    right: Array  # V, (d, r)
    targets: Array  # U' Y, (r, C)
    rest: Array  # Y - U U' Y, (n, C)
    root: Array  # (n,): roots of the weights
    x_mean: Array
    y_mean: Array

    @classmethod
    def of(cls, X: Array, Y: Array, weight: Array, centred: bool) -> Spectrum:
        """Decompose; singular values below rounding count as zero."""
        x_mean, y_mean = np.zeros(X.shape[1]), np.zeros(Y.shape[1])
        if centred:
            X, x_mean = without_mean(X, weight)
            Y, y_mean = without_mean(Y, weight)
        root = np.sqrt(weight)
        X, Y = root[:, None] * X, root[:, None] * Y
        left, values, right = np.linalg.svd(X, full_matrices=False)
        least = max(X.shape) * np.finfo(np.float64).eps * values.max(initial=0.0)
        used = values > least
        left, values, right = left[:, used], values[used], right[used].T
        targets = left.T @ Y
        return cls(left, values, right, targets, Y - left @ targets, root, x_mean, y_mean)


@dataclass(frozen=True, eq=False)
class NuclearSolution:
    """A map, and a dual matrix that bounds how good any other can be."""

    coef: Array  # (d, C)
    dual: Array  # (n, C)
    lower_bound: float
    status: str
    n_iter: int


def least_nuclear_norm(
    spectrum: Spectrum, strength: float, tol: float, max_iter: int
) -> NuclearSolution:
    """Minimise ``||X W - Y||_F^2 / 2 + strength ||W||_*``.

    By the alternating direction method of multipliers, to a relative duality gap. For strength zero
    the least nuclear norm among least-squares solutions, and a dual matrix for that.
    """
    if strength == 0.0:
        return _limit(spectrum)
    squares = spectrum.values[:, None] ** 2
    by_targets = spectrum.values[:, None] * spectrum.targets
    W, multipliers = np.zeros_like(spectrum.targets), np.zeros_like(spectrum.targets)
    step = float(np.exp(np.mean(np.log(squares)))) if squares.size else 1.0
    best = W
    least, highest, dual = np.inf, -np.inf, np.zeros_like(spectrum.rest)
    status, iteration = "iteration_limit", 0
    for iteration in range(max_iter + 1):
        if iteration % _CHECKS == 0 or iteration == max_iter:
            objective, bound, candidate = _gap(spectrum, strength, W)
            if objective < least:
                least, best = objective, W
            if bound > highest:
                highest, dual = bound, candidate
            if least - highest <= tol * least:
                status = "converged"
                break
        if iteration == max_iter:
            break
        smooth = (by_targets + step * (W - multipliers)) / (squares + step)
        relaxed = _RELAXATION * smooth + (1.0 - _RELAXATION) * W
        before = W
        W = _shrunk(relaxed + multipliers, strength / step)
        multipliers = multipliers + relaxed - W
        primal, moved = np.linalg.norm(smooth - W), np.linalg.norm(W - before)
        if iteration % _CHECKS == 0 and max(primal, moved) > _UNBALANCED * min(primal, moved):
            factor = _SCALE if primal > moved else 1.0 / _SCALE
            step, multipliers = step * factor, multipliers / factor
    coef = spectrum.right @ best
    return NuclearSolution(coef, spectrum.root[:, None] * dual, highest, status, iteration)


def _limit(spectrum: Spectrum) -> NuclearSolution:
    """Return the least-squares map of least norm; its polar factor gives the dual matrix."""
    inverse = 1.0 / spectrum.values[:, None]
    W = inverse * spectrum.targets
    left, values, right = np.linalg.svd(W, full_matrices=False)
    used = values > np.finfo(np.float64).eps * values.max(initial=0.0)
    polar = left[:, used] @ right[used]
    dual = -spectrum.left @ (inverse * polar)
    bound = float(values[used].sum())
    root = spectrum.root[:, None]
    return NuclearSolution(spectrum.right @ W, root * dual, bound, "converged", 0)


def without_mean(values: Array, weight: Array) -> tuple[Array, Array]:
    """Return the rows less their mean, and that; twice, because a large mean is rounded."""
    first = np.average(values, axis=0, weights=weight)
    second = np.average(values - first, axis=0, weights=weight)
    return values - first - second, first + second


def largest_singular_value(matrix: Array) -> float:
    """Return the spectral norm, zero for an empty matrix."""
    return float(np.linalg.svd(matrix, compute_uv=False).max(initial=0.0))


def _shrunk(W: Array, threshold: float) -> Array:
    left, values, right = np.linalg.svd(W, full_matrices=False)
    return np.asarray((left * np.maximum(values - threshold, 0.0)) @ right)


def _gap(spectrum: Spectrum, strength: float, W: Array) -> tuple[float, float, Array]:
    """Return the objective, the best bound from multiples of the residual, and that dual matrix."""
    residual = spectrum.values[:, None] * W - spectrum.targets
    lost = 0.5 * np.sum(spectrum.rest**2)
    objective = 0.5 * np.sum(residual**2) + lost + strength * np.linalg.norm(W, "nuc")
    dual = spectrum.left @ residual - spectrum.rest
    support = largest_singular_value(spectrum.values[:, None] * residual)
    gain = 2.0 * lost - np.sum(residual * spectrum.targets)
    size = np.sum(residual**2) + 2.0 * lost
    scale = min(gain / size, strength / support if support > 0.0 else np.inf) if size > 0.0 else 0.0
    scale = max(scale, 0.0)
    return float(objective), float(scale * gain - 0.5 * scale**2 * size), scale * dual
