"""Cells in npz files."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cvxnn.arrangements import _bits, _npz

__all__ = ["load", "save"]

T = TypeVar("T")

_FORMAT = 1


def save(path: str | os.PathLike[str], **arrays: NDArray[Any] | None) -> None:
    """Write the arrays that are not None."""
    present = {name: array for name, array in arrays.items() if array is not None}
    _npz.save(path, _FORMAT, present)


def load(path: str | os.PathLike[str], make: Callable[..., T]) -> T:
    """Read the arrays and make cells of them."""

    def cells_of(arrays: _npz.Arrays) -> T:
        n = int(arrays["n_hyperplanes"])
        packed = arrays["packed"]
        cells = make(packed, n, arrays.get("witnesses"), arrays.get("representatives"))
        if packed.dtype != np.uint64 or _bits.stray_bits(packed, n):
            raise ValueError(f"its patterns are not those of {n} hyperplanes")
        return cells

    return _npz.load(path, _FORMAT, "cells", cells_of)
