"""What proved bounds for parallel networks have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn.networks._gap import HasGap
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._support import one_sided_support

__all__ = [
    "BranchCertificate",
    "TrainedBranches",
    "proved_dual",
    "support_on_all_data",
    "unlisted_support",
]

Array = NDArray[np.float64]

_ROUNDING = 1e-9  # relative


@dataclass(frozen=True, eq=False, kw_only=True)
class BranchCertificate(HasGap):
    """An objective of a parallel network, and a dual vector that proves a lower bound of it."""

    objective: float
    lower_bound: float
    scope: str
    method: str
    dual: Array = field(repr=False)
    beta: float
    loss: str
    bias: str
    delta: float
    model: Any  # with the `strength` of its regulariser
    rank: int | None = None  # of a projection

    def verify(self, X: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None) -> bool:
        """Prove the lower bound again, from the dual vector and the data alone.

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
            beta=self.beta * self.model.strength,
            bias=self.bias,
            sample_weight=sample_weight,
            rank=self.rank,
        )
        shape = problem.n_all, problem.n_outputs
        if self.dual.shape != shape or not np.isfinite(self.dual).all():
            return False
        if (self.scope == "patterns") != (self.method == "patterns"):
            return False
        v = problem.gather(self.dual)
        proved, _ = problem.bound_from(v, self._support(problem, v))
        return bool(proved >= self.lower_bound - _ROUNDING * abs(self.lower_bound))

    def _support(self, problem: TrainingProblem, v: Array) -> float:
        """Bound what branches of norm one gain at v; the strength of the problem at least."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class TrainedBranches:
    """What a fit produces."""

    network: Any
    certificate: BranchCertificate
    status: str
    history: NDArray[np.void]
    guaranteed_ratio: float | None = None  # with a projection


def proved_dual(
    problem: TrainingProblem, v: Array, price: Callable[[Array], float]
) -> tuple[float, Array]:
    """Return the bound that v proves, and v as the certificate has it, over samples."""
    _, feasible = problem.bound_from(v, price(v))
    # as it will be verified: at another length of v, rounding is another
    dual = problem.spread(feasible)
    v = problem.gather(dual)
    bound, _ = problem.bound_from(v, price(v))
    return bound, dual


def support_on_all_data(
    problem: TrainingProblem,
    spread: float,
    v: Array,
    support: Callable[[TrainingProblem, float], float],
) -> float:
    """Bound what branches gain at v, the strength of the problem at least.

    `support` bounds it for a design, and need not resolve what is below a floor. First-layer
    neurons leave out of the directions of a projection as much as their norms, times the moduli of
    the weights on the paths from them, add up to, `spread` at most: later layers pass on changes
    times numbers between zero and these weights.
    """
    projection, floor = problem.projection, problem.beta
    if projection is None:
        return max(problem.beta, support(problem, floor))
    floor = projection.without_rest(floor, v, spread)
    seen = support(replace(problem, projection=None), floor)
    return max(problem.beta, projection.with_rest(seen, v, spread))


def unlisted_support(
    problem: TrainingProblem, spread: float, v: Array, method: str, floor: float
) -> float:
    """Bound what any branch gains at v, none of their cells listed.

    A branch is at most the sum, over paths of positive weights, of the first-layer neurons that
    they begin at times these weights, and only samples where v has the sign of its gain count. So
    the gain is at most that of two-layer neurons at the positive or the negative part of v, times
    the `spread` of the model.
    """
    return spread * one_sided_support(problem, v, floor / spread, method)
