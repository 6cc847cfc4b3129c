"""The strength of the weight decay by cross-validation."""

import doctest
from pathlib import Path

import numpy as np
import pytest
from helpers import with_bias
from hypothesis import given
from hypothesis import strategies as st
from network_cv_data import BETAS, PLAIN, data_for, every_estimator, held_out_loss, make, signs
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit, StratifiedKFold

from cvxnn import (
    ReLUClassifierCV,
    ReLURegressorCV,
    beta_max,
    relu_path,
)
from cvxnn._folds import best_row
from cvxnn.arrangements import Cells, sample_cells


@every_estimator
@pytest.mark.parametrize("patterns", ["auto", 10, "cells"])
@pytest.mark.parametrize("weighted", [False, True])
def test_is_a_loop_over_folds(estimator, patterns, weighted):
    """A path over beta times the share of the weight, scored by the mean loss."""
    X, y = data_for(estimator)
    weight = np.linspace(0.5, 1.5, 24) if weighted else np.ones(24)
    if patterns == "cells":
        patterns = sample_cells(with_bias(X, "regularized"), 12, random_state=1)
    folds = list(ShuffleSplit(3, test_size=0.3, random_state=0).split(X))
    options = {"patterns": patterns, "n_jobs": 1, "random_state": 4}
    model = estimator(betas=[1.0, 3.0, 0.3], cv=folds, **options)
    assert model.fit(X, y, sample_weight=weight if weighted else None) is model
    assert model.betas_.tolist() == BETAS
    targets, loss = (y, "squared") if estimator is ReLURegressorCV else (signs(y), "logistic")
    scores = np.empty((3, 3))
    for k, (train, test) in enumerate(folds):
        if isinstance(patterns, Cells):
            options["patterns"] = Cells.from_dense(patterns.to_dense()[:, train])
        betas = weight[train].sum() / weight.sum() * np.array(BETAS)
        weights = {"loss": loss, "sample_weight": weight[train]}
        _, networks, _ = relu_path(X[train], targets[train], betas=betas, **weights, **options)
        for i, network in enumerate(networks):
            scores[i, k] = -held_out_loss(network, X[test], y[test], weight[test])
    assert model.scores_ == pytest.approx(scores, rel=1e-12)
    held_out = [weight[test].sum() for _, test in folds]
    assert model.beta_ == BETAS[np.argmax(scores @ held_out)]
    options["patterns"] = patterns
    final = PLAIN[estimator](model.beta_, **options).fit(X, y, sample_weight=weight)
    assert np.array_equal(model.predict(X), final.predict(X))
    assert model.certificate_.objective == final.certificate_.objective
    assert model.certificate_.lower_bound == final.certificate_.lower_bound
    assert (model.status_, model.n_iter_) == (final.status_, final.n_iter_)
    assert model.history_["objective"].tolist() == final.history_["objective"].tolist()


@every_estimator
def test_folds_are_paths_where_cells_are_searched(estimator):
    X, y = data_for(estimator, n=30, d=7)
    targets, loss = (y, "squared") if estimator is ReLURegressorCV else (signs(y), "logistic")
    folds = list(KFold(2).split(X))
    model = estimator(betas=[2.0, 1.0], cv=folds, n_jobs=1).fit(X, y)
    assert model.certificate_.method == "relaxation"
    for k, (rows, test) in enumerate(folds):
        path = relu_path(X[rows], targets[rows], betas=[1.0, 0.5], loss=loss, n_jobs=1)
        for i, network in enumerate(path[1]):
            plain = held_out_loss(network, X[test], y[test], np.ones(15))
            assert model.scores_[i, k] == pytest.approx(-plain, rel=1e-12)


@every_estimator
@pytest.mark.parametrize("bias", ["regularized", "none"])
def test_default_grid(estimator, bias):
    X, y = data_for(estimator)
    weight = np.linspace(0.5, 1.5, 24)
    model = estimator(n_betas=4, eps=0.05, cv=2, bias=bias, n_jobs=1)
    model.fit(X, y, sample_weight=weight)
    loss, targets = "squared", y
    if estimator is ReLUClassifierCV:
        loss, targets = "logistic", signs(y)
    largest = beta_max(X, targets, loss=loss, bias=bias, sample_weight=weight)
    assert model.betas_ == pytest.approx(largest * np.geomspace(1.0, 0.05, 4), rel=1e-9)
    assert model.scores_.shape == (4, 2)
    assert estimator().get_params()["n_betas"] == 20


