"""Networks of thresholds 1[w . x + b > 0]: a Lasso over the patterns of cells."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvxnn.arrangements import Cells
from cvxnn.arrangements._witnesses import find_witnesses
from cvxnn.group_lasso._losses import LOSSES
from cvxnn.group_lasso._masked import MaskedDesign
from cvxnn.group_lasso._options import Options
from cvxnn.group_lasso._problem import Problem
from cvxnn.group_lasso._solving import solve_path
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._program import ConvexSolution, Neurons, solve_program
from cvxnn.networks._support import support_bound

__all__ = ["solve_over_patterns", "threshold_layers"]

Array = NDArray[np.float64]

_MAX_ROUNDS = 100_000
_LITTLE = 1e-3  # seconds, to end with a network and its bound


def solve_over_patterns(
    problem: TrainingProblem,
    cells: Cells,
    *,
    start: Neurons | None,
    seed: int | None,
    tol: float,
    max_time: float | None,
    **options: Any,
) -> ConvexSolution:
    """Minimise ``L(D a) + beta ||a||_1``, with the patterns as columns of D (arXiv 2303.03382).

    Directions in general position have the pattern of a cell, at no cost. With a `seed` the cells
    stand for all, and the bound is one for all. The solver of the Lasso goes first where it knows
    the loss; that of gated networks goes on, for any loss, or finds that nothing is left to do.
    """
    begun = time.monotonic()
    near = _near_solution(problem, cells, start, tol, max_time, options["n_threads"])
    left = None if max_time is None else max(_LITTLE, max_time - (time.monotonic() - begun))
    solution = solve_program(
        problem.over_patterns(), cells, cones=False, start=near, tol=tol, max_time=left, **options
    )
    solution.history["seconds"] += time.monotonic() - begun - solution.history["seconds"][-1]
    if seed is None:
        return solution
    support = support_bound(problem, solution.dual, 0.0, "relaxation")
    bound, dual = problem.bound_from(solution.dual, support)
    solution.history[-1]["lower_bound"] = bound
    return replace(solution, lower_bound=bound, design_bound=bound, dual=dual)


def threshold_layers(
    problem: TrainingProblem, cells: Cells, solution: ConvexSolution, n_threads: int
) -> tuple[Array, Array, Array]:
    """Return a neuron for each active cell, with a point strictly inside as its weights."""
    used, which = np.unique(solution.cells, return_inverse=True)
    try:
        points = find_witnesses(problem.design, cells[used], n_threads)
    except ValueError as error:
        raise ValueError(f"patterns holds one that no neuron can be given: {error}") from error
    # powers of two, so that signs stay exact
    _, exponents = np.frexp(np.abs(points).max(axis=1, initial=0.0))
    points = np.ldexp(points, -exponents[:, None])
    outputs = np.zeros((len(used), problem.n_outputs))
    np.add.at(outputs, (which, solution.outputs), _amplitudes(solution.neurons))
    if problem.bias == "none":
        return points, np.zeros(len(points)), outputs
    return points[:, :-1], points[:, -1], outputs


def _amplitudes(neurons: Neurons) -> Array:
    amplitudes: Array = neurons.vectors[:, 0] * neurons.signs
    return amplitudes


def _near_solution(
    problem: TrainingProblem,
    cells: Cells,
    start: Neurons | None,
    tol: float,
    max_time: float | None,
    n_threads: int,
) -> Neurons | None:
    """Return what the Lasso's solver finds, or `start` where it does not know the problem."""
    if problem.n_outputs > 1 or problem.loss.name not in LOSSES:
        return start
    if problem.loss.signs and problem.y.min() == problem.y.max():
        return start
    lasso = Problem.from_arrays(
        MaskedDesign(np.ones((len(problem.y), 1)), cells),
        problem.y,
        loss=problem.loss.name,
        delta=problem.loss.delta,
        fit_intercept=problem.bias == "free",
        sample_weight=problem.weight,
    )
    point = None
    if start is not None:
        point = start.cells.astype(np.int64), _amplitudes(start)[:, None], lasso.centre
    alpha = np.array([problem.beta / problem.weight.sum()])
    options = Options(0.1 * tol, _MAX_ROUNDS, max_time, n_threads)
    (found,) = solve_path(lasso, alpha, options, start=point)
    m = len(found.columns)
    return Neurons(
        found.values,
        np.ones(m),
        np.zeros(m, dtype=np.intp),
        found.columns.astype(np.intp),
        np.zeros((0, 0), dtype=np.uint64),
    )
