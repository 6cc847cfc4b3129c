"""Cells as bit-packed activation patterns, and what can be done with collections of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn.arrangements import _bits, _cells_file

__all__ = ["Cells"]


class Cells:
    """Activation patterns of cells, eight samples to a byte.

    A collection of cells in an order of its own. Set operations compare patterns only, return
    each once, in canonical order: ascending as binary numbers whose most significant bit belongs
    to the first hyperplane.

    Parameters
    ----------
    packed : ndarray of shape (P, ceil(n / 64)), uint64
        Bit ``k % 64`` of word ``k // 64`` is 1 where ``x_k . u + b_k > 0`` inside the cell.
    n_hyperplanes : int
        The number n of hyperplanes.
    witnesses : ndarray of shape (P, d), optional
        A point strictly inside each cell.
    representatives : ndarray of shape (ceil(n / 64),), uint64, optional
        Bit k is 1 where hyperplane k is the first of those equal to it (rows that are multiples of
        each other); None if no two are equal. Only `neighbors` needs it.

    Examples
    --------
    >>> from cvxnn.arrangements import Cells
    >>> cells = Cells.from_dense([[True, False, True], [False, True, False]])
    >>> len(cells)
    2
    >>> cells[0].to_dense()
    array([[ True, False,  True]])
    >>> len(cells | Cells.from_dense([[0, 1, 0], [0, 0, 0]]))
    3
    """

    def __init__(
        self,
        packed: NDArray[np.uint64],
        n_hyperplanes: int,
        witnesses: NDArray[np.float64] | None = None,
        representatives: NDArray[np.uint64] | None = None,
    ) -> None:
        packed = np.ascontiguousarray(packed, dtype=np.uint64)
        n_words = _bits.words_for(n_hyperplanes)
        if packed.ndim != 2 or packed.shape[1] != n_words:
            raise ValueError(
                f"packed must have shape (P, {n_words}) for {n_hyperplanes} hyperplanes, "
                f"got {packed.shape}"
            )
        if witnesses is not None and (witnesses.ndim != 2 or len(witnesses) != len(packed)):
            raise ValueError(f"witnesses must have shape ({len(packed)}, d), got {witnesses.shape}")
        if representatives is not None and representatives.shape != (n_words,):
            raise ValueError(
                f"representatives must have shape ({n_words},), got {representatives.shape}"
            )
        self.packed = packed
        self.n_hyperplanes = int(n_hyperplanes)
        self.witnesses = witnesses
        self.representatives = representatives

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
        return cls(_bits.pack(dense), dense.shape[1])

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
            index = [self._position(index)]
        witnesses = None if self.witnesses is None else self.witnesses[index]
        return Cells(self.packed[index], self.n_hyperplanes, witnesses, self.representatives)

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

    def __contains__(self, pattern: Cells | ArrayLike) -> bool:
        return bool((self.packed == self._one_pattern(pattern)).all(axis=1).any())

    def index(self, pattern: Cells | ArrayLike) -> int:
        """Return the position of the first cell with this pattern (one cell, or n booleans).

        Raises
        ------
        ValueError
            If there is none.
        """
        equal = (self.packed == self._one_pattern(pattern)).all(axis=1)
        if not equal.any():
            raise ValueError(f"the pattern is not among these {self.n_cells} cells")
        return int(np.argmax(equal))

    def sorted(self) -> Cells:
        """Return the same cells in canonical order, repeated ones kept."""
        return self[np.argsort(_bits.sort_keys(self.packed), kind="stable")]

    def unique(self) -> Cells:
        """Return each different cell once, in the order in which they come first."""
        return self[_bits.first_met(self.packed)]

    def union(self, other: Cells) -> Cells:
        """Return the cells of either collection, with witnesses if both have them."""
        self._check_comparable(other)
        witnesses = None
        if self.witnesses is not None and other.witnesses is not None:
            if self.witnesses.shape[1] == other.witnesses.shape[1]:
                witnesses = np.concatenate([self.witnesses, other.witnesses])
        packed = np.concatenate([self.packed, other.packed])
        both = Cells(packed, self.n_hyperplanes, witnesses, self.representatives)
        return both._distinct()

    def intersection(self, other: Cells) -> Cells:
        """Return the cells that are in both collections."""
        return self[self._among(other)]._distinct()

    def difference(self, other: Cells) -> Cells:
        """Return the cells that are not in the other collection."""
        return self[~self._among(other)]._distinct()

    def symmetric_difference(self, other: Cells) -> Cells:
        """Return the cells that are in one collection and not in the other."""
        return self.difference(other).union(other.difference(self))

    def __or__(self, other: object) -> Cells:
        return self.union(other) if isinstance(other, Cells) else NotImplemented

    def __and__(self, other: object) -> Cells:
        return self.intersection(other) if isinstance(other, Cells) else NotImplemented

    def __sub__(self, other: object) -> Cells:
        return self.difference(other) if isinstance(other, Cells) else NotImplemented

    def __xor__(self, other: object) -> Cells:
        return self.symmetric_difference(other) if isinstance(other, Cells) else NotImplemented

    def issubset(self, other: Cells) -> bool:
        """Tell whether the other collection has all these cells."""
        return bool(self._among(other).all())

    def isdisjoint(self, other: Cells) -> bool:
        """Tell whether the collections have no cell in common."""
        return not self._among(other).any()

    def hamming(self, other: Cells | None = None) -> NDArray[np.int32]:
        """Count the hyperplanes on which cells differ.

        Parameters
        ----------
        other : Cells, optional
            Q cells; None means these.

        Returns
        -------
        ndarray of shape (P, Q), int32

        Examples
        --------
        >>> from cvxnn.arrangements import Cells
        >>> Cells.from_dense([[0, 0, 0], [0, 1, 1]]).hamming()
        array([[0, 2],
               [2, 0]], dtype=int32)
        """
        other = self if other is None else other
        self._check_comparable(other)
        return _bits.hamming(self.packed, other.packed)

    def neighbors(self, i: int) -> NDArray[np.intp]:
        """Return the positions of the cells here that share a facet with cell `i`.

        Those are the cells on the other side of exactly one hyperplane. Rows that are multiples of
        each other are one hyperplane, and their bits change together: `enumerate_cells`,
        `iter_cells` and `sample_cells` remember which they are (see `representatives`). Cells made
        otherwise count every row as a hyperplane of its own.

        Parameters
        ----------
        i : int
            Position of the cell.

        Returns
        -------
        ndarray of int

        Examples
        --------
        >>> from cvxnn.arrangements import enumerate_cells
        >>> cells = enumerate_cells([[1, 0], [0, 1], [0, -2]])
        >>> cells.to_dense().astype(int)
        array([[0, 0, 1],
               [0, 1, 0],
               [1, 0, 1],
               [1, 1, 0]])
        >>> cells.neighbors(0)
        array([1, 2])
        """
        differing = self.packed ^ self.packed[self._position(i)]
        if self.representatives is not None:
            differing &= self.representatives
        return np.flatnonzero(_bits.bit_counts(differing).sum(axis=1, dtype=np.int64) == 1)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the cells to one npz file, replacing what was there only once it is complete."""
        _cells_file.save(
            path,
            n_hyperplanes=np.array(self.n_hyperplanes),
            packed=self.packed,
            witnesses=self.witnesses,
            representatives=self.representatives,
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Cells:
        """Read what `save` wrote; ValueError if the file is damaged, or something else."""
        return _cells_file.load(path, cls)

    def _position(self, index: int | np.integer[Any]) -> int:
        if not -self.n_cells <= index < self.n_cells:
            raise IndexError(f"cell {index} is out of range for {self.n_cells} cells")
        return int(index)

    def _one_pattern(self, pattern: Cells | ArrayLike) -> NDArray[np.uint64]:
        if not isinstance(pattern, Cells):
            pattern = Cells.from_dense(np.asarray(pattern)[None])
        self._check_comparable(pattern)
        if pattern.n_cells != 1:
            raise ValueError(f"pattern must be one cell, got {pattern.n_cells}")
        words: NDArray[np.uint64] = pattern.packed[0]
        return words

    def _check_comparable(self, other: Cells) -> None:
        if not isinstance(other, Cells):
            raise TypeError(f"expected Cells, got {type(other).__name__}")
        if other.n_hyperplanes != self.n_hyperplanes:
            raise ValueError(
                f"cells of {self.n_hyperplanes} and of {other.n_hyperplanes} hyperplanes "
                "cannot be compared"
            )

    def _among(self, other: Cells) -> NDArray[np.bool_]:
        self._check_comparable(other)
        return _bits.contains(_bits.sort_keys(other.packed), _bits.sort_keys(self.packed))

    def _distinct(self) -> Cells:
        """Each cell once, in canonical order."""
        return self[np.unique(_bits.sort_keys(self.packed), return_index=True)[1]]
