"""What the estimators accept, return and warn about."""

import pickle

import numpy as np
import pytest
from helpers import gaussian_problem, with_bias
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cvxnn import GatedNetwork, GatedReLURegressor, Network, ReLUClassifier, ReLURegressor
from cvxnn.arrangements import Cells, enumerate_cells, sample_cells

ESTIMATORS = [ReLURegressor, ReLUClassifier, GatedReLURegressor]
every_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)


def data_for(estimator, n=12, d=2, seed=0):
    loss = "logistic" if estimator is ReLUClassifier else "squared"
    return gaussian_problem(n, d, seed=seed, loss=loss)


@every_estimator
def test_fitted_attributes(estimator, capfd):
    X, y = data_for(estimator)
    model = estimator(0.1, n_jobs=1)
    assert model.fit(X, y) is model
    assert type(model.network_) is (GatedNetwork if estimator is GatedReLURegressor else Network)
    assert model.status_ == "converged"
    assert model.n_iter_ >= 1
    assert model.n_features_in_ == 2
    assert not hasattr(model, "feature_names_in_")
    certificate = model.certificate_
    assert 0.0 <= certificate.relative_gap <= 1e-4
    assert model.history_.dtype.names == ("seconds", "objective", "lower_bound", "n_neurons")
    assert (np.diff(model.history_["lower_bound"]) >= 0.0).all()
    assert (np.diff(model.history_["seconds"]) >= 0.0).all()
    assert model.history_["lower_bound"][-1] == certificate.lower_bound
    assert model.history_["n_neurons"][-1] == model.network_.n_neurons
    model.predict(X)
    model.score(X, y)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""  # the library prints nothing


@every_estimator
def test_predict_before_fit(estimator):
    with pytest.raises(NotFittedError):
        estimator().predict(np.ones((2, 2)))


@every_estimator
@pytest.mark.parametrize("bias", ["regularized", "none"])
def test_patterns(estimator, bias):
    X, y = data_for(estimator)
    design = with_bias(X, bias)
    every = enumerate_cells(design)

    def fit(patterns):
        options = {"bias": bias, "n_jobs": 1, "tol": 1e-7, "random_state": 0}
        return estimator(0.1, patterns=patterns, **options).fit(X, y).certificate_

    exact, auto, cells = fit("exact"), fit("auto"), fit(every)
    assert exact.objective == auto.objective
    assert cells.objective == pytest.approx(exact.objective, rel=1e-7)
    assert exact.scope == auto.scope == "global"
    assert exact.method == auto.method == "cells"
    assert (cells.scope, cells.method) == ("patterns", "patterns")
    assert exact.n_cells == cells.n_cells == len(every)
    assert cells.cells == every
    assert exact.cells is None

    sampled = fit(5)
    assert (sampled.scope, sampled.n_cells) == ("patterns", 5)
    assert sampled.objective >= exact.lower_bound
    assert fit(np.int64(5)).objective == sampled.objective
    assert 5 < fit(10**6).n_cells <= len(every)  # cells may be too thin to be met


def test_sampled_patterns_are_those_of_sample_cells():
    X, y = data_for(ReLURegressor)
    model = ReLURegressor(0.1, patterns=7, bias="none", n_jobs=1, random_state=3).fit(X, y)
    expected = sample_cells(X, 7, random_state=3)
    found = model.certificate_.cells
    assert np.array_equal(np.unique(found.packed), np.unique(expected.packed))


def test_predictions_are_those_of_the_network():
    X, y = data_for(ReLURegressor)
    model = ReLURegressor(0.1, n_jobs=1).fit(X, y)
    new = np.random.default_rng(9).standard_normal((5, 2))
    assert np.array_equal(model.predict(new), model.network_.predict(new))


@pytest.mark.parametrize("labels", [(-1, 1), (0, 1), ("no", "yes"), (3.0, 7.0), (False, True)])
def test_labels_and_probabilities(labels):
    X, y = data_for(ReLUClassifier, n=20)
    named = np.where(y > 0.0, labels[1], labels[0])
    model = ReLUClassifier(0.1, n_jobs=1).fit(X, named)
    plain = ReLUClassifier(0.1, n_jobs=1).fit(X, y)
    assert model.classes_.tolist() == list(labels)
    outputs = model.decision_function(X)
    assert np.array_equal(outputs, plain.decision_function(X))
    assert np.array_equal(outputs, model.network_.predict(X))
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (20, 2)
    assert probabilities.sum(axis=1) == pytest.approx(1.0)
    assert probabilities[:, 1] == pytest.approx(1.0 / (1.0 + np.exp(-outputs)))
    assert np.array_equal(model.predict(X), model.classes_[probabilities.argmax(axis=1)])
    assert np.array_equal(model.predict(X) == labels[1], outputs > 0.0)


