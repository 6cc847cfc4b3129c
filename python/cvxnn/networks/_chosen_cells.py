"""From the `patterns` that users name to cells of their data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from cvxnn._checks import is_integer
from cvxnn._native import core
from cvxnn.arrangements import Cells, TooManyCells
from cvxnn.arrangements._counting import refuse_more_cells, zaslavsky_bound
from cvxnn.arrangements._sampling import sample_normals
from cvxnn.arrangements._witnesses import likely_witnesses
from cvxnn.networks._activations import THRESHOLD
from cvxnn.networks._low_rank import check_patterns
from cvxnn.networks._mapping import neurons_of
from cvxnn.networks._network import Network
from cvxnn.networks._problem import TrainingProblem, cells_of_rows
from cvxnn.networks._whitened import has_closed_form

__all__ = [
    "HOPELESS",
    "ChosenCells",
    "bounds_every_cell_by",
    "choose_cells",
    "list_every_cell",
    "own_cells",
    "prices_every_cell",
    "with_own_cells",
]

_LISTED = 2_000  # cells, up to which a list of all is the faster way
# By the number of columns, up to how many samples "auto" prices every cell without a list; "exact"
# does at any number of them.
_PRICED_ROWS = {1: np.inf, 2: np.inf, 3: np.inf, 4: 5000, 5: 300, 6: 60}
HOPELESS = 100  # times too many cells if in general position: then they are not counted
_EXACT_LIMIT = 1_000_000  # cells that "exact" agrees to list
_EXACT_BYTES = 2**30  # and the memory their patterns may take
_AUTO_LIMIT = 100_000
_SAMPLED = 500  # cells, where "auto" can neither price nor list all


@dataclass(frozen=True, eq=False)
class ChosenCells:
    """Patterns on the rows of a problem, and whether they are all there are.

    Without `cells`, every cell counts and none is listed: they are priced by bounds over all, or
    with a `seed` by local search. With both, cells drawn at random stand for all, of which a bound
    is proved that is loose.
    """

    cells: Cells | None
    complete: bool
    seed: int | None = None
    closed_form: bool = False  # of whitened data: nothing is searched for

    @property
    def method(self) -> str:
        """How a bound over them is proved."""
        if self.closed_form:
            return "spectral"
        if self.seed is not None:
            return "relaxation"
        if self.cells is None:
            return "branch_and_bound"
        return "cells" if self.complete else "patterns"


def choose_cells(
    problem: TrainingProblem,
    patterns: Any,
    random_state: Any,
    n_threads: int,
    *,
    gated: bool = False,
) -> ChosenCells:
    """Turn the `patterns` argument of an estimator into cells."""
    if problem.projection is not None:
        check_patterns(patterns, gated=gated)
        if gated and not problem.projection.whole:
            projected = replace(problem, projection=None)
            chosen = choose_cells(projected, patterns, random_state, n_threads, gated=True)
            return _gates_in_span(problem, chosen, n_threads)
    if isinstance(patterns, Cells):
        if patterns.n_cells == 0:
            raise ValueError("patterns holds no cell")
        return ChosenCells(cells_of_rows(problem, patterns), complete=False)
    if isinstance(patterns, str) and patterns in ("auto", "exact"):
        if not gated and has_closed_form(problem):
            return ChosenCells(None, complete=True, closed_form=True)
        unpriced = gated or problem.activation == THRESHOLD
        every = _every_cell(problem, patterns == "exact", n_threads, unpriced=unpriced)
        if every is not None:
            return every
        if gated:
            return choose_cells(problem, _SAMPLED, random_state, n_threads)
        # without a random state the answer is the same every time
        generator = check_random_state(0 if random_state is None else random_state)
        seed = int(generator.randint(2**31))
        if unpriced:
            some = choose_cells(problem, _SAMPLED, seed, n_threads)
            return replace(some, complete=True, seed=seed)
        return ChosenCells(None, complete=True, seed=seed)
    if not is_integer(patterns) or patterns < 1:
        raise ValueError(
            f"patterns must be 'auto', 'exact', a positive integer or Cells, got {patterns!r}"
        )
    if problem.bias == "free":
        # where the high column is no higher than the data, kinks are among the data
        sampled = sample_normals(problem.low_design(), int(patterns), random_state, n_threads)
        return ChosenCells(Cells(sampled.packed, sampled.n_hyperplanes), complete=False)
    sampled = sample_normals(problem.design, int(patterns), random_state, n_threads)
    return ChosenCells(sampled, complete=False)


def _gates_in_span(problem: TrainingProblem, chosen: ChosenCells, n_threads: int) -> ChosenCells:
    """Return the patterns on the data itself of a gate in each cell of the projected data.

    Rounding in these makes cells out of nothing where the data have parallel rows, with points that
    lie in cells beside them, or on a hyperplane.
    """
    assert chosen.cells is not None and problem.projection is not None
    gates = chosen.cells.witnesses
    if gates is None:
        gates = likely_witnesses(problem.design, chosen.cells.packed, n_threads)
    gates = problem.projection.to_columns(gates[np.isfinite(gates).all(axis=1)])
    design = problem.on_every_column().design
    packed, interior = core.locate_cells(design, np.asfortranarray(gates), n_threads)
    packed, gates = packed[interior], gates[interior]
    _, first = np.unique(packed, axis=0, return_index=True)
    return ChosenCells(Cells(packed[first], len(design), gates[first]), complete=False)


def own_cells(problem: TrainingProblem, network: Network, n_threads: int) -> ChosenCells:
    """Return the cells in which the neurons of a network lie."""
    points = np.asfortranarray(neurons_of(problem, network).vectors)
    packed = core.locate_cells(problem.design, points, n_threads)[0]
    if len(packed) == 0:
        raise ValueError("network has no neuron with an output weight, and so no patterns")
    return ChosenCells(Cells(np.unique(packed, axis=0), len(problem.design)), complete=False)


def with_own_cells(
    problem: TrainingProblem, chosen: ChosenCells, network: Network, n_threads: int
) -> ChosenCells:
    """Add the cells of a network's neurons to cells that stand for all."""
    if chosen.cells is None or chosen.seed is None or not network.output_weights.any():
        return chosen
    own = own_cells(problem, network, n_threads).cells
    assert own is not None
    return replace(chosen, cells=chosen.cells | own)


