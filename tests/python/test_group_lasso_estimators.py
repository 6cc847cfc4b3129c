"""What the estimators of the group lasso accept, return and warn about."""

import pickle
from itertools import product

import numpy as np
import pytest
import scipy.sparse
from group_lasso_reference import Case, objective, relative_gap, small_case
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import Lasso, LassoCV, MultiTaskLasso
from sklearn.metrics import d2_tweedie_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import cvxnn
from cvxnn.group_lasso import (
    GroupLasso,
    GroupLassoClassifier,
    GroupLassoClassifierCV,
    GroupLassoCV,
    alpha_max,
    group_lasso_path,
)

REGRESSORS = [GroupLasso, GroupLassoCV]
CLASSIFIERS = [GroupLassoClassifier, GroupLassoClassifierCV]
every_estimator = pytest.mark.parametrize("estimator", REGRESSORS + CLASSIFIERS)


def data_for(estimator, n=40, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, 6))
    y = X[:, 0] - 2.0 * X[:, 1] + 0.5 * random.standard_normal(n)
    return X, np.where(y > 0.0, "yes", "no") if estimator in CLASSIFIERS else y


def make(estimator, **options):
    """Return an estimator whose fit takes a moment."""
    few = {"alphas": [0.3, 0.1, 0.02], "cv": 3} if estimator.__name__.endswith("CV") else {}
    few = few or {"alpha": 0.05}
    return estimator(**{"n_jobs": 1, "groups": 2} | few | options)


ACCURATE = {"tol": 1e-12}  # fits to repeated and to weighted samples are compared to 1e-7


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        GroupLasso(**ACCURATE),
        GroupLasso(loss="huber", l2=0.1, **ACCURATE),
        GroupLassoCV(n_alphas=20, **ACCURATE),
        GroupLassoClassifier(**ACCURATE),
        GroupLassoClassifier(loss="squared_hinge", l1=1e-3, **ACCURATE),
        GroupLassoClassifierCV(n_alphas=20, cv=3, **ACCURATE),
    ]
)
def test_estimator(estimator, check):
    check(estimator)


def test_exported():
    assert cvxnn.group_lasso.GroupLasso is GroupLasso
    assert GroupLasso.__module__ == "cvxnn.group_lasso"


@every_estimator
def test_fitted_attributes(estimator, capfd):
    X, y = data_for(estimator)
    model = make(estimator)
    assert model.fit(X, y) is model
    assert model.coef_.shape == ((1, 6) if estimator in CLASSIFIERS else (6,))
    assert np.shape(model.intercept_) == ((1,) if estimator in CLASSIFIERS else ())
    assert model.status_ == "converged"
    assert 0.0 <= model.relative_gap_ <= 1e-6
    assert model.dual_gap_ > 0.0 or model.relative_gap_ == 0.0
    assert model.n_iter_ >= 1
    assert model.n_features_in_ == 6
    assert not hasattr(model, "feature_names_in_")
    assert model.score(X, y) > 0.8
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


@every_estimator
def test_predict_before_fit(estimator):
    with pytest.raises(NotFittedError):
        make(estimator).predict(np.ones((2, 6)))


def test_is_the_lasso_of_scikit_learn():
    X, y = data_for(GroupLasso)
    for options in ({}, {"fit_intercept": False}, {"positive": True}):
        ours = GroupLasso(0.1, tol=1e-12, **options).fit(X, y)
        theirs = Lasso(0.1, tol=1e-12, max_iter=100_000, **options).fit(X, y)
        assert ours.coef_ == pytest.approx(theirs.coef_, abs=1e-6)
        assert ours.intercept_ == pytest.approx(theirs.intercept_, abs=1e-6)
    Y = np.column_stack([y, X[:, 0] + X[:, 2]])
    ours = GroupLasso(0.1, tol=1e-12).fit(X, Y)
    theirs = MultiTaskLasso(0.1, tol=1e-12, max_iter=100_000).fit(X, Y)
    assert ours.coef_ == pytest.approx(theirs.coef_, abs=1e-6)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, abs=1e-6)
    assert ours.predict(X) == pytest.approx(theirs.predict(X), abs=1e-5)


