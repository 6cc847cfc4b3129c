"""The convex program of convolutional networks with max pooling over given selections."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cvxnn._native import core
from cvxnn.networks._nested_program import fewest_branches
from cvxnn.networks._parallel_model import Branches, BranchSolution, ParallelModel
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._program import HISTORY, OnRound, ScaledProblem
from cvxnn.networks._selections import PatchRows, Selections, selections_of

__all__ = ["PooledSpace", "listed_support"]

Array = NDArray[np.float64]

_MAX_ROUNDS = 200
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

    def layers(self, branches: Branches) -> tuple[Array, Array]:
        """Return what filters put out at each patch, (m, n, K), and the largest, (m, n)."""
        outputs = branches.vectors[:, 0] @ self.problem.design.T
        shape = len(branches), len(self.problem.y), self.problem.n_patches
        first = np.maximum(outputs, 0.0).reshape(shape)
        return first, first.max(axis=2)

    def pulled_back(self, branches: Branches, first: Array, second: Array, on: Array) -> Array:
        """Return the gradients of the sum over filters of row b of `on` times their outputs."""
        gates, largest = np.zeros(first.shape), first.argmax(axis=2)[:, :, None]
        np.put_along_axis(gates, largest, (on * (second > 0.0))[:, :, None], axis=2)
        return np.asarray(gates.reshape(len(first), -1) @ self.problem.design)[:, None]

    def cells_of(self, branches: Branches) -> Selections:
        """Return the selections of filters that are not zero."""
        return selections_of(self.patches.rows, branches.vectors[:, 0])

    def solved(
        self,
        cells: Selections,
        *,
        tol: float,
        max_time: float | None,
        n_threads: int,
        on_round: OnRound | None = None,
    ) -> BranchSolution:
        """Solve the program over the selections whose cones have an interior.

        There are no more filters in the solution than targets of samples (Caratheodory).
        """
        problem = self.problem
        scaled = ScaledProblem.from_problem(problem)
        outputs, cones = cells.blocks(self.patches.rows)
        if len(cells) > 0:
            interiors = core.block_interiors(cones, n_threads=n_threads)
            inside = np.asarray(interiors.any(axis=1))
            outputs, cones, interiors = outputs[inside], cones[inside], interiors[inside]
        if len(outputs) == 0:
            return _nothing(problem, len(cells))
        N, n, width = outputs.shape
        C = problem.n_outputs
        blocks = np.zeros((C, 2, N, C, n, width))
        for target in range(C):
            blocks[target, 0, :, target] = outputs
            blocks[target, 1, :, target] = -outputs
        raw = core.solve_block_program(
            blocks.reshape(-1, C * n, width),
            np.tile(cones, (2 * C, 1, 1)),
            np.asfortranarray(np.tile(interiors, (2 * C, 1))),
            np.asfortranarray(scaled.y.reshape(n, -1)),
            problem.weight,
            loss=problem.loss.name,
            delta=scaled.delta,
            beta=scaled.beta,
            tol=tol,
            max_rounds=_MAX_ROUNDS,
            max_seconds=np.inf if max_time is None else max_time,
            n_threads=n_threads,
            on_round=None if on_round is None else lambda step: on_round(scaled.progress(step)),
        )
        used = np.flatnonzero(raw["vectors"].any(axis=1))
        branches = Branches(
            np.ldexp(raw["vectors"][used, None], scaled.b - scaled.a),
            np.ones((len(used), 1)),
            np.where(used // N % 2 == 0, 1.0, -1.0),
            used // (2 * N),
        )
        history = [tuple(scaled.progress(row)[name] for name in HISTORY) for row in raw["history"]]
        solution = BranchSolution(
            branches,
            len(cells),
            scaled.unscaled_dual(raw),
            raw["status"],
            np.array(history, dtype=list(HISTORY.items())),
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

    Below the strength of the problem the maximum is not resolved. Patches of length 2^-e are
    priced on their grid; so much as a patch is off it, its output can be more.
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