def test_targets_without_a_signal():
    model = ReLURegressorCV(n_jobs=1).fit(np.arange(10.0)[:, None], np.zeros(10))
    assert model.betas_.tolist() == [1.0]
    assert model.scores_.tolist() == [[0.0] * 5]
    assert model.network_.n_neurons == 0


@pytest.mark.parametrize(
    "estimator, scoring",
    [
        (ReLURegressorCV, "r2"),
        (ReLURegressorCV, "neg_mean_squared_error"),
        (ReLURegressorCV, "neg_max_error"),  # takes no weights
        (ReLUClassifierCV, "accuracy"),
        (ReLUClassifierCV, "neg_log_loss"),
        (ReLUClassifierCV, "roc_auc"),
    ],
)
def test_scorers(estimator, scoring):
    """They score as in a grid search, whose betas are not multiplied."""
    X, y = data_for(estimator)
    model = make(estimator, scoring=scoring, tol=1e-9).fit(X, y)
    plain = PLAIN[estimator](tol=1e-9, n_jobs=1)
    grid = {"beta": [2.0 / 3.0 * beta for beta in BETAS]}
    search = GridSearchCV(plain, grid, cv=3, scoring=scoring).fit(X, y)
    for k in range(3):
        expected = search.cv_results_[f"split{k}_test_score"]
        assert model.scores_[:, k] == pytest.approx(expected, rel=1e-5)
    default = make(estimator, tol=1e-9).fit(X, y)
    if scoring == "neg_log_loss":
        assert default.scores_ == pytest.approx(model.scores_, rel=1e-9)
    if scoring == "neg_mean_squared_error":
        assert 2.0 * default.scores_ == pytest.approx(model.scores_, rel=1e-9)


