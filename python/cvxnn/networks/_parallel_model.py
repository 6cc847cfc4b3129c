"""The models of parallel three-layer networks: what their regularisers come to in convex terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvxnn.networks._nested_cells import NestedCells
from cvxnn.networks._parallel_network import ParallelNetwork
from cvxnn.networks._problem import TrainingProblem

__all__ = ["REGULARIZERS", "ParallelModel", "network_of_branches"]

Array = NDArray[np.float64]

# Whether the penalty of a branch is the sum of the norms of its u_j, otherwise the norm of them all
REGULARIZERS = {"weight_decay": True, "unit_columns": False, "path": False, "power": True}


@dataclass(frozen=True)
class ParallelModel:
    """A regulariser of branches with m1 and m2 neurons.

    A branch with the outputs ``+-(sum_j s_j (X u_j)_+)_+`` costs, in the cheapest way to scale its
    layers, `strength` times ``sum_j ||u_j||`` or times ``||(u_1, .., u_m1)||`` (after Ergen and
    Pilanci, arXiv 2110.06482 and 2110.09548).
    """

    regularizer: str
    m1: int | None  # None: as many as are of use
    m2: int = 1

    @property
    def separate_norms(self) -> bool:
        """Whether norms of first-layer neurons are added up."""
        return REGULARIZERS[self.regularizer]

    @property
    def strength(self) -> float:
        """What the regulariser multiplies the norm by."""
        if self.regularizer == "power":
            return 1.5  # three equal norms r with r^3 = ||u||, of which each costs r^3 / 2
        # m2 copies of a neuron share its weight, and paths count by squares
        return 1.0 / float(np.sqrt(self.m2)) if self.regularizer == "path" else 1.0

    def norms(self, vectors: Array) -> Array:
        """Return the norms of branches, from their u of shape (K, m1, d)."""
        lengths = np.linalg.norm(vectors, axis=2)
        return lengths.sum(axis=1) if self.separate_norms else np.linalg.norm(lengths, axis=1)


def network_of_branches(
    problem: TrainingProblem,
    model: ParallelModel,
    vectors: Array,
    signs: Array,
    output_signs: Array,
    outputs: NDArray[np.intp],
) -> ParallelNetwork:
    """Return the cheapest network with branches ``s_b (sum_j s_bj (x . u_bj)_+)_+``.

    Parameters
    ----------
    problem : TrainingProblem
    model : ParallelModel
    vectors : ndarray of shape (K, m1, d)
        The u_bj, with a bias last if the problem has biases.
    signs : ndarray of shape (K, m1)
        The s_bj.
    output_signs, outputs : ndarray of shape (K,)
        The s_b, and which output a branch adds to.
    """
    lengths = np.linalg.norm(vectors, axis=2)
    total = model.norms(vectors)
    m2 = model.m2
    second = np.repeat(signs[:, :, None], m2, axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        if model.regularizer == "path":
            first_scale, last = np.ones_like(lengths), np.full(len(vectors), 1.0 / m2)
        elif model.regularizer == "unit_columns":
            first_scale = 1.0 / lengths
            second = second * (lengths / np.sqrt(total)[:, None])[:, :, None]
            last = np.sqrt(total)
        else:
            # the root of total is what each of two layers has, unless three share the norm
            even = total ** (1.0 / 3.0) if model.regularizer == "power" else np.ones(len(vectors))
            roots = np.sqrt(total / even)
            first_scale = even[:, None] / np.sqrt(lengths * total[:, None])
            second = second * (np.sqrt(lengths) * (roots / np.sqrt(total))[:, None])[:, :, None]
            last = roots
    first = vectors * np.where(lengths > 0.0, first_scale, 0.0)[:, :, None]
    weights = np.zeros((len(vectors), m2, problem.n_outputs))
    weights[np.arange(len(vectors)), :, outputs] = (output_signs * last)[:, None]
    if problem.bias == "none":
        return ParallelNetwork(first, np.zeros(lengths.shape), second, weights)
    return ParallelNetwork(first[:, :, :-1], first[:, :, -1], second, weights)


def branches_of(cells: NestedCells, vectors: Array, rows: NDArray[np.intp]) -> tuple[Array, Array]:
    """Return u of shape (K, m1, d) and the signs of branches that lie in the given cells."""
    return vectors.reshape(len(rows), cells.m1, -1), cells.signs[rows]
