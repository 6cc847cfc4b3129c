"""Networks as ONNX models."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvxnn._optional import optional_import
from cvxnn.networks._activations import THRESHOLD
from cvxnn.networks._exchange import Layers

__all__ = ["onnx_model"]

# Of 2020, so that old runtimes read the models too. Its operators have all that is needed here.
_OPERATORS = 13
_IR_VERSION = 7
# PRelu takes its slope as a tensor, in double precision; LeakyRelu as a single.
_OPERATOR_OF = {"relu": "Relu", "leaky_relu": "PRelu", "abs": "Abs"}


def onnx_model(layers: Layers, activation: str, slope: float) -> Any:
    """Return Gemm, the activation and Gemm in double precision, for any number of samples."""
    onnx = optional_import("onnx", "onnx")
    make = optional_import("onnx.helper", "onnx")
    from_array = optional_import("onnx.numpy_helper", "onnx").from_array
    hidden, hidden_bias, output, output_bias = layers
    (_, n_features), (_, n_outputs) = hidden.shape, output.shape
    middle, constants = _between(make, onnx.TensorProto.DOUBLE, activation, slope)
    graph = make.make_graph(
        [
            make.make_node("Gemm", ["X", "hidden_weights", "hidden_bias"], ["H"], transB=1),
            *middle,
            make.make_node("Gemm", ["A", "output_weights", "output_bias"], ["Y"]),
        ],
        "two_layer_network",
        [make.make_tensor_value_info("X", onnx.TensorProto.DOUBLE, ["n", n_features])],
        [make.make_tensor_value_info("Y", onnx.TensorProto.DOUBLE, ["n", n_outputs])],
        [
            from_array(hidden, "hidden_weights"),
            from_array(hidden_bias, "hidden_bias"),
            from_array(output, "output_weights"),
            from_array(output_bias, "output_bias"),
            *(from_array(values, name) for name, values in constants.items()),
        ],
    )
    return make.make_model(
        graph,
        producer_name="cvxnn",
        ir_version=_IR_VERSION,
        opset_imports=[make.make_opsetid("", _OPERATORS)],
    )


def _between(
    make: Any, double: int, activation: str, slope: float
) -> tuple[list[Any], dict[str, NDArray[np.float64]]]:
    """Return the nodes from pre-activations H to activations A, and the constants they take."""
    if activation == THRESHOLD:
        nodes = [
            make.make_node("Greater", ["H", "zero"], ["on"]),
            make.make_node("Cast", ["on"], ["A"], to=double),
        ]
        return nodes, {"zero": np.zeros(1)}
    slopes = {"negative_slope": np.array([slope])} if activation == "leaky_relu" else {}
    return [make.make_node(_OPERATOR_OF[activation], ["H", *slopes], ["A"])], slopes
