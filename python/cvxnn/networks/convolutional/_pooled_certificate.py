"""A proved lower bound on what training with max pooling could reach."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn.networks._gap import HasGap
from cvxnn.networks._patches import Patches
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks.convolutional._pooled_program import listed_support
from cvxnn.networks.convolutional._pooled_support import relaxed_filter_support
from cvxnn.networks.convolutional._selections import PatchRows, Selections, every_selection
from cvxnn.networks.parallel._branch_certificate import support_on_all_data

__all__ = ["MOST_CELLS", "MaxPoolingCertificate", "price_filters"]

Array = NDArray[np.float64]

MOST_CELLS = 500_000  # of patches and their differences, that "exact" agrees to list


@dataclass(frozen=True, eq=False)
class MaxPoolingCertificate(HasGap):
    """How far a convolutional network with max pooling can be from the optimum of its training.

    Parameters
    ----------
    objective : float
        Training objective of the network itself, by its own forward pass.
    lower_bound : float
        No network within `scope` has a smaller objective.
    scope : {"global", "patterns"}
        "global": no network of any width is below `lower_bound`. "patterns": none whose filters
        take the given patches, rounded to 52 binary digits, is.
    method : {"cells", "patterns", "relaxation"}
        How the bound was proved: by a list of all selections of patches, of those given, or by a
        semidefinite relaxation (valid for any data, but loose).
    n_cells : int
        Number of selections in the convex program that was solved.
    dual : ndarray of shape (n, C)
        The feasible point of the dual problem whose value is `lower_bound`.
    beta, loss, bias, delta : float, str, str, float
        The training problem.
    patches : Patches
        What filters see of each sample.
    cells : Selections or None
        The selections that a bound of scope "patterns" is about.
    rank : int or None
        How many singular directions of the patches the network was trained on; the bound is for all
        of them.
    """

    objective: float
    lower_bound: float
    scope: str
    method: str
    n_cells: int
    dual: Array = field(repr=False)
    beta: float
    loss: str
    bias: str
    delta: float
    patches: Patches = field(repr=False)
    cells: Selections | None = field(default=None, repr=False)
    rank: int | None = None

    def verify(self, X: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None) -> bool:
        """Prove the lower bound again, from the dual vector and the data alone.

        Weak duality: a vector v with ``|v . max_k (X_k u)_+| <= beta`` for every u of unit norm
        bounds the objective of every network from below by ``-L*(v)`` (after Ergen and Pilanci,
        arXiv 2006.14798).

        Parameters
        ----------
        X : array-like of shape (n, d)
            The training inputs.
        y : array-like of shape (n,) or (n, C)
            The targets as the loss sees them: -1 and 1, or one-hot, for classifiers.
        sample_weight : array-like of shape (n,), optional
            The weights used in training.

        Returns
        -------
        bool
            Whether the bound holds, up to a relative 1e-9 for rounding.
        """
        problem = TrainingProblem.from_arrays(
            X,
            y,
            loss=self.loss,
            delta=self.delta,
            beta=self.beta,
            bias=self.bias,
            sample_weight=sample_weight,
            patches=self.patches,
            rank=self.rank,
        )
        shape = problem.n_all, problem.n_outputs
        if self.dual.shape != shape or not np.isfinite(self.dual).all():
            return False
        v, rows = problem.gather(self.dual), PatchRows.of(problem)
        cells = self.cells
        if cells is not None:
            if cells.chosen.shape[1] != problem.n_all:
                return False
            cells = cells.with_samples(problem.first_sample)
        elif self.method == "cells":
            cells = every_selection(rows.rows, MOST_CELLS, 1)
        support = price_filters(problem, rows, cells, v)
        proved, _ = problem.bound_from(v, support)
        return bool(proved >= self.lower_bound - 1e-9 * abs(self.lower_bound))


def price_filters(
    problem: TrainingProblem,
    patches: PatchRows,
    cells: Selections | None,
    v: Array,
    *,
    n_threads: int = 1,
) -> float:
    """Bound what filters of given selections gain at v, or without these any; beta at least."""

    def on_design(problem: TrainingProblem, floor: float) -> float:
        if cells is None:
            return relaxed_filter_support(problem, v, floor)
        problem = replace(problem, beta=floor)
        return listed_support(problem, patches, cells, v, n_threads=n_threads)

    return support_on_all_data(problem, 1.0, v, on_design)
