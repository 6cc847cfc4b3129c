"""Which neurons can be part of an optimal network: those whose gain is as large as their cost."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvxnn._native import core
from cvxnn.arrangements import Cells
from cvxnn.networks._certificate import Certificate
from cvxnn.networks._problem import TrainingProblem

__all__ = [
    "CURVATURE",
    "Maximisers",
    "distances",
    "maximisers",
    "merged",
    "outputs_of_dual",
    "proved_accuracy",
]

Array = NDArray[np.float64]

CURVATURE = {"squared": 1.0, "logistic": 0.25}  # the largest, of losses that are strictly convex
_CELLS_AT_ONCE = 4096


@dataclass(frozen=True, eq=False)
class Maximisers:
    """Unit vectors u of the largest -s v_t . phi(X u) in their cells, for signs s, outputs t."""

    vectors: Array  # (m, columns of the design)
    signs: Array  # (m,)
    outputs: NDArray[np.intp]  # (m,)
    supports: Array  # (m,): what is attained, over beta
    groups: NDArray[np.intp]  # (m,): those of one number have the same vector

    def __getitem__(self, which: NDArray[Any]) -> Maximisers:
        return Maximisers(*(getattr(self, entry.name)[which] for entry in fields(self)))


def proved_accuracy(problem: TrainingProblem, certificate: Certificate, size: float) -> float:
    """Bound the error of supports over beta, and of maximisers, by the certified gap.

    A loss whose second derivatives are at most h w has a dual objective that falls from its maximum
    by at least ||dv||^2 / (2 h), in the norm of 1 / w; and outputs of unit neurons are at most
    `size` long, in the norm of w.
    """
    rounding = problem.y.size * np.finfo(np.float64).eps * abs(certificate.objective)
    gap = max(certificate.gap, rounding)
    return float(np.sqrt(2.0 * CURVATURE[problem.loss.name] * gap) * size / problem.beta)


def outputs_of_dual(problem: TrainingProblem, v: Array) -> Array:
    """Return the outputs at which the gradient of the loss is v, both of shape (n, C)."""
    y, w = problem.y.reshape(v.shape), problem.weight[:, None]
    if problem.loss.name == "squared":
        return y + v / w
    share = -v * y / w
    return np.asarray(y * (np.log1p(-share) - np.log(share)))


def maximisers(problem: TrainingProblem, cells: Cells, v: Array, threshold: float) -> Maximisers:
    """Return those of all cells with a larger support, at v over beta of shape (n, C).

    The largest value of a linear function over the unit vectors of a cone is the norm of the
    projection of its gradient, which points to where it is attained.
    """
    threshold = max(threshold, 0.0)
    found: list[tuple[Array, float, int]] = []
    for start in range(0, cells.n_cells, _CELLS_AT_ONCE):
        some = cells[start : start + _CELLS_AT_ONCE]
        masks = some.to_dense() * (1.0 - problem.slope) + problem.slope
        for output, column in enumerate(v.T):
            gradients = (masks * column) @ problem.design
            for i in np.flatnonzero(np.linalg.norm(gradients, axis=1) > threshold):
                for sign in (1.0, -1.0):
                    pattern = some.packed[i : i + 1]
                    point = _projected(problem.design, pattern, -sign * gradients[i])
                    if np.linalg.norm(point) > threshold:
                        found.append((point, sign, output))
    shape = len(found), problem.design.shape[1]
    points = np.array([point for point, _, _ in found]).reshape(shape)
    supports = np.linalg.norm(points, axis=1)
    return Maximisers(
        points / supports[:, None],
        np.array([sign for _, sign, _ in found], dtype=np.float64),
        np.array([output for _, _, output in found], dtype=np.intp),
        supports,
        np.arange(len(found)),
    )


def merged(neurons: Maximisers, reach: float, slope: float) -> Maximisers:
    """Take vectors within reach of one another as one, and list each once an output.

    A vector on the boundary of several cells is the maximiser in each of them.
    """
    neurons = neurons[np.argsort(-neurons.supports, kind="stable")]
    firsts: list[int] = []
    groups = np.zeros(len(neurons.signs), dtype=np.intp)
    for i, vector in enumerate(neurons.vectors):
        near = np.flatnonzero(distances(vector, neurons.vectors[firsts], slope) <= reach)
        if len(near) == 0:
            firsts.append(i)
        groups[i] = near[0] if len(near) else len(firsts) - 1
    alike = replace(neurons, vectors=neurons.vectors[firsts][groups], groups=groups)
    # in an order that rounding does not decide
    keys = np.column_stack([alike.vectors, -alike.signs, alike.outputs])
    keys, kept = np.unique(keys, axis=0, return_index=True)
    return alike[kept[np.lexsort((keys[:, -2], keys[:, -1]))]]


def distances(vector: Array, others: Array, slope: float) -> Array:
    """Return how far unit vectors are apart; for the absolute value opposite ones are equal."""
    apart: Array = np.linalg.norm(others - vector, axis=1)
    return np.minimum(apart, np.linalg.norm(others + vector, axis=1)) if slope == -1.0 else apart


def _projected(design: Array, pattern: NDArray[np.uint64], gradient: Array) -> Array:
    point, _, finished = core.project_onto_cell(design, pattern, gradient)
    if not finished:
        raise RuntimeError("a projection onto a cell reached its limit of iterations")
    return point
