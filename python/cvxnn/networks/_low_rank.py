"""Training on the directions in which the data varies most, with what that can cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvxnn._checks import is_integer, positive_integer

__all__ = ["Projection", "check_patterns"]

Array = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)
_MARGIN = 1.0 + 1e-12  # for rounding in a spectral norm


@dataclass(frozen=True, eq=False)
class Projection:
    """The span of the first right singular vectors V of the data, and how much is outside of it.

    The part r of a vector u that is orthogonal to the span changes what a neuron puts out on all
    samples, v . phi(X u), by at most ``||v|| discarded ||r||``; with several patches a sample, the
    sum over them.
    """

    basis: Array  # (d, k), orthonormal columns
    discarded: float
    rounding: float  # the same for the part in the span, as X V and V are rounded

    @classmethod
    def of(
        cls, rows: Array, rank: Any, *, centred: bool, n_patches: int = 1, scale: float = 1.0
    ) -> Projection:
        """Project to `rank` directions; of the data about its mean if `centred`.

        The K patches of a sample are rows one below the other, whose outputs are added up, times
        `scale`. With R_k what is left out of those at position k, and R of all of them,
        ``|| sum_k |R_k r| || <= min(sqrt(K) ||R||, sum_k ||R_k||) ||r||`` (Cauchy-Schwarz, and the
        triangle inequality).
        """
        k = positive_integer("rank", rank)
        n, d = rows.shape
        if k > d:
            raise ValueError(
                f"rank must be at most the number of columns that neurons see, {d}, got {k}"
            )
        if k == d:
            return cls(np.eye(d), 0.0, 0.0)
        largest = float(np.abs(rows).max()) or 1.0
        rows = rows / largest
        size = float(np.linalg.norm(rows))
        if centred:
            rows = rows - rows.mean(axis=0)
        basis = np.linalg.svd(rows, full_matrices=n < k)[2][:k].T
        rest = rows - rows @ basis @ basis.T
        positions = rest.reshape(-1, n_patches, d).swapaxes(0, 1)
        each = np.linalg.norm(positions, 2, axis=(1, 2))
        discarded = min(float(np.sqrt(n_patches) * np.linalg.norm(rest, 2)), float(each.sum()))
        skew = float(np.linalg.norm(basis.T @ basis - np.eye(k))) + k * d * _EPS
        rounding = np.sqrt(n_patches) * size * (4.0 * skew + (d + 8) * np.sqrt(k) * _EPS)
        scale *= largest
        return cls(basis, scale * (_MARGIN * discarded + rounding), scale * float(rounding))

    @property
    def rank(self) -> int:
        """The number k of directions."""
        return int(self.basis.shape[1])

    @property
    def whole(self) -> bool:
        """Whether the span holds everything; then the directions are the columns themselves."""
        return self.rank == len(self.basis)

    def to_columns(self, vectors: Array) -> Array:
        """Return vectors of the directions, with or without a bias last, as those of columns."""
        weights, bias = vectors[..., : self.rank], vectors[..., self.rank :]
        return np.concatenate([weights @ self.basis.T, bias], axis=-1)

    def with_rest(self, seen: float, v: Array, spread: float = 1.0) -> float:
        """Bound |v . phi(X u)| over unit u from `seen`, that over unit u in the span.

        It is at most ``seen a + ||v|| discarded b`` with ``a^2 + b^2 = 1``. Neurons of a branch
        that have norm one together have norms that add up to `spread`.
        """
        length = spread * _length(v)
        return float(np.hypot(seen + length * self.rounding, length * self.discarded))

    def without_rest(self, limit: float, v: Array, spread: float = 1.0) -> float:
        """Return the largest `seen` for which `with_rest` is at most `limit`, or zero."""
        length = spread * _length(v)
        rest = length * self.discarded
        if rest >= limit:
            return 0.0
        return max(0.0, float(np.sqrt((limit - rest) * (limit + rest))) - length * self.rounding)


def check_patterns(patterns: Any, *, gated: bool) -> None:
    """Refuse the patterns that do not go with a projection.

    Cones of projected data say nothing about those of the data. Gated networks have none, and any
    gates in the span.
    """
    if isinstance(patterns, str) and patterns in ("auto", "exact"):
        return
    if gated and is_integer(patterns):
        return
    choices = "'auto', 'exact' or an integer" if gated else "'auto' or 'exact'"
    raise ValueError(f"patterns must be {choices} where rank is given, got {patterns!r}")


def _length(v: Array) -> float:
    """Return the norm of a dual vector, for several outputs that of the longest."""
    return float(np.linalg.norm(v.reshape(len(v), -1), axis=0).max())
