"""Every mistake of a caller of the group lasso is an error that says what and where."""

import numpy as np
import pytest
import scipy.sparse

from cvxnn.arrangements import Cells
from cvxnn.group_lasso import (
    GroupLasso,
    GroupLassoClassifier,
    GroupLassoClassifierCV,
    GroupLassoCV,
    MaskedDesign,
    alpha_max,
    group_lasso_path,
)

REGRESSORS = [GroupLasso, GroupLassoCV]
CLASSIFIERS = [GroupLassoClassifier, GroupLassoClassifierCV]
every_estimator = pytest.mark.parametrize("estimator", REGRESSORS + CLASSIFIERS)


def good_data(n=12):
    random = np.random.default_rng(0)
    X = random.standard_normal((n, 4))
    return X, np.where(np.arange(n) % 2 == 0, 1.0, -1.0)


GROUPS = [
    (3, "groups=3 is a size, but X has 4 columns: not a multiple of it"),
    (0, "groups=0 is a size"),
    (-2, "groups=-2 is a size"),
    (True, "groups must be a size, a list of index lists or one label per column, got True"),
    (2.0, "groups must be a size, .* got 2.0"),
    ("abcd", "groups must be a size, .* got 'abcd'"),
    ([[0, 1], [1, 2, 3]], r"groups\[0\] and groups\[1\] overlap: both hold column 1"),
    ([[0, 1, 1], [2, 3]], r"groups\[0\] holds twice column 1"),
    ([[0, 1], [3]], "groups miss column 2"),
    ([[0, 1], [], [2, 3]], r"groups\[1\] is empty"),
    ([[0, 1], [2, 4]], r"groups\[1\] holds column 4, but X has columns 0 to 3"),
    ([[0, 1], [2, -1]], r"groups\[1\] holds column -1"),
    ([[0, 1], [2.0, 3.0]], r"groups\[1\] must be a list of integers, got \[2.0, 3.0\]"),
    ([[0, 1], [True, False]], r"groups\[1\] must be a list of integers"),
    ([[0, 1], [[2, 3]]], r"groups\[1\] must be a list of integers"),
    ([0, 0, 1], "groups has 3 labels, but X has 4 columns"),
    ([], "groups has 0 labels, but X has 4 columns"),
    ([0.0, np.nan, 1.0, 1.0], "groups holds nan as label of column 1"),
    ([0, None, 1, 1], "groups must hold labels of one kind"),
]
OPTIONS = [
    (
        {"weights": [1.0, 1.0, 1.0]},
        r"weights must have shape \(4,\), one number per group, got \(3",
    ),
    ({"weights": 1.0}, r"weights must have shape \(4,\)"),
    ({"weights": [1.0, -2.0, 1.0, 1.0]}, "weights must be non-negative .* got -2.0 for group 1"),
    ({"weights": [1.0, 1.0, np.nan, 1.0]}, "weights must be .* got nan for group 2"),
    ({"weights": [1.0, 1.0, np.inf, 1.0]}, "weights must be .* got inf for group 2"),
    ({"loss": "hinge"}, "loss must be one of 'squared', .*got 'hinge'"),
    ({"loss": None}, "loss must be one of 'squared', .*got None"),
    ({"l1": -1.0}, "l1 must be a non-negative finite number, got -1.0"),
    ({"l2": -1.0}, "l2 must be a non-negative finite number, got -1.0"),
    ({"l2": np.nan}, "l2 must be a non-negative finite number, got nan"),
    ({"l1": "1"}, "l1 must be a non-negative finite number, got '1'"),
    ({"delta": 0.0}, "delta must be a positive finite number, got 0.0"),
    ({"tol": 0.0}, "tol must be a positive finite number, got 0.0"),
    ({"tol": True}, "tol must be a positive finite number, got True"),
    ({"max_iter": 0}, "max_iter must be a positive integer, got 0"),
    ({"max_iter": 10.0}, "max_iter must be a positive integer, got 10.0"),
    ({"max_time": 0.0}, "max_time must be a positive finite number, got 0.0"),
    ({"n_jobs": 0}, "n_jobs must be None or a non-zero integer, got 0"),
]
ALPHAS = [
    ({"alphas": [0.1, -0.2]}, "alphas must be a non-negative finite number, got -0.2"),
    ({"alphas": [0.1, np.nan]}, "alphas must be a non-negative finite number, got nan"),
    ({"alphas": []}, r"alphas must be a non-empty list of numbers, got shape \(0,\)"),
    ({"alphas": 0.1}, r"alphas must be a non-empty list of numbers, got shape \(\)"),
    ({"n_alphas": 0}, "n_alphas must be a positive integer, got 0"),
    ({"eps": 0.0}, "eps must be a positive finite number, got 0.0"),
    ({"eps": 1.0}, "eps must be below 1, got 1.0"),
]


