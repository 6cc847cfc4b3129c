"""What networks that are sums of branches have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import block_diag

from cvxnn._checks import nonnegative_number, one_of
from cvxnn._optional import optional_import
from cvxnn.networks._exchange import linear_layer
from cvxnn.networks._files import SavedInFiles
from cvxnn.networks._layers import BIASES, loss_of, rebuilt, squeezed

__all__ = ["BranchNetwork"]

Array = NDArray[np.float64]

_BATCH = 1 << 22  # hidden outputs held at a time


class BranchNetwork(SavedInFiles):
    """Base of networks of K branches, which have biases in the first layer alone."""

    first_weights: Array  # (K, m_1, d)
    first_bias: Array  # (K, m_1)
    output_weights: Array  # (K, m_{L-1}, C)

    @property
    def _inner(self) -> tuple[Array, ...]:
        """The weights of the other hidden layers, (K, m_l, m_{l-1})."""
        raise NotImplementedError

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
        widest = max(m1, *(layer.shape[1] for layer in self._inner))
        step = max(1, _BATCH // max(1, self.n_branches * widest))
        blocks = [self._outputs(X[i : i + step]) for i in range(0, len(X), step)]
        empty = np.zeros((0, self.output_weights.shape[2]))
        return squeezed(np.concatenate([empty, *blocks]))

    def _outputs(self, X: Array) -> Array:
        hidden = np.maximum(self.first_weights @ X.T + self.first_bias[:, :, None], 0.0)
        for layer in self._inner:
            hidden = np.maximum(layer @ hidden, 0.0)
        return np.asarray(np.einsum("kmn,kmc->nc", hidden, self.output_weights, optimize=True))

    def penalty(self, regularizer: str, *, bias: str = "regularized") -> float:
        """Return the regulariser of the weights, summed over branches."""
        raise NotImplementedError

    def _norms_of_ends(self, bias: str) -> tuple[Array, Array]:
        """Return the norms of first-layer neurons, and the l1 norms of what the last put out."""
        one_of("bias", bias, [name for name in BIASES if name != "free"])
        if bias == "none" and self.first_bias.any():
            raise ValueError("bias='none', but the network has biases")
        first = np.hypot(np.linalg.norm(self.first_weights, axis=2), np.abs(self.first_bias))
        return first, np.abs(self.output_weights).sum(axis=2)

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
        for layer in self._inner:
            matrix = block_diag(*layer) if self.n_branches else np.zeros((0, 0))
            modules += [linear_layer(torch, matrix, np.zeros(len(matrix))), torch.nn.ReLU()]
        last = self.output_weights.reshape(-1, self.output_weights.shape[2])
        output = linear_layer(torch, last.T, np.zeros(last.shape[1]))
        return torch.nn.Sequential(*modules, output)
