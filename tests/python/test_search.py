"""Training by local search where there are too many cells to price, and its bound by relaxation."""

import warnings

import numpy as np
import pytest
from helpers import gaussian_problem, real_problem, with_bias
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from cvxnn import ReLUClassifier, ReLURegressor, certify
from cvxnn._native import core
from cvxnn.networks._losses import LOSSES, best_scale
from cvxnn.networks._relaxation import relaxed_support

ESTIMATORS = {"squared": ReLURegressor, "logistic": ReLUClassifier}


def highest(X, v):
    """The maximum of |v . (X u)_+|, for few columns."""
    found = core.bound_support(
        np.asfortranarray(X), v, floor=0.0, tol=1e-9, max_seconds=60.0, n_threads=1
    )
    return max(found["upper"] * (1.0 - 1e-9), 0.0)


@given(st.integers(1, 40), st.integers(1, 4), st.integers(0, 10**6), st.sampled_from([0, 1, 2, 3]))
@settings(deadline=None, max_examples=60)
def test_relaxation_is_never_below_the_maximum(n, d, seed, kind):
    random = np.random.default_rng(seed)
    X, v = random.standard_normal((n, d)), random.standard_normal(n)
    if kind == 1:
        X, v = np.round(X), np.round(v)  # zeros, equal rows
    elif kind == 2:
        v = np.abs(v)
    elif kind == 3:
        X[:, 0] *= 1e8
    exact, bound = highest(X, v), relaxed_support(X, v)
    assert bound >= exact * (1.0 - 1e-9)
    assert bound <= np.abs(v) @ np.linalg.norm(X, axis=1) * (1.0 + 1e-9)


def test_relaxation_is_exact_for_one_sample_and_zero_for_none():
    X = np.array([[3.0, 4.0]])
    assert relaxed_support(X, np.array([2.0])) == pytest.approx(10.0, rel=1e-9)
    assert relaxed_support(X, np.array([-2.0])) == pytest.approx(10.0, rel=1e-9)
    assert relaxed_support(X, np.zeros(1)) == 0.0
    assert relaxed_support(np.zeros((3, 2)), np.ones(3)) == 0.0


def test_relaxation_stops_below_the_floor():
    X, v = gaussian_problem(200, 10, seed=0)
    close = relaxed_support(X, v)
    early = relaxed_support(X, v, floor=1.5 * close)
    assert close < early <= 1.5 * close


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_best_scale(name):
    random = np.random.default_rng(0)
    y, weight = np.sign(random.standard_normal(30)), random.uniform(0.5, 2.0, 30)
    loss = LOSSES[name]
    if loss.one_hot:
        y, weight = np.eye(3)[random.integers(3, size=30)], weight[:, None]
        v = weight * (random.dirichlet(np.ones(3), 30) - y)
    else:
        v = -y * weight * random.uniform(0.0, 0.9, 30)
    for limit in (0.1, 1.0, 5.0):
        values = [loss.dual_value(s * v, y, weight) for s in np.linspace(0.0, limit, 1001)]
        best = best_scale(loss, v, y, weight, limit)
        assert 0.0 <= best <= limit
        assert loss.dual_value(best * v, y, weight) >= max(values) - 1e-9


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("bias", ["regularized", "none"])
def test_auto_searches_where_there_are_too_many_cells(loss, bias):
    X, y = gaussian_problem(60, 12, seed=1, loss=loss)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = ESTIMATORS[loss](1.0, bias=bias, n_jobs=1).fit(X, y)
    certificate = model.certificate_
    assert (certificate.scope, certificate.method) == ("global", "relaxation")
    assert model.status_ == "stalled"
    assert 0.0 < certificate.lower_bound < certificate.objective
    assert certificate.cells is None
    assert certificate.verify(X, y)
    own = model.network_.objective(X, y, beta=1.0, loss=loss, bias=bias)
    assert certificate.objective == pytest.approx(own, rel=1e-13)
    assert model.history_["lower_bound"][-1] == certificate.lower_bound
    assert np.all(np.diff(model.history_["objective"]) <= 0.0)
    sampled = ESTIMATORS[loss](1.0, patterns=200, bias=bias, n_jobs=1, random_state=0).fit(X, y)
    assert certificate.objective < sampled.certificate_.objective
    again = ESTIMATORS[loss](1.0, bias=bias, n_jobs=2).fit(X, y)
    assert np.array_equal(again.network_.hidden_weights, model.network_.hidden_weights)
    assert again.certificate_.lower_bound == certificate.lower_bound


