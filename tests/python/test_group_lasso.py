"""The group lasso's optima, certificates and paths, beside cvxpy and an evaluator in NumPy."""

import warnings

import numpy as np
import pytest
from group_lasso_reference import (
    LOSSES,
    Case,
    dual_objective,
    gap_scale,
    null_objective,
    objective,
    reference_solution,
    relative_gap,
    small_case,
    with_alpha,
)
from sklearn.exceptions import ConvergenceWarning

from cvxnn.group_lasso import GroupLasso, GroupLassoClassifier, alpha_max, group_lasso_path
from cvxnn.group_lasso._problem import Problem
from cvxnn.group_lasso._solving import Options, solve_path

PENALTIES = {
    "plain": {},
    "l1": {"l1": 0.02},
    "l2": {"l2": 0.1},
    "l1 and l2": {"l1": 0.02, "l2": 0.1},
    "positive": {"positive": True},
    "positive, l1 and l2": {"positive": True, "l1": 0.02, "l2": 0.1},
    "no intercept": {"fit_intercept": False},
    "group weights": {"group_weights": np.array([0.5, 2.0, 1.0, 1.5])},
    "sample weights": {"sample_weight": np.linspace(0.1, 3.0, 24)},
    "offset": {"offset": np.linspace(-0.5, 0.5, 24)[:, None]},
}
every_loss = pytest.mark.parametrize("loss", LOSSES)


def make_case(loss, penalty, share=0.3, **options):
    options = PENALTIES[penalty] | options
    if loss == "multinomial" and penalty == "offset":
        options["offset"] = options["offset"] * np.array([1.0, -1.0, 0.5])
    return with_alpha(small_case(loss, **options), share)


def solve(case, tol=1e-11, **options):
    """Return W, b and the gap that the path function claims."""
    _, coefs, gaps, intercepts = group_lasso_path(
        case.X,
        case.y,
        alphas=[case.alpha],
        tol=tol,
        n_jobs=1,
        return_intercepts=True,
        **case.options() | options,
    )
    return coefs[:, :, 0].T, intercepts[:, 0], gaps[0]


@every_loss
@pytest.mark.parametrize("penalty", PENALTIES)
def test_optimum_is_that_of_cvxpy(loss, penalty):
    case = make_case(loss, penalty)
    W, b, gap = solve(case)
    found, expected = objective(case, W, b), objective(case, *reference_solution(case))
    assert found == pytest.approx(expected, rel=1e-8)
    assert found - gap <= expected  # what is claimed
    assert relative_gap(case, W, b) <= 1e-8  # and what the point itself proves
    assert W.any()
    if penalty == "positive":
        assert W.min() >= 0.0


@pytest.mark.parametrize("loss", ["squared", "huber", "poisson", "logistic", "squared_hinge"])
@pytest.mark.parametrize("penalty", ["plain", "positive, l1 and l2", "sample weights"])
def test_many_targets(loss, penalty):
    case = make_case(loss, penalty, targets=3)
    W, b, _ = solve(case)
    assert W.shape == (9, 3)
    expected = objective(case, *reference_solution(case))
    assert objective(case, W, b) == pytest.approx(expected, rel=1e-8)


@every_loss
@pytest.mark.parametrize("penalty", PENALTIES)
def test_dual_vector_proves_the_gap(loss, penalty):
    case = make_case(loss, penalty)
    problem = Problem.from_arrays(case.X, case.y, **case.options())
    options = Options(1e-7, 1000, None, 1)
    [solution] = solve_path(problem, np.array([case.alpha]), options, keep_dual=True)
    assert solution.status == "converged"
    W = solution.coefficients(9).T
    found = objective(case, W, solution.intercept)
    assert solution.objective == pytest.approx(found, rel=1e-12)
    proved = dual_objective(case, solution.dual)
    assert found - proved == pytest.approx(solution.dual_gap, abs=1e-12)
    assert solution.relative_gap == pytest.approx(solution.dual_gap / gap_scale(case), abs=1e-12)
    assert solution.relative_gap <= 1e-7


