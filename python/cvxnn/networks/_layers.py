"""What networks have in common: shapes, inputs and outputs, objectives."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn._checks import one_of
from cvxnn.networks._activations import THRESHOLD
from cvxnn.networks._losses import check_targets, loss_named

__all__ = [
    "BIASES",
    "OUTPUT_NORMS",
    "as_inputs",
    "check_layers",
    "decay_of",
    "lengths_of",
    "loss_of",
    "midrange",
    "rebuilt",
    "squeezed",
    "two_layer_objective",
]

Array = NDArray[np.float64]

BIASES = ("regularized", "free", "none")
OUTPUT_NORMS = ("l1", "l2")
_NORMS = {"l2": 2.0, "l1": 1.0, "linf": np.inf}  # of hidden weights, as NumPy calls them


class Predictor(Protocol):
    """Whatever has outputs."""

    def predict(self, X: ArrayLike) -> Array: ...


class LayeredNetwork(Predictor, Protocol):
    """Networks of two layers; hidden weights have a row for each neuron."""

    @property
    def hidden_weights(self) -> Array: ...
    @property
    def hidden_bias(self) -> Array: ...
    @property
    def output_weights(self) -> Array: ...


class BiasedNetwork(LayeredNetwork, Protocol):
    """Those with an output bias and an activation by name."""

    @property
    def activation(self) -> str: ...
    @property
    def output_bias(self) -> Array: ...


def check_layers(network: LayeredNetwork) -> None:
    """Convert every array field to float64 and check the shapes against those of the weights."""
    (m,) = _shape_of("hidden_bias", network.hidden_bias, ndim=1)
    _, d = _shape_of("hidden_weights", network.hidden_weights, ndim=2)
    _, n_outputs = _shape_of("output_weights", network.output_weights, ndim=2)
    expected = {
        "gates": (m, d),
        "gate_bias": (m,),
        "hidden_weights": (m, d),
        "hidden_bias": (m,),
        "output_weights": (m, n_outputs),
        "output_bias": (n_outputs,),
    }
    for name, shape in expected.items():
        if not hasattr(network, name):
            continue
        array = np.array(getattr(network, name), dtype=np.float64)
        if array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds NaN or infinity")
        array.setflags(write=False)
        object.__setattr__(network, name, array)


def _shape_of(name: str, values: ArrayLike, ndim: int) -> tuple[int, ...]:
    shape = np.shape(values)
    if len(shape) != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), got shape {shape}")
    return shape


def rebuilt(value: Any) -> tuple[Any, ...]:
    """Pickle by the constructor, which makes the arrays read-only again."""
    return type(value), tuple(getattr(value, field.name) for field in fields(value))


def as_inputs(X: ArrayLike, weights: Array) -> Array:
    X = np.asarray(X, dtype=np.float64)
    if X.ndim != 2 or X.shape[1] != weights.shape[1]:
        raise ValueError(f"X must have shape (n, {weights.shape[1]}), got {X.shape}")
    return X


def lengths_of(vectors: Array) -> Array:
    """Return norms along the last axis, also of what has squares beyond the range of doubles."""
    return np.asarray(np.hypot.reduce(vectors, axis=-1, initial=0.0))


def squeezed(outputs: Array) -> Array:
    return outputs[:, 0] if outputs.shape[1] == 1 else outputs


def loss_of(
    network: Predictor,
    X: ArrayLike,
    y: ArrayLike,
    loss: str,
    delta: float,
    sample_weight: ArrayLike | None,
    *,
    free_offset: bool = False,
) -> float:
    outputs = network.predict(X)
    y = np.asarray(y, dtype=np.float64)
    if y.shape == (len(y), 1):
        y = y[:, 0]
    _check_like_outputs("y", y, outputs)
    weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    _check_like_outputs("sample_weight", weight, outputs if outputs.ndim == 1 else outputs[:, 0])
    weights = weight if outputs.ndim == 1 else weight[:, None]
    functions = loss_named(loss, delta)
    check_targets(functions, y[weight > 0.0])
    if free_offset and functions.name == "interpolation":  # targets are as large as they vary
        centre = midrange(y[weight > 0.0])
        outputs, y = outputs - centre, y - centre
    return functions.value(outputs, y, weights)


def two_layer_objective(
    network: BiasedNetwork,
    X: ArrayLike,
    y: ArrayLike,
    *,
    beta: float,
    loss: str,
    delta: float,
    bias: str,
    sample_weight: ArrayLike | None,
    output_norm: str = "l1",
    hidden_norm: str = "l2",
) -> float:
    """Return loss plus weight decay; ValueError if the network has biases that it may not have."""
    one_of("bias", bias, BIASES)
    one_of("output_norm", output_norm, OUTPUT_NORMS)
    one_of("hidden_norm", hidden_norm, list(_NORMS))
    if hidden_norm != "l2" and (bias == "free" or network.activation == THRESHOLD):
        with_ = "bias='free'" if bias == "free" else f"activation={THRESHOLD!r}"
        raise ValueError(f"hidden_norm={hidden_norm!r} does not go with {with_}")
    if bias == "none" and np.any(network.hidden_bias):
        raise ValueError("bias='none', but the network has hidden biases")
    if bias != "free" and np.any(network.output_bias):
        raise ValueError(f"bias={bias!r}, but the network has an output bias")
    free = bias == "free"
    value = loss_of(network, X, y, loss, delta, sample_weight, free_offset=free)
    return value + decay_of(beta, _squares(network, bias, output_norm, hidden_norm))


def _squares(network: BiasedNetwork, bias: str, output_norm: str, hidden_norm: str) -> float:
    """Return the sum of squares that half of beta weighs.

    A threshold does not see the scale of its argument, and costs an amplitude s and an output
    weight o with a = s o (arXiv 2303.03382): s^2 + o^2 is 2 |a| at best.
    """
    order = 1 if output_norm == "l1" else 2
    sizes = np.linalg.norm(network.output_weights, order, axis=1)
    if network.activation == THRESHOLD:
        return 2.0 * float(np.sum(sizes))
    if hidden_norm != "l2":  # biases that may not be there are zero
        weights = np.column_stack([network.hidden_weights, network.hidden_bias])
        norms = np.linalg.norm(weights, _NORMS[hidden_norm], axis=1)
        return float(np.sum(norms**2) + np.sum(sizes**2))
    squares = np.sum(network.hidden_weights**2) + np.sum(sizes**2)
    if bias == "regularized":
        squares += np.sum(network.hidden_bias**2)
    return float(squares)


def midrange(y: Array) -> Array:
    """Return the middle between least and largest value, of each column."""
    return np.asarray(0.5 * y.min(axis=0) + 0.5 * y.max(axis=0))


def _check_like_outputs(name: str, values: Array, outputs: Array) -> None:
    if len(values) != len(outputs):
        raise ValueError(f"{name} has {len(values)} samples, X has {len(outputs)}")
    if values.shape != outputs.shape:
        raise ValueError(f"{name} must have shape {outputs.shape}, got {values.shape}")


def decay_of(beta: float, squares: float) -> float:
    if not (beta >= 0.0 and np.isfinite(beta)):
        raise ValueError(f"beta must be a finite number >= 0, got {beta!r}")
    return 0.5 * beta * float(squares)
