"""From data and chosen cells to a network and its certificate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from cvxnn.arrangements import Cells
from cvxnn.networks._activations import THRESHOLD
from cvxnn.networks._certificate import Certificate
from cvxnn.networks._chosen_cells import ChosenCells
from cvxnn.networks._gated_network import GatedNetwork
from cvxnn.networks._guaranteed_ratio import guaranteed_ratio
from cvxnn.networks._mapping import gated_network_of, layers_of, network_of, neurons_of
from cvxnn.networks._network import Network
from cvxnn.networks._problem import TrainingProblem, cells_of_samples
from cvxnn.networks._program import Neurons, OnRound, solve_program
from cvxnn.networks._threshold import solve_over_patterns, threshold_layers
from cvxnn.networks._whitened import whitened_solution
from cvxnn.networks.convolutional._conv_network import ConvNetwork
from cvxnn.networks.joint._joint_program import solve_jointly

__all__ = ["Trained", "train"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trained:
    """What a fit produces."""

    network: Network | GatedNetwork | ConvNetwork
    certificate: Certificate
    status: str
    history: NDArray[np.void]
    neurons: Neurons  # to begin with in a similar problem
    guaranteed_ratio: float | None = None  # with a projection


def train(
    problem: TrainingProblem,
    chosen: ChosenCells,
    *,
    gated: bool = False,
    start: Network | Neurons | None = None,
    tol: float,
    max_time: float | None,
    n_threads: int,
    on_round: OnRound | None = None,
) -> Trained:
    """Solve the convex program over the chosen cells and map it to a network.

    It begins with `start`: of a similar problem over the same cells, or, for a local search, any
    network.
    """
    problem = problem.with_height(tol if chosen.seed is None else None)
    if isinstance(start, Network):
        searches = chosen.cells is None and chosen.seed is not None
        start = neurons_of(problem, start) if searches else None
    options: dict[str, Any] = {
        "start": start,
        "seed": chosen.seed,
        "tol": tol,
        "max_time": max_time,
        "n_threads": n_threads,
        "on_round": on_round,
    }
    network: Network | GatedNetwork | ConvNetwork
    if chosen.closed_form:
        solution = whitened_solution(problem)
        network = network_of(problem, layers_of(problem, solution))
    elif problem.joint:
        with threadpool_limits(1, user_api="blas"):  # as many threads, as many results
            solution = solve_jointly(problem, chosen, **options)
        network = network_of(problem, layers_of(problem, solution))
    elif problem.activation == THRESHOLD and chosen.cells is not None:
        solution = solve_over_patterns(problem, chosen.cells, **options)
        layers = threshold_layers(problem, chosen.cells, solution, n_threads)
        network = network_of(problem, layers)
    else:
        solution = solve_program(problem, chosen.cells, cones=not gated, **options)
        network = (
            gated_network_of(problem, chosen.cells, solution, n_threads)
            if gated and chosen.cells is not None
            else network_of(problem, layers_of(problem, solution))
        )
    certificate = Certificate(
        objective=training_objective(problem, network),
        lower_bound=solution.lower_bound,
        scope="global" if chosen.complete else "patterns",
        method=chosen.method,
        n_cells=solution.n_cells,
        dual=problem.spread(solution.dual),
        beta=problem.beta,
        loss=problem.loss.name,
        delta=problem.loss.delta,
        bias=problem.bias,
        activation=problem.activation,
        negative_slope=problem.negative_slope,
        gated=gated,
        cells=_for_samples(problem, chosen),
        patches=problem.patches,
        rank=None if problem.projection is None else problem.projection.rank,
        output_norm=problem.output_norm,
    )
    status = solution.status
    own = problem.projection is None  # otherwise the gap is that of the projection
    if status == "converged" and own and certificate.relative_gap > tol:
        status = "stalled"  # a search's bound, or rounding in the network's own forward pass
    ratio = guaranteed_ratio(problem, certificate.objective, solution.design_bound)
    return Trained(network, certificate, status, solution.history, solution.neurons, ratio)


def training_objective(
    problem: TrainingProblem, network: Network | GatedNetwork | ConvNetwork
) -> float:
    """Objective of a network on the samples of positive weight, by its own forward pass."""
    options: dict[str, Any] = {} if isinstance(network, GatedNetwork) else {"bias": problem.bias}
    if isinstance(network, Network):
        options["output_norm"] = problem.output_norm
    return network.objective(
        problem.inputs,
        problem.y,
        beta=problem.beta,
        loss=problem.loss.name,
        delta=problem.loss.delta,
        sample_weight=problem.weight,
        **options,
    )


def _for_samples(problem: TrainingProblem, chosen: ChosenCells) -> Cells | None:
    if chosen.complete or chosen.cells is None:
        return None
    return cells_of_samples(problem, chosen.cells)
