"""Networks of least norm that pass through every sample."""

import warnings

import numpy as np
import pytest
from helpers import gaussian_problem, reference_network_optimum
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from cvxnn import Network, ReLURegressor, beta_max, certify, min_norm_interpolation, relu_path

ACTIVATIONS = {"relu": 0.0, "leaky_relu": 0.2, "abs": -1.0}
HAT = np.array([[-1.0], [0.0], [1.0]]), np.array([0.0, 1.0, 0.0])


def half_squares(network):
    """The weight decay of everything but free biases."""
    return 0.5 * (np.sum(network.hidden_weights**2) + np.sum(network.output_weights**2))


@pytest.mark.parametrize(("bias", "expected"), [("regularized", 3.0), ("free", 2.0)])
def test_hat(bias, expected):
    X, y = HAT
    network, certificate = min_norm_interpolation(X, y, bias=bias, tol=1e-6)
    assert network.predict(X) == pytest.approx(y, abs=1e-8)
    assert certificate.objective == pytest.approx(expected, rel=1e-6)
    assert (certificate.scope, certificate.loss) == ("global", "interpolation")
    assert certificate.verify(X, y)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("bias", ["regularized", "free", "none"])
@pytest.mark.parametrize("seed", range(3))
def test_agreement_with_cvxpy(activation, bias, seed):
    X, y = gaussian_problem(8, 2, seed=seed)
    slope = 0.2 if activation == "leaky_relu" else 0.0
    options = {"activation": activation, "negative_slope": slope, "bias": bias}
    network, certificate = min_norm_interpolation(X, y, tol=1e-6, n_jobs=1, **options)
    expected = reference_network_optimum(
        X, y, 1.0, loss="interpolation", delta=1.0, slope=ACTIVATIONS[activation], bias=bias
    )
    assert certificate.objective == pytest.approx(expected, rel=1e-6)
    assert certificate.relative_gap <= 1e-6
    assert np.max(np.abs(network.predict(X) - y)) <= 1e-8 * np.max(np.abs(y))
    biases = 0.5 * np.sum(network.hidden_bias**2) if bias == "regularized" else 0.0
    assert certificate.objective == pytest.approx(half_squares(network) + biases, rel=1e-12)
    assert certificate.verify(X, y)


@given(st.integers(1, 12), st.integers(1, 3), st.integers(0, 10**6))
@settings(deadline=None, max_examples=25)
def test_a_network_is_never_below_the_bound_for_its_own_outputs(n, d, seed):
    random = np.random.default_rng(seed)
    X = np.round(2.0 * random.standard_normal((n, d)), 1)
    shape = (3, d), (3,), (3, 1)
    network = Network(*[random.standard_normal(size) for size in shape], [0.0])
    y = network.predict(X)
    own = half_squares(network) + 0.5 * np.sum(network.hidden_bias**2)
    found, certificate = min_norm_interpolation(X, y, n_jobs=1)
    assert certificate.objective <= own * (1.0 + 1e-4)
    assert certificate.lower_bound <= own * (1.0 + 1e-8)
    assert found.predict(X) == pytest.approx(y, abs=1e-8 * np.max(np.abs(y)))


def test_limit_of_small_beta():
    X, y = gaussian_problem(12, 2, seed=0)
    _, certificate = min_norm_interpolation(X, y, tol=1e-6)
    for beta, digits in ((1e-3, 1e-1), (1e-5, 1e-3)):
        trained = ReLURegressor(beta, tol=1e-6).fit(X, y).certificate_
        assert trained.objective / beta <= certificate.objective
        assert trained.objective / beta == pytest.approx(certificate.objective, rel=digits)


