"""Parallel three-layer networks as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import block_diag

from cvxnn._checks import nonnegative_number, one_of
from cvxnn._optional import optional_import
from cvxnn.networks._exchange import linear_layer
from cvxnn.networks._files import SavedInFiles
from cvxnn.networks._layers import BIASES, loss_of, rebuilt, squeezed

__all__ = ["ParallelNetwork"]

Array = NDArray[np.float64]

_BATCH = 1 << 22  # hidden outputs held at a time
_ROUNDING = 1e-12  # of a norm that must not exceed one


@dataclass(frozen=True, eq=False)
class ParallelNetwork(SavedInFiles):
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

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuilt(self)

    @property
    def n_branches(self) -> int:
        """The number K of branches."""
        return len(self.first_weights)

    def predict(self, X: ArrayLike) -> Array:
        """Return the outputs.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs.

        Returns
        -------
        ndarray of shape (n,) for one output, (n, C) for more
        """
        X = np.asarray(X, dtype=np.float64)
        _, m1, d = self.first_weights.shape
        if X.ndim != 2 or X.shape[1] != d:
            raise ValueError(f"X must have shape (n, {d}), got {X.shape}")
        step = max(1, _BATCH // max(1, self.n_branches * (m1 + self.second_weights.shape[2])))
        blocks = [self._outputs(X[i : i + step]) for i in range(0, len(X), step)]
        empty = np.zeros((0, self.output_weights.shape[2]))
        return squeezed(np.concatenate([empty, *blocks]))

    def _outputs(self, X: Array) -> Array:
        first = np.einsum("nd,kjd->nkj", X, self.first_weights, optimize=True) + self.first_bias
        second = np.einsum(
            "nkj,kjl->nkl", np.maximum(first, 0.0), self.second_weights, optimize=True
        )
        last = np.maximum(second, 0.0)
        return np.asarray(np.einsum("nkl,klc->nc", last, self.output_weights, optimize=True))

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
        one_of("bias", bias, [name for name in BIASES if name != "free"])
        if bias == "none" and self.first_bias.any():
            raise ValueError("bias='none', but the network has biases")
        first = np.hypot(np.linalg.norm(self.first_weights, axis=2), np.abs(self.first_bias))
        last = np.abs(self.output_weights).sum(axis=2)
        return float(np.sum(PENALTIES[regularizer](first, self.second_weights, last)))

    def objective(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        beta: float,
        regularizer: str,
        loss: str = "squared",
        delta: float = 1.0,
        bias: str = "regularized",
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Evaluate the training objective, loss plus beta times `penalty`.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs.
        y : array-like of shape (n,) or (n, C)
            Targets; -1 or 1 for logistic and squared hinge losses, one-hot rows for the
            multinomial loss.
        beta : float
            Strength of the regulariser.
        regularizer, bias
            As in `penalty`.
        loss, delta
            As in `Network.objective`.
        sample_weight : array-like of shape (n,), optional
            Weights of the samples in the loss.

        Returns
        -------
        float
        """
        beta = nonnegative_number("beta", beta)
        value = loss_of(self, X, y, loss, delta, sample_weight)
        return value + beta * self.penalty(regularizer, bias=bias)

    def to_torch(self) -> Any:
        """Return a ``Sequential`` of ``Linear`` and ``ReLU`` in double precision.

        Branches stand side by side, so that the second layer is block diagonal. Needs PyTorch
        (``pip install "cvxnn[torch]"``).
        """
        torch = optional_import("torch", "torch")
        d, n_outputs = self.first_weights.shape[2], self.output_weights.shape[2]
        first = self.first_weights.reshape(-1, d)
        second = block_diag(*self.second_weights) if self.n_branches else np.zeros((0, 0))
        last = self.output_weights.reshape(-1, n_outputs)
        return torch.nn.Sequential(
            linear_layer(torch, first, self.first_bias.ravel()),
            torch.nn.ReLU(),
            linear_layer(torch, second.T, np.zeros(second.shape[1])),
            torch.nn.ReLU(),
            linear_layer(torch, last.T, np.zeros(n_outputs)),
        )


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
