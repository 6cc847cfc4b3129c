"""Linear convolutional networks as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn._checks import nonnegative_number, one_of
from cvxnn._optional import optional_import
from cvxnn.networks._exchange import linear_layer
from cvxnn.networks._files import SavedInFiles
from cvxnn.networks._layers import decay_of, loss_of, rebuilt, squeezed
from cvxnn.networks._patches import Patches
from cvxnn.networks.convolutional._conv_network import hold_arrays

__all__ = ["CONV_ARCHITECTURES", "ConvLinearNetwork"]

Array = NDArray[np.float64]

CONV_ARCHITECTURES = ("patches", "circular")
_BATCH = 1 << 22  # entries of patches, or hidden outputs, held at a time


@dataclass(frozen=True, eq=False)
class ConvLinearNetwork(SavedInFiles):
    """A linear network ``f(x) = sum_j sum_k (x_k . u_j) a_jk + c`` of m filters.

    The x_k are the patches of x that a filter sees, or ("circular") all of x, moved round by k:
    ``x_k[i] = x[(i + k) mod d]`` for signals, so that ``f(x) = sum_j x C(u_j) a_j + c`` with
    circulant matrices ``C(u)[i, k] = u[(i - k) mod d]``.

    Parameters
    ----------
    filters : ndarray of shape (m, channels, kernel height, kernel width)
        First-layer weights u.
    output_weights : ndarray of shape (m, K, C)
        Second-layer weights a, a vector for each filter and position; positions in C order.
    output_bias : ndarray of shape (C,)
        Output biases c.
    input_shape : array-like of 3 integers
        Channels, height and width of the inputs, which come flattened; signals have height 1.
    stride, padding : array-like of 2 integers
        Steps of the filters down and across, and zeros around the inputs.
    architecture : {"patches", "circular"}
        What filters see. Circular ones are as large as the inputs, with stride 1 and no padding.

    Examples
    --------
    >>> from cvxnn import ConvLinearNetwork
    >>> steps = ConvLinearNetwork([[[[-1.0, 1.0]]]], [[[1.0], [0.0], [5.0]]], [0.0], (1, 1, 4))
    >>> steps.predict([[0.0, 1.0, 0.0, 2.0], [3.0, 2.0, 1.0, 0.0]])
    array([11., -6.])
    """

    filters: Array
    output_weights: Array
    output_bias: Array
    input_shape: Array
    stride: Array = (1, 1)  # type: ignore[assignment]
    padding: Array = (0, 0)  # type: ignore[assignment]
    architecture: str = "patches"

    def __post_init__(self) -> None:
        _check(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuilt(self)

    @property
    def n_neurons(self) -> int:
        """The number m of filters."""
        return len(self.filters)

    @property
    def coef(self) -> Array:
        """The linear map that it is, shape (d, C)."""
        return self._mapped(np.eye(int(np.prod(self.input_shape))))

    @cached_property
    def _patches(self) -> Patches:
        channels, height, width = (int(size) for size in self.input_shape)
        return Patches.from_arguments(
            channels * height * width,
            input_shape=(channels, height, width),
            kernel_size=self.filters.shape[2:],
            stride=[int(step) for step in self.stride],
            padding=[int(size) for size in self.padding],
        )

    def predict(self, X: ArrayLike) -> Array:
        """Return the outputs, shape (n,) for one output and (n, C) for more."""
        X = np.asarray(X, dtype=np.float64)
        n_features = int(np.prod(self.input_shape))
        if X.ndim != 2 or X.shape[1] != n_features:
            raise ValueError(f"X must have shape (n, {n_features}), got {X.shape}")
        return squeezed(self._mapped(X) + self.output_bias)

    def _mapped(self, X: Array) -> Array:
        """Return the outputs without bias, shape (n, C)."""
        _, n_positions, n_outputs = self.output_weights.shape
        weights = self.output_weights.transpose(1, 0, 2).reshape(-1, n_outputs)
        hidden = self._circular_maps if self.architecture == "circular" else self._patch_maps
        size = max(1, _BATCH // (n_positions * max(self._patches.size, self.n_neurons)))
        parts = [hidden(X[i : i + size]) @ weights for i in range(0, len(X), size)]
        return np.concatenate([np.zeros((0, n_outputs)), *parts])

    def _patch_maps(self, X: Array) -> Array:
        """Return what each filter puts out at each position, shape (n, K m)."""
        rows = self.filters.reshape(self.n_neurons, self._patches.size)
        outputs = self._patches.of(X) @ rows.T
        return outputs.reshape(len(X), self._patches.count * self.n_neurons)

    def _circular_maps(self, X: Array) -> Array:
        """Return the same for filters that go round: products of Fourier transforms."""
        images = np.fft.fft2(X.reshape(len(X), *self._patches.input_shape))
        filters = np.conj(np.fft.fft2(self.filters))
        outputs = np.fft.ifft2(np.einsum("nchw,mchw->nhwm", images, filters), axes=(1, 2))
        return outputs.real.reshape(len(X), -1)

    def penalty(self) -> float:
        """Return ``sum_j (||u_j||^2 + ||a_j||^2) / 2``."""
        return decay_of(1.0, np.sum(self.filters**2) + np.sum(self.output_weights**2))

    def objective(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        beta: float,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Evaluate half the sum of squared errors plus beta times the penalty.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs, flattened.
        y : array-like of shape (n,) or (n, C)
            Targets.
        beta : float
            Strength of the weight decay.
        sample_weight : array-like of shape (n,), optional
            Weights of the samples in the loss.

        Returns
        -------
        float
        """
        beta = nonnegative_number("beta", beta)
        return loss_of(self, X, y, "squared", 1.0, sample_weight) + beta * self.penalty()

    def to_torch(self) -> Any:
        """Return the network as a PyTorch module in double precision.

        Needs PyTorch (``pip install "cvxnn[torch]"``).

        Returns
        -------
        torch.nn.Sequential
            Of Unflatten, CircularPad2d (if circular), Conv2d, Flatten and Linear; inputs are
            flattened, outputs have shape (n, C).
        """
        torch = optional_import("torch", "torch")
        patches = self._patches
        (down, across), circular = patches.kernel, self.architecture == "circular"
        convolution = torch.nn.Conv2d(
            patches.input_shape[0],
            self.n_neurons,
            patches.kernel,
            stride=patches.stride,
            padding=patches.padding,
            bias=False,
            dtype=torch.float64,
        )
        with torch.no_grad():
            convolution.weight.copy_(torch.tensor(self.filters))
        around = [torch.nn.CircularPad2d((0, across - 1, 0, down - 1))] if circular else []
        weights = self.output_weights.reshape(-1, len(self.output_bias))
        return torch.nn.Sequential(
            torch.nn.Unflatten(1, patches.input_shape),
            *around,
            convolution,
            torch.nn.Flatten(),
            linear_layer(torch, weights.T, self.output_bias),
        )


def _check(network: ConvLinearNetwork) -> None:
    """Convert the arrays and check that their shapes fit together."""
    one_of("architecture", network.architecture, CONV_ARCHITECTURES)
    shapes = {"filters": (None,) * 4, "output_weights": (None,) * 3, "output_bias": (None,)}
    hold_arrays(network, shapes)
    patches, n_positions = network._patches, network._patches.count  # checks the geometry
    if network.architecture == "circular":
        if (patches.kernel, patches.stride) != (patches.input_shape[1:], (1, 1)) or any(
            patches.padding
        ):
            raise ValueError(
                "filters of architecture='circular' must be as large as the input, with stride 1 "
                f"and no padding, got filters of {patches.kernel} for input_shape "
                f"{patches.input_shape}, stride {patches.stride} and padding {patches.padding}"
            )
        n_positions = patches.kernel[0] * patches.kernel[1]
    channels = patches.input_shape[0]
    if network.filters.shape[1] != channels:
        raise ValueError(f"filters has {network.filters.shape[1]} channels, expected {channels}")
    expected = (network.n_neurons, n_positions, len(network.output_bias))
    if network.output_weights.shape != expected:
        raise ValueError(
            f"output_weights has shape {network.output_weights.shape}, expected {expected}"
        )
