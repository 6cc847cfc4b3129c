"""Networks with fewer neurons and the same outputs on some samples."""

import numpy as np
import pytest
from helpers import gaussian_problem
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import OptimizeResult

from cvxnn import Network, ReLURegressor


def network(m, d, n_outputs, seed, biased=True):
    random = np.random.default_rng(seed)
    bias = random.standard_normal(m) if biased else np.zeros(m)
    return Network(
        random.standard_normal((m, d)),
        bias,
        random.standard_normal((m, n_outputs)),
        np.zeros(n_outputs),
    )


def decay(net):
    """Evaluate the weight decay alone: the loss of perfect targets is zero."""
    X = np.zeros((1, net.hidden_weights.shape[1]))
    if net.output_weights.shape[1] == 1:
        return net.objective(X, net.predict(X), beta=1.0)
    squares = (net.hidden_weights**2).sum() + (net.hidden_bias**2).sum()
    return 0.5 * (squares + (np.abs(net.output_weights).sum(axis=1) ** 2).sum())


@given(
    st.integers(0, 40), st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.integers(0, 999)
)
def test_same_outputs_from_fewer_neurons(m, n, d, n_outputs, seed):
    net = network(m, d, n_outputs, seed)
    X = np.random.default_rng(seed + 1).standard_normal((n, d))
    small = net.prune(X)
    assert small.n_neurons <= n * n_outputs
    scale = np.abs(net.predict(X)).max() + decay(net)
    assert small.predict(X) == pytest.approx(net.predict(X), abs=1e-11 * scale)
    assert decay(small) <= decay(net) * (1.0 + 1e-9)
    # balanced
    hidden = np.hypot(np.linalg.norm(small.hidden_weights, axis=1), small.hidden_bias)
    assert np.abs(small.output_weights).sum(axis=1) == pytest.approx(hidden)


@pytest.mark.parametrize("seed", range(5))
def test_without_linear_programming(seed, monkeypatch):
    monkeypatch.setattr("cvxnn.networks._prune.linprog", lambda *_, **__: OptimizeResult(x=None))
    net = network(30, 3, 1, seed)
    X = np.random.default_rng(seed).standard_normal((7, 3))
    small = net.prune(X)
    assert small.n_neurons <= 7
    assert small.predict(X) == pytest.approx(net.predict(X), abs=1e-10 * decay(net))
    assert decay(small) <= decay(net)


def test_neurons_of_one_cell_and_sign_become_one():
    X, _ = gaussian_problem(30, 2, seed=0)
    net = network(3, 2, 1, seed=1, biased=False)
    weights = np.repeat(net.hidden_weights, 4, axis=0)
    outputs = np.repeat(net.output_weights, 4, axis=0) * np.tile(
        [[1.0], [0.5], [0.0], [2.0]], (3, 1)
    )
    wide = Network(weights, np.zeros(12), outputs, [0.25])
    small = wide.prune(X)
    assert small.n_neurons == 3
    assert small.predict(X) == pytest.approx(wide.predict(X))
    assert not small.hidden_bias.any()
    # these are equal everywhere, not on X alone
    assert small.predict(3.0 * X + 1.0) == pytest.approx(wide.predict(3.0 * X + 1.0))


def test_neurons_that_are_silent_on_the_samples_go():
    X = np.array([[1.0], [2.0]])
    net = Network([[-1.0], [1.0], [0.0]], [0.0, 0.0, 0.0], [[1.0], [1.0], [1.0]], [0.0])
    assert net.prune(X).n_neurons == 1
    silent = Network([[-1.0]], [0.0], [[1.0]], [0.0])
    assert silent.prune(X).n_neurons == 0
    assert Network(np.zeros((0, 1)), [], np.zeros((0, 1)), [0.0]).prune(X).n_neurons == 0


def test_optimal_networks_stay_optimal():
    X, y = gaussian_problem(12, 2, seed=2)
    model = ReLURegressor(0.05, tol=1e-8, n_jobs=1).fit(X, y)
    small = model.network_.prune(X)
    assert small.n_neurons <= min(12, model.network_.n_neurons)
    objective = small.objective(X, y, beta=0.05)
    assert objective == pytest.approx(model.certificate_.objective, rel=1e-7)
    assert objective >= model.certificate_.lower_bound


def test_samples_that_do_not_fit():
    with pytest.raises(ValueError, match=r"X must have shape \(n, 2\), got \(3, 4\)"):
        network(3, 2, 1, 0).prune(np.ones((3, 4)))


def test_neurons_without_biases_beside_large_ones():
    """Weights are small beside biases where inputs are large, and yet count as much."""
    X, height = np.array([[1e100], [2e100]]), 1e100
    weights, outputs = np.array([[1.0], [2.0], [1.0]]), np.array([[1.0], [1.0], [-1.0]])
    network = Network(weights, [0.0, 0.0, height], outputs, [0.0])
    assert network.prune(X).predict(X) == pytest.approx(network.predict(X), rel=1e-12)


def test_thresholds_that_no_sample_meets():
    network = Network([[1.0]], [-5.0], [[2.0]], [1.0], "threshold")
    assert network.prune([[0.0], [1.0]]).n_neurons == 0
