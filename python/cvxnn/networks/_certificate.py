"""A proved lower bound on what training could reach, and the dual vector that proves it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn.arrangements import Cells
from cvxnn.networks._gap import HasGap
from cvxnn.networks._patches import Patches
from cvxnn.networks._problem import TrainingProblem, cells_of_rows
from cvxnn.networks._support import support_bound

__all__ = ["Certificate"]

_FOR_EVERY_CELL = ("branch_and_bound", "cells", "relaxation", "spectral")


@dataclass(frozen=True, eq=False)
class Certificate(HasGap):
    """How far a network can be from the optimum of its training problem.

    Parameters
    ----------
    objective : float
        Training objective of the network itself, by its own forward pass.
    lower_bound : float
        No network within `scope` has a smaller objective.
    scope : {"global", "patterns"}
        "global": no network of any width is below `lower_bound`. "patterns": no network whose
        neurons have the given activation patterns on the training data is.
    method : {"branch_and_bound", "cells", "patterns", "relaxation", "spectral"}
        How the bound was proved: for every cell without a list of them, by a list of every cell,
        for the given patterns, by a semidefinite relaxation (valid for any data, but loose; for
        thresholds, sums over the positive and the negative entries of `dual`), or by the largest
        singular value of the data, where their rows are orthogonal and of one length.
    n_cells : int
        Number of cells in the convex program that was solved: with "branch_and_bound" and
        "relaxation" a few, chosen from all.
    dual : ndarray of shape (n, C)
        The feasible point of the dual problem whose value is `lower_bound`.
    beta, loss, bias, delta, activation, negative_slope : float, str, str, float, str, float
        The training problem.
    gated : bool
        Whether the bound is for gated ReLU networks.
    cells : Cells or None
        The patterns that a bound of scope "patterns" is about.
    rank : int or None
        How many singular directions of the data, or of patches, the method looked at; what the
        others can add is part of the bound.
    patches : Patches or None
        What filters see of each sample, for convolutional networks.
    output_norm : {"l1", "l2"}
        The norm of output weights in the weight decay.
    """

    objective: float
    lower_bound: float
    scope: str
    method: str
    n_cells: int
    dual: NDArray[np.float64] = field(repr=False)
    beta: float
    loss: str
    bias: str
    delta: float = 1.0
    activation: str = "relu"
    negative_slope: float = 0.0
    gated: bool = False
    cells: Cells | None = field(default=None, repr=False)
    patches: Patches | None = field(default=None, repr=False)
    rank: int | None = None
    output_norm: str = "l1"

    def verify(self, X: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None) -> bool:
        """Prove the lower bound again, from the dual vector and the data alone.

        Weak duality (Pilanci and Ergen, arXiv 2002.10553, eq. 8): a vector v with
        ``|v . phi(X u)| <= beta`` for every u of unit norm bounds the objective of every network
        from below by ``-L*(v)``; with free biases the norm is that of the weights alone, and v must
        sum to zero. For thresholds the constraints are those of the Lasso over the patterns of all
        cells (Ergen et al., arXiv 2303.03382): ``|sum_k v_k| <= beta``, over the samples on which a
        pattern is active. Where output weights have the Euclidean norm, they are ``||V' phi(X u)||
        <= beta`` (Sahiner et al., arXiv 2012.13329).

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
        problem = self.problem(X, y, sample_weight=sample_weight)
        own = self.scope == self.method == "patterns" and self.cells is not None
        everywhere = self.scope == "global" and self.method in _FOR_EVERY_CELL
        if not (own or everywhere) or not self.fits(problem):
            return False
        v = problem.gather(self.dual)
        cells = None if self.cells is None else cells_of_rows(problem, self.cells)
        support = support_bound(problem, v, self.beta, self.method, cells, gated=self.gated)
        proved, _ = problem.bound_from(v, max(support, self.beta))
        return bool(proved >= self.lower_bound - 1e-9 * abs(self.lower_bound))

    def fits(self, problem: TrainingProblem) -> bool:
        """Tell whether the dual vector is one for as many samples and outputs."""
        shape = problem.n_all, problem.n_outputs
        return self.dual.shape == shape and bool(np.isfinite(self.dual).all())

    def problem(
        self, X: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None
    ) -> TrainingProblem:
        """Return the training problem that the bound is for, on its data."""
        return TrainingProblem.from_arrays(
            X,
            y,
            loss=self.loss,
            delta=self.delta,
            beta=self.beta,
            bias=self.bias,
            activation=self.activation,
            negative_slope=self.negative_slope,
            sample_weight=sample_weight,
            patches=self.patches,
            rank=self.rank,
            output_norm=self.output_norm,
        )