@every_estimator
@pytest.mark.parametrize("groups, message", GROUPS)
def test_groups(estimator, groups, message):
    with pytest.raises(ValueError, match=message):
        estimator(groups=groups).fit(*good_data())


@pytest.mark.parametrize("call", [group_lasso_path, alpha_max])
@pytest.mark.parametrize("groups, message", GROUPS)
def test_groups_in_functions(call, groups, message):
    with pytest.raises(ValueError, match=message):
        call(*good_data(), groups=groups)


@pytest.mark.parametrize("estimator", REGRESSORS)
@pytest.mark.parametrize("options, message", OPTIONS)
def test_options_of_regressors(estimator, options, message):
    with pytest.raises(ValueError, match=message):
        estimator(**options).fit(*good_data())


@pytest.mark.parametrize("estimator", CLASSIFIERS)
@pytest.mark.parametrize(
    "options, message", [entry for entry in OPTIONS if "delta" not in entry[0]]
)
def test_options_of_classifiers(estimator, options, message):
    message = message.replace("'squared', ", "'logistic', 'squared_hinge', ")
    with pytest.raises(ValueError, match=message):
        estimator(**options).fit(*good_data())


@pytest.mark.parametrize("options, message", OPTIONS + ALPHAS)
def test_options_of_the_path(options, message):
    with pytest.raises(ValueError, match=message):
        group_lasso_path(*good_data(), **options)


@pytest.mark.parametrize("estimator", [GroupLassoCV, GroupLassoClassifierCV])
@pytest.mark.parametrize("options, message", ALPHAS)
def test_alphas_of_cross_validation(estimator, options, message):
    with pytest.raises(ValueError, match=message):
        estimator(**options).fit(*good_data())


@pytest.mark.parametrize("estimator", [GroupLasso, GroupLassoClassifier])
@pytest.mark.parametrize("alpha", [-1.0, np.nan, np.inf, "1", None, True])
def test_alpha(estimator, alpha):
    with pytest.raises(ValueError, match="alpha must be a non-negative finite number, got"):
        estimator(alpha).fit(*good_data())


@every_estimator
@pytest.mark.parametrize("loss", ["multinomial", "squared hinge", 1, ["logistic"]])
def test_losses_of_estimators(estimator, loss):
    with pytest.raises(ValueError, match=r"loss must be one of '(squared|logistic)', "):
        estimator(loss=loss).fit(*good_data())


@every_estimator
@pytest.mark.parametrize("layout", [np.asarray, scipy.sparse.csc_array])
@pytest.mark.parametrize(
    "change, message",
    [
        (lambda X, y: (np.where(X > 1.0, np.nan, X), y), "Input X contains NaN"),
        (lambda X, y: (np.where(X > 1.0, np.inf, X), y), "Input X contains infinity"),
        (lambda X, y: (X[:0], y[:0]), r"Found array with 0 sample\(s\)"),
        (lambda X, y: (X[:, :0], y), r"Found array with 0 feature\(s\)"),
        (lambda X, y: (X, y[:5]), "inconsistent numbers of samples"),
        (lambda X, y: (X + 1j, y), "Complex data not supported"),
        (lambda X, y: (X, None), "requires y to be passed"),
    ],
)
def test_data(estimator, layout, change, message):
    X, y = change(*good_data())
    with pytest.raises(ValueError, match=message):
        estimator().fit(layout(X), y)


