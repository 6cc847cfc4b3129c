"""Estimators of networks with max pooling: every way to train, hostile data, arguments."""

import pickle

import numpy as np
import pytest
from max_pooling_reference import signals, trained
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from cvxnn import ConvReLUClassifier, ConvReLURegressor
from cvxnn.arrangements import TooManyCells, sample_cells
from cvxnn.networks.convolutional import _pooled_program, _pooled_training


def test_several_targets_are_independent_programs():
    X, y = signals(n=8)
    Y = np.column_stack([y, -y, 0.5 * y**2])
    model = trained(X, Y)
    total = sum(trained(X, column).certificate_.objective for column in Y.T)
    assert model.certificate_.objective == pytest.approx(total, rel=1e-6)
    assert model.certificate_.verify(X, Y)
    assert model.predict(X).shape == Y.shape
    labels = np.arange(8) % 3
    for options in ({}, {"patterns": 50, "random_state": 0}):
        classifier = trained(X, labels, 0.05, kind=ConvReLUClassifier, **options)
        assert classifier.status_ == "converged"
        assert classifier.predict_proba(X).shape == (8, 3)


def test_sampled_selections_bound_what_they_can_reach():
    X, y = signals(n=12, d=5)
    best = trained(X, y, bias="regularized").certificate_
    weight = np.array([1.0, 0.0, 2.0] * 4)
    for sample_weight in (None, weight):
        few, many = (
            ConvReLURegressor(
                0.1, kernel_size=2, pooling="max", patterns=count, random_state=0, tol=1e-6
            ).fit(X, y, sample_weight=sample_weight)
            for count in (10, 300)
        )
        for model in (few, many):
            c = pickle.loads(pickle.dumps(model)).certificate_
            assert (c.scope, c.method, model.status_) == ("patterns", "patterns", "converged")
            assert c.verify(X, y, sample_weight=sample_weight)
            raised = {**vars(c), "lower_bound": 1.001 * c.objective}
            assert not type(c)(**raised).verify(X, y, sample_weight=sample_weight)
            assert not c.verify(X[:-1], y[:-1])
        assert many.certificate_.objective < few.certificate_.objective
        if sample_weight is None:
            assert many.certificate_.objective >= best.lower_bound


@pytest.mark.parametrize("seed", range(5))
def test_search_comes_close_to_the_optimum(seed, monkeypatch):
    X, y = signals(n=8, d=5, seed=seed)
    best = trained(X, y, bias="regularized").certificate_
    monkeypatch.setattr(_pooled_training, "_AUTO_CELLS", 0)
    model = trained(X, y, bias="regularized", tol=1e-5)
    c = model.certificate_
    assert (c.scope, c.method, model.status_) == ("global", "relaxation", "stalled")
    assert best.lower_bound <= c.objective <= 1.005 * best.objective
    assert 0.0 < c.lower_bound <= best.objective
    assert c.verify(X, y)
    assert not np.any(np.diff(model.history_["objective"]) > 0.0)


@pytest.mark.parametrize(("scale", "unit"), [(1e100, 1e-90), (1e-100, 1e90)])
def test_scaling_changes_nothing_but_the_scale(scale, unit):
    X, y = signals()
    best = trained(X, y).certificate_.objective
    c = trained(X * scale, y * unit, 0.1 * scale * unit).certificate_
    assert c.objective == pytest.approx(best * unit**2, rel=1e-6)
    assert c.verify(X * scale, y * unit)


@pytest.mark.parametrize("seed", range(6))
def test_interior_points_get_away_from_walls(seed):
    random = np.random.default_rng(seed)
    X, Y = random.standard_normal((6, 4)), random.standard_normal((6, 2))
    model = trained(X, Y, 2e-3, loss="huber", delta=0.5, tol=1e-5)
    assert model.status_ == "converged"
    assert model.certificate_.verify(X, Y)


@pytest.mark.parametrize("patterns", ["auto", 20])
def test_filters_of_one_entry(patterns):
    X, y = signals()
    c = trained(X, y, kernel_size=1, patterns=patterns, random_state=0).certificate_
    best = trained(X, y, kernel_size=1).certificate_
    assert c.objective == pytest.approx(best.objective, rel=1e-6)  # two filters are all there are
    assert c.verify(X, y)


