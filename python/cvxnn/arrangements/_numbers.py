"""Arrays of exact numbers out of lists, NumPy arrays and data frames."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Rational
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["exact_numbers"]

Floats = NDArray[np.float64]
Objects = NDArray[np.object_]

_LARGEST = 2**53  # up to here every integer is a double


def exact_numbers(name: str, values: ArrayLike, *, n_dim: int) -> Floats | Objects:
    """Check an argument; return doubles if they hold it exactly, fractions otherwise.

    Parameters
    ----------
    name : str
        What errors call the argument.
    values : array-like
        Real numbers: floats, integers, booleans, fractions, decimals.
    n_dim : int
        Expected number of dimensions, 1 or 2.

    Returns
    -------
    ndarray of float64, or of Fraction objects
    """
    array = _as_array(name, values)
    if array.ndim != n_dim or 0 in array.shape:
        raise ValueError(f"{name} must be a non-empty {n_dim}-D array, got shape {array.shape}")
    doubles = _as_doubles(array)
    if doubles is not None:
        _check_finite(name, np.isfinite(doubles))
        return doubles
    if array.dtype.kind not in "iufOUS":
        raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}")
    fractions: Objects = np.empty(array.size, dtype=object)
    width = array.size // len(array)
    # Python's numbers where that loses nothing; wider floats than doubles stay NumPy's
    flat = array.flat if array.dtype.kind == "f" else array.ravel().tolist()
    for place, value in enumerate(flat):
        fractions[place] = _fraction(name, place // width, value)
    fractions = np.reshape(fractions, array.shape)
    try:
        doubles = fractions.astype(np.float64)
    except OverflowError:
        return fractions
    exact = all(map(_equal, doubles.ravel().tolist(), fractions.ravel().tolist()))
    return doubles if exact else fractions


def _equal(double: float, fraction: Fraction) -> bool:
    return double.as_integer_ratio() == (fraction.numerator, fraction.denominator)


def _as_array(name: str, values: Any) -> NDArray[Any]:
    """Turn values into an array in which no number was rounded."""
    if hasattr(values, "toarray"):
        raise ValueError(f"{name} must be dense, got {type(values).__name__}")
    if np.ma.is_masked(values):
        row = int(np.argwhere(np.ma.getmaskarray(values))[0, 0])
        raise ValueError(f"{name} must be complete, but row {row} is masked")
    if hasattr(values, "get_columns"):  # polars
        return _from_columns([column.to_numpy() for column in values.get_columns()])
    if hasattr(values, "iloc") and getattr(values, "ndim", 0) == 2:  # pandas
        return _from_columns([values.iloc[:, j].to_numpy() for j in range(values.shape[1])])
    if isinstance(values, np.ndarray):
        return values
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} {_misfit(values) or f'is not an array: {error}'}") from None
    if array.dtype.kind in "US" or (array.dtype.kind == "f" and np.any(np.abs(array) >= _LARGEST)):
        # a list of mixed types: see what they were before NumPy made them one
        return np.array(values, dtype=object)
    return array


def _misfit(values: Any) -> str | None:
    """Say which row of a ragged list has another length than the first."""
    if not isinstance(values, Sequence) or not values:
        return None
    lengths = [len(row) if hasattr(row, "__len__") else None for row in values]
    for row, length in enumerate(lengths):
        if length != lengths[0]:
            shown = ["no entries" if n is None else f"{n}" for n in (length, lengths[0])]
            return f"is ragged: row {row} has length {shown[0]}, row 0 has length {shown[1]}"
    return None


def _from_columns(columns: list[NDArray[Any]]) -> NDArray[Any]:
    if not columns:
        return np.empty((0, 0))
    doubles = [_as_doubles(column) for column in columns]
    exact = [column for column in doubles if column is not None]
    if len(exact) == len(columns):
        return np.column_stack(exact)
    # object by object: a common dtype of floats and large integers would round the integers
    return np.column_stack([column.astype(object) for column in columns])


def _as_doubles(array: NDArray[Any]) -> Floats | None:
    """Convert an array of numbers if its dtype and size promise that nothing is rounded."""
    kind, size = array.dtype.kind, array.dtype.itemsize
    small = kind == "b" or (kind == "f" and size <= 8) or (kind in "iu" and size <= 4)
    if kind in "iu" and size > 4:
        small = not np.any((array > _LARGEST) | (array < -_LARGEST))
    return array.astype(np.float64) if small else None


def _check_finite(name: str, finite: NDArray[np.bool_]) -> None:
    if not finite.all():
        row = int(np.argwhere(~finite)[0, 0])
        raise ValueError(f"{name} must be finite, but row {row} holds NaN or infinity")


def _fraction(name: str, row: int, value: Any) -> Fraction:
    if isinstance(value, (Integral, np.bool_)):
        return Fraction(int(value))
    if isinstance(value, Rational):
        return Fraction(int(value.numerator), int(value.denominator))
    if isinstance(value, (float, np.floating, Decimal)):
        try:
            return Fraction(*value.as_integer_ratio())
        except (OverflowError, ValueError):
            raise ValueError(
                f"{name} must be finite, but row {row} holds NaN or infinity"
            ) from None
    raise ValueError(f"{name} must hold real numbers, but row {row} holds {value!r}")
