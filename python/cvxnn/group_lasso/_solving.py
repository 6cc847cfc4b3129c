"""Solutions of a group-lasso problem by the core."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvxnn._native import core
from cvxnn.group_lasso._cones import critical_alpha_with_cones, solve_path_with_cones
from cvxnn.group_lasso._masked import MaskedDesign
from cvxnn.group_lasso._options import Options
from cvxnn.group_lasso._problem import Problem

__all__ = ["Options", "Solution", "critical_alpha", "linear_outputs", "solve_path"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Solution:
    """A point for one alpha, its non-zero groups only, and how good it is."""

    alpha: float
    columns: NDArray[np.int64]  # (nnz,)
    values: Array  # (nnz, K)
    intercept: Array  # (K,)
    objective: float
    dual_gap: float
    relative_gap: float
    n_iter: int
    status: str
    dual: Array | None  # (n, K), which proves the gap; only if asked for

    def coefficients(self, n_columns: int) -> Array:
        """Return all of W as shape (K, n_columns)."""
        dense = np.zeros((self.values.shape[1], n_columns))
        dense[:, self.columns] = self.values.T
        return dense

    def outputs(self, X: Any) -> Array:
        """Return X W + b, shape (n, K)."""
        return linear_outputs(X, self.columns, self.values, self.intercept)


def linear_outputs(X: Any, columns: NDArray[Any], values: Array, intercept: Array) -> Array:
    """Return X W + b, shape (n, K), for W with the given rows and zeros elsewhere."""
    if isinstance(X, MaskedDesign):
        weights = np.zeros((X.shape[1], values.shape[1]))
        weights[columns] = values
        return np.asarray(X @ weights + intercept)
    return np.asarray(X[:, columns] @ values + intercept)


def critical_alpha(problem: Problem, n_threads: int) -> float:
    """Return the smallest alpha at which W = 0 is optimal."""
    if problem.cones:
        alpha = critical_alpha_with_cones(problem, n_threads)
        return float(np.ldexp(alpha, problem.exponent))
    alpha = core.group_lasso_alpha_max(
        problem.design(),
        problem.y,
        **problem.core_arguments(),
        offset=problem.offset,
        l1=_scaled_down(problem.l1, problem.exponent),
        positive=problem.positive,
        n_threads=n_threads,
    )
    return float(np.ldexp(alpha, problem.exponent))


def solve_path(
    problem: Problem,
    alphas: Array,
    options: Options,
    *,
    start: tuple[NDArray[np.int64], Array, Array] | None = None,
    on_progress: Callable[[Mapping[str, Any]], bool] | None = None,
    keep_dual: bool = False,
) -> list[Solution]:
    """Solve for decreasing alphas, each from the solution before it."""
    e = problem.exponent
    scaled_alphas = [_scaled_down(alpha, e) for alpha in alphas]
    if problem.cones:
        results = solve_path_with_cones(problem, scaled_alphas, options, on_progress)
    else:
        results = _solved_by_core(problem, scaled_alphas, options, start, on_progress)
    return [
        Solution(
            alpha=float(alpha),
            columns=raw["columns"],
            values=np.ldexp(raw["values"], e),
            intercept=_intercept(problem, np.ldexp(raw["intercept"], e)),
            objective=float(np.ldexp(raw["objective"], 2 * e)),
            dual_gap=float(np.ldexp(raw["dual_gap"], 2 * e)),
            relative_gap=float(raw["relative_gap"]),
            n_iter=int(raw["n_iter"]),
            status=raw["status"],
            dual=np.ldexp(raw["dual"], e) if keep_dual else None,
        )
        for alpha, raw in zip(alphas, results, strict=True)
    ]


def _solved_by_core(
    problem: Problem,
    alphas: list[float],
    options: Options,
    start: tuple[NDArray[np.int64], Array, Array] | None,
    on_progress: Callable[[Mapping[str, Any]], bool] | None,
) -> list[dict[str, Any]]:
    e = problem.exponent
    if start is not None:
        columns, values, intercept = start
        start = (columns, np.ldexp(values, -e), np.ldexp(intercept - problem.centre, -e))
    results: list[dict[str, Any]] = core.solve_group_lasso(
        problem.design(),
        problem.y,
        **problem.core_arguments(),
        offset=problem.offset,
        alphas=alphas,
        l1=_scaled_down(problem.l1, e),
        l2=problem.l2,
        positive=problem.positive,
        tol=options.tol,
        max_iter=options.max_iter,
        max_seconds=np.inf if options.max_time is None else options.max_time,
        n_threads=options.n_threads,
        start=start,
        on_progress=on_progress,
    )
    return results


def _intercept(problem: Problem, intercept: Array) -> Array:
    """Undo centring; the shift that all intercepts of a softmax have in common is set to zero."""
    open_shift = float(intercept.mean()) if problem.loss == "multinomial" else 0.0
    return intercept + problem.centre - open_shift


def _scaled_down(strength: float, exponent: int) -> float:
    """Divide a strength of the penalty by 2^exponent, within what a double can hold."""
    return float(np.clip(np.ldexp(strength, -exponent), 1e-300, 1e300)) if strength else 0.0
