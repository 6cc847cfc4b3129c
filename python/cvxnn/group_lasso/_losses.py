"""Losses of outputs f and targets y: what targets they accept, and their values for scoring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

__all__ = ["LOSSES", "Loss"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Loss:
    """A loss as the sum over targets of l(f, y), both of shape (n, K)."""

    value: Callable[[Array, Array, float], Array]  # (outputs, targets, delta) -> (n, K) or (n, 1)
    check: Callable[[Array, bool], None]  # (targets, fit_intercept): ValueError if they do not fit
    quadratic: bool = False  # scaling f, y and delta by t scales the loss by t^2


def _squared(f: Array, y: Array, delta: float) -> Array:
    return 0.5 * (f - y) ** 2


def _huber(f: Array, y: Array, delta: float) -> Array:
    r = np.abs(f - y)
    return np.where(r <= delta, 0.5 * r**2, delta * (r - 0.5 * delta))


def _poisson(f: Array, y: Array, delta: float) -> Array:
    return np.exp(f) - y * f


def _logistic(f: Array, y: Array, delta: float) -> Array:
    values: Array = np.logaddexp(0.0, -y * f)
    return values


def _squared_hinge(f: Array, y: Array, delta: float) -> Array:
    return 0.5 * np.maximum(0.0, 1.0 - y * f) ** 2


def _multinomial(f: Array, y: Array, delta: float) -> Array:
    values: Array = logsumexp(f, axis=1, keepdims=True) - np.sum(y * f, axis=1, keepdims=True)
    return values


def _any_number(y: Array, fit_intercept: bool) -> None:
    with np.errstate(over="ignore"):
        if not np.isfinite(np.sum(y**2)):
            raise ValueError("y is too large: its sum of squares overflows double precision")


def _counts(y: Array, fit_intercept: bool) -> None:
    if np.any(y < 0.0):
        sample, target = np.argwhere(y < 0.0)[0]
        raise ValueError(
            f"y must not be negative for the Poisson loss, got {y[sample, target]} "
            f"for sample {sample}"
        )
    if fit_intercept and not y.any(axis=0).all():
        raise ValueError(
            "y holds only zeros, for which the Poisson loss has no best intercept; "
            "use fit_intercept=False"
        )


def _signs(y: Array, fit_intercept: bool) -> None:
    if not np.isin(y, (-1.0, 1.0)).all():
        sample, target = np.argwhere(~np.isin(y, (-1.0, 1.0)))[0]
        raise ValueError(
            f"y must hold -1 and 1 for this loss, got {y[sample, target]} for sample {sample}"
        )
    if np.any(y.min(axis=0) == y.max(axis=0)):
        raise ValueError("y holds one class only among the samples of positive weight")


def _one_hot(y: Array, fit_intercept: bool) -> None:
    rows = np.isin(y, (0.0, 1.0)).all(axis=1) & (y.sum(axis=1) == 1.0)
    if y.shape[1] < 2 or not rows.all():
        where = f"sample {np.flatnonzero(~rows)[0]}" if not rows.all() else "any sample"
        raise ValueError(
            "y must have a column per class, with a single 1 in each row, for the multinomial "
            f"loss; that is not so for {where}"
        )
    if not y.any(axis=0).all():
        absent = np.flatnonzero(~y.any(axis=0))[0]
        raise ValueError(f"y holds no sample of positive weight in class {absent}")


LOSSES = {
    "squared": Loss(_squared, _any_number, quadratic=True),
    "huber": Loss(_huber, _any_number, quadratic=True),
    "poisson": Loss(_poisson, _counts),
    "logistic": Loss(_logistic, _signs),
    "squared_hinge": Loss(_squared_hinge, _signs),
    "multinomial": Loss(_multinomial, _one_hot),
}
