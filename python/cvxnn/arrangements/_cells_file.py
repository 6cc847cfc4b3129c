"""Cells in npz files, without pickles."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from cvxnn.arrangements import _bits
from cvxnn.arrangements._files import write_whole

__all__ = ["load", "save"]

T = TypeVar("T")

_FORMAT = 1


def save(path: str | os.PathLike[str], **arrays: NDArray[Any] | None) -> None:
    """Write the arrays that are not None, replacing a file only once the new one is complete."""
    present: dict[str, Any] = {
        name: array.astype(array.dtype.newbyteorder("<"), copy=False)
        for name, array in arrays.items()
        if array is not None
    }
    format_number = np.array(_FORMAT)
    write_whole(Path(path), lambda file: np.savez(file, format=format_number, **present))


def load(path: str | os.PathLike[str], make: Callable[..., T]) -> T:
    """Read the arrays and make cells of them."""
    path = Path(path)
    try:
        with open(path, "rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, NpzFile):
                raise ValueError("it is not an npz file")
            arrays = dict(archive)
        if (written := int(arrays["format"])) != _FORMAT:
            raise ValueError(f"it has format {written}, this version reads format {_FORMAT}")
        n = int(arrays["n_hyperplanes"])
        packed = arrays["packed"]
        cells = make(packed, n, arrays.get("witnesses"), arrays.get("representatives"))
        if packed.dtype != np.uint64 or _bits.stray_bits(packed, n):
            raise ValueError(f"its patterns are not those of {n} hyperplanes")
        return cells
    except KeyError as error:
        raise ValueError(f"cannot load cells from {path}: it has no {error}") from None
    except (ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"cannot load cells from {path}: {error}") from None