def test_a_scorer_of_ones_own_gets_the_labels_and_the_weights():
    X, y = data_for(ReLUClassifierCV)
    weight = np.linspace(0.5, 1.5, 24)
    seen = []

    def scorer(model, X, y, sample_weight=None):
        seen.append((set(y), len(X), sample_weight))
        return float(model.predict_proba(X)[0, 1])

    make(ReLUClassifierCV, scoring=scorer).fit(X, y, sample_weight=weight)
    assert len(seen) == 9
    held_out = [test for _, test in StratifiedKFold(3).split(X, y)]
    for i, (labels, n, weights) in enumerate(seen):
        assert labels == {"yes", "no"}
        assert n == 8
        assert np.array_equal(weights, weight[held_out[i // 3]])
    seen.clear()
    make(ReLUClassifierCV, scoring=scorer).fit(X, y)
    assert [weights for _, _, weights in seen] == [None] * 9


@every_estimator
def test_the_larger_of_betas_that_tie(estimator):
    X, y = data_for(estimator)
    ranks = {beta: rank for rank, beta in enumerate(BETAS)}

    def choice(score_of_rank):
        def scorer(model, X, y):
            # in folds, betas are multiplied by 2/3
            return score_of_rank[ranks[round(1.5 * model.certificate_.beta, 6)]]

        return make(estimator, scoring=scorer).fit(X, y).beta_

    assert choice([0.1, 0.1, 0.1]) == 3.0
    assert choice([0.1, 0.7, 0.7]) == 1.0
    assert choice([0.1, 0.7, 0.7 + 1e-15]) == 1.0  # no more than rounding
    assert choice([-3.0, -2.0, -1.0]) == 0.3


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 5))
def test_the_first_row_of_the_best_mean(seed, n_rows, n_folds):
    random = np.random.default_rng(seed)
    scores = random.integers(-3, 3, (n_rows, n_folds))
    weight = random.integers(0, 3, n_folds) + (np.arange(n_folds) == 0)
    totals = (scores @ weight).tolist()  # exact
    assert best_row(scores / 7.0, weight / 3.0) == totals.index(max(totals))


@every_estimator
def test_weights_are_repetitions(estimator):
    X, y = data_for(estimator)
    weight = np.arange(24) % 3
    rows = np.repeat(np.arange(24), weight)
    folds = list(KFold(3).split(X))
    held_out = [np.isin(rows, test) for _, test in folds]
    repeated_folds = [(~test, test) for test in held_out]  # masks do as well
    weighted = estimator(n_betas=4, cv=folds, n_jobs=1).fit(X, y, sample_weight=weight)
    repeated = estimator(n_betas=4, cv=repeated_folds, n_jobs=1).fit(X[rows], y[rows])
    assert weighted.betas_ == pytest.approx(repeated.betas_, rel=1e-12)
    assert weighted.scores_ == pytest.approx(repeated.scores_, rel=1e-6)
    assert weighted.beta_ == pytest.approx(repeated.beta_, rel=1e-12)


@every_estimator
def test_samples_drawn_twice_weigh_twice(estimator):
    X, y = data_for(estimator)
    drawn = np.random.default_rng(1).integers(0, 24, 24)
    rest = np.setdiff1d(np.arange(24), drawn)
    model = make(estimator, cv=[(drawn, rest)], tol=1e-9).fit(X, y)
    for i, beta in enumerate(BETAS):
        plain = PLAIN[estimator](beta, tol=1e-9, n_jobs=1).fit(X[drawn], y[drawn])
        expected = -held_out_loss(plain.network_, X[rest], y[rest], np.ones(len(rest)))
        assert model.scores_[i, 0] == pytest.approx(expected, rel=1e-5)


@every_estimator
def test_scaled_weights_scale_the_grid_only(estimator):
    X, y = data_for(estimator)
    plain = estimator(n_betas=4, cv=3, n_jobs=1).fit(X, y)
    scaled = estimator(n_betas=4, cv=3, n_jobs=1).fit(X, y, sample_weight=np.full(24, 4.0))
    assert scaled.betas_ == pytest.approx(4.0 * plain.betas_, rel=1e-9)
    assert scaled.scores_ == pytest.approx(plain.scores_, rel=1e-6)
    assert scaled.beta_ == pytest.approx(4.0 * plain.beta_, rel=1e-9)


@every_estimator
def test_folds_without_weight(estimator):
    X, y = data_for(estimator)
    folds = list(KFold(4).split(X))
    weight = np.ones(24)
    weight[folds[1][1]] = 0.0
    model = make(estimator, cv=folds).fit(X, y, sample_weight=weight)
    assert not model.scores_[:, 1].any()
    kept = np.flatnonzero(weight)
    parts = [tuple(np.isin(kept, part) for part in fold) for i, fold in enumerate(folds) if i != 1]
    removed = make(estimator, cv=parts).fit(X[kept], y[kept])
    assert removed.scores_ == pytest.approx(model.scores_[:, [0, 2, 3]], rel=1e-12)
    assert removed.beta_ == model.beta_


def test_folds_of_classifiers_are_stratified():
    X, y = data_for(ReLUClassifierCV)
    order = np.argsort(y, kind="stable")  # consecutive folds would lack a class
    X, y = X[order], y[order]
    given = list(StratifiedKFold(5).split(X, y))
    model = make(ReLUClassifierCV, cv=None).fit(X, y)
    assert np.array_equal(model.scores_, make(ReLUClassifierCV, cv=given).fit(X, y).scores_)


def test_a_class_that_is_held_out():
    X, y = data_for(ReLUClassifierCV)
    rows = np.arange(24)
    folds = [(rows, rows), (rows[y == "no"], rows[y == "yes"])]
    message = "without the samples held out in fold 1: y must hold two classes, but only one class"
    with pytest.raises(ValueError, match=message):
        make(ReLUClassifierCV, cv=folds).fit(X, y)
    weight = 1.0 * (rows != rows[y == "yes"][0])  # one sample of the class is left, of weight zero
    folds[1] = (np.r_[rows[y == "no"], rows[y == "yes"][:1]], rows[y == "yes"])
    with pytest.raises(ValueError, match=message):
        make(ReLUClassifierCV, cv=folds).fit(X, y, sample_weight=weight)
    # the held-out part may lack a class
    folds[1] = (rows, rows[y == "yes"])
    assert np.isfinite(make(ReLUClassifierCV, cv=folds).fit(X, y).scores_).all()


def test_the_page_of_documentation():
    page = Path(__file__).parents[2] / "docs" / "cross_validation.md"
    results = doctest.testfile(str(page), module_relative=False)
    assert results.attempted > 0
    assert results.failed == 0
