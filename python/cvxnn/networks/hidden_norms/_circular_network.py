"""Three-layer networks with a circular convolution first, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn._checks import nonnegative_number
from cvxnn._optional import optional_import
from cvxnn.networks._exchange import linear_layer
from cvxnn.networks._files import SavedInFiles
from cvxnn.networks._layers import as_inputs, loss_of, rebuilt, squeezed
from cvxnn.networks.hidden_norms._norm_program import NormNeurons

__all__ = ["CircularNetwork", "circular_network_of"]

Array = NDArray[np.float64]

_ROUNDING = 1e-12  # of a norm that must not exceed one


@dataclass(frozen=True, eq=False)
class CircularNetwork(SavedInFiles):
    """A network ``f(x) = sum_j a_j (x C(u_j) w_j)_+`` with filters that go round signals.

    ``C(u)[i, k] = u[(i - k) mod d]`` are circulant matrices: the first layer is a linear circular
    convolution, the second dense with ReLU, the third the output.

    Parameters
    ----------
    filters : ndarray of shape (m, d)
        First-layer weights u, as long as the inputs.
    dense_weights : ndarray of shape (m, d)
        Second-layer weights w, one for each position.
    output_weights : ndarray of shape (m, C)
        Output weights a.

    Raises
    ------
    ValueError
        If shapes do not fit together, or an entry is not finite.

    Examples
    --------
    >>> from cvxnn import CircularNetwork
    >>> rises = CircularNetwork([[-1.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]], [[2.0]])
    >>> rises.predict([[1.0, 4.0, 0.0], [4.0, 1.0, 0.0]])
    array([6., 0.])
    """

    filters: Array
    dense_weights: Array
    output_weights: Array

    def __post_init__(self) -> None:
        arrays = {
            name: np.array(getattr(self, name), dtype=np.float64)
            for name in ("filters", "dense_weights", "output_weights")
        }
        for name, array in arrays.items():
            if array.ndim != 2:
                raise ValueError(f"{name} must have 2 dimensions, got shape {array.shape}")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} holds NaN or infinity")
        m, d = arrays["filters"].shape
        if d == 0:
            raise ValueError(f"filters must have a column at least, got shape {(m, d)}")
        shapes = {"dense_weights": (m, d), "output_weights": (m, arrays["output_weights"].shape[1])}
        for name, shape in shapes.items():
            if arrays[name].shape != shape:
                raise ValueError(f"{name} has shape {arrays[name].shape}, expected {shape}")
        for name, array in arrays.items():
            array.setflags(write=False)
            object.__setattr__(self, name, array)

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuilt(self)

    @property
    def n_neurons(self) -> int:
        """The number m of neurons, each with a filter of its own."""
        return len(self.filters)

    @property
    def hidden_weights(self) -> Array:
        """What the ReLU sees the inputs through, ``C(u_j) w_j``, shape (m, d)."""
        spectra = np.fft.rfft(self.filters) * np.fft.rfft(self.dense_weights)
        return np.fft.irfft(spectra, n=self.filters.shape[1])

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
        X = as_inputs(X, self.filters)
        return squeezed(np.maximum(X @ self.hidden_weights.T, 0.0) @ self.output_weights)

    def penalty(self) -> float:
        """Return ``sum_j (||w_j||^2 + ||a_j||_1^2) / 2``; infinity if a filter has norm above one.

        Without a limit on filters weight decay of all three layers makes neurons of norm t cost t
        to the power 2/3, which is not convex.
        """
        if np.any(np.linalg.norm(self.filters, axis=1) > 1.0 + _ROUNDING):
            return float("inf")
        sizes = np.abs(self.output_weights).sum(axis=1)
        return float(0.5 * (np.sum(self.dense_weights**2) + np.sum(sizes**2)))

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
        loss, delta
            As in `Network.objective`.
        sample_weight : array-like of shape (n,), optional
            Weights of the samples in the loss.

        Returns
        -------
        float
        """
        beta = nonnegative_number("beta", beta)
        return loss_of(self, X, y, loss, delta, sample_weight) + beta * self.penalty()

    def to_torch(self) -> Any:
        """Return the network as a PyTorch module in double precision.

        Needs PyTorch (``pip install "cvxnn[torch]"``).

        Returns
        -------
        torch.nn.Sequential
            Of Unflatten, CircularPad1d, two Conv1d (the second with a group for each neuron),
            Flatten, ReLU and Linear; outputs have shape (n, C).
        """
        torch = optional_import("torch", "torch")
        d, m = self.filters.shape[1], max(1, self.n_neurons)  # no group is not allowed
        missing = [(0, m - self.n_neurons), (0, 0)]
        first = torch.nn.Conv1d(1, m, d, bias=False, dtype=torch.float64)
        second = torch.nn.Conv1d(m, m, d, groups=m, bias=False, dtype=torch.float64)
        with torch.no_grad():
            first.weight.copy_(torch.tensor(np.pad(self.filters, missing)[:, None]))
            second.weight.copy_(torch.tensor(np.pad(self.dense_weights, missing)[:, None]))
        outputs = np.pad(self.output_weights, missing)
        return torch.nn.Sequential(
            torch.nn.Unflatten(1, (1, d)),
            torch.nn.CircularPad1d((0, d - 1)),
            first,
            second,
            torch.nn.Flatten(),
            torch.nn.ReLU(),
            linear_layer(torch, outputs.T, np.zeros(outputs.shape[1])),
        )


def circular_network_of(neurons: NormNeurons, n_outputs: int) -> CircularNetwork:
    """Return the cheapest network with these neurons (after arXiv 2006.14798).

    ``F C(u) w = sqrt(d) F u * F w`` with the unitary transform F, so with ||u|| <= 1 the norm of w
    is least, ``||F z||_1 / sqrt(d)`` for the product z, where |F u|^2 is in proportion to |F z|. A
    real and even transform of the filter leaves the phases to w. Then w and a are as long.
    """
    vectors = neurons.vectors
    d = vectors.shape[1]
    spectra = np.fft.fft(vectors, norm="ortho")
    moduli = np.abs(spectra)
    totals = moduli.sum(axis=1, keepdims=True)
    even = np.sqrt(moduli / np.where(totals > 0.0, totals, 1.0))
    roots = np.sqrt(totals / np.sqrt(d))  # of the norms
    dense = spectra / (np.sqrt(d) * np.where(even > 0.0, even, 1.0) * np.where(roots, roots, 1.0))
    outputs = np.zeros((len(vectors), n_outputs))
    outputs[np.arange(len(vectors)), neurons.outputs] = neurons.signs * roots[:, 0]
    filters, weights = (np.fft.ifft(part, norm="ortho").real for part in (even, dense))
    return CircularNetwork(filters, weights, outputs)
