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

    The part r of a vector u that is orthogonal to the span changes what a neuron puts out on the
    samples, phi(X u), by a vector of norm ``discarded ||r||`` at most; with several patches a
    sample, the sum over them, or the largest.
    """

    basis: Array  # (d, k), orthonormal columns
    rest: Array  # (n, d): R = X - X V V', summed over patches
    slope: float  # of the activation below zero
    discarded: float
    rounding: float  # the same for the part in the span, as X V and V are rounded
    added: bool = True  # patches, rather than the largest taken

    @classmethod
    def of(
        cls,
        rows: Array,
        rank: Any,
        *,
        centred: bool = False,
        slope: float = 0.0,
        n_patches: int = 1,
        scale: float = 1.0,
        added: bool = True,
    ) -> Projection:
        """Project to `rank` directions; of the data about its mean if `centred`.

        The K patches of a sample are rows one below the other, whose outputs are added up, times
        `scale`. With R_k what is left out of those at position k, and R of all of them,
        ``|| sum_k |R_k r| || <= min(sqrt(K) ||R||, sum_k ||R_k||) ||r||`` (Cauchy-Schwarz, and the
        triangle inequality). Where they are not `added`, the largest changes by no more than the
        one that changes most, hence by ``||R r||`` at most.
        """
        k = positive_integer("rank", rank)
        n, d = rows.shape
        if k > d:
            raise ValueError(
                f"rank must be at most the number of columns that neurons see, {d}, got {k}"
            )
        if k == d:
            return cls(np.eye(d), np.zeros((n // n_patches, d)), slope, 0.0, 0.0, added)
        largest = float(np.abs(rows).max()) or 1.0
        rows = rows / largest
        size = float(np.linalg.norm(rows))
        if centred:
            rows = rows - rows.mean(axis=0)
        basis = np.linalg.svd(rows, full_matrices=n < k)[2][:k].T
        rest = rows - rows @ basis @ basis.T
        of_samples = rest.reshape(-1, n_patches, d)
        discarded = float(np.linalg.norm(rest, 2))
        if added:
            each = np.linalg.norm(of_samples.swapaxes(0, 1), 2, axis=(1, 2))
            discarded = min(float(np.sqrt(n_patches)) * discarded, float(each.sum()))
        skew = float(np.linalg.norm(basis.T @ basis - np.eye(k))) + k * d * _EPS
        rounding = np.sqrt(n_patches) * size * (4.0 * skew + (d + 8) * np.sqrt(k) * _EPS)
        scale *= largest
        return cls(
            basis,
            scale * of_samples.sum(axis=1),
            slope,
            float(scale * (_MARGIN * discarded + rounding)),
            float(scale * rounding),
            added,
        )

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

        Of the parts of u the one in the span, of norm a, brings ``a seen`` at most, the other, of
        norm b, ``b cost``, and ``a^2 + b^2 = 1``. Neurons of a branch that have norm one together
        have norms that add up to `spread`.
        """
        cost, rounding = self._cost(v)
        return float(np.hypot(seen + spread * rounding, spread * cost))

    def without_rest(self, limit: float, v: Array, spread: float = 1.0) -> float:
        """Return the largest `seen` for which `with_rest` is at most `limit`, or zero."""
        cost, rounding = self._cost(v)
        rest = spread * cost
        if not rest < limit:
            return 0.0
        return max(0.0, float(np.sqrt((limit - rest) * (limit + rest))) - spread * rounding)

    def _cost(self, v: Array) -> tuple[float, float]:
        """Bound by how much v . phi can change per norm of r, and of the part in the span.

        Where the argument of phi changes by t, phi changes by t times a number between its slopes,
        s and 1. So ``v . phi`` changes by at most the sum over samples of the larger of ``v_k t_k``
        and ``s v_k t_k``, which is ``((1 + s) v . R r + (1 - s) sum_k |v_k (R r)_k|) / 2``; where
        the largest of some patches is taken, whichever these are, by ``||v|| ||R r||``. For several
        outputs, the largest.
        """
        columns = v.reshape(len(v), -1)
        lengths = np.linalg.norm(columns, axis=0)
        across = self.discarded * lengths
        along = np.linalg.norm(self.rest.T @ columns, axis=0) + self.rounding * lengths
        along = along if self.added else across
        cost = 0.5 * ((1.0 + self.slope) * along + (1.0 - self.slope) * across)
        return float(cost.max()), self.rounding * float(lengths.max())


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
