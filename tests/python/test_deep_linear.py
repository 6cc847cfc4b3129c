"""Deep linear networks: closed forms, the nuclear norm, and what duality proves of them."""

import pickle
import warnings

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from cvxnn import DeepLinearRegressor, LinearNetwork


def problem(n=12, d=4, n_targets=3, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, d))
    noise = 0.1 * random.standard_normal((n, n_targets))
    return X, X @ random.standard_normal((d, n_targets)) + 1.0 + noise


@parametrize_with_checks(
    [
        DeepLinearRegressor(),
        DeepLinearRegressor(4, beta=0.0, architecture="standard"),
        DeepLinearRegressor(2, architecture="standard", fit_intercept=False),
    ]
)
def test_estimator(estimator, check):
    check(estimator)


def reference_optimum(X, Y, strength, fit_intercept):
    W, b = cp.Variable((X.shape[1], Y.shape[1])), cp.Variable((1, Y.shape[1]))
    outputs = X @ W + (np.ones((len(X), 1)) @ b if fit_intercept else 0.0)
    value = 0.5 * cp.sum_squares(outputs - Y) + strength * cp.normNuc(W)
    return cp.Problem(cp.Minimize(value)).solve(solver="CLARABEL")


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("depth", [2, 3, 5])
@pytest.mark.parametrize("seed", range(4))
def test_parallel_branches_are_equal_to_cvxpy(seed, depth, fit_intercept):
    X, Y = problem(seed=seed)
    model = DeepLinearRegressor(depth, beta=0.3, fit_intercept=fit_intercept, tol=1e-8).fit(X, Y)
    expected = reference_optimum(X, Y, 0.5 * depth * 0.3, fit_intercept)
    certificate = model.certificate_
    assert model.status_ == "converged"
    assert certificate.objective == pytest.approx(expected, rel=1e-6)
    assert certificate.relative_gap <= 1e-8
    assert certificate.verify(X, Y)
    own = model.network_.objective(X, Y, beta=0.3)
    assert certificate.objective == pytest.approx(own, rel=1e-12)
    assert model.predict(X) == pytest.approx(X @ model.coef_ + model.intercept_, rel=1e-9)


@given(st.integers(1, 9), st.integers(1, 5), st.integers(1, 3), st.integers(0, 10**6))
@settings(deadline=None, max_examples=30)
def test_no_network_is_below_the_bound(n, d, n_targets, seed):
    random = np.random.default_rng(seed)
    X = np.round(random.standard_normal((n, d)), 1)
    Y = random.standard_normal((n, n_targets))
    weight = random.integers(0, 3, n) + np.eye(n)[0]
    model = DeepLinearRegressor(3, beta=0.2, tol=1e-7).fit(X, Y, sample_weight=weight)
    certificate = model.certificate_
    assert certificate.verify(X, Y, sample_weight=weight)
    assert certificate.relative_gap <= 1e-7
    for scale in (0.1, 0.5, 1.0):
        layers = [(2, d, 2), (2, 2, 2), (2, 2, n_targets)]
        weights = tuple(scale * random.standard_normal(shape) for shape in layers)
        other = LinearNetwork(weights, random.standard_normal(n_targets))
        outputs = other.objective(
            X, np.squeeze(Y, 1) if n_targets == 1 else Y, beta=0.2, sample_weight=weight
        )
        assert certificate.lower_bound <= outputs


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_closed_forms_of_one_branch(depth):
    X, Y = problem(n=5, d=7)  # interpolated
    coef = np.linalg.lstsq(X, Y)[0]
    values = np.linalg.svd(coef, compute_uv=False)
    options = {"beta": 0.0, "fit_intercept": False}
    for regularizer, expected in (
        ("weight_decay", depth / 2 * np.sum(values ** (2 / depth))),
        ("power", depth / 2 * np.sum(values ** (2 / depth)) ** (depth / 2)),
    ):
        model = DeepLinearRegressor(
            depth, architecture="standard", regularizer=regularizer, **options
        ).fit(X, Y)
        assert model.predict(X) == pytest.approx(Y, rel=1e-9)
        assert model.certificate_.objective == pytest.approx(expected, rel=1e-9)
        assert model.network_.penalty(regularizer) == pytest.approx(expected, rel=1e-9)
        assert model.certificate_.verify(X, Y)
    # the last one: powers, whose dual value is that of parallel branches
    parallel = DeepLinearRegressor(depth, **options).fit(X, Y).certificate_
    assert parallel.objective == pytest.approx(depth / 2 * np.sum(values), rel=1e-9)
    assert parallel.gap <= 1e-9 * parallel.objective
    assert model.certificate_.lower_bound == pytest.approx(parallel.objective, rel=1e-9)
    assert (model.certificate_.relative_gap > 0.01) == (depth > 2)


def test_equal_singular_values_do_not_close_the_gap():
    options = {"beta": 0.0, "fit_intercept": False, "architecture": "standard"}
    certificate = DeepLinearRegressor(3, **options).fit(np.eye(2), np.eye(2)).certificate_
    assert certificate.objective == pytest.approx(4.2426, abs=1e-4)
    assert certificate.lower_bound == pytest.approx(3.0, rel=1e-12)
    rank_one = DeepLinearRegressor(3, **options).fit(np.eye(2), np.ones((2, 2))).certificate_
    assert rank_one.relative_gap <= 1e-12