@pytest.mark.parametrize("loss", ["squared", "huber", "poisson"])
@pytest.mark.parametrize("n_targets", [0, 1, 3])
def test_shapes_of_regressors(loss, n_targets):
    case = small_case(loss, targets=max(n_targets, 1))
    y = case.y if n_targets else case.y[:, 0]
    model = GroupLasso(0.05, groups=case.groups, loss=loss).fit(case.X, y)
    assert model.coef_.shape == ((n_targets, 9) if n_targets else (9,))
    assert np.shape(model.intercept_) == ((n_targets,) if n_targets else ())
    assert model.predict(case.X).shape == y.shape
    assert (model.predict(case.X) > 0.0).all() or loss != "poisson"
    outputs = case.X @ model.coef_.T + model.intercept_
    expected = np.exp(outputs) if loss == "poisson" else outputs
    assert model.predict(case.X) == pytest.approx(expected)
    assert 0.0 < model.score(case.X, y) < 1.0


def test_score_of_the_poisson_loss():
    case = small_case("poisson")
    weight = np.linspace(0.1, 1.0, 24)
    model = GroupLasso(0.01, loss="poisson").fit(case.X, case.y[:, 0])
    expected = d2_tweedie_score(case.y[:, 0], model.predict(case.X), power=1, sample_weight=weight)
    assert model.score(case.X, case.y[:, 0], weight) == pytest.approx(expected)
    wide = GroupLasso(0.01, loss="poisson").fit(case.X, case.y)
    assert wide.score(case.X, case.y, weight) == pytest.approx(expected)


@pytest.mark.parametrize("loss", ["logistic", "squared_hinge"])
@pytest.mark.parametrize("labels", [(0, 1), ("no", "yes"), (3.0, 7.0), (False, True)])
def test_two_classes(loss, labels):
    X, y = data_for(GroupLasso)
    named = np.where(y > 0.0, labels[1], labels[0])
    model = GroupLassoClassifier(0.02, loss=loss, groups=2, tol=1e-10).fit(X, named)
    assert model.classes_.tolist() == list(labels)
    outputs = model.decision_function(X)
    assert outputs == pytest.approx(X @ model.coef_[0] + model.intercept_[0])
    assert np.array_equal(model.predict(X) == labels[1], outputs > 0.0)
    groups = [[0, 1], [2, 3], [4, 5]]
    case = Case(X, np.sign(y)[:, None], groups, alpha=0.02, loss=loss)
    assert relative_gap(case, model.coef_.T, model.intercept_) <= 1e-6
    assert hasattr(model, "predict_proba") == (loss == "logistic")
    if loss == "logistic":
        assert model.predict_proba(X)[:, 1] == pytest.approx(1.0 / (1.0 + np.exp(-outputs)))
        assert model.predict_proba(X).sum(axis=1) == pytest.approx(1.0)


@pytest.mark.parametrize("loss", ["logistic", "squared_hinge"])
def test_three_classes(loss):
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])
    model = GroupLassoClassifier(0.01, loss=loss, tol=1e-9).fit(X, names[y])
    assert model.coef_.shape == (3, 4)
    assert model.intercept_.shape == (3,)
    assert model.decision_function(X).shape == (150, 3)
    assert np.array_equal(model.predict(X), names[model.decision_function(X).argmax(axis=1)])
    assert model.score(X, names[y]) > 0.9
    targets = np.eye(3)[y] if loss == "logistic" else 2.0 * np.eye(3)[y] - 1.0
    core_loss = "multinomial" if loss == "logistic" else loss
    case = Case(X, targets, [[j] for j in range(4)], alpha=0.01, loss=core_loss)
    assert relative_gap(case, model.coef_.T, model.intercept_) <= 1e-5
    if loss == "logistic":
        probabilities = model.predict_proba(X)
        assert probabilities.sum(axis=1) == pytest.approx(1.0)
        assert np.array_equal(probabilities.argmax(axis=1), model.predict_proba(X).argmax(axis=1))
        assert probabilities.mean(axis=0) == pytest.approx(1.0 / 3.0)  # intercepts are optimal