@pytest.mark.parametrize("estimator", REGRESSORS)
@pytest.mark.parametrize(
    "change, message",
    [
        (lambda y: np.where(y > 0.0, np.nan, y), "Input y contains NaN"),
        (lambda y: np.where(y > 0.0, np.inf, y), "Input y contains infinity"),
        (lambda y: 1e200 * y, "y is too large: its sum of squares overflows"),
        (lambda y: y[:, None, None], "Found array with dim 3"),
        (lambda y: scipy.sparse.csr_array(y[:, None]), "[Ss]parse"),
        (lambda y: np.full(12, "a"), "could not convert string to float"),
    ],
)
def test_targets(estimator, change, message):
    X, y = good_data()
    with pytest.raises((ValueError, TypeError), match=message):
        estimator().fit(X, change(y))


@pytest.mark.parametrize("estimator", REGRESSORS)
def test_counts(estimator):
    X, y = good_data()
    message = "y must not be negative for the Poisson loss, got -1.0 for sample 1"
    with pytest.raises(ValueError, match=message):
        estimator(loss="poisson").fit(X, y)
    with pytest.raises(ValueError, match="y holds only zeros, for which the Poisson loss has no"):
        estimator(loss="poisson").fit(X, np.zeros(12))
    # where it has no weight a target means nothing
    estimator(loss="poisson").fit(X, y, sample_weight=(y > 0.0).astype(float))


@pytest.mark.parametrize(
    "loss, change, message",
    [
        ("logistic", lambda y: y > 0.0, "y must hold -1 and 1 for this loss, got 0.0 for sample 1"),
        ("squared_hinge", lambda y: 2.0 * y, "y must hold -1 and 1 .* got 2.0 for sample 0"),
        ("logistic", np.abs, "y holds one class only among the samples of positive weight"),
        ("multinomial", lambda y: y, "y must have a column per class"),
        ("multinomial", lambda y: np.column_stack([y, -y]), "single 1 in each row.* sample 0"),
        ("multinomial", lambda y: np.ones((12, 2)), "single 1 in each row.* sample 0"),
        ("multinomial", lambda y: np.eye(3)[(y > 0).astype(int)], "no sample .* in class 2"),
        ("squared", lambda y: y[:5], r"y has shape \(5,\), but X has 12 samples"),
        ("squared", lambda y: y[:, None, None], r"y has shape \(12, 1, 1\), but X has 12"),
        ("squared", lambda y: np.where(y > 0.0, y, np.nan), "y contains NaN .* for sample 1"),
    ],
)
@pytest.mark.parametrize("call", [group_lasso_path, alpha_max])
def test_targets_of_functions(call, loss, change, message):
    X, y = good_data()
    with pytest.raises(ValueError, match=message):
        call(X, change(y), loss=loss)


@pytest.mark.parametrize("estimator", CLASSIFIERS)
@pytest.mark.parametrize(
    "y, message",
    [
        (np.zeros(12), "one class only"),
        (["a"] * 12, "one class only"),
        (np.linspace(0.0, 1.0, 12), "Unknown label type: continuous"),
        ([np.nan] * 12, "contains NaN"),
        (np.ones((12, 2)), "y should be a 1d array"),
    ],
)
def test_labels(estimator, y, message):
    with pytest.raises(ValueError, match=message):
        estimator().fit(good_data()[0], y)


@pytest.mark.parametrize("estimator", CLASSIFIERS)
def test_labels_without_weight(estimator):
    X, y = good_data()
    with pytest.raises(ValueError, match="y holds one class only among the samples of positive"):
        estimator().fit(X, y, sample_weight=(y > 0.0).astype(float))
    three = np.arange(12) % 3
    few_folds = {"cv": 2} if estimator is GroupLassoClassifierCV else {}
    with pytest.raises(ValueError, match="y holds no sample of positive weight in class 1"):
        estimator(**few_folds).fit(X, three, sample_weight=(three != 1).astype(float))


@pytest.mark.parametrize("estimator", [GroupLassoCV, GroupLassoClassifierCV])
@pytest.mark.parametrize(
    "options, message",
    [
        ({"cv": []}, "cv holds no folds"),
        ({"cv": [([0, 1, 99], [2])]}, "cv: fold 0 does not fit 12 samples"),
        ({"cv": [(range(12), [])]}, "cv holds out no sample of positive weight"),
        (
            {"cv": 2, "scoring": lambda model, X, y: np.nan},
            "scoring must give a finite number, got nan",
        ),
    ],
)
def test_folds_and_scorers(estimator, options, message):
    with pytest.raises(ValueError, match=message):
        estimator(alphas=[0.1], **options).fit(*good_data())


