"""Networks as values: forward pass, objective, validation."""

import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from cvxnn import GatedNetwork, Network

WEIGHTS, BIAS, OUTPUTS = [[1.0, 2.0], [-1.0, 0.5]], [0.5, -0.25], [[2.0], [-3.0]]
X = np.array([[1.0, 1.0], [-2.0, 1.0], [0.0, -1.0]])
# hidden layer before the ReLU: [[3.5, -0.75], [0.5, 2.25], [-1.5, -0.75]]
PREDICTIONS = [7.0, 1.0 - 6.75, 0.0]


@pytest.fixture
def network():
    return Network(WEIGHTS, BIAS, OUTPUTS, [0.0])


@pytest.fixture
def gated():
    # the first gate is open where x_0 > 0, the second where x_1 > 0.5
    return GatedNetwork([[1.0, 0.0], [0.0, 1.0]], [0.0, -0.5], WEIGHTS, BIAS, OUTPUTS)


def test_predict(network):
    assert network.n_neurons == 2
    assert network.predict(X).tolist() == PREDICTIONS
    assert network.predict(X.tolist()).tolist() == PREDICTIONS
    assert network.predict(X.astype(np.float32)).dtype == np.float64
    assert network.predict(np.empty((0, 2))).shape == (0,)


def test_predict_with_output_bias_and_several_outputs():
    network = Network(WEIGHTS, BIAS, [[2.0, 1.0], [-3.0, 0.0]], [1.0, -1.0])
    expected = [[8.0, 2.5], [-4.75, -0.5], [1.0, -1.0]]
    assert network.predict(X).tolist() == expected


def test_no_neurons():
    network = Network(np.empty((0, 2)), [], np.empty((0, 1)), [0.5])
    assert network.n_neurons == 0
    assert network.predict(X).tolist() == [0.5, 0.5, 0.5]


def test_squared_objective(network):
    y = np.array([7.0, -5.0, 2.0])
    decay = 5.0 + 1.25 + 0.25 + 0.0625 + 4.0 + 9.0
    expected = 0.5 * (0.75**2 + 2.0**2) + 0.5 * 0.1 * decay
    assert network.objective(X, y, beta=0.1) == pytest.approx(expected, rel=1e-15)
    weighted = 0.5 * (2.0 * 0.75**2 + 0.5 * 2.0**2) + 0.5 * 0.1 * decay
    found = network.objective(X, y, beta=0.1, sample_weight=[1.0, 2.0, 0.5])
    assert found == pytest.approx(weighted, rel=1e-15)


def test_logistic_objective(network):
    y = np.array([1.0, -1.0, -1.0])
    losses = np.log1p(np.exp([-7.0, -5.75, 0.0]))
    decay = 5.0 + 1.25 + 0.25 + 0.0625 + 4.0 + 9.0
    found = network.objective(X, y, beta=0.2, loss="logistic")
    assert found == pytest.approx(losses.sum() + 0.1 * decay, rel=1e-15)
    far = Network([[1e3, 0.0]], [0.0], [[1e3]], [0.0])
    assert far.objective(X, -y, beta=1e-12, loss="logistic") < 1.1e6  # no overflow


def test_several_outputs_pay_the_l1_norm():
    network = Network([[1.0, 0.0]], [0.0], [[3.0, -4.0]], [0.0, 0.0])
    value = 0.5 * 0.1 * (1.0 + 49.0)
    y = network.predict(X)
    assert y.shape == (3, 2)
    outputs = Network([[1.0, 0.0]], [0.0], [[7.0]], [0.0])
    assert outputs.objective(X, outputs.predict(X), beta=0.1) == pytest.approx(value)


def test_objective_refuses_biases_it_does_not_have(network):
    with pytest.raises(ValueError, match="bias='none', but the network has hidden biases"):
        network.objective(X, np.zeros(3), beta=0.1, bias="none")
    shifted = Network(WEIGHTS, BIAS, OUTPUTS, [1.0])
    with pytest.raises(ValueError, match="output bias"):
        shifted.objective(X, np.zeros(3), beta=0.1)