def test_a_tampered_bound_is_not_verified():
    X, y = gaussian_problem(60, 12, seed=1)
    certificate = ReLURegressor(1.0, n_jobs=1).fit(X, y).certificate_
    for factor in (1.01, 1.5):
        higher = type(certificate)(
            **{**vars(certificate), "lower_bound": factor * certificate.lower_bound}
        )
        assert not higher.verify(X, y)


# Below what L-BFGS and Adam reach in bench/python/any_rank.py. The bounds of the relaxation at the
# dual vectors found are about 3.29, 142.8 and 23.1.
@pytest.mark.parametrize(
    ("name", "reached", "bound"),
    [("wine", 6.83374, 3.2), ("diabetes", 170.42083, 142.0), ("breast cancer", 48.01127, 23.0)],
)
def test_better_than_gradient_methods_on_real_data(name, reached, bound):
    X, y, _, beta = real_problem(name)
    model = ReLURegressor(beta, bias="none", tol=1e-6, n_jobs=2).fit(X, y)
    assert bound < model.certificate_.lower_bound < model.certificate_.objective <= reached
    assert model.certificate_.verify(X, y)


@pytest.mark.parametrize("seed", range(5))
def test_close_to_the_proved_optimum_where_both_can_be_had(seed):
    X, y = gaussian_problem(40, 3, seed=seed)
    exact = ReLURegressor(0.5, patterns="exact", tol=1e-7, bias="none", n_jobs=1).fit(X, y)
    design, weight = np.asfortranarray(X), np.ones(40)
    raw = core.search_over_all_cells(
        design,
        y[:, None],
        weight,
        loss="squared",
        beta=0.5,
        seed=seed,
        tol=1e-6,
        max_rounds=100,
        max_seconds=np.inf,
        n_threads=1,
    )
    best = exact.certificate_.objective
    assert exact.certificate_.lower_bound <= raw["objective"] <= best * (1.0 + 1e-3)


def test_time_limit_returns_the_network_so_far():
    X, y = gaussian_problem(400, 30, seed=0)
    model = ReLURegressor(1e-3, max_time=1e-3, n_jobs=1)
    with pytest.warns(ConvergenceWarning, match="time_limit"):
        model.fit(X, y)
    assert model.status_ == "time_limit"
    assert model.certificate_.verify(X, y)


def test_large_beta_gives_the_zero_network():
    X, y = gaussian_problem(60, 12, seed=2)
    model = ReLURegressor(1e4, n_jobs=1).fit(X, y)
    assert model.network_.hidden_weights.shape == (0, 12)
    assert model.certificate_.gap == 0.0
    assert model.status_ == "converged"


@pytest.mark.parametrize("scale", [1e-150, 1e-6, 1e6, 1e150])
def test_units_do_not_matter(scale):
    X, y = gaussian_problem(60, 12, seed=3)
    plain = ReLURegressor(1.0, bias="none", n_jobs=1).fit(X, y)
    exponent = 2.0 ** np.round(np.log2(scale))
    model = ReLURegressor(exponent, bias="none", n_jobs=1).fit(exponent * X, y)
    assert model.certificate_.objective == pytest.approx(plain.certificate_.objective, rel=1e-12)
    assert model.certificate_.verify(exponent * X, y)


def test_features_in_odd_units():
    X, y = gaussian_problem(80, 12, seed=4)
    X[:, 0] = 1e4 * X[:, 0] + 1e5
    X[:, 1] = 0.0
    model = ReLURegressor(1.0, tol=1e-2, n_jobs=1, random_state=1).fit(X, y)
    assert model.certificate_.objective < 0.3 * 0.5 * (y @ y)
    assert model.certificate_.verify(X, y)


def test_certify_is_below_every_network_found():
    X, y = gaussian_problem(100, 15, seed=5)
    fits = [ReLURegressor(2.0, n_jobs=2, random_state=seed).fit(X, y) for seed in range(3)]
    for model in fits:
        certificate = certify(model.network_, X, y, beta=2.0, n_jobs=2)
        assert certificate.objective == pytest.approx(model.certificate_.objective, rel=1e-13)
        assert certificate.lower_bound <= min(fit.certificate_.objective for fit in fits)
        assert certificate.relative_gap < 0.7
        assert certificate.verify(X, y)


def test_exact_is_refused_with_the_reason():
    X, y = gaussian_problem(60, 12, seed=1)
    with pytest.raises(ValueError, match=r"patterns='exact'.*cells"):
        ReLURegressor(1.0, patterns="exact", n_jobs=1).fit(with_bias(X, "regularized"), y)
