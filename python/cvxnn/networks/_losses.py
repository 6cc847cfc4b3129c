"""Losses of raw outputs f and the dual objectives that certify them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr, expit, softmax, xlog1py

from cvxnn._checks import one_of, positive_number

__all__ = [
    "LOSSES",
    "LossFunctions",
    "best_offset",
    "best_scale",
    "check_targets",
    "loss_named",
]

Array = NDArray[np.float64]

_MOST_DOUBLINGS = 60  # of an interval that holds the best offset
_BALANCED = 1e-13  # a sum of gradients, against that of their moduli
_MOST_STEPS = 200  # to the best logits
_LEAST = 1e-290  # of gradients that are told from zero
_NO_PROBABILITY = 800.0  # logits below the others, where exp is zero


@dataclass(frozen=True)
class LossFunctions:
    """A loss L(f) = sum_k w_k l(f_k, y_k), its gradient and dual objective -L*(v), of (., y, w).

    Several outputs are columns of f, v and y; w then is a single column.
    """

    name: str
    value: Callable[[Array, Array, Array], float]
    gradient: Callable[[Array, Array, Array], Array]  # a subgradient at kinks
    dual_value: Callable[[Array, Array, Array], float]
    # Scaling f and y (and delta) by t scales the loss by t^degree; a loss with degree 1 or 2 is one
    # of f - y.
    degree: int = 0
    signs: bool = False  # y must hold -1 and 1
    one_hot: bool = False  # rows of y must hold a single 1 and otherwise 0
    delta: float = 1.0  # of the Huber loss
    lipschitz: float = np.inf  # of l in what it takes of a sample; infinite for squares


def loss_named(name: str, delta: float = 1.0) -> LossFunctions:
    """Look a loss up; ValueError names the choices."""
    one_of("loss", name, LOSSES)
    return _huber(positive_number("delta", delta)) if name == "huber" else LOSSES[name]


def check_targets(loss: LossFunctions, y: Array) -> None:
    """Raise ValueError if these targets, with columns for several outputs, do not fit the loss."""
    if loss.signs and not np.isin(y, (-1.0, 1.0)).all():
        raise ValueError(f"y must hold -1 and 1 for the {loss.name} loss")
    if loss.one_hot:
        zeros_and_ones = y.ndim == 2 and np.isin(y, (0.0, 1.0)).all()
        if not zeros_and_ones or np.any(y.sum(axis=1) != 1.0):
            raise ValueError(
                f"y must have a column for each class, one-hot, for the {loss.name} loss"
            )


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


def best_offset(loss: LossFunctions, f: Array, y: Array, weight: Array) -> Array:
    """Return the constant b with the smallest loss of f + b, one for each output: shape (C,).

    Where the loss falls without end (one class only), a large one. `f` and `y` are (n,) for one
    output and (n, C) for more, `weight` is (n,).
    """
    if loss.one_hot:
        return _best_logits(loss, f, y, weight)
    columns = zip(f.reshape(len(f), -1).T, y.reshape(len(y), -1).T, strict=True)
    return np.array([_best_constant(loss, a, b, weight) for a, b in columns])


def _best_logits(loss: LossFunctions, f: Array, y: Array, weight: Array) -> Array:
    """Minimise the multinomial loss over constants, by damped Newton steps.

    Classes of no weight get no probability.
    """
    weights = weight[:, None]
    seen = weight @ y > 0.0
    span = float(np.ptp(f))
    f, y = f[:, seen], y[:, seen]
    b = np.zeros(f.shape[1])
    value, v = loss.value(f, y, weights), loss.gradient(f, y, weights)
    damping = 1.0
    for _ in range(_MOST_STEPS):
        slope, size = v.sum(axis=0), np.abs(v).sum(axis=0)
        if np.all(np.abs(slope) <= _BALANCED * size) or size.max() < _LEAST:
            break
        p = softmax(f + b, axis=1)
        hessian = np.diag((weights * p).sum(axis=0)) - p.T @ (weights * p)
        hessian[np.diag_indices(len(b))] += damping * size.max()
        next_ = b - np.linalg.lstsq(hessian, slope)[0]
        after, turned = loss.value(f + next_, y, weights), loss.gradient(f + next_, y, weights)
        flatter = np.abs(turned.sum(axis=0)).sum() < np.abs(slope).sum()
        if after < value or (flatter and after <= value * (1.0 + _BALANCED)):
            b, value, v = next_, after, turned
            damping = max(0.1 * damping, _BALANCED)
        else:
            damping *= 10.0
    offset = np.full(len(seen), b.min() - span - _NO_PROBABILITY)
    offset[seen] = b
    return offset


def _best_constant(loss: LossFunctions, f: Array, y: Array, weight: Array) -> float:
    """Return the best constant for one output, to the last bit."""
    if loss.name in ("squared", "interpolation"):
        return float(np.average(y - f, weights=weight))

    def rises(b: float) -> bool:
        return bool(np.sum(loss.gradient(f + b, y, weight)) > 0.0)

    reach = 1.0 + float(np.max(np.abs(f))) + float(np.max(np.abs(y)))
    for _ in range(_MOST_DOUBLINGS):
        if rises(reach) and not rises(-reach):
            break
        reach *= 2.0
    low, high = -reach, reach
    while low < (middle := 0.5 * (low + high)) < high:
        if rises(middle):
            high = middle
        else:
            low = middle
    return min(low, high, key=lambda b: loss.value(f + b, y, weight))


def _squared(f: Array, y: Array, weight: Array) -> float:
    return float(0.5 * np.sum(weight * (f - y) ** 2))


def _squared_gradient(f: Array, y: Array, weight: Array) -> Array:
    return weight * (f - y)


def _squared_dual(v: Array, y: Array, weight: Array) -> float:
    return float(-0.5 * np.sum(v**2 / weight) - np.sum(v * y))


def _logistic(f: Array, y: Array, weight: Array) -> float:
    return float(np.sum(weight * np.logaddexp(0.0, -y * f)))


def _logistic_gradient(f: Array, y: Array, weight: Array) -> Array:
    return np.asarray(-weight * y * expit(-y * f))


def _logistic_dual(v: Array, y: Array, weight: Array) -> float:
    p = -v * y / weight
    if np.any(p < 0.0) or np.any(p > 1.0):
        return -np.inf
    return float(np.sum(weight * (entr(p) - xlog1py(1.0 - p, -p))))


def _absolute(f: Array, y: Array, weight: Array) -> float:
    return float(np.sum(weight * np.abs(f - y)))


def _absolute_gradient(f: Array, y: Array, weight: Array) -> Array:
    return weight * np.sign(f - y)


def _absolute_dual(v: Array, y: Array, weight: Array) -> float:
    return float(-np.sum(v * y)) if np.all(np.abs(v) <= weight * _SLIP) else -np.inf


def _hinge(f: Array, y: Array, weight: Array) -> float:
    return float(np.sum(weight * np.maximum(0.0, 1.0 - y * f)))


def _hinge_gradient(f: Array, y: Array, weight: Array) -> Array:
    return -weight * y * (0.5 + 0.5 * np.sign(1.0 - y * f))


def _hinge_dual(v: Array, y: Array, weight: Array) -> float:
    q = -v * y
    return float(np.sum(q)) if np.all((q >= 0.0) & (q <= weight * _SLIP)) else -np.inf


def _squared_hinge(f: Array, y: Array, weight: Array) -> float:
    return float(0.5 * np.sum(weight * np.maximum(0.0, 1.0 - y * f) ** 2))


def _squared_hinge_gradient(f: Array, y: Array, weight: Array) -> Array:
    return -weight * y * np.maximum(0.0, 1.0 - y * f)


def _squared_hinge_dual(v: Array, y: Array, weight: Array) -> float:
    q = -v * y
    return float(np.sum(q - 0.5 * q**2 / weight)) if np.all(q >= 0.0) else -np.inf


def _slack(y: Array) -> Array:
    """How far from targets counts as met: shape () or (C,)."""
    return np.asarray(INTERPOLATES * np.max(np.abs(y), axis=0))


def _interpolation(f: Array, y: Array, weight: Array) -> float:
    used = weight.reshape(len(y), -1)[:, 0] > 0.0
    f, y = f[used], y[used]
    return 0.0 if np.all(np.abs(f - y) <= _slack(y)) else np.inf


def _interpolation_gradient(f: Array, y: Array, weight: Array) -> Array:
    return weight * (f - y)  # a direction of ascent, for want of a subgradient


def _interpolation_dual(v: Array, y: Array, weight: Array) -> float:
    return float(-np.sum(v * y) - np.sum(_slack(y) * np.abs(v).sum(axis=0)))


def _multinomial(f: Array, y: Array, weight: Array) -> float:
    margins = f - np.sum(f * y, axis=1, keepdims=True)  # 0 for the right class
    largest = np.maximum(margins.max(axis=1, keepdims=True), 0.0)
    wrong = np.sum((1.0 - y) * np.exp(margins - largest), axis=1, keepdims=True)
    losses = np.where(largest > 0.0, largest + np.log(wrong + np.exp(-largest)), np.log1p(wrong))
    return float(np.sum(weight * losses))


def _multinomial_gradient(f: Array, y: Array, weight: Array) -> Array:
    wrong = (1.0 - y) * softmax(f, axis=1)
    # that of the right class from the others: near 1 the difference would be rounding
    return np.asarray(weight * (wrong - y * np.sum(wrong, axis=1, keepdims=True)))


def _multinomial_dual(v: Array, y: Array, weight: Array) -> float:
    p = v / weight
    sums = np.abs(p.sum(axis=1))
    if np.any(p + y < -_ROUNDING) or np.any(sums > _ROUNDING * y.shape[1]):
        return -np.inf
    right = -xlog1py(1.0 + p, p)
    wrong = entr(np.maximum(p, 0.0))
    return float(np.sum(weight * np.where(y > 0.0, right, wrong)))


def _huber(delta: float) -> LossFunctions:
    def value(f: Array, y: Array, weight: Array) -> float:
        far = np.abs(f - y)
        near = np.minimum(far, delta)
        return float(np.sum(weight * near * (far - 0.5 * near)))

    def gradient(f: Array, y: Array, weight: Array) -> Array:
        return weight * np.clip(f - y, -delta, delta)

    def dual_value(v: Array, y: Array, weight: Array) -> float:
        inside = np.all(np.abs(v) <= delta * weight * _SLIP)
        return _squared_dual(v, y, weight) if inside else -np.inf

    return LossFunctions(
        "huber", value, gradient, dual_value, degree=2, delta=delta, lipschitz=delta
    )


INTERPOLATES = 2e-9  # the largest error against the largest value of a target
_ROUNDING = 1e-14  # of a gradient divided by its weight
_SLIP = 1.0 + _ROUNDING

LOSSES = {
    "squared": LossFunctions("squared", _squared, _squared_gradient, _squared_dual, degree=2),
    "absolute": LossFunctions(
        "absolute", _absolute, _absolute_gradient, _absolute_dual, degree=1, lipschitz=1.0
    ),
    "huber": _huber(1.0),
    "logistic": LossFunctions(
        "logistic", _logistic, _logistic_gradient, _logistic_dual, signs=True, lipschitz=1.0
    ),
    "hinge": LossFunctions(
        "hinge", _hinge, _hinge_gradient, _hinge_dual, signs=True, lipschitz=1.0
    ),
    "squared_hinge": LossFunctions(
        "squared_hinge", _squared_hinge, _squared_hinge_gradient, _squared_hinge_dual, signs=True
    ),
    "interpolation": LossFunctions(
        "interpolation", _interpolation, _interpolation_gradient, _interpolation_dual, degree=1
    ),
    "multinomial": LossFunctions(
        "multinomial",
        _multinomial,
        _multinomial_gradient,
        _multinomial_dual,
        one_hot=True,
        lipschitz=2**0.5,
    ),
}
