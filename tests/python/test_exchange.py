"""Networks from scikit-learn and PyTorch, and made better."""

import warnings

import numpy as np
import pytest
from helpers import gaussian_problem, lbfgs_network
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier, MLPRegressor

from cvxnn import Network, ReLURegressor, certify, polish


def fitted(estimator, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(X, y)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_regressors_of_scikit_learn(n_outputs):
    X, _ = gaussian_problem(30, 4, seed=0)
    y = X @ np.random.default_rng(1).standard_normal((4, n_outputs))
    mlp = fitted(MLPRegressor(hidden_layer_sizes=15, max_iter=50, random_state=0), X, y.squeeze())
    network = Network.from_sklearn(mlp)
    assert network.hidden_weights.shape == (15, 4)
    assert network.predict(X) == pytest.approx(mlp.predict(X), rel=1e-12)


def test_classifiers_of_scikit_learn_give_decision_values():
    X, y = gaussian_problem(30, 4, seed=0, loss="logistic")
    mlp = fitted(MLPClassifier(hidden_layer_sizes=15, max_iter=50, random_state=0), X, y)
    outputs = Network.from_sklearn(mlp).predict(X)
    assert 1.0 / (1.0 + np.exp(-outputs)) == pytest.approx(mlp.predict_proba(X)[:, 1], rel=1e-9)


def test_networks_of_scikit_learn_that_do_not_fit():
    X, y = gaussian_problem(30, 4, seed=0)
    with pytest.raises(NotFittedError):
        Network.from_sklearn(MLPRegressor())
    with pytest.raises(ValueError, match="activation 'relu', got 'tanh'"):
        Network.from_sklearn(
            fitted(MLPRegressor(hidden_layer_sizes=5, activation="tanh", max_iter=5), X, y)
        )
    with pytest.raises(ValueError, match="one hidden layer, got 2"):
        Network.from_sklearn(fitted(MLPRegressor(hidden_layer_sizes=(5, 5), max_iter=5), X, y))
    with pytest.raises(ValueError, match="must be an MLPRegressor or MLPClassifier, got int"):
        Network.from_sklearn(3)


def test_networks_of_torch():
    torch = pytest.importorskip("torch")
    X, _ = gaussian_problem(10, 3, seed=0)
    for bias in (True, False):
        module = torch.nn.Sequential(
            torch.nn.Linear(3, 8, bias=bias), torch.nn.ReLU(), torch.nn.Linear(8, 2, bias=bias)
        ).double()
        network = Network.from_torch(module)
        outputs = module(torch.from_numpy(X)).detach().numpy()
        assert network.predict(X) == pytest.approx(outputs, rel=1e-12)
        again = network.to_torch()(torch.from_numpy(X)).detach().numpy()
        assert again == pytest.approx(outputs, rel=1e-12)
    with pytest.raises(ValueError, match=r"LeakyReLU, Linear\), got Sequential\(Linear, Tanh"):
        Network.from_torch(torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Tanh()))
    with pytest.raises(ValueError, match="got Linear"):
        Network.from_torch(torch.nn.Linear(3, 1))


def test_other_activations_of_torch():
    torch = pytest.importorskip("torch")
    X, _ = gaussian_problem(10, 3, seed=0)
    module = torch.nn.Sequential(
        torch.nn.Linear(3, 8), torch.nn.LeakyReLU(0.2), torch.nn.Linear(8, 1)
    ).double()
    network = Network.from_torch(module)
    assert (network.activation, network.negative_slope) == ("leaky_relu", 0.2)
    outputs = module(torch.from_numpy(X)).detach().numpy()
    assert network.predict(X) == pytest.approx(outputs[:, 0], rel=1e-12)
    again = network.to_torch()(torch.from_numpy(X)).detach().numpy()
    assert again == pytest.approx(outputs, rel=1e-12)
    with pytest.raises(ValueError, match="PyTorch has no module for activation 'abs'"):
        Network([[1.0]], [0.0], [[1.0]], [0.0], "abs").to_torch()


@pytest.mark.parametrize("d", [2, 12])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("bias", ["regularized", "none"])
def test_polish_improves_what_gradients_reached(d, loss, bias):
    X, y = gaussian_problem(50, d, seed=2, loss=loss)
    problem = {"beta": 0.5, "loss": loss, "bias": bias}
    network, objective = lbfgs_network(X, y, **problem, n_neurons=10, seed=0)
    better, certificate = polish(network, X, y, **problem, n_jobs=1)
    assert certificate.objective == pytest.approx(better.objective(X, y, **problem), rel=1e-13)
    assert certificate.objective <= objective
    assert certificate.scope == "global"
    assert certificate.verify(X, y)
    again, final = polish(better, X, y, **problem, n_jobs=2)
    assert final.objective <= certificate.objective * (1.0 + 1e-14)
    assert again.objective(X, y, **problem) == pytest.approx(final.objective, rel=1e-13)
    bound = certify(network, X, y, **problem, n_jobs=1).lower_bound
    assert bound <= certificate.objective


def test_polish_keeps_what_cannot_be_improved():
    X, y = gaussian_problem(20, 2, seed=1)
    best = ReLURegressor(0.1, patterns="exact", tol=1e-10, n_jobs=1).fit(X, y).network_
    network, certificate = polish(best, X, y, beta=0.1, tol=1e-2, n_jobs=1)
    assert certificate.objective == best.objective(X, y, beta=0.1)
    assert network is best


def test_polish_of_an_empty_network_and_bad_input():
    X, y = gaussian_problem(60, 12, seed=1)
    empty = Network(np.zeros((0, 12)), np.zeros(0), np.zeros((0, 1)), np.zeros(1))
    _, certificate = polish(empty, X, y, beta=1.0, n_jobs=1)
    assert certificate.objective < 0.5 * (y @ y)
    with pytest.raises(ValueError, match=r"network must be a cvxnn\.Network, got str"):
        polish("net", X, y, beta=1.0)
    with pytest.raises(ValueError, match="max_time"):
        polish(empty, X, y, beta=1.0, max_time=-1.0)
    with pytest.raises(ValueError, match=r"\(n, 12\), got \(60, 3\)"):
        polish(empty, X[:, :3], y, beta=1.0)
