"""Parallel three-layer networks for data whose cells are too many to list: local search."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from cvxnn.networks._nested_cells import NestedCells, cells_of_branches
from cvxnn.networks._nested_program import NestedSolution, fewest_branches, solve_nested
from cvxnn.networks._parallel_model import Branches, ParallelModel
from cvxnn.networks._problem import TrainingProblem, exponent_of
from cvxnn.networks._program import HISTORY, OnRound

__all__ = ["search_nested", "until"]

Array = NDArray[np.float64]

_BRANCHES = 64  # of the network to begin with, for each output
_STEPS = 500  # of its training, and of later ones
_PROBES = 128  # branches that look for cells worth having, for each output
_PROBE_STEPS = 100
_ROUNDS = 100
_PATIENCE = 3  # rounds that together must gain a relative `tol`
_NEGLIGIBLE = 1e-6  # of the largest branch
_INNER = 0.3  # part of the tolerance for the program over the cells found


def search_nested(
    problem: TrainingProblem,
    model: ParallelModel,
    generator: np.random.RandomState,
    *,
    tol: float,
    max_time: float | None,
    n_threads: int,
    on_round: OnRound | None = None,
) -> NestedSolution:
    """Train over cells found by descent and by probing, and return the best solution.

    A wide random network is trained by L-BFGS, the convex program is solved over the cells of its
    branches, and cells are added in which the dual vector promises a gain, or to which training on
    from the solution leads, until neither helps. Nothing is proved: the dual vector of the solution
    is the gradient of the loss.
    """
    start = time.monotonic()
    deadline = None if max_time is None else start + max_time
    branches = _random(problem, model, _BRANCHES, generator)
    branches = _descended(problem, model, branches, deadline)
    cells = _cells_of(problem, model, branches)
    best = _solved(problem, model, cells, tol, max_time, start, n_threads)
    if _objective(problem, model, branches) < _objective(problem, model, best.branches):
        best = replace(best, branches=branches)  # out of time
    history = [_progress(problem, model, best, start)]
    status = "iteration_limit"
    for round_ in range(_ROUNDS):
        objective = history[-1][1]
        step = dict(zip(HISTORY, history[-1], strict=True))
        if on_round is not None and on_round({"round": round_, **step}):
            status = "stopped"
            break
        if max_time is not None and time.monotonic() - start > max_time:
            status = "time_limit"
            break
        probes = _worthwhile(
            problem, model, _gradient(problem, best.branches), generator, tol, deadline
        )
        before = history[-1 - _PATIENCE][1] if round_ >= _PATIENCE else np.inf
        if len(probes) == 0 or before - objective <= tol * abs(objective):
            status = "stalled"
            break
        moved = _descended(problem, model, best.branches, deadline).joined(probes)
        cells = _cells_of(problem, model, best.branches).joined(_cells_of(problem, model, moved))
        next_ = _solved(problem, model, cells, tol, max_time, start, n_threads)
        history.append(_progress(problem, model, next_, start))
        if history[-1][1] <= objective:
            best = next_
        else:  # ended by the deadline
            history[-1] = (history[-1][0], *history[-2][1:])
    rows = np.array(history, dtype=list(HISTORY.items()))
    return replace(best, dual=_gradient(problem, best.branches), status=status, history=rows)


def _solved(
    problem: TrainingProblem,
    model: ParallelModel,
    cells: NestedCells,
    tol: float,
    max_time: float | None,
    start: float,
    n_threads: int,
) -> NestedSolution:
    left = None if max_time is None else max(1e-3, max_time - (time.monotonic() - start))
    options: dict[str, Any] = {"max_time": left, "n_threads": n_threads}
    solution = solve_nested(problem, model, cells, tol=_INNER * tol, **options)
    # otherwise interior points have a little of everything
    return replace(solution, branches=fewest_branches(problem, model, solution.branches))


def _progress(
    problem: TrainingProblem, model: ParallelModel, solution: NestedSolution, start: float
) -> tuple[float, ...]:
    """Return an entry of the history."""
    value = _objective(problem, model, solution.branches)
    return time.monotonic() - start, value, -np.inf, float(len(solution.branches))


def _objective(problem: TrainingProblem, model: ParallelModel, branches: Branches) -> float:
    f = _outputs(problem, branches, branches.layers(problem.design)[1])
    value = problem.loss.value(f, problem.y, problem.weight_like_y)
    return value + problem.beta * float(model.norms(branches.vectors).sum())


def _random(
    problem: TrainingProblem, model: ParallelModel, count: int, generator: np.random.RandomState
) -> Branches:
    """Return branches with random directions; half of them of either sign, for every output."""
    outputs = np.repeat(np.arange(problem.n_outputs), count)
    assert model.m1 is not None
    shape = len(outputs), model.m1
    vectors = generator.standard_normal((*shape, problem.design.shape[1]))
    vectors /= np.linalg.norm(vectors, axis=(1, 2))[:, None, None]
    signs = np.where(generator.standard_normal(shape) > 0.0, 1.0, -1.0)
    signs[:, 0] = 1.0  # otherwise many are never on
    output_signs = np.where(np.arange(len(outputs)) % 2 == 0, 1.0, -1.0)
    return Branches(vectors, signs, output_signs, outputs)


def _cells_of(problem: TrainingProblem, model: ParallelModel, branches: Branches) -> NestedCells:
    norms = model.norms(branches.vectors)
    used = np.flatnonzero(norms > _NEGLIGIBLE * norms.max(initial=0.0))
    return cells_of_branches(problem.design, branches.vectors[used], branches.signs[used])


def _outputs(problem: TrainingProblem, branches: Branches, second: Array) -> Array:
    f = np.zeros((problem.n_outputs, len(problem.design)))
    np.add.at(f, branches.outputs, branches.output_signs[:, None] * second)
    return np.ascontiguousarray(f.T).reshape(problem.y.shape)


def _pulled_back(
    problem: TrainingProblem, branches: Branches, first: Array, second: Array, v: Array
) -> Array:
    """Return the gradients of ``v . f`` by the u_bj, where v has a row for each branch."""
    on = branches.output_signs[:, None] * v * (second > 0.0)  # (K, n)
    gates = on[:, None] * branches.signs[:, :, None] * (first > 0.0)
    return np.asarray(gates @ problem.design)


def _gradient(problem: TrainingProblem, branches: Branches) -> Array:
    f = _outputs(problem, branches, branches.layers(problem.design)[1])
    return problem.loss.gradient(f, problem.y, problem.weight_like_y)


def _descended(
    problem: TrainingProblem, model: ParallelModel, branches: Branches, deadline: float | None
) -> Branches:
    """Train branches by L-BFGS.

    With u = a w the smooth penalty ``beta (a^2 + ||w||^2) / 2`` is least at ``beta ||u||``.
    """
    if len(branches) == 0:
        return branches
    lengths = np.linalg.norm(branches.vectors, axis=2, keepdims=True)
    if not model.separate_norms:
        lengths = np.linalg.norm(lengths, axis=1, keepdims=True)
    roots = np.sqrt(np.maximum(lengths, _NEGLIGIBLE * lengths.max(initial=1e-300)))
    shape, n_scales = branches.vectors.shape, roots.size
    # the loss of one unit of prediction decides how small numbers are
    scale = np.ldexp(1.0, -exponent_of(problem.design))

    def value(parameters: Array) -> tuple[float, Array]:
        a = parameters[:n_scales].reshape(roots.shape)
        w = parameters[n_scales:].reshape(shape)
        moved = branches.with_vectors(a * w * scale)
        first, second = moved.layers(problem.design)
        f = _outputs(problem, moved, second)
        v = problem.loss.gradient(f, problem.y, problem.weight_like_y)
        rows = v.reshape(len(v), -1).T[branches.outputs]
        pulled = scale * _pulled_back(problem, moved, first, second, rows)
        strength = scale * problem.beta
        total = problem.loss.value(f, problem.y, problem.weight_like_y)
        total += 0.5 * strength * (np.sum(a**2) + np.sum(w**2))
        axes = tuple(axis for axis in (1, 2) if roots.shape[axis] == 1)
        by_a = np.sum(pulled * w, axis=axes, keepdims=True) + strength * a
        by_w = pulled * a + strength * w
        return float(total), np.concatenate([by_a.ravel(), by_w.ravel()])

    begin = np.concatenate(
        [(roots / np.sqrt(scale)).ravel(), (branches.vectors / roots / np.sqrt(scale)).ravel()]
    )
    found = minimize(
        value,
        begin,
        jac=True,
        method="L-BFGS-B",
        callback=until(deadline),
        options={"maxiter": _STEPS, "maxcor": 20},
    )
    a = found.x[:n_scales].reshape(roots.shape)
    return branches.with_vectors(a * found.x[n_scales:].reshape(shape) * scale)


def _worthwhile(
    problem: TrainingProblem,
    model: ParallelModel,
    v: Array,
    generator: np.random.RandomState,
    tol: float,
    deadline: float | None,
) -> Branches:
    """Return branches whose price at v is above their cost, the best of each cell.

    From random ones the ratio of gain and norm climbs to local maxima.
    """
    probes = _random(problem, model, _PROBES, generator)
    rows = v.reshape(len(v), -1).T[probes.outputs]
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.maximum(length, 1e-300)

    def value(parameters: Array) -> tuple[float, Array]:
        moved = probes.with_vectors(parameters.reshape(probes.vectors.shape))
        first, second = moved.layers(problem.design)
        gains = np.sum(probes.output_signs[:, None] * rows * second, axis=1)
        pulled = _pulled_back(problem, moved, first, second, rows)
        norms, slopes = _norms_and_slopes(model, moved.vectors)
        by_u = (pulled - (gains / norms)[:, None, None] * slopes) / norms[:, None, None]
        return float(np.sum(gains / norms)), by_u.ravel()

    found = minimize(
        value,
        probes.vectors.ravel(),
        jac=True,
        method="L-BFGS-B",
        callback=until(deadline),
        options={"maxiter": _PROBE_STEPS},
    )
    moved = probes.with_vectors(found.x.reshape(probes.vectors.shape))
    second = moved.layers(problem.design)[1]
    gains = -np.sum(probes.output_signs[:, None] * rows * second, axis=1) * length[:, 0]
    ratio = gains / _norms_and_slopes(model, moved.vectors)[0]
    chosen = np.flatnonzero(ratio > problem.beta * (1.0 + tol))
    return moved[chosen[np.argsort(-ratio[chosen], kind="stable")]]


def until(deadline: float | None) -> Callable[[Array], None]:
    """Return a callback that ends a minimisation, which then returns what it has."""

    def check(_: Array) -> None:
        if deadline is not None and time.monotonic() > deadline:
            raise StopIteration

    return check


def _norms_and_slopes(model: ParallelModel, vectors: Array) -> tuple[Array, Array]:
    norms = np.maximum(model.norms(vectors), 1e-300)
    if not model.separate_norms:
        return norms, vectors / norms[:, None, None]
    lengths = np.linalg.norm(vectors, axis=2, keepdims=True)
    return norms, vectors / np.maximum(lengths, 1e-300)
