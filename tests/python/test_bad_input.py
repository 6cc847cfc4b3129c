"""Every mistake of a caller is an error that names the argument and what was got."""

from itertools import product

import numpy as np
import pytest
import scipy.sparse
from helpers import gaussian_problem

from cvxnn import GatedReLURegressor, ReLUClassifier, ReLURegressor, beta_max
from cvxnn.arrangements import Cells, TooManyCells

REGRESSORS = [ReLURegressor, GatedReLURegressor]
every_estimator = pytest.mark.parametrize("estimator", [*REGRESSORS, ReLUClassifier])


def good_data():
    X, y = gaussian_problem(8, 2, seed=0)
    return X, np.where(y > np.median(y), 1.0, -1.0)


@every_estimator
@pytest.mark.parametrize(
    "options, message",
    [
        ({"beta": 0.0}, "beta must be a positive finite number, got 0.0"),
        ({"beta": -1}, "beta must be a positive finite number, got -1"),
        ({"beta": np.nan}, "beta must be a positive finite number, got nan"),
        ({"beta": np.inf}, "beta must be a positive finite number, got inf"),
        ({"beta": "small"}, "beta must be a positive finite number, got 'small'"),
        ({"beta": None}, "beta must be a positive finite number, got None"),
        ({"beta": True}, "beta must be a positive finite number, got True"),
        ({"tol": 0.0}, "tol must be a positive finite number, got 0.0"),
        ({"tol": np.nan}, "tol must be a positive finite number"),
        ({"max_time": 0}, "max_time must be a positive finite number, got 0"),
        ({"max_time": -1.0}, "max_time must be a positive finite number"),
        ({"max_time": np.inf}, "max_time must be a positive finite number"),
        ({"bias": "no"}, "bias must be one of 'regularized', .*'none', got 'no'"),
        ({"bias": None}, "bias must be one of 'regularized', .*'none', got None"),
        ({"patterns": "all"}, "patterns must be 'auto', 'exact', .* got 'all'"),
        ({"patterns": 0}, "patterns must be .* got 0"),
        ({"patterns": -5}, "patterns must be .* got -5"),
        ({"patterns": 5.0}, "patterns must be .* got 5.0"),
        ({"patterns": True}, "patterns must be .* got True"),
        ({"patterns": None}, "patterns must be .* got None"),
        ({"patterns": np.ones((3, 8), bool)}, "patterns must be"),
        ({"patterns": Cells.from_dense(np.ones((3, 9)))}, "patterns has 9 .* X has 8 samples"),
        ({"patterns": Cells.from_dense(np.ones((0, 8)))}, "patterns holds no cell"),
        ({"n_jobs": 0}, "n_jobs must be None or a non-zero integer, got 0"),
        ({"n_jobs": 1.5}, "n_jobs must be None or a non-zero integer, got 1.5"),
        ({"patterns": 5, "random_state": "seed"}, "'seed' cannot be used to seed"),
    ],
)
def test_options(estimator, options, message):
    X, y = good_data()
    with pytest.raises(ValueError, match=message):
        estimator(**options).fit(X, y)


@every_estimator
@pytest.mark.parametrize(
    "change, message",
    [
        (lambda X, y: (np.where(X > 1.0, np.nan, X), y), "Input X contains NaN"),
        (lambda X, y: (np.where(X > 1.0, np.inf, X), y), "Input X contains infinity"),
        (lambda X, y: (X[:0], y[:0]), r"Found array with 0 sample\(s\)"),
        (lambda X, y: (X[:, :0], y), r"Found array with 0 feature\(s\)"),
        (lambda X, y: (X, y[:5]), "inconsistent numbers of samples"),
        (lambda X, y: (X, y[:0]), r"inconsistent numbers of samples|0 sample\(s\)"),
        (lambda X, y: (X[:, 0], y), "Expected 2D array, got 1D array"),
        (lambda X, y: (X[None], y), "dim 3"),
        (lambda X, y: (X + 1j, y), "Complex data not supported"),
        (lambda X, y: (np.full((8, 2), "a"), y), "could not convert string to float"),
        (lambda X, y: (X, np.ones((8, 2, 2))), "y should be a 1d array|dim 3"),
        (lambda X, y: (X, None), "requires y to be passed"),
    ],
)
def test_data(estimator, change, message):
    with pytest.raises(ValueError, match=message):
        estimator(patterns=5, random_state=0).fit(*change(*good_data()))


