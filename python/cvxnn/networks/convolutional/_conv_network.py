"""Convolutional networks as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn._optional import optional_import
from cvxnn.networks._activations import activated, slope_of
from cvxnn.networks._exchange import TORCH_ACTIVATIONS, linear_layer
from cvxnn.networks._files import SavedInFiles
from cvxnn.networks._layers import rebuilt, squeezed, two_layer_objective
from cvxnn.networks._patches import Patches

__all__ = ["ConvNetwork", "hold_arrays"]

Array = NDArray[np.float64]

_GEOMETRY = {"input_shape": (3,), "stride": (2,), "padding": (2,)}
_BATCH = 1 << 22  # entries of patches, or hidden outputs, held at a time


@dataclass(frozen=True, eq=False)
class ConvNetwork(SavedInFiles):
    """A convolutional network ``f(x) = sum_j a_j sum_k (w_j . x_k + b_j)_+ + c``.

    The x_k are the patches of x that a filter sees; with other poolings their mean or the largest
    takes the place of the sum.

    Parameters
    ----------
    filters : ndarray of shape (m, channels, kernel height, kernel width)
        First-layer weights w.
    hidden_bias : ndarray of shape (m,)
        First-layer biases b.
    output_weights : ndarray of shape (m, C)
        Second-layer weights a.
    output_bias : ndarray of shape (C,)
        Output biases c.
    input_shape : array-like of 3 integers
        Channels, height and width of the inputs, which come flattened; signals have height 1.
    stride, padding : array-like of 2 integers
        Steps of the filters down and across, and zeros around the inputs.
    pooling : {"sum", "average", "max"}
        How the outputs of a filter are combined.
    activation : {"relu", "leaky_relu", "abs"}
        The activation function; the formula above is for "relu".
    negative_slope : float
        Slope of "leaky_relu" below zero.

    Examples
    --------
    >>> from cvxnn import ConvNetwork
    >>> rises = ConvNetwork([[[[-1.0, 1.0]]]], [0.0], [[1.0]], [0.0], (1, 1, 4))
    >>> rises.predict([[0.0, 1.0, 0.0, 2.0], [3.0, 2.0, 1.0, 0.0]])
    array([3., 0.])
    """

    filters: Array
    hidden_bias: Array
    output_weights: Array
    output_bias: Array
    input_shape: Array
    stride: Array = (1, 1)  # type: ignore[assignment]
    padding: Array = (0, 0)  # type: ignore[assignment]
    pooling: str = "sum"
    activation: str = "relu"
    negative_slope: float = 0.0

    def __post_init__(self) -> None:
        _check(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuilt(self)

    @classmethod
    def from_layers(
        cls,
        patches: Patches,
        layers: tuple[Array, Array, Array, Array],
        activation: tuple[str, float],
    ) -> ConvNetwork:
        """Make a network of the layers of one whose inputs are patches."""
        filters, bias, output_weights, output_bias = layers
        shape = patches.input_shape[0], *patches.kernel
        return cls(
            filters.reshape(len(filters), *shape),
            bias,
            output_weights,
            output_bias,
            np.array(patches.input_shape),
            np.array(patches.stride),
            np.array(patches.padding),
            patches.pooling,
            *activation,
        )

    @property
    def n_neurons(self) -> int:
        """The number m of filters."""
        return len(self.hidden_bias)

    @property
    def hidden_weights(self) -> Array:
        """The filters, each as one row."""
        return self.filters.reshape(self.n_neurons, self._patches.size)

    @property
    def slope(self) -> float:
        """Slope of the activation below zero."""
        return slope_of(self.activation, self.negative_slope)

    @cached_property
    def _patches(self) -> Patches:
        channels, height, width = (int(size) for size in self.input_shape)
        return Patches.from_arguments(
            channels * height * width,
            input_shape=(channels, height, width),
            kernel_size=self.filters.shape[2:],
            stride=[int(step) for step in self.stride],
            padding=[int(size) for size in self.padding],
            pooling=self.pooling,
        )

    def predict(self, X: ArrayLike) -> Array:
        """Return the raw outputs, shape (n,) for one output and (n, C) for more."""
        X = np.asarray(X, dtype=np.float64)
        n_features = int(np.prod(self.input_shape))
        if X.ndim != 2 or X.shape[1] != n_features:
            raise ValueError(f"X must have shape (n, {n_features}), got {X.shape}")
        widest = max(self._patches.size, self.n_neurons)
        size = max(1, _BATCH // (self._patches.count * widest))
        pooled = [self._hidden(X[i : i + size]) for i in range(0, len(X), size)]
        hidden = np.concatenate([np.zeros((0, self.n_neurons)), *pooled])
        return squeezed(hidden @ self.output_weights + self.output_bias)

    def _hidden(self, X: Array) -> Array:
        """Return what the filters put out, pooled, shape (n, m)."""
        patches = self._patches
        outputs = activated(patches.of(X) @ self.hidden_weights.T + self.hidden_bias, self.slope)
        by_patch = outputs.reshape(len(X), patches.count, self.n_neurons)
        if self.pooling == "max":
            return np.asarray(by_patch.max(axis=1))
        return np.asarray(by_patch.sum(axis=1) * patches.scale)

    def objective(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        beta: float,
        loss: str = "squared",
        delta: float = 1.0,
        bias: str = "regularized",
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Evaluate the training objective of this network by its forward pass.

        The sum over samples of the loss plus ``beta / 2`` times the sum over filters of
        ``||w_j||^2 + ||a_j||_1^2`` (Ergen and Pilanci, arXiv 2006.14798), see `Network.objective`.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs, flattened.
        y : array-like of shape (n,) or (n, C)
            Targets; -1 or 1 for logistic and hinge losses, one-hot rows for the multinomial loss.
        beta : float
            Strength of the weight decay.
        loss, delta, bias
            As in `Network.objective`.
        sample_weight : array-like of shape (n,), optional
            Weights of the samples in the loss.

        Returns
        -------
        float
        """
        return two_layer_objective(
            self, X, y, beta=beta, loss=loss, delta=delta, bias=bias, sample_weight=sample_weight
        )

    def to_torch(self) -> Any:
        """Return the network as a PyTorch module in double precision.

        Returns
        -------
        torch.nn.Sequential
            Of Unflatten, Conv2d, ReLU or LeakyReLU, AdaptiveAvgPool2d or AdaptiveMaxPool2d,
            Flatten and Linear; inputs are flattened, outputs have shape (n, C).

        Raises
        ------
        ValueError
            If PyTorch has no module for the activation ("abs").
        """
        if self.activation not in TORCH_ACTIVATIONS:
            raise ValueError(f"PyTorch has no module for activation {self.activation!r}")
        torch = optional_import("torch", "torch")
        patches, m = self._patches, max(1, self.n_neurons)  # no channel is not allowed
        missing = (0, m - self.n_neurons)
        convolution = torch.nn.Conv2d(
            patches.input_shape[0],
            m,
            patches.kernel,
            stride=patches.stride,
            padding=patches.padding,
            dtype=torch.float64,
        )
        with torch.no_grad():
            convolution.weight.copy_(torch.tensor(np.pad(self.filters, [missing, *[(0, 0)] * 3])))
            convolution.bias.copy_(torch.tensor(np.pad(self.hidden_bias, missing)))
        slope = (self.negative_slope,) if self.activation == "leaky_relu" else ()
        pool = torch.nn.AdaptiveMaxPool2d(1)
        weights = np.pad(self.output_weights, [missing, (0, 0)])
        if self.pooling != "max":
            pool, weights = torch.nn.AdaptiveAvgPool2d(1), weights * (patches.scale * patches.count)
        return torch.nn.Sequential(
            torch.nn.Unflatten(1, patches.input_shape),
            convolution,
            getattr(torch.nn, TORCH_ACTIVATIONS[self.activation])(*slope),
            pool,
            torch.nn.Flatten(),
            linear_layer(torch, weights.T, self.output_bias),
        )


