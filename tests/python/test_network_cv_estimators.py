"""Estimators with cross-validation as citizens of scikit-learn."""

import pickle

import numpy as np
import pytest
from helpers import with_bias
from network_cv_data import BETAS, PLAIN, data_for, every_estimator, make, signs
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from cvxnn import (
    ReLUClassifierCV,
    ReLURegressorCV,
)
from cvxnn.arrangements import Cells, sample_cells
from cvxnn.networks._cv import _Ending, _warn_of


# sampled cells, because some checks have noise in ten features to be searched for cells
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        ReLURegressorCV(n_betas=3, eps=0.1, cv=3, patterns=50, n_jobs=1),
        ReLUClassifierCV(n_betas=3, eps=0.3, cv=2, n_jobs=1),
    ]
)
def test_estimator(estimator, check):
    check(estimator)


@every_estimator
@pytest.mark.parametrize(
    "options, message",
    [
        ({"betas": []}, r"betas must be a non-empty list of numbers, got shape \(0,\)"),
        ({"betas": 0.1}, r"betas must be a non-empty list of numbers, got shape \(\)"),
        ({"betas": [[0.1]]}, r"betas must be a non-empty list of numbers, got shape \(1, 1\)"),
        ({"betas": [0.1, 0.0]}, "betas must be a positive finite number, got 0.0"),
        ({"betas": [0.1, np.nan]}, "betas must be a positive finite number, got nan"),
        ({"betas": ["a"]}, "betas must be a positive finite number, got 'a'"),
        ({"betas": None, "n_betas": 0}, "n_betas must be a positive integer, got 0"),
        ({"betas": None, "n_betas": 2.5}, "n_betas must be a positive integer, got 2.5"),
        ({"betas": None, "eps": 1.0}, "eps must be less than 1, got 1.0"),
        ({"betas": None, "eps": -1.0}, "eps must be a positive finite number, got -1.0"),
        ({"cv": 1}, "n_splits=2 or more"),
        ({"cv": 25}, "n_splits=25"),
        ({"cv": "five"}, "Expected `?cv`? as an integer.* Got five"),
        ({"cv": []}, "cv holds no folds"),
        ({"cv": [([0, 1, 99], [2])]}, "cv: fold 0 does not fit 24 samples"),
        ({"cv": [([0.5], [2])]}, "cv: fold 0 does not fit 24 samples"),
        ({"cv": [([], [0, 1])]}, "without the samples held out in fold 0: "),
        ({"cv": [(range(24), [])]}, "cv holds out no sample of positive weight"),
        ({"scoring": "beauty"}, "'beauty'|beauty"),
        ({"scoring": lambda model, X, y: np.nan}, "scoring must give a finite number, got nan"),
        ({"scoring": lambda model, X, y: "good"}, "scoring must give a finite number, got 'good'"),
        ({"scoring": ["r2", "max_error"]}, "scoring"),
        ({"patterns": "all"}, "patterns must be .* got 'all'"),
        ({"patterns": Cells.from_dense(np.ones((3, 9)))}, "patterns has 9 .* X has 24 samples"),
        ({"bias": "no"}, "bias must be one of .* got 'no'"),
        ({"tol": 0.0}, "tol must be a positive finite number, got 0.0"),
        ({"max_time": 0}, "max_time must be a positive finite number, got 0"),
        ({"n_jobs": 0}, "n_jobs must be None or a non-zero integer, got 0"),
    ],
)
def test_bad_options(estimator, options, message):
    with pytest.raises(ValueError, match=message):
        make(estimator, **options).fit(*data_for(estimator))


@every_estimator
@pytest.mark.parametrize(
    "weight, message",
    [
        (np.ones(5), "sample_weight"),
        (-np.ones(24), "Negative values in data passed to `sample_weight`"),
        (np.full(24, np.nan), "sample_weight contains NaN"),
        (np.zeros(24), "[Ss]ample.weight|y must hold two classes"),
    ],
)
def test_bad_weights(estimator, weight, message):
    X, y = data_for(estimator)
    with pytest.raises(ValueError, match=message):
        make(estimator).fit(X, y, sample_weight=weight)


@every_estimator
def test_one_warning_of_all_fits_that_did_not_converge(estimator):
    X, y = data_for(estimator, n=60, d=6)
    model = make(estimator, patterns=100, tol=1e-12, max_time=1e-9, random_state=0)
    message = rf"10 of the 10 fits of {estimator.__name__} \(also the one on all samples\) did not "
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        model.fit(X, y)
    assert len(caught) == 1
    assert "'time_limit' at a relative gap of" in str(caught[0].message)
    assert caught[0].filename == __file__
    assert model.status_ == "time_limit"
    assert model.certificate_.verify(X, y if estimator is ReLURegressorCV else signs(y))


