"""Bounds by duality for least squares with a norm of the map."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn.networks._gap import HasGap
from cvxnn.networks._least_squares import without_mean

__all__ = ["DualCertificate"]

Array = NDArray[np.float64]

_ROUNDING = 1e-9  # relative


@dataclass(frozen=True, eq=False)
class DualCertificate(HasGap):
    """An objective, and a dual matrix that proves a lower bound of it.

    With ``beta=0`` the norm alone, under the constraint that outputs are those of least squares.
    """

    objective: float
    lower_bound: float
    dual: Array = field(repr=False)
    beta: float
    fit_intercept: bool

    def verify(self, X: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None) -> bool:
        """Prove the lower bound again, from the dual matrix and the data alone.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The training inputs.
        y : array-like of shape (n,) or (n, C)
            The training targets.
        sample_weight : array-like of shape (n,), optional
            The weights used in training.

        Returns
        -------
        bool
            Whether the bound holds, up to a relative 1e-9 for rounding.
        """
        bound = self.proved_bound(X, y, sample_weight=sample_weight)
        return bound >= self.lower_bound - _ROUNDING * abs(self.lower_bound)

    def proved_bound(
        self, X: ArrayLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return the lower bound that the dual matrix proves, if need be scaled to be feasible.

        Parameters
        ----------
        X, y, sample_weight
            As in `verify`.

        Returns
        -------
        float
            Minus infinity if no multiple of the dual matrix is feasible.
        """
        inputs: Array = np.asarray(X, np.float64)
        Y: Array = np.asarray(y, np.float64).reshape(len(inputs), -1)
        ones = np.ones(len(inputs))
        weight = ones if sample_weight is None else np.asarray(sample_weight, np.float64)
        V = self.dual
        if V.shape != Y.shape or not np.isfinite(V).all() or np.any(V[weight == 0.0]):
            return -np.inf
        if self.fit_intercept:
            if np.any(np.abs(V.sum(axis=0)) > _ROUNDING * np.abs(V).sum(axis=0)):
                return -np.inf
            # constants would meet sums that are zero but for rounding
            inputs, Y = without_mean(inputs, weight)[0], without_mean(Y, weight)[0]
        support = self._dual_norm(inputs, V)
        V = V * (min(1.0, self._limit / support) if support > 0.0 else 1.0)
        value = -np.sum(V * Y)
        if self.beta > 0.0:
            used = weight > 0.0
            value -= 0.5 * np.sum(V[used] ** 2 / weight[used, None])
        return float(value)

    @property
    def _limit(self) -> float:
        """What the dual norm may be."""
        return self.beta

    def _dual_norm(self, X: Array, V: Array) -> float:
        """Return the dual norm of a dual matrix: of X' V, where functions are linear."""
        raise NotImplementedError
