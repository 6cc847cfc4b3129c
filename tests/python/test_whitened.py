"""Data with orthogonal rows of one length: the closed form beside the general solver."""

import numpy as np
import pytest
from helpers import gaussian_problem

from cvxnn import ReLURegressor, beta_max, certify, relu_path
from cvxnn.arrangements import enumerate_cells


def whitened(n, d, seed, length=1.0):
    random = np.random.default_rng(seed)
    X = length * np.linalg.qr(random.standard_normal((d, n)))[0].T
    return X, random.standard_normal(n)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("beta", [0.05, 0.5])
@pytest.mark.parametrize("length", [1.0, 3.0, 1e-100])
def test_closed_form_is_the_optimum_over_all_cells(seed, beta, length):
    X, y = whitened(4, 5, seed, length)
    options = {"bias": "none", "tol": 1e-9}
    model = ReLURegressor(beta * length, **options).fit(X, y)
    listed = ReLURegressor(beta * length, patterns=enumerate_cells(X), **options).fit(X, y)
    c = model.certificate_
    assert (c.scope, c.method, model.status_) == ("global", "spectral", "converged")
    assert c.objective == pytest.approx(listed.certificate_.objective, rel=1e-9)
    assert c.relative_gap <= 1e-12
    assert c.verify(X, y)
    assert not c.verify(2.0 * X, y)
    sizes = [np.linalg.norm(np.maximum(sign * y, 0.0)) for sign in (1.0, -1.0)]
    value = sum(0.5 * t**2 if t <= beta else beta * t - 0.5 * beta**2 for t in sizes)
    assert c.objective == pytest.approx(value, rel=1e-12)


def test_many_samples_several_targets_and_weights():
    X, y = whitened(200, 300, seed=0)
    Y = np.column_stack([y, np.abs(y), -y])
    weight = np.full(200, 2.0)
    model = ReLURegressor(0.3, bias="none").fit(X, Y, sample_weight=weight)
    assert model.certificate_.method == "spectral"
    assert model.certificate_.relative_gap <= 1e-12
    assert model.certificate_.verify(X, Y, sample_weight=weight)
    assert model.network_.n_neurons == 5
    single = ReLURegressor(0.3, bias="none").fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(single.predict(X), model.predict(X)[:, 0], atol=1e-14)


@pytest.mark.parametrize("beta", [1e-14, 1e-9, 1e-6])
def test_small_beta_costs_no_accuracy(beta):
    X, y = np.eye(4), np.array([1.0, 2.0, -1.0, 3.0])
    c = ReLURegressor(beta, bias="none").fit(X, y).certificate_
    assert c.method == "spectral"
    assert c.relative_gap <= 1e-12


def test_zeros_are_not_whitened():
    for X in (np.zeros((1, 1)), np.zeros((2, 2))):
        model = ReLURegressor(0.1, bias="none").fit(X, np.arange(1.0, len(X) + 1.0))
        assert model.certificate_.objective == model.certificate_.lower_bound


def test_path_certificates_and_largest_beta():
    X, y = whitened(30, 40, seed=1)
    largest = beta_max(X, y, bias="none")
    sizes = [np.linalg.norm(np.maximum(sign * y, 0.0)) for sign in (1.0, -1.0)]
    assert largest == pytest.approx(max(sizes), rel=1e-9)
    betas, networks, certificates = relu_path(X, y, n_betas=5, bias="none")
    for beta, network, certificate in zip(betas, networks, certificates, strict=True):
        assert certificate.relative_gap <= 1e-9
        assert certify(network, X, y, beta=beta, bias="none").relative_gap <= 1e-9


@pytest.mark.parametrize(
    "change",
    [{"loss": "huber"}, {"activation": "abs"}, {"bias": "regularized"}, {"bias": "free"}],
)
def test_other_problems_go_the_general_way(change):
    X, y = whitened(4, 4, seed=2)
    model = ReLURegressor(0.1, **{"bias": "none", **change}).fit(X, y)
    assert model.certificate_.method != "spectral"
    assert model.certificate_.relative_gap <= 1e-4


def test_rows_that_are_nearly_orthogonal_do_not_count():
    X, y = whitened(4, 4, seed=3)
    X[0] += 1e-6 * X[1]
    assert ReLURegressor(0.1, bias="none").fit(X, y).certificate_.method != "spectral"
    X, y = gaussian_problem(4, 6, seed=0)
    assert ReLURegressor(0.1, bias="none").fit(X, y).certificate_.method != "spectral"
