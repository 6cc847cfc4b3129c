"""Networks for a range of beta, and the largest beta that is of use."""

import numpy as np
import pytest
from helpers import gaussian_problem

from cvxnn import ReLUClassifier, ReLURegressor, beta_max, relu_path
from cvxnn.arrangements import sample_cells

ESTIMATORS = {"squared": ReLURegressor, "logistic": ReLUClassifier}


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("bias", ["regularized", "none"])
@pytest.mark.parametrize("n", [12, 80])  # cells listed, or bounded
def test_the_network_is_zero_from_beta_max_on(loss, bias, n):
    X, y = gaussian_problem(n, 2, seed=3, loss=loss)
    largest = beta_max(X, y, loss=loss, bias=bias, n_jobs=1)
    options = {"bias": bias, "tol": 1e-8, "n_jobs": 1}
    zero = ESTIMATORS[loss](largest, **options).fit(X, y)
    assert zero.network_.n_neurons == 0
    assert zero.certificate_.gap <= 1e-9 * zero.certificate_.objective
    small = ESTIMATORS[loss](0.999 * largest, **options).fit(X, y)
    assert small.network_.n_neurons > 0
    assert small.certificate_.objective < zero.certificate_.objective


def test_beta_max_scales_with_targets_features_and_weights():
    X, y = gaussian_problem(30, 2, seed=1)
    largest = beta_max(X, y, bias="none")
    assert beta_max(4.0 * X, y, bias="none") == pytest.approx(4.0 * largest, rel=1e-12)
    assert beta_max(X, -3.0 * y, bias="none") == pytest.approx(3.0 * largest, rel=1e-8)
    twice = beta_max(np.repeat(X, 2, axis=0), np.repeat(y, 2), bias="none")
    assert twice == pytest.approx(2.0 * largest, rel=1e-12)
    weighted = beta_max(X, y, bias="none", sample_weight=np.full(30, 2.0))
    assert weighted == twice
    assert beta_max(X, np.zeros(30)) == 0.0


def test_beta_max_of_many_features_is_an_upper_bound():
    X, y = gaussian_problem(100, 15, seed=0)
    largest = beta_max(X, y, n_jobs=1)
    model = ReLURegressor(largest, n_jobs=1).fit(X, y)
    assert model.network_.n_neurons == 0
    assert ReLURegressor(0.2 * largest, n_jobs=1).fit(X, y).network_.n_neurons > 0


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("d", [2, 12])
def test_path(loss, d):
    X, y = gaussian_problem(40, d, seed=2, loss=loss)
    betas, networks, certificates = relu_path(X, y, n_betas=6, eps=0.02, loss=loss, n_jobs=1)
    assert betas == pytest.approx(betas[0] * np.geomspace(1.0, 0.02, 6))
    assert networks[0].n_neurons == 0
    objectives = [certificate.objective for certificate in certificates]
    assert np.all(np.diff(objectives) < 0.0)  # less decay, lower optimum
    for beta, network, certificate in zip(betas, networks, certificates, strict=True):
        own = network.objective(X, y, beta=beta, loss=loss)
        assert certificate.objective == pytest.approx(own, rel=1e-12)
        assert certificate.beta == beta
        assert certificate.scope == "global"
        assert certificate.verify(X, y)
        alone = ESTIMATORS[loss](beta, n_jobs=1).fit(X, y).certificate_
        assert certificate.objective <= alone.objective * (1.0 + 2e-3)
        assert certificate.lower_bound <= alone.objective
        if d == 2:
            assert certificate.relative_gap <= 1e-4


def test_path_over_given_betas_and_cells():
    X, y = gaussian_problem(40, 12, seed=2)
    cells = sample_cells(np.column_stack([X, np.ones(40)]), 30, random_state=0)
    betas, _, certificates = relu_path(X, y, betas=[0.5, 2.0, 1.0], patterns=cells, n_jobs=1)
    assert betas.tolist() == [2.0, 1.0, 0.5]
    for beta, certificate in zip(betas, certificates, strict=True):
        alone = ReLURegressor(beta, patterns=cells, n_jobs=1).fit(X, y).certificate_
        assert certificate.objective == pytest.approx(alone.objective, rel=1e-4)
        assert certificate.scope == "patterns"


def test_path_of_targets_without_a_signal():
    betas, networks, certificates = relu_path(np.ones((3, 1)), np.zeros(3), n_betas=5)
    assert betas.tolist() == [1.0]
    assert networks[0].n_neurons == 0
    assert certificates[0].objective == 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"betas": [1.0, -1.0]}, "betas must be"),
        ({"betas": [np.nan]}, "betas must be"),
        ({"n_betas": 0}, "n_betas must be a positive integer, got 0"),
        ({"eps": 1.0}, "eps must be less than 1"),
        ({"eps": 0.0}, "eps must be"),
        ({"tol": 0.0}, "tol must be"),
        ({"max_time": 0.0}, "max_time must be"),
        ({"patterns": "all"}, "patterns must be"),
        ({"loss": "log"}, "loss must be"),
    ],
)
def test_bad_arguments(options, message):
    X, y = gaussian_problem(10, 2, seed=0)
    with pytest.raises(ValueError, match=message):
        relu_path(X, y, **options)
