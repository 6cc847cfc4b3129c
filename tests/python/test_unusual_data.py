"""Data at the edges: few samples, repeated or constant columns and rows, extreme scales."""

import numpy as np
import pytest
from helpers import gaussian_problem
from sklearn.exceptions import ConvergenceWarning

from cvxnn import GatedReLURegressor, ReLUClassifier, ReLURegressor

ESTIMATORS = [ReLURegressor, ReLUClassifier, GatedReLURegressor]
every_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)
both_biases = pytest.mark.parametrize("bias", ["regularized", "none"])


def base_data(n=10, d=3):
    X, y = gaussian_problem(n, d, seed=7)
    return X, np.where(y > np.median(y), 1.0, -1.0)


def duplicate_rows(X, y):
    return np.repeat(X, 3, axis=0), np.repeat(y, 3)


def conflicting_rows(X, y):
    return np.vstack([X, X]), np.concatenate([y, -y])


CHANGES = [
    lambda X, y: (np.column_stack([X, np.full(10, 2.0)]), y),
    lambda X, y: (np.column_stack([X, np.zeros(10)]), y),
    lambda X, y: (np.column_stack([X, X[:, 0]]), y),
    lambda X, y: (X[:, :1] * [1.0, -2.0, 0.5], y),
    lambda X, y: (X * [1.0, 0.0, 0.0], y),
    lambda X, y: (X[:3] @ np.ones((3, 6)) + np.eye(3, 6), [1.0, -1.0, 1.0]),
    lambda X, y: (np.random.default_rng(0).standard_normal((4, 12)), [1.0, -1.0, 1.0, 1.0]),
    lambda X, y: (np.vstack([np.zeros(3), X]), np.append(1.0, y)),
    lambda X, y: (np.vstack([X, -X]), np.append(y, -y)),
    lambda X, y: (np.round(X), y),
    duplicate_rows,
    conflicting_rows,
    lambda X, y: (np.zeros((10, 3)), y),
]
NAMES = (
    "constant column|zero column|duplicate column|rank one|zero columns|wide|very wide|zero row|"
    "antiparallel rows|integers|duplicate rows|conflicting rows|only zeros"
).split("|")


@every_estimator
@both_biases
@pytest.mark.parametrize("change", CHANGES, ids=NAMES)
def test_certified_optimum(estimator, bias, change):
    X, y = change(*base_data())
    model = estimator(0.1, bias=bias, tol=1e-6, n_jobs=1, random_state=0).fit(X, y)
    certificate = model.certificate_
    assert model.status_ == "converged"
    assert certificate.scope == "global"
    assert certificate.relative_gap <= 1e-6
    assert certificate.verify(X, y)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("estimator", [ReLURegressor, GatedReLURegressor])
@both_biases
@pytest.mark.parametrize("d", [1, 3])
def test_one_sample(estimator, bias, d):
    model = estimator(0.1, bias=bias, tol=1e-8, n_jobs=1).fit(np.full((1, d), 2.0), [3.0])
    # one neuron along the sample: min 1/2 (t - 3)^2 + beta t / length
    length = np.sqrt(4.0 * d + (bias == "regularized"))
    expected = 0.1 * 3.0 / length - 0.5 * (0.1 / length) ** 2
    assert model.certificate_.objective == pytest.approx(expected, rel=1e-8)
    assert model.network_.n_neurons == 1


def test_one_sample_is_one_class():
    with pytest.raises(ValueError, match="class"):
        ReLUClassifier().fit([[1.0, 2.0]], [1])


@pytest.mark.parametrize("estimator", [ReLURegressor, GatedReLURegressor])
@pytest.mark.parametrize("value", [0.0, 2.5, -1e-3])
def test_constant_target(estimator, value):
    X, _ = base_data()
    model = estimator(1e-3, tol=1e-6, n_jobs=1).fit(X, np.full(10, value))
    assert model.status_ == "converged"
    if value == 0.0:
        assert model.network_.n_neurons == 0
        assert model.certificate_.objective == model.certificate_.lower_bound == 0.0
        assert model.certificate_.relative_gap == 0.0
        assert model.certificate_.verify(X, np.zeros(10))
    else:
        assert model.certificate_.relative_gap <= 1e-6


