"""Between networks and the vectors of the convex program."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cvxnn.arrangements import Cells
from cvxnn.arrangements._witnesses import find_witnesses
from cvxnn.networks._gated_network import GatedNetwork
from cvxnn.networks._losses import best_offset
from cvxnn.networks._network import Network
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._program import ConvexSolution, Neurons
from cvxnn.networks.convolutional._conv_network import ConvNetwork

__all__ = ["gated_network_of", "layers_of", "network_of", "neurons_of", "vectors_of"]

Array = NDArray[np.float64]


def vectors_of(problem: TrainingProblem, network: Network) -> Array:
    """Return the hidden layer as vectors (w_j, b_j) of the design's columns."""
    vectors = network.hidden_weights
    if problem.projection is not None:
        vectors = vectors @ problem.projection.basis
    if problem.bias == "none":
        return vectors
    bias = network.hidden_bias + np.sum(vectors * problem.centre, axis=1)
    return np.column_stack([vectors, bias / problem.height])


def neurons_of(problem: TrainingProblem, network: Network) -> Neurons:
    """Return neurons as vectors |a_jc| (w_j, b_j) of the design's columns, one for each output."""
    vectors = vectors_of(problem, network)
    hidden, outputs = np.nonzero(network.output_weights)
    weights = network.output_weights[hidden, outputs]
    return Neurons(
        vectors[hidden] * np.abs(weights)[:, None],
        np.sign(weights),
        outputs,
        np.zeros(0, dtype=np.intp),
        np.zeros((0, 0), dtype=np.uint64),
    )


def layers_of(problem: TrainingProblem, solution: ConvexSolution) -> tuple[Array, Array, Array]:
    """Split u = direction * norm evenly between the layers (arXiv 2002.10553, eq. 13)."""
    directions, norms, signs = solution.directions, solution.norms, solution.signs
    which, mixtures = solution.outputs, solution.mixtures
    if problem.bias == "free":
        # the norm is that of the weights alone; without any, a neuron is a constant
        share = np.linalg.norm(directions[:, :-1], axis=1)
        used = share > 0.0
        directions, norms = directions[used] / share[used, None], (norms * share)[used]
        signs, which = signs[used], which[used]
        mixtures = None if mixtures is None else mixtures[used]
    roots = np.sqrt(norms)
    weights = directions * roots[:, None]
    if mixtures is None:
        mixtures = np.zeros((len(weights), problem.n_outputs))
        mixtures[np.arange(len(weights)), which] = signs
    outputs = mixtures * roots[:, None]
    bias = np.zeros(len(weights))
    if problem.bias != "none":
        weights, bias = weights[:, :-1], problem.height * weights[:, -1]
        bias = bias - np.sum(weights * problem.centre, axis=1)
    if problem.projection is not None:
        weights = problem.projection.to_columns(weights)
    return weights, bias, outputs


def network_of(
    problem: TrainingProblem, weights: tuple[Array, Array, Array]
) -> Network | ConvNetwork:
    layers = *weights, np.zeros(problem.n_outputs)
    activation = problem.activation, problem.negative_slope
    network = (
        Network(*layers, *activation)
        if problem.patches is None
        else ConvNetwork.from_layers(problem.patches, layers, activation)
    )
    if problem.bias != "free":
        return network
    outputs = network.predict(problem.inputs)
    offset = best_offset(problem.loss, outputs, problem.centred_y, problem.weight)
    return replace(network, output_bias=offset + problem.y_centre)


def gated_network_of(
    problem: TrainingProblem, cells: Cells, solution: ConvexSolution, n_threads: int
) -> GatedNetwork:
    used = cells[solution.cells]
    gates = used.witnesses
    if gates is None:
        gates = find_witnesses(problem.design, used, n_threads)
    gate_bias = np.zeros(len(gates))
    if problem.bias == "regularized":
        gates, gate_bias = gates[:, :-1], gates[:, -1]
    return GatedNetwork(gates, gate_bias, *layers_of(problem, solution))
