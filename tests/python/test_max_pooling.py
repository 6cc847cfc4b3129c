"""Convolutional networks with max pooling: optima beside cvxpy, bounds, every way to train."""

import pickle

import cvxpy as cp
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.sparse import block_diag
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from cvxnn import ConvReLUClassifier, ConvReLURegressor, ReLURegressor
from cvxnn.arrangements import TooManyCells, sample_cells
from cvxnn.networks import _pooled_training
from cvxnn.networks._patches import Patches
from cvxnn.networks._pooled_program import listed_support
from cvxnn.networks._pooled_support import relaxed_filter_support
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._relaxation import relaxed_support
from cvxnn.networks._selections import PatchRows, every_selection


def signals(n=6, d=4, seed=0, loss="squared"):
    random = np.random.default_rng(seed)
    X, y = random.standard_normal((n, d)), random.standard_normal(n)
    return X, np.where(y > np.median(y), 1.0, -1.0) if loss == "logistic" else y


def patches_by_hand(X, width=2, bias="none", stride=1):
    """Return shape (n, K, width), or (n, K, width + 1) with biases."""
    starts = range(0, X.shape[1] - width + 1, stride)
    parts = np.stack([X[:, k : k + width] for k in starts], axis=1)
    return parts if bias == "none" else np.pad(parts, [(0, 0)] * 2 + [(0, 1)], constant_values=1.0)


def selections_by_hand(parts):
    """Return the selections of filters in the plane: one in the middle of each two boundaries."""
    pairs = [parts[:, i] - parts[:, j] for i in range(parts.shape[1]) for j in range(i)]
    normals = np.concatenate([parts.reshape(-1, 2), *pairs])
    angles = np.arctan2(normals[:, 0], -normals[:, 1])
    angles = np.unique(np.concatenate([angles, angles + np.pi]) % (2.0 * np.pi))
    middles = 0.5 * (angles + np.append(angles[1:], angles[0] + 2.0 * np.pi))
    filters = np.column_stack([np.cos(middles), np.sin(middles)])
    z = np.einsum("nkd,fd->fnk", parts, filters)
    chosen = np.unique(np.where(z.max(axis=2) > 0.0, z.argmax(axis=2), -1), axis=0)
    return chosen[(chosen >= 0).any(axis=1)]


def program_value(parts, y, beta, loss="squared"):
    """Return the optimum over all selections, by cvxpy."""
    n, K, d = parts.shape
    outputs, cones = [], []
    for chosen in selections_by_hand(parts):
        top = np.array([parts[i, k] if k >= 0 else np.zeros(d) for i, k in enumerate(chosen)])
        outputs.append(top)
        cones.append(np.concatenate([top, (top[:, None] - parts).reshape(n * K, d)]))
    A, C = np.hstack(outputs), block_diag(cones, format="csr")
    plus, minus = cp.Variable(A.shape[1]), cp.Variable(A.shape[1])
    f = A @ (plus - minus)
    value = {
        "squared": lambda: 0.5 * cp.sum_squares(f - y),
        "logistic": lambda: cp.sum(cp.logistic(cp.multiply(-y, f))),
    }[loss]()
    norms = [cp.norm(cp.reshape(u, (d, -1), order="F"), axis=0) for u in (plus, minus)]
    penalty = beta * sum(cp.sum(norm) for norm in norms)
    program = cp.Problem(cp.Minimize(value + penalty), [C @ plus >= 0.0, C @ minus >= 0.0])
    accuracy = {"tol_gap_abs": 1e-9, "tol_gap_rel": 1e-9, "tol_feas": 1e-9}
    program.solve(solver=cp.CLARABEL, **({} if loss == "logistic" else accuracy))
    return program.value


def objective_by_hand(parts, y, beta, W, a):
    z = np.einsum("nkd,md->nkm", parts, W)
    residual = np.maximum(z, 0.0).max(axis=1) @ a - y
    return 0.5 * residual @ residual + 0.5 * beta * (np.sum(W**2) + np.sum(a**2))


def best_of_descents(parts, y, beta, width=10, runs=6):
    """Return the best objective of weights trained by L-BFGS, squared loss."""
    n, _, d = parts.shape

    def evaluate(weights):
        W, a = weights[: width * d].reshape(width, d), weights[width * d :]
        z = np.einsum("nkd,md->nkm", parts, W)
        top = z.argmax(axis=1)
        hidden = np.maximum(z.max(axis=1), 0.0)
        residual = hidden @ a - y
        taken = parts[np.arange(n)[:, None], top] * (hidden > 0.0)[:, :, None]
        by_W = np.einsum("n,nmd,m->md", residual, taken, a)
        gradient = np.concatenate([by_W.ravel(), hidden.T @ residual]) + beta * weights
        return 0.5 * residual @ residual + 0.5 * beta * weights @ weights, gradient

    random = np.random.default_rng(0)
    starts = random.standard_normal((runs, width * (d + 1)))
    return min(minimize(evaluate, x, jac=True, method="L-BFGS-B").fun for x in starts)