def test_a_warning_of_folds_only():
    endings = [
        _Ending("time_limit", 0.2, 3.0, fell_short=True),
        _Ending("iteration_limit", 0.3, 1.0, fell_short=True),
        _Ending("stalled", 0.9, 0.3, fell_short=False),  # a search whose bound is loose
        _Ending("converged", 1e-5, 1.0, fell_short=False),
    ]
    message = (
        "^2 of the 4 fits of Model did not converge; the worst stopped with status "
        "'iteration_limit' at a relative gap of 3.0e-01 for beta=1, tol=0.0001$"
    )
    with pytest.warns(ConvergenceWarning, match=message):
        _warn_of("Model", endings, 1e-4)
    _warn_of("Model", endings[2:], 1e-4)  # nothing to tell


@every_estimator
@pytest.mark.parametrize("n, d, patterns", [(80, 2, "auto"), (60, 8, 100), (30, 7, "auto")])
def test_threads(estimator, n, d, patterns):
    X, y = data_for(estimator, n=n, d=d)
    options = {"betas": None, "n_betas": 2, "eps": 0.3, "cv": 2}
    options |= {"patterns": patterns, "random_state": 2}
    one = make(estimator, **options).fit(X, y)
    two = make(estimator, **options, n_jobs=2).fit(X, y)
    assert one.betas_.tobytes() == two.betas_.tobytes()
    assert one.scores_.tobytes() == two.scores_.tobytes()
    assert one.network_.hidden_weights.tobytes() == two.network_.hidden_weights.tobytes()
    assert one.certificate_.lower_bound == two.certificate_.lower_bound


@every_estimator
def test_fitted_attributes(estimator, capfd):
    X, y = data_for(estimator)
    with pytest.raises(NotFittedError):
        make(estimator).predict(X)
    model = make(estimator).fit(X, y)
    plain = PLAIN[estimator](n_jobs=1).fit(X, y)
    added = {"beta_", "betas_", "scores_"}  # and no networks but the one
    fitted = {name for name in vars(model) if name.endswith("_")}
    assert fitted == {name for name in vars(plain) if name.endswith("_")} | added
    assert model.score(X, y) == pytest.approx(
        PLAIN[estimator](model.beta_, n_jobs=1).fit(X, y).score(X, y)
    )
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


@every_estimator
def test_a_source_of_randomness_is_used_in_order(estimator):
    X, y = data_for(estimator, d=6)
    options = {"patterns": 20, "n_jobs": 1}
    model = make(estimator, random_state=np.random.RandomState(3), **options).fit(X, y)
    again = make(estimator, random_state=np.random.RandomState(3), **options).fit(X, y)
    assert np.array_equal(model.scores_, again.scores_)
    plain = PLAIN[estimator](model.beta_, random_state=np.random.RandomState(3), **options)
    assert np.array_equal(model.predict(X), plain.fit(X, y).predict(X))


@every_estimator
def test_clone_and_pickle(estimator):
    X, y = data_for(estimator)
    cells = sample_cells(with_bias(X, "regularized"), 10, random_state=0)
    model = make(estimator, patterns=cells, scoring="r2")
    copy = clone(model)
    assert copy.get_params().keys() == model.get_params().keys()
    assert copy.patterns == cells
    assert copy.betas == BETAS
    model.set_params(scoring=None).fit(X, y)
    restored = pickle.loads(pickle.dumps(model))
    assert np.array_equal(restored.predict(X), model.predict(X))
    assert np.array_equal(restored.scores_, model.scores_)
    assert restored.certificate_.lower_bound == model.certificate_.lower_bound


@every_estimator
def test_pipeline_and_grid_search(estimator):
    X, y = data_for(estimator)
    pipeline = make_pipeline(StandardScaler(), make(estimator))
    grid = {f"{estimator.__name__.lower()}__bias": ["regularized", "none"]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_[-1].beta_ in BETAS


@every_estimator
@pytest.mark.parametrize("scoring", [None, "score"])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames(estimator, scoring, library):
    frames = pytest.importorskip(library)
    X, y = data_for(estimator)
    if scoring == "score":
        scoring = "r2" if estimator is ReLURegressorCV else "accuracy"
    frame = frames.DataFrame({"width": X[:, 0], "height": X[:, 1]})
    target = frames.Series("target", y) if library == "polars" else frames.Series(y)
    model = make(estimator, scoring=scoring).fit(frame, target)
    assert model.feature_names_in_.tolist() == ["width", "height"]
    expected = make(estimator, scoring=scoring).fit(X, y)
    assert np.array_equal(model.scores_, expected.scores_)
    assert np.array_equal(model.predict(frame), expected.predict(X))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["height", "width"]])
