"""Group lassos whose coefficients stay in the cones of their cells, beside cvxpy."""

import cvxpy
import numpy as np
import pytest

from cvxnn.arrangements import enumerate_cells, sample_cells
from cvxnn.group_lasso import (
    GroupLasso,
    GroupLassoClassifier,
    GroupLassoClassifierCV,
    GroupLassoCV,
    MaskedDesign,
    alpha_max,
    group_lasso_path,
)

LOSSES = ("squared", "huber", "logistic", "squared_hinge")
DELTA = 0.3


def data(loss, n=16, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, 3))
    y = np.maximum(X @ [1.0, -1.0, 0.5], 0.0) - 0.3 * X[:, 0] + 0.1 * random.standard_normal(n)
    y = y if loss in ("squared", "huber") else np.where(y > np.median(y), 1.0, -1.0)
    return MaskedDesign(X, sample_cells(X, 12, random_state=seed)), y


def losses(loss, f, y):
    if loss == "squared":
        return cvxpy.square(f - y) / 2
    if loss == "huber":
        return cvxpy.huber(f - y, DELTA) / 2
    margins = cvxpy.multiply(y, f)
    return (
        cvxpy.logistic(-margins) if loss == "logistic" else cvxpy.square(cvxpy.pos(1 - margins)) / 2
    )


def reference_value(design, y, alpha, loss, weight, fit_intercept):
    """Return the optimal value by cvxpy."""
    blocks, constraints, f = [], [], cvxpy.Variable() if fit_intercept else np.zeros(len(y))
    for pattern in design.cells.to_dense():
        u = cvxpy.Variable(design.X.shape[1])
        blocks.append(u)
        constraints.append(np.where(pattern, 1.0, -1.0)[:, None] * design.X @ u >= 0)
        f = f + (pattern[:, None] * design.X) @ u
    penalty = alpha * np.sqrt(design.X.shape[1]) * sum(cvxpy.norm(u) for u in blocks)
    fit = cvxpy.sum(cvxpy.multiply(weight / weight.sum(), losses(loss, f, y)))
    problem = cvxpy.Problem(cvxpy.Minimize(fit + penalty), constraints)
    accurate = {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-9}
    return problem.solve(solver=cvxpy.CLARABEL, **accurate)


def own_value(design, y, coef, intercept, alpha, loss, weight):
    f = cvxpy.Constant(design @ coef + intercept)
    fit = weight / weight.sum() @ losses(loss, f, y).value
    return fit + alpha * np.sqrt(3) * np.linalg.norm(coef.reshape(-1, 3), axis=1).sum()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_optimum_is_that_of_cvxpy(loss, fit_intercept, weighted):
    design, y = data(loss)
    weight = np.linspace(0.2, 2.0, len(y)) if weighted else np.ones(len(y))
    options = {
        "loss": loss,
        "delta": DELTA,
        "sample_weight": weight,
        "fit_intercept": fit_intercept,
        "cones": True,
        "n_jobs": 1,
    }
    largest = alpha_max(design, y, **options)
    alphas, coefs, gaps, intercepts = group_lasso_path(
        design,
        y,
        alphas=largest * np.array([1.0, 0.3, 0.03]),
        tol=1e-10,
        return_intercepts=True,
        **options,
    )
    assert not coefs[:, 0].any()
    for k in (1, 2):
        signs = np.where(design.cells.to_dense(), 1.0, -1.0)
        inside = signs * (coefs[:, k].reshape(-1, 3) @ design.X.T)
        assert inside.min() >= -1e-9 * np.abs(coefs[:, k]).max()
        assert coefs[:, k].any()
        found = own_value(design, y, coefs[:, k], intercepts[k], alphas[k], loss, weight)
        expected = reference_value(design, y, alphas[k], loss, weight, fit_intercept)
        assert found == pytest.approx(expected, rel=1e-8)
        assert found - gaps[k] <= expected + 1e-9 * abs(expected)


def test_below_alpha_max_something_is_used():
    for loss in LOSSES:
        design, y = data(loss)
        largest = alpha_max(design, y, loss=loss, cones=True)
        assert largest <= alpha_max(design, y, loss=loss) * (1 + 1e-12)
        _, coefs, _ = group_lasso_path(
            design, y, alphas=[0.999 * largest], loss=loss, cones=True, tol=1e-10
        )
        assert coefs.any()


def test_large_targets_and_units():
    design, y = data("squared")
    model = GroupLasso(0.01, cones=True, tol=1e-9).fit(design, y)
    scaled = MaskedDesign(2.0**20 * design.X, design.cells)
    other = GroupLasso(0.01 * 2.0**30, cones=True, tol=1e-9).fit(scaled, 2.0**10 * y + 1e5)
    assert 2.0**10 * other.coef_ == pytest.approx(model.coef_, abs=1e-6)
    assert other.status_ == model.status_ == "converged"


def test_estimators():
    design, y = data("squared", n=60)
    model = GroupLassoCV(cones=True, n_alphas=8, cv=3).fit(design, y)
    assert model.relative_gap_ <= 1e-6
    assert model.predict(design) == pytest.approx(design @ model.coef_ + model.intercept_)
    labels = np.where(y > 0.5, "up", "down")
    classifier = GroupLassoClassifier(0.003, cones=True).fit(design, labels)
    assert classifier.score(design, labels) > 0.8
    searched = GroupLassoClassifierCV(cones=True, n_alphas=5, cv=3).fit(design, labels)
    assert searched.status_ == "converged"


def test_over_all_cells_it_is_the_network_with_positive_output_weights():
    X = np.random.default_rng(3).standard_normal((12, 2))
    y = np.maximum(X @ [1.0, 2.0], 0.0)
    design = MaskedDesign(X, enumerate_cells(X))
    model = GroupLasso(1e-3, cones=True, fit_intercept=False).fit(design, y)
    weights = model.coef_.reshape(-1, 2)
    outputs = np.maximum(X @ weights[weights.any(axis=1)].T, 0.0).sum(axis=1)
    assert outputs == pytest.approx(model.predict(design), abs=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"l1": 0.1}, "cones does not go with l1"),
        ({"l2": 0.1}, "cones does not go with l2"),
        ({"positive": True}, "cones does not go with positive"),
        ({"weights": np.linspace(1.0, 2.0, 12)}, "cones does not go with weights"),
        ({"loss": "poisson"}, "cones does not go with loss='poisson'"),
    ],
)
def test_what_does_not_go_with_cones(options, message):
    design, y = data("squared")
    with pytest.raises(ValueError, match=message):
        GroupLasso(0.1, cones=True, **options).fit(design, np.abs(y))


def test_cones_of_other_designs():
    design, y = data("squared")
    with pytest.raises(ValueError, match="cones needs X to be a MaskedDesign, got ndarray"):
        GroupLasso(0.1, cones=True).fit(design.X, y)
    with pytest.raises(ValueError, match="cones does not go with several targets"):
        GroupLasso(0.1, cones=True).fit(design, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="cones does not go with offset"):
        GroupLasso(0.1, cones=True).fit(design, y, offset=y)
