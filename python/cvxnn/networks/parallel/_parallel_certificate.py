"""A proved lower bound on what training parallel three-layer networks could reach."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks.parallel._branch_certificate import (
    BranchCertificate,
    support_on_all_data,
    unlisted_support,
)
from cvxnn.networks.parallel._nested_cells import NestedCells, every_nested_cell, lumped_cells
from cvxnn.networks.parallel._nested_program import nested_support
from cvxnn.networks.parallel._parallel_model import ParallelModel

__all__ = ["ParallelCertificate", "all_cells", "support_of"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class ParallelCertificate(BranchCertificate):
    """How far a parallel three-layer network can be from the optimum of its training problem.

    Parameters
    ----------
    objective : float
        Training objective of the network itself, by its own forward pass.
    lower_bound : float
        No network within `scope` has a smaller objective.
    scope : {"global", "patterns"}
        "global": no network, of any number of branches with so many neurons, is below
        `lower_bound`. "patterns": none whose branches have the given patterns is.
    method : {"cells", "patterns", "branch_and_bound", "relaxation"}
        How the bound was proved: by a list of the patterns of both layers, all of them or those
        given, or for all of them from two-layer networks, priced by "branch_and_bound" or
        "relaxation" (valid, but loose).
    dual : ndarray of shape (n, C)
        The feasible point of the dual problem whose value is `lower_bound`.
    beta, loss, bias, delta : float, str, str, float
        The training problem.
    model : ParallelModel
        Its regulariser and the widths of branches.
    n_cells : int
        Number of patterns of both layers that were looked at.
    cells : NestedCells or None
        The patterns that a bound of scope "patterns" is about.
    rank : int or None
        How many singular directions of the data the method looked at; what the others can add is
        part of the bound.
    """

    n_cells: int
    model: ParallelModel
    cells: NestedCells | None = field(default=None, repr=False)

    def _support(self, problem: TrainingProblem, v: Array) -> float:
        cells = None
        if self.method == "cells":
            cells = all_cells(problem, self.model, 1)
        elif self.cells is not None:
            cells = self.cells.with_samples(problem.first_sample)
        return support_of(problem, self.model, cells, v, self.method)


def all_cells(
    problem: TrainingProblem, model: ParallelModel, n_threads: int, most: float = np.inf
) -> NestedCells:
    """Return every nested cell of a model; TooManyCells if that is too many, or more than `most`.

    For branches of any width there is no `most`.
    """
    if model.m1 is None:
        return lumped_cells(problem.design, n_threads)
    return every_nested_cell(problem.design, model.m1, n_threads, most)


def support_of(
    problem: TrainingProblem,
    model: ParallelModel,
    cells: NestedCells | None,
    v: Array,
    method: str,
    *,
    n_threads: int = 1,
) -> float:
    """Bound what branches gain at v by the method that a certificate names; beta at least."""

    def on_design(problem: TrainingProblem, floor: float) -> float:
        if method not in ("cells", "patterns"):
            return unlisted_support(problem, model.spread, v, method, floor)
        assert cells is not None
        supports = nested_support(problem, model, cells, v, floor, n_threads=n_threads)
        return float(supports.max(initial=0.0))

    return support_on_all_data(problem, model.spread, v, on_design)
