"""Deep networks of parallel branches with one neuron a layer, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn._checks import nonnegative_number
from cvxnn._optional import optional_import
from cvxnn.networks._exchange import linear_layer
from cvxnn.networks._files import SavedInFiles
from cvxnn.networks._layers import loss_of, rebuilt

__all__ = ["NarrowNetwork"]

Array = NDArray[np.float64]

_BATCH = 1 << 22  # hidden outputs held at a time


@dataclass(frozen=True, eq=False)
class NarrowNetwork(SavedInFiles):
    """A sum of K branches ``f(x) = sum_k w_kL (.. (w_k2 (w_k1 x + b_k1)_+ + b_k2)_+ ..)_+ + c``.

    Parameters
    ----------
    weights : ndarray of shape (K, L)
        Weights of each branch, one for each of its L layers.
    biases : ndarray of shape (K, L - 1)
        Biases of its hidden neurons.
    output_bias : float
        The constant c.

    Raises
    ------
    ValueError
        If shapes do not fit together, or an entry is not finite.

    Examples
    --------
    >>> from cvxnn import NarrowNetwork
    >>> ramp = NarrowNetwork([[1.0, -1.0, -1.0]], [[0.0, 1.0]], 1.0)  # 1 - (1 - (x)_+)_+
    >>> ramp.predict([[-1.0], [0.25], [3.0]])
    array([0.  , 0.25, 1.  ])
    """

    weights: Array
    biases: Array
    output_bias: float = 0.0

    def __post_init__(self) -> None:
        weights = np.array(self.weights, dtype=np.float64)
        biases = np.array(self.biases, dtype=np.float64)
        if weights.ndim != 2 or weights.shape[1] < 2:
            raise ValueError(f"weights must have shape (K, L) with L >= 2, got {weights.shape}")
        expected = len(weights), weights.shape[1] - 1
        if biases.shape != expected:
            raise ValueError(f"biases has shape {biases.shape}, expected {expected}")
        for name, array in (("weights", weights), ("biases", biases)):
            if not np.isfinite(array).all():
                raise ValueError(f"{name} holds NaN or infinity")
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        if not np.isfinite(self.output_bias):
            raise ValueError(f"output_bias must be a finite number, got {self.output_bias!r}")
        object.__setattr__(self, "output_bias", float(self.output_bias))

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuilt(self)

    @property
    def depth(self) -> int:
        """The number L of layers."""
        return int(self.weights.shape[1])

    @property
    def n_branches(self) -> int:
        """The number K of branches."""
        return len(self.weights)

    def predict(self, X: ArrayLike) -> Array:
        """Return the outputs.

        Parameters
        ----------
        X : array-like of shape (n, 1)
            Inputs.

        Returns
        -------
        ndarray of shape (n,)
        """
        inputs = np.asarray(X, dtype=np.float64)
        if inputs.ndim != 2 or inputs.shape[1] != 1:
            raise ValueError(f"X must have shape (n, 1), got {inputs.shape}")
        step = max(1, _BATCH // max(1, self.n_branches))
        blocks = [self._outputs(inputs[i : i + step]) for i in range(0, len(inputs), step)]
        return np.concatenate([np.zeros(0), *blocks])

    def _outputs(self, hidden: Array) -> Array:
        for weight, bias in zip(self.weights.T[:-1], self.biases.T, strict=True):
            hidden = np.maximum(hidden * weight + bias, 0.0)
        return hidden @ self.weights[:, -1] + self.output_bias

    def penalty(self) -> float:
        """Return ``sum_kl |w_kl|^L / L``."""
        return float(np.sum(np.abs(self.weights) ** self.depth)) / self.depth

    def objective(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        beta: float,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Evaluate half the sum of squared errors plus beta times `penalty`.

        Parameters
        ----------
        X : array-like of shape (n, 1)
            Inputs.
        y : array-like of shape (n,)
            Targets.
        beta : float
            Strength of the regulariser.
        sample_weight : array-like of shape (n,), optional
            Weights of the samples in the loss.

        Returns
        -------
        float
        """
        beta = nonnegative_number("beta", beta)
        return loss_of(self, X, y, "squared", 1.0, sample_weight) + beta * self.penalty()

    def to_torch(self) -> Any:
        """Return a ``Sequential`` of ``Linear`` and ``ReLU`` in double precision.

        Branches stand side by side, so that inner layers are diagonal. Needs PyTorch (``pip install
        "cvxnn[torch]"``).
        """
        torch = optional_import("torch", "torch")
        first, *inner, last = self.weights.T
        matrices = [first[:, None], *(np.diag(weight) for weight in inner)]
        modules = []
        for matrix, bias in zip(matrices, self.biases.T, strict=True):
            modules += [linear_layer(torch, matrix, bias), torch.nn.ReLU()]
        output = linear_layer(torch, last[None], np.array([self.output_bias]))
        return torch.nn.Sequential(*modules, output)
