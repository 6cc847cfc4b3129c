"""The convex program of convolutional networks with max pooling over given selections."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cvxnn._native import core
from cvxnn.networks._block_solver import solve_blocks
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._program import HISTORY, OnRound, ScaledProblem
from cvxnn.networks.convolutional._selections import FilterCells, PatchRows, Selections
from cvxnn.networks.parallel._nested_program import fewest_branches
from cvxnn.networks.parallel._parallel_model import Branches, BranchSolution, ParallelModel

__all__ = ["PooledSpace", "listed_support"]

Array = NDArray[np.float64]

_SEARCH_BYTES = 2**27  # of the blocks of filters found at a time
_BATCH = 1 << 24  # entries of blocks that are priced together


@dataclass(frozen=True, eq=False)
class PooledSpace:
    """Filters under max pooling on the data of a problem, as branches of a single neuron."""

    problem: TrainingProblem
    patches: PatchRows

    @property
    def model(self) -> ParallelModel:
        """The regulariser as that of branches: the norm of their neuron."""
        return ParallelModel("weight_decay", 1)

    def layers(self, branches: Branches) -> tuple[NDArray[np.intp], Array]:
        """Return where filters put out the most, and how much, both (m, n)."""
        outputs = branches.vectors[:, 0] @ self.problem.design.T
        outputs = outputs.reshape(len(branches), len(self.problem.y), self.problem.n_patches)
        top = outputs.argmax(axis=2)
        largest = np.take_along_axis(outputs, top[:, :, None], axis=2)[:, :, 0]
        return top, np.maximum(largest, 0.0)

    def pulled_back(
        self, branches: Branches, first: NDArray[np.intp], second: Array, on: Array
    ) -> Array:
        """Return the gradients of the sum over filters of row b of `on` times their outputs."""
        rows = np.arange(second.shape[1]) * self.problem.n_patches + first
        gates = on * (second > 0.0)
        return np.asarray(np.einsum("mn,mnd->md", gates, self.problem.design[rows])[:, None])

    def cells_of(self, branches: Branches) -> FilterCells:
        """Return the cells of filters that are not zero, of the largest that there is room for."""
        n, K, width = self.patches.rows.shape
        most = max(1, _SEARCH_BYTES // (8 * n * (K + self.problem.n_outputs) * width))
        strongest = branches[np.argsort(-self.model.norms(branches.vectors), kind="stable")[:most]]
        return FilterCells.of_filters(
            self.patches.rows, strongest.vectors[:, 0], strongest.output_signs, strongest.outputs
        )

    def solved(
        self,
        cells: FilterCells,
        *,
        tol: float,
        max_time: float | None,
        n_threads: int,
        on_round: OnRound | None = None,
    ) -> BranchSolution:
        """Solve the program over the cells whose cones have an interior.

        There are no more filters in the solution than targets of samples (Caratheodory).
        """
        problem = self.problem
        scaled = ScaledProblem.from_problem(problem)
        distinct, where = cells.selections.distinct()
        outputs, cones = distinct.blocks(self.patches.rows)
        interiors = np.zeros((0, outputs.shape[2]))
        if len(distinct) > 0:
            interiors = core.block_interiors(cones, n_threads=n_threads)
        inside = np.asarray(interiors.any(axis=1))[where]
        if not inside.any():
            return _nothing(problem, len(cells))
        kept, which = cells[inside], where[inside]
        N, n, width = len(kept), len(problem.y), outputs.shape[2]
        blocks = np.zeros((N, problem.n_outputs, n, width))
        blocks[np.arange(N), kept.outputs] = kept.signs[:, None, None] * outputs[which]
        raw, history = solve_blocks(
            problem,
            scaled,
            blocks.reshape(N, -1, width),
            cones[which],
            interiors[which],
            tol=tol,
            max_time=max_time,
            n_threads=n_threads,
            on_round=on_round,
        )
        used = np.flatnonzero(raw["vectors"].any(axis=1))
        branches = Branches(
            np.ldexp(raw["vectors"][used, None], scaled.b - scaled.a),
            np.ones((len(used), 1)),
            kept.signs[used],
            kept.outputs[used],
        )
        solution = BranchSolution(
            branches, len(cells), scaled.unscaled_dual(raw), raw["status"], history
        )
        # otherwise interior points have a little of everything
        fewer = fewest_branches(problem, self.model, branches, self.layers(branches)[1])
        return replace(solution, branches=fewer)


def _nothing(problem: TrainingProblem, n_cells: int) -> BranchSolution:
    """Return the solution without filters."""
    width = problem.design.shape[1]
    branches = Branches(
        np.zeros((0, 1, width)), np.zeros((0, 1)), np.zeros(0), np.zeros(0, dtype=np.intp)
    )
    value = problem.loss.value(np.zeros(problem.y.shape), problem.y, problem.weight_like_y)
    history = np.array([(0.0, value, -np.inf, 0)], dtype=list(HISTORY.items()))
    return BranchSolution(branches, n_cells, problem.null_gradient(), "converged", history)


def listed_support(
    problem: TrainingProblem,
    patches: PatchRows,
    cells: Selections,
    v: Array,
    *,
    n_threads: int = 1,
) -> float:
    """Bound what unit filters of given selections gain at v: max ``|v . max_k (X_k u)_+|``.

    Below the strength of the problem the maximum is not resolved. Filters are priced on patches on
    the grid, and gain no more on those of the data than these are off it.
    """
    n, K, width = patches.rows.shape
    step = max(1, _BATCH // (n * (K + 1) * width))
    support = 0.0
    for column in np.atleast_2d(v.T):
        exponent_of_v = int(np.frexp(np.abs(column).max())[1])
        shift = patches.exponent + exponent_of_v
        threshold = float(np.clip(np.ldexp(problem.beta, -shift), 1e-300, 1e300))
        scaled, most = np.ldexp(column, -exponent_of_v), 0.0
        for begin in range(0, len(cells), step):
            blocks = cells[begin : begin + step].blocks(patches.rows)
            for signed in (scaled, -scaled):
                gains = core.price_blocks(*blocks, signed, threshold=threshold, n_threads=n_threads)
                most = max(most, float(gains.max()))
        lost = float(np.abs(column) @ patches.lost) * (1.0 + 1e-9)
        support = max(support, float(np.ldexp(most, shift)) + lost)
    return support