def _check(network: ConvNetwork) -> None:
    """Convert the arrays and check that their shapes fit together."""
    shapes = {
        "filters": (None,) * 4,
        "hidden_bias": (None,),
        "output_weights": (None, None),
        "output_bias": (None,),
    }
    hold_arrays(network, shapes)
    m, n_outputs = network.output_weights.shape
    for name, found, expected in (
        ("filters", len(network.filters), m),
        ("filters", network.filters.shape[1], int(network.input_shape[0])),
        ("hidden_bias", len(network.hidden_bias), m),
        ("output_bias", len(network.output_bias), n_outputs),
    ):
        if found != expected:
            raise ValueError(f"{name} has {found} entries, expected {expected}")
    object.__setattr__(network, "negative_slope", float(network.negative_slope))
    slope_of(network.activation, network.negative_slope)
    network._patches  # noqa: B018  # checks the geometry


def hold_arrays(network: Any, shapes: Mapping[str, tuple[int | None, ...]]) -> None:
    """Convert the arrays of a network and its geometry to float64, and check their shapes."""
    for name, shape in {**shapes, **_GEOMETRY}.items():
        array = np.array(getattr(network, name), dtype=np.float64)
        if array.ndim != len(shape) or not all(
            want in (None, got) for want, got in zip(shape, array.shape, strict=True)
        ):
            sizes = " x ".join("any" if size is None else str(size) for size in shape)
            raise ValueError(f"{name} has shape {array.shape}, expected {sizes}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds NaN or infinity")
        if name in _GEOMETRY and np.any(array != np.floor(array)):
            raise ValueError(f"{name} must hold integers, got {array.tolist()}")
        array.setflags(write=False)
        object.__setattr__(network, name, array)
