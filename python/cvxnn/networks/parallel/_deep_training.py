"""From data to a parallel network of any depth and its certificate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from cvxnn.networks._chosen_cells import prices_every_cell
from cvxnn.networks._guaranteed_ratio import guaranteed_ratio
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._program import OnRound
from cvxnn.networks.parallel._branch_certificate import (
    BranchCertificate,
    TrainedBranches,
    proved_dual,
    support_on_all_data,
    unlisted_support,
)
from cvxnn.networks.parallel._deep_branches import DeepBranches, DeepModel
from cvxnn.networks.parallel._deep_parallel_network import DeepParallelNetwork
from cvxnn.networks.parallel._deep_search import search_deep

__all__ = ["DeepParallelCertificate", "deep_support", "train_deep_branches"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class DeepParallelCertificate(BranchCertificate):
    """How far a deep parallel network can be from the optimum of its training problem.

    Parameters
    ----------
    objective : float
        Training objective of the network itself, by its own forward pass.
    lower_bound : float
        No network of any number of branches with these widths has a smaller objective: valid, but
        loose.
    scope : {"global"}
        What the bound is about: all networks.
    method : {"branch_and_bound", "relaxation"}
        How the two-layer networks were priced from which the bound comes.
    dual : ndarray of shape (n, C)
        The feasible point of the dual problem whose value is `lower_bound`.
    beta, loss, bias, delta : float, str, str, float
        The training problem.
    model : DeepModel
        Its regulariser and the widths of branches.
    rank : int or None
        How many singular directions of the data the network was trained on; the bound is for all.
    """

    model: DeepModel

    def _support(self, problem: TrainingProblem, v: Array) -> float:
        return deep_support(problem, self.model, self.method, v)


def deep_support(problem: TrainingProblem, model: DeepModel, method: str, v: Array) -> float:
    """Bound what branches of norm one gain at v, beta at least: see `DeepModel.spread`."""

    def on_design(problem: TrainingProblem, floor: float) -> float:
        return unlisted_support(problem, model.spread, v, method, floor)

    return support_on_all_data(problem, model.spread, v, on_design)


def train_deep_branches(
    problem: TrainingProblem,
    beta: float,
    model: DeepModel,
    random_state: Any,
    *,
    tol: float,
    max_time: float | None,
    n_threads: int,
    on_round: OnRound | None = None,
) -> TrainedBranches:
    """Search for branches and map them to a network.

    The strength of the problem is `beta` times `DeepModel.strength`.
    """
    generator = check_random_state(0 if random_state is None else random_state)
    # products of small matrices, which threads slow down, and whose rounding they change
    with threadpool_limits(1, user_api="blas"):
        solution = search_deep(
            problem,
            model,
            generator,
            tol=tol,
            max_time=max_time,
            n_threads=n_threads,
            on_round=on_round,
        )
    network = _network_of(problem, model, solution.branches)
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
    outputs = network.predict(problem.inputs)
    v = problem.loss.gradient(outputs, problem.y, problem.weight_like_y)
    method = "branch_and_bound" if prices_every_cell(problem) else "relaxation"
    bound, dual = proved_dual(problem, v, partial(deep_support, problem, model, method))
    design_bound = bound
    if problem.projection is not None:
        support = deep_support(replace(problem, projection=None), model, method, v)
        design_bound, _ = problem.bound_from(v, support)
    certificate = DeepParallelCertificate(
        objective=objective,
        lower_bound=bound,
        scope="global",
        method=method,
        dual=dual,
        beta=beta,
        loss=problem.loss.name,
        bias=problem.bias,
        delta=problem.loss.delta,
        model=model,
        rank=None if problem.projection is None else problem.projection.rank,
    )
    solution.history[-1:]["lower_bound"] = bound
    own = replace(certificate, lower_bound=design_bound)
    status = "converged" if own.relative_gap <= tol else solution.status
    ratio = guaranteed_ratio(problem, objective, design_bound, model.spread)
    return TrainedBranches(network, certificate, status, solution.history, ratio)


def _network_of(
    problem: TrainingProblem, model: DeepModel, branches: DeepBranches
) -> DeepParallelNetwork:
    """Return the network with these branches whose layers have equal norms."""
    norms = np.array([np.linalg.norm(layer, axis=(1, 2)) for layer in branches.layers])
    # by exponents, as the product could overflow
    logs = np.log(norms).sum(axis=0) + np.log(branches.sizes)
    even = np.exp(logs / model.depth)
    pairs = zip(branches.layers, norms, strict=True)
    first, *inner = (layer * (even / norm)[:, None, None] for layer, norm in pairs)
    if problem.projection is not None:
        first = problem.projection.to_columns(first)
    last = np.zeros((len(branches), 1, problem.n_outputs))
    last[np.arange(len(branches)), 0, branches.outputs] = branches.signs * even
    if problem.bias == "none":
        return DeepParallelNetwork(first, np.zeros(first.shape[:2]), tuple(inner), last)
    return DeepParallelNetwork(first[:, :, :-1], first[:, :, -1], tuple(inner), last)
