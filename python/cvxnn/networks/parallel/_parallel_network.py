"""Parallel three-layer networks as plain values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvxnn._checks import one_of
from cvxnn.networks.parallel._branch_network import BranchNetwork

__all__ = ["ParallelNetwork"]

Array = NDArray[np.float64]

_ROUNDING = 1e-12  # of a norm that must not exceed one


@dataclass(frozen=True, eq=False)
class ParallelNetwork(BranchNetwork):
    """A sum of K branches ``f(x) = sum_b sum_k a_bk (sum_j v_bjk (w_bj . x + c_bj)_+)_+``.

    Parameters
    ----------
    first_weights : ndarray of shape (K, m1, d)
        Weights w of the first layer.
    first_bias : ndarray of shape (K, m1)
        Biases c of the first layer; the only ones.
    second_weights : ndarray of shape (K, m1, m2)
        Weights v of the second layer.
    output_weights : ndarray of shape (K, m2, C)
        Weights a of the outputs.

    Raises
    ------
    ValueError
        If shapes do not fit together, or an entry is not finite.

    Examples
    --------
    >>> from cvxnn import ParallelNetwork
    >>> hat = ParallelNetwork(
    ...     [[[1.0], [-1.0]]], [[0.0, 0.0]], [[[-1.0], [-1.0]]], [[[1.0]]]
    ... )  # (-|x|)_+
    >>> hat.n_branches, hat.predict([[-1.0], [0.5]]).tolist()
    (1, [0.0, 0.0])
    """

    first_weights: Array
    first_bias: Array
    second_weights: Array
    output_weights: Array

    def __post_init__(self) -> None:
        arrays = {
            name: np.array(getattr(self, name), dtype=np.float64)
            for name in ("first_weights", "first_bias", "second_weights", "output_weights")
        }
        for name, ndim in zip(arrays, (3, 2, 3, 3), strict=True):
            if arrays[name].ndim != ndim:
                raise ValueError(
                    f"{name} must have {ndim} dimensions, got shape {arrays[name].shape}"
                )
        n_branches, m1, _ = arrays["first_weights"].shape
        m2, n_outputs = arrays["output_weights"].shape[1:]
        for name, shape in (
            ("first_bias", (n_branches, m1)),
            ("second_weights", (n_branches, m1, m2)),
            ("output_weights", (n_branches, m2, n_outputs)),
        ):
            if arrays[name].shape != shape:
                raise ValueError(f"{name} has shape {arrays[name].shape}, expected {shape}")
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise ValueError(f"{name} holds NaN or infinity")
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    @property
    def _inner(self) -> tuple[Array, ...]:
        return (self.second_weights.swapaxes(1, 2),)

    def penalty(self, regularizer: str, *, bias: str = "regularized") -> float:
        """Return the regulariser of the weights, summed over branches.

        Biases count as weights of the first layer W_1; the weights W_3 of a neuron to the outputs
        count by their l1 norm.

        Parameters
        ----------
        regularizer : {"weight_decay", "unit_columns", "path", "power"}
            "weight_decay": ``(||W_2||_F^2 + ||W_3||^2) / 2`` where ``||W_1||_F <= 1``, otherwise
            infinity. "unit_columns": the same where each neuron of the first layer has
            ``||w|| <= 1``. "path": the square root of ``sum_jk ||w_j||^2 v_jk^2 a_k^2``.
            "power": ``sum_l ||W_l||_F^3 / 2``.
        bias : {"regularized", "none"}
            Whether the network may have biases.

        Returns
        -------
        float
        """
        one_of("regularizer", regularizer, PENALTIES)
        first, last = self._norms_of_ends(bias)
        return float(np.sum(PENALTIES[regularizer](first, self.second_weights, last)))


def _squares(second: Array, last: Array) -> Array:
    return np.asarray(0.5 * ((second**2).sum(axis=(1, 2)) + (last**2).sum(axis=1)))


def _weight_decay(first: Array, second: Array, last: Array) -> Array:
    inside = np.linalg.norm(first, axis=1) <= 1.0 + _ROUNDING
    return np.where(inside, _squares(second, last), np.inf)


def _unit_columns(first: Array, second: Array, last: Array) -> Array:
    inside = (first <= 1.0 + _ROUNDING).all(axis=1)
    return np.where(inside, _squares(second, last), np.inf)


def _path(first: Array, second: Array, last: Array) -> Array:
    return np.asarray(np.linalg.norm(first[:, :, None] * second * last[:, None], axis=(1, 2)))


def _power(first: Array, second: Array, last: Array) -> Array:
    norms = np.linalg.norm(first, axis=1), np.linalg.norm(second, axis=(1, 2))
    return np.asarray(0.5 * (norms[0] ** 3 + norms[1] ** 3 + np.linalg.norm(last, axis=1) ** 3))


# Of one branch each, from the norms of first-layer neurons (K, m1), the second layer (K, m1, m2)
# and the l1 norms of what leaves it (K, m2).
PENALTIES = {
    "weight_decay": _weight_decay,
    "unit_columns": _unit_columns,
    "path": _path,
    "power": _power,
}
