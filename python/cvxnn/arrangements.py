"""Cells of central hyperplane arrangements and their activation patterns.

The rows of X are the normals of hyperplanes ``{u : x_k . u = 0}``. They cut the space of
first-layer weights into *cells*, on each of which every sample is either active or inactive for a
ReLU neuron.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import comb
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn._native import core
from cvxnn._threads import thread_count

__all__ = [
    "Cells",
    "TooManyCells",
    "count_cells",
    "enumerate_cells",
    "sample_cells",
]

_COUNT_SECONDS = 1.0


class TooManyCells(ValueError):
    """More cells than allowed; the message gives their number or a bound on it."""


class Cells:
    """Activation patterns of cells, eight samples to a byte.

    Parameters
    ----------
    packed : ndarray of shape (P, ceil(n / 64)), uint64
        Bit ``k % 64`` of word ``k // 64`` is 1 where ``x_k . u > 0`` on the interior of the cell.
    n_hyperplanes : int
        The number n of hyperplanes.
    witnesses : ndarray of shape (P, d), optional
        A point strictly inside each cell.

    Examples
    --------
    >>> from cvxnn.arrangements import Cells
    >>> cells = Cells.from_dense([[True, False, True], [False, True, False]])
    >>> len(cells)
    2
    >>> cells[0].to_dense()
    array([[ True, False,  True]])
    """

    def __init__(
        self,
        packed: NDArray[np.uint64],
        n_hyperplanes: int,
        witnesses: NDArray[np.float64] | None = None,
    ) -> None:
        packed = np.ascontiguousarray(packed, dtype=np.uint64)
        n_words = (n_hyperplanes + 63) // 64
        if packed.ndim != 2 or packed.shape[1] != n_words:
            raise ValueError(
                f"packed must have shape (P, {n_words}) for {n_hyperplanes} hyperplanes, "
                f"got {packed.shape}"
            )
        if witnesses is not None and (witnesses.ndim != 2 or len(witnesses) != len(packed)):
            raise ValueError(f"witnesses must have shape ({len(packed)}, d), got {witnesses.shape}")
        self.packed = packed
        self.n_hyperplanes = int(n_hyperplanes)
        self.witnesses = witnesses

    @classmethod
    def from_dense(cls, patterns: ArrayLike) -> Cells:
        """Pack a (P, n) boolean array, one row per cell."""
        dense = np.asarray(patterns)
        if dense.ndim != 2:
            raise ValueError(f"patterns must be a 2-D array, got {dense.ndim} dimension(s)")
        if dense.dtype != np.bool_:
            if not np.isin(dense, (0, 1)).all():
                raise ValueError("patterns must be boolean or hold 0 and 1 only")
            dense = dense.astype(np.bool_)
        n_cells, n = dense.shape
        padded = np.zeros((n_cells, (n + 63) // 64 * 64), dtype=np.bool_)
        padded[:, :n] = dense
        packed = np.packbits(padded, axis=1, bitorder="little").view("<u8")
        return cls(packed.astype(np.uint64), n)

    @property
    def n_cells(self) -> int:
        """The number P of cells."""
        return len(self.packed)

    def to_dense(self) -> NDArray[np.bool_]:
        """Return the patterns as a (P, n) boolean array."""
        octets = self.packed.astype("<u8").view(np.uint8)
        bits = np.unpackbits(octets, axis=1, count=self.n_hyperplanes, bitorder="little")
        return bits.astype(np.bool_)

    def __len__(self) -> int:
        return self.n_cells

    @overload
    def __getitem__(self, index: int) -> Cells: ...
    @overload
    def __getitem__(self, index: slice | ArrayLike) -> Cells: ...
    def __getitem__(self, index: Any) -> Cells:
        if isinstance(index, (int, np.integer)):
            if not -self.n_cells <= index < self.n_cells:
                raise IndexError(f"cell {index} is out of range for {self.n_cells} cells")
            index = [index]
        witnesses = None if self.witnesses is None else self.witnesses[index]
        return Cells(self.packed[index], self.n_hyperplanes, witnesses)

    def __iter__(self) -> Iterator[Cells]:
        return (self[i] for i in range(self.n_cells))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cells):
            return NotImplemented
        return self.n_hyperplanes == other.n_hyperplanes and np.array_equal(
            self.packed, other.packed
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Cells(n_cells={self.n_cells}, n_hyperplanes={self.n_hyperplanes})"


def enumerate_cells(
    X: ArrayLike,
    *,
    witnesses: bool = False,
    max_cells: int | None = None,
    n_jobs: int | None = None,
) -> Cells:
    """List every full-dimensional cell of the arrangement ``{u : x_k . u = 0}``.

    The answer is exact for the numbers given: signs that double precision cannot decide are decided
    in integers. Zero rows are allowed and have bit 0 everywhere; so are duplicate, antiparallel and
    linearly dependent rows.

    Parameters
    ----------
    X : array-like of shape (n, d)
        One normal per hyperplane.
    witnesses : bool, default=False
        Also find a point strictly inside each cell.
    max_cells : int, optional
        Refuse to list more.
    n_jobs : int, optional
        Threads; None means all processors. The result does not depend on it.

    Returns
    -------
    Cells
        In canonical order: patterns ascending as binary numbers whose most significant bit belongs
        to the first hyperplane.

    Raises
    ------
    TooManyCells
        If there are more than `max_cells`. Raised before memory is spent.

    Examples
    --------
    >>> from cvxnn.arrangements import enumerate_cells
    >>> enumerate_cells([[1, 0], [0, 1], [1, 1]]).to_dense().astype(int)
    array([[0, 0, 0],
           [0, 1, 0],
           [0, 1, 1],
           [1, 0, 0],
           [1, 0, 1],
           [1, 1, 1]])
    """
    normals = as_normals(X)
    if max_cells is not None:
        refuse_more_cells(normals, max_cells)
    n_threads = thread_count(n_jobs)
    cells = Cells(core.enumerate_cells(core.Arrangement(normals), "auto", True, n_threads), len(normals))
    if witnesses:
        cells.witnesses = find_witnesses(normals, cells, n_threads)
    return cells


def count_cells(X: ArrayLike) -> int:
    """Count the cells exactly, by deletion and restriction, without listing them.

    Parameters
    ----------
    X : array-like of shape (n, d)
        One normal per hyperplane.

    Returns
    -------
    int

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn.arrangements import count_cells
    >>> count_cells(np.eye(3))
    8
    """
    count = core.count_cells(core.Arrangement(as_normals(X)), np.inf)
    assert count is not None  # only a time limit makes it None
    return int(count)


def sample_cells(
    X: ArrayLike,
    n_cells: int,
    *,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> Cells:
    """Draw distinct cells with probability proportional to their solid angle.

    Standard normal weight vectors are drawn until `n_cells` different patterns were met. Where the
    arrangement has fewer cells, or the rest are too thin to be met, fewer are returned.

    Parameters
    ----------
    X : array-like of shape (n, d)
        One normal per hyperplane.
    n_cells : int
        How many distinct cells to draw.
    random_state : int or numpy.random.RandomState, optional
        Source of randomness.
    n_jobs : int, optional
        Threads; None means all processors. The result does not depend on it.

    Returns
    -------
    Cells
        In the order in which they were first met, with the drawn points as `witnesses`.

    References
    ----------
    Pilanci and Ergen, Neural networks are convex regularizers, arXiv 2002.10553.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn.arrangements import sample_cells
    >>> sample_cells(np.eye(3), 100, random_state=0)
    Cells(n_cells=8, n_hyperplanes=3)
    """
    from sklearn.utils import check_random_state

    normals = as_normals(X)
    if isinstance(n_cells, bool) or not isinstance(n_cells, (int, np.integer)) or n_cells < 1:
        raise ValueError(f"n_cells must be a positive integer, got {n_cells!r}")
    random = check_random_state(random_state)
    n_threads = thread_count(n_jobs)
    found: dict[bytes, tuple[NDArray[np.uint64], NDArray[np.float64]]] = {}
    unproductive = 0
    while len(found) < n_cells and unproductive < 4:
        before = len(found)
        batch = min(max(64, 2 * (n_cells - before)), 8192)
        points = np.asfortranarray(random.standard_normal((batch, normals.shape[1])))
        packed, interior = core.locate_cells(normals, points, n_threads)
        for pattern, point in zip(packed[interior], points[interior], strict=True):
            if len(found) == n_cells:
                break
            found.setdefault(pattern.tobytes(), (pattern, point))
        # a batch that meets next to nothing new says that the rest is out of reach
        unproductive = unproductive + 1 if len(found) - before <= batch // 1000 else 0
    patterns, witnesses = zip(*found.values(), strict=True)
    return Cells(np.array(patterns), len(normals), np.array(witnesses))


def as_normals(X: ArrayLike) -> NDArray[np.float64]:
    """Check a matrix of normals and lay it out as the core wants it (float64, column-major)."""
    array = np.asarray(X)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"X must be a non-empty 2-D array, got shape {array.shape}")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"X must hold real numbers, got dtype {array.dtype}")
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8:
        if np.any(array.astype(np.float64).astype(object) != array.astype(object)):
            raise ValueError("X holds integers beyond 2**53, which double precision cannot hold")
    normals = np.asfortranarray(array, dtype=np.float64)
    finite = np.isfinite(normals).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise ValueError(f"X must be finite, but row {row} holds NaN or infinity")
    return normals


def zaslavsky_bound(n: int, rank: int) -> int:
    """Largest number of cells of n central hyperplanes of the given rank (Zaslavsky 1975)."""
    return 2 * sum(comb(n - 1, k) for k in range(rank)) if rank else 1


def refuse_more_cells(normals: NDArray[np.float64], max_cells: int) -> None:
    """Raise TooManyCells if the arrangement has more than `max_cells` cells."""
    arrangement = core.Arrangement(normals)
    bound = zaslavsky_bound(arrangement.n_distinct, arrangement.rank)
    if bound <= max_cells:
        return
    exact = core.count_cells(arrangement, _COUNT_SECONDS)
    if exact is not None:
        if int(exact) <= max_cells:
            return
        raise TooManyCells(
            f"the arrangement of X has {int(exact):,} cells, {max_cells:,} are allowed"
        )
    raise TooManyCells(
        "the arrangement of X has too many cells: Zaslavsky's upper bound is "
        f"{approximate(bound)}, {max_cells:,} are allowed"
    )


def approximate(count: int) -> str:
    """Write a large count readably."""
    return f"{count:,}" if count < 10**15 else f"about 1e{len(str(count)) - 1}"


def find_witnesses(
    normals: NDArray[np.float64], cells: Cells, n_threads: int
) -> NDArray[np.float64]:
    """Return a point strictly inside each cell, checked exactly; ValueError where there is none."""
    # powers of two bring all columns to one scale and change no cell
    _, exponents = np.frexp(np.max(np.abs(normals), axis=0, initial=0.0))
    balanced = np.asfortranarray(np.ldexp(normals, -exponents))
    points = core.find_witnesses(balanced, cells.packed, n_threads)
    points = np.asfortranarray(np.ldexp(points, exponents.min() - exponents))
    packed, interior = core.locate_cells(normals, points, n_threads)
    good = interior & (packed == cells.packed).all(axis=1)
    if not good.all():
        cell = int(np.argmin(good))
        raise ValueError(
            f"no point strictly inside cell {cell} was found: it is not a cell of this X, or is "
            "too narrow for double precision"
        )
    return np.ascontiguousarray(points)
