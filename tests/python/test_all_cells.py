"""Training and certifying over every cell where the cells are not listed."""

import numpy as np
import pytest
from helpers import gaussian_problem, lbfgs_network, with_bias
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from cvxnn import GatedReLURegressor, ReLUClassifier, ReLURegressor, certify
from cvxnn._native import core
from cvxnn.arrangements import enumerate_cells

ESTIMATORS = {"squared": ReLURegressor, "logistic": ReLUClassifier}


def tied_problem(n, loss):
    """Integer features, equal samples with different targets."""
    X, y = gaussian_problem(n, 2, seed=5, loss=loss)
    return np.round(2.0 * X), y


def bound(X, v, **options):
    defaults = {"floor": 0.0, "tol": 1e-10, "max_seconds": 60.0, "n_threads": 1}
    return core.bound_support(np.asfortranarray(X), v, **{**defaults, **options})


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("bias", ["regularized", "none"])
@pytest.mark.parametrize("tied", [False, True])
def test_same_optimum_as_over_a_list_of_all_cells(loss, bias, tied):
    n, d = 80, 2 if bias == "regularized" else 3
    X, y = tied_problem(n, loss) if tied else gaussian_problem(n, d, seed=3, loss=loss)
    if tied and bias == "none":
        X = np.column_stack([X, np.roll(X[:, 0], 1)])
    every = enumerate_cells(with_bias(X, bias))
    options = {"bias": bias, "tol": 1e-6, "n_jobs": 1}
    listed = ESTIMATORS[loss](1.0, patterns=every, **options).fit(X, y).certificate_
    model = ESTIMATORS[loss](1.0, patterns="exact", **options).fit(X, y)
    certificate = model.certificate_
    if len(every) > 2000:
        assert certificate.method == "branch_and_bound"
    assert model.status_ == "converged"
    assert certificate.scope == "global"
    assert certificate.objective == pytest.approx(listed.objective, rel=2e-6)
    assert certificate.lower_bound <= listed.objective
    assert certificate.lower_bound >= (1.0 - 3e-6) * listed.objective


def test_certificate_is_proved_again_from_its_dual_vector():
    X, y = gaussian_problem(150, 2, seed=0)
    model = ReLURegressor(2.0, tol=1e-6, n_jobs=1).fit(X, y)
    certificate = model.certificate_
    assert (certificate.scope, certificate.method) == ("global", "branch_and_bound")
    assert certificate.verify(X, y)
    assert not certificate.verify(X, y + 0.01)
    assert not certificate.verify(X[::-1], y)


def test_networks_from_elsewhere():
    X, y = gaussian_problem(150, 2, seed=1)
    best = ReLURegressor(2.0, tol=1e-8, n_jobs=1).fit(X, y).certificate_
    assert best.method == "branch_and_bound"
    for seed in range(4):
        network, objective = lbfgs_network(X, y, beta=2.0, n_neurons=30, seed=seed)
        certificate = certify(network, X, y, beta=2.0, tol=1e-7, n_jobs=1)
        assert certificate.method == "branch_and_bound"
        assert certificate.objective == pytest.approx(objective, rel=1e-12)
        assert certificate.lower_bound <= objective
        assert certificate.lower_bound == pytest.approx(best.objective, rel=1e-6)
        assert certificate.verify(X, y)


def test_no_time_leaves_an_honest_gap():
    X, y = gaussian_problem(100, 3, seed=2)
    with pytest.warns(ConvergenceWarning, match="time_limit"):
        model = ReLURegressor(2.0, max_time=1e-4, n_jobs=1).fit(X, y)
    hurried = model.certificate_
    certificate = ReLURegressor(2.0, tol=1e-4, n_jobs=1).fit(X, y).certificate_
    assert hurried.scope == "global"
    assert hurried.lower_bound <= certificate.objective <= hurried.objective


def test_threads_do_not_change_a_bit():
    X, y = gaussian_problem(400, 2, seed=4)
    models = [ReLURegressor(1.0, n_jobs=n_jobs).fit(X, y) for n_jobs in (1, 2, 3)]
    for model in models[1:]:
        assert model.certificate_.lower_bound == models[0].certificate_.lower_bound
        assert np.array_equal(model.network_.hidden_weights, models[0].network_.hidden_weights)


def test_large_beta_gives_no_neurons():
    X, y = gaussian_problem(100, 2, seed=6)
    model = ReLURegressor(1e5, patterns="exact", n_jobs=1).fit(X, y)
    assert model.certificate_.method == "branch_and_bound"
    assert model.network_.n_neurons == 0
    assert model.certificate_.gap == pytest.approx(0.0, abs=1e-9 * model.certificate_.objective)


def test_scaling_does_not_matter():
    X, y = gaussian_problem(100, 2, seed=7)
    model = ReLURegressor(1.0, bias="none", patterns="exact", n_jobs=1)
    X = np.column_stack([X, X[:, 0] * X[:, 1]])
    small = model.fit(X, y).certificate_
    model.set_params(beta=2.0**60)
    large = model.fit(2.0**30 * X, 2.0**30 * y).certificate_
    assert small.method == large.method == "branch_and_bound"
    assert large.objective == 2.0**60 * small.objective
    assert large.lower_bound == 2.0**60 * small.lower_bound


def test_gated_networks_need_a_list():
    X, y = gaussian_problem(80, 2, seed=8)
    model = GatedReLURegressor(1.0, tol=1e-3, n_jobs=1).fit(X, y)
    assert model.certificate_.method == "cells"


@given(
    st.integers(1, 12), st.integers(1, 4), st.booleans(), st.booleans(), st.integers(0, 2**32 - 1)
)
def test_no_direction_is_above_the_bound(n, d, integral, few, seed):
    random = np.random.default_rng(seed)
    X = random.integers(-2, 3, (n, d)).astype(float) if integral else random.standard_normal((n, d))
    v = random.integers(-1, 2, n).astype(float) if few else random.standard_normal(n)
    found = bound(X, v)
    assert found["status"] == "converged"
    directions = np.concatenate([random.standard_normal((400, d)), X, -X, X.T * v @ X])
    lengths = np.linalg.norm(directions, axis=1)
    directions = directions[lengths > 0.0] / lengths[lengths > 0.0, None]
    values = np.abs(np.maximum(directions @ X.T, 0.0) @ v)
    assert values.max(initial=0.0) <= found["upper"]
    if len(found["values"]):
        own = found["signs"] * (np.maximum(found["points"] @ X.T, 0.0) @ v)
        assert own == pytest.approx(found["values"], rel=1e-9, abs=1e-12)
        assert found["values"].max() >= (1.0 - 1e-9) * found["upper"] - 1e-11


def test_limits_of_the_core():
    with pytest.raises(ValueError, match="up to 16 columns, got 17"):
        bound(np.ones((3, 17)), np.ones(3))
    assert bound(np.zeros((3, 2)), np.ones(3))["upper"] <= 1e-12
    assert bound(np.ones((3, 2)), np.zeros(3), floor=0.5)["upper"] == 0.5
