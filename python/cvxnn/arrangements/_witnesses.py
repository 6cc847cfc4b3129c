"""Points strictly inside cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvxnn._native import core
from cvxnn.arrangements import _bits
from cvxnn.arrangements._cells import Cells
from cvxnn.arrangements._input import Hyperplanes

__all__ = ["find_witnesses", "likely_witnesses", "points_inside"]


def find_witnesses(
    normals: NDArray[np.float64], cells: Cells, n_threads: int
) -> NDArray[np.float64]:
    """Return a point strictly inside each cell of a central arrangement, as `points_inside`."""
    return points_inside(Hyperplanes(normals, affine=False), cells, n_threads)


def points_inside(hyperplanes: Hyperplanes, cells: Cells, n_threads: int) -> NDArray[np.float64]:
    """Return a point strictly inside each cell, checked exactly; ValueError where there is none."""
    rows, packed = hyperplanes.rows, cells.packed
    if hyperplanes.affine:
        rows, packed = _homogeneous(rows, cells)
    points = likely_witnesses(rows, packed, n_threads)
    if hyperplanes.affine:
        with np.errstate(all="ignore"):  # points out of the range of doubles fail the check below
            points = points[:, :-1] / points[:, -1:]
    finite = np.isfinite(points).all(axis=1)
    points[~finite] = 0.0
    located, interior = hyperplanes.locate(points, n_threads)
    good = finite & interior & (located == cells.packed).all(axis=1)
    if not good.all():
        cell = int(np.argmin(good))
        raise ValueError(
            f"no point strictly inside cell {cell} was found: it is not a cell of this X, or is "
            "too narrow for double precision"
        )
    return np.ascontiguousarray(points)


def likely_witnesses(
    normals: NDArray[np.float64], packed: NDArray[np.uint64], n_threads: int
) -> NDArray[np.float64]:
    """Return a point for each cell, not checked: inside unless it is too narrow for doubles."""
    # powers of two bring all columns to one scale and change no cell
    _, exponents = np.frexp(np.max(np.abs(normals), axis=0, initial=0.0))
    balanced = np.asfortranarray(np.ldexp(normals, -exponents))
    points = core.find_witnesses(balanced, packed, n_threads)
    with np.errstate(all="ignore"):
        return np.asarray(np.ldexp(points, exponents.min() - exponents))


def _homogeneous(
    rows: NDArray[np.float64], cells: Cells
) -> tuple[NDArray[np.float64], NDArray[np.uint64]]:
    """Return the cone over each cell: one more row, the hyperplane at infinity, with bit 1."""
    infinity = np.zeros((1, rows.shape[1]))
    infinity[0, -1] = np.max(np.abs(rows[:, -1]), initial=1.0)
    n = cells.n_hyperplanes
    packed = np.zeros((len(cells), _bits.words_for(n + 1)), dtype=np.uint64)
    packed[:, : cells.packed.shape[1]] = cells.packed
    packed[:, -1] |= np.uint64(1 << (n % 64))
    return np.concatenate([rows, infinity]), packed
