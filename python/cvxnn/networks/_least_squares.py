"""Least squares with a norm of the map: the data as rows, and multiples of dual vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Rows", "best_multiple", "bound_of", "without_mean"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rows:
    """Inputs and targets, perhaps centred, then times the roots of their weights.

    Centring takes the place of a constant that costs nothing.
    """

    X: Array  # (n, d)
    Y: Array  # (n, C)
    root: Array  # (n, 1): roots of the weights
    x_mean: Array  # (d,), zero if not centred
    y_mean: Array  # (C,)
    centred: bool

    @classmethod
    def of(cls, X: Array, Y: Array, weight: Array, centred: bool) -> Rows:
        """Centre and weigh."""
        x_mean, y_mean = np.zeros(X.shape[1]), np.zeros(Y.shape[1])
        if centred:
            X, x_mean = without_mean(X, weight)
            Y, y_mean = without_mean(Y, weight)
        root = np.sqrt(weight)[:, None]
        return cls(root * X, root * Y, root, x_mean, y_mean, centred)

    def dual(self, V: Array) -> Array:
        """Return what a dual matrix of the rows is for the samples, shape (n, C)."""
        dual = self.root * V
        if self.centred:  # columns that add up to zero but for rounding do so to the last bit
            dual = dual - self.root**2 * (dual.sum(axis=0) / np.sum(self.root**2))
        return dual

    def constant(self, coef: Array) -> Array:
        """Return the best constant beside a map, shape (C,)."""
        return self.y_mean - self.x_mean @ coef


def bound_of(
    rows: Rows, coef: Array, strength: float, dual_norm: Callable[[Array], float]
) -> tuple[float, Array]:
    """Bound ``||X W - Y||_F^2 / 2 + strength N(W)`` below by a multiple of the residual.

    Returns the bound and that dual matrix V, which has ``dual_norm(X' V) <= strength``.
    """
    residual = rows.X @ coef - rows.Y
    support = dual_norm(rows.X.T @ residual)
    gain, size = -float(np.sum(residual * rows.Y)), float(np.sum(residual**2))
    scale = best_multiple(gain, size, strength / support if support > 0.0 else np.inf)
    return scale * gain - 0.5 * scale**2 * size, scale * residual


def best_multiple(gain: float, size: float, limit: float) -> float:
    """Return the s in [0, limit] with the largest ``s gain - s^2 size / 2``."""
    return max(0.0, min(gain / size, limit)) if size > 0.0 else 0.0


def without_mean(values: Array, weight: Array) -> tuple[Array, Array]:
    """Return the rows less their mean, and that; twice, because a large mean is rounded."""
    first = np.average(values, axis=0, weights=weight)
    second = np.average(values - first, axis=0, weights=weight)
    return values - first - second, first + second