@every_loss
@pytest.mark.parametrize("penalty", PENALTIES)
def test_alpha_max(loss, penalty):
    case = make_case(loss, penalty)
    options = case.options()
    options.pop("l2")
    largest = alpha_max(case.X, case.y, n_jobs=1, **options)
    if not case.l1 and not case.positive:
        assert largest == pytest.approx(case.alpha / 0.3, rel=1e-9)
    for factor in (1.0, 1.5, 1e6):
        case.alpha = factor * largest
        W, b, gap = solve(case)
        assert not W.any()
        assert gap <= 1e-11 * gap_scale(case)
        assert objective(case, W, b) == pytest.approx(null_objective(case), rel=1e-12)
    case.alpha = 0.999 * largest
    assert solve(case, tol=1e-12)[0].any()


@every_loss
def test_path(loss):
    case = small_case(loss)
    alphas, coefs, gaps, intercepts = group_lasso_path(
        case.X, case.y, n_alphas=7, eps=0.05, return_intercepts=True, **case.options()
    )
    assert alphas[0] == alpha_max(case.X, case.y, **without_l2(case.options()))
    assert alphas[1:] / alphas[:-1] == pytest.approx(0.05 ** (1 / 6))
    assert coefs.shape == (case.y.shape[1], 9, 7)
    assert not coefs[:, :, 0].any()
    for i, alpha in enumerate(alphas):
        case.alpha = alpha
        W, b = coefs[:, :, i].T, intercepts[:, i]
        assert gaps[i] <= 1e-6 * gap_scale(case)
        expected = objective(case, *reference_solution(case))
        assert objective(case, W, b) - gaps[i] <= expected * (1.0 + 1e-9)


def without_l2(options):
    return {name: value for name, value in options.items() if name != "l2"}


def test_path_of_given_alphas():
    case = small_case()
    y = case.y[:, 0]
    alphas, coefs, gaps = group_lasso_path(case.X, y, groups=case.groups, alphas=[0.1, 0.4, 0.2])
    assert alphas.tolist() == [0.4, 0.2, 0.1]
    assert coefs.shape == (9, 3)
    assert gaps.shape == (3,)
    for alpha, coef in zip(alphas, coefs.T, strict=True):
        model = GroupLasso(alpha, groups=case.groups).fit(case.X, y)
        assert coef == pytest.approx(model.coef_, abs=1e-3)


def test_penalty_is_half_of_nothing():
    """One orthonormal group has a closed form, which shows every factor of the objective."""
    n = 8
    X = np.linalg.qr(np.random.default_rng(0).standard_normal((n, 3)))[0] * np.sqrt(n)
    y = X @ np.array([3.0, 4.0, 0.0])
    model = GroupLasso(1.0, groups=3, weights=[1.0], fit_intercept=False, tol=1e-12).fit(X, y)
    assert model.coef_ == pytest.approx([3.0 * 0.8, 4.0 * 0.8, 0.0], abs=1e-6)  # 5 - 1 over 5
    model.set_params(weights=None).fit(X, y)
    assert np.linalg.norm(model.coef_) == pytest.approx(5.0 - np.sqrt(3.0))
    model.set_params(weights=[1.0], l2=1.0).fit(X, y)
    assert np.linalg.norm(model.coef_) == pytest.approx(2.0)  # (5 - 1) / (1 + 1)
    model.set_params(l2=0.0, l1=1.0).fit(X, y)  # soft threshold to (2, 3), then the group
    expected = np.array([2.0, 3.0, 0.0]) * (1.0 - 1.0 / np.sqrt(13.0))
    assert model.coef_ == pytest.approx(expected, abs=1e-6)


def with_columns(X, columns, values):
    X = X.copy()
    X[:, columns] = values
    return X


GROUPS = [[4, 0, 7], [2], [8, 1], [3, 5, 6]]
UNUSUAL = {
    "group whose first column is zero": lambda X: (with_columns(X, 4, 0.0), GROUPS),
    "zero group": lambda X: (with_columns(X, [8, 1], 0.0), GROUPS),
    "constant column": lambda X: (with_columns(X, 2, 5.0), GROUPS),
    "column twice in a group": lambda X: (with_columns(X, 7, X[:, 0]), GROUPS),
    "two equal groups": lambda X: (
        with_columns(X, [8, 1], X[:, [4, 0]]),
        [[4, 0], [2], [8, 1], [3, 5, 6, 7]],
    ),
    "one group": lambda X: (X, [list(range(9))]),
    "sizes 1 and 8": lambda X: (X, [[0], list(range(1, 9))]),
    "columns of all sizes": lambda X: (X * np.logspace(-3, 3, 9), GROUPS),
    "few entries": lambda X: (np.where(np.arange(24)[:, None] < np.arange(4, 13), X, 0.0), GROUPS),
    "far from centred": lambda X: (X + 100.0, GROUPS),
    "samples twice": lambda X: (np.repeat(X[:12], 2, axis=0), GROUPS),
}


