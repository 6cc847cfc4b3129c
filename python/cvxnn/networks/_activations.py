"""Activations phi(t) = t for t > 0 and slope * t below, by name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvxnn._checks import nonnegative_number, one_of

__all__ = ["ACTIVATIONS", "activated", "slope_of"]

ACTIVATIONS = ("relu", "leaky_relu", "abs")


def slope_of(activation: str, negative_slope: float = 0.0) -> float:
    """Return the slope below zero; ValueError names the choices.

    `negative_slope` is that of "leaky_relu", at least 0 and below 1.
    """
    one_of("activation", activation, ACTIVATIONS)
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
