"""Regression of several targets, and gated networks with several outputs."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from helpers import gaussian_problem, reference_optimum
from scipy.sparse import csr_array
from sklearn.base import clone

from cvxnn import (
    DeepLinearRegressor,
    GatedReLUClassifier,
    GatedReLURegressor,
    ReLURegressor,
    ReLURegressorCV,
    certify,
)
from cvxnn.arrangements import enumerate_cells


def problem(n=40, d=2, n_targets=3, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, d))
    mixed = np.abs(X) @ random.standard_normal((d, n_targets))
    return X, mixed + 0.1 * random.standard_normal((n, n_targets))


@pytest.mark.parametrize(
    ("estimator", "options", "d"),
    [
        (ReLURegressor, {}, 2),
        (ReLURegressor, {"bias": "free", "loss": "huber", "delta": 0.5}, 2),
        (ReLURegressor, {"activation": "abs", "bias": "none"}, 2),
        (ReLURegressor, {"patterns": 30, "random_state": 0}, 8),
        (GatedReLURegressor, {"patterns": 30, "random_state": 0}, 8),
        (GatedReLURegressor, {"patterns": 30, "random_state": 0, "loss": "absolute"}, 8),
    ],
)
def test_targets_are_problems_of_their_own(estimator, options, d):
    X, Y = problem(d=d)
    model = estimator(1.0, tol=1e-6, n_jobs=1, **options).fit(X, Y)
    alone = [clone(model).fit(X, y) for y in Y.T]
    certificate = model.certificate_
    assert model.status_ == "converged"
    expected = sum(one.certificate_.objective for one in alone)
    assert certificate.objective == pytest.approx(expected, rel=3e-6)
    assert certificate.dual.shape == Y.shape
    assert certificate.verify(X, Y)
    assert model.predict(X).shape == Y.shape
    together = np.column_stack([one.predict(X) for one in alone])
    assert model.predict(X) == pytest.approx(together, abs=2e-2)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict(X), model.predict(X))


def test_where_cells_are_searched():
    X, Y = problem(n=25, d=9, n_targets=2, seed=1)
    model = ReLURegressor(2.0, tol=1e-3, n_jobs=1).fit(X, Y)
    certificate = model.certificate_
    assert (certificate.scope, certificate.method) == ("global", "relaxation")
    assert 0.0 < certificate.lower_bound < certificate.objective
    alone = [ReLURegressor(2.0, tol=1e-3, n_jobs=1).fit(X, y).certificate_ for y in Y.T]
    assert certificate.objective == pytest.approx(sum(c.objective for c in alone), rel=1e-2)
    assert certificate.verify(X, Y)


def test_a_column_is_a_target_of_its_own_shape():
    X, Y = problem(n_targets=1)
    column, flat = ReLURegressor(1.0).fit(X, Y), ReLURegressor(1.0).fit(X, Y[:, 0])
    assert column.predict(X).shape == (40, 1)
    assert np.array_equal(column.predict(X)[:, 0], flat.predict(X))
    assert column.certificate_.objective == flat.certificate_.objective


def test_no_neurons():
    X, Y = problem()
    model = ReLURegressor(1e6).fit(X, Y)
    assert model.network_.n_neurons == 0
    assert np.array_equal(model.predict(X), np.zeros((40, 3)))


def test_certify_and_cross_validation():
    X, Y = problem(n=24, n_targets=2)
    model = ReLURegressorCV(betas=[1.0, 30.0], cv=3, n_jobs=1).fit(X, Y)
    assert model.predict(X).shape == Y.shape
    assert model.beta_ == 1.0
    certificate = certify(model.network_, X, Y, beta=model.beta_, n_jobs=1)
    assert certificate.objective == model.certificate_.objective
    scored = ReLURegressorCV(betas=[1.0, 30.0], cv=3, scoring="r2", n_jobs=1).fit(X, Y)
    assert np.all(scored.scores_[1] > scored.scores_[0])


def test_samples_given_twice_are_weights():
    X, Y = problem(n=20)
    weighted = ReLURegressor(1.0, n_jobs=1).fit(X, Y, sample_weight=np.full(20, 2.0))
    twice = ReLURegressor(1.0, n_jobs=1).fit(np.vstack([X, X]), np.vstack([Y, Y]))
    assert np.array_equal(weighted.predict(X), twice.predict(X))


def test_gated_neurons_that_targets_share_are_not_below_the_bound():
    X, Y = problem(n=12, n_targets=1)
    both = np.column_stack([Y, Y])
    certificate = GatedReLURegressor(0.1, patterns="exact").fit(X, both).certificate_
    shared = GatedReLURegressor(0.1, patterns="exact").fit(X, Y).network_
    for scale in (0.5, 0.8, 1.0):
        outputs = scale * np.column_stack([shared.output_weights] * 2)
        network = replace(shared, output_weights=outputs)
        assert network.objective(X, both, beta=0.1) >= certificate.lower_bound


@pytest.mark.parametrize("loss", ["squared", "absolute", "huber"])
@pytest.mark.parametrize("shift", [1e4, 1e6])
def test_free_biases_do_not_see_a_shift_of_targets(loss, shift):
    X, Y = problem(n=12, n_targets=2)
    options = {"bias": "free", "loss": loss, "delta": 0.5, "tol": 1e-6, "n_jobs": 1}
    plain = ReLURegressor(0.5, **options).fit(X, Y)
    moved = ReLURegressor(0.5, **options).fit(X, Y + np.array([shift, 1.0]))
    assert moved.status_ == "converged"
    assert moved.certificate_.objective == pytest.approx(plain.certificate_.objective, rel=3e-6)
    assert moved.certificate_.lower_bound <= plain.certificate_.objective * (1.0 + 1e-7)
    assert moved.certificate_.verify(X, Y + np.array([shift, 1.0]))
    assert moved.predict(X) - [shift, 1.0] == pytest.approx(plain.predict(X), abs=2e-2)


def test_sparse_targets_are_refused():
    X, Y = problem()
    for estimator in (ReLURegressor(), GatedReLURegressor(), DeepLinearRegressor()):
        with pytest.raises(ValueError, match="y must be dense"):
            estimator.fit(X, csr_array(Y))


def test_gated_classifier_is_equal_to_cvxpy():
    X, y = gaussian_problem(12, 2, seed=0, loss="logistic")
    model = GatedReLUClassifier(0.3, patterns="exact", bias="none", tol=1e-7).fit(X, y)
    patterns = enumerate_cells(X).to_dense()
    expected = reference_optimum(X, patterns, y, 0.3, loss="logistic", cones=False)
    assert model.certificate_.objective == pytest.approx(expected, rel=1e-6)
    assert model.certificate_.verify(X, y)
    own = model.network_.objective(X, y, beta=0.3, loss="logistic")
    assert model.certificate_.objective == pytest.approx(own, rel=1e-12)


@pytest.mark.parametrize("loss", ["logistic", "hinge", "squared_hinge"])
def test_gated_classifier(loss):
    X, Y = problem(n=60, d=6)
    labels = np.where(Y[:, 0] > np.median(Y[:, 0]), "high", "low")
    model = GatedReLUClassifier(0.5, loss=loss, patterns=40, random_state=0).fit(X, labels)
    assert (model.status_, model.certificate_.scope) == ("converged", "patterns")
    assert set(model.predict(X)) == {"high", "low"}
    assert model.score(X, labels) > 0.8
    assert model.certificate_.verify(X, np.where(labels == "low", 1.0, -1.0))


def test_gated_classifier_of_several_classes():
    X, Y = problem(n=60, d=6)
    labels = (Y - Y.mean(axis=0)).argmax(axis=1)
    model = GatedReLUClassifier(0.5, patterns=40, random_state=0).fit(X, labels)
    assert model.predict_proba(X).shape == (60, 3)
    assert model.predict_proba(X).sum(axis=1) == pytest.approx(np.ones(60))
    assert model.score(X, labels) > 0.8
    assert model.certificate_.verify(X, 1.0 * (labels[:, None] == np.arange(3)))


@pytest.mark.parametrize("estimator", [GatedReLUClassifier, GatedReLURegressor])
def test_gated_networks_have_no_free_biases(estimator):
    with pytest.raises(ValueError, match="bias must be one of"):
        estimator(bias="free").fit(np.eye(4), [0, 1, 0, 1])
