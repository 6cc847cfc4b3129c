"""Estimators under other norms of hidden weights: hostile data, networks, arguments."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
from helpers import gaussian_problem
from hidden_norm_reference import NORMS, classifier, norms_of, regressor
from scipy.linalg import circulant
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from cvxnn import (
    CircularNetwork,
    CircularReLUClassifier,
    CircularReLURegressor,
    Network,
    NormReLUClassifier,
    NormReLURegressor,
)
from cvxnn.arrangements import Cells, TooManyCells
from cvxnn.networks.hidden_norms._circular_network import circular_network_of
from cvxnn.networks.hidden_norms._norm_program import NormNeurons

every_norm = pytest.mark.parametrize("norm", NORMS)


@every_norm
@pytest.mark.parametrize("X", [np.zeros((3, 2)), np.ones((3, 1)), np.ones((1, 2)), -np.eye(2)])
@pytest.mark.parametrize("patterns", ["auto", 10])
def test_poor_data_are_fitted_as_well_as_they_can_be(norm, X, patterns):
    y = np.arange(1.0, len(X) + 1.0)
    model = regressor(norm, 0.1, patterns=patterns, random_state=0, tol=1e-5).fit(X, y)
    c = model.certificate_
    assert model.status_ == "converged"
    assert c.lower_bound <= c.objective <= 0.5 * y @ y
    assert c.verify(X, y)
    if not X.any():
        assert model.network_.n_neurons == 0


@every_norm
@pytest.mark.parametrize("scale", [1e-150, 1e-6, 1e6, 1e150])
def test_scaling_changes_nothing_but_the_scale(norm, scale):
    X, y = gaussian_problem(7, 3, seed=5)
    best = regressor(norm, 0.1, tol=1e-6).fit(X, y).certificate_.objective
    model = regressor(norm, 0.1 * scale, tol=1e-6).fit(X * scale, y)
    assert model.certificate_.objective == pytest.approx(best, rel=1e-6)
    assert model.certificate_.verify(X * scale, y)


@every_norm
@pytest.mark.parametrize(("scale", "unit"), [(1e100, 1e-90), (1e-100, 1e90)])
def test_vectors_have_norms_where_their_squares_are_out_of_range(norm, scale, unit):
    X, y = gaussian_problem(7, 3, seed=5)
    X[0] = 0.0
    best = regressor(norm, 0.1, tol=1e-6).fit(X, y).certificate_.objective
    model = regressor(norm, 0.1 * scale * unit, tol=1e-6).fit(X * scale, y * unit)
    assert model.certificate_.objective == pytest.approx(best * unit**2, rel=1e-6)
    assert model.certificate_.verify(X * scale, y * unit)


@every_norm
@pytest.mark.parametrize("beta", [1e-20, 1e-15, 1e-10])
def test_bounds_are_below_networks_that_fit_when_rounding_is_larger_than_beta(norm, beta):
    X, y = np.eye(3)[:2], np.array([1.0, -1.0])
    best = beta * norms_of(norm, X).sum()  # neurons along the samples fit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for scale in (1.0, 1e14):
            c = regressor(norm, beta * scale).fit(X, scale * y).certificate_
            assert c.lower_bound <= best * scale**2 * (1.0 + 1e-9)
            assert c.objective <= 1e-3 * scale**2


@every_norm
def test_integers_with_many_ties(norm):
    X = np.array([[a, b, c] for a in (-1, 0, 1) for b in (0, 1) for c in (0, 2)], dtype=float)
    y = np.abs(X[:, 0]) - X[:, 1] * X[:, 2]
    model = regressor(norm, 0.05, tol=1e-5).fit(X, y)
    assert (model.status_, model.certificate_.scope) == ("converged", "global")
    assert model.certificate_.verify(X, y)


@every_norm
def test_number_of_threads_changes_nothing(norm):
    X, y = gaussian_problem(30, 4, seed=6)
    one, two = (
        regressor(norm, 0.3, patterns=200, random_state=0, n_jobs=n_jobs).fit(X, y)
        for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(one.network_.hidden_weights, two.network_.hidden_weights)


@every_norm
def test_huge_beta_leaves_nothing(norm):
    X, y = gaussian_problem(6, 2, seed=11)
    for patterns in ("auto", 8):
        model = regressor(norm, 1e3, patterns=patterns, random_state=0).fit(X, y)
        assert model.network_.n_neurons == 0
        assert model.certificate_.objective == pytest.approx(0.5 * y @ y, rel=1e-12)
        np.testing.assert_array_equal(model.predict(X), 0.0)


@every_norm
def test_deadline_returns_the_best_so_far(norm):
    X, y = gaussian_problem(100, 8, seed=1)
    model = regressor(norm, 0.01, patterns=500, random_state=0, max_time=0.05)
    with pytest.warns(ConvergenceWarning, match="time_limit"):
        model.fit(X, y)
    c = model.certificate_
    assert c.lower_bound <= c.objective <= 0.5 * y @ y
    assert c.verify(X, y)


@every_norm
def test_given_cells_and_pickles(norm):
    X, y = gaussian_problem(9, 3, seed=12)
    every = regressor(norm, 0.1).fit(X, y)
    given = Cells.from_dense((np.random.default_rng(0).standard_normal((5, 3)) @ X.T) > 0.0)
    few = regressor(norm, 0.1, patterns=given).fit(X, y)
    assert few.certificate_.n_cells == 5
    assert few.certificate_.objective > every.certificate_.lower_bound
    again = pickle.loads(pickle.dumps(few))
    assert again.certificate_.verify(X, y)
    np.testing.assert_array_equal(again.predict(X), few.predict(X))


@every_norm
def test_classes_are_learned(norm):
    random = np.random.default_rng(13)
    X = random.standard_normal((12, 2))
    labels = np.where(X[:, 0] * X[:, 1] > 0.0, "same", "other")
    for loss in ("logistic", "squared_hinge"):
        model = classifier(norm, 0.02, loss=loss).fit(X, labels)
        assert model.score(X, labels) == 1.0
        assert model.certificate_.verify(X, np.where(labels == "same", 1.0, -1.0))
    balanced = classifier(norm, 0.02, class_weight="balanced").fit(X, labels)
    assert balanced.predict_proba(X).shape == (12, 2)


@pytest.mark.parametrize("d", [1, 2, 5, 6])
def test_circular_networks_are_products_of_circulant_matrices(d):
    random = np.random.default_rng(d)
    u, w, a = (random.standard_normal(shape) for shape in ((3, d), (3, d), (3, 2)))
    X = random.standard_normal((7, d))
    network = CircularNetwork(u, w, a)
    hidden = np.column_stack([X @ circulant(f) @ v for f, v in zip(u, w, strict=True)])
    np.testing.assert_allclose(network.predict(X), np.maximum(hidden, 0.0) @ a, atol=1e-12)
    short = CircularNetwork(u / np.linalg.norm(u, axis=1)[:, None], w, a)
    squares = np.sum(w**2) + np.sum(np.abs(a).sum(axis=1) ** 2)
    assert short.penalty() == pytest.approx(0.5 * squares, rel=1e-13)
    assert CircularNetwork(2.0 * short.filters, w, a).penalty() == np.inf


@pytest.mark.parametrize("d", [1, 2, 5, 6])
def test_mapped_circular_networks_cost_the_norm(d):
    random = np.random.default_rng(d)
    vectors = random.standard_normal((4, d))
    vectors[0] = 1.0  # one frequency alone
    places = np.array([0, 1, 1, 0])
    neurons = NormNeurons(vectors, np.array([1.0, -1.0, 1.0, -1.0]), places, places)
    network = circular_network_of(neurons, 2)
    np.testing.assert_allclose(np.linalg.norm(network.filters, axis=1), 1.0, rtol=1e-12)
    assert network.penalty() == pytest.approx(norms_of("circular", vectors).sum(), rel=1e-12)
    X = random.standard_normal((5, d))
    expected = np.zeros((5, 2))
    for u, sign, place in zip(vectors, neurons.signs, places, strict=True):
        expected[:, place] += sign * np.maximum(X @ u, 0.0)
    np.testing.assert_allclose(network.predict(X), expected, atol=1e-12)


def test_circular_network_in_files_and_modules(tmp_path):
    X, y = gaussian_problem(8, 4, seed=14)
    network = CircularReLURegressor(0.1).fit(X, y).network_
    network.save(tmp_path / "network.npz")
    again = CircularNetwork.load(tmp_path / "network.npz")
    np.testing.assert_array_equal(again.predict(X), network.predict(X))
    assert CircularNetwork(np.zeros((0, 4)), np.zeros((0, 4)), np.zeros((0, 1))).penalty() == 0.0
    torch = pytest.importorskip("torch")
    found = network.to_torch()(torch.from_numpy(X)).detach().numpy()
    np.testing.assert_allclose(found[:, 0], network.predict(X), atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"filters": np.ones(3)}, "filters must have 2 dimensions, got shape"),
        ({"dense_weights": np.ones((2, 4))}, r"dense_weights has shape \(2, 4\), expected \(2, 3"),
        ({"output_weights": np.ones((1, 1))}, r"output_weights has shape \(1, 1\), expected"),
        ({"filters": np.ones((2, 0))}, r"filters must have a column at least, got shape \(2, 0"),
        ({"filters": np.full((2, 3), np.nan)}, "filters holds NaN or infinity"),
    ],
)
def test_bad_circular_networks(change, message):
    arrays = {"filters": np.ones((2, 3)), "dense_weights": np.ones((2, 3))}
    with pytest.raises(ValueError, match=message):
        CircularNetwork(**{**arrays, "output_weights": np.ones((2, 1)), **change})


def test_certificates_of_norms_that_are_not_known():
    X, y = gaussian_problem(4, 2, seed=0)
    c = CircularReLURegressor(0.1).fit(X, y).certificate_
    with pytest.raises(ValueError, match="hidden_norm must be one of 'l1', 'linf', 'circular'"):
        replace(c, hidden_norm="l2").verify(X, y)


def test_bad_data_of_circular_networks():
    network = CircularNetwork(np.zeros((2, 3)), np.ones((2, 3)), np.ones((2, 1)))
    with pytest.raises(ValueError, match=r"X must have shape \(n, 3\), got \(5, 4\)"):
        network.predict(np.ones((5, 4)))
    with pytest.raises(ValueError, match="beta must be"):
        network.objective(np.ones((5, 3)), np.ones(5), beta=-1.0)


@pytest.mark.parametrize(("norm", "order"), [("l1", 1.0), ("l2", 2.0), ("linf", np.inf)])
@pytest.mark.parametrize("bias", ["regularized", "none"])
def test_objectives_have_the_norm(norm, order, bias):
    random = np.random.default_rng(15)
    W, b, a = random.standard_normal((3, 2)), random.standard_normal(3), [[1.0], [-2.0], [0.5]]
    b *= bias != "none"
    network = Network(W, b, a, [0.0])
    X, y = gaussian_problem(4, 2, seed=0)
    norms = np.linalg.norm(np.column_stack([W, b]), order, axis=1)
    expected = 0.5 * np.sum((network.predict(X) - y) ** 2)
    expected += 0.15 * (np.sum(norms**2) + np.sum(np.square(a)))
    found = network.objective(X, y, beta=0.3, bias=bias, hidden_norm=norm)
    assert found == pytest.approx(expected, rel=1e-13)


def test_objectives_refuse_what_has_no_norm():
    X, y = gaussian_problem(4, 2, seed=0)
    network = Network(np.ones((1, 2)), [0.0], [[1.0]], [0.0])
    with pytest.raises(ValueError, match="hidden_norm must be one of 'l2', 'l1', 'linf', got 'l3'"):
        network.objective(X, y, beta=1.0, hidden_norm="l3")
    with pytest.raises(ValueError, match="hidden_norm='l1' does not go with bias='free'"):
        network.objective(X, y, beta=1.0, bias="free", hidden_norm="l1")
    steps = Network(np.ones((1, 2)), [0.0], [[1.0]], [0.0], "threshold")
    with pytest.raises(ValueError, match="hidden_norm='linf' does not go with activation="):
        steps.objective(X, y, beta=1.0, hidden_norm="linf")


@every_norm
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": 0.0}, "beta must be a positive finite number, got 0.0"),
        ({"beta": "small"}, "beta must be a positive finite number, got 'small'"),
        ({"tol": 0.0}, "tol must be a positive finite number, got 0.0"),
        ({"max_time": -1.0}, "max_time must be a positive finite number"),
        ({"loss": "absolute"}, "loss must be one of 'squared', 'huber', got 'absolute'"),
        ({"patterns": 0}, "patterns must be .* got 0"),
        ({"patterns": "all"}, "patterns must be .* got 'all'"),
        ({"patterns": Cells.from_dense(np.ones((3, 9)))}, "patterns has 9 .* X has 8 samples"),
        ({"n_jobs": 0}, "n_jobs must be None or a non-zero integer, got 0"),
    ],
)
def test_bad_arguments_are_named(norm, options, message):
    X, y = gaussian_problem(8, 2, seed=0)
    with pytest.raises(ValueError, match=message):
        regressor(norm, **{"beta": 1.0, **options}).fit(X, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_norm": "l2"}, "hidden_norm must be one of 'l1', 'linf', got 'l2'"),
        ({"hidden_norm": None}, "hidden_norm must be one of 'l1', 'linf', got None"),
        ({"bias": "free"}, "bias must be one of 'regularized', 'none', got 'free'"),
    ],
)
def test_bad_norms_and_biases_are_named(options, message):
    X, y = gaussian_problem(8, 2, seed=0)
    with pytest.raises(ValueError, match=message):
        NormReLURegressor(**options).fit(X, y)
    with pytest.raises(ValueError, match=message):
        NormReLUClassifier(**options).fit(X, y > 0.0)


@every_norm
def test_classifiers_refuse_losses_with_kinks(norm):
    X, y = gaussian_problem(8, 2, seed=0)
    with pytest.raises(ValueError, match="loss must be one of 'logistic', 'squared_hinge'"):
        classifier(norm, 1.0, loss="hinge").fit(X, y > 0.0)


@every_norm
def test_too_many_cells_are_counted(norm):
    X, y = gaussian_problem(200, 8, seed=0)
    with pytest.raises(TooManyCells, match=r"patterns='exact': .* use patterns='auto' or a number"):
        regressor(norm, 1.0, patterns="exact").fit(X, y)


@every_norm
@pytest.mark.parametrize("width", [1e-11, 1e-9, 1e-7, 1e-5])
def test_narrow_cells_are_bounded_as_closely(norm, width):
    random = np.random.default_rng(16)
    X = random.integers(-2, 3, (8, 3)) + width * random.standard_normal((8, 3))
    y = random.standard_normal(8)
    model = regressor(norm, 0.1).fit(X, y)
    c = model.certificate_
    assert (model.status_, c.method) == ("converged", "cells")
    assert c.relative_gap <= 1e-4
    assert c.verify(X, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        NormReLURegressor(10.0, patterns=50),
        NormReLUClassifier(0.1, hidden_norm="linf", patterns=30),
        CircularReLURegressor(10.0, patterns=50),
        CircularReLUClassifier(0.1, patterns=30),
    ]
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)