def test_several_columns_of_labels():
    X, y = good_data()
    with pytest.raises(ValueError, match=r"y should be a 1d array, got .* \(8, 2\)"):
        ReLUClassifier().fit(X, np.column_stack([y, y]))


@pytest.mark.parametrize("estimator", REGRESSORS)
@pytest.mark.parametrize(
    "value, message", [(np.nan, "y contains NaN"), (np.inf, "y contains infinity")]
)
def test_targets_that_are_not_finite(estimator, value, message):
    X, y = good_data()
    y[3] = value
    with pytest.raises(ValueError, match=message):
        estimator().fit(X, y)


@pytest.mark.parametrize("estimator", REGRESSORS)
def test_targets_whose_squares_overflow(estimator):
    X, y = good_data()
    with pytest.raises(ValueError, match="y is too large: its sum of squares overflows"):
        estimator().fit(X, 1e200 * y)


@every_estimator
@pytest.mark.parametrize("layout", [scipy.sparse.csr_matrix, scipy.sparse.csc_array])
def test_sparse_matrices(estimator, layout):
    X, y = good_data()
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        estimator().fit(layout(X), y)
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        estimator().fit(X, y).predict(layout(X))


@every_estimator
@pytest.mark.parametrize(
    "weight, message",
    [
        (np.ones(5), "sample_weight"),
        (np.ones((8, 2)), "[Ss]ample"),
        (-np.ones(8), "Negative values in data passed to `sample_weight`"),
        (np.full(8, np.nan), "sample_weight contains NaN"),
        (np.full(8, np.inf), "sample_weight contains infinity"),
        (np.zeros(8), "[Ss]ample.weight|y must hold two classes"),
        ("balanced", "sample_weight|could not convert"),
    ],
)
def test_sample_weight(estimator, weight, message):
    X, y = good_data()
    with pytest.raises(ValueError, match=message):
        estimator().fit(X, y, sample_weight=weight)


@pytest.mark.parametrize(
    "y, message",
    [
        (np.zeros(8), "one class"),
        (["a"] * 8, "one class"),
        (np.linspace(0.0, 1.0, 8), "Unknown label type: continuous"),
        ([np.nan] * 8, "contains NaN"),
    ],
)
def test_labels(y, message):
    with pytest.raises(ValueError, match=message):
        ReLUClassifier().fit(good_data()[0], y)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"loss": "hinge"}, "loss='hinge' is for two classes, y has 3"),
        ({"loss": "squared_hinge"}, "loss='squared_hinge' is for two classes, y has 3"),
    ],
)
def test_what_needs_two_classes(options, message):
    with pytest.raises(ValueError, match=message):
        ReLUClassifier(**options).fit(good_data()[0], np.arange(8) % 3)


@pytest.mark.parametrize(
    "y",
    [
        np.arange(8.0) % 3,
        np.ones((8, 3)),
        np.zeros((8, 3)),
        np.tile([0.5, 0.5, 0.0], (8, 1)),
    ],
)
def test_targets_that_are_not_one_hot(y):
    with pytest.raises(ValueError, match="y must have a column for each class, one-hot"):
        beta_max(good_data()[0], y, loss="multinomial")


def test_labels_whose_second_class_has_no_weight():
    X, y = good_data()
    with pytest.raises(ValueError, match="y must hold two classes"):
        ReLUClassifier().fit(X, y, sample_weight=(y > 0).astype(float))


def test_too_many_cells_exactly_counted():
    X, y = np.array(list(product((0, 1), repeat=6))), np.arange(64) % 2  # resonance arrangement
    message = r"patterns='exact': .* has 1,066,044 cells.*use patterns='auto' or a number"
    with pytest.raises(TooManyCells, match=message):
        GatedReLURegressor(patterns="exact", bias="none").fit(X, y)


@every_estimator
def test_too_many_cells_bounded(estimator):
    random = np.random.default_rng(0)
    X, y = random.standard_normal((500, 30)), np.arange(500) % 2
    message = r"patterns='exact': .* Zaslavsky's upper bound is about 1e\d+, 1,000,000 are allowed"
    with pytest.raises(TooManyCells, match=message):
        estimator(patterns="exact").fit(X, y)


@every_estimator
def test_inputs_of_predict(estimator):
    X, y = good_data()
    model = estimator(n_jobs=1).fit(X, y)
    with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 2 features"):
        model.predict(np.ones((4, 3)))
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.predict(np.full((4, 2), np.nan))
    with pytest.raises(ValueError, match="Expected 2D array"):
        model.predict(X[0])
