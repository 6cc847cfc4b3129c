"""The group lasso with coefficients in the cones of their cells, by the solver of networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvxnn._native import core
from cvxnn.group_lasso._options import Options
from cvxnn.group_lasso._problem import Problem

__all__ = ["critical_alpha_with_cones", "solve_path_with_cones"]

Array = NDArray[np.float64]
OnProgress = Callable[[Mapping[str, Any]], bool]

_NO_COEFFICIENTS = 1e300  # an alpha for which all of them are zero


def critical_alpha_with_cones(problem: Problem, n_threads: int) -> float:
    """Return the smallest alpha at which W = 0 is optimal, or a number just above it."""
    support = core.max_support(
        _samples(problem),
        problem.X.cells.packed,
        np.ascontiguousarray(_without_coefficients(problem, n_threads)["dual"][:, 0]),
        threshold=0.0,
        cones=True,
        both_signs=False,
        n_threads=n_threads,
    )
    return float(support / problem.group_weights[0])


def solve_path_with_cones(
    problem: Problem, alphas: list[float], options: Options, on_progress: OnProgress | None
) -> list[dict[str, Any]]:
    """Solve for decreasing alphas, each from the one before; results as `solve_group_lasso` has.

    The tolerance is relative to the objective, which is not above that of W = 0.
    """
    null = _without_coefficients(problem, options.n_threads)
    weight = problem.sample_weight / problem.sample_weight.sum()
    samples, packed = _samples(problem), problem.X.cells.packed
    deadline = np.inf if options.max_time is None else monotonic() + options.max_time
    start, results = None, []
    for number, alpha in enumerate(alphas):
        beta = alpha * problem.group_weights[0]
        raw = core.solve_cone_program(
            samples,
            packed,
            problem.y,
            weight,
            loss=problem.loss,
            delta=problem.delta,
            free_offset=problem.fit_intercept,
            beta=max(beta, 1e-300),
            cones=True,
            both_signs=False,
            start=start,
            tol=options.tol,
            max_rounds=options.max_iter,
            max_seconds=max(deadline - monotonic(), 1e-6),
            n_threads=options.n_threads,
            on_round=None if on_progress is None else _reporting(on_progress, number, null),
        )
        start = (raw["weights"], raw["signs"], raw["targets"], raw["cells"], packed)
        results.append(_as_lasso_result(problem, raw, null, options.n_threads))
    return results


def _samples(problem: Problem) -> Array:
    samples: Array = np.asfortranarray(problem.X.X, dtype=np.float64)
    return samples


def _reporting(
    on_progress: OnProgress, number: int, null: dict[str, Any]
) -> Callable[[dict[str, Any]], bool]:
    """Return a callback for rounds that tells what the group lasso tells."""

    def on_round(step: dict[str, Any]) -> bool:
        gap = max(0.0, step["objective"] - step["lower_bound"])
        return on_progress(
            {
                "alpha_number": number,
                "n_iter": step["round"],
                "seconds": step["seconds"],
                "objective": step["objective"],
                "relative_gap": _share(gap, null),
            }
        )

    return on_round


def _as_lasso_result(
    problem: Problem, raw: dict[str, Any], null: dict[str, Any], n_threads: int
) -> dict[str, Any]:
    d = problem.X.X.shape[1]
    cells = np.array(raw["cells"], dtype=np.int64)
    order = np.argsort(cells, kind="stable")
    columns = (cells[order, None] * d + np.arange(d)).ravel()
    values = raw["weights"][order].reshape(-1, 1)
    gap = max(0.0, raw["objective"] - raw["lower_bound"])
    intercept = np.zeros(1)
    if problem.fit_intercept:
        coefficients = np.zeros((problem.X.shape[1], 1))
        coefficients[columns] = values
        outputs = np.asfortranarray(problem.X @ coefficients)
        intercept = _without_coefficients(problem, n_threads, outputs)["intercept"]
    return {
        "columns": columns,
        "values": values,
        "intercept": intercept,
        "objective": raw["objective"],
        "dual_gap": gap,
        "relative_gap": _share(gap, null),
        "dual": raw["dual"],
        "n_iter": len(raw["history"]),
        "status": raw["status"],
    }


def _share(gap: float, null: dict[str, Any]) -> float:
    """Return the gap relative to the objective without coefficients."""
    return gap / null["objective"] if null["objective"] > 0.0 else gap


def _without_coefficients(
    problem: Problem, n_threads: int, offset: Array | None = None
) -> dict[str, Any]:
    """Return the solution of W = 0: its intercept, objective and dual vector."""
    result: dict[str, Any] = core.solve_group_lasso(
        problem.design(),
        problem.y,
        **problem.core_arguments(),
        offset=offset,
        alphas=[_NO_COEFFICIENTS],
        l1=0.0,
        l2=0.0,
        positive=False,
        tol=1e-12,
        max_iter=1,
        max_seconds=np.inf,
        n_threads=n_threads,
    )[0]
    return result