def test_search_with_little_room_is_above_the_bound(monkeypatch):
    X, y = signals(n=9, d=5, seed=6)
    best = trained(X, y).certificate_
    monkeypatch.setattr(_pooled_training, "_AUTO_CELLS", 0)
    monkeypatch.setattr(_pooled_program, "_SEARCH_BYTES", 8 * 9 * 5 * 2 * 3)  # three filters
    c = trained(X, y, tol=1e-4).certificate_
    assert c.n_cells <= 6
    assert best.lower_bound <= c.objective < 0.5 * y @ y
    assert c.lower_bound <= best.objective
    assert c.verify(X, y)


def test_images_are_searched():
    images, digits = load_digits(return_X_y=True)
    X, y = images[digits < 2][:60] / 16.0, digits[digits < 2][:60]
    options = {"input_shape": (8, 8), "kernel_size": 3, "bias": "regularized", "tol": 1e-3}
    model = trained(X, y, 1.0, kind=ConvReLUClassifier, **options)
    c, targets = model.certificate_, 2.0 * y - 1.0
    assert (c.scope, c.method) == ("global", "relaxation")
    assert model.score(X, y) == 1.0
    assert 0.0 < c.lower_bound < c.objective
    assert c.verify(X, targets)
    assert not type(c)(**{**vars(c), "lower_bound": 1.01 * c.lower_bound}).verify(X, targets)
    again = trained(X, y, 1.0, kind=ConvReLUClassifier, n_jobs=1, **options)
    assert again.certificate_.objective == c.objective


@pytest.mark.parametrize("patterns", ["auto", 300])
def test_deadline_returns_the_best_so_far(patterns):
    X, y = signals(n=80, d=20)
    model = ConvReLURegressor(
        0.01, kernel_size=4, pooling="max", patterns=patterns, max_time=0.3, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match="time_limit"):
        model.fit(X, y)
    c = model.certificate_
    assert c.lower_bound <= c.objective <= 0.5 * y @ y
    assert c.verify(X, y)


def test_huge_beta_leaves_nothing():
    X, y = signals(n=6)
    for patterns in ("auto", 30):
        model = trained(X, y, 1e3, patterns=patterns)
        assert model.network_.n_neurons == 0
        assert model.certificate_.objective == pytest.approx(0.5 * y @ y, rel=1e-12)
        assert model.certificate_.relative_gap <= 1e-7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bias": "free"}, "bias must be 'regularized' or 'none' with pooling='max', got 'free'"),
        ({"rank": 0}, "rank must be a positive integer, got 0"),
        ({"activation": "abs"}, "activation must be 'relu' with pooling='max', got 'abs'"),
        ({"activation": "leaky_relu", "negative_slope": 0.1}, "activation must be 'relu' with"),
        ({"loss": "absolute"}, r"loss must be one of .* with pooling='max', got 'absolute'"),
        ({"patterns": 0}, "patterns must be 'auto', 'exact' or a positive integer with pooling"),
        ({"patterns": sample_cells(np.eye(4), 3)}, "patterns must be 'auto', 'exact' or a"),
        ({"patterns": "all"}, "patterns must be"),
        ({"beta": 0.0}, "beta must be a positive"),
        ({"tol": -1.0}, "tol must be a positive"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        trained(*signals(), **options)


def test_too_many_cells_are_counted():
    X, y = signals(n=60, d=8)
    with pytest.raises(TooManyCells, match=r"the arrangement of X has 1,234,380 cells, 500"):
        trained(X, y, bias="regularized", patterns="exact")


def test_blocks_that_take_much_memory_are_counted(monkeypatch):
    X, y = signals(n=6)
    monkeypatch.setattr(_pooled_training, "_MOST_BYTES", 2**10)
    with pytest.raises(TooManyCells, match=r"patterns='exact': 23 selections, whose blocks take"):
        trained(X, y, patterns="exact")
    assert trained(X, y).certificate_.method == "relaxation"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        ConvReLURegressor(1e3, pooling="max", patterns=20),
        ConvReLUClassifier(1.0, pooling="max", patterns=20),
    ]
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)
