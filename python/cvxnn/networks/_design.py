"""The rows that neurons see: patches, directions of a projection, a column for biases."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvxnn.networks._low_rank import Projection
from cvxnn.networks._patches import Patches

__all__ = ["design_of"]

Array = NDArray[np.float64]


def design_of(
    inputs: Array,
    patches: Patches | None,
    projection: Projection | None,
    bias: str,
    relative_height: float,
) -> tuple[Array, Array | float, float, float]:
    """Return the design, the centre taken off, the height of the last column, the inflation."""
    if patches is not None:
        rows = patches.of(inputs)
        design, centre, height, inflation = design_of(rows, None, projection, bias, relative_height)
        return np.asfortranarray(design * patches.scale), centre, height, inflation
    if projection is not None:
        inputs = inputs @ projection.basis
    if bias == "none":
        return np.asfortranarray(inputs), 0.0, 1.0, 1.0
    if bias == "regularized":
        return _with_column(inputs, 1.0), 0.0, 1.0, 1.0
    # rounding in the difference is covered by that in what is computed from it
    centre = 0.5 * inputs.min(axis=0) + 0.5 * inputs.max(axis=0)
    centred = inputs - centre
    largest = float(np.abs(centred).max())
    radius = largest * float(np.linalg.norm(centred / largest, axis=1).max()) if largest else 1.0
    height = float(np.exp2(np.ceil(np.log2(relative_height * radius))))
    return _with_column(centred, height), centre, height, float(np.hypot(1.0, radius / height))


def _with_column(inputs: Array, height: float) -> Array:
    return np.asfortranarray(np.column_stack([inputs, np.full(len(inputs), height)]))
