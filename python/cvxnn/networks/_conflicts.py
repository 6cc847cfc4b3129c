"""Samples that no network can interpolate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["refuse_conflicts"]

Array = NDArray[np.float64]

_PROPORTIONAL = 1e-12  # targets of equal samples, against the largest, up to rounding
_LINEAR = 1e-9  # the same for opposite ones


def refuse_conflicts(
    X: Array, y: Array, sample_of_row: NDArray[np.intp], bias: str, activation: str
) -> None:
    """Raise ValueError, which names the samples, if no network interpolates the targets.

    With biases: equal inputs. Without: inputs on a ray from the origin, to which outputs are
    proportional; and opposite inputs, because phi(t) - phi(-t) is linear.
    """
    y = y.reshape(len(y), -1)
    lengths = np.ones(len(X))
    if bias == "none":
        lengths = np.abs(X).max(axis=1, initial=0.0)
        zero = np.flatnonzero((lengths == 0.0) & y.any(axis=1))
        if len(zero) > 0:
            raise ValueError(
                f"sample {sample_of_row[zero[0]]} of X is zero, where networks without "
                "biases are zero, but its y is not"
            )
    rows = np.flatnonzero(lengths > 0.0)
    directions, targets = X[rows] / lengths[rows, None], y[rows] / lengths[rows, None]
    if bias == "none" and activation == "abs":
        directions = directions * _sides(directions)
    _refuse_if_apart(directions, targets, sample_of_row[rows], bias)
    if bias == "none" and activation != "abs":
        _refuse_if_not_linear(directions, targets)


def _sides(directions: Array) -> Array:
    """Return the sign of the first entry of each row that is not zero, as a column."""
    first = directions[np.arange(len(directions)), np.argmax(directions != 0.0, axis=1)]
    return np.asarray(np.sign(first)[:, None])


def _refuse_if_apart(
    directions: Array, targets: Array, samples: NDArray[np.intp], bias: str
) -> None:
    order = np.lexsort(directions.T[::-1])
    ahead, behind = order[1:], order[:-1]
    same = (directions[ahead] == directions[behind]).all(axis=1)
    close = _PROPORTIONAL * np.abs(targets).max(axis=0, initial=0.0)
    apart = (np.abs(targets[ahead] - targets[behind]) > close).any(axis=1)
    conflicts = np.flatnonzero(same & apart)
    if len(conflicts) > 0:
        i, j = sorted(samples[[behind[conflicts[0]], ahead[conflicts[0]]]].tolist())
        factor = ", up to a factor," if bias == "none" else ""
        raise ValueError(
            f"samples {i} and {j} agree in X{factor} but their targets y differ: no network "
            "interpolates them"
        )


def _refuse_if_not_linear(directions: Array, targets: Array) -> None:
    """Check that f(x) - f(-x), where both are given, can be linear in x."""
    sides = _sides(directions)
    axes, axis_of = np.unique(directions * sides, axis=0, return_inverse=True)
    sums = np.full((2, len(axes), targets.shape[1]), np.nan)
    sums[(sides[:, 0] < 0.0).astype(int), axis_of.ravel()] = targets
    odd = sums[0] - sums[1]
    both = ~np.isnan(odd).any(axis=1)
    if not both.any():
        return
    left = odd[both] - axes[both] @ np.linalg.lstsq(axes[both], odd[both])[0]
    if np.any(np.abs(left) > _LINEAR * np.abs(targets).max(axis=0)):
        raise ValueError(
            "X has samples x and -x for which y(x) - y(-x) is not linear in x: no network without "
            "biases interpolates them"
        )
