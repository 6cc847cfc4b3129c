"""Groups of columns and their weights in the penalty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn._checks import is_integer

__all__ = ["Groups", "group_weights", "make_groups"]

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Groups:
    """A partition of columns: group g holds ``columns[starts[g]:starts[g + 1]]``."""

    columns: Indices
    starts: Indices

    @property
    def sizes(self) -> Indices:
        """The number of columns of each group."""
        return np.diff(self.starts)


def make_groups(groups: Any, n_columns: int) -> Groups:
    """Turn the `groups` argument (None, a size, index lists or labels) into a partition."""
    if groups is None:
        return _equal_groups(1, n_columns)
    if is_integer(groups):
        if groups < 1 or n_columns % groups:
            raise ValueError(
                f"groups={groups!r} is a size, but X has {n_columns} columns: not a multiple of it"
            )
        return _equal_groups(int(groups), n_columns)
    if isinstance(groups, (str, bytes)) or not hasattr(groups, "__len__"):
        raise ValueError(
            f"groups must be a size, a list of index lists or one label per column, got {groups!r}"
        )
    if all(np.ndim(member) == 0 for member in groups):
        return _labelled_groups(np.asarray(groups), n_columns)
    return _listed_groups([np.asarray(member) for member in groups], n_columns)


def group_weights(weights: ArrayLike | None, groups: Groups) -> NDArray[np.float64]:
    """Check the weights of groups; None means the square roots of their sizes."""
    n_groups = len(groups.sizes)
    if weights is None:
        return np.sqrt(groups.sizes)
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (n_groups,):
        raise ValueError(
            f"weights must have shape ({n_groups},), one number per group, got {values.shape}"
        )
    bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0.0)))
    if len(bad):
        raise ValueError(
            f"weights must be non-negative and finite, got {values[bad[0]]} for group {bad[0]}"
        )
    return np.ascontiguousarray(values)


def _equal_groups(size: int, n_columns: int) -> Groups:
    columns = np.arange(n_columns, dtype=np.int64)
    return Groups(columns, np.arange(0, n_columns + 1, size, dtype=np.int64))


def _labelled_groups(labels: NDArray[Any], n_columns: int) -> Groups:
    """Group the columns of each label; groups come in the order of the sorted labels."""
    if labels.shape != (n_columns,):
        raise ValueError(f"groups has {labels.size} labels, but X has {n_columns} columns")
    if labels.dtype == object:
        raise ValueError("groups must hold labels of one kind, numbers or strings")
    if labels.dtype.kind in "fc" and not np.isfinite(labels).all():
        bad = np.flatnonzero(~np.isfinite(labels))[0]
        raise ValueError(f"groups holds {labels[bad]} as label of column {bad}")
    _, group = np.unique(labels, return_inverse=True)
    return _partition(np.argsort(group, kind="stable"), np.bincount(group))


def _listed_groups(lists: Sequence[NDArray[Any]], n_columns: int) -> Groups:
    for g, columns in enumerate(lists):
        if columns.ndim == 1 and columns.size == 0:
            raise ValueError(f"groups[{g}] is empty")
        if columns.ndim != 1 or columns.dtype.kind not in "iu":
            raise ValueError(f"groups[{g}] must be a list of integers, got {columns.tolist()!r}")
        outside = columns[(columns < 0) | (columns >= n_columns)]
        if len(outside):
            raise ValueError(
                f"groups[{g}] holds column {outside[0]}, but X has columns 0 to {n_columns - 1}"
            )
    columns = np.concatenate(lists)
    sizes = np.array([len(members) for members in lists])
    _check_partition(columns, np.repeat(np.arange(len(lists)), sizes), n_columns)
    return _partition(columns, sizes)


def _check_partition(columns: NDArray[Any], group: NDArray[Any], n_columns: int) -> None:
    times = np.bincount(columns, minlength=n_columns)
    if np.any(times > 1):
        column = np.flatnonzero(times > 1)[0]
        first, second = group[columns == column][:2]
        where = f"groups[{first}] and groups[{second}] overlap: both hold"
        if first == second:
            where = f"groups[{first}] holds twice"
        raise ValueError(f"{where} column {column}")
    if np.any(times == 0):
        raise ValueError(f"groups miss column {np.flatnonzero(times == 0)[0]}")


def _partition(columns: NDArray[Any], sizes: NDArray[Any]) -> Groups:
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return Groups(np.ascontiguousarray(columns, dtype=np.int64), starts.astype(np.int64))