@pytest.mark.parametrize("name", UNUSUAL)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_unusual_designs(name, fit_intercept):
    usual = small_case()
    X, groups = UNUSUAL[name](usual.X)
    case = with_alpha(Case(X, usual.y, groups, fit_intercept=fit_intercept), 0.2)
    W, b, gap = solve(case)
    assert W.any()
    assert gap <= 1e-11 * gap_scale(case)
    assert relative_gap(case, W, b) <= 1e-8
    assert not W[~X.any(axis=0)].any()


@every_loss
def test_more_columns_than_samples(loss):
    random = np.random.default_rng(0)
    case = small_case(loss, n=24)
    X = np.column_stack([case.X, random.standard_normal((24, 91))])
    groups = [*case.groups, *np.arange(9, 100).reshape(13, 7).tolist()]
    case = with_alpha(Case(X, case.y, groups, loss=loss), 0.05)
    W, b, gap = solve(case, tol=1e-9)
    assert gap <= 1e-9 * gap_scale(case)
    assert relative_gap(case, W, b) <= 1e-6


@pytest.mark.parametrize("scale", [1e-100, 1e100])
@pytest.mark.parametrize("loss", ["squared", "huber"])
def test_targets_of_any_size(loss, scale):
    case = with_alpha(small_case(loss, l1=0.01), 0.3)
    factor = np.exp2(np.round(np.log2(scale)))
    options = case.options()
    W, b, gap = solve(case)
    for name in ("delta", "l1"):
        options[name] *= factor
    _, coefs, gaps, intercepts = group_lasso_path(
        case.X,
        factor * case.y,
        alphas=[factor * case.alpha],
        tol=1e-11,
        return_intercepts=True,
        **options,
    )
    assert np.array_equal(coefs[:, :, 0].T, factor * W)
    assert np.array_equal(intercepts[:, 0], factor * b)
    assert gaps[0] == factor**2 * gap


@pytest.mark.parametrize(
    "loss, change",
    [
        ("squared", lambda y: y - 1e7),
        ("huber", lambda y: y + 1e7),
        ("poisson", lambda y: np.round(1000.0 + 100.0 * y)),
        ("squared", lambda y: np.where(y == y.max(), 1e5, y)),
        ("huber", lambda y: np.where(y == y.max(), 1e5, y)),
        ("huber", lambda y: np.where(y > np.median(y), 1e3, -1e3) + y),
    ],
)
def test_targets_far_from_zero_and_outliers(loss, change):
    """The best intercept is far from where a search for it starts."""
    case = small_case("squared" if loss == "huber" else loss)
    case = with_alpha(Case(case.X, change(case.y), case.groups, loss=loss), 0.3)
    W, b, gap = solve(case, tol=1e-10)
    assert W.any()
    assert objective(case, W, b) == pytest.approx(objective(case, *reference_solution(case)))
    assert gap <= 1e-10 * gap_scale(case)
    assert relative_gap(case, W, b) <= 1e-8


@pytest.mark.parametrize(
    "loss, value",
    [("squared", 0.0), ("squared", 0.1), ("huber", 0.0), ("huber", 3.0), ("poisson", 3.0)],
)
def test_nothing_to_explain(loss, value):
    case = small_case(loss)
    y = np.full(24, value)
    assert alpha_max(case.X, y, loss=loss) == pytest.approx(0.0, abs=1e-12)
    model = GroupLasso(0.1, loss=loss).fit(case.X, y)
    assert model.status_ == "converged"
    assert not model.coef_.any()
    assert model.predict(case.X) == pytest.approx(y)
    alphas, coefs, _ = group_lasso_path(case.X, y, loss=loss, n_alphas=3)
    assert (alphas > 0.0).all()
    assert not coefs.any()


def test_alpha_zero_with_a_ridge_is_ridge_regression():
    case = small_case(l2=0.3)
    case.alpha = 0.0
    W, b, gap = solve(case)
    X, y = case.X - case.X.mean(axis=0), case.y - case.y.mean(axis=0)
    expected = np.linalg.solve(X.T @ X / 24 + 0.3 * np.eye(9), X.T @ y / 24)
    assert W == pytest.approx(expected, abs=1e-6)
    assert gap <= 1e-11 * gap_scale(case)
    assert b == pytest.approx(case.y.mean(axis=0) - case.X.mean(axis=0) @ expected, abs=1e-6)


