"""Gated networks as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn.networks._files import SavedInFiles
from cvxnn.networks._layers import as_inputs, check_layers, decay_of, loss_of, rebuilt, squeezed

__all__ = ["GatedNetwork"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GatedNetwork(SavedInFiles):
    """A gated ReLU network ``f(x) = sum_j a_j 1[g_j . x + h_j > 0] (w_j . x + b_j)``.

    Which neurons are active is decided by gates that are fixed before training, so the output is
    linear in the weights (Mishkin, Sahiner and Pilanci, arXiv 2202.01331).

    Parameters
    ----------
    gates : ndarray of shape (m, d)
        Gate vectors g.
    gate_bias : ndarray of shape (m,)
        Gate offsets h.
    hidden_weights : ndarray of shape (m, d)
        First-layer weights w.
    hidden_bias : ndarray of shape (m,)
        First-layer biases b.
    output_weights : ndarray of shape (m, C)
        Second-layer weights a.
    """

    gates: Array
    gate_bias: Array
    hidden_weights: Array
    hidden_bias: Array
    output_weights: Array

    def __post_init__(self) -> None:
        check_layers(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuilt(self)

    @property
    def n_neurons(self) -> int:
        """The number m of hidden neurons."""
        return len(self.hidden_bias)

    def predict(self, X: ArrayLike) -> Array:
        """Return the raw outputs, shape (n,) for one output and (n, C) for more."""
        X = as_inputs(X, self.hidden_weights)
        open_gates = X @ self.gates.T + self.gate_bias > 0.0
        hidden = np.where(open_gates, X @ self.hidden_weights.T + self.hidden_bias, 0.0)
        return squeezed(hidden @ self.output_weights)

    def objective(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        beta: float,
        loss: str = "squared",
        delta: float = 1.0,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Evaluate loss plus weight decay of this network by its forward pass.

        Output weights of a neuron count by their l1 norm, as in `Network`.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs.
        y : array-like of shape (n,) or (n, C)
            Targets.
        beta : float
            Strength of the weight decay.
        loss : {"squared", "absolute", "huber", "logistic", "hinge", "squared_hinge", "multinomial"}
            The loss.
        delta : float
            Where the Huber loss turns linear.
        sample_weight : array-like of shape (n,), optional
            Weights of the samples in the loss.

        Returns
        -------
        float
        """
        decay = np.sum(self.hidden_weights**2) + np.sum(self.hidden_bias**2)
        decay += np.sum(np.sum(np.abs(self.output_weights), axis=1) ** 2)
        return loss_of(self, X, y, loss, delta, sample_weight) + decay_of(beta, decay)
