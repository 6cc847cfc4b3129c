"""The program of networks whose neurons add to all outputs, at the cost of a Euclidean norm.

A block of the convex program is a cell and a direction g of output weights: neurons ``phi(X u) g'``
with u in the cell cost ``||u||``, the gauge of ``u g'`` (Sahiner et al., arXiv 2012.13329). There
are infinitely many; those worth having are found by pricing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cvxnn._native import core
from cvxnn.networks._chosen_cells import ChosenCells
from cvxnn.networks._problem import TrainingProblem, exponent_of
from cvxnn.networks._program import HISTORY, ConvexSolution, Neurons, OnRound, ScaledProblem
from cvxnn.networks._support import joint_bound
from cvxnn.networks.joint._joint_blocks import Blocks, JointSolver, Solved
from cvxnn.networks.joint._joint_search import cells_of_trained, cells_worth_having, located
from cvxnn.networks.joint._joint_support import JointBound

__all__ = ["solve_jointly"]

Array = NDArray[np.float64]
Packed = NDArray[np.uint64]

_MAX_ROUNDS = 200
_INNER = 0.1  # part of the tolerance for the program over the blocks found
_LEAST_TOL = 1e-300  # for the highest column, which is that of verification
_MARGINS = (2e-7, 1e-6, 5e-6)  # of bounds that differ when they are proved at another length
_DIRECTIONS, _LATE = 4000, 24  # values that a bound is made of
_FEW = 64  # blocks added in a round, or twice as many as there are


@dataclass(eq=False)
class _Rounds:
    """What rounds of column generation work on."""

    solver: JointSolver
    chosen: ChosenCells
    generator: np.random.RandomState
    tol: float
    deadline: float | None

    @property
    def problem(self) -> TrainingProblem:
        return self.solver.problem

    def left(self) -> float | None:
        return None if self.deadline is None else max(1e-3, self.deadline - time.monotonic())

    def cells_to_price(self, point: Solved) -> Packed:
        """Return the given cells, or some that may be of use."""
        if self.chosen.cells is not None:
            return self.chosen.cells.packed
        found = cells_worth_having(
            self.problem, self.solver.scaled, point.dual, self.generator, self.deadline
        )
        return np.unique(np.concatenate([point.blocks.packed, found]), axis=0)

    def priced(self, point: Solved, cells: Packed, starts: Array) -> Blocks:
        """Return blocks to add, the best first: anywhere, and where there are some already."""
        threshold = 1.0 + _INNER * self.tol
        new = self.solver.priced(cells, point.dual, starts, threshold)
        own = point.blocks
        if len(own) > 0:
            near = self.solver.priced(
                np.unique(own.packed, axis=0), point.dual, own.directions.T, threshold
            )
            known = {row.tobytes() for row in own.packed}
            elsewhere = [row.tobytes() not in known for row in new.packed]
            new = near.joined(new[elsewhere])
        most = max(1, min(max(_FEW, 2 * len(own)), self.solver.most() - len(own)))
        return new[:most]

    def improved(self, point: Solved, new: Blocks) -> Solved:
        """Solve over the blocks of a solution and new ones, or return that solution.

        Directions that a cell has found one after the other become one, unless that is worse. Where
        the solver stalls, fewer new blocks may be easier.
        """
        most = point.objective + _INNER * self.tol * abs(point.objective)
        joined = self.solver.joined_alike(point.blocks)
        next_ = self.solved(joined.joined(new))
        if len(joined) < len(point.blocks) and next_.objective >= point.objective:
            next_ = self.solved(point.blocks.joined(new))
        while next_.objective > most and len(new) > 1 and not self.late():
            new = new[: len(new) // 2]
            next_ = self.solved(point.blocks.joined(new))
        return next_ if next_.objective <= most else point

    def late(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline

    def solved(self, blocks: Blocks) -> Solved:
        return self.solver.solve(blocks, tol=_INNER * self.tol, max_time=self.left())

    def bound(self, v: Array) -> JointBound:
        """Bound what neurons gain at a dual vector that is not scaled, on the design."""
        method = "patterns" if self.chosen.method == "cells" else self.chosen.method
        tol = _INNER * self.tol
        seen = replace(self.problem, projection=None)
        return joint_bound(
            seen, v, seen.beta, method, self.chosen.cells, tol=tol, most=self.directions()
        )

    def directions(self) -> int:
        """Return of how many directions to make a bound: of fewer where time is up."""
        return _LATE if self.late() else _DIRECTIONS

    def cells_beyond(self, point: Solved, direction: Array) -> Packed:
        """Return cells of the highest points that the bound over unlisted cells comes from."""
        if self.chosen.cells is not None:
            return self.chosen.cells.packed
        v = np.repeat(point.dual @ direction, self.problem.n_patches)
        raw = core.bound_support(
            self.solver.scaled.design,
            np.ldexp(v, -exponent_of(v)),
            slope=self.problem.slope,
            floor=0.5 * float(np.ldexp(self.solver.scaled.beta, -exponent_of(v))),
            tol=self.tol,
            max_seconds=np.inf,
            n_threads=self.solver.n_threads,
        )
        points = np.asfortranarray(raw["points"])
        return np.asarray(core.locate_cells(self.solver.scaled.design, points, 1)[0])


def solve_jointly(
    problem: TrainingProblem,
    chosen: ChosenCells,
    *,
    seed: int | None,
    start: Neurons | None = None,
    tol: float,
    max_time: float | None,
    n_threads: int,
    on_round: OnRound | None = None,
) -> ConvexSolution:
    """Solve the program over cells and directions of output weights by column generation.

    Blocks are added where the dual vector promises a gain, at local maxima of it in every cell, or,
    where cells are not listed, in those of `start` and those found by climbing from random neurons.
    When no more are found the bound is proved by `joint_bound`, whose highest point goes on with
    the search.
    """
    begin = time.monotonic()
    deadline = None if max_time is None else begin + max_time
    scaled = ScaledProblem.from_problem(problem)
    solver = JointSolver(problem, scaled, n_threads)
    generator = np.random.RandomState(0 if seed is None else seed)
    rounds = _Rounds(solver, chosen, generator, tol, deadline)
    point = solver.null()
    cells = (
        cells_of_trained(problem, scaled, generator, deadline)
        if chosen.cells is None
        else chosen.cells.packed
    )
    if start is not None and chosen.cells is None:
        cells = np.concatenate([cells, located(scaled, start.vectors)])
        cells = np.unique(cells, axis=0)
    none = np.zeros((problem.n_outputs, 0))
    best, status = -np.inf, "iteration_limit"
    history: list[tuple[float, ...]] = [(time.monotonic() - begin, point.objective, best, 0)]
    for round_ in range(_MAX_ROUNDS):
        new = rounds.priced(point, cells, none)
        if len(new) == 0:
            v = scaled.unscaled_dual({"dual": point.dual})
            found = rounds.bound(v)
            best = max(best, problem.bound_from(v, found.upper)[0])
            if point.objective - best <= tol * abs(point.objective):
                status = "converged"
                break
            if chosen.method != "relaxation":
                beyond = rounds.cells_beyond(point, found.direction)
                new = rounds.priced(point, beyond, found.direction[:, None])
            if len(new) == 0:
                status = "stalled"
                break
        before, point = point, rounds.improved(point, new)
        history.append((time.monotonic() - begin, point.objective, best, len(point.blocks)))
        step = dict(zip(HISTORY, history[-1], strict=True))
        if on_round is not None and on_round({"round": round_, **step}):
            status = "stopped"
            break
        if rounds.late() or point is before:
            status = "time_limit" if rounds.late() else "stalled"
            break
        cells = rounds.cells_to_price(point)
    return _solution(rounds, point, best, status, history)


def _solution(
    rounds: _Rounds, point: Solved, best: float, status: str, history: list[tuple[float, ...]]
) -> ConvexSolution:
    """Return the solution with few blocks, and the bound as it will be verified."""
    problem, solver, scaled = rounds.problem, rounds.solver, rounds.solver.scaled
    blocks = solver.joined_alike(point.blocks)
    if 0 < len(blocks) < len(point.blocks) and status != "time_limit":
        joined = solver.solve(blocks, tol=_INNER * rounds.tol, max_time=rounds.left())
        if joined.objective <= max(point.objective, best + rounds.tol * abs(joined.objective)):
            point = replace(joined, dual=point.dual)
    blocks = solver.fewest(point.blocks)
    v = scaled.unscaled_dual({"dual": point.dual})
    method, cells = rounds.chosen.method, rounds.chosen.cells
    design_bound = -np.inf
    if problem.projection is not None or method != "branch_and_bound" or not rounds.late():
        design_bound, v = problem.bound_from(v, rounds.bound(v).upper)
    # as it will be verified: at another length rounding is another
    v = problem.gather(problem.spread(v))
    verified, most = problem.with_height(_LEAST_TOL), rounds.directions()
    for margin in _MARGINS:
        support = joint_bound(verified, v, problem.beta, method, cells, most=most).upper
        if method == "branch_and_bound":
            support *= 1.0 + margin
        bound, v = problem.bound_from(v, support)
        if support <= problem.beta * (1.0 + margin) or method != "branch_and_bound":
            break
    norms = blocks.norms
    table = np.array(history, dtype=list(HISTORY.items()))
    table[-1]["lower_bound"] = bound
    return ConvexSolution(
        directions=blocks.vectors / norms[:, None],
        norms=np.ldexp(norms, scaled.b - scaled.a),
        signs=np.ones(len(blocks)),
        cells=np.arange(len(blocks)),
        outputs=np.zeros(len(blocks), dtype=np.intp),
        n_cells=len(np.unique(blocks.packed, axis=0)) if cells is None else cells.n_cells,
        lower_bound=bound,
        design_bound=design_bound,
        dual=v,
        status=status,
        history=table,
        packed=blocks.packed,
        mixtures=blocks.directions,
    )
