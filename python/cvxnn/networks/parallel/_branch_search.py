"""Networks of branches for data whose cells are too many to list: local search."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cvxnn.networks._lbfgs import lowest
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._program import HISTORY, OnRound, ScaledProblem
from cvxnn.networks.parallel._parallel_model import Branches, BranchSolution, ParallelModel

__all__ = ["BranchSpace", "search_branches"]

Array = NDArray[np.float64]

_BRANCHES = 64  # of the network to begin with, for each output
_STEPS = 500  # of its training, and of later ones
_PROBES = 128  # branches that look for cells worth having, for each output
_PROBE_STEPS = 100
_ROUNDS = 100
_PATIENCE = 3  # rounds that together must gain a relative `tol`
_SMALL = 1e-3  # of the largest branch: what the cells of smaller ones add is little
_SHORTEST = 1e-6  # of the largest branch, where a descent starts
_INNER = 0.3  # part of the tolerance for the program over the cells found


class BranchSpace(Protocol):
    """What a search must know of the branches that it looks for."""

    @property
    def problem(self) -> TrainingProblem: ...
    @property
    def model(self) -> ParallelModel: ...

    def layers(self, branches: Branches) -> tuple[Any, Array]:
        """Return what `pulled_back` must know of the first layer, and the outputs, (K, n)."""

    def pulled_back(self, branches: Branches, first: Any, second: Array, on: Array) -> Array:
        """Return the gradients by the u_bj of the sum over b of row b of `on` times branch b."""

    def cells_of(self, branches: Branches) -> Any:
        """Return the distinct cells in which branches lie that are not zero; they can be joined."""

    def solved(
        self, cells: Any, *, tol: float, max_time: float | None, n_threads: int
    ) -> BranchSolution:
        """Solve the program over cells, with no more branches than are needed."""


def search_branches(
    space_of: Callable[[TrainingProblem], BranchSpace],
    problem: TrainingProblem,
    generator: np.random.RandomState,
    *,
    tol: float,
    max_time: float | None,
    n_threads: int,
    on_round: OnRound | None = None,
) -> BranchSolution:
    """Train over cells found by descent and by probing, and return the best solution.

    A wide random network is trained by L-BFGS, the convex program is solved over the cells of its
    branches, and cells are added in which the dual vector promises a gain, or to which training on
    from the solution leads, until neither helps. Nothing is proved: the dual vector of the solution
    is the gradient of the loss. All of this on numbers near one: L-BFGS stops at small gradients.
    """
    start = time.monotonic()
    scaled = ScaledProblem.from_problem(problem)
    space = space_of(scaled.applied_to(problem))
    deadline = None if max_time is None else start + max_time
    branches = _random(space, _BRANCHES, generator)
    branches = _descended(space, branches, deadline)
    cells = _cells_of(space, branches)
    best = _solved(space, cells, tol, max_time, start, n_threads)
    if _objective(space, branches) < _objective(space, best.branches):
        best = replace(best, branches=branches)  # out of time
    history = [_progress(space, best, start)]
    status = "iteration_limit"
    for round_ in range(_ROUNDS):
        objective = history[-1][1]
        step = scaled.progress(dict(zip(HISTORY, history[-1], strict=True)))
        if on_round is not None and on_round({"round": round_, **step}):
            status = "stopped"
            break
        if max_time is not None and time.monotonic() - start > max_time:
            status = "time_limit"
            break
        probes = _worthwhile(space, _gradient(space, best.branches), generator, tol, deadline)
        before = history[-1 - _PATIENCE][1] if round_ >= _PATIENCE else np.inf
        if len(probes) == 0 or before - objective <= tol * abs(objective):
            status = "stalled"
            break
        moved = _descended(space, best.branches, deadline).joined(probes)
        cells = _cells_of(space, best.branches).joined(_cells_of(space, moved))
        next_ = _solved(space, cells, tol, max_time, start, n_threads)
        history.append(_progress(space, next_, start))
        if history[-1][1] <= objective:
            best = next_
        else:  # ended by the deadline
            history[-1] = (history[-1][0], *history[-2][1:])
    rows = np.array(history, dtype=list(HISTORY.items()))
    rows["objective"] = [scaled.objective(value) for value in rows["objective"]]
    dual = scaled.unscaled_dual({"dual": _gradient(space, best.branches)})
    vectors = np.ldexp(best.branches.vectors, scaled.b - scaled.a)
    branches = best.branches.with_vectors(vectors)
    return replace(best, branches=branches, dual=dual, status=status, history=rows)


def _solved(
    space: BranchSpace,
    cells: Any,
    tol: float,
    max_time: float | None,
    start: float,
    n_threads: int,
) -> BranchSolution:
    left = None if max_time is None else max(1e-3, max_time - (time.monotonic() - start))
    return space.solved(cells, tol=_INNER * tol, max_time=left, n_threads=n_threads)


def _progress(space: BranchSpace, solution: BranchSolution, start: float) -> tuple[float, ...]:
    """Return an entry of the history."""
    value = _objective(space, solution.branches)
    return time.monotonic() - start, value, -np.inf, float(len(solution.branches))


def _objective(space: BranchSpace, branches: Branches) -> float:
    problem = space.problem
    f = _outputs(problem, branches, space.layers(branches)[1])
    value = problem.loss.value(f, problem.y, problem.weight_like_y)
    return value + problem.beta * float(space.model.norms(branches.vectors).sum())


def _random(space: BranchSpace, count: int, generator: np.random.RandomState) -> Branches:
    """Return branches with random directions; half of them of either sign, for every output."""
    problem, model = space.problem, space.model
    outputs = np.repeat(np.arange(problem.n_outputs), count)
    assert model.m1 is not None
    shape = len(outputs), model.m1
    vectors = generator.standard_normal((*shape, problem.design.shape[1]))
    vectors /= np.linalg.norm(vectors, axis=(1, 2))[:, None, None]
    signs = np.where(generator.standard_normal(shape) > 0.0, 1.0, -1.0)
    signs[:, 0] = 1.0  # otherwise many are never on
    output_signs = np.where(np.arange(len(outputs)) % 2 == 0, 1.0, -1.0)
    return Branches(vectors, signs, output_signs, outputs)


def _cells_of(space: BranchSpace, branches: Branches) -> Any:
    norms = space.model.norms(branches.vectors)
    return space.cells_of(branches[np.flatnonzero(norms > _SMALL * norms.max(initial=0.0))])


def _outputs(problem: TrainingProblem, branches: Branches, second: Array) -> Array:
    f = np.zeros((problem.n_outputs, len(problem.y)))
    np.add.at(f, branches.outputs, branches.output_signs[:, None] * second)
    return np.ascontiguousarray(f.T).reshape(problem.y.shape)


def _gradient(space: BranchSpace, branches: Branches) -> Array:
    problem = space.problem
    f = _outputs(problem, branches, space.layers(branches)[1])
    return problem.loss.gradient(f, problem.y, problem.weight_like_y)


def _descended(space: BranchSpace, branches: Branches, deadline: float | None) -> Branches:
    """Train branches by L-BFGS.

    With u = a w the smooth penalty ``beta (a^2 + ||w||^2) / 2`` is least at ``beta ||u||``.
    """
    if len(branches) == 0:
        return branches
    problem = space.problem
    lengths = np.linalg.norm(branches.vectors, axis=2, keepdims=True)
    if not space.model.separate_norms:
        lengths = np.linalg.norm(lengths, axis=1, keepdims=True)
    roots = np.sqrt(np.maximum(lengths, _SHORTEST * lengths.max(initial=1e-300)))
    shape, n_scales = branches.vectors.shape, roots.size

    def value(parameters: Array) -> tuple[float, Array]:
        a = parameters[:n_scales].reshape(roots.shape)
        w = parameters[n_scales:].reshape(shape)
        moved = branches.with_vectors(a * w)
        first, second = space.layers(moved)
        f = _outputs(problem, moved, second)
        v = problem.loss.gradient(f, problem.y, problem.weight_like_y)
        on = branches.output_signs[:, None] * v.reshape(len(v), -1).T[branches.outputs]
        pulled = space.pulled_back(moved, first, second, on)
        total = problem.loss.value(f, problem.y, problem.weight_like_y)
        total += 0.5 * problem.beta * (np.sum(a**2) + np.sum(w**2))
        axes = tuple(axis for axis in (1, 2) if roots.shape[axis] == 1)
        by_a = np.sum(pulled * w, axis=axes, keepdims=True) + problem.beta * a
        by_w = pulled * a + problem.beta * w
        return float(total), np.concatenate([by_a.ravel(), by_w.ravel()])

    begin = np.concatenate([roots.ravel(), (branches.vectors / roots).ravel()])
    found = lowest(value, begin, deadline, maxiter=_STEPS, maxcor=20)
    a = found[:n_scales].reshape(roots.shape)
    return branches.with_vectors(a * found[n_scales:].reshape(shape))


def _worthwhile(
    space: BranchSpace,
    v: Array,
    generator: np.random.RandomState,
    tol: float,
    deadline: float | None,
) -> Branches:
    """Return branches whose price at v is above their cost, the best of each cell.

    From random ones the ratio of gain and norm climbs to local maxima.
    """
    problem, model = space.problem, space.model
    probes = _random(space, _PROBES, generator)
    rows = v.reshape(len(v), -1).T[probes.outputs]
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    on = probes.output_signs[:, None] * rows / np.maximum(length, 1e-300)

    def value(parameters: Array) -> tuple[float, Array]:
        moved = probes.with_vectors(parameters.reshape(probes.vectors.shape))
        first, second = space.layers(moved)
        gains = np.sum(on * second, axis=1)
        pulled = space.pulled_back(moved, first, second, on)
        norms, slopes = _norms_and_slopes(model, moved.vectors)
        by_u = (pulled - (gains / norms)[:, None, None] * slopes) / norms[:, None, None]
        return float(np.sum(gains / norms)), by_u.ravel()

    found = lowest(value, probes.vectors.ravel(), deadline, maxiter=_PROBE_STEPS)
    moved = probes.with_vectors(found.reshape(probes.vectors.shape))
    second = space.layers(moved)[1]
    gains = -np.sum(on * second, axis=1) * length[:, 0]
    ratio = gains / _norms_and_slopes(model, moved.vectors)[0]
    chosen = np.flatnonzero(ratio > problem.beta * (1.0 + tol))
    return moved[chosen[np.argsort(-ratio[chosen], kind="stable")]]


def _norms_and_slopes(model: ParallelModel, vectors: Array) -> tuple[Array, Array]:
    norms = np.maximum(model.norms(vectors), 1e-300)
    if not model.separate_norms:
        return norms, vectors / norms[:, None, None]
    lengths = np.linalg.norm(vectors, axis=2, keepdims=True)
    return norms, vectors / np.maximum(lengths, 1e-300)
