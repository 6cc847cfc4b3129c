"""From data, a norm and a choice of patterns to neurons and the certificate of their network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from cvxnn._native import core
from cvxnn.arrangements import Cells, TooManyCells
from cvxnn.arrangements._counting import refuse_more_cells, zaslavsky_bound
from cvxnn.networks._chosen_cells import HOPELESS, choose_cells, list_every_cell, prices_every_cell
from cvxnn.networks._problem import TrainingProblem, cells_of_samples
from cvxnn.networks._program import OnRound
from cvxnn.networks.hidden_norms._hidden_norm import HiddenNorm
from cvxnn.networks.hidden_norms._norm_certificate import NormCertificate, support_of
from cvxnn.networks.hidden_norms._norm_program import NormNeurons, tidied
from cvxnn.networks.hidden_norms._norm_rounds import solve_by_rounds
from cvxnn.networks.hidden_norms._norm_search import search_over_norm

__all__ = ["TrainedNorm", "train_under_norm"]

Array = NDArray[np.float64]

_LOSSES = ("squared", "huber", "logistic", "squared_hinge", "multinomial")
_AUTO_WORK = 1e7  # entries of all blocks, up to which "auto" lists and prices every cell
_EXACT_CELLS = 1_000_000  # that "exact" agrees to list
_FEASIBLE = 1.0 + 1e-9


@dataclass(frozen=True, eq=False)
class TrainedNorm:
    """What a fit produces."""

    network: Any
    certificate: NormCertificate
    status: str
    history: NDArray[np.void]
    guaranteed_ratio: None = None  # there is no training on projected data


def train_under_norm(
    problem: TrainingProblem,
    norm: HiddenNorm,
    network_of: Callable[[NormNeurons], Any],
    objective_of: Callable[[Any], float],
    patterns: Any,
    random_state: Any,
    *,
    tol: float,
    max_time: float | None,
    n_threads: int,
    on_round: OnRound | None = None,
) -> TrainedNorm:
    """Solve the convex program, or search, and map the neurons to a network of the model."""
    if problem.loss.name not in _LOSSES:
        raise ValueError(f"loss must be one of {_LOSSES}, got {problem.loss.name!r}")
    options: dict[str, Any] = {
        "tol": 0.5 * tol,
        "max_time": max_time,
        "n_threads": n_threads,
        "on_round": on_round,
    }
    cells, method = _choose(problem, patterns, random_state, n_threads)
    if cells is None:
        generator = check_random_state(0 if random_state is None else random_state)
        solution = search_over_norm(problem, norm, generator, **options)
    else:
        solution = solve_by_rounds(problem, norm, cells, **options)
    network = network_of(tidied(problem, norm, solution.neurons, 0.1 * tol))

    def bounded(dual: Array, patient: bool) -> tuple[float, Array, float]:
        v = problem.gather(dual)
        support = support_of(problem, norm, cells, v, method, patient=patient, n_threads=n_threads)
        return *problem.bound_from(v, support), support

    dual = problem.spread(solution.dual)
    bound, feasible, support = bounded(dual, patient=False)
    if support > problem.beta * _FEASIBLE:
        dual = problem.spread(feasible)
        bound, _, _ = bounded(dual, patient=True)  # as it will be verified: rounding is another
    given = cells if method == "patterns" else None
    certificate = NormCertificate(
        objective=objective_of(network),
        lower_bound=bound,
        scope="patterns" if method == "patterns" else "global",
        method=method,
        n_cells=solution.n_cells,
        dual=dual,
        beta=problem.beta,
        loss=problem.loss.name,
        bias=problem.bias,
        delta=problem.loss.delta,
        hidden_norm=norm.name,
        cells=None if given is None else cells_of_samples(problem, given),
    )
    solution.history[-1:]["lower_bound"] = bound
    status = solution.status
    if certificate.relative_gap <= tol:
        status = "converged"
    elif status == "converged":
        status = "stalled"  # rounding, or cells without an interior that is wide enough
    return TrainedNorm(network, certificate, status, solution.history)


def _choose(
    problem: TrainingProblem, patterns: Any, random_state: Any, n_threads: int
) -> tuple[Cells | None, str]:
    """Return the cells of the program and the method of its bound; no cells to search for them."""
    if not (isinstance(patterns, str) and patterns in ("auto", "exact")):
        return choose_cells(problem, patterns, random_state, n_threads).cells, "patterns"
    limit = _EXACT_CELLS
    if patterns == "auto":
        limit = min(limit, int(_AUTO_WORK // (problem.design.size * problem.n_outputs)))
    arrangement = core.Arrangement(problem.design)
    bound = zaslavsky_bound(arrangement.n_distinct, arrangement.rank)
    try:
        if patterns == "exact" or bound <= HOPELESS * limit:
            refuse_more_cells(arrangement, limit)
            return list_every_cell(problem, n_threads).cells, "cells"
    except TooManyCells as error:
        if patterns == "exact":
            raise TooManyCells(
                f"patterns='exact': {error}; use patterns='auto' or a number of sampled cells, "
                "fewer samples, or fewer features"
            ) from None
    return None, "branch_and_bound" if prices_every_cell(problem) else "relaxation"