@pytest.mark.parametrize("estimator", [ReLURegressor, GatedReLURegressor])
@pytest.mark.parametrize(
    "x_scale, y_scale", [(1e-150, 1.0), (1e150, 1.0), (1.0, 1e-150), (1.0, 1e150), (1e-150, 1e150)]
)
def test_scaled_problems_are_the_same_problem(estimator, x_scale, y_scale):
    X, y = gaussian_problem(10, 2, seed=1)
    plain = estimator(0.1, bias="none", tol=1e-7, n_jobs=1).fit(X, y)
    scaled = estimator(0.1 * x_scale * y_scale, bias="none", tol=1e-7, n_jobs=1)
    scaled.fit(x_scale * X, y_scale * y)
    assert scaled.status_ == "converged"
    ratio = scaled.certificate_.objective / y_scale / y_scale
    assert ratio == pytest.approx(plain.certificate_.objective, rel=1e-7)
    bound = scaled.certificate_.lower_bound / y_scale / y_scale
    assert bound == pytest.approx(plain.certificate_.objective, rel=1e-6)
    predictions = scaled.predict(x_scale * X) / y_scale
    assert predictions == pytest.approx(plain.predict(X), abs=1e-3)
    assert scaled.certificate_.verify(x_scale * X, y_scale * y)


def test_powers_of_two_scale_exactly():
    X, y = gaussian_problem(10, 2, seed=1)
    plain = ReLURegressor(0.125, bias="none", n_jobs=1).fit(X, y)
    scaled = ReLURegressor(0.125 * 2.0**-300, bias="none", n_jobs=1).fit(
        np.ldexp(X, -400), np.ldexp(y, 100)
    )
    assert scaled.certificate_.objective == np.ldexp(plain.certificate_.objective, 200)
    assert np.array_equal(scaled.predict(np.ldexp(X, -400)), np.ldexp(plain.predict(X), 100))


@every_estimator
@both_biases
@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_extreme_scales_of_X_work_or_warn(estimator, bias, scale):
    X, y = base_data()
    model = estimator(0.1, bias=bias, max_time=5.0, n_jobs=1).fit(scale * X, y)
    certificate = model.certificate_
    assert np.isfinite(certificate.objective)
    assert certificate.lower_bound <= certificate.objective
    assert np.isfinite(model.predict(scale * X)).all()
    assert model.status_ in ("converged", "stalled", "time_limit")


@pytest.mark.parametrize("estimator", [ReLURegressor, GatedReLURegressor])
@pytest.mark.parametrize("y_scale", [1e-150, 1e150])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_extreme_scales_of_y_work_or_warn(estimator, y_scale):
    X, y = gaussian_problem(10, 3, seed=7)
    model = estimator(0.1, max_time=5.0, n_jobs=1).fit(X, y_scale * y)
    certificate = model.certificate_
    assert np.isfinite(certificate.objective)
    assert certificate.lower_bound <= certificate.objective
    assert model.status_ in ("converged", "stalled", "time_limit")


@every_estimator
@pytest.mark.parametrize("beta", [1e-12, 1e12, 1e-300, 1e300])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_extreme_beta_works_or_warns(estimator, beta):
    X, y = base_data()
    model = estimator(beta, max_time=5.0, n_jobs=1).fit(X, y)
    certificate = model.certificate_
    assert np.isfinite(certificate.objective)
    assert certificate.lower_bound <= certificate.objective
    if beta > 1.0:
        assert model.status_ == "converged"
        assert model.network_.n_neurons == 0


def test_not_converged_is_never_silent():
    X, y = base_data()
    with pytest.warns(ConvergenceWarning, match="stopped with status"):
        model = ReLURegressor(0.1, tol=1e-300, n_jobs=1).fit(X, y)
    assert model.status_ == "stalled"
