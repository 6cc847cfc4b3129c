"""Hyperplanes as the exact numbers given, whatever holds them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from math import gcd, lcm
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn._native import core
from cvxnn.arrangements import _bits
from cvxnn.arrangements._numbers import exact_numbers

__all__ = ["Hyperplanes", "as_hyperplanes", "as_normals"]

Rows = list[list[int]]


@dataclass(frozen=True, eq=False)
class Hyperplanes:
    """Checked rows (x_k), or (x_k, b_k) if affine.

    Attributes
    ----------
    rows : ndarray of shape (n, d) or (n, d + 1)
        Column-major. The exact rows unless there are `integers`; then each row is the nearest
        doubles of a positive multiple of the exact one.
    affine : bool
        Whether the last column holds offsets.
    integers : list of lists of int, optional
        The exact rows where doubles cannot hold them.
    """

    rows: NDArray[np.float64]
    affine: bool
    integers: Rows | None = None

    @property
    def n_hyperplanes(self) -> int:
        return len(self.rows)

    @property
    def dimension(self) -> int:
        """Of the space that the hyperplanes cut."""
        return int(self.rows.shape[1]) - int(self.affine)

    @cached_property
    def arrangement(self) -> core.Arrangement:
        """The arrangement in the core."""
        if self.integers is not None:
            strings = [list(map(_decimal, row)) for row in self.integers]
            return core.Arrangement.from_integers(strings, self.affine)
        if self.affine:
            return core.Arrangement(
                np.asfortranarray(self.rows[:, :-1]), np.ascontiguousarray(self.rows[:, -1])
            )
        return core.Arrangement(self.rows)

    @cached_property
    def representatives(self) -> NDArray[np.uint64] | None:
        """Which hyperplanes are the first of those equal to them; None if no two are equal."""
        sources = np.asarray(self.arrangement.sources())
        present = np.flatnonzero(sources >= 0)
        _, first = np.unique(sources[present], return_index=True)
        if len(first) == len(present):
            return None
        chosen = np.zeros((1, self.n_hyperplanes), dtype=np.bool_)
        chosen[0, present[first]] = True
        words: NDArray[np.uint64] = _bits.pack(chosen)[0]
        return words

    def locate(
        self, points: NDArray[np.float64], n_threads: int
    ) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """Return packed patterns of the points and whether each is strictly inside, exactly."""
        if self.affine:
            points = np.column_stack([points, np.ones(len(points))])
        points = np.asfortranarray(points)
        if self.integers is None:
            return core.locate_cells(self.rows, points, n_threads)
        return _locate(self.rows, self.integers, points)

    def digest(self) -> str:
        """SHA-256 of the exact hyperplanes; the same for rows scaled by positive numbers."""
        integers = self.integers
        if integers is None:
            integers = [_integers([Fraction(value) for value in row]) for row in self.rows.tolist()]
        known = hashlib.sha256(b"affine" if self.affine else b"central")
        for row in integers:
            known.update(f"\n{' '.join(map('{:x}'.format, row))}".encode())
        return known.hexdigest()


def as_hyperplanes(X: ArrayLike, offset: ArrayLike | None = None) -> Hyperplanes:
    """Check the arguments; each error names the one at fault, and the row."""
    columns: NDArray[Any] = _matrix(X)
    if offset is None:
        if not columns.any():
            raise ValueError("X has only zero rows: it cuts the space nowhere")
    else:
        shifts = exact_numbers("offset", offset, n_dim=1)
        if shifts.shape != (len(columns),):
            raise ValueError(
                f"offset must have shape ({len(columns)},), one number for each row of X, "
                f"got {shifts.shape}"
            )
        columns = np.column_stack([columns, shifts])  # of objects if one of the two is
    if columns.dtype != object:
        return Hyperplanes(np.asfortranarray(columns), offset is not None)
    integers = [_integers([Fraction(value) for value in row]) for row in columns.tolist()]
    return Hyperplanes(_nearest(integers), offset is not None, integers)


def as_normals(X: ArrayLike) -> NDArray[np.float64]:
    """Check a matrix of samples and lay it out as the core wants it (float64, column-major)."""
    normals = _matrix(X)
    if normals.dtype == object:
        raise ValueError(
            "X holds integers beyond 2**53 or fractions, which double precision cannot hold"
        )
    return np.asfortranarray(normals)


def _matrix(X: ArrayLike) -> NDArray[np.float64] | NDArray[np.object_]:
    return exact_numbers("X", X, n_dim=2)


def _integers(row: list[Fraction]) -> list[int]:
    """Return the shortest integer row on the same ray."""
    scale = lcm(*(value.denominator for value in row))
    integers = [value.numerator * (scale // value.denominator) for value in row]
    divisor = gcd(*integers) or 1
    return [value // divisor for value in integers]


def _decimal(value: int) -> str:
    return format(Decimal(value), "f")  # str() refuses thousands of digits


def _nearest(integers: Rows) -> NDArray[np.float64]:
    """Return the nearest doubles of rows over powers of two that bring them to about one."""
    lengths = [max(value.bit_length() for value in row) for row in integers]
    scaled = [
        [value / (1 << length) for value in row]
        for row, length in zip(integers, lengths, strict=True)
    ]
    return np.asfortranarray(scaled, dtype=np.float64)


def _locate(
    rows: NDArray[np.float64], integers: Rows, points: NDArray[np.float64]
) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Signs by doubles where rounding cannot change them, by fractions otherwise."""
    with np.errstate(over="ignore", invalid="ignore"):
        values = points @ rows.T
        magnitude = np.abs(points) @ np.abs(rows).T
        # each of the products carries two roundings of its factors and at most dim of the sum;
        # the constant covers entries of the scaled rows that are too small for a double
        error = (4 * rows.shape[1] + 8) * np.finfo(np.float64).eps * magnitude
        error += 1e-300 * (1.0 + np.abs(points).sum(axis=1, keepdims=True))
        undecided = ~(np.abs(values) > error) & rows.any(axis=1)
    signs = np.sign(np.where(undecided, 0.0, values))
    interior = np.ones(len(points), dtype=np.bool_)
    for i, k in np.argwhere(undecided).tolist():
        exact = sum(Fraction(u) * x for u, x in zip(points[i].tolist(), integers[k], strict=True))
        signs[i, k] = (exact > 0) - (exact < 0)
        if exact == 0:
            interior[i] = False
    return _bits.pack(signs > 0), interior