def test_class_weight():
    X, y = data_for(GroupLassoClassifier)
    weight = np.where(y == "yes", 3.0, 1.0)
    by_class = GroupLassoClassifier(0.02, class_weight={"yes": 3.0}).fit(X, y)
    by_sample = GroupLassoClassifier(0.02).fit(X, y, sample_weight=weight)
    assert np.array_equal(by_class.coef_, by_sample.coef_)
    balanced = GroupLassoClassifier(10.0, class_weight="balanced").fit(X, y)
    assert balanced.predict_proba(X) == pytest.approx(0.5)


@every_estimator
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_input(estimator, dtype):
    X, y = data_for(estimator)
    X = np.where(np.abs(X) < 0.5, 0.0, X).astype(dtype)
    expected = make(estimator, tol=1e-10).fit(X, y)
    for layout in (scipy.sparse.csc_array, scipy.sparse.csr_matrix):
        model = make(estimator, tol=1e-10).fit(layout(X), y)
        assert model.coef_ == pytest.approx(expected.coef_, abs=1e-5)
        assert np.array_equal(model.predict(layout(X)), model.predict(X)) or (
            estimator in REGRESSORS
            and model.predict(layout(X)) == pytest.approx(model.predict(X), rel=1e-12)
        )


@every_estimator
def test_weights_are_repetitions(estimator):
    X, y = data_for(estimator)
    weight = np.arange(40) % 3
    rows = np.repeat(np.arange(40), weight)
    options = {"tol": 1e-11}
    repeated_options = dict(options)
    if estimator.__name__.endswith("CV"):
        folds = list(KFold(3).split(X))
        options["cv"] = folds
        parts = [np.isin(rows, test) for _, test in folds]
        repeated_options["cv"] = [(np.flatnonzero(~t), np.flatnonzero(t)) for t in parts]
    weighted = make(estimator, **options).fit(X, y, sample_weight=weight)
    repeated = make(estimator, **repeated_options).fit(X[rows], y[rows])
    assert weighted.coef_ == pytest.approx(repeated.coef_, abs=1e-5)
    assert weighted.intercept_ == pytest.approx(repeated.intercept_, abs=1e-5)
    if estimator.__name__.endswith("CV"):
        assert weighted.alpha_ == repeated.alpha_
        assert weighted.scores_ == pytest.approx(repeated.scores_, abs=1e-5)
    scaled = make(estimator, **options).fit(X, y, sample_weight=4.0 * weight)
    assert np.array_equal(scaled.coef_, weighted.coef_)


@pytest.mark.parametrize("loss", ["squared", "poisson"])
def test_offset(loss):
    case = small_case(loss, offset=np.linspace(-0.5, 0.5, 24)[:, None], alpha=0.02)
    model = GroupLasso(0.02, groups=case.groups, loss=loss, tol=1e-10)
    model.fit(case.X, case.y[:, 0], offset=case.offset[:, 0])
    assert relative_gap(case, model.coef_[:, None], model.intercept_) <= 1e-6
    outputs = case.X @ model.coef_ + model.intercept_
    expected = np.exp(outputs) if loss == "poisson" else outputs
    assert model.predict(case.X) == pytest.approx(expected)  # those of offset zero


def test_warm_start():
    X, y = data_for(GroupLasso)
    cold = GroupLasso(0.05, groups=2, tol=1e-10).fit(X, y)
    model = GroupLasso(0.06, groups=2, tol=1e-10, warm_start=True).fit(X, y)
    model.set_params(alpha=0.05).fit(X, y)
    assert model.coef_ == pytest.approx(cold.coef_, abs=1e-6)
    first = model.n_iter_
    assert model.fit(X, y).n_iter_ <= first
    assert model.relative_gap_ <= 1e-10
    model.fit(X[:, :4], y)  # of another shape: starts anew
    assert model.coef_.shape == (4,)
    model.fit(X[:, :4], y[:, None])
    assert model.coef_.shape == (1, 4)
    model.set_params(positive=True).fit(X[:, :4], y)
    assert model.coef_.min() >= 0.0
    assert model.status_ == "converged"


