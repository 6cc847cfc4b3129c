"""Networks as ONNX models."""

import numpy as np
import pytest

from cvxnn import Network

onnx = pytest.importorskip("onnx")


def random_network(m, d, n_outputs, seed=0):
    random = np.random.default_rng(seed)
    shapes = [(m, d), (m,), (m, n_outputs), (n_outputs,)]
    return Network(*(random.standard_normal(shape) for shape in shapes))


@pytest.mark.parametrize("m, d, n_outputs", [(7, 3, 1), (5, 2, 4), (1, 1, 1), (0, 2, 3)])
def test_outputs_of_the_reference(m, d, n_outputs):
    reference = pytest.importorskip("onnx.reference")
    network = random_network(m, d, n_outputs)
    model = network.to_onnx()
    onnx.checker.check_model(model, full_check=True)
    evaluator = reference.ReferenceEvaluator(onnx.load_from_string(model.SerializeToString()))
    for n in (0, 1, 6):  # the number of samples is open
        X = np.random.default_rng(n).standard_normal((n, d))
        (outputs,) = evaluator.run(None, {"X": X})
        assert outputs.dtype == np.float64
        assert outputs.shape == (n, n_outputs)
        expected = network.predict(X).reshape(n, n_outputs)
        assert outputs == pytest.approx(expected, rel=1e-13, abs=1e-13)


@pytest.mark.parametrize("m", [0, 6])
def test_outputs_of_a_runtime(m):
    runtime = pytest.importorskip("onnxruntime")
    network = random_network(m, 3, 2, seed=1)
    session = runtime.InferenceSession(
        network.to_onnx().SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (given,), (result,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape) == ("X", "tensor(double)", ["n", 3])
    assert (result.name, result.type, result.shape) == ("Y", "tensor(double)", ["n", 2])
    X = np.random.default_rng(2).standard_normal((50, 3))
    (outputs,) = session.run(None, {"X": X})
    assert outputs == pytest.approx(network.predict(X), rel=1e-13, abs=1e-13)


@pytest.mark.parametrize("activation", ["leaky_relu", "abs"])
def test_other_activations(activation):
    reference = pytest.importorskip("onnx.reference")
    layers = [[[1.0], [-2.0]], [0.5, 0.1], [[1.0], [3.0]], [0.25]]
    network = Network(*layers, activation, 0.1)
    X = np.linspace(-2.0, 2.0, 9)[:, None]
    model = network.to_onnx()
    onnx.checker.check_model(model, full_check=True)
    (outputs,) = reference.ReferenceEvaluator(model).run(None, {"X": X})
    assert outputs[:, 0] == pytest.approx(network.predict(X), rel=1e-13)


def test_nothing_is_rounded_to_single_precision():
    reference = pytest.importorskip("onnx.reference")
    tiny = 2.0**-40
    network = Network([[1.0]], [tiny], [[1.0]], [tiny])
    (outputs,) = reference.ReferenceEvaluator(network.to_onnx()).run(None, {"X": np.ones((1, 1))})
    assert outputs[0, 0] == 1.0 + 2.0 * tiny
