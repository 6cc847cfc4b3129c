"""Named columns out of csv and parquet files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvxnn._optional import optional_import
from cvxnn._table import number, read_lines

__all__ = ["Frame", "read_frame"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Frame:
    """Columns of values as they are in the file, and where to find them there.

    Attributes
    ----------
    path : Path
        The file.
    columns : dict
        The values of each column: text, numbers, or None.
    places : sequence of str
        What messages call each row: its line, or its number.
    """

    path: Path
    columns: Mapping[str, Sequence[Any]]
    places: Sequence[str]

    def numbers(self, names: Sequence[str]) -> Array:
        """Return columns side by side, shape (n, d); ValueError names the column and the line."""
        table = np.empty((len(self.places), len(names)))
        for index, name in enumerate(names):
            values = [_number_of(value) for value in self._column(name)]
            for row, value in enumerate(values):
                if value is None or not isfinite(value):
                    what = "a number" if value is None else "a finite number"
                    raise self._error(row, name, f"is not {what}")
                table[row, index] = value
        return table

    def labels(self, name: str, *, as_text: bool = False) -> NDArray[Any]:
        """Return a column as numbers if it has no other values, otherwise as text."""
        column = self._column(name)
        values = [_number_of(value) for value in column]
        for row, value in enumerate(column):
            missing = value is None or (isinstance(value, str) and not value.strip())
            if missing or not isfinite(values[row] or 0.0):
                raise self._error(row, name, "is not a label")
        if as_text or None in values:
            return np.array([str(value).strip() for value in column])
        return np.array(values, dtype=np.float64)

    def check_column(self, name: str) -> None:
        """Raise a ValueError if there is no such column."""
        if name not in self.columns:
            known = ", ".join(self.columns)
            raise ValueError(f"{self.path} has no column {name!r}, but {known}")

    def _column(self, name: str) -> Sequence[Any]:
        self.check_column(name)
        return self.columns[name]

    def _error(self, row: int, name: str, what: str) -> ValueError:
        value = self.columns[name][row]
        return ValueError(f"{self.path}, {self.places[row]}, column {name!r}: {value!r} {what}")


def read_frame(path: Path) -> Frame:
    """Read a parquet file by its suffix, otherwise a text whose first line names the columns.

    Raises
    ------
    ValueError
        If it is not such a file, or two columns have one name.
    """
    frame = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    if not frame.places:
        raise ValueError(f"{path} has no rows")
    return frame


def _read_csv(path: Path) -> Frame:
    lines = read_lines(path)
    if not lines:
        raise ValueError(f"{path} is empty")
    header, rows = [field.strip() for field in lines[0][1]], lines[1:]
    if all(number(name) is not None for name in header):
        raise ValueError(
            f"{path}: the first line must name the columns, but it holds numbers: "
            f"{', '.join(header[:5])}{', ..' if len(header) > 5 else ''}"
        )
    _refuse_duplicates(path, header)
    columns = {name: [fields[index] for _, fields in rows] for index, name in enumerate(header)}
    return Frame(path, columns, [f"line {line}" for line, _ in rows])


def _read_parquet(path: Path) -> Frame:
    try:
        parquet = optional_import("pyarrow.parquet", extra="parquet")
    except ImportError as error:
        raise ValueError(f"cannot read {path}: {error}") from None
    with open(path, "rb") as file:
        try:
            table = parquet.read_table(file)
        except (ValueError, NotImplementedError, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise ValueError(f"{path} is not a parquet file: {reason}") from None
    _refuse_duplicates(path, table.column_names)
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    return Frame(path, columns, [f"row {row}" for row in range(1, table.num_rows + 1)])


def _refuse_duplicates(path: Path, names: Sequence[str]) -> None:
    name, times = Counter(names).most_common(1)[0] if names else ("", 0)
    if times > 1:
        raise ValueError(f"{path} has {times} columns of the name {name!r}")


def _number_of(value: Any) -> float | None:
    """Return a value as a double, None where it is something else."""
    found: Any = number(value) if isinstance(value, str) else value
    try:
        return float(found)
    except (TypeError, ValueError):
        return None
    except OverflowError:
        return float("inf")