@every_estimator
@pytest.mark.parametrize("patterns", ["exact", 8])
def test_weights_are_repetitions(estimator, patterns):
    X, y = data_for(estimator)
    weight = np.array([1, 2, 1, 0, 3, 1, 1, 0, 1, 1, 2, 1])
    rows = np.repeat(np.arange(12), weight)
    weighted = estimator(0.1, patterns=patterns, n_jobs=1, random_state=0)
    weighted.fit(X, y, sample_weight=weight)
    repeated = estimator(0.1, patterns=patterns, n_jobs=1, random_state=0).fit(X[rows], y[rows])
    assert weighted.certificate_.objective == repeated.certificate_.objective
    assert weighted.certificate_.lower_bound == repeated.certificate_.lower_bound
    assert np.array_equal(weighted.predict(X), repeated.predict(X))
    assert weighted.certificate_.verify(X, y, sample_weight=weight)
    removed = estimator(0.1, patterns=patterns, n_jobs=1, random_state=0)
    removed.fit(X[weight > 0], y[weight > 0], sample_weight=weight[weight > 0])
    assert np.array_equal(weighted.predict(X), removed.predict(X))


@every_estimator
def test_unit_weights_change_nothing(estimator):
    X, y = data_for(estimator)
    plain = estimator(0.1, n_jobs=1).fit(X, y)
    weighted = estimator(0.1, n_jobs=1).fit(X, y, sample_weight=np.ones(12))
    assert np.array_equal(plain.predict(X), weighted.predict(X))
    # weights and beta scaled together scale the objective
    scaled = estimator(0.2, n_jobs=1).fit(X, y, sample_weight=np.full(12, 2.0))
    assert scaled.certificate_.objective == pytest.approx(2.0 * plain.certificate_.objective)


@every_estimator
def test_given_cells_and_zero_weights(estimator):
    X, y = data_for(estimator)
    cells = sample_cells(with_bias(X, "regularized"), 10, random_state=0)
    weight = np.ones(12)
    weight[4] = 0.0
    rest = np.arange(12) != 4
    weighted = estimator(0.1, patterns=cells, n_jobs=1).fit(X, y, sample_weight=weight)
    part = Cells.from_dense(cells.to_dense()[:, rest])
    removed = estimator(0.1, patterns=part, n_jobs=1).fit(X[rest], y[rest])
    assert weighted.certificate_.objective == removed.certificate_.objective


def test_one_column_of_labels():
    X, y = data_for(ReLUClassifier)
    with pytest.warns(DataConversionWarning):
        column = ReLUClassifier(0.1, n_jobs=1).fit(X, y[:, None])
    expected = ReLUClassifier(0.1, n_jobs=1).fit(X, y).predict(X)
    assert column.predict(X).shape == (12,)
    assert np.array_equal(column.predict(X), expected)


@every_estimator
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames(estimator, library):
    frames = pytest.importorskip(library)
    X, y = data_for(estimator)
    frame = frames.DataFrame({"width": X[:, 0], "height": X[:, 1]})
    target = frames.Series("target", y) if library == "polars" else frames.Series(y)
    model = estimator(0.1, n_jobs=1).fit(frame, target)
    assert model.feature_names_in_.tolist() == ["width", "height"]
    assert np.array_equal(model.predict(frame), estimator(0.1, n_jobs=1).fit(X, y).predict(X))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["height", "width"]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)


@every_estimator
def test_float32_lists_and_fortran_order(estimator):
    X, y = data_for(estimator)
    X, y = X.astype(np.float32), y.astype(np.float32)
    expected = estimator(0.1, n_jobs=1).fit(X.astype(np.float64), y.astype(np.float64))
    for given in (X, np.asfortranarray(X), X.tolist(), X[::-1][::-1]):
        model = estimator(0.1, n_jobs=1).fit(given, y)
        predictions = model.predict(X)
        assert np.array_equal(predictions, expected.predict(X))
        assert model.network_.hidden_weights.dtype == np.float64


@every_estimator
def test_clone_and_pickle(estimator):
    X, y = data_for(estimator)
    cells = sample_cells(with_bias(X, "regularized"), 10, random_state=0)
    model = estimator(0.1, patterns=cells, tol=1e-3, n_jobs=1)
    copy = clone(model)
    assert copy.patterns == cells
    assert copy.get_params().keys() == model.get_params().keys()
    model.fit(X, y)
    restored = pickle.loads(pickle.dumps(model))
    assert np.array_equal(restored.predict(X), model.predict(X))
    assert restored.certificate_.verify(X, y)
    assert restored.certificate_.lower_bound == model.certificate_.lower_bound


@every_estimator
def test_pipeline_and_grid_search(estimator):
    X, y = data_for(estimator, n=24)
    pipeline = make_pipeline(StandardScaler(), estimator(patterns=10, n_jobs=1, random_state=0))
    grid = {f"{estimator.__name__.lower()}__beta": [0.1, 10.0]}
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(X, y)
    assert search.predict(X).shape == (24,)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@every_estimator
def test_max_time(estimator):
    X, y = data_for(estimator, n=300, d=8)
    model = estimator(1e-2, patterns=300, tol=1e-12, max_time=0.05, n_jobs=1, random_state=0)
    with pytest.warns(ConvergenceWarning, match="stopped with status 'time_limit'.*tol=1e-12"):
        model.fit(X, y)
    assert model.status_ == "time_limit"
    certificate = model.certificate_
    assert 0.0 <= certificate.lower_bound < certificate.objective
    assert certificate.verify(X, y)
    assert np.isfinite(model.predict(X)).all()
