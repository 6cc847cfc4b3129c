"""The convex program of parallel three-layer networks over given patterns of both hidden layers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvxnn._native import core
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._program import HISTORY, OnRound, ScaledProblem
from cvxnn.networks._prune import fewest_shares
from cvxnn.networks.parallel._nested_cells import NestedCells
from cvxnn.networks.parallel._parallel_model import Branches, BranchSolution, ParallelModel

__all__ = [
    "fewest_branches",
    "nested_support",
    "solve_nested",
]

Array = NDArray[np.float64]

_MAX_ROUNDS = 200


def solve_nested(
    problem: TrainingProblem,
    model: ParallelModel,
    cells: NestedCells,
    *,
    tol: float,
    max_time: float | None,
    n_threads: int,
    on_round: OnRound | None = None,
) -> BranchSolution:
    """Solve the program over the cells among those given that have an interior.

    The closures of the others are faces of cells, but possibly not of these. The strength of the
    problem is that of the program, `ParallelModel.strength` included.
    """
    scaled = ScaledProblem.from_problem(problem)
    interiors = core.nested_interiors(scaled.design, *cells.packed(), n_threads=n_threads)
    inside = np.asarray(interiors.any(axis=1))
    cells = cells[inside]
    raw = core.solve_nested_program(
        scaled.design,
        *cells.packed(),
        np.asfortranarray(interiors[inside]),
        np.asfortranarray(scaled.y.reshape(len(scaled.y), -1)),
        problem.weight,
        loss=problem.loss.name,
        delta=scaled.delta,
        beta=scaled.beta,
        separate_norms=model.separate_norms,
        tol=tol,
        max_rounds=_MAX_ROUNDS,
        max_seconds=np.inf if max_time is None else max_time,
        n_threads=n_threads,
        on_round=None if on_round is None else lambda step: on_round(scaled.progress(step)),
    )
    rows = np.array(raw["cells"], dtype=np.intp)
    vectors = np.ldexp(raw["weights"], scaled.b - scaled.a)
    history = [tuple(scaled.progress(step)[name] for name in HISTORY) for step in raw["history"]]
    branches = Branches(
        vectors.reshape(len(rows), cells.m1, scaled.design.shape[1]),
        cells.signs[rows],
        raw["signs"],
        np.array(raw["targets"], dtype=np.intp),
    )
    return BranchSolution(
        branches,
        len(inside),
        scaled.unscaled_dual(raw),
        raw["status"],
        np.array(history, dtype=list(HISTORY.items())),
    )


def nested_support(
    problem: TrainingProblem,
    model: ParallelModel,
    cells: NestedCells,
    v: Array,
    floor: float,
    *,
    n_threads: int = 1,
) -> Array:
    """Bound what branches in each cell gain at v, at most: max ``|v . h(u)|`` over N(u) <= 1.

    Below `floor` bounds are not resolved. Shape (N, C).
    """
    design, exponent = problem.scaled_design()
    supports = [np.zeros(len(cells))]
    for column in np.atleast_2d(v.T):
        exponent_of_v = int(np.frexp(np.abs(column).max())[1])
        shift = exponent + exponent_of_v
        both = core.price_nested(
            design,
            *cells.packed(),
            np.ldexp(column, -exponent_of_v),
            threshold=float(np.clip(np.ldexp(floor, -shift), 1e-300, 1e300)),
            separate_norms=model.separate_norms,
            n_threads=n_threads,
        )
        supports.append(np.ldexp(both.reshape(-1, 2).max(axis=1), shift))
    return np.column_stack(supports[1:])


def fewest_branches(
    problem: TrainingProblem, model: ParallelModel, branches: Branches, outputs: Array
) -> Branches:
    """Return branches whose outputs, (K, n), add up to the same; no more than there are targets.

    A vertex of the combinations that have them (Caratheodory), of no larger norms.
    """
    share = fewest_shares(
        problem.n_outputs,
        outputs,
        branches.output_signs,
        branches.outputs,
        model.norms(branches.vectors),
    )
    kept = np.flatnonzero(share)
    return branches[kept].with_vectors(branches.vectors[kept] * share[kept, None, None])
