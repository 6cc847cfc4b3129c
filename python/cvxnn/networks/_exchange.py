"""Networks from and to scikit-learn and PyTorch, as arrays of weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils.validation import check_is_fitted

from cvxnn._optional import optional_import

__all__ = [
    "TORCH_ACTIVATIONS",
    "layers_of_sklearn",
    "layers_of_torch",
    "linear_layer",
    "torch_module",
]

Array = NDArray[np.float64]
Layers = tuple[Array, Array, Array, Array]

TORCH_ACTIVATIONS = {"relu": "ReLU", "leaky_relu": "LeakyReLU"}


def layers_of_sklearn(mlp: Any) -> Layers:
    """Return hidden weights and biases, output weights and biases of a fitted MLP."""
    if not isinstance(mlp, (MLPRegressor, MLPClassifier)):
        raise ValueError(f"mlp must be an MLPRegressor or MLPClassifier, got {type(mlp).__name__}")
    check_is_fitted(mlp, "coefs_")
    if mlp.activation != "relu":
        raise ValueError(f"mlp must have activation 'relu', got {mlp.activation!r}")
    if len(mlp.coefs_) != 2:
        raise ValueError(f"mlp must have one hidden layer, got {len(mlp.coefs_) - 1}")
    (hidden, output), (hidden_bias, output_bias) = mlp.coefs_, mlp.intercepts_
    return _float64(hidden.T), _float64(hidden_bias), _float64(output), _float64(output_bias)


def layers_of_torch(module: Any) -> tuple[Array, Array, Array, Array, str, float]:
    """Return the same of ``Sequential(Linear, ReLU or LeakyReLU, Linear)``, and activation."""
    nn = optional_import("torch", "torch").nn
    parts = list(module) if isinstance(module, nn.Sequential) else []
    kinds = [type(part).__name__ for part in parts]
    if kinds not in (["Linear", kind, "Linear"] for kind in TORCH_ACTIVATIONS.values()):
        got = f"Sequential({', '.join(kinds)})" if parts else type(module).__name__
        raise ValueError(f"module must be Sequential(Linear, ReLU or LeakyReLU, Linear), got {got}")
    first, middle, second = parts
    leaky = kinds[1] == "LeakyReLU"
    activation, slope = ("leaky_relu", middle.negative_slope) if leaky else ("relu", 0.0)
    return (*_of_linear(first), _of_linear(second)[0].T, _of_linear(second)[1], activation, slope)


def torch_module(layers: Layers, activation: str, negative_slope: float) -> Any:
    """Return a ``Sequential(Linear, ReLU or LeakyReLU, Linear)`` in double precision."""
    if activation not in TORCH_ACTIVATIONS:
        raise ValueError(f"PyTorch has no module for activation {activation!r}")
    torch = optional_import("torch", "torch")
    hidden, hidden_bias, output, output_bias = layers
    slope = (negative_slope,) if activation == "leaky_relu" else ()
    return torch.nn.Sequential(
        linear_layer(torch, hidden, hidden_bias),
        getattr(torch.nn, TORCH_ACTIVATIONS[activation])(*slope),
        linear_layer(torch, output.T, output_bias),
    )


def _of_linear(layer: Any) -> tuple[Array, Array]:
    weight = _float64(layer.weight.detach().cpu().numpy())
    if layer.bias is None:
        return weight, np.zeros(len(weight))
    return weight, _float64(layer.bias.detach().cpu().numpy())


def linear_layer(torch: Any, weight: Array, bias: Array) -> Any:
    """Return a ``Linear`` with these weights, (outputs, inputs), in double precision."""
    n_outputs, n_inputs = weight.shape
    layer = torch.nn.Linear(n_inputs, n_outputs, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight.copy()))
        layer.bias.copy_(torch.from_numpy(bias.copy()))
    return layer


def _float64(values: ArrayLike) -> Array:
    return np.array(values, dtype=np.float64)