def test_a_class_that_is_held_out():
    X, y = good_data()
    rows = np.arange(12)
    folds = [(rows[y > 0.0], rows[y < 0.0]), (rows, rows)]
    with pytest.raises(ValueError, match="without the samples held out in fold 0: y holds one cl"):
        GroupLassoClassifierCV(cv=folds).fit(X, y)


@every_estimator
@pytest.mark.parametrize(
    "weight, message",
    [
        (np.ones(5), "sample_weight"),
        (np.ones((12, 2)), "[Ss]ample"),
        (-np.ones(12), "Negative values in data passed to `sample_weight`"),
        (np.full(12, np.nan), "sample_weight contains NaN"),
        (np.zeros(12), "[Ss]ample.weight"),
    ],
)
def test_sample_weight(estimator, weight, message):
    with pytest.raises(ValueError, match=message):
        estimator().fit(*good_data(), sample_weight=weight)


@pytest.mark.parametrize("call", [group_lasso_path, alpha_max])
@pytest.mark.parametrize(
    "weight, message",
    [
        (np.ones(5), r"sample_weight has shape \(5,\), but X has 12 samples"),
        (np.arange(12.0) - 2.0, "sample_weight must be non-negative .* got -2.0 for sample 0"),
        (np.full(12, np.inf), "sample_weight must be .* finite, got inf for sample 0"),
        (np.zeros(12), "sample_weight must not be all zero"),
    ],
)
def test_sample_weight_of_functions(call, weight, message):
    with pytest.raises(ValueError, match=message):
        call(*good_data(), sample_weight=weight)


@pytest.mark.parametrize("offset", [np.ones(5), np.ones((12, 2)), 1.0])
def test_offset(offset):
    X, y = good_data()
    with pytest.raises(ValueError, match="offset has shape"):
        GroupLasso().fit(X, y, offset=offset)
    with pytest.raises(ValueError, match="offset has shape"):
        group_lasso_path(X, y, offset=offset)
    with pytest.raises(ValueError, match="offset contains NaN or infinity, first for sample 3"):
        alpha_max(X, y, offset=np.where(np.arange(12) == 3, np.nan, 0.0))


def test_masked_designs():
    X, y = good_data()
    cells = Cells.from_dense(np.ones((3, 12)))
    with pytest.raises(ValueError, match="cells must be Cells, got ndarray"):
        MaskedDesign(X, np.ones((3, 12)))
    with pytest.raises(ValueError, match="cells has 12 hyperplanes, but X has 11 samples"):
        MaskedDesign(X[1:], cells)
    with pytest.raises(ValueError, match="cells holds no cell"):
        MaskedDesign(X, cells[:0])
    with pytest.raises(ValueError, match="Input X contains NaN"):
        MaskedDesign(np.where(X > 1.0, np.nan, X), cells)
    with pytest.raises(ValueError, match="either cells or gates must be given"):
        MaskedDesign(X)
    with pytest.raises(ValueError, match="either cells or gates must be given"):
        MaskedDesign(X, cells, gates=X)
    with pytest.raises(ValueError, match="gates has 2 columns, but X has"):
        MaskedDesign(X, gates=X[:, :2])
    design = MaskedDesign(X, cells)
    for groups in (2, [[0]], range(12)):
        with pytest.raises(ValueError, match="groups must be None for a MaskedDesign"):
            GroupLasso(groups=groups).fit(design, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        GroupLasso().fit(design, y[:5])
    with pytest.raises(ValueError, match=r"weights must have shape \(3,\)"):
        GroupLasso(weights=np.ones(12)).fit(design, y)
    GroupLasso(groups=4).fit(design, y)  # the size of each cell's group


@every_estimator
def test_inputs_of_predict(estimator):
    X, y = good_data()
    model = estimator().fit(X, y)
    with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 4 features"):
        model.predict(np.ones((4, 3)))
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.predict(np.full((4, 4), np.nan))
    with pytest.raises(ValueError, match="Expected 2D array"):
        model.predict(X[0])
