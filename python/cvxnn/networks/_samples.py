"""Targets and weights of samples as callers give them: checked, equal samples merged."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn.networks._losses import LossFunctions, check_targets

__all__ = ["checked_targets", "checked_weight", "merge_samples"]

Array = NDArray[np.float64]


def checked_weight(sample_weight: ArrayLike | None, n: int) -> Array:
    """Return the weights of n samples, ones without any; ValueError if they are none."""
    weight = np.ones(n) if sample_weight is None else np.asarray(sample_weight, np.float64)
    if weight.shape != (n,):
        raise ValueError(f"sample_weight has shape {weight.shape}, but X has {n} samples")
    if not np.isfinite(weight).all():
        raise ValueError("sample_weight holds NaN or infinity")
    if np.any(weight < 0.0) or not np.any(weight > 0.0):
        raise ValueError("sample_weight must be non-negative and not all zero")
    return weight


def checked_targets(y: ArrayLike, loss: LossFunctions, weight: Array) -> Array:
    """Return y as (n,) for one output, (n, C) for more; ValueError if it does not fit the loss."""
    y = np.asarray(y, dtype=np.float64)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim not in (1, 2) or len(y) != len(weight) or 0 in y.shape:
        raise ValueError(f"y has shape {y.shape}, but X has {len(weight)} samples")
    if not np.isfinite(y).all():
        raise ValueError("y holds NaN or infinity")
    check_targets(loss, y[weight > 0.0])
    with np.errstate(over="ignore"):
        squares = np.sum(weight * np.sum(y.reshape(len(y), -1) ** 2, axis=1))
    if loss.degree == 2 and not np.isfinite(squares):
        raise ValueError("y is too large: its sum of squares overflows double precision")
    return y


def merge_samples(X: Array, y: Array, weight: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return a sample of each distinct (x, y) of positive weight, and the group of each sample."""
    used = np.flatnonzero(weight > 0.0)
    both = np.column_stack([X, y])
    order = used[np.lexsort(both[used].T[::-1])]
    ahead, behind = order[1:], order[:-1]
    is_new = np.ones(len(order), dtype=np.bool_)
    is_new[1:] = (both[ahead] != both[behind]).any(axis=1)
    groups = np.full(len(y), -1, dtype=np.intp)
    groups[order] = np.cumsum(is_new) - 1
    return order[is_new], groups
