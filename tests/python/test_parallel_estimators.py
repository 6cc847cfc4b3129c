"""Estimators of parallel three-layer networks: every way to train, hostile data, arguments."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
from helpers import gaussian_problem
from parallel_reference import HAT, SEPARATE, trained
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from cvxnn import ParallelNetwork, ParallelReLUClassifier, ParallelReLURegressor
from cvxnn.arrangements import TooManyCells
from cvxnn.networks.parallel import _nested_cells, _parallel_training


@pytest.mark.parametrize("bias", ["none", "regularized"])
@pytest.mark.parametrize("X", [np.zeros((3, 2)), np.ones((3, 1)), np.ones((1, 2)), -np.eye(2)])
@pytest.mark.parametrize(
    "options", [{}, {"m1": 1}, {"patterns": 10, "random_state": 0}, {"m1": "large"}]
)
def test_poor_data_are_fitted_as_well_as_they_can_be(X, bias, options):
    y = np.arange(1.0, len(X) + 1.0)
    model = trained(X, y, bias=bias, regularizer="power", **{**options, "tol": 1e-5})
    c = model.certificate_
    assert model.status_ == "converged"
    assert c.lower_bound <= c.objective <= 0.5 * y @ y
    assert c.verify(X, y)
    if bias == "none" and not X.any():
        assert model.network_.n_branches == 0


@pytest.mark.parametrize("scale", [1e-150, 1e-6, 1e6, 1e150])
def test_scaling_changes_nothing_but_the_scale(scale):
    X, y = gaussian_problem(4, 2, seed=5)
    best = trained(X, y).certificate_.objective
    model = trained(X * scale, y, 0.1 * scale)
    assert model.certificate_.objective == pytest.approx(best, rel=1e-6)
    assert model.certificate_.verify(X * scale, y)


@pytest.mark.parametrize("beta", [1e-20, 1e-15, 1e-10])
@pytest.mark.parametrize("regularizer", ["weight_decay", "path"])
def test_bounds_are_below_networks_that_fit_when_rounding_is_larger_than_beta(regularizer, beta):
    X, y = np.eye(2), np.array([1.0, -1.0])
    fits = ParallelNetwork(X[:, None], np.zeros((2, 1)), np.ones((2, 1, 1)), y[:, None, None])
    best = fits.objective(X, y, beta=beta, regularizer=regularizer, bias="none")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for scale in (1.0, 1e14):
            model = ParallelReLURegressor(beta * scale, regularizer=regularizer, bias="none")
            c = model.fit(X, scale * y).certificate_
            assert c.lower_bound <= best * scale**2 * (1.0 + 1e-9)
            assert c.objective <= 1e-3 * scale**2
    forged = replace(c, dual=-y[:, None], beta=beta, lower_bound=0.13)
    assert not forged.verify(X, y)


def test_number_of_threads_changes_nothing():
    X, y = gaussian_problem(80, 4, seed=6)
    for options in ({"patterns": 100}, {"patterns": 60, "regularizer": "power"}):
        options = {**options, "random_state": 0, "tol": 1e-4}
        one, two = (trained(X, y, n_jobs=n_jobs, **options) for n_jobs in (1, 2))
        assert one.certificate_.objective == two.certificate_.objective
        np.testing.assert_array_equal(one.network_.first_weights, two.network_.first_weights)


@pytest.mark.parametrize("regularizer", ["path", "power"])
def test_sampled_patterns_bound_what_they_can_reach(regularizer):
    X, y = gaussian_problem(12, 3, seed=7)
    options = {"regularizer": regularizer, "random_state": 0, "tol": 1e-6}
    few, many = (trained(X, y, patterns=count, **options) for count in (20, 200))
    for model in (few, many):
        c = model.certificate_
        assert (c.scope, c.method, model.status_) == ("patterns", "patterns", "converged")
        assert c.verify(X, y)
        assert not c.verify(X, y + 1.0)
    assert many.certificate_.objective < few.certificate_.objective
    again = pickle.loads(pickle.dumps(many)).certificate_
    assert again.verify(X, y)


def test_a_few_patterns_do_not_stand_for_all():
    X, y = gaussian_problem(6, 2, seed=7)
    c = trained(X, y, patterns=3, random_state=0).certificate_
    assert c.verify(X, y)
    for method in ("cells", "patterns", "branch_and_bound"):
        assert not replace(c, scope="global", method=method).verify(X, y)


@pytest.mark.parametrize("regularizer", list(SEPARATE))
def test_search_comes_close_to_the_optimum(regularizer, monkeypatch):
    X, y = gaussian_problem(7, 2, seed=8)
    best = trained(X, y, regularizer=regularizer, tol=1e-6).certificate_
    monkeypatch.setattr(_parallel_training, "_AUTO_CELLS", 0)
    model = trained(X, y, regularizer=regularizer, tol=1e-5)
    c = model.certificate_
    assert (c.scope, c.method, model.status_) == ("global", "branch_and_bound", "stalled")
    assert best.lower_bound <= c.objective <= 1.005 * best.objective
    assert c.lower_bound <= best.objective
    assert c.verify(X, y)
    assert not np.any(np.diff(model.history_["objective"]) > 0.0)


@pytest.mark.parametrize("patterns", ["auto", 20, "exact"])
@pytest.mark.parametrize(("x", "f", "weight"), [(-300, 0, 0), (0, 300, 0), (0, 0, -200)])
def test_units_change_nothing(patterns, x, f, weight):
    X, y = gaussian_problem(6, 2, seed=8)
    m1 = 4 if patterns == "auto" else 2  # a search
    options = {"patterns": patterns, "m1": m1, "tol": 1e-4, "random_state": 0}
    best = trained(X, y, regularizer="power", **options)
    assert (best.certificate_.method == "branch_and_bound") == (patterns == "auto")
    X, y, beta = np.ldexp(X, x), np.ldexp(y, f), float(np.ldexp(0.1, x + f + weight))
    weights = np.full(len(X), 2.0**weight)
    model = ParallelReLURegressor(beta, bias="none", regularizer="power", **options)
    model.fit(X, y, sample_weight=weights)
    objective = float(np.ldexp(model.certificate_.objective, -2 * f - weight))
    assert objective == pytest.approx(best.certificate_.objective, rel=1e-12)
    for name in ("objective", "lower_bound"):
        np.testing.assert_allclose(
            model.history_[name], np.ldexp(best.history_[name], 2 * f + weight), rtol=1e-12
        )
    assert model.certificate_.verify(X, y, sample_weight=weights)


def test_bounds_by_relaxation_hold():
    X, y = gaussian_problem(40, 8, seed=9)
    model = ParallelReLURegressor(1.0, m1=3, tol=1e-3).fit(X, y)
    c = model.certificate_
    assert (c.scope, c.method) == ("global", "relaxation")
    assert 0.0 < c.lower_bound < c.objective
    assert c.verify(X, y)
    tampered = pickle.loads(pickle.dumps(c))
    object.__setattr__(tampered, "lower_bound", 1.01 * c.lower_bound)
    assert not tampered.verify(X, y)


def spiral(n=100, turns=1.5):
    """Two arms, one the other turned by half a turn; n points each."""
    angle = 2.0 * np.pi * turns * np.sqrt(np.linspace(0.05, 1.0, n))
    arm = angle[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return np.vstack([arm, -arm]) / (2.0 * np.pi * turns), np.repeat([0, 1], n)


def test_a_spiral_is_learned():
    X, y = spiral()
    model = ParallelReLUClassifier(1e-3, m1=4, tol=2e-2).fit(X, y)
    assert model.score(X, y) == 1.0
    assert model.certificate_.verify(X, 2.0 * y - 1.0)


def test_several_targets_are_independent_programs():
    X, y = gaussian_problem(5, 2, seed=10)
    Y = np.column_stack([y, y[::-1]])
    model = trained(X, Y, regularizer="weight_decay")
    single = [trained(X, column, regularizer="weight_decay").certificate_ for column in Y.T]
    assert model.certificate_.objective == pytest.approx(sum(c.objective for c in single), rel=1e-6)
    assert model.certificate_.verify(X, Y)
    assert model.predict(X).shape == Y.shape
    labels = np.array([0, 1, 2, 1, 0])
    classifier = ParallelReLUClassifier(0.05).fit(X, labels)
    assert classifier.status_ == "converged"
    assert classifier.predict_proba(X).shape == (5, 3)
    assert classifier.score(X, labels) == 1.0


def test_huge_beta_leaves_nothing():
    X, y = gaussian_problem(4, 2, seed=11)
    for patterns in ("auto", 30):
        model = trained(X, y, 1e3, patterns=patterns)
        assert model.network_.n_branches == 0
        assert model.certificate_.objective == pytest.approx(0.5 * y @ y, rel=1e-12)
        assert model.certificate_.relative_gap <= 1e-7
        np.testing.assert_array_equal(model.predict(X), 0.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"m1": 0}, "m1 must be a positive integer, got 0"),
        ({"m1": "huge"}, "m1 must be one of 'large'"),
        ({"m1": "large"}, "m1='large' needs regularizer 'weight_decay' or 'power'"),
        ({"m2": 0}, "m2 must be a positive integer"),
        ({"m2": 2, "regularizer": "power"}, "m2=2 is for regularizer='path'"),
        ({"regularizer": "l2"}, "regularizer must be one of"),
        ({"regularizer": "squares"}, "not convex"),
        ({"beta": 0.0}, "beta must be a positive"),
        ({"bias": "free"}, "bias must be one of"),
        ({"loss": "hinge"}, "loss must be one of"),
        ({"patterns": 0}, "patterns must be"),
        ({"patterns": "all"}, "patterns must be"),
        ({"patterns": 5, "m1": "large", "regularizer": "power"}, "for m1='large'"),
        ({"tol": 0.0}, "tol must be a positive"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        ParallelReLURegressor(**options).fit(*HAT)


def test_too_many_patterns_are_counted():
    X, y = gaussian_problem(30, 2, seed=0)
    with pytest.raises(TooManyCells, match=r"patterns='exact': [\d,]+ tuples of 3"):
        ParallelReLURegressor(patterns="exact", m1=3).fit(X, y)
    with pytest.raises(TooManyCells, match=r"2\^30 patterns"):
        ParallelReLURegressor(m1="large", regularizer="power").fit(X, y)
    with pytest.raises(TooManyCells, match=r"more than 10\^18 tuples"):
        ParallelReLURegressor(patterns="exact", m1=8000).fit(X, y)
    line = np.linspace(-1.0, 1.0, 1100)
    with pytest.raises(TooManyCells, match=r"2\^1100 patterns"):
        ParallelReLURegressor(m1="large", regularizer="power").fit(line[:, None], line)


def test_patterns_that_take_too_much_memory_are_refused_or_left_out(monkeypatch):
    X, y = gaussian_problem(10, 400, seed=0)
    with pytest.raises(TooManyCells, match=r"sampled patterns .* GB"):
        ParallelReLURegressor(patterns=500, random_state=0).fit(X, y)
    monkeypatch.setattr(_nested_cells, "_MOST_BYTES", 16 * 10**2 * 5)
    X, y = gaussian_problem(20, 4, seed=0)
    model = ParallelReLURegressor(0.1, tol=1e-2).fit(X, y)  # branches of ten weights
    assert model.certificate_.n_cells <= 10  # five of the best branches, five of others
    assert model.certificate_.verify(X, y)


@pytest.mark.parametrize("patterns", ["auto", 300])
def test_deadline_returns_the_best_so_far(patterns):
    X, y = gaussian_problem(150, 4, seed=1)
    model = ParallelReLURegressor(0.01, m1=4, patterns=patterns, max_time=0.3, random_state=0)
    with pytest.warns(ConvergenceWarning, match="time_limit"):
        model.fit(X, y)
    c = model.certificate_
    assert c.lower_bound <= c.objective <= 0.5 * y @ y
    assert c.verify(X, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [ParallelReLURegressor(1.0, patterns=50), ParallelReLUClassifier(1.0, patterns=20)]
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)
