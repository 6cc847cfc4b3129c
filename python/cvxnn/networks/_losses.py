"""Losses of raw outputs f and the dual objectives that certify them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr, expit, xlog1py

__all__ = ["LOSSES", "LossFunctions", "best_scale", "loss_named"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LossFunctions:
    """A loss L(f) = sum_k w_k l(f_k, y_k), its gradient and dual objective -L*(v), of (., y, w)."""

    value: Callable[[Array, Array, Array], float]
    gradient: Callable[[Array, Array, Array], Array]
    dual_value: Callable[[Array, Array, Array], float]
    quadratic: bool  # scaling y by t scales the loss by t^2


def _squared(f: Array, y: Array, weight: Array) -> float:
    return float(0.5 * np.sum(weight * (f - y) ** 2))


def _squared_gradient(f: Array, y: Array, weight: Array) -> Array:
    return weight * (f - y)


def _squared_dual(v: Array, y: Array, weight: Array) -> float:
    return float(-0.5 * np.sum(v**2 / weight) - v @ y)


def _logistic(f: Array, y: Array, weight: Array) -> float:
    return float(np.sum(weight * np.logaddexp(0.0, -y * f)))


def _logistic_gradient(f: Array, y: Array, weight: Array) -> Array:
    return np.asarray(-weight * y * expit(-y * f))


def _logistic_dual(v: Array, y: Array, weight: Array) -> float:
    p = -v * y / weight
    if np.any(p < 0.0) or np.any(p > 1.0):
        return -np.inf
    return float(np.sum(weight * (entr(p) - xlog1py(1.0 - p, -p))))


LOSSES = {
    "squared": LossFunctions(_squared, _squared_gradient, _squared_dual, quadratic=True),
    "logistic": LossFunctions(_logistic, _logistic_gradient, _logistic_dual, quadratic=False),
}


def loss_named(name: str) -> LossFunctions:
    """Look a loss up; ValueError names the choices."""
    if name not in LOSSES:
        raise ValueError(f"loss must be one of {', '.join(map(repr, LOSSES))}, got {name!r}")
    return LOSSES[name]


def best_scale(loss: LossFunctions, v: Array, y: Array, weight: Array, limit: float) -> float:
    """Return the s in [0, limit] with the largest dual value of s v, by golden section."""
    ratio = 0.5 * (np.sqrt(5.0) - 1.0)
    low, high = 0.0, limit
    for _ in range(60):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss.dual_value(left * v, y, weight) < loss.dual_value(right * v, y, weight):
            low = left
        else:
            high = right
    return max(low, high, key=lambda s: loss.dual_value(s * v, y, weight))
