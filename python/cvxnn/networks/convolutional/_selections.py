"""Which patch of each sample a filter takes under max pooling: the cells of such filters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvxnn._native import core
from cvxnn.arrangements import Cells
from cvxnn.arrangements._counting import refuse_more_cells
from cvxnn.networks._layers import lengths_of
from cvxnn.networks._problem import TrainingProblem

__all__ = ["FilterCells", "PatchRows", "Selections", "every_selection", "sampled_selections"]

Array = NDArray[np.float64]
Bits = NDArray[np.bool_]

_BITS = 52  # of entries on a grid: differences fit into a double
_ROUNDED_UP = 1.0 + 1e-9
_BATCH = 1 << 22  # numbers held at a time


@dataclass(frozen=True, eq=False)
class PatchRows:
    """The patches of each sample, rounded so that their differences are doubles.

    Which patch is the largest is a matter of the signs of differences, so cells and cones are those
    of data on a grid, of 2^-52 of the largest entry of each column. Data of as few digits are as
    they were; what others lose is part of each bound.
    """

    rows: Array  # (n, K, width): over 2^exponent
    exponent: int
    lost: Array  # (n,): at most so far is a patch from that of the data, times 2^exponent

    @classmethod
    def of(cls, problem: TrainingProblem) -> PatchRows:
        """Return the patches of the samples of a problem, with a column for biases."""
        design, exponent = problem.scaled_design()
        places = _BITS - np.frexp(np.abs(design).max(axis=0))[1]
        grid = np.ldexp(np.rint(np.ldexp(design, places)), -places)
        shape = len(problem.y), problem.n_patches, design.shape[1]
        # these differences are doubles too
        lengths = lengths_of((design - grid).reshape(shape))
        lost = np.ldexp(lengths.max(axis=1) * _ROUNDED_UP, exponent)
        return cls(np.ascontiguousarray(grid).reshape(shape), exponent, lost)


@dataclass(frozen=True, eq=False)
class Selections:
    """The number of the patch with the largest output of each sample, -1 where none is above zero.

    Where a filter keeps its selection the outputs under max pooling are linear in it. These filters
    are a convex cone, whose walls are those of some of the cells of patches and their differences.
    """

    chosen: NDArray[np.intp]  # (N, n)

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, which: Any) -> Selections:
        return Selections(self.chosen[which])

    def distinct(self) -> tuple[Selections, NDArray[np.intp]]:
        """Return each selection once, and which of these each is."""
        chosen, where = np.unique(self.chosen, axis=0, return_inverse=True)
        return Selections(chosen), where.ravel()

    def with_samples(self, rows: NDArray[np.intp], used: Bits | bool = True) -> Selections:
        """Return the selections on other samples, each of which is one of these; -1 if not used."""
        return Selections(np.where(used, self.chosen[:, rows], -1))

    def blocks(self, rows: Array) -> tuple[Array, Array]:
        """Return outputs, (N, n, width), and cones, (N, n K, width), as the core takes them.

        `rows` has shape (n, K, width). The selected patch is above zero and above the others; with
        none selected, all are below zero.
        """
        n, K, width = rows.shape
        active = self.chosen >= 0
        index = np.where(active, self.chosen, 0)
        outputs = np.where(active[:, :, None], rows[np.arange(n), index], 0.0)
        cones = outputs[:, :, None, :] - rows
        which, samples = np.nonzero(active)
        cones[which, samples, index[active]] = outputs[active]
        cones = cones.reshape(len(self), n * K, width)
        return np.ascontiguousarray(outputs), np.ascontiguousarray(cones)


@dataclass(frozen=True, eq=False)
class FilterCells:
    """Selections with the output that a filter adds to, and the sign with which it does."""

    selections: Selections
    signs: Array  # (N,)
    outputs: NDArray[np.intp]  # (N,)

    def __len__(self) -> int:
        return len(self.signs)

    def __getitem__(self, which: Any) -> FilterCells:
        return FilterCells(self.selections[which], self.signs[which], self.outputs[which])

    def joined(self, other: FilterCells) -> FilterCells:
        """Return these and those of `other`, each once."""
        parts = [
            np.column_stack([cells.outputs, cells.signs.astype(np.intp), cells.selections.chosen])
            for cells in (self, other)
        ]
        keys = np.unique(np.concatenate(parts), axis=0)
        return FilterCells(Selections(keys[:, 2:]), keys[:, 1].astype(np.float64), keys[:, 0])

    @classmethod
    def both_signs(cls, selections: Selections, n_outputs: int) -> FilterCells:
        """Return each selection with both signs of every output."""
        N = len(selections)
        return cls(
            selections[np.tile(np.arange(N), 2 * n_outputs)],
            np.tile(np.repeat([1.0, -1.0], N), n_outputs),
            np.repeat(np.arange(n_outputs), 2 * N),
        )

    @classmethod
    def of_filters(
        cls, rows: Array, vectors: Array, signs: Array, outputs: NDArray[np.intp]
    ) -> FilterCells:
        """Return the distinct cells of filters that are active somewhere."""
        selections = Selections(_selected(rows, vectors))
        on = np.flatnonzero((selections.chosen >= 0).any(axis=1))
        found = cls(selections, signs, outputs)[on]
        return found.joined(found)


def every_selection(rows: Array, max_cells: int, n_threads: int) -> Selections:
    """Return the selections of all filters that are active on some sample.

    Each cell of the arrangement of all patches and of all differences of two of one sample has one;
    they are decided exactly.

    Raises
    ------
    TooManyCells
        If there are more cells than `max_cells`; the message gives their number.
    """
    n, K, width = rows.shape
    first, second = np.triu_indices(K, 1)
    pairs = (rows[:, first] - rows[:, second]).reshape(-1, width)
    planes = np.asfortranarray(np.concatenate([rows.reshape(-1, width), pairs]))
    arrangement = core.Arrangement(planes)
    refuse_more_cells(arrangement, max_cells)
    cells = Cells(core.enumerate_cells(arrangement, "auto", True, n_threads), len(planes))
    step = max(1, _BATCH // len(planes))
    found = [
        _decoded(cells[begin : begin + step].to_dense(), n, K)
        for begin in range(0, len(cells), step)
    ]
    return _distinct(found)


def sampled_selections(rows: Array, n_cells: int, generator: np.random.RandomState) -> Selections:
    """Return the distinct selections of that many Gaussian filters, as far as they are active."""
    step = max(1, _BATCH // (rows.shape[0] * rows.shape[1]))
    sizes = [min(step, n_cells - begin) for begin in range(0, n_cells, step)]
    vectors = (generator.standard_normal((size, rows.shape[2])) for size in sizes)
    return _distinct([_selected(rows, some) for some in vectors])


def _selected(rows: Array, vectors: Array) -> NDArray[np.intp]:
    """Return the selections of filters, shape (N, width)."""
    outputs = (vectors @ rows.reshape(-1, rows.shape[2]).T).reshape(-1, *rows.shape[:2])
    return np.where((outputs > 0.0).any(axis=2), outputs.argmax(axis=2), -1)


def _decoded(bits: Bits, n: int, K: int) -> NDArray[np.intp]:
    """Return the selections of cells: signs of patches, then of differences, (m, n (K + pairs)).

    Equal patches differ by zero, which has the bit 0: of these the last beats the others.
    """
    above = bits[:, : n * K].reshape(-1, n, K)
    wins = bits[:, n * K :].reshape(len(bits), n, -1)
    beaten = np.zeros(above.shape, dtype=np.bool_)
    for pair, (i, j) in enumerate(zip(*np.triu_indices(K, 1), strict=True)):
        beaten[:, :, j] |= wins[:, :, pair]
        beaten[:, :, i] |= ~wins[:, :, pair]
    top = beaten.argmin(axis=2)
    active = np.take_along_axis(above, top[:, :, None], axis=2)[:, :, 0]
    return np.where(active, top, -1)


def _distinct(parts: list[NDArray[np.intp]]) -> Selections:
    chosen = np.unique(np.concatenate(parts), axis=0)
    return Selections(chosen[(chosen >= 0).any(axis=1)])
