"""The convex program over given branches of a parallel network: a Lasso over their outputs."""

from __future__ import annotations

from time import monotonic

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from cvxnn.group_lasso._options import Options
from cvxnn.group_lasso._problem import Problem
from cvxnn.group_lasso._solving import solve_path
from cvxnn.networks._problem import TrainingProblem

__all__ = ["best_heights"]

Array = NDArray[np.float64]

_ITERATIONS = 2000
_PASSES = 30  # over the classes of the cross-entropy, which couples them


def best_heights(
    problem: TrainingProblem,
    hidden: Array,
    heights: Array,
    *,
    tol: float,
    max_time: float | None,
    n_threads: int,
) -> Array:
    """Minimise ``L(H w) + beta ||w||_1`` over w of shape (K, C), from `heights`.

    `hidden` has the outputs of branches as rows, (K, n). For the cross-entropy of several classes
    one class after the other is a logistic problem, in which the others are an offset.
    """
    heights = heights.copy()
    scale = np.abs(hidden).max(axis=1)
    used = np.flatnonzero(scale > 0.0)
    heights[scale == 0.0] = 0.0
    if len(used) == 0:
        return heights
    H = np.asfortranarray(hidden[used].T)
    alpha = problem.beta / float(problem.weight.sum())
    options = Options(tol, _ITERATIONS, max_time, n_threads)
    several = problem.loss.one_hot
    before, start = np.inf, monotonic()

    def late() -> bool:
        return max_time is not None and monotonic() - start > max_time

    for _ in range(_PASSES):
        for c in range(problem.n_outputs):
            y, offset, loss = problem.y.reshape(len(H), -1)[:, c], None, problem.loss.name
            if several:
                f = H @ heights[used]
                y, loss = 2.0 * y - 1.0, "logistic"
                offset = -np.asarray(logsumexp(np.delete(f, c, axis=1), axis=1))
            if problem.loss.degree == 0 and np.all(y == y[0]):
                continue  # no height is best for certain
            heights[used, c] = _lasso(H, y, loss, offset, alpha, problem, heights[used, c], options)
        if not several or late():
            break
        now = problem.loss.value(H @ heights[used], problem.y, problem.weight_like_y)
        now += problem.beta * float(np.abs(heights).sum())
        if before - now <= tol * abs(now):
            break
        before = now
    return heights


def _lasso(
    H: Array,
    y: Array,
    loss: str,
    offset: Array | None,
    alpha: float,
    problem: TrainingProblem,
    start: Array,
    options: Options,
) -> Array:
    lasso = Problem.from_arrays(
        H,
        y,
        groups=1,
        weights=np.ones(H.shape[1]),
        loss=loss,
        delta=problem.loss.delta,
        fit_intercept=False,
        sample_weight=problem.weight,
        offset=offset,
    )
    point = lasso.start(start[None], np.zeros(1))
    (solution,) = solve_path(lasso, np.array([alpha]), options, start=point)
    return np.asarray(solution.coefficients(H.shape[1])[0])
