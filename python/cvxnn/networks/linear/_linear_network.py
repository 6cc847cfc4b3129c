"""Deep linear networks as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import block_diag

from cvxnn._checks import nonnegative_number, one_of
from cvxnn._optional import optional_import
from cvxnn.networks._exchange import linear_layer
from cvxnn.networks._layers import as_inputs, loss_of, squeezed

__all__ = ["REGULARIZERS", "LinearNetwork"]

Array = NDArray[np.float64]

REGULARIZERS = ("power", "weight_decay")


@dataclass(frozen=True, eq=False)
class LinearNetwork:
    """A deep linear network ``f(x) = sum_j x W_1j W_2j .. W_Lj + b`` of J parallel branches.

    Parameters
    ----------
    layers : tuple of ndarray
        L arrays, one a layer: of shapes (J, d, k), (J, k, k) and (J, k, C).
    output_bias : ndarray of shape (C,)
        Added to the outputs.
    """

    layers: tuple[Array, ...]
    output_bias: Array

    @property
    def depth(self) -> int:
        """The number L of layers."""
        return len(self.layers)

    @property
    def coef(self) -> Array:
        """The linear map that it is, shape (d, C)."""
        product = self.layers[0]
        for layer in self.layers[1:]:
            product = product @ layer
        return np.asarray(product.sum(axis=0))

    def predict(self, X: ArrayLike) -> Array:
        """Return the outputs, shape (n,) for one output and (n, C) for more."""
        outputs = as_inputs(X, self.layers[0])[None]
        for layer in self.layers:
            outputs = outputs @ layer
        return squeezed(outputs.sum(axis=0) + self.output_bias)

    def penalty(self, regularizer: str = "power") -> float:
        """Return the regulariser of the weights.

        Parameters
        ----------
        regularizer : {"power", "weight_decay"}
            ``sum_jl ||W_lj||_F^L / 2``, or the same with squares in place of powers L.

        Returns
        -------
        float
        """
        one_of("regularizer", regularizer, REGULARIZERS)
        exponent = self.depth if regularizer == "power" else 2
        norms = [np.linalg.norm(layer, axis=(1, 2)) for layer in self.layers]
        return float(0.5 * np.sum(np.power(norms, exponent)))

    def objective(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        beta: float,
        regularizer: str = "power",
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Evaluate half the sum of squared errors plus beta times the regulariser.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs.
        y : array-like of shape (n,) or (n, C)
            Targets.
        beta : float
            Strength of the regulariser.
        regularizer : {"power", "weight_decay"}
            See `penalty`.
        sample_weight : array-like of shape (n,), optional
            Weights of the samples in the loss.

        Returns
        -------
        float
        """
        beta = nonnegative_number("beta", beta)
        loss = loss_of(self, X, y, "squared", 1.0, sample_weight)
        return loss + beta * self.penalty(regularizer)

    def to_torch(self) -> Any:
        """Return a ``Sequential`` of ``Linear`` layers in double precision, branches side by side.

        Needs PyTorch (``pip install "cvxnn[torch]"``).
        """
        torch = optional_import("torch", "torch")
        first, *middle, last = self.layers
        matrices = [
            np.hstack(list(first)),
            *(block_diag(*m) for m in middle),
            np.vstack(list(last)),
        ]
        biases = [np.zeros(matrix.shape[1]) for matrix in matrices[:-1]] + [self.output_bias]
        return torch.nn.Sequential(
            *(linear_layer(torch, m.T, b) for m, b in zip(matrices, biases, strict=True))
        )