def test_gated_predict_and_objective(gated):
    # open gates: [1, 1], [0, 1], [0, 0]
    assert gated.n_neurons == 2
    assert gated.predict(X).tolist() == [7.0 + 2.25, -6.75, 0.0]
    decay = 5.0 + 1.25 + 0.25 + 0.0625 + 4.0 + 9.0
    found = gated.objective(X, [9.25, -6.75, 1.0], beta=0.1)
    assert found == pytest.approx(0.5 + 0.05 * decay, rel=1e-15)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"hidden_weights": [[1.0, 2.0]]}, "hidden_weights"),
        ({"hidden_weights": [1.0, 2.0]}, "hidden_weights"),
        ({"hidden_bias": [[0.5, 1.0]]}, "hidden_"),
        ({"hidden_bias": [0.5, 1.0, 2.0]}, "hidden_"),
        ({"output_weights": [2.0, -3.0]}, "output_weights"),
        ({"output_weights": [[2.0], [-3.0], [1.0]]}, "output_weights"),
        ({"output_bias": [0.0, 0.0]}, "output_bias"),
        ({"output_bias": 0.0}, "output_bias"),
        ({"hidden_weights": [[1.0, np.nan], [0.0, 1.0]]}, "hidden_weights holds NaN"),
        ({"hidden_bias": [np.inf, 0.0]}, "hidden_bias holds NaN or infinity"),
        ({"output_weights": [[np.nan], [0.0]]}, "output_weights holds NaN or infinity"),
        ({"output_bias": [np.nan]}, "output_bias holds NaN or infinity"),
        ({"activation": "tanh"}, "activation must be one of .* got 'tanh'"),
    ],
)
def test_bad_layers(change, message):
    layers = {
        "hidden_weights": WEIGHTS,
        "hidden_bias": BIAS,
        "output_weights": OUTPUTS,
        "output_bias": [0.0],
    }
    with pytest.raises(ValueError, match=message):
        Network(**layers | change)


def test_bad_gates():
    with pytest.raises(ValueError, match="gates has shape"):
        GatedNetwork([[1.0], [2.0]], [0.0, 0.0], WEIGHTS, BIAS, OUTPUTS)
    with pytest.raises(ValueError, match="gate_bias has shape"):
        GatedNetwork(WEIGHTS, [0.0], WEIGHTS, BIAS, OUTPUTS)
    with pytest.raises(ValueError, match="gates holds NaN"):
        GatedNetwork([[np.nan, 0.0], [0.0, 0.0]], BIAS, WEIGHTS, BIAS, OUTPUTS)


def test_bad_inputs(network):
    for wrong in (np.ones(2), np.ones((2, 3)), np.ones((1, 2, 2))):
        with pytest.raises(ValueError, match=r"X must have shape \(n, 2\), got"):
            network.predict(wrong)
    with pytest.raises(ValueError, match="y has 2 samples, X has 3"):
        network.objective(X, [0.0, 1.0], beta=0.1)
    with pytest.raises(ValueError, match=r"loss must be one of 'squared', .* got 'log'"):
        network.objective(X, np.zeros(3), beta=0.1, loss="log")
    with pytest.raises(ValueError, match="sample_weight"):
        network.objective(X, np.zeros(3), beta=0.1, sample_weight=[1.0, 2.0])
    with pytest.raises(ValueError, match="bias must be one of"):
        network.objective(X, np.zeros(3), beta=0.1, bias="no")


def test_immutable_and_independent_of_its_arguments():
    weights = np.array(WEIGHTS)
    network = Network(weights, BIAS, OUTPUTS, [0.0])
    weights[0, 0] = 100.0
    assert network.predict(X).tolist() == PREDICTIONS
    with pytest.raises(FrozenInstanceError):
        network.hidden_bias = np.zeros(2)
    for array in (network.hidden_weights, network.hidden_bias, network.output_weights):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


def test_pickle(network, gated):
    for value in (network, gated):
        copy = pickle.loads(pickle.dumps(value))
        assert type(copy) is type(value)
        assert np.array_equal(copy.predict(X), value.predict(X))
        assert not copy.hidden_weights.flags.writeable
