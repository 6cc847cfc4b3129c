"""What training on a few singular directions can cost, at most."""

from __future__ import annotations

import numpy as np

from cvxnn.networks._low_rank import Projection
from cvxnn.networks._problem import TrainingProblem

__all__ = ["guaranteed_ratio"]


def guaranteed_ratio(
    problem: TrainingProblem, objective: float, projected_bound: float, spread: float = 1.0
) -> float | None:
    """Bound an objective over the optimum p* on all data, by the optimum p_k on projected data.

    None without a projection.

    `projected_bound` is a lower bound on p_k. In the span, a vector u of an optimal network leaves
    the part r behind. This changes outputs by at most ``sigma ||r||``, with sigma what is left out
    of the data, and makes the penalty smaller, because ``||u||^2`` is that of the two parts
    together. So ``p_k <= sqrt(p*^2 + g^2)`` if the loss gains at most g where outputs change by
    ``e = sigma p* / beta``: ``g = R e`` for losses with Lipschitz constant R, and ``sqrt(2 p*) e +
    e^2 / 2`` for squares. From that p* is found by bisection. (After Ergen and Pilanci, arXiv
    2312.12657 and 2110.09548, with one factor instead of its square, because weights in the span
    see the same outputs on all data, and a smaller one, because the two parts are orthogonal.)
    """
    if problem.projection is None:
        return None
    least = _least_optimum(problem, problem.projection, spread, projected_bound)
    if least > 0.0:
        return objective / least
    return 1.0 if objective == 0.0 else np.inf


def _least_optimum(
    problem: TrainingProblem, projection: Projection, spread: float, projected: float
) -> float:
    """Return the p at which the bound on p_k is `projected`, or a number just below."""
    loss, weight, beta = problem.loss, problem.weight, problem.beta / spread
    separate = 1 if loss.one_hot else problem.n_outputs  # losses that a sample has

    def gain(p: float, change: float) -> float:
        if loss.lipschitz < np.inf:
            steepest = loss.lipschitz * float(np.sqrt(separate))
            return steepest * float(np.linalg.norm(weight)) * change
        change *= float(np.sqrt(weight.max()))
        return float(np.sqrt(2.0 * p)) * change + 0.5 * change * change

    def raised(p: float) -> float:
        change, rounding = projection.discarded / beta * p, projection.rounding / beta * p
        in_span = gain(p, change + rounding) - gain(p, change)
        return float(np.hypot(p, gain(p, change))) + in_span

    low, high = 0.0, max(0.0, projected)
    while low < (middle := 0.5 * (low + high)) < high:
        if raised(middle) <= projected:
            low = middle
        else:
            high = middle
    return low
