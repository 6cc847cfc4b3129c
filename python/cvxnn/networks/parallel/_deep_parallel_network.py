"""Parallel networks of any depth as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import block_diag

from cvxnn._checks import nonnegative_number, one_of
from cvxnn._optional import optional_import
from cvxnn.networks._exchange import linear_layer
from cvxnn.networks._files import SavedInFiles
from cvxnn.networks._layers import BIASES, loss_of, rebuilt, squeezed

__all__ = ["DeepParallelNetwork"]

Array = NDArray[np.float64]

_BATCH = 1 << 22  # hidden outputs held at a time


@dataclass(frozen=True, eq=False)
class DeepParallelNetwork(SavedInFiles):
    """A sum of K deep branches ``f(x) = sum_b a_b . (V_bL-1 .. (V_b2 (W_b x + c_b)_+)_+ ..)_+``.

    Parameters
    ----------
    first_weights : ndarray of shape (K, m_1, d)
        Weights W of the first layer.
    first_bias : ndarray of shape (K, m_1)
        Biases c of the first layer; the only ones.
    inner_weights : tuple of ndarrays of shape (K, m_l, m_{l-1}), l = 2, .., L - 1
        Weights V of the other hidden layers, at least one.
    output_weights : ndarray of shape (K, m_{L-1}, C)
        Weights a of the outputs.

    Raises
    ------
    ValueError
        If shapes do not fit together, or an entry is not finite.

    Examples
    --------
    >>> from cvxnn import DeepParallelNetwork
    >>> hat = DeepParallelNetwork(
    ...     [[[1.0]]], [[1.0]], ([[[1.0], [-1.0]]], [[[2.0, 1.0]]]), [[[0.5]]]
    ... )  # (2 (x + 1)_+ + (-(x + 1)_+)_+)_+ / 2
    >>> hat.depth, hat.n_branches, hat.predict([[-2.0], [0.5]]).tolist()
    (4, 1, [0.0, 1.5])
    """

    first_weights: Array
    first_bias: Array
    inner_weights: tuple[Array, ...]
    output_weights: Array

    def __post_init__(self) -> None:
        inner = tuple(np.array(layer, dtype=np.float64) for layer in self.inner_weights)
        if not inner:
            raise ValueError("inner_weights must hold one layer or more, got none")
        arrays = {
            "first_weights": np.array(self.first_weights, dtype=np.float64),
            "first_bias": np.array(self.first_bias, dtype=np.float64),
            **{f"inner_weights[{i}]": layer for i, layer in enumerate(inner)},
            "output_weights": np.array(self.output_weights, dtype=np.float64),
        }
        for name, array in arrays.items():
            ndim = 2 if name == "first_bias" else 3
            if array.ndim != ndim:
                raise ValueError(f"{name} must have {ndim} dimensions, got shape {array.shape}")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} holds NaN or infinity")
        n_branches, m1, d = arrays["first_weights"].shape
        widths = [m1, *(layer.shape[1] for layer in inner)]
        n_outputs = arrays["output_weights"].shape[2]
        expected = {
            "first_weights": (n_branches, m1, d),
            "first_bias": (n_branches, m1),
            **{
                f"inner_weights[{i}]": (n_branches, after, before)
                for i, (before, after) in enumerate(pairwise(widths))
            },
            "output_weights": (n_branches, widths[-1], n_outputs),
        }
        for name, shape in expected.items():
            if arrays[name].shape != shape:
                raise ValueError(f"{name} has shape {arrays[name].shape}, expected {shape}")
            arrays[name].setflags(write=False)
        for name in ("first_weights", "first_bias", "output_weights"):
            object.__setattr__(self, name, arrays[name])
        object.__setattr__(self, "inner_weights", inner)

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuilt(self)

    @property
    def n_branches(self) -> int:
        """The number K of branches."""
        return len(self.first_weights)

    @property
    def depth(self) -> int:
        """The number L of layers."""
        return len(self.inner_weights) + 2

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
        widest = max(m1, *(layer.shape[1] for layer in self.inner_weights))
        step = max(1, _BATCH // max(1, self.n_branches * widest))
        blocks = [self._outputs(X[i : i + step]) for i in range(0, len(X), step)]
        empty = np.zeros((0, self.output_weights.shape[2]))
        return squeezed(np.concatenate([empty, *blocks]))

    def _outputs(self, X: Array) -> Array:
        hidden = np.maximum(self.first_weights @ X.T + self.first_bias[:, :, None], 0.0)
        for layer in self.inner_weights:
            hidden = np.maximum(layer @ hidden, 0.0)
        return np.asarray(np.einsum("kmn,kmc->nc", hidden, self.output_weights, optimize=True))

    def penalty(self, regularizer: str, *, bias: str = "regularized") -> float:
        """Return the regulariser of the weights, summed over branches.

        Biases count as weights of the first layer; the weights of a neuron to the outputs count by
        their l1 norm.

        Parameters
        ----------
        regularizer : {"power", "path"}
            "power": ``sum_l ||W_l||_F^L / 2`` over the L layers. "path": the square root of the sum
            over all paths of the squared product of weights.
        bias : {"regularized", "none"}
            Whether the network may have biases.

        Returns
        -------
        float
        """
        one_of("regularizer", regularizer, ("power", "path"))
        one_of("bias", bias, [name for name in BIASES if name != "free"])
        if bias == "none" and self.first_bias.any():
            raise ValueError("bias='none', but the network has biases")
        first = np.hypot(np.linalg.norm(self.first_weights, axis=2), np.abs(self.first_bias))
        last = np.abs(self.output_weights).sum(axis=2)
        if regularizer == "power":
            inner = [np.linalg.norm(layer, axis=(1, 2)) for layer in self.inner_weights]
            norms = [np.linalg.norm(first, axis=1), *inner, np.linalg.norm(last, axis=1)]
            return float(0.5 * np.sum(np.array(norms) ** self.depth))
        paths = first
        for layer in self.inner_weights:
            paths = np.linalg.norm(layer * paths[:, None, :], axis=2)
        return float(np.sum(np.linalg.norm(paths * last, axis=1)))

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

        Branches stand side by side, so that inner layers are block diagonal. Needs PyTorch
        (``pip install "cvxnn[torch]"``).
        """
        torch = optional_import("torch", "torch")
        first = self.first_weights.reshape(-1, self.first_weights.shape[2])
        modules = [linear_layer(torch, first, self.first_bias.ravel()), torch.nn.ReLU()]
        for layer in self.inner_weights:
            matrix = block_diag(*layer) if self.n_branches else np.zeros((0, 0))
            modules += [linear_layer(torch, matrix, np.zeros(len(matrix))), torch.nn.ReLU()]
        last = self.output_weights.reshape(-1, self.output_weights.shape[2])
        output = linear_layer(torch, last.T, np.zeros(last.shape[1]))
        return torch.nn.Sequential(*modules, output)
