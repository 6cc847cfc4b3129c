"""Cells worth having where neurons add to all outputs and cells are not listed: local search."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvxnn._native import core
from cvxnn.networks._activations import activated
from cvxnn.networks._lbfgs import lowest
from cvxnn.networks._losses import loss_named
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._program import ScaledProblem

__all__ = ["cells_of_trained", "cells_worth_having", "located"]

Array = NDArray[np.float64]
Packed = NDArray[np.uint64]

_NEURONS = 64  # of the network to begin with
_STEPS = 500  # of its training
_PROBES = 128
_PROBE_STEPS = 100
_USED = 1e-6  # of the largest neuron


def cells_of_trained(
    problem: TrainingProblem,
    scaled: ScaledProblem,
    generator: np.random.RandomState,
    deadline: float | None,
) -> Packed:
    """Return the cells of a random network trained by L-BFGS, with weight decay in both layers."""
    X, y, K = scaled.design, scaled.y, problem.n_patches
    loss = loss_named(problem.loss.name, scaled.delta)
    weight = problem.weight[:, None]
    hidden = _random_neurons(problem, scaled, _NEURONS, generator)
    outputs = generator.standard_normal((_NEURONS, y.shape[1]))
    outputs /= np.linalg.norm(outputs, axis=1, keepdims=True)
    size = np.sqrt(np.sqrt(np.mean(y**2)) / np.sqrt(_NEURONS))
    hidden *= size / np.sqrt(np.mean((X @ hidden.T) ** 2) or 1.0)
    shapes = hidden.shape, outputs.shape, (y.shape[1],)
    ends = np.cumsum([np.prod(shape) for shape in shapes])

    def value(parameters: Array) -> tuple[float, Array]:
        W, A, offset = (
            part.reshape(shape)
            for part, shape in zip(np.split(parameters, ends[:-1]), shapes, strict=True)
        )
        z = X @ W.T
        h = activated(z, problem.slope).reshape(len(y), K, -1).sum(axis=1)
        f = h @ A + offset
        v = loss.gradient(f, y, weight)
        back = np.repeat(v @ A.T, K, axis=0) * np.where(z > 0.0, 1.0, problem.slope)
        decay = 0.5 * scaled.beta * (np.sum(W**2) + np.sum(A**2))
        by_offset = v.sum(axis=0) if problem.bias == "free" else np.zeros(y.shape[1])
        slopes = back.T @ X + scaled.beta * W, h.T @ v + scaled.beta * A, by_offset
        total = loss.value(f, y, weight) + decay
        return float(total), np.concatenate([part.ravel() for part in slopes])

    begin = np.concatenate([hidden.ravel(), size * outputs.ravel(), np.zeros(y.shape[1])])
    found = lowest(value, begin, deadline, maxiter=_STEPS, maxcor=20)
    W, A, _ = np.split(found, ends[:-1])
    W, A = W.reshape(shapes[0]), A.reshape(shapes[1])
    strengths = np.linalg.norm(W, axis=1) * np.linalg.norm(A, axis=1)
    return located(scaled, W[strengths > _USED * strengths.max()])


def cells_worth_having(
    problem: TrainingProblem,
    scaled: ScaledProblem,
    dual: Array,
    generator: np.random.RandomState,
    deadline: float | None,
) -> Packed:
    """Return cells to which random neurons climb that gain most at a dual vector, (n, C)."""
    X, K = scaled.design, problem.n_patches
    start = _random_neurons(problem, scaled, _PROBES, generator)
    V = dual / (np.abs(dual).max() or 1.0)

    def value(parameters: Array) -> tuple[float, Array]:
        U = parameters.reshape(start.shape)
        lengths = np.linalg.norm(U, axis=1, keepdims=True)
        z = X @ U.T
        h = activated(z, problem.slope).reshape(len(V), K, -1).sum(axis=1)
        gains = V.T @ h  # (C, m)
        norms = np.maximum(np.linalg.norm(gains, axis=0), 1e-300)
        by_h = V @ (gains / norms)
        back = np.repeat(by_h, K, axis=0) * np.where(z > 0.0, 1.0, problem.slope)
        ratios = norms[:, None] / lengths
        by_U = (back.T @ X - ratios * U / lengths) / lengths
        return -float(ratios.sum()), -by_U.ravel()

    found = lowest(value, start.ravel(), deadline, maxiter=_PROBE_STEPS)
    return located(scaled, found.reshape(start.shape))


def _random_neurons(
    problem: TrainingProblem, scaled: ScaledProblem, count: int, generator: np.random.RandomState
) -> Array:
    """Return neurons whose kinks go through samples, whatever the units; all the same length."""
    X = scaled.design
    spread = X.std(axis=0)
    units = np.where(spread > 0.0, spread, np.abs(X).max(axis=0))
    units[units == 0.0] = 1.0
    U = generator.standard_normal((count, X.shape[1])) / units
    if problem.bias != "none":
        rows = generator.randint(len(X), size=count)
        U[:, -1] = -np.sum(U[:, :-1] * X[rows, :-1], axis=1) / X[0, -1]
    return np.asarray(U / np.linalg.norm(U, axis=1, keepdims=True))


def located(scaled: ScaledProblem, points: Array) -> Packed:
    """Return the cells in which points lie."""
    if len(points) == 0:
        return np.zeros((0, (len(scaled.design) + 63) // 64), dtype=np.uint64)
    packed = core.locate_cells(scaled.design, np.asfortranarray(points), 1)[0]
    return np.unique(packed, axis=0)
