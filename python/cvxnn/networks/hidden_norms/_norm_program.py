"""The convex program of networks under other norms of hidden weights, over given cells."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvxnn._native import core
from cvxnn.arrangements import Cells
from cvxnn.networks._block_solver import solve_blocks
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._program import HISTORY, OnRound, ScaledProblem
from cvxnn.networks._prune import fewest
from cvxnn.networks.hidden_norms._hidden_norm import HiddenNorm
from cvxnn.networks.hidden_norms._norm_blocks import blocks_of, well_inside

__all__ = [
    "NormNeurons",
    "NormSolution",
    "solve_over_cells",
    "tidied",
]

Array = NDArray[np.float64]

_SHARES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8)  # of the largest part: smaller ones may be zero


@dataclass(frozen=True, eq=False)
class NormNeurons:
    """Neurons ``s_j (x . u_j)_+``, each adding to one output."""

    vectors: Array  # (m, D): the u_j, of the design's columns
    signs: Array  # (m,): the s_j
    outputs: NDArray[np.intp]  # (m,)
    cells: NDArray[np.intp]  # (m,): which of the cells of the program

    def __len__(self) -> int:
        return len(self.signs)

    def __getitem__(self, rows: NDArray[Any]) -> NormNeurons:
        return NormNeurons(*(getattr(self, field.name)[rows] for field in fields(self)))

    def contributions(self, problem: TrainingProblem) -> Array:
        """Return what each adds to the outputs, shape (m, n, C)."""
        hidden = np.maximum(self.vectors @ problem.design.T, 0.0)
        added = np.zeros((*hidden.shape, problem.n_outputs))
        added[np.arange(len(self)), :, self.outputs] = self.signs[:, None] * hidden
        return added

    def predictions(self, problem: TrainingProblem) -> Array:
        """Return the outputs of all, in the shape of the targets."""
        return np.asarray(self.contributions(problem).sum(axis=0).reshape(problem.y.shape))

    def objective(self, problem: TrainingProblem, norm: HiddenNorm) -> float:
        """Return the objective of the program: loss and beta times the sum of norms."""
        f = self.predictions(problem)
        value = problem.loss.value(f, problem.y, problem.weight_like_y)
        return value + problem.beta * float(norm.values(self.vectors).sum())


@dataclass(frozen=True, eq=False)
class NormSolution:
    """Optimum of the program over given cells."""

    neurons: NormNeurons
    n_cells: int  # in the program
    dual: Array  # (n,), or (n, C): feasible for the cells with an interior
    status: str
    history: NDArray[np.void]


def solve_over_cells(
    problem: TrainingProblem,
    norm: HiddenNorm,
    cells: Cells,
    *,
    tol: float,
    max_time: float | None,
    n_threads: int,
    on_round: OnRound | None = None,
) -> NormSolution:
    """Solve the program over the cells among those given that have room inside.

    Blocks are those of arXiv 2002.10553, eq. 9, one for each cell, sign and output, with N(u) in
    place of the Euclidean norm.
    """
    scaled = ScaledProblem.from_problem(problem)
    masks = cells.to_dense()
    rows = np.flatnonzero(masks.any(axis=1))
    if len(rows) == 0:
        return _nothing(problem, len(masks))
    outputs, cones = blocks_of(scaled.design, norm, masks[rows])
    interiors = core.block_interiors(cones, n_threads=n_threads)
    inside = well_inside(cones, interiors)  # others are close to these, and hard to solve for
    if not inside.any():
        return _nothing(problem, len(masks))
    rows, cones, interiors = rows[inside], cones[inside], interiors[inside]
    every, signs, targets = _for_targets(outputs[inside], problem.n_outputs)
    repeats = 2 * problem.n_outputs
    raw, history = solve_blocks(
        problem,
        scaled,
        every,
        np.ascontiguousarray(np.tile(cones, (repeats, 1, 1))),
        np.tile(interiors, (repeats, 1)),
        tol=tol,
        max_time=max_time,
        n_threads=n_threads,
        on_round=on_round,
        parts=norm.parts,
        n_free=norm.n_free,
    )
    used = np.flatnonzero(raw["vectors"].any(axis=1))
    vectors = np.ldexp(raw["vectors"][used] @ norm.basis.T, scaled.b - scaled.a)
    neurons = NormNeurons(vectors, signs[used], targets[used], np.tile(rows, repeats)[used])
    return NormSolution(neurons, len(masks), scaled.unscaled_dual(raw), raw["status"], history)


def _for_targets(outputs: Array, n_targets: int) -> tuple[Array, Array, NDArray[np.intp]]:
    """Return blocks of both signs for each target, their signs and their targets."""
    n_blocks, n, width = outputs.shape
    every = np.zeros((n_targets, 2, n_blocks, n_targets, n, width))
    for target in range(n_targets):
        every[target, 0, :, target] = outputs
        every[target, 1, :, target] = -outputs
    signs = np.tile(np.repeat([1.0, -1.0], n_blocks), n_targets)
    targets = np.repeat(np.arange(n_targets), 2 * n_blocks)
    return every.reshape(-1, n_targets * n, width), signs, targets


def _nothing(problem: TrainingProblem, n_cells: int) -> NormSolution:
    """Return the solution where no cell has a neuron that does anything."""
    vectors, indices = np.zeros((0, problem.design.shape[1])), np.zeros(0, dtype=np.intp)
    zero = NormNeurons(vectors, np.zeros(0), indices, indices)
    value = problem.loss.value(np.zeros(problem.y.shape), problem.y, problem.weight_like_y)
    history = np.array([(0.0, value, value, 0)], dtype=list(HISTORY.items()))
    return NormSolution(zero, n_cells, problem.null_gradient(), "converged", history)


def tidied(
    problem: TrainingProblem, norm: HiddenNorm, neurons: NormNeurons, slack: float
) -> NormNeurons:
    """Return as many neurons as there are targets of samples at most, with parts that are zero.

    A vertex of the combinations with the same outputs (Caratheodory), and parts that interior
    points leave near zero at zero where the objective grows by a relative `slack` at most.
    """
    contributions = neurons.contributions(problem).reshape(len(neurons), problem.y.size)
    on = np.flatnonzero(contributions.any(axis=1))
    share = fewest(contributions[on].T, norm.values(neurons.vectors[on]))
    kept = neurons[on[share > 0.0]]
    neurons = replace(kept, vectors=kept.vectors * share[share > 0.0, None])
    allowed = neurons.objective(problem, norm)
    allowed += slack * abs(allowed)
    for least in _SHARES:
        cut = replace(neurons, vectors=norm.without_small_parts(neurons.vectors, least))
        if cut.objective(problem, norm) <= allowed:
            return cut
    return neurons
