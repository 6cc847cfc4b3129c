"""Arrays in npz files with a number of their format, without pickles."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cvxnn.arrangements._files import write_whole

__all__ = ["load", "save"]

Arrays = Mapping[str, NDArray[Any]]
T = TypeVar("T")

# What NumPy and zipfile raise for files that are damaged, or something else.
_DAMAGED = (ValueError, TypeError, ArithmeticError, EOFError, RuntimeError)
_DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error)


def save(path: str | os.PathLike[str], form: int, arrays: Arrays) -> None:
    """Write arrays, replacing a file only once the new one is complete."""
    present: dict[str, Any] = {
        name: array.astype(array.dtype.newbyteorder("<"), copy=False)
        for name, array in arrays.items()
    }
    write_whole(Path(path), lambda file: np.savez(file, format=np.array(form), **present))


def load(path: str | os.PathLike[str], form: int, what: str, make: Callable[[Arrays], T]) -> T:
    """Read arrays and make something of them; ValueError says what it is and why it failed."""
    path = Path(path)
    try:
        return make(_read(path, form))
    except KeyError as error:
        raise ValueError(f"cannot load {what} from {path}: it has no {error}") from None
    except (*_DAMAGED, *_DAMAGED_ZIP) as error:
        raise ValueError(f"cannot load {what} from {path}: {error}") from None


def _read(path: Path, form: int) -> Arrays:
    with open(path, "rb") as file:
        if file.read(2) != b"PK":
            raise ValueError("it is not an npz file")
        file.seek(0)
        arrays = dict(np.load(file, allow_pickle=False))
    if (written := int(arrays["format"])) != form:
        raise ValueError(f"it has format {written}, this version reads format {form}")
    return arrays
