"""Activation patterns of branches of three-layer networks: those of both hidden layers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import comb
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cvxnn._native import core
from cvxnn.arrangements import Cells, TooManyCells
from cvxnn.arrangements._counting import refuse_more_cells

__all__ = [
    "NestedCells",
    "cells_of_branches",
    "every_nested_cell",
    "lumped_cells",
    "most_cells",
    "sampled_cells",
]

Array = NDArray[np.float64]
Bits = NDArray[np.bool_]

_MOST_TUPLES = 20_000  # of first-layer neurons, that "exact" agrees to go through
_MOST_BYTES = 2**30  # of the matrices that the program takes, two of width x width a cell
_BATCH = 1024  # branches drawn together


class Packed(NamedTuple):
    """What the core takes of nested cells."""

    first: NDArray[np.uint64]
    members: NDArray[np.int64]
    signs: Array
    second: NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class NestedCells:
    """Patterns of branches ``(sum_j s_j (X u_j)_+)_+``, one a row.

    A branch is linear in u = (u_1, .., u_m1) where its neurons keep these patterns.
    """

    first: Bits  # (P, n): patterns of first-layer neurons
    members: NDArray[np.int64]  # (N, m1): which of these a branch has
    signs: Array  # (N, m1): the s_j
    second: Bits  # (N, n): where the branch itself is active

    def __len__(self) -> int:
        return len(self.second)

    def __getitem__(self, rows: Any) -> NestedCells:
        return NestedCells(self.first, self.members[rows], self.signs[rows], self.second[rows])

    @property
    def m1(self) -> int:
        """The number of first-layer neurons of a branch."""
        return int(self.members.shape[1])

    @property
    def gates(self) -> Array:
        """What outputs of first-layer neurons are multiplied by: s_j where active, (N, n, m1)."""
        active = self.first[self.members]  # (N, m1, n)
        return np.asarray(np.swapaxes(active * self.signs[:, :, None], 1, 2))

    def packed(self) -> Packed:
        """Return the arrays that the core takes."""
        return Packed(
            Cells.from_dense(self.first).packed,
            np.ascontiguousarray(self.members),
            np.ascontiguousarray(self.signs),
            Cells.from_dense(self.second).packed,
        )

    def with_samples(self, rows: NDArray[np.intp], used: Bits | bool = True) -> NestedCells:
        """Return the patterns on other samples, each of which is one of these; off if not used."""
        first, second = self.first[:, rows] & used, self.second[:, rows] & used
        return NestedCells(first, self.members, self.signs, second)

    def joined(self, other: NestedCells) -> NestedCells:
        """Return these cells and those of `other` that are not among them, in this order."""
        first, where = _distinct(np.concatenate([self.first, other.first]))
        members = np.concatenate(
            [where[self.members], where[len(self.first) + other.members]], axis=0
        )
        both = NestedCells(
            first,
            members,
            np.concatenate([self.signs, other.signs]),
            np.concatenate([self.second, other.second]),
        )
        return both._distinct()

    def _distinct(self) -> NestedCells:
        """Order the neurons of each branch, and drop branches that are there before."""
        order = np.lexsort([self.signs, self.members], axis=1)
        members = np.take_along_axis(self.members, order, axis=1)
        signs = np.take_along_axis(self.signs, order, axis=1)
        keys = np.column_stack([members, signs.astype(np.int64), np.packbits(self.second, axis=1)])
        _, rows = np.unique(keys, axis=0, return_index=True)
        rows.sort()
        return NestedCells(self.first, members[rows], signs[rows], self.second[rows])


def every_nested_cell(design: Array, m1: int, n_threads: int, most: float = np.inf) -> NestedCells:
    """Return every nested cell of branches that are not zero, and possibly a few empty ones.

    Which second-layer patterns there are on the rows that see neurons of both signs is decided
    exactly, over all u; some of these may not meet the cone of the first layer.

    Raises
    ------
    TooManyCells
        If there are more than `most`, or too many to go through; the message then gives the number
        of tuples of first-layer neurons.
    """
    first = _first_layer(design, n_threads)
    signed = 2 * len(first)
    n_tuples = comb(signed + m1 - 1, m1)
    if n_tuples > _MOST_TUPLES:
        number = f"{n_tuples:,}" if n_tuples < 10**18 else "more than 10^18"
        raise TooManyCells(
            f"{number} tuples of {m1} first-layer neurons, from {len(first):,} patterns with "
            f"two signs each, which is more than {_MOST_TUPLES:,}"
        )
    n = len(design)
    members, signs = [np.zeros((0, m1), dtype=np.int64)], [np.zeros((0, m1))]
    second = [np.zeros((0, n), dtype=np.bool_)]
    n_cells = 0
    for chosen in combinations_with_replacement(range(signed), m1):
        member, sign = np.array(chosen) // 2, 1.0 - 2.0 * (np.array(chosen) % 2)
        patterns = _second_layer(design, first[member], sign)
        members.append(np.tile(member, (len(patterns), 1)))
        signs.append(np.tile(sign, (len(patterns), 1)))
        second.append(patterns)
        n_cells += len(patterns)
        if n_cells > most:
            raise TooManyCells(f"more than {most:,} patterns of both hidden layers")
        width = m1 * design.shape[1]
        _refuse_memory(n_cells, width, f"{n_cells:,} patterns of both hidden layers, or more")
    return NestedCells(
        first, np.concatenate(members), np.concatenate(signs), np.concatenate(second)
    )


def lumped_cells(design: Array, n_threads: int) -> NestedCells:
    """Return the cells of branches that have a neuron for each pattern and sign.

    Raises
    ------
    TooManyCells
        If there are too many.
    """
    first = _first_layer(design, n_threads)
    if len(first) == 0:
        return every_nested_cell(design, 1, n_threads)  # none at all
    # rows of one direction are on together; those that never are stay off
    directions, which = np.unique(first.T, axis=0, return_inverse=True)
    never = ~directions.any(axis=1)
    free = len(directions) - int(never.sum())
    _refuse_memory(
        2**free, 2 * len(first) * design.shape[1], f"2^{free} patterns of the second layer"
    )
    choices = np.zeros((2**free - 1, len(directions)), dtype=np.bool_)
    choices[:, ~never] = (np.arange(1, 2**free)[:, None] >> np.arange(free)) % 2 == 1
    second = choices[:, which.ravel()]
    members = np.tile(np.repeat(np.arange(len(first)), 2), (len(second), 1))
    signs = np.tile(np.tile([1.0, -1.0], len(first)), (len(second), 1))
    return NestedCells(first, members, signs, second)


def sampled_cells(
    design: Array, m1: int, n_cells: int, generator: np.random.RandomState
) -> NestedCells:
    """Return the distinct nested cells of that many random branches, as far as they are on.

    Raises
    ------
    TooManyCells
        If the program over them takes too much memory.
    """
    d = design.shape[1]
    cells = cells_of_branches(design, np.zeros((0, m1, d)), np.zeros((0, m1)))
    for first in range(0, n_cells, _BATCH):
        shape = min(_BATCH, n_cells - first), m1
        vectors = generator.standard_normal((*shape, d))
        signs = np.where(generator.standard_normal(shape) > 0.0, 1.0, -1.0)
        cells = cells.joined(cells_of_branches(design, vectors, signs))
        _refuse_memory(len(cells), m1 * d, f"{len(cells):,} sampled patterns of both hidden layers")
    return cells


def cells_of_branches(design: Array, vectors: Array, signs: Array) -> NestedCells:
    """Return the distinct cells in which branches lie that are not zero, in their order.

    Parameters
    ----------
    design : ndarray of shape (n, d)
    vectors : ndarray of shape (N, m1, d)
    signs : ndarray of shape (N, m1)
    """
    outputs = np.einsum("nd,kjd->kjn", design, vectors, optimize=True)
    active = outputs > 0.0
    second = np.einsum("kjn,kj->kn", np.maximum(outputs, 0.0), signs) > 0.0
    on = second.any(axis=1)
    first, where = _distinct(active[on].reshape(-1, len(design)))
    cells = NestedCells(first, where.reshape(-1, signs.shape[1]), signs[on], second[on])
    return cells._distinct()


def most_cells(width: int) -> int:
    """Return how many cells of branches of `width` numbers the program has the memory for."""
    return _MOST_BYTES // (16 * width**2)


def _refuse_memory(n_cells: int, width: int, cells: str) -> None:
    if n_cells > most_cells(width):
        n_bytes = 16 * n_cells * width**2
        size = f"{n_bytes / 2**30:.1f}" if n_bytes < 2**60 else "billions of"
        raise TooManyCells(f"{cells}, which takes {size} GB, more than 1 GB")


def _first_layer(design: Array, n_threads: int) -> Bits:
    """Return the patterns of first-layer neurons that are on anywhere."""
    arrangement = core.Arrangement(design)
    refuse_more_cells(arrangement, _MOST_TUPLES)
    packed = core.enumerate_cells(arrangement, "auto", True, n_threads)
    patterns = Cells(packed, len(design)).to_dense()
    return patterns[patterns.any(axis=1)]


def _second_layer(design: Array, patterns: Bits, signs: Array) -> Bits:
    """Return the patterns that a branch of given first-layer neurons may have, but for zero."""
    gates = patterns.T * signs  # (n, m1)
    decided = np.asarray((gates > 0.0).any(axis=1))
    mixed = np.flatnonzero(decided & (gates < 0.0).any(axis=1) & design.any(axis=1))
    if len(mixed) == 0:
        return decided[None] if decided.any() else np.zeros((0, len(design)), dtype=np.bool_)
    rows = (gates[mixed, :, None] * design[mixed, None, :]).reshape(len(mixed), -1)
    packed = core.enumerate_cells(core.Arrangement(np.asfortranarray(rows)), "auto", True, 1)
    chosen = Cells(packed, len(mixed)).to_dense()
    second = np.tile(decided, (len(chosen), 1))
    second[:, mixed] = chosen
    return second[second.any(axis=1)]


def _distinct(patterns: Bits) -> tuple[Bits, NDArray[np.int64]]:
    """Return the distinct rows, and which of them each row is."""
    _, rows, where = np.unique(
        np.packbits(patterns, axis=1), axis=0, return_index=True, return_inverse=True
    )
    return patterns[rows], where.ravel().astype(np.int64)
