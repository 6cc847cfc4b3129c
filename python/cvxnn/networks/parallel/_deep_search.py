"""Parallel networks of any depth: branches found by descent and by probing, weighed by a Lasso."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._program import HISTORY, OnRound, ScaledProblem
from cvxnn.networks._prune import fewest_shares
from cvxnn.networks.parallel._branch_descent import (
    BranchProblem,
    climbed,
    descended,
    random_branches,
)
from cvxnn.networks.parallel._branch_lasso import best_heights
from cvxnn.networks.parallel._deep_branches import DeepBranches, DeepModel

__all__ = ["DeepSolution", "search_deep"]

Array = NDArray[np.float64]

_BRANCHES = 64  # of the network to begin with, for each output
_PROBES = 128  # branches that climb, for each output
_ROUNDS = 100
_PATIENCE = 3  # rounds that together must gain a relative `tol`
_NEGLIGIBLE = 1e-9  # of the largest branch
_INNER = 1e-2  # part of the tolerance for the Lasso


@dataclass(frozen=True, eq=False)
class DeepSolution:
    """The best branches found."""

    branches: DeepBranches
    status: str
    history: NDArray[np.void]


def search_deep(
    problem: TrainingProblem,
    model: DeepModel,
    generator: np.random.RandomState,
    *,
    tol: float,
    max_time: float | None,
    n_threads: int,
    on_round: OnRound | None = None,
) -> DeepSolution:
    """Train by column generation with a heuristic oracle, and return the best solution.

    The problem over all branches is convex in how much of each there is. So a wide random network
    is trained by L-BFGS, a Lasso weighs its branches, branches climb to where the gradient of the
    loss promises a gain, and the network is trained on with these. Nothing is proved.
    """
    start = time.monotonic()
    deadline = None if max_time is None else start + max_time
    scaled = ScaledProblem.from_problem(problem)
    small = BranchProblem(scaled.applied_to(problem), model, tol, deadline)

    def weighed(branches: DeepBranches) -> DeepBranches:
        return _weighed(small, branches, n_threads)

    first = random_branches(small, _BRANCHES, generator)
    best = weighed(descended(small, first.with_sizes(np.full(len(first), 1.0 / _BRANCHES))))
    values, rows, status = [small.objective(best)], [], "iteration_limit"
    for round_ in range(_ROUNDS + 1):
        seconds = time.monotonic() - start
        rows.append((seconds, scaled.objective(values[-1]), -np.inf, float(len(best))))
        step = dict(zip(HISTORY, rows[-1], strict=True))
        if on_round is not None and on_round({"round": round_, **step}):
            status = "stopped"
            break
        if max_time is not None and seconds > max_time:
            status = "time_limit"
            break
        earlier = values[-1 - _PATIENCE] if round_ >= _PATIENCE else np.inf
        if round_ == _ROUNDS or earlier - values[-1] <= tol * abs(values[-1]):
            status = "iteration_limit" if round_ == _ROUNDS else "stalled"
            break
        probes = climbed(small, best, _PROBES, generator)
        more = weighed(best.joined(probes))
        # both, as branches next to each other do what one at a kink cannot
        before = more.with_sizes(np.zeros(len(more)))
        more = weighed(descended(small, more).joined(before))
        value = small.objective(more)
        if value < values[-1]:
            best = more
        values.append(min(value, values[-1]))
    best = _fewest(small, best)
    sizes = np.ldexp(best.sizes, scaled.b - scaled.a)
    history = np.array(rows, dtype=list(HISTORY.items()))
    return DeepSolution(best.with_sizes(sizes), status, history)


def _weighed(small: BranchProblem, branches: DeepBranches, n_threads: int) -> DeepBranches:
    """Return the branches that the Lasso over these, for any output, keeps."""
    heights = np.zeros((len(branches), small.problem.n_outputs))
    heights[np.arange(len(branches)), branches.outputs] = branches.signs * branches.sizes
    heights = best_heights(
        small.problem,
        branches.hidden(small.problem.design),
        heights,
        tol=_INNER * small.tol,
        max_time=small.seconds_left(),
        n_threads=n_threads,
    )
    least = _NEGLIGIBLE * np.abs(heights).max(initial=0.0)
    rows, outputs = np.nonzero(np.abs(heights) > least)
    kept = heights[rows, outputs]
    return replace(
        branches[rows], sizes=np.abs(kept), signs=np.asarray(np.sign(kept)), outputs=outputs
    )


def _fewest(small: BranchProblem, branches: DeepBranches) -> DeepBranches:
    """Return branches with the same outputs, no more than there are targets of samples."""
    hidden = branches.sizes[:, None] * branches.hidden(small.problem.design)
    shares = fewest_shares(
        small.problem.n_outputs, hidden, branches.signs, branches.outputs, branches.sizes
    )
    kept = np.flatnonzero(shares)
    return branches[kept].with_sizes(branches.sizes[kept] * shares[kept])
