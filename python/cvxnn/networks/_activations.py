"""Activations by name: t for t > 0 and slope * t below, or the threshold 1[t > 0]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvxnn._checks import nonnegative_number, one_of

__all__ = ["ACTIVATIONS", "THRESHOLD", "activated", "check_activation", "slope_of", "switched"]

THRESHOLD = "threshold"
_PIECEWISE_LINEAR = ("relu", "leaky_relu", "abs")
ACTIVATIONS = (*_PIECEWISE_LINEAR, THRESHOLD)


def check_activation(activation: str, negative_slope: float = 0.0) -> None:
    """Raise ValueError, which names the choices, if there is no such activation."""
    one_of("activation", activation, ACTIVATIONS)
    slope_of("relu" if activation == THRESHOLD else activation, negative_slope)


def slope_of(activation: str, negative_slope: float = 0.0) -> float:
    """Return the slope below zero; ValueError names the choices, among which is no threshold.

    `negative_slope` is that of "leaky_relu", at least 0 and below 1.
    """
    one_of("activation", activation, _PIECEWISE_LINEAR)
    slope = nonnegative_number("negative_slope", negative_slope)
    if activation != "leaky_relu":
        return -1.0 if activation == "abs" else 0.0
    if slope >= 1.0:
        raise ValueError(f"negative_slope must be less than 1, got {slope}")
    return slope


def activated(z: NDArray[np.float64], slope: float) -> NDArray[np.float64]:
    """Return phi of pre-activations."""
    positive: NDArray[np.float64] = np.maximum(z, 0.0)
    return positive if slope == 0.0 else positive + slope * np.minimum(z, 0.0)


def switched(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the thresholds 1[z > 0] of pre-activations."""
    return (z > 0.0).astype(np.float64)
