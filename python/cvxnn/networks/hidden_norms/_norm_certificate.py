"""A proved lower bound on what training under another norm of hidden weights could reach."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn.arrangements import Cells
from cvxnn.networks._chosen_cells import list_every_cell
from cvxnn.networks._gap import HasGap
from cvxnn.networks._problem import TrainingProblem, cells_of_rows
from cvxnn.networks._support import support_bound
from cvxnn.networks.hidden_norms._hidden_norm import HiddenNorm, hidden_norm
from cvxnn.networks.hidden_norms._norm_blocks import cell_supports

__all__ = ["NormCertificate", "support_of"]

Array = NDArray[np.float64]

_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class NormCertificate(HasGap):
    """How far a network can be from the optimum, for another norm N of hidden weights.

    Parameters
    ----------
    objective : float
        Training objective of the network itself, by its own forward pass.
    lower_bound : float
        No network within `scope` has a smaller objective.
    scope : {"global", "patterns"}
        "global": no network of any width is below `lower_bound`. "patterns": no network whose
        neurons have the given activation patterns on the training data is.
    method : {"cells", "patterns", "branch_and_bound", "relaxation"}
        How the bound was proved: by a list of every cell, for the given patterns, or for all of
        them from the Euclidean norm, N(u) being at least a multiple of it, priced by
        "branch_and_bound" or "relaxation", or from the corners of a hull of N(u) <= 1, whichever is
        closer (valid, but loose).
    n_cells : int
        Number of cells in the convex program that was solved.
    dual : ndarray of shape (n, C)
        The feasible point of the dual problem whose value is `lower_bound`.
    beta, loss, bias, delta : float, str, str, float
        The training problem.
    hidden_norm : {"l1", "linf", "circular"}
        N: the sum of moduli, the largest modulus, or what weights of a circular convolution and a
        dense layer cost.
    cells : Cells or None
        The patterns that a bound of scope "patterns" is about.
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
    hidden_norm: str
    cells: Cells | None = field(default=None, repr=False)

    def verify(self, X: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None) -> bool:
        """Prove the lower bound again, from the dual vector and the data alone.

        A vector v with ``|v . (X u)_+| <= beta`` for every u with N(u) <= 1 bounds the objective of
        every network from below by ``-L*(v)`` (weak duality, after Pilanci and Ergen, arXiv
        2002.10553, eq. 8).

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
        )
        shape = problem.n_all, problem.n_outputs
        if self.dual.shape != shape or not np.isfinite(self.dual).all():
            return False
        v = problem.gather(self.dual)
        norm = hidden_norm(self.hidden_norm, problem.design.shape[1])
        cells = None if self.cells is None else cells_of_rows(problem, self.cells)
        proved, _ = problem.bound_from(v, support_of(problem, norm, cells, v, self.method))
        return bool(proved >= self.lower_bound - 1e-9 * abs(self.lower_bound))


def support_of(
    problem: TrainingProblem,
    norm: HiddenNorm,
    cells: Cells | None,
    v: Array,
    method: str,
    *,
    patient: bool = True,
    n_threads: int = 1,
) -> float:
    """Bound max ``|v . (X u)_+|`` over N(u) <= 1 as a certificate names it; beta at least.

    For method "cells" they are listed if they are not given. With patience a relaxation takes more
    steps, until it is at beta: enough to find a bound again that it found without.
    """
    if method == "cells" and cells is None:
        cells = list_every_cell(problem, n_threads).cells
    if cells is not None:
        supports = cell_supports(problem, norm, cells, v, resolved=1, n_threads=n_threads)
        return max(problem.beta, float(supports.max(initial=0.0)))
    support = _hull_support(problem, norm, v)
    if support > problem.beta:
        outwards = norm.euclidean * (1.0 + 4.0 * _EPSILON)
        floor = problem.beta / outwards if patient or method != "relaxation" else 0.0
        support = min(support, outwards * support_bound(problem, v, floor, method))
    return max(problem.beta, support)


def _hull_support(problem: TrainingProblem, norm: HiddenNorm, v: Array) -> float:
    """Bound the same by the corners of a hull; infinite where they are too many.

    It is at most the larger of the maxima for the positive and the negative entries of v, each of a
    convex function of u, which is largest at a corner.
    """
    corners = norm.corners()
    if corners is None:
        return np.inf
    design, exponent = problem.scaled_design()
    hidden = np.maximum(corners @ design.T, 0.0) + norm.rounding(design)
    parts = np.column_stack([np.maximum(v, 0.0), np.maximum(-v, 0.0)])
    sums = (1.0 + (len(v) + 8.0) * _EPSILON) * (hidden @ parts)
    return float(np.ldexp(sums.max(initial=0.0), exponent))
