"""Networks as ONNX models."""

from __future__ import annotations

from typing import Any

from cvxnn._optional import optional_import
from cvxnn.networks._exchange import Layers

__all__ = ["onnx_model"]

# Of 2020, so that old runtimes read the models too. Its operators have all that is needed here.
_OPERATORS = 13
_IR_VERSION = 7


def onnx_model(layers: Layers) -> Any:
    """Return a model of Gemm, Relu and Gemm in double precision, for any number of samples."""
    onnx = optional_import("onnx", "onnx")
    make = optional_import("onnx.helper", "onnx")
    from_array = optional_import("onnx.numpy_helper", "onnx").from_array
    hidden, hidden_bias, output, output_bias = layers
    (_, n_features), (_, n_outputs) = hidden.shape, output.shape
    graph = make.make_graph(
        [
            make.make_node("Gemm", ["X", "hidden_weights", "hidden_bias"], ["H"], transB=1),
            make.make_node("Relu", ["H"], ["A"]),
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
        ],
    )
    return make.make_model(
        graph,
        producer_name="cvxnn",
        ir_version=_IR_VERSION,
        opset_imports=[make.make_opsetid("", _OPERATORS)],
    )