def trained(X, y, beta=0.1, kind=ConvReLURegressor, **options):
    options = {"kernel_size": 2, "bias": "none", "tol": 1e-7, **options}
    return kind(beta, pooling="max", **options).fit(X, y)


def problem_of(X, y, width=2, beta=1e-3, bias="none", **geometry):
    patches = Patches.from_arguments(X.shape[1], kernel_size=width, pooling="max", **geometry)
    return TrainingProblem.from_arrays(X, y, loss="squared", beta=beta, bias=bias, patches=patches)


@pytest.mark.parametrize("seed", range(20))
def test_optimum_is_that_of_cvxpy_over_all_selections(seed):
    X, y = signals(seed=seed)
    parts, beta = patches_by_hand(X), (0.1, 0.01, 1.0)[seed % 3]
    expected = program_value(parts, y, beta)
    model = trained(X, y, beta)
    c, network = model.certificate_, model.network_
    assert c.objective == pytest.approx(expected, rel=1e-6)
    assert c.lower_bound == pytest.approx(expected, rel=1e-6)
    assert (c.scope, c.method, model.status_) == ("global", "cells", "converged")
    assert c.n_cells == len(selections_by_hand(parts))
    weights = network.hidden_weights, network.output_weights[:, 0]
    assert c.objective == pytest.approx(objective_by_hand(parts, y, beta, *weights), rel=1e-12)
    assert c.objective == pytest.approx(model.history_["objective"][-1], rel=1e-6)
    assert c.verify(X, y)
    assert not type(c)(**{**vars(c), "lower_bound": expected * 1.001}).verify(X, y)


@pytest.mark.parametrize("seed", range(4))
def test_logistic_optimum_is_that_of_cvxpy(seed):
    X, y = signals(5, seed=seed, loss="logistic")
    c = trained(X, y, kind=ConvReLUClassifier).certificate_
    assert c.objective == pytest.approx(program_value(patches_by_hand(X), y, 0.1, "logistic"), 1e-6)
    assert c.relative_gap <= 1e-7
    assert c.verify(X, y)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("bias", ["none", "regularized"])
def test_descents_stay_above_the_bound(seed, bias):
    X, y = signals(n=8, d=5, seed=seed)
    model = trained(X, y, bias=bias, tol=1e-6)
    best = best_of_descents(patches_by_hand(X, bias=bias), y, 0.1)
    assert model.status_ == "converged"
    assert model.certificate_.objective <= best * (1.0 + 1e-6)
    assert model.certificate_.lower_bound >= model.certificate_.objective * (1.0 - 1e-6)


@pytest.mark.parametrize("bias", ["none", "regularized"])
def test_a_filter_as_large_as_the_input_is_a_neuron(bias):
    X, y = signals(n=14, d=2)
    dense = ReLURegressor(0.05, bias=bias, tol=1e-8).fit(X, y).certificate_
    c = trained(X, y, 0.05, bias=bias, tol=1e-8).certificate_
    assert c.objective == pytest.approx(dense.objective, rel=1e-7)
    assert c.lower_bound == pytest.approx(dense.objective, rel=1e-7)


def test_places_of_patches_and_powers_of_two_do_not_matter():
    X, y = signals(n=8, d=6, seed=3)
    options = {"bias": "regularized", "stride": 2}
    expected = trained(X, y, **options)
    moved = trained(X.reshape(8, 3, 2)[:, [2, 0, 1]].reshape(8, 6), y, **options)
    assert moved.certificate_.objective == pytest.approx(expected.certificate_.objective, rel=1e-7)
    turned = trained(X[:, ::-1], y, **options)
    assert turned.certificate_.objective == pytest.approx(expected.certificate_.objective, rel=1e-7)
    for scale in (2.0**-500, 2.0**400):
        scaled = trained(X * scale, y, 0.1 * scale, stride=2).certificate_
        assert scaled.objective == pytest.approx(trained(X, y, stride=2).certificate_.objective)
        assert scaled.verify(X * scale, y)


