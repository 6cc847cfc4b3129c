"""Bounds for networks that were trained elsewhere, and what a certificate proves."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import gaussian_problem, lbfgs_network

from cvxnn import GatedReLURegressor, Network, ReLUClassifier, ReLURegressor, certify
from cvxnn.arrangements import sample_cells


@pytest.mark.parametrize("bias", ["none", "regularized"])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_trained_networks_are_above_one_bound(loss, bias):
    X, y = gaussian_problem(10, 2, seed=4, loss=loss)
    problem = {"beta": 0.1, "loss": loss, "bias": bias}
    optimal = (ReLURegressor if loss == "squared" else ReLUClassifier)(
        0.1, patterns="exact", bias=bias, tol=1e-8, n_jobs=1
    ).fit(X, y)
    for seed in range(6):
        network, objective = lbfgs_network(X, y, **problem, seed=seed)
        certificate = certify(network, X, y, **problem, tol=1e-7, n_jobs=1)
        assert (certificate.scope, certificate.method) == ("global", "cells")
        assert certificate.objective == pytest.approx(objective, rel=1e-12)
        assert certificate.lower_bound <= objective
        assert certificate.lower_bound <= optimal.certificate_.objective
        best = optimal.certificate_.objective
        assert certificate.lower_bound == pytest.approx(best, rel=1e-6)
        assert certificate.gap == pytest.approx(objective - certificate.lower_bound)
        assert certificate.verify(X, y)


@pytest.mark.parametrize("seed", range(20))
def test_a_hundred_networks_trained_elsewhere(seed):
    n, d = 8 + seed, 1 + seed % 3
    loss, bias = ("squared", "logistic")[seed // 2 % 2], ("none", "regularized")[seed % 2]
    problem = {"beta": 0.05 + 0.05 * (seed % 5), "loss": loss, "bias": bias}
    X, y = gaussian_problem(n, d, seed=seed, loss=loss)
    if seed % 4 == 3:
        X = np.round(2.0 * X)  # ties, equal samples
    found = [lbfgs_network(X, y, **problem, seed=start) for start in range(5)]
    bounds = [certify(network, X, y, **problem, tol=1e-7, n_jobs=1) for network, _ in found]
    least = min(objective for _, objective in found)
    for certificate in bounds:
        assert certificate.scope == "global"
        assert certificate.lower_bound <= least
        assert certificate.verify(X, y)
    estimator = ReLURegressor if loss == "squared" else ReLUClassifier
    optimum = estimator(problem["beta"], patterns="exact", bias=bias, tol=1e-7, n_jobs=1)
    best = optimum.fit(X, y).certificate_.objective
    assert bounds[0].lower_bound == pytest.approx(best, rel=1e-6)


def test_optimal_network_has_no_gap():
    X, y = gaussian_problem(12, 3, seed=0)
    model = ReLURegressor(0.1, patterns="exact", tol=1e-8, n_jobs=1).fit(X, y)
    certificate = certify(model.network_, X, y, beta=0.1, tol=1e-7, n_jobs=1)
    assert certificate.objective == pytest.approx(model.certificate_.objective, rel=1e-14)
    assert certificate.relative_gap <= 1e-6


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_relaxation_on_high_rank_data(loss):
    X, y = gaussian_problem(60, 20, seed=0, loss=loss)
    found = [lbfgs_network(X, y, beta=2.0, loss=loss, n_neurons=30, seed=seed) for seed in range(4)]
    network, objective = min(found, key=lambda pair: pair[1])
    certificate = certify(network, X, y, beta=2.0, loss=loss, tol=1e-3, n_jobs=1)
    assert (certificate.scope, certificate.method) == ("global", "relaxation")
    assert 0.0 < certificate.lower_bound <= objective
    assert certificate.objective == pytest.approx(objective, rel=1e-12)
    assert certificate.verify(X, y)
    # the sampled program is an upper bound on the optimum
    cells = sample_cells(np.column_stack([X, np.ones(60)]), 100, random_state=0)
    estimator = ReLURegressor if loss == "squared" else ReLUClassifier
    sampled = estimator(2.0, patterns=cells, tol=1e-3, n_jobs=1).fit(X, y)
    assert certificate.lower_bound <= sampled.certificate_.objective


def test_sample_weight_counts_as_repetition():
    X, y = gaussian_problem(8, 2, seed=1)
    network, _ = lbfgs_network(X, y, beta=0.1)
    weight = np.array([1.0, 2.0, 0.0, 1.0, 3.0, 1.0, 1.0, 1.0])
    weighted = certify(network, X, y, beta=0.1, sample_weight=weight, tol=1e-8, n_jobs=1)
    rows = np.repeat(np.arange(8), weight.astype(int))
    repeated = certify(network, X[rows], y[rows], beta=0.1, tol=1e-8, n_jobs=1)
    assert weighted.objective == pytest.approx(repeated.objective, rel=1e-14)
    assert weighted.lower_bound == repeated.lower_bound
    assert weighted.dual.shape == (8, 1)
    assert weighted.dual[2] == 0.0
    assert weighted.verify(X, y, sample_weight=weight)
    assert not weighted.verify(X, y)


@pytest.fixture(scope="module", params=["exact", "sampled", "gated", "logistic", "relaxation"])
def proved(request):
    """Data and a certificate of each kind."""
    loss = "logistic" if request.param == "logistic" else "squared"
    if request.param == "relaxation":
        X, y = gaussian_problem(60, 20, seed=0)
        network = Network(np.zeros((0, 20)), [], np.zeros((0, 1)), [0.0])
        return X, y, certify(network, X, y, beta=2.0, tol=1e-3, n_jobs=1)
    X, y = gaussian_problem(10, 2, seed=2, loss=loss)
    estimator = {"gated": GatedReLURegressor, "logistic": ReLUClassifier}.get(
        request.param, ReLURegressor
    )
    patterns = 12 if request.param in ("sampled", "gated") else "exact"
    model = estimator(0.1, patterns=patterns, tol=1e-7, n_jobs=1, random_state=0).fit(X, y)
    return X, y, model.certificate_


def test_verify_holds(proved):
    X, y, certificate = proved
    assert certificate.verify(X, y)
    assert certificate.verify(X.tolist(), y.tolist())
    assert certificate.dual.shape == (len(y), 1)


def test_verify_fails_after_tampering(proved):
    X, y, certificate = proved
    bound, dual = certificate.lower_bound, certificate.dual
    random = np.random.default_rng(0)
    for forged in (
        replace(certificate, lower_bound=bound + 1e-6 * abs(bound)),
        replace(certificate, lower_bound=2.0 * bound),
        replace(certificate, beta=0.5 * certificate.beta),
        replace(certificate, dual=0.99 * dual),
        replace(certificate, dual=-dual),
        replace(certificate, dual=random.standard_normal(dual.shape)),
        replace(certificate, dual=np.full_like(dual, np.nan)),
        replace(certificate, dual=dual[:-1]),
        replace(certificate, dual=dual[:, 0]),
    ):
        assert not forged.verify(X, y)
    assert not certificate.verify(X, -y)
    assert not certificate.verify(1.5 * X, y)
    assert certificate.verify(X, y)


def test_gap_is_never_negative():
    X, y = gaussian_problem(6, 2, seed=0)
    certificate = ReLURegressor(0.1, n_jobs=1).fit(X, y).certificate_
    above = replace(certificate, lower_bound=certificate.objective + 1.0)
    assert above.gap == above.relative_gap == 0.0
    below = replace(certificate, objective=2.0, lower_bound=1.5)
    assert (below.gap, below.relative_gap) == (0.5, 0.25)


GOOD = {"beta": 0.1, "n_jobs": 1}


@pytest.mark.parametrize(
    "change, message",
    [
        ({"network": "network"}, "network must be a cvxnn.Network, got str"),
        ({"network": None}, "network must be a cvxnn.Network, got NoneType"),
        ({"X": np.ones((5, 3))}, "X must have shape"),
        ({"X": np.ones(5)}, "X must be a non-empty 2-D array"),
        ({"X": np.empty((0, 2))}, "X must be a non-empty 2-D array"),
        ({"X": np.full((5, 2), np.nan)}, "X must be finite"),
        ({"y": np.ones(4)}, "y has shape"),
        ({"y": np.ones((1, 5))}, "y"),
        ({"y": [0.0, 1.0, np.inf, 0.0, 0.0]}, "y holds NaN or infinity"),
        ({"y": np.full(5, 1e200)}, "y is too large"),
        ({"y": np.zeros(5), "loss": "logistic"}, "y must hold -1 and 1"),
        ({"beta": 0.0}, "beta must be a positive finite number, got 0.0"),
        ({"beta": -1.0}, "beta must be a positive finite number"),
        ({"beta": np.nan}, "beta must be a positive finite number"),
        ({"beta": "0.1"}, "beta must be a positive finite number, got '0.1'"),
        ({"tol": 0.0}, "tol must be a positive finite number"),
        ({"max_time": 0.0}, "max_time must be a positive finite number"),
        ({"max_time": np.nan}, "max_time must be a positive finite number"),
        ({"loss": "log"}, "loss must be one of 'squared', .* got 'log'"),
        ({"bias": "no"}, "bias must be one of 'regularized', 'free', 'none', got 'no'"),
        ({"bias": "none"}, "bias='none', but the network has hidden biases"),
        ({"sample_weight": np.ones(4)}, "sample_weight has shape"),
        ({"sample_weight": -np.ones(5)}, "sample_weight must be non-negative"),
        ({"sample_weight": np.zeros(5)}, "sample_weight must be non-negative and not all zero"),
        ({"n_jobs": 0}, "n_jobs must be None or a non-zero integer"),
    ],
)
def test_bad_arguments(change, message):
    X, y = gaussian_problem(5, 2, seed=0)
    arguments = {"network": Network([[1.0, 0.0]], [0.5], [[1.0]], [0.0]), "X": X, "y": y, **GOOD}
    with pytest.raises(ValueError, match=message):
        certify(**arguments | change)


def test_networks_with_nan_cannot_be_made():
    with pytest.raises(ValueError, match="hidden_weights holds NaN or infinity"):
        Network([[np.nan, 0.0]], [0.5], [[1.0]], [0.0])