def test_where_cells_are_searched():
    X, y = gaussian_problem(30, 8, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network, certificate = min_norm_interpolation(X, y, n_jobs=1)
    assert (certificate.scope, certificate.method) == ("global", "relaxation")
    assert 0.0 < certificate.lower_bound < certificate.objective < np.inf
    assert network.predict(X) == pytest.approx(y, abs=1e-8)
    assert certificate.verify(X, y)
    again, _ = min_norm_interpolation(X, y, n_jobs=2)
    assert np.array_equal(again.hidden_weights, network.hidden_weights)


@pytest.mark.parametrize("bias", ["regularized", "free"])
def test_several_targets_are_problems_of_their_own(bias):
    X, y = gaussian_problem(10, 2, seed=3)
    both = np.column_stack([y, np.sin(3.0 * y)])
    options = {"bias": bias, "tol": 1e-6}
    network, certificate = min_norm_interpolation(X, both, **options)
    alone = [min_norm_interpolation(X, target, **options)[1].objective for target in both.T]
    assert network.predict(X) == pytest.approx(both, abs=1e-8)
    assert certificate.objective == pytest.approx(sum(alone), rel=1e-6)
    assert certificate.verify(X, both)


@pytest.mark.parametrize("scale", [1e-100, 1e-3, 1e100])
def test_units_do_not_matter(scale):
    X, y = gaussian_problem(10, 2, seed=1)
    _, plain = min_norm_interpolation(X, y, bias="none")
    _, scaled = min_norm_interpolation(X, scale * y, bias="none")
    assert scaled.objective == pytest.approx(scale * plain.objective, rel=1e-4)


def test_targets_of_zero():
    network, certificate = min_norm_interpolation(HAT[0], np.zeros(3))
    assert network.n_neurons == 0
    assert (certificate.objective, certificate.gap) == (0.0, 0.0)


def test_certify_tells_how_far_an_interpolating_network_is():
    X, y = HAT
    hat = Network([[1.0], [1.0], [1.0]], [1.0, 0.0, -1.0], [[1.0], [-2.0], [1.0]], [0.0])
    certificate = certify(hat, X, y, beta=1.0, loss="interpolation")
    assert certificate.objective == pytest.approx(5.5)
    assert certificate.lower_bound == pytest.approx(3.0, rel=1e-4)
    off = Network([[1.0]], [0.0], [[1.0]], [0.0])
    missed = certify(off, X, y, beta=1.0, loss="interpolation")
    assert (missed.objective, missed.relative_gap) == (np.inf, np.inf)
    assert missed.lower_bound == pytest.approx(3.0, rel=1e-4)


def test_a_higher_bound_is_not_verified():
    X, y = HAT
    _, certificate = min_norm_interpolation(X, y)
    higher = type(certificate)(**{**vars(certificate), "dual": 1.01 * certificate.dual})
    higher = type(certificate)(**{**vars(higher), "lower_bound": 1.01 * certificate.lower_bound})
    assert not higher.verify(X, y)


@pytest.mark.parametrize(
    ("X", "y", "options", "message"),
    [
        ([[0.0], [1.0], [0.0]], [0.0, 1.0, 2.0], {}, "samples 0 and 2 agree in X"),
        ([[0.0], [1.0], [0.0]], [0.0, 1.0, 2.0], {"bias": "free"}, "samples 0 and 2 agree in X"),
        ([[1.0, 3.0], [2.0, 6.0]], [1.0, 3.0], {"bias": "none"}, "samples 0 and 1 agree in X"),
        ([[1.0], [-1.0]], [1.0, 3.0], {"bias": "none", "activation": "abs"}, "agree in X"),
        ([[1.0], [0.0]], [1.0, 3.0], {"bias": "none"}, "sample 1 of X is zero"),
        ([[1.0], [np.nan]], [1.0, 3.0], {}, "NaN"),
        ([[1.0], [0.0]], [1.0], {}, "y has shape"),
        ([[1.0], [0.0]], [1.0, 2.0], {"tol": -1.0}, "tol must"),
        ([[1.0], [0.0]], [1.0, 2.0], {"bias": "some"}, "bias must"),
    ],
)
def test_bad_input(X, y, options, message):
    with pytest.raises(ValueError, match=message):
        min_norm_interpolation(X, y, **options)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_opposite_samples_without_biases(activation):
    half = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    X = np.vstack([half, -half])
    with pytest.raises(ValueError, match="not linear in x"):
        y = [1.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        min_norm_interpolation(X, y, bias="none", activation=activation)
    y = np.concatenate([1.0 + half @ [0.5, -1.0], np.ones(3)])
    network, _ = min_norm_interpolation(X, y, bias="none", activation=activation)
    assert network.predict(X) == pytest.approx(y, abs=1e-7)


def test_targets_of_different_scales_are_all_met():
    X, y = gaussian_problem(8, 2, seed=0)
    Y = np.column_stack([1e4 * y, y[::-1]])
    network, certificate = min_norm_interpolation(X, Y)
    assert np.max(np.abs(network.predict(X)[:, 1] - Y[:, 1])) <= 1e-8
    assert certificate.verify(X, Y)
    farther = np.column_stack([1e9 * y, y[::-1]])
    with pytest.warns(ConvergenceWarning, match="largest error"):
        _, certificate = min_norm_interpolation(X, farther, max_time=1.0)
    assert certificate.objective == np.inf


@pytest.mark.parametrize("shift", [1e2, 1e4, 1e6])
def test_free_biases_do_not_see_a_shift_of_targets(shift):
    X, y = gaussian_problem(8, 2, seed=0)
    _, plain = min_norm_interpolation(X, y, bias="free", tol=1e-6)
    network, certificate = min_norm_interpolation(X, y + shift, bias="free", tol=1e-6)
    assert certificate.objective == pytest.approx(plain.objective, rel=3e-6)
    assert certificate.lower_bound <= plain.objective * (1.0 + 1e-7)
    assert np.max(np.abs(network.predict(X) - y - shift)) <= 1e-8 + 1e-15 * shift
    assert certificate.verify(X, y + shift)


def test_networks_within_the_slack_are_not_below_the_bound():
    X, y = np.array([[0.0], [1e-8], [1.0]]), np.array([0.0, 1.0001e-8, 1.0])
    line = Network([[1.0]], [0.0], [[1.0]], [0.0])
    certificate = certify(line, X, y, beta=1.0, loss="interpolation")
    assert certificate.objective == 1.0
    assert certificate.lower_bound <= 1.0
    assert certificate.verify(X, y)


def test_samples_of_weight_zero_need_not_be_met():
    X, y = np.vstack([HAT[0], [[0.5]]]), np.append(HAT[1], 9.0)
    network, certificate = min_norm_interpolation(*HAT)
    options = {"beta": 1.0, "loss": "interpolation", "sample_weight": [1.0, 1.0, 1.0, 0.0]}
    weighted = certify(network, X, y, **options)
    assert weighted.objective == pytest.approx(certificate.objective, rel=1e-12)
    assert weighted.lower_bound == pytest.approx(certificate.lower_bound, rel=1e-9)


def test_proportional_samples_do_not_conflict():
    X, y = np.array([[1.0, 3.0], [3.0, 9.0], [-1.0, -3.0]]), np.array([0.1, 0.3, 5.0])
    network, _ = min_norm_interpolation(X, y, bias="none")
    assert network.predict(X) == pytest.approx(y, abs=1e-7)


def test_time_limit():
    X, y = gaussian_problem(100, 2, seed=0)
    with pytest.warns(ConvergenceWarning, match="time_limit"):
        _, certificate = min_norm_interpolation(X, y, max_time=1e-4)
    assert certificate.verify(X, y)


def test_there_is_no_range_of_beta():
    for function in (beta_max, relu_path):
        with pytest.raises(ValueError, match="same at every beta"):
            function(*HAT, loss="interpolation")