def test_repeated_patches_count_once():
    X, y = signals(n=7, d=2)
    once = trained(X, y).certificate_
    for doubled in (np.tile(X, 2), np.hstack([X, np.zeros((7, 2)), X])):
        c = trained(doubled, y, stride=2).certificate_
        assert c.objective == pytest.approx(once.objective, rel=1e-7)
        assert c.n_cells == once.n_cells
    padded = trained(X, y, padding=2, stride=2).certificate_
    assert padded.objective == pytest.approx(once.objective, rel=1e-7)


@pytest.mark.parametrize("bias", ["none", "regularized"])
@pytest.mark.parametrize("X", [np.zeros((3, 4)), np.ones((3, 4)), -np.eye(4), np.ones((1, 4))])
def test_poor_data_are_fitted_as_well_as_they_can_be(X, bias):
    y = np.arange(len(X)) - 0.5
    for options in ({}, {"patterns": 40, "random_state": 0}):
        c = trained(X, y, bias=bias, **options).certificate_
        assert c.relative_gap <= 1e-6
        assert c.verify(X, y)


@pytest.mark.parametrize("seed", range(6))
def test_no_descent_is_below_the_bound_of_integers(seed):
    random = np.random.default_rng(seed)
    X, y = random.integers(-2, 3, (7, 4)).astype(float), random.standard_normal(7)
    model = trained(X, y, tol=1e-6)
    assert not PatchRows.of(problem_of(X, y)).lost.any()
    assert model.status_ == "converged"
    assert model.certificate_.lower_bound <= best_of_descents(patches_by_hand(X), y, 0.1)
    assert model.certificate_.verify(X, y)


def test_patches_are_on_a_grid_of_exact_differences():
    X, y = signals(n=9, d=5)
    X[:, ::2] *= 1e-9
    rows = PatchRows.of(problem_of(X, y, bias="regularized"))
    differences = rows.rows[:, 1:] - rows.rows[:, :1]
    assert (rows.rows[:, :1] + differences == rows.rows[:, 1:]).all()
    assert (rows.rows[:, 1:] - differences == rows.rows[:, :1]).all()
    exact = patches_by_hand(X, bias="regularized")[np.lexsort(X.T[::-1])]
    off = np.abs(np.ldexp(rows.rows, rows.exponent) - exact)
    assert 0.0 < off.max() <= 2.0**-52 * np.abs(X).max()
    assert (np.linalg.norm(off, axis=2).max(axis=1) <= rows.lost).all()


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("d", [2, 3, 6])
def test_relaxation_is_above_what_filters_gain(seed, d):
    X, v = signals(n=8, d=d, seed=seed)
    X[seed % 8, : seed % 4] = 0.0
    problem = problem_of(X, v, beta=1e-6)
    v = v[np.lexsort(np.column_stack([v, X[:, ::-1]]).T)]
    rows = PatchRows.of(problem)
    exact = listed_support(problem, rows, every_selection(rows.rows, 10**5, 1), v)
    relaxed = relaxed_filter_support(problem, v, 0.0)
    parts = patches_by_hand(problem.inputs)
    angles = np.linspace(0.0, 2.0 * np.pi, 2000)
    filters = np.column_stack([np.cos(angles), np.sin(angles)])
    gains = v @ np.maximum(np.einsum("nkd,fd->nkf", parts, filters), 0.0).max(axis=1)
    assert np.abs(gains).max() <= exact * (1.0 + 1e-12)
    assert exact <= 1.001 * np.abs(gains).max()
    assert exact <= relaxed <= 4.0 * exact
    if d == 2:
        assert relaxed == pytest.approx(relaxed_support(problem.design, v), rel=1e-4)


def test_several_targets_are_independent_programs():
    X, y = signals(n=8)
    Y = np.column_stack([y, -y, 0.5 * y**2])
    model = trained(X, Y)
    total = sum(trained(X, column).certificate_.objective for column in Y.T)
    assert model.certificate_.objective == pytest.approx(total, rel=1e-6)
    assert model.certificate_.verify(X, Y)
    assert model.predict(X).shape == Y.shape
    labels = np.arange(8) % 3
    for options in ({}, {"patterns": 50, "random_state": 0}):
        classifier = trained(X, labels, 0.05, kind=ConvReLUClassifier, **options)
        assert classifier.status_ == "converged"
        assert classifier.predict_proba(X).shape == (8, 3)


