"""Data with orthogonal rows of one length: the optimum in closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvxnn.arrangements import Cells
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._program import HISTORY, ConvexSolution
from cvxnn.networks._spectral import plain_relu, spectral_support

__all__ = ["has_closed_form", "whitened_solution"]

Array = NDArray[np.float64]

_ORTHOGONAL = 1e-10  # entries of X X', against its diagonal, that are rounding


def has_closed_form(problem: TrainingProblem) -> bool:
    """Tell whether `whitened_solution` is the optimum, to within rounding."""
    if not plain_relu(problem) or problem.loss.name != "squared":
        return False
    n, d = problem.design.shape
    if n > d or np.ptp(problem.weight) > 0.0:
        return False
    X, _ = problem.scaled_design()
    Y = problem.y.reshape(n, -1)
    if problem.joint and (np.any(Y < 0.0) or np.any(np.count_nonzero(Y, axis=1) > 1)):
        return False  # neurons would add to several outputs
    products = X @ X.T
    square = products[0, 0]
    apart = np.abs(products - square * np.eye(n)).max()
    return bool(square > 0.0 and apart <= _ORTHOGONAL * square)


def whitened_solution(problem: TrainingProblem) -> ConvexSolution:
    """Return the optimum for data with X X' = c^2 I and the squared loss.

    Positive and negative parts of y are fitted by a neuron each, in the directions of ``X' y_+``
    and ``X' y_-``, their norms less ``beta / c`` (Ergen and Pilanci, arXiv 2002.10553, on whitened
    data).
    """
    X, exponent = problem.scaled_design()
    length = float(np.ldexp(np.linalg.norm(X[0]), exponent))
    weight = float(problem.weight[0])
    Y = problem.y.reshape(len(X), -1)
    least = problem.beta / (weight * length)
    residual = -Y  # of what is fitted, without the cancellation in f - Y
    found = []
    for output, y in enumerate(Y.T):
        for sign in (1.0, -1.0):
            part = np.maximum(sign * y, 0.0)
            size = float(np.linalg.norm(part))
            if size <= least:
                continue
            direction = X.T @ part
            residual[part > 0.0, output] = -sign * least / size * part[part > 0.0]
            unit = direction / np.linalg.norm(direction)
            found.append((unit, (size - least) / length, sign, part > 0.0, output))
    dual = (weight * residual).reshape(problem.y.shape)
    bound, dual = problem.bound_from(dual, max(problem.beta, spectral_support(problem, dual)))
    directions, norms, signs, patterns, outputs = zip(*found, strict=True) if found else ((),) * 5
    value = 0.5 * weight * np.sum(residual**2) + problem.beta * sum(norms)
    return ConvexSolution(
        directions=np.array(directions).reshape(len(found), X.shape[1]),
        norms=np.array(norms, dtype=np.float64),
        signs=np.array(signs, dtype=np.float64),
        cells=np.arange(len(found)),
        outputs=np.array(outputs, dtype=np.intp),
        n_cells=len(found),
        lower_bound=bound,
        design_bound=bound,
        dual=dual,
        status="converged",
        history=np.array([(0.0, value, bound, len(found))], dtype=list(HISTORY.items())),
        packed=Cells.from_dense(np.array(patterns, np.bool_).reshape(len(found), len(X))).packed,
    )
