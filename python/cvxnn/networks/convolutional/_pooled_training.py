"""From data and a choice of patterns to a network with max pooling and its certificate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from cvxnn._checks import is_integer
from cvxnn.arrangements import TooManyCells
from cvxnn.arrangements._counting import zaslavsky_bound
from cvxnn.networks._guaranteed_ratio import guaranteed_ratio
from cvxnn.networks._layers import lengths_of
from cvxnn.networks._low_rank import check_patterns
from cvxnn.networks._mapping import network_of
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._program import OnRound
from cvxnn.networks.convolutional._conv_network import ConvNetwork
from cvxnn.networks.convolutional._pooled_certificate import (
    MOST_CELLS,
    MaxPoolingCertificate,
    price_filters,
)
from cvxnn.networks.convolutional._pooled_program import PooledSpace
from cvxnn.networks.convolutional._pooled_support import relaxed_filter_support
from cvxnn.networks.convolutional._selections import (
    FilterCells,
    PatchRows,
    Selections,
    every_selection,
    sampled_selections,
)
from cvxnn.networks.parallel._branch_search import search_branches
from cvxnn.networks.parallel._parallel_model import Branches

__all__ = ["TrainedFilters", "train_filters"]

Array = NDArray[np.float64]

_LOSSES = ("squared", "huber", "logistic", "squared_hinge", "multinomial")
_AUTO_CELLS = 200_000  # of patches and their differences, up to which "auto" lists them all
_MOST_BYTES = 2**28  # of the blocks of the program, which has several copies


@dataclass(frozen=True, eq=False)
class TrainedFilters:
    """What a fit with max pooling produces."""

    network: ConvNetwork
    certificate: MaxPoolingCertificate
    status: str
    history: NDArray[np.void]
    guaranteed_ratio: float | None = None  # with a projection


def train_filters(
    problem: TrainingProblem,
    patterns: Any,
    random_state: Any,
    *,
    tol: float,
    max_time: float | None,
    n_threads: int,
    on_round: OnRound | None = None,
) -> TrainedFilters:
    """Solve the convex program, or search, and map the solution to a network."""
    _check(problem)
    assert problem.patches is not None
    options: dict[str, Any] = {
        "tol": 0.5 * tol,
        "max_time": max_time,
        "n_threads": n_threads,
        "on_round": on_round,
    }
    patches = PatchRows.of(problem)
    cells, method = _choose(problem, patches, patterns, random_state, n_threads)
    if cells is None:
        generator = check_random_state(0 if random_state is None else random_state)
        solution = search_branches(_space, problem, generator, **options)
    else:
        both_signs = FilterCells.both_signs(cells, problem.n_outputs)
        solution = PooledSpace(problem, patches).solved(both_signs, **options)
    network = _network(problem, solution.branches)
    price = partial(price_filters, patches=patches, cells=cells, n_threads=n_threads)
    projected = replace(problem, projection=None)
    support = (
        relaxed_filter_support(problem, solution.dual, 0.0)
        if cells is None
        else price(projected, v=solution.dual)
    )
    own_bound, _ = problem.bound_from(solution.dual, max(support, problem.beta))
    if problem.projection is not None:
        support = problem.projection.with_rest(support, solution.dual)
    _, dual = problem.bound_from(solution.dual, max(support, problem.beta))
    # as it will be verified: at another length of v, rounding is another
    dual = problem.spread(dual)
    v = problem.gather(dual)
    bound, _ = problem.bound_from(v, price(problem, v=v))
    used = problem.row_of_sample >= 0
    certificate = MaxPoolingCertificate(
        objective=network.objective(
            problem.inputs,
            problem.y,
            beta=problem.beta,
            loss=problem.loss.name,
            delta=problem.loss.delta,
            bias=problem.bias,
            sample_weight=problem.weight,
        ),
        lower_bound=bound,
        scope="patterns" if method == "patterns" else "global",
        method=method,
        n_cells=solution.n_cells if cells is None else len(cells),
        dual=dual,
        beta=problem.beta,
        loss=problem.loss.name,
        bias=problem.bias,
        delta=problem.loss.delta,
        patches=problem.patches,
        cells=cells.with_samples(problem.row_of_sample, used)
        if cells is not None and method == "patterns"
        else None,
        rank=None if problem.projection is None else problem.projection.rank,
    )
    solution.history[-1:]["lower_bound"] = bound
    status = solution.status
    if problem.projection is None:
        own_bound = bound
    if replace(certificate, lower_bound=own_bound).relative_gap <= tol:
        status = "converged"
    elif status == "converged":
        status = "stalled"  # rounding, or cells without an interior that is wide enough
    ratio = guaranteed_ratio(problem, certificate.objective, own_bound)
    return TrainedFilters(network, certificate, status, solution.history, ratio)


def _space(problem: TrainingProblem) -> PooledSpace:
    return PooledSpace(problem, PatchRows.of(problem))


def _check(problem: TrainingProblem) -> None:
    """Refuse what has no convex program that is known, or none that is solved here."""
    with_pooling = "with pooling='max'"
    if problem.bias == "free":
        raise ValueError(f"bias must be 'regularized' or 'none' {with_pooling}, got 'free'")
    if problem.activation != "relu":
        raise ValueError(f"activation must be 'relu' {with_pooling}, got {problem.activation!r}")
    if problem.loss.name not in _LOSSES:
        raise ValueError(f"loss must be one of {_LOSSES} {with_pooling}, got {problem.loss.name!r}")


def _choose(
    problem: TrainingProblem,
    patches: PatchRows,
    patterns: Any,
    random_state: Any,
    n_threads: int,
) -> tuple[Selections | None, str]:
    """Return the cells of the program and the method of its bound; no cells to search for them."""
    rows = patches.rows
    if problem.projection is not None:
        check_patterns(patterns, gated=False)
    if isinstance(patterns, str) and patterns in ("auto", "exact"):
        exact = patterns == "exact"
        n, K, width = rows.shape
        try:
            if exact or zaslavsky_bound(n * (K + comb(K, 2)), width) <= _AUTO_CELLS:
                cells = every_selection(rows, MOST_CELLS, n_threads)
                _refuse_memory(problem, rows, cells)
                return cells, "cells"
        except TooManyCells as error:
            if exact:
                raise TooManyCells(
                    f"patterns='exact': {error} (cells are those of patches and their differences)"
                    "; use patterns='auto' or a number of sampled ones, fewer samples or features"
                ) from None
        return None, "relaxation"
    if not is_integer(patterns) or patterns < 1:
        raise ValueError(
            "patterns must be 'auto', 'exact' or a positive integer with pooling='max', "
            f"got {patterns!r}"
        )
    generator = check_random_state(random_state)
    cells = sampled_selections(rows, int(patterns), generator)
    _refuse_memory(problem, rows, cells)
    return cells, "patterns"


def _refuse_memory(problem: TrainingProblem, rows: Array, cells: Selections) -> None:
    n, K, width = rows.shape
    C = problem.n_outputs
    n_bytes = 8 * 2 * C * len(cells) * int(n * (K + C) * width)
    if n_bytes > _MOST_BYTES:
        raise TooManyCells(
            f"{len(cells):,} selections, whose blocks take {n_bytes / 2**20:,.0f} MB, more than "
            f"{_MOST_BYTES / 2**20:,.0f} MB"
        )


def _network(problem: TrainingProblem, branches: Branches) -> ConvNetwork:
    """Split the vectors of filters evenly between the layers."""
    roots = np.sqrt(lengths_of(branches.vectors[:, 0]))
    weights = branches.vectors[:, 0] / roots[:, None]
    outputs = np.zeros((len(roots), problem.n_outputs))
    outputs[np.arange(len(roots)), branches.outputs] = branches.output_signs * roots
    bias = np.zeros(len(roots))
    if problem.bias == "regularized":
        weights, bias = weights[:, :-1], weights[:, -1]
    if problem.projection is not None:
        weights = problem.projection.to_columns(weights)
    network = network_of(problem, (weights, bias, outputs))
    assert isinstance(network, ConvNetwork)
    return network