def test_group_of_weight_zero():
    """Its columns are not penalised: alpha_max is infinite, and a path needs alphas."""
    case = with_alpha(small_case(), 0.3)
    case.group_weights = np.array([1.0, 0.0, 1.0, 1.0])
    assert alpha_max(case.X, case.y, **without_l2(case.options())) == np.inf
    with pytest.raises(ValueError, match="alphas must be given: groups of weight zero stay"):
        group_lasso_path(case.X, case.y, **case.options())
    case.l2 = 0.1
    W, b, _ = solve(case)
    expected = objective(case, *reference_solution(case))
    assert objective(case, W, b) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("loss", ["logistic", "squared_hinge", "multinomial"])
def test_separable_data_with_little_regularisation(loss):
    """A status, not a hang."""
    X = np.linspace(-1.0, 1.0, 20)[:, None]
    y = np.where(X > 0.0, 1.0, -1.0)
    if loss == "multinomial":
        y = np.column_stack([y < 0.0, y > 0.0]).astype(float)
    case = Case(X, y, [[0]], loss=loss, alpha=1e-9)
    problem = Problem.from_arrays(case.X, case.y, **case.options())
    [solution] = solve_path(problem, np.array([case.alpha]), Options(1e-6, 1000, None, 1))
    W, b = solution.coefficients(1).T, solution.intercept
    assert np.isfinite(W).all()
    assert (solution.relative_gap <= 1e-6) == (solution.status == "converged")
    assert solution.objective == pytest.approx(objective(case, W, b), rel=1e-9)
    assert solution.objective < 0.1 * gap_scale(case)


def test_not_converged_is_reported():
    """No point in double precision has a gap of 1e-20."""
    random = np.random.default_rng(0)
    X, y = random.standard_normal((60, 200)), random.standard_normal(60)
    alpha = 0.1 * alpha_max(X, y, groups=4)
    with pytest.warns(ConvergenceWarning, match="group_lasso_path stopped with status 'iteration_"):
        _, _, gaps = group_lasso_path(X, y, groups=4, alphas=[alpha], tol=1e-20, max_iter=1)
    model = GroupLasso(alpha, groups=4, tol=1e-20, max_iter=1)
    with pytest.warns(ConvergenceWarning, match="GroupLasso stopped with status 'iteration_limit'"):
        model.fit(X, y)
    assert model.status_ == "iteration_limit"
    assert model.relative_gap_ > 1e-20
    assert model.dual_gap_ == gaps[0]
    model.set_params(max_iter=1000)
    with pytest.warns(ConvergenceWarning, match="GroupLasso stopped with status 'stalled'"):
        model.fit(X, y)
    assert model.status_ == "stalled"
    assert 1e-20 < model.relative_gap_ < 1e-10


def test_time_limit():
    random = np.random.default_rng(0)
    X, y = random.standard_normal((600, 3000)), random.standard_normal(600)
    model = GroupLasso(1e-6, groups=3, tol=1e-13, max_time=1e-3, n_jobs=1)
    with pytest.warns(ConvergenceWarning, match="status 'time_limit'"):
        model.fit(X, y)
    assert model.status_ == "time_limit"
    assert np.isfinite(model.coef_).all()
    assert 1e-13 < model.relative_gap_ < np.inf


@pytest.mark.parametrize("loss", ["squared", "huber", "logistic", "squared_hinge"])
def test_support_with_more_columns_than_its_rank(loss):
    # the objective then falls in straight lines until a coefficient vanishes
    random = np.random.default_rng(0)
    X = random.standard_normal((15, 30))[random.integers(0, 15, 57)]
    y = X @ random.standard_normal(30) + 0.1 * random.standard_normal(57)
    if loss in ("logistic", "squared_hinge"):
        y = np.where(y > 0.0, 1.0, -1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        group_lasso_path(X, y, loss=loss, n_alphas=10, eps=1e-3)


def test_classes_nearly_separated_by_their_frequency():
    random = np.random.default_rng(0)
    X = random.standard_normal((33, 2))
    y = np.repeat([0, 1, 2], 11)
    weight = np.where(y == 0, 1.0, 1e-7)
    model = GroupLassoClassifier(1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.fit(X, y, sample_weight=weight)
    assert model.status_ == "converged"
