"""The models of parallel three-layer networks: what their regularisers come to in convex terms."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from cvxnn.networks._layers import lengths_of
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks.parallel._parallel_network import ParallelNetwork

__all__ = [
    "REGULARIZERS",
    "BranchSolution",
    "Branches",
    "ParallelModel",
    "network_of_branches",
]

Array = NDArray[np.float64]

# Whether the penalty of a branch is the sum of the norms of its u_j, otherwise the norm of them all
REGULARIZERS = {"weight_decay": True, "unit_columns": False, "path": False, "power": True}


@dataclass(frozen=True, eq=False)
class Branches:
    """Branches ``s_b (sum_j s_bj (x . u_bj)_+)_+``, each adding to one output."""

    vectors: Array  # (K, m1, d): the u_bj, with a bias last if there are biases
    signs: Array  # (K, m1): the s_bj
    output_signs: Array  # (K,): the s_b
    outputs: NDArray[np.intp]  # (K,)

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, rows: NDArray[np.intp]) -> Branches:
        return Branches(*(getattr(self, field.name)[rows] for field in fields(self)))

    def with_vectors(self, vectors: Array) -> Branches:
        """Return the same with other u."""
        return replace(self, vectors=vectors)

    def joined(self, other: Branches) -> Branches:
        """Return these and those of `other`."""
        both = [(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)]
        return Branches(*map(np.concatenate, both))

    def layers(self, design: Array) -> tuple[Array, Array]:
        """Return what leaves the first layer, (K, m1, n), and the second, (K, n)."""
        first = np.maximum(self.vectors @ design.T, 0.0)
        return first, np.maximum(np.einsum("kjn,kj->kn", first, self.signs), 0.0)


@dataclass(frozen=True, eq=False)
class BranchSolution:
    """Optimum of a program over given cells of branches."""

    branches: Branches
    n_cells: int  # in the program
    dual: Array  # (n,), or (n, C): feasible for the cells with an interior
    status: str
    history: NDArray[np.void]


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
    def spread(self) -> float:
        """The most that norms of first-layer neurons add up to in a branch of norm one."""
        assert self.m1 is not None or self.separate_norms
        return 1.0 if self.separate_norms else float(np.sqrt(self.m1 or 1))

    @property
    def strength(self) -> float:
        """What the regulariser multiplies the norm by."""
        if self.regularizer == "power":
            return 1.5  # three equal norms r with r^3 = ||u||, of which each costs r^3 / 2
        # m2 copies of a neuron share its weight, and paths count by squares
        return 1.0 / float(np.sqrt(self.m2)) if self.regularizer == "path" else 1.0

    def norms(self, vectors: Array) -> Array:
        """Return the norms of branches, from their u of shape (K, m1, d)."""
        lengths = lengths_of(vectors)
        return lengths.sum(axis=1) if self.separate_norms else lengths_of(lengths)


def network_of_branches(
    problem: TrainingProblem, model: ParallelModel, branches: Branches
) -> ParallelNetwork:
    """Return the cheapest network with these branches."""
    vectors, signs = branches.vectors, branches.signs
    lengths = lengths_of(vectors)
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
            first_scale = even[:, None] / (np.sqrt(lengths) * np.sqrt(total)[:, None])
            second = second * (np.sqrt(lengths) * (roots / np.sqrt(total))[:, None])[:, :, None]
            last = roots
    first = vectors * np.where(lengths > 0.0, first_scale, 0.0)[:, :, None]
    if problem.projection is not None:
        first = problem.projection.to_columns(first)
    weights = np.zeros((len(vectors), m2, problem.n_outputs))
    weights[np.arange(len(vectors)), :, branches.outputs] = (branches.output_signs * last)[:, None]
    if problem.bias == "none":
        return ParallelNetwork(first, np.zeros(lengths.shape), second, weights)
    return ParallelNetwork(first[:, :, :-1], first[:, :, -1], second, weights)
