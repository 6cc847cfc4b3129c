"""The program over many given cells: over a few of them, which grow by those that could gain."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cvxnn.arrangements import Cells
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._program import HISTORY, OnRound
from cvxnn.networks.hidden_norms._hidden_norm import HiddenNorm
from cvxnn.networks.hidden_norms._norm_blocks import cell_supports, most_cells
from cvxnn.networks.hidden_norms._norm_program import NormSolution, solve_over_cells

__all__ = ["solve_by_rounds"]

Array = NDArray[np.float64]

_AT_ONCE = 1_000  # cells, up to which there are no rounds
_FIRST = 200  # cells of the first round
_ADDED = 200  # in each other
_ROUNDS = 100
_INNER = 0.3  # part of the tolerance for the program over a few


def solve_by_rounds(
    problem: TrainingProblem,
    norm: HiddenNorm,
    cells: Cells,
    *,
    tol: float,
    max_time: float | None,
    n_threads: int,
    on_round: OnRound | None = None,
) -> NormSolution:
    """Solve the program over the given cells: by rounds of pricing all of them if they are many."""
    most = most_cells(problem, norm)
    first, added = min(_FIRST, most), min(_ADDED, most)
    if cells.n_cells <= min(_AT_ONCE, most):
        return solve_over_cells(
            problem,
            norm,
            cells,
            tol=tol,
            max_time=max_time,
            n_threads=n_threads,
            on_round=on_round,
        )
    start = time.monotonic()
    chosen = np.zeros(cells.n_cells, dtype=np.bool_)
    chosen[np.linspace(0, cells.n_cells - 1, first).astype(np.intp)] = True
    history: list[tuple[float, ...]] = []
    objective, bound, status = np.inf, -np.inf, "iteration_limit"
    for round_ in range(_ROUNDS):
        left = None if max_time is None else max(1e-3, max_time - (time.monotonic() - start))
        solution = solve_over_cells(
            problem, norm, cells[chosen], tol=_INNER * tol, max_time=left, n_threads=n_threads
        )
        value = solution.neurons.objective(problem, norm)
        if round_ == 0 or value < objective:
            best, objective = solution, value
        proved, feasible, supports = -np.inf, solution.dual, np.zeros(cells.n_cells)
        if max_time is None or time.monotonic() - start <= max_time:
            supports = cell_supports(
                problem, norm, cells, solution.dual, resolved=added, n_threads=n_threads
            )
            largest = max(problem.beta, float(supports.max()))
            proved, feasible = problem.bound_from(solution.dual, largest)
        if round_ == 0 or proved > bound:
            dual, bound = feasible, proved
        seconds = time.monotonic() - start
        history.append((seconds, objective, bound, float(len(best.neurons))))
        step = dict(zip(HISTORY, history[-1], strict=True))
        new = np.flatnonzero(~chosen & (supports > problem.beta))
        stop = on_round is not None and on_round({"round": round_, **step})
        if objective - bound <= tol * abs(objective):
            status = "converged"
        elif stop:
            status = "stopped"
        elif max_time is not None and seconds > max_time:
            status = "time_limit"
        elif len(new) == 0:
            status = "stalled"
        if status != "iteration_limit":
            break
        chosen[new[np.argsort(-supports[new], kind="stable")[:added]]] = True
    rows = np.array(history, dtype=list(HISTORY.items()))
    return replace(best, dual=dual, n_cells=cells.n_cells, status=status, history=rows)