@pytest.mark.parametrize("regularizer", ["power", "weight_decay"])
def test_no_start_of_lbfgs_ends_below_a_closed_form(regularizer):
    X, Y = np.eye(2), np.array([[2.0, 0.5], [0.0, 1.0]])
    exponent = 3 if regularizer == "power" else 2
    model = DeepLinearRegressor(
        3, beta=0.0, architecture="standard", regularizer=regularizer, fit_intercept=False
    ).fit(X, Y)

    def objective(parameters):
        A, B, C = parameters.reshape(3, 2, 2)
        norms = [np.linalg.norm(W) for W in (A, B, C)]
        return 5e4 * np.sum((A @ B @ C - Y) ** 2) + 0.5 * np.sum(np.power(norms, exponent))

    random = np.random.default_rng(0)
    found = [minimize(objective, random.standard_normal(12), method="L-BFGS-B") for _ in range(8)]
    best = min(run.fun for run in found)
    expected = model.certificate_.objective
    assert expected * (1.0 - 1e-3) <= best <= expected * (1.0 + 1e-2)


def test_small_beta_comes_to_the_closed_form():
    X, Y = problem()
    limit = DeepLinearRegressor(3, beta=0.0).fit(X, Y)
    close = DeepLinearRegressor(3, beta=1e-7, tol=1e-9).fit(X, Y)
    assert close.coef_ == pytest.approx(limit.coef_, abs=1e-5)
    assert limit.certificate_.verify(X, Y)


def test_large_beta_gives_the_mean():
    X, Y = problem()
    model = DeepLinearRegressor(3, beta=1e3).fit(X, Y)
    assert np.array_equal(model.coef_, np.zeros((4, 3)))
    assert model.predict(X) == pytest.approx(np.tile(Y.mean(axis=0), (12, 1)))
    assert model.network_.layers[0].shape == (0, 4, 1)
    assert model.certificate_.relative_gap <= 1e-6


def test_one_target_constant_features_and_weights_as_repetition():
    X, Y = problem(n_targets=1)
    model = DeepLinearRegressor(3).fit(X, Y[:, 0])
    assert model.coef_.shape == (4,) and isinstance(model.intercept_, float)
    assert model.predict(X).shape == (12,)
    assert DeepLinearRegressor(3).fit(X, Y).predict(X).shape == (12, 1)
    constant = DeepLinearRegressor(3).fit(np.ones((12, 2)), Y[:, 0])
    assert constant.predict(np.ones((1, 2))) == pytest.approx([Y.mean()])
    weight = np.arange(12) % 3
    weighted = DeepLinearRegressor(3, tol=1e-10).fit(X, Y, sample_weight=weight)
    rows = np.repeat(np.arange(12), weight)
    repeated = DeepLinearRegressor(3, tol=1e-10).fit(X[rows], Y[rows])
    assert weighted.coef_ == pytest.approx(repeated.coef_, abs=1e-5)


@pytest.mark.parametrize("beta", [0.0, 0.3])
def test_intercepts_do_not_see_a_shift(beta):
    X, Y = problem()
    plain = DeepLinearRegressor(3, beta=beta, tol=1e-8).fit(X, Y)
    moved = DeepLinearRegressor(3, beta=beta, tol=1e-8).fit(X + 1e3, Y + 1e6)
    assert moved.certificate_.verify(X + 1e3, Y + 1e6)
    assert moved.certificate_.objective == pytest.approx(plain.certificate_.objective, rel=1e-6)
    assert moved.coef_ == pytest.approx(plain.coef_, abs=1e-5)


def test_badly_scaled_data():
    X, Y = problem(n=60, d=10)
    model = DeepLinearRegressor(3, beta=1.0).fit(X * np.geomspace(1e-3, 1e3, 10), Y)
    assert model.status_ == "converged"


def test_iteration_limit_is_told():
    X, Y = problem()
    with pytest.warns(ConvergenceWarning, match="iteration_limit"):
        model = DeepLinearRegressor(3, tol=1e-14, max_iter=3).fit(X, Y)
    assert model.certificate_.verify(X, Y)


def test_tampered_certificates_and_pickles():
    X, Y = problem()
    model = pickle.loads(pickle.dumps(DeepLinearRegressor(3, beta=0.5).fit(X, Y)))
    certificate = model.certificate_
    for change in (
        {"lower_bound": 1.01 * certificate.lower_bound},
        {"dual": certificate.dual + 1.0},
    ):
        assert not type(certificate)(**{**vars(certificate), **change}).verify(X, Y)


def test_to_torch():
    torch = pytest.importorskip("torch")
    X, Y = problem()
    for options in ({}, {"beta": 0.0, "architecture": "standard"}):
        model = DeepLinearRegressor(4, **options).fit(X, Y)
        outputs = model.network_.to_torch()(torch.from_numpy(X)).detach().numpy()
        assert outputs == pytest.approx(model.predict(X), rel=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 1}, "depth must be at least 2, got 1"),
        ({"depth": 2.5}, "depth must be a positive integer"),
        ({"beta": -1.0}, "beta must be"),
        ({"architecture": "deep"}, "architecture must be one of"),
        ({"regularizer": "l1"}, "regularizer must be one of"),
        ({"regularizer": "weight_decay"}, "not convex"),
        ({"architecture": "standard"}, "neither convex nor known in closed form"),
        ({"tol": 0.0}, "tol must be"),
        ({"max_iter": 0}, "max_iter must be"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        DeepLinearRegressor(**options).fit(*problem())


@pytest.mark.parametrize("seed", range(12))
def test_bounds_are_proved_where_singular_values_are_rounding(seed):
    random = np.random.default_rng(seed)
    X = random.standard_normal((8, 5)) * 10.0 ** random.integers(-8, 9, (8, 1))
    y = random.standard_normal(8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        c = DeepLinearRegressor(2, beta=1e-4, fit_intercept=seed % 2 == 0).fit(X, y).certificate_
    assert c.verify(X, y)