@pytest.mark.parametrize("loss", ["squared", "huber", "poisson"])
def test_scores_of_cross_validation(loss):
    """Each is the mean loss of a plain fit on the samples held out."""
    case = small_case(loss, n=30)
    y, alphas = case.y[:, 0], [0.3, 0.1, 0.03]
    weight = np.linspace(0.5, 1.5, 30)
    folds = list(KFold(3).split(case.X))
    options = {"groups": case.groups, "loss": loss, "delta": 0.7, "tol": 1e-11}
    model = GroupLassoCV(alphas=alphas[::-1], cv=folds, **options)
    model.fit(case.X, y, sample_weight=weight)
    assert model.alphas_.tolist() == alphas
    scores = np.empty((3, 3))
    for (i, alpha), (k, (train, test)) in product(enumerate(alphas), enumerate(folds)):
        plain = GroupLasso(alpha, **options)
        plain.fit(case.X[train], y[train], sample_weight=weight[train])
        held_out = {"loss": loss, "alpha": 0.0, "sample_weight": weight[test]}
        part = Case(case.X[test], case.y[test], case.groups, **held_out)
        scores[i, k] = -objective(part, plain.coef_[:, None], plain.intercept_)
    assert model.scores_ == pytest.approx(scores, abs=1e-6)
    shares = [weight[test].sum() for _, test in folds]
    assert model.alpha_ == alphas[np.argmax(scores @ shares)]
    final = GroupLasso(model.alpha_, **options).fit(case.X, y, sample_weight=weight)
    assert model.coef_ == pytest.approx(final.coef_, abs=1e-6)
    if loss == "squared":
        assert model.mse_path_ == pytest.approx(-2.0 * scores, abs=1e-6)
    else:
        assert not hasattr(model, "mse_path_")


def test_is_the_lasso_cv_of_scikit_learn():
    X, y = data_for(GroupLassoCV)
    ours = GroupLassoCV(n_alphas=15, cv=4, tol=1e-11).fit(X, y)
    theirs = LassoCV(alphas=ours.alphas_, cv=4, tol=1e-11, max_iter=100_000).fit(X, y)
    assert ours.alphas_[0] == pytest.approx(alpha_max(X, y))
    assert ours.mse_path_ == pytest.approx(theirs.mse_path_, abs=1e-6)
    assert ours.alpha_ == theirs.alpha_
    assert ours.coef_ == pytest.approx(theirs.coef_, abs=1e-5)


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss", "roc_auc"])
def test_scorers(scoring):
    X, y = data_for(GroupLassoClassifierCV)
    model = make(GroupLassoClassifierCV, scoring=scoring).fit(X, y)
    assert model.scores_.shape == (3, 3)
    search = GridSearchCV(
        GroupLassoClassifier(groups=2), {"alpha": [0.3, 0.1, 0.02]}, cv=3, scoring=scoring
    ).fit(X, y)
    for k in range(3):
        expected = search.cv_results_[f"split{k}_test_score"]
        assert model.scores_[:, k] == pytest.approx(expected, abs=1e-3)
    if scoring == "neg_log_loss":
        plain = make(GroupLassoClassifierCV).fit(X, y)
        assert plain.scores_ == pytest.approx(model.scores_, abs=1e-12)
        assert plain.alpha_ == model.alpha_


