"""Networks under other norms for data whose cells are too many to list: local search."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cvxnn._native import core
from cvxnn.arrangements import Cells
from cvxnn.arrangements._sampling import sample_normals
from cvxnn.networks._layers import lengths_of
from cvxnn.networks._lbfgs import lowest
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._program import HISTORY, OnRound
from cvxnn.networks.hidden_norms._hidden_norm import HiddenNorm
from cvxnn.networks.hidden_norms._norm_blocks import most_cells
from cvxnn.networks.hidden_norms._norm_program import NormNeurons, NormSolution, solve_over_cells

__all__ = ["search_over_norm"]

Array = NDArray[np.float64]

_SAMPLED = 200  # cells, to begin with
_PROBES = 100  # neurons that look for cells worth having, for each output
_PROBE_STEPS = 60
_ADDED = 60  # cells a round, at most
_ROUNDS = 100
_PATIENCE = 3  # rounds that together must gain a relative `tol`
_NEGLIGIBLE = 1e-6  # of the largest neuron
_INNER = 0.3  # part of the tolerance for the program over the cells found


def search_over_norm(
    problem: TrainingProblem,
    norm: HiddenNorm,
    generator: np.random.RandomState,
    *,
    tol: float,
    max_time: float | None,
    n_threads: int,
    on_round: OnRound | None = None,
) -> NormSolution:
    """Train over cells found by probing, and return the best solution.

    The convex program is solved over sampled cells, then over those of its neurons and of neurons
    that gain at the gradient of the loss, found by ascent from random ones and those there are,
    until none is found. Nothing is proved: the dual vector of the solution is the gradient.
    """
    start = time.monotonic()
    deadline = None if max_time is None else start + max_time

    def left() -> float | None:
        return None if max_time is None else max(1e-3, max_time - (time.monotonic() - start))

    def solve(cells: Cells) -> NormSolution:
        return solve_over_cells(
            problem, norm, cells, tol=_INNER * tol, max_time=left(), n_threads=n_threads
        )

    most = most_cells(problem, norm)
    packed = sample_normals(problem.design, min(_SAMPLED, most), generator, n_threads).packed
    best = solve(Cells(packed, len(problem.design)))
    history = [_progress(problem, norm, best, start)]
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
        probes = _worthwhile(problem, norm, best.neurons, generator, tol, deadline)
        before = history[-1 - _PATIENCE][1] if round_ >= _PATIENCE else np.inf
        if len(probes) == 0 or before - objective <= tol * abs(objective):
            status = "stalled"
            break
        found = core.locate_cells(problem.design, np.asfortranarray(probes), n_threads)[0]
        norms = norm.values(best.neurons.vectors)
        strongest = np.argsort(-norms, kind="stable")[:most]
        kept = strongest[norms[strongest] > _NEGLIGIBLE * norms.max(initial=0.0)]
        tried = np.unique(np.concatenate([packed[best.neurons.cells[kept]], found[:most]]), axis=0)
        next_ = solve(Cells(tried, len(problem.design)))
        if next_.neurons.objective(problem, norm) <= objective:  # or ended by the deadline
            best, packed = next_, tried
        history.append(_progress(problem, norm, best, start))
    rows = np.array(history, dtype=list(HISTORY.items()))
    return replace(best, dual=_gradient(problem, best.neurons), status=status, history=rows)


def _progress(
    problem: TrainingProblem, norm: HiddenNorm, solution: NormSolution, start: float
) -> tuple[float, ...]:
    """Return an entry of the history."""
    value = solution.neurons.objective(problem, norm)
    return time.monotonic() - start, value, -np.inf, float(len(solution.neurons))


def _gradient(problem: TrainingProblem, neurons: NormNeurons) -> Array:
    return problem.loss.gradient(neurons.predictions(problem), problem.y, problem.weight_like_y)


def _worthwhile(
    problem: TrainingProblem,
    norm: HiddenNorm,
    neurons: NormNeurons,
    generator: np.random.RandomState,
    tol: float,
    deadline: float | None,
) -> Array:
    """Return vectors u whose gain ``|v . (X u)_+| / N(u)`` is above beta, the largest first."""
    v = _gradient(problem, neurons)
    scale = float(np.abs(v).max())
    if scale == 0.0:
        return np.zeros((0, problem.design.shape[1]))
    found, gains = [], []
    for column in np.atleast_2d(v.T):
        for side in (column, -column):
            starts = np.concatenate([_starts(norm, generator), _units(neurons.vectors)])
            probes = _ascended(problem, norm, side / scale, starts, deadline)
            found.append(probes)
            gains.append(scale * _gains(problem, norm, side / scale, probes))
    ratio = np.concatenate(gains)
    chosen = np.argsort(-ratio, kind="stable")[:_ADDED]
    return np.concatenate(found)[chosen[ratio[chosen] > problem.beta * (1.0 + tol)]]


def _starts(norm: HiddenNorm, generator: np.random.RandomState) -> Array:
    """Return random directions, and combinations of few parts."""
    z = generator.standard_normal((_PROBES, norm.basis.shape[1]))
    if norm.parts > 2:
        length = z.shape[1] // norm.parts
        few = generator.random_sample((_PROBES // 2, norm.parts)) < 2.0 / norm.parts
        few[np.arange(len(few)), generator.randint(norm.parts, size=len(few))] = True
        z[: len(few)] *= np.repeat(few, length, axis=1)
    return _units(z @ norm.basis.T)


def _gains(problem: TrainingProblem, norm: HiddenNorm, v: Array, vectors: Array) -> Array:
    return np.asarray(
        np.maximum(vectors @ problem.design.T, 0.0) @ v / np.maximum(norm.values(vectors), 1e-300)
    )


def _ascended(
    problem: TrainingProblem, norm: HiddenNorm, v: Array, vectors: Array, deadline: float | None
) -> Array:
    """Return vectors to which the gains climb, all at once, by quasi-Newton steps."""
    design, _ = problem.scaled_design()

    def value(parameters: Array) -> tuple[float, Array]:
        u = parameters.reshape(vectors.shape)
        outputs = u @ design.T
        norms = np.maximum(norm.values(u), 1e-300)
        ratio = np.maximum(outputs, 0.0) @ v / norms
        pulled = ((outputs > 0.0) * v) @ design
        slopes = (pulled - ratio[:, None] * norm.slopes(u)) / norms[:, None]
        return -float(ratio.sum()), -slopes.ravel()

    found = lowest(value, vectors.ravel(), deadline, maxiter=_PROBE_STEPS)
    return _units(found.reshape(vectors.shape))


def _units(vectors: Array) -> Array:
    lengths = lengths_of(vectors)[:, None]
    return np.asarray(vectors / np.where(lengths > 0.0, lengths, 1.0))
