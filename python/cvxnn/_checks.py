"""Numbers, names and data given by callers: each error names the argument and says what was got."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from numbers import Real
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

__all__ = [
    "is_integer",
    "nonnegative_number",
    "one_of",
    "positive_integer",
    "positive_number",
    "positive_or_none",
    "regression_data",
]


def is_integer(value: Any) -> bool:
    """Tell whether a value is an integer, and not a truth value."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def positive_number(name: str, value: Any) -> float:
    """Check a positive finite number."""
    if not _is_finite(value) or value <= 0:
        raise ValueError(f"{name} must be a positive finite number, got {value!r}")
    return float(value)


def positive_or_none(name: str, value: Any) -> float | None:
    """Check a positive finite number, or None."""
    return None if value is None else positive_number(name, value)


def nonnegative_number(name: str, value: Any) -> float:
    """Check a finite number that is zero or more."""
    if not _is_finite(value) or value < 0:
        raise ValueError(f"{name} must be a non-negative finite number, got {value!r}")
    return float(value)


def positive_integer(name: str, value: Any) -> int:
    """Check an integer that is one or more."""
    if not is_integer(value) or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}")
    return int(value)


def one_of(name: str, value: Any, choices: Iterable[str]) -> str:
    """Check one of a few names."""
    names = list(choices)
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, names))}, got {value!r}")
    return value


def regression_data(estimator: Any, X: Any, y: Any) -> tuple[Any, Any]:
    """Validate inputs and one or several numeric targets by scikit-learn, both in float64."""
    if issparse(y):
        raise ValueError(f"y must be dense, got a sparse matrix of shape {y.shape}")
    X, y = validate_data(estimator, X, y, dtype=np.float64, y_numeric=True, multi_output=True)
    return X, np.asarray(y, dtype=np.float64)


def _is_finite(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real) and isfinite(value)