def test_scorers_that_take_no_weights():
    X, y = data_for(GroupLassoCV)
    model = make(GroupLassoCV, scoring="neg_max_error").fit(X, y)
    plain = GroupLasso(groups=2)
    grid = {"alpha": [0.3, 0.1, 0.02]}
    search = GridSearchCV(plain, grid, cv=3, scoring="neg_max_error").fit(X, y)
    for k in range(3):
        expected = search.cv_results_[f"split{k}_test_score"]
        assert model.scores_[:, k] == pytest.approx(expected, abs=1e-3)
    tied = make(GroupLassoCV, scoring=lambda model, X, y: 0.5).fit(X, y)
    assert tied.alpha_ == 0.3


def test_cross_validation_of_three_classes():
    X, y = load_iris(return_X_y=True)
    model = GroupLassoClassifierCV(n_alphas=8, cv=3).fit(X, y)
    assert model.coef_.shape == (3, 4)
    assert model.alpha_ < model.alphas_[0]
    assert model.score(X, y) > 0.9


def test_folds_without_weight():
    X, y = data_for(GroupLassoCV)
    weight = np.ones(40)
    folds = list(KFold(4).split(X))
    weight[folds[1][1]] = 0.0
    model = GroupLassoCV(alphas=[0.3, 0.05], cv=folds).fit(X, y, sample_weight=weight)
    assert not model.scores_[:, 1].any()
    kept = np.flatnonzero(weight)
    parts = [
        (np.flatnonzero(np.isin(kept, train)), np.flatnonzero(np.isin(kept, test)))
        for i, (train, test) in enumerate(folds)
        if i != 1
    ]
    removed = GroupLassoCV(alphas=[0.3, 0.05], cv=parts).fit(X[kept], y[kept])
    assert np.array_equal(removed.scores_, model.scores_[:, [0, 2, 3]])
    assert removed.alpha_ == model.alpha_


def test_cross_validation_reports_what_did_not_converge():
    X, y = data_for(GroupLassoCV)
    model = make(GroupLassoCV, max_time=1e-9)
    with pytest.warns(ConvergenceWarning, match="GroupLassoCV stopped .*of 10 did"):
        model.fit(X, y)
    assert model.status_ == "time_limit"


@every_estimator
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames(estimator, library):
    frames = pytest.importorskip(library)
    X, y = data_for(estimator)
    frame = frames.DataFrame({f"column {j}": X[:, j] for j in range(6)})
    target = frames.Series("target", y) if library == "polars" else frames.Series(y)
    options = {"scoring": "r2"} if estimator is GroupLassoCV else {}
    options["tol"] = 1e-11
    model = make(estimator, **options).fit(frame, target)
    assert model.feature_names_in_.tolist() == [f"column {j}" for j in range(6)]
    expected = make(estimator, **options).fit(X, y)
    assert model.coef_ == pytest.approx(expected.coef_, abs=1e-6)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[[f"column {j}" for j in range(6)][::-1]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)


@every_estimator
def test_clone_and_pickle(estimator):
    X, y = data_for(estimator)
    model = make(estimator, weights=[1.0, 2.0, 0.5])
    assert clone(model).get_params().keys() == model.get_params().keys()
    model.fit(X, y)
    restored = pickle.loads(pickle.dumps(model))
    assert np.array_equal(restored.predict(X), model.predict(X))


@pytest.mark.parametrize("estimator", [GroupLasso, GroupLassoClassifier])
def test_pipeline_and_grid_search(estimator):
    X, y = data_for(estimator)
    pipeline = make_pipeline(StandardScaler(), make(estimator))
    grid = {f"{estimator.__name__.lower()}__alpha": [0.01, 0.5]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_params_[f"{estimator.__name__.lower()}__alpha"] == 0.01


def test_path_and_estimators_agree():
    X, y = data_for(GroupLasso)
    alphas, coefs, _ = group_lasso_path(X, y, groups=2, n_alphas=5, tol=1e-11)
    for alpha, coef in zip(alphas, coefs.T, strict=True):
        model = GroupLasso(alpha, groups=2, tol=1e-11).fit(X, y)
        assert model.coef_ == pytest.approx(coef, abs=1e-6)
