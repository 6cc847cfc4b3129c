"""Training on the directions in which the data varies most, with what that can cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvxnn._checks import positive_integer
from cvxnn.networks._losses import LossFunctions

__all__ = ["Projection", "guaranteed_ratio"]

Array = NDArray[np.float64]

_MARGIN = 1.0 + 1e-12  # for rounding in a spectral norm


@dataclass(frozen=True, eq=False)
class Projection:
    """The span of the first right singular vectors of the data, and how much is outside of it."""

    basis: Array  # (d, k), orthonormal columns
    discarded: float  # the spectral norm of X - X V V'

    @classmethod
    def of(cls, inputs: Array, rank: Any, *, centred: bool) -> Projection:
        """Project to `rank` directions; of the data about its mean if `centred`."""
        k = positive_integer("rank", rank)
        n, d = inputs.shape
        if k > d:
            raise ValueError(f"rank must be at most the number of features, {d}, got {k}")
        rows = inputs - inputs.mean(axis=0) if centred else inputs
        largest = float(np.abs(rows).max()) or 1.0
        basis = np.linalg.svd(rows / largest, full_matrices=n < k)[2][:k].T
        rest = rows / largest - (rows / largest) @ basis @ basis.T
        return cls(basis, _MARGIN * largest * float(np.linalg.norm(rest, 2)))

    def cost(self, v: Array) -> float:
        """Bound by how much |v . phi(X u)| can differ between X and its projection, ||u|| <= 1."""
        return self.discarded * float(np.linalg.norm(v.reshape(len(v), -1), axis=0).max())


def guaranteed_ratio(
    projection: Projection,
    loss: LossFunctions,
    weight: Array,
    beta: float,
    objective: float,
    projected_bound: float,
) -> float:
    """Bound an objective over the optimum p* on all data, by the optimum p_k on projected data.

    `projected_bound` is a lower bound on p_k. With sigma the first singular value left out, outputs
    of an optimal network change by at most e = sigma p* / beta. So p_k <= p* (1 + R sigma / beta)
    for losses with Lipschitz constant R; for squares ``p_k <= p* + sqrt(2 p*) e + e^2 / 2``, from
    which p* is found by bisection (Ergen and Pilanci, arXiv 2312.12657 and 2110.09548, with one
    factor instead of its square, because weights in the span see the same outputs).
    """
    share = projection.discarded / beta
    if loss.lipschitz < np.inf:
        least = projected_bound / (1.0 + loss.lipschitz * float(np.linalg.norm(weight)) * share)
    else:
        least = _optimum_of_squares(share * float(np.sqrt(weight.max())), projected_bound)
    if least > 0.0:
        return objective / least
    return 1.0 if objective == 0.0 else np.inf


def _optimum_of_squares(share: float, projected: float) -> float:
    """Return p, or a number just below, with p + sqrt(2 p) e + e^2 / 2 = projected, e = share p."""
    low, high = 0.0, max(0.0, projected)
    while low < (middle := 0.5 * (low + high)) < high:
        e = share * middle
        if middle + np.sqrt(2.0 * middle) * e + 0.5 * e * e > projected:
            high = middle
        else:
            low = middle
    return low