def bounds_every_cell_by(problem: TrainingProblem, n_threads: int) -> str:
    """Return the closest method that bounds what all cells could gain, at a price one can pay."""
    if problem.activation == THRESHOLD:
        return choose_cells(problem, "auto", 0, n_threads).method
    if has_closed_form(problem):
        return "spectral"
    return "branch_and_bound" if prices_every_cell(problem) else "relaxation"


def prices_every_cell(problem: TrainingProblem) -> bool:
    """Tell whether bounds over all cells without a list of them are affordable."""
    n, columns = problem.design.shape
    return bool(n <= _PRICED_ROWS.get(columns, 0))


def _every_cell(
    problem: TrainingProblem, exact: bool, n_threads: int, *, unpriced: bool
) -> ChosenCells | None:
    """Return all cells, listed or not, or None if there are too many for either way."""
    limit = _most_listed(problem, _EXACT_LIMIT if exact else _AUTO_LIMIT)
    n, columns = problem.design.shape
    priced = not unpriced and columns in _PRICED_ROWS and (exact or n <= _PRICED_ROWS[columns])
    unlisted = ChosenCells(None, complete=True) if priced else None
    if priced and problem.bias == "free":
        return unlisted  # the method for given cells suffers from the high column
    arrangement = core.Arrangement(problem.design)
    if priced:
        limit = min(limit, _LISTED)
    must_list = exact and not priced
    bound = zaslavsky_bound(arrangement.n_distinct, arrangement.rank)
    if not must_list and bound > HOPELESS * limit:
        return unlisted
    try:
        refuse_more_cells(arrangement, limit)
    except TooManyCells as error:
        if not must_list:
            return unlisted
        raise TooManyCells(
            f"patterns='exact': {error}; use patterns='auto' or a number of sampled cells, "
            "fewer samples, or fewer features"
        ) from None
    return _listed(problem, arrangement, n_threads)


def list_every_cell(problem: TrainingProblem, n_threads: int) -> ChosenCells:
    """List all cells; TooManyCells if there are more than "exact" agrees to list."""
    arrangement = core.Arrangement(problem.design)
    refuse_more_cells(arrangement, _most_listed(problem, _EXACT_LIMIT))
    return _listed(problem, arrangement, n_threads)


def _listed(problem: TrainingProblem, arrangement: core.Arrangement, n_threads: int) -> ChosenCells:
    cells = Cells(core.enumerate_cells(arrangement, "auto", True, n_threads), len(problem.design))
    return ChosenCells(_one_of_opposites(problem, cells), complete=True)


def _most_listed(problem: TrainingProblem, limit: int) -> int:
    """Return how many cells to list at most, given also the memory that their patterns take."""
    n_bytes = 8 * ((len(problem.design) + 63) // 64)
    return min(limit, _EXACT_BYTES // n_bytes)


def _one_of_opposites(problem: TrainingProblem, cells: Cells) -> Cells:
    """Keep one of each two opposite cells for the absolute value, where neurons u and -u agree."""
    rows = np.flatnonzero(problem.design.any(axis=1))
    if problem.activation != "abs" or len(rows) == 0:
        return cells
    bit = np.uint64(rows[0] % 64)
    return cells[(cells.packed[:, rows[0] // 64] >> bit & np.uint64(1)).astype(np.bool_)]
