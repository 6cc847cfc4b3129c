"""From data and a choice of patterns to a parallel three-layer network and its certificate."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import comb
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from cvxnn._checks import is_integer, one_of, positive_integer
from cvxnn.arrangements import TooManyCells
from cvxnn.networks._chosen_cells import prices_every_cell
from cvxnn.networks._guaranteed_ratio import guaranteed_ratio
from cvxnn.networks._low_rank import check_patterns
from cvxnn.networks._problem import TrainingProblem, exponent_of
from cvxnn.networks._program import OnRound
from cvxnn.networks.parallel._branch_certificate import TrainedBranches, proved_dual
from cvxnn.networks.parallel._branch_search import search_branches
from cvxnn.networks.parallel._nested_cells import NestedCells, sampled_cells
from cvxnn.networks.parallel._nested_program import fewest_branches, solve_nested
from cvxnn.networks.parallel._nested_search import NestedSpace
from cvxnn.networks.parallel._parallel_certificate import ParallelCertificate, all_cells, support_of
from cvxnn.networks.parallel._parallel_model import (
    REGULARIZERS,
    BranchSolution,
    ParallelModel,
    network_of_branches,
)

__all__ = ["checked_model", "train_branches"]

_LOSSES = ("squared", "huber", "logistic", "squared_hinge", "multinomial")
_IN_UNITS_OF_LOSS = ("objective", "lower_bound")
_AUTO_CELLS = 20_000  # of both layers, up to which "auto" lists them all


def checked_model(regularizer: Any, m1: Any, m2: Any) -> ParallelModel:
    """Check the arguments that make a model; each error names the one at fault."""
    if isinstance(regularizer, str) and regularizer == "squares":
        raise ValueError(
            "regularizer='squares', weight decay on all three layers, makes branches of norm t "
            "cost t^(2/3), which is not convex; use 'power', with cubes in place of squares"
        )
    one_of("regularizer", regularizer, REGULARIZERS)
    m2 = positive_integer("m2", m2)
    if m2 > 1 and regularizer != "path":
        raise ValueError(f"m2={m2} is for regularizer='path', got regularizer={regularizer!r}")
    if not isinstance(m1, str):
        return ParallelModel(regularizer, positive_integer("m1", m1), m2)
    one_of("m1", m1, ["large"])
    if not REGULARIZERS[regularizer]:
        raise ValueError(
            f"m1='large' needs regularizer 'weight_decay' or 'power': with {regularizer!r} the "
            "penalty goes to zero as neurons are split into copies"
        )
    return ParallelModel(regularizer, None, m2)


def train_branches(
    problem: TrainingProblem,
    beta: float,
    model: ParallelModel,
    patterns: Any,
    random_state: Any,
    *,
    tol: float,
    max_time: float | None,
    n_threads: int,
    on_round: OnRound | None = None,
) -> TrainedBranches:
    """Solve the convex program, or search, and map the solution to a network.

    The strength of the problem is that of the program, `beta` times `ParallelModel.strength`.
    """
    if problem.loss.name not in _LOSSES:
        raise ValueError(f"loss must be one of {_LOSSES}, got {problem.loss.name!r}")
    cells, method = _choose(problem, model, patterns, random_state, n_threads)
    solution = _solved(
        problem,
        model,
        cells,
        random_state,
        on_round,
        tol=0.5 * tol,
        max_time=max_time,
        n_threads=n_threads,
    )
    outputs = solution.branches.layers(problem.design)[1]
    fewer = fewest_branches(problem, model, solution.branches, outputs)
    network = network_of_branches(problem, model, fewer)
    objective = network.objective(
        problem.inputs,
        problem.y,
        beta=beta,
        regularizer=model.regularizer,
        loss=problem.loss.name,
        delta=problem.loss.delta,
        bias=problem.bias,
        sample_weight=problem.weight,
    )
    price = partial(support_of, model=model, cells=cells, method=method, n_threads=n_threads)
    bound, dual = proved_dual(problem, solution.dual, lambda v: price(problem, v=v))
    design_bound = bound
    if problem.projection is not None:
        support = price(replace(problem, projection=None), v=solution.dual)
        design_bound, _ = problem.bound_from(solution.dual, support)
    certificate = ParallelCertificate(
        objective=objective,
        lower_bound=bound,
        scope="patterns" if method == "patterns" else "global",
        method=method,
        n_cells=solution.n_cells,
        dual=dual,
        beta=beta,
        loss=problem.loss.name,
        bias=problem.bias,
        delta=problem.loss.delta,
        model=model,
        cells=_for_samples(problem, cells) if method == "patterns" else None,
        rank=None if problem.projection is None else problem.projection.rank,
    )
    solution.history[-1:]["lower_bound"] = bound
    status = solution.status
    if replace(certificate, lower_bound=design_bound).relative_gap <= tol:
        status = "converged"
    elif status == "converged":
        status = "stalled"  # rounding, or cells without an interior that is wide enough
    ratio = guaranteed_ratio(problem, objective, design_bound, model.spread)
    return TrainedBranches(network, certificate, status, solution.history, ratio)


def _solved(
    problem: TrainingProblem,
    model: ParallelModel,
    cells: NestedCells | None,
    random_state: Any,
    on_round: OnRound | None,
    **options: Any,
) -> BranchSolution:
    """Solve the program, or search, for weights of samples near one, as slopes are compared."""
    exponent = exponent_of(problem.weight) - 1
    weight, beta = np.ldexp(problem.weight, -exponent), float(np.ldexp(problem.beta, -exponent))
    small = replace(problem, weight=weight, beta=beta)

    def told(step: dict[str, Any]) -> bool:
        assert on_round is not None
        bounds = {name: float(np.ldexp(step[name], exponent)) for name in _IN_UNITS_OF_LOSS}
        return on_round({**step, **bounds})

    options["on_round"] = None if on_round is None else told
    if cells is None:
        generator = check_random_state(0 if random_state is None else random_state)
        space_of = partial(NestedSpace, model=model)
        solution = search_branches(space_of, small, generator, **options)
    else:
        solution = solve_nested(small, model, cells, **options)
    for name in _IN_UNITS_OF_LOSS:
        solution.history[name] = np.ldexp(solution.history[name], exponent)
    return replace(solution, dual=np.ldexp(solution.dual, exponent))


def _choose(
    problem: TrainingProblem,
    model: ParallelModel,
    patterns: Any,
    random_state: Any,
    n_threads: int,
) -> tuple[NestedCells | None, str]:
    """Return the cells of the program and the method of its bound; no cells to search for them."""
    if problem.projection is not None:
        check_patterns(patterns, gated=False)
    if isinstance(patterns, str) and patterns in ("auto", "exact"):
        exact = patterns == "exact" or model.m1 is None
        try:
            if exact or _few(problem, model.m1):
                most = np.inf if exact else _AUTO_CELLS
                return all_cells(problem, model, n_threads, most), "cells"
        except TooManyCells as error:
            if exact:
                raise TooManyCells(
                    f"patterns={patterns!r}: {error}; use fewer samples or neurons"
                    + ("" if model.m1 is None else ", or patterns='auto'")
                ) from None
        return None, "branch_and_bound" if prices_every_cell(problem) else "relaxation"
    if not is_integer(patterns) or patterns < 1:
        raise ValueError(
            f"patterns must be 'auto', 'exact' or a positive integer, got {patterns!r}"
        )
    if model.m1 is None:
        raise ValueError(f"patterns must be 'auto' or 'exact' for m1='large', got {patterns!r}")
    generator = check_random_state(random_state)
    return sampled_cells(problem.design, model.m1, int(patterns), generator), "patterns"


def _few(problem: TrainingProblem, m1: int | None) -> bool:
    """Tell whether tuples of first-layer neurons are few, from the number of planes alone."""
    assert m1 is not None
    n, d = problem.design.shape
    first = 2 * sum(comb(n - 1, k) for k in range(d))
    return comb(2 * first + m1 - 1, m1) <= _AUTO_CELLS


def _for_samples(problem: TrainingProblem, cells: NestedCells | None) -> NestedCells | None:
    if cells is None:
        return None
    return cells.with_samples(problem.row_of_sample, problem.row_of_sample >= 0)
