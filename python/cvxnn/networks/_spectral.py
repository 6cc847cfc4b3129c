"""A bound on |v . (X u)_+| from the largest singular value of the data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvxnn.networks._problem import TrainingProblem

__all__ = ["plain_relu", "spectral_support"]

Array = NDArray[np.float64]


def plain_relu(problem: TrainingProblem) -> bool:
    """Tell whether neurons put out (X u)_+ with X the design, at the cost of ||u||."""
    whole = problem.patches is None and problem.projection is None
    return whole and problem.bias != "free" and problem.activation == "relu"


def spectral_support(problem: TrainingProblem, v: Array) -> float:
    """Bound max |v . (X u)_+| over unit u by the spectral norm of X, for any design.

    For other networks than those of `plain_relu` it is infinite.

    Samples where v has one sign are what counts for either sign of the gain: ``v . (X u)_+ <=
    ||v_+|| ||X u||``. For neurons that add to all outputs, ``||V' (X u)_+|| <= ||V|| ||X u||``.
    """
    if not plain_relu(problem):
        return np.inf
    X, exponent = problem.scaled_design()
    rounding = 1.0 + 4.0 * sum(X.shape) * np.finfo(np.float64).eps
    largest = float(np.ldexp(np.linalg.norm(X, 2), exponent)) * rounding
    columns = v.reshape(len(v), -1)
    if problem.joint:
        return largest * rounding * float(np.linalg.norm(columns, 2))
    sides = np.concatenate([np.maximum(columns, 0.0), np.maximum(-columns, 0.0)], axis=1)
    return largest * rounding * float(np.linalg.norm(sides, axis=0).max(initial=0.0))
