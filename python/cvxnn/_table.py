"""Tables of numbers out of csv, npy and npz files."""

from __future__ import annotations

import csv
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

__all__ = ["Table", "number", "read_lines", "read_table"]


@dataclass(frozen=True, eq=False)
class Table:
    """Numbers in rows, and what the file says about them.

    Attributes
    ----------
    values : ndarray of shape (n, d)
        As they are in the file; the numbers of a text are ints of any size, or floats.
    names : list of str, optional
        The header of a text.
    offset : ndarray, optional
        The array of that name beside X in an npz file.
    """

    values: NDArray[Any]
    names: list[str] | None = None
    offset: NDArray[Any] | None = None

    def split(self, column: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Take a column, given by its name or index, apart from the others."""
        if self.values.ndim != 2:
            raise ValueError(f"expected a table, got an array of shape {self.values.shape}")
        n_columns = self.values.shape[1]
        if self.names is not None and column in self.names:
            index = self.names.index(column)
        elif column.removeprefix("-").isdigit() and -n_columns <= int(column) < n_columns:
            index = int(column) % n_columns
        else:
            known = f"{', '.join(self.names)}, or " if self.names is not None else ""
            raise ValueError(f"there is no column {column!r}: expected {known}0 to {n_columns - 1}")
        return np.delete(self.values, index, axis=1), self.values[:, index]


def read_table(path: Path) -> Table:
    """Read a file by its suffix: .npy, .npz, or text with commas, semicolons or tabs.

    Raises
    ------
    ValueError
        If its content is not a table of numbers; the message names the line.
    """
    return _read_arrays(path) if path.suffix in (".npy", ".npz") else _read_text(path)


def read_lines(path: Path) -> list[tuple[int, list[str]]]:
    """Return the fields of the lines that are not blank, each line with its number.

    Raises
    ------
    ValueError
        If the file is not a text, or a line has another number of fields than the first.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            first = next((line for line in file if line.strip()), "")
            delimiter = max(",;\t", key=first.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
            lines = [(reader.line_num, fields) for fields in reader if any(map(str.strip, fields))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is not a text of numbers: {error}") from None
    for line, fields in lines:
        if len(fields) != (width := len(lines[0][1])):
            raise ValueError(f"{path}, line {line}: expected {width} fields, got {len(fields)}")
    return lines


def number(field: str) -> int | float | None:
    """Return the number that a field holds, None if it holds something else."""
    for kind in (int, float):
        try:
            return kind(field)
        except ValueError:
            pass
    return None


def _read_arrays(path: Path) -> Table:
    try:
        with open(path, "rb") as file:
            content = np.load(file, allow_pickle=False)
            arrays = dict(content) if isinstance(content, NpzFile) else {"X": content}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a file of arrays: {error}") from None
    offset = arrays.pop("offset", None)
    if "X" not in arrays and len(arrays) == 1:
        (values,) = arrays.values()
    elif "X" in arrays:
        values = arrays["X"]
    else:
        raise ValueError(f"{path} has no array X, but {', '.join(sorted(arrays)) or 'nothing'}")
    return Table(values, offset=offset)


def _read_text(path: Path) -> Table:
    lines = read_lines(path)
    names = None
    if lines and any(number(field) is None for field in lines[0][1]):
        names = [field.strip() for field in lines.pop(0)[1]]
    if not lines:
        raise ValueError(f"{path} holds no numbers")
    values = np.empty((len(lines), len(lines[0][1])), dtype=object)
    for row, (line, fields) in enumerate(lines):
        for column, field in enumerate(fields):
            found = number(field)
            if found is None:
                raise ValueError(f"{path}, line {line}: {field!r} is not a number")
            values[row, column] = found
    return Table(values, names)