def test_sampled_selections_bound_what_they_can_reach():
    X, y = signals(n=12, d=5)
    best = trained(X, y, bias="regularized").certificate_
    weight = np.array([1.0, 0.0, 2.0] * 4)
    for sample_weight in (None, weight):
        few, many = (
            ConvReLURegressor(
                0.1, kernel_size=2, pooling="max", patterns=count, random_state=0, tol=1e-6
            ).fit(X, y, sample_weight=sample_weight)
            for count in (10, 300)
        )
        for model in (few, many):
            c = pickle.loads(pickle.dumps(model)).certificate_
            assert (c.scope, c.method, model.status_) == ("patterns", "patterns", "converged")
            assert c.verify(X, y, sample_weight=sample_weight)
            raised = {**vars(c), "lower_bound": 1.001 * c.objective}
            assert not type(c)(**raised).verify(X, y, sample_weight=sample_weight)
            assert not c.verify(X[:-1], y[:-1])
        assert many.certificate_.objective < few.certificate_.objective
        if sample_weight is None:
            assert many.certificate_.objective >= best.lower_bound


@pytest.mark.parametrize("seed", range(5))
def test_search_comes_close_to_the_optimum(seed, monkeypatch):
    X, y = signals(n=8, d=5, seed=seed)
    best = trained(X, y, bias="regularized").certificate_
    monkeypatch.setattr(_pooled_training, "_AUTO_CELLS", 0)
    model = trained(X, y, bias="regularized", tol=1e-5)
    c = model.certificate_
    assert (c.scope, c.method, model.status_) == ("global", "relaxation", "stalled")
    assert best.lower_bound <= c.objective <= 1.005 * best.objective
    assert 0.0 < c.lower_bound <= best.objective
    assert c.verify(X, y)
    assert not np.any(np.diff(model.history_["objective"]) > 0.0)


def test_images_are_searched():
    images, digits = load_digits(return_X_y=True)
    X, y = images[digits < 2][:60] / 16.0, digits[digits < 2][:60]
    options = {"input_shape": (8, 8), "kernel_size": 3, "bias": "regularized", "tol": 1e-3}
    model = trained(X, y, 1.0, kind=ConvReLUClassifier, **options)
    c, targets = model.certificate_, 2.0 * y - 1.0
    assert (c.scope, c.method) == ("global", "relaxation")
    assert model.score(X, y) == 1.0
    assert 0.0 < c.lower_bound < c.objective
    assert c.verify(X, targets)
    assert not type(c)(**{**vars(c), "lower_bound": 1.01 * c.lower_bound}).verify(X, targets)
    again = trained(X, y, 1.0, kind=ConvReLUClassifier, n_jobs=1, **options)
    assert again.certificate_.objective == c.objective


@pytest.mark.parametrize("patterns", ["auto", 300])
def test_deadline_returns_the_best_so_far(patterns):
    X, y = signals(n=80, d=20)
    model = ConvReLURegressor(
        0.01, kernel_size=4, pooling="max", patterns=patterns, max_time=0.3, random_state=0
    )
    with pytest.warns(ConvergenceWarning, match="time_limit"):
        model.fit(X, y)
    c = model.certificate_
    assert c.lower_bound <= c.objective <= 0.5 * y @ y
    assert c.verify(X, y)


def test_huge_beta_leaves_nothing():
    X, y = signals(n=6)
    for patterns in ("auto", 30):
        model = trained(X, y, 1e3, patterns=patterns)
        assert model.network_.n_neurons == 0
        assert model.certificate_.objective == pytest.approx(0.5 * y @ y, rel=1e-12)
        assert model.certificate_.relative_gap <= 1e-7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bias": "free"}, "bias must be 'regularized' or 'none' with pooling='max', got 'free'"),
        ({"activation": "abs"}, "activation must be 'relu' with pooling='max', got 'abs'"),
        ({"activation": "leaky_relu", "negative_slope": 0.1}, "activation must be 'relu' with"),
        ({"loss": "absolute"}, r"loss must be one of .* with pooling='max', got 'absolute'"),
        ({"patterns": 0}, "patterns must be 'auto', 'exact' or a positive integer with pooling"),
        ({"patterns": sample_cells(np.eye(4), 3)}, "patterns must be 'auto', 'exact' or a"),
        ({"patterns": "all"}, "patterns must be"),
        ({"beta": 0.0}, "beta must be a positive"),
        ({"tol": -1.0}, "tol must be a positive"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        trained(*signals(), **options)


def test_too_many_cells_are_counted():
    X, y = signals(n=60, d=8)
    with pytest.raises(TooManyCells, match=r"patterns='exact': patches and their .* [\d,]+"):
        trained(X, y, bias="regularized", patterns="exact")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        ConvReLURegressor(1e3, pooling="max", patterns=20),
        ConvReLUClassifier(1.0, pooling="max", patterns=20),
    ]
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)
