"""The convex program of narrow networks on one feature: a Lasso over ramps, found by pricing."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.sparse import csr_array

from cvxnn._threads import thread_count
from cvxnn.group_lasso._options import Options
from cvxnn.group_lasso._problem import Problem
from cvxnn.group_lasso._solving import solve_path
from cvxnn.networks._least_squares import best_multiple
from cvxnn.networks.narrow._ramps import Pairs, matched, primitive, support, violated

__all__ = ["Knots", "RampFit", "least_ramps"]

Array = NDArray[np.float64]

_INNER_ITERATIONS = 2000
_SHARE = 0.1  # of the gap so far that the solver may leave, less where nothing else is to gain
_LEAST_SHARE = 1e-7
_ROUNDING = 1e-14  # of targets: a root mean square residual that is zero but for it
_NEARLY = 0.99  # of the limit: ramps without height that are kept


@dataclass(frozen=True, eq=False)
class Knots:
    """Samples of one feature as its distinct values, in increasing order.

    Samples of equal x are one, of their weights and mean target; `apart` is what they lose by it.
    """

    x: Array  # (m,)
    weight: Array  # (m,), positive
    y: Array  # (m,), less `mean`
    mean: float
    apart: float
    zero: float  # a loss that is zero but for rounding
    samples: tuple[Array, Array, NDArray[np.intp]]  # weights, targets less mean, and their knots

    @classmethod
    def of(cls, x: Array, y: Array, weight: Array) -> Knots:
        """Sort and merge samples, all of positive weight."""
        mean = float(np.average(y, weights=weight))
        zero = 0.5 * float(np.sum(weight * (_ROUNDING * y) ** 2))
        y = y - mean
        knots, place = np.unique(x, return_inverse=True)
        total = np.bincount(place, weight).astype(np.float64)
        means = np.bincount(place, weight * y) / total
        apart = 0.5 * float(np.sum(weight * (y - means[place]) ** 2))
        return cls(knots, total, means, mean, apart, zero, (weight, y, place))

    def loss(self, outputs: Array) -> float:
        """Return half the sum of squared errors, of samples."""
        return self.apart + 0.5 * float(np.sum(self.weight * (outputs - self.y) ** 2))


@dataclass(frozen=True, eq=False)
class RampFit:
    """A sum of ramps ``sum_k heights_k clip(x, knot_k0, knot_k1)`` and what duality says of it."""

    pairs: Pairs
    heights: Array
    outputs: Array  # at the knots, with the best constant, less the mean of the targets
    objective: float
    lower_bound: float
    dual: Array  # (samples,), feasible
    status: str
    n_iter: int


def least_ramps(
    data: Knots, beta: float, depth: int, tol: float, max_iter: int, max_time: float | None = None
) -> RampFit:
    """Minimise ``sum_k w_k (f_k - y_k)^2 / 2 + beta ||heights||_1`` over ramps, to a relative gap.

    All ramps are priced in time proportional to the number of knots; those violated join the few
    of the Lasso that is solved.
    """
    pairs, heights = np.zeros((0, 2), dtype=np.intp), np.zeros(0)
    outputs, share, status, n_iter = np.zeros(len(data.x)), _SHARE, "iteration_limit", 0
    lower_bound, dual, previous = -np.inf, np.zeros(0), np.inf
    deadline = np.inf if max_time is None else monotonic() + max_time
    while True:
        objective = data.loss(outputs) + beta * float(np.abs(heights).sum())
        phi = primitive(data.x, _balanced(data, data.weight * (outputs - data.y)))
        proved, v = _bound(data, outputs, beta, support(phi, depth))
        if proved > lower_bound:
            lower_bound, dual = proved, v
        gap = objective - lower_bound
        if gap <= max(tol * objective, data.zero):
            status = "converged"
        elif share < _LEAST_SHARE:
            status = "stalled"
        elif monotonic() >= deadline:
            status = "time_limit"
        if status != "iteration_limit" or n_iter >= max_iter:
            break
        n_iter += 1
        nearly = np.abs(phi[pairs[:, 0]] - phi[pairs[:, 1]]) > _NEARLY * beta
        used = nearly | (heights != 0.0)
        pairs, heights, n_new = _joined(pairs[used], heights[used], violated(phi, beta, depth))
        share = _SHARE if n_new and objective < previous else share * _SHARE
        previous = objective
        allowed = share * max(tol * objective, min(gap, 1e-3 * objective))
        heights, outputs = _lasso(data, pairs, heights, beta, allowed, deadline)
        if depth > 2:
            pairs, heights = matched(pairs, heights)
    used = heights != 0.0
    return RampFit(
        pairs[used], heights[used], outputs, objective, lower_bound, dual, status, n_iter
    )


def _balanced(data: Knots, v: Array) -> Array:
    """Let a dual vector sum to zero to the last bit, as it does but for rounding."""
    return np.asarray(v - data.weight * (v.sum() / data.weight.sum()))


def _bound(data: Knots, outputs: Array, beta: float, largest: float) -> tuple[float, Array]:
    """Return the best bound by a multiple of the residuals of samples, and that dual vector."""
    weight, y, place = data.samples
    v = weight * (outputs[place] - y)
    v -= weight * (v.sum() / weight.sum())
    gain, size = -float(v @ y), float(v @ (v / weight))
    scale = best_multiple(gain, size, beta / largest if largest > 0.0 else np.inf)
    return scale * gain - 0.5 * scale**2 * size, scale * v


def _joined(pairs: Pairs, heights: Array, new: Pairs) -> tuple[Pairs, Array, int]:
    """Add the ramps that are not there yet, and tell how many these are."""
    known = set(map(tuple, pairs.tolist()))
    new = np.array([pair for pair in map(tuple, new.tolist()) if pair not in known], dtype=np.intp)
    if not len(new):
        return pairs, heights, 0
    return np.vstack([pairs, new]), np.concatenate([heights, np.zeros(len(new))]), len(new)


def _lasso(
    data: Knots, pairs: Pairs, heights: Array, beta: float, allowed: float, deadline: float
) -> tuple[Array, Array]:
    """Solve over these ramps; return heights and outputs.

    Between the nodes, where ramps begin or end, outputs are linear, so that the samples are as good
    as one row for each node: the loss is ``||R (f - f*)||^2 / 2`` and a constant, for values f at
    nodes and the Gram matrix R' R of their hat functions.
    """
    nodes = np.unique(np.concatenate([[0, len(data.x) - 1], pairs.ravel()]))
    hats = _hats(data.x, nodes)
    gram = (hats.T @ (hats * data.weight[:, None])).toarray()
    root = cholesky(gram)
    moments = hats.T @ (data.weight * data.y)
    target = solve_triangular(root, moments, trans="T")
    start = data.x[pairs[:, 0]]
    ramps = np.clip(data.x[nodes][:, None], start, data.x[pairs[:, 1]]) - start
    ramps -= (hats.T @ data.weight) @ ramps / data.weight.sum()  # in place of a constant
    zero = 0.5 * float(target @ target)
    left = None if np.isinf(deadline) else max(0.0, deadline - monotonic())
    options = Options(allowed / zero, _INNER_ITERATIONS, left, thread_count(None))
    problem = Problem.from_arrays(
        root @ ramps, target[:, None], groups=1, weights=np.ones(len(pairs)), fit_intercept=False
    )
    start_point = problem.start(heights[None], np.zeros(1))
    alphas = np.array([beta / len(nodes)])
    (solution,) = solve_path(problem, alphas, options, start=start_point)
    heights = solution.coefficients(len(pairs))[0]
    return heights, hats @ (ramps @ heights)


def _hats(x: Array, nodes: NDArray[np.intp]) -> csr_array:
    """Return the values at knots of the piecewise linear functions that are one at one node."""
    rows = np.arange(len(x))
    left = np.minimum(np.searchsorted(nodes, rows, side="right") - 1, len(nodes) - 2)
    ends = x[nodes]
    share = (x - ends[left]) / np.diff(ends)[left]
    values = np.concatenate([1.0 - share, share])
    places = np.tile(rows, 2), np.concatenate([left, left + 1])
    return csr_array((values, places), shape=(len(x), len(nodes)))
