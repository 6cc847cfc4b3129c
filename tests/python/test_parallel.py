"""Parallel three-layer networks: the convex program beside cvxpy, closed forms and L-BFGS."""

import pickle
import warnings
from dataclasses import replace
from itertools import combinations_with_replacement, pairwise, product

import cvxpy as cp
import numpy as np
import pytest
from helpers import gaussian_problem, generic_cells
from scipy.optimize import minimize
from scipy.sparse import block_diag
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from cvxnn import (
    ParallelNetwork,
    ParallelReLUClassifier,
    ParallelReLURegressor,
    ReLURegressor,
)
from cvxnn.arrangements import TooManyCells
from cvxnn.networks import _parallel_training
from cvxnn.networks._nested_cells import every_nested_cell

SEPARATE = {"weight_decay": True, "unit_columns": False, "path": False, "power": True}
STRENGTH = {"weight_decay": 1.0, "unit_columns": 1.0, "path": 1.0, "power": 1.5}
HAT = np.array([[-1.0], [0], [1], [2], [3]]), np.array([0.0, 0, 1, 0, 0])


def trained(X, y, beta=0.1, **options):
    options = {"bias": "none", "tol": 1e-7, **options}
    return ParallelReLURegressor(beta, **options).fit(X, y)


def program_value(X, y, beta, regularizer, m1, loss="squared"):
    """Return the optimum over every pattern of both layers that one can think of, by cvxpy."""
    n, d = X.shape
    outputs, cones = [], []
    signed = list(product(generic_cells(X), (1.0, -1.0)))
    for branch in combinations_with_replacement(signed, m1):
        F = np.hstack([sign * pattern[:, None] * X for pattern, sign in branch])
        own = block_diag([(2.0 * pattern - 1.0)[:, None] * X for pattern, _ in branch])
        for second in product((0.0, 1.0), repeat=n):
            on = np.array(second)[:, None]
            outputs.append(on * F)
            cones.append(np.vstack([own.toarray(), (2.0 * on - 1.0) * F]))
    A, C = np.hstack(outputs), block_diag(cones, format="csr")
    plus, minus = cp.Variable(A.shape[1]), cp.Variable(A.shape[1])
    f = A @ (plus - minus)
    value = {
        "squared": lambda: 0.5 * cp.sum_squares(f - y),
        "logistic": lambda: cp.sum(cp.logistic(cp.multiply(-y, f))),
    }[loss]()
    width = d if SEPARATE[regularizer] else d * m1
    norms = [cp.norm(cp.reshape(u, (width, -1), order="F"), axis=0) for u in (plus, minus)]
    penalty = beta * STRENGTH[regularizer] * sum(cp.sum(norm) for norm in norms)
    program = cp.Problem(cp.Minimize(value + penalty), [C @ plus >= 0.0, C @ minus >= 0.0])
    accuracy = {"tol_gap_abs": 1e-9, "tol_gap_rel": 1e-9, "tol_feas": 1e-9}
    program.solve(solver=cp.CLARABEL, **({} if loss == "logistic" else accuracy))
    return program.value


def best_of_descents(X, y, beta, regularizer, m1, runs=2, branches=3):
    """Return the best objective of networks trained by L-BFGS, differences for derivatives."""
    n_outputs = 1
    shapes = (
        (branches, m1, X.shape[1]),
        (branches, m1, 1),
        (branches, 1, n_outputs),
    )
    ends = np.cumsum([np.prod(shape) for shape in shapes])

    def network(weights):
        first, second, last = (
            part.reshape(shape)
            for part, shape in zip(np.split(weights, ends[:-1]), shapes, strict=True)
        )
        if regularizer in ("weight_decay", "unit_columns"):
            axes = (1, 2) if regularizer == "weight_decay" else 2
            first = first / np.linalg.norm(first, axis=axes, keepdims=True)
        return ParallelNetwork(first, np.zeros((branches, m1)), second, last)

    def objective(weights):
        return network(weights).objective(X, y, beta=beta, regularizer=regularizer, bias="none")

    random = np.random.default_rng(0)
    starts = random.standard_normal((runs, ends[-1]))
    return min(minimize(objective, x, method="L-BFGS-B").fun for x in starts)


@pytest.mark.parametrize("regularizer", list(SEPARATE))
@pytest.mark.parametrize("seed", range(5))
def test_optimum_is_that_of_cvxpy_and_no_descent_is_below(regularizer, seed):
    X, y = gaussian_problem(3 if seed else 4, 2, seed=seed)
    model = trained(X, y, 0.05, regularizer=regularizer)
    c = model.certificate_
    assert (c.scope, c.method, model.status_) == ("global", "cells", "converged")
    assert c.objective == pytest.approx(program_value(X, y, 0.05, regularizer, 2), rel=1e-6)
    own = model.network_.objective(X, y, beta=0.05, regularizer=regularizer, bias="none")
    assert c.objective == pytest.approx(own, rel=1e-12)
    assert c.lower_bound <= c.objective <= c.lower_bound * (1.0 + 1e-6)
    assert model.network_.n_branches <= len(y)
    assert c.verify(X, y)
    assert best_of_descents(X, y, 0.05, regularizer, 2) >= c.lower_bound * (1.0 - 1e-6)


@pytest.mark.parametrize("regularizer", ["weight_decay", "power"])  # Clarabel fails on the others
def test_logistic_optimum_is_that_of_cvxpy(regularizer):
    X, y = gaussian_problem(3, 2, seed=2, loss="logistic")
    model = ParallelReLUClassifier(0.05, regularizer=regularizer, bias="none", tol=1e-7).fit(X, y)
    value = program_value(X, y, 0.05, regularizer, 2, "logistic")
    assert model.certificate_.objective == pytest.approx(value, rel=1e-6)
    assert model.certificate_.verify(X, y)


@pytest.mark.parametrize("regularizer", list(SEPARATE))
@pytest.mark.parametrize("bias", ["none", "regularized"])
def test_one_neuron_makes_two_layer_networks(regularizer, bias):
    X, y = gaussian_problem(6, 2, seed=1)
    model = trained(X, y, 0.1, regularizer=regularizer, m1=1, bias=bias)
    flat = ReLURegressor(0.1 * STRENGTH[regularizer], bias=bias, tol=1e-8).fit(X, y)
    assert model.certificate_.objective == pytest.approx(flat.certificate_.objective, rel=1e-6)


def test_numbers_of_patterns_and_optima_of_three_samples():
    random = np.random.default_rng(1)
    X, y = random.standard_normal((3, 2)), random.standard_normal(3)
    counts = {1: 5, 2: 64, 3: 436}  # 5, 60 and 398 with an interior
    optima = {1: 0.1325362, 2: 0.0975788, 3: 0.0811008}
    for m1, count in counts.items():
        assert len(every_nested_cell(np.asfortranarray(X), m1, 1)) == count
        assert trained(X, y, m1=m1).certificate_.objective == pytest.approx(optima[m1], rel=1e-6)
        best = trained(X, y, m1=m1, regularizer="weight_decay").certificate_.objective
        assert best == pytest.approx(optima[1], rel=1e-6)


def test_a_hat_is_cheaper_with_three_layers():
    X, y = HAT
    options = {"regularizer": "weight_decay", "bias": "regularized"}
    one, two = (trained(X, y, 0.01, m1=m1, **options).certificate_ for m1 in (1, 2))
    assert one.objective == pytest.approx(0.0561907, abs=1e-7)
    assert two.objective == pytest.approx(0.0370248, abs=1e-7)
    large = trained(X, y, 0.01, m1="large", **{**options, "tol": 1e-6})
    assert large.certificate_.objective == pytest.approx(0.0345303, abs=1e-7)
    assert large.certificate_.relative_gap <= 1e-6
    assert large.certificate_.verify(X, y)


def huber_of(t, beta):
    return 0.5 * t**2 if t <= beta else beta * t - 0.5 * beta**2


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("regularizer", "m2", "share"),
    [("weight_decay", 1, 1.0), ("path", 1, 2.0), ("path", 3, 6.0), ("unit_columns", 1, 2.0)],
)
def test_whitened_data_have_a_closed_form(seed, regularizer, m2, share):
    random = np.random.default_rng(seed)
    X = np.linalg.qr(random.standard_normal((4, 4)))[0][:3]
    y = random.standard_normal(3)
    beta = 0.2 / np.sqrt(share)
    value = sum(huber_of(np.linalg.norm(np.maximum(s * y, 0.0)), beta) for s in (1.0, -1.0))
    model = trained(X, y, 0.2, regularizer=regularizer, m2=m2)
    assert model.certificate_.objective == pytest.approx(value, rel=1e-6)
    assert model.network_.second_weights.shape[2] == m2


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_data_of_rank_one_have_a_closed_form(seed):
    random = np.random.default_rng(seed)
    c, a, y = random.standard_normal(5), random.standard_normal(3), random.standard_normal(5)
    beta = 0.3
    value, f = 0.0, np.zeros(5)
    for side in (np.maximum(c, 0.0), np.maximum(-c, 0.0)):
        slope, cost = side @ y, beta / np.linalg.norm(a)
        weight = np.sign(slope) * max(0.0, abs(slope) - cost) / (side @ side)
        f, value = f + weight * side, value + cost * abs(weight)
    value += 0.5 * np.sum((f - y) ** 2)
    model = trained(np.outer(c, a), y, beta, regularizer="weight_decay")
    assert model.certificate_.objective == pytest.approx(value, rel=1e-6)


def test_more_neurons_never_cost_more():
    X, y = gaussian_problem(4, 2, seed=2)
    for regularizer in SEPARATE:
        widths = [1, 2, 3] + (["large"] if SEPARATE[regularizer] else [])
        values = [trained(X, y, m1=m1, regularizer=regularizer).certificate_ for m1 in widths]
        for less, more in pairwise(values):
            assert more.lower_bound <= less.objective
    one, two = (trained(X, y, 0.1 * np.sqrt(m2), m2=m2).certificate_ for m2 in (1, 4))
    assert one.objective == pytest.approx(two.objective, rel=1e-6)


def test_hostile_rows_keep_the_optimum():
    X, y = gaussian_problem(4, 2, seed=4)
    best = trained(X, y, regularizer="weight_decay").certificate_.objective
    zero = trained(np.vstack([X, [[0.0, 0.0]]]), np.append(y, 2.0), regularizer="weight_decay")
    assert zero.certificate_.objective == pytest.approx(best + 2.0, rel=1e-6)
    assert zero.certificate_.verify(np.vstack([X, [[0.0, 0.0]]]), np.append(y, 2.0))
    weight = np.array([1.0, 2.0, 0.0, 1.0])
    rows = [3, 1, 0, 1]
    options = {"bias": "none", "tol": 1e-8}
    weighted = ParallelReLURegressor(0.1, **options).fit(X, y, sample_weight=weight)
    repeated = ParallelReLURegressor(0.1, **options).fit(X[rows], y[rows])
    assert weighted.certificate_.objective == repeated.certificate_.objective
    assert weighted.certificate_.verify(X, y, sample_weight=weight)
    assert not weighted.certificate_.verify(X, y)


@pytest.mark.parametrize("bias", ["none", "regularized"])
@pytest.mark.parametrize("X", [np.zeros((3, 2)), np.ones((3, 1)), np.ones((1, 2)), -np.eye(2)])
@pytest.mark.parametrize(
    "options", [{}, {"m1": 1}, {"patterns": 10, "random_state": 0}, {"m1": "large"}]
)
def test_poor_data_are_fitted_as_well_as_they_can_be(X, bias, options):
    y = np.arange(1.0, len(X) + 1.0)
    model = trained(X, y, bias=bias, regularizer="power", **{**options, "tol": 1e-5})
    c = model.certificate_
    assert model.status_ == "converged"
    assert c.lower_bound <= c.objective <= 0.5 * y @ y
    assert c.verify(X, y)
    if bias == "none" and not X.any():
        assert model.network_.n_branches == 0


@pytest.mark.parametrize("scale", [1e-150, 1e-6, 1e6, 1e150])
def test_scaling_changes_nothing_but_the_scale(scale):
    X, y = gaussian_problem(4, 2, seed=5)
    best = trained(X, y).certificate_.objective
    model = trained(X * scale, y, 0.1 * scale)
    assert model.certificate_.objective == pytest.approx(best, rel=1e-6)
    assert model.certificate_.verify(X * scale, y)


@pytest.mark.parametrize("beta", [1e-20, 1e-15, 1e-10])
@pytest.mark.parametrize("regularizer", ["weight_decay", "path"])
def test_bounds_are_below_networks_that_fit_when_rounding_is_larger_than_beta(regularizer, beta):
    X, y = np.eye(2), np.array([1.0, -1.0])
    fits = ParallelNetwork(X[:, None], np.zeros((2, 1)), np.ones((2, 1, 1)), y[:, None, None])
    best = fits.objective(X, y, beta=beta, regularizer=regularizer, bias="none")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for scale in (1.0, 1e14):
            model = ParallelReLURegressor(beta * scale, regularizer=regularizer, bias="none")
            c = model.fit(X, scale * y).certificate_
            assert c.lower_bound <= best * scale**2 * (1.0 + 1e-9)
            assert c.objective <= 1e-3 * scale**2
    forged = replace(c, dual=-y[:, None], beta=beta, lower_bound=0.13)
    assert not forged.verify(X, y)


@pytest.mark.parametrize(
    ("rows", "y", "beta", "regularizer", "bias", "value"),
    [
        (
            [[0, 1], [2, 1], [0, 0], [1, -1]],
            [-3, 3, -1, 2],
            0.5,
            "weight_decay",
            "regularized",
            1.952291,
        ),
        ([[-1, -1], [-2, 2], [0, -2]], [2, 0, -1], 0.1, "power", "regularized", 0.490258),
        ([[2], [0], [0], [2]], [1, 1, -2, -1], 0.1, "weight_decay", "regularized", 3.302650),
        ([[1, -2], [-1, -1], [1, -2], [0, -1]], [0, 0, 1, -1], 0.1, "power", "none", 0.728124),
    ],
)
def test_branches_of_any_width_on_parallel_rows(rows, y, beta, regularizer, bias, value):
    options = {"m1": "large", "bias": bias, "regularizer": regularizer, "tol": 1e-6}
    X, y = np.array(rows, dtype=float), np.array(y, dtype=float)
    model = trained(X, y, beta, **options)
    assert model.certificate_.objective == pytest.approx(value, rel=3e-6)
    assert not np.any(np.diff(model.history_["objective"]) > 0.0)
    two = trained(X, y, beta, **{**options, "m1": 2, "tol": 1e-5})
    assert model.certificate_.lower_bound <= two.certificate_.objective


def test_number_of_threads_changes_nothing():
    X, y = gaussian_problem(80, 4, seed=6)
    for options in ({"patterns": 100}, {"patterns": 60, "regularizer": "power"}):
        options = {**options, "random_state": 0, "tol": 1e-4}
        one, two = (trained(X, y, n_jobs=n_jobs, **options) for n_jobs in (1, 2))
        assert one.certificate_.objective == two.certificate_.objective
        np.testing.assert_array_equal(one.network_.first_weights, two.network_.first_weights)


@pytest.mark.parametrize("regularizer", ["path", "power"])
def test_sampled_patterns_bound_what_they_can_reach(regularizer):
    X, y = gaussian_problem(12, 3, seed=7)
    options = {"regularizer": regularizer, "random_state": 0, "tol": 1e-6}
    few, many = (trained(X, y, patterns=count, **options) for count in (20, 200))
    for model in (few, many):
        c = model.certificate_
        assert (c.scope, c.method, model.status_) == ("patterns", "patterns", "converged")
        assert c.verify(X, y)
        assert not c.verify(X, y + 1.0)
    assert many.certificate_.objective < few.certificate_.objective
    again = pickle.loads(pickle.dumps(many)).certificate_
    assert again.verify(X, y)


@pytest.mark.parametrize("regularizer", list(SEPARATE))
def test_search_comes_close_to_the_optimum(regularizer, monkeypatch):
    X, y = gaussian_problem(7, 2, seed=8)
    best = trained(X, y, regularizer=regularizer, tol=1e-6).certificate_
    monkeypatch.setattr(_parallel_training, "_AUTO_CELLS", 0)
    model = trained(X, y, regularizer=regularizer, tol=1e-5)
    c = model.certificate_
    assert (c.scope, c.method, model.status_) == ("global", "branch_and_bound", "stalled")
    assert best.lower_bound <= c.objective <= 1.005 * best.objective
    assert c.lower_bound <= best.objective
    assert c.verify(X, y)
    assert not np.any(np.diff(model.history_["objective"]) > 0.0)


def test_bounds_by_relaxation_hold():
    X, y = gaussian_problem(40, 8, seed=9)
    model = ParallelReLURegressor(1.0, m1=3, tol=1e-3).fit(X, y)
    c = model.certificate_
    assert (c.scope, c.method) == ("global", "relaxation")
    assert 0.0 < c.lower_bound < c.objective
    assert c.verify(X, y)
    tampered = pickle.loads(pickle.dumps(c))
    object.__setattr__(tampered, "lower_bound", 1.01 * c.lower_bound)
    assert not tampered.verify(X, y)


def spiral(n=100, turns=1.5):
    """Two arms, one the other turned by half a turn; n points each."""
    angle = 2.0 * np.pi * turns * np.sqrt(np.linspace(0.05, 1.0, n))
    arm = angle[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return np.vstack([arm, -arm]) / (2.0 * np.pi * turns), np.repeat([0, 1], n)


def test_a_spiral_is_learned():
    X, y = spiral()
    model = ParallelReLUClassifier(1e-3, m1=4, tol=2e-2).fit(X, y)
    assert model.score(X, y) == 1.0
    assert model.certificate_.verify(X, 2.0 * y - 1.0)


def test_several_targets_are_independent_programs():
    X, y = gaussian_problem(5, 2, seed=10)
    Y = np.column_stack([y, y[::-1]])
    model = trained(X, Y, regularizer="weight_decay")
    single = [trained(X, column, regularizer="weight_decay").certificate_ for column in Y.T]
    assert model.certificate_.objective == pytest.approx(sum(c.objective for c in single), rel=1e-6)
    assert model.certificate_.verify(X, Y)
    assert model.predict(X).shape == Y.shape
    labels = np.array([0, 1, 2, 1, 0])
    classifier = ParallelReLUClassifier(0.05).fit(X, labels)
    assert classifier.status_ == "converged"
    assert classifier.predict_proba(X).shape == (5, 3)
    assert classifier.score(X, labels) == 1.0


def test_huge_beta_leaves_nothing():
    X, y = gaussian_problem(4, 2, seed=11)
    for patterns in ("auto", 30):
        model = trained(X, y, 1e3, patterns=patterns)
        assert model.network_.n_branches == 0
        assert model.certificate_.objective == pytest.approx(0.5 * y @ y, rel=1e-12)
        assert model.certificate_.relative_gap <= 1e-7
        np.testing.assert_array_equal(model.predict(X), 0.0)


def network(seed=0, m2=2, n_outputs=2):
    random = np.random.default_rng(seed)
    shapes = (3, 4, 5), (3, 4), (3, 4, m2), (3, m2, n_outputs)
    return ParallelNetwork(*(random.standard_normal(shape) for shape in shapes))


def test_network_is_what_it_says(tmp_path):
    net, X = network(), np.random.default_rng(1).standard_normal((6, 5))
    expected = np.zeros((6, 2))
    for b in range(3):
        first = np.maximum(X @ net.first_weights[b].T + net.first_bias[b], 0.0)
        second = np.maximum(first @ net.second_weights[b], 0.0)
        expected += second @ net.output_weights[b]
    np.testing.assert_allclose(net.predict(X), expected, rtol=1e-12)
    net.save(tmp_path / "network.npz")
    for again in (ParallelNetwork.load(tmp_path / "network.npz"), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(again.predict(X), net.predict(X))
    assert not net.first_weights.flags.writeable


def test_penalties_are_as_written():
    net = network(n_outputs=1)
    W = np.concatenate([net.first_weights, net.first_bias[:, :, None]], axis=2)
    paths = cubes = 0.0
    for b in range(3):
        layers = W[b], net.second_weights[b], net.output_weights[b]
        cubes += 0.5 * sum(np.linalg.norm(layer) ** 3 for layer in layers)
        weights = np.einsum("jd,jk,kc->djkc", *layers)
        paths += np.sqrt(np.sum(weights**2))
    assert net.penalty("power") == pytest.approx(cubes, rel=1e-12)
    assert net.penalty("path") == pytest.approx(paths, rel=1e-12)
    assert net.penalty("weight_decay") == np.inf
    small = ParallelNetwork(
        W[:, :, :-1] / 9.0, W[:, :, -1] / 9.0, net.second_weights, net.output_weights
    )
    squares = 0.5 * (np.sum(net.second_weights**2) + np.sum(net.output_weights**2))
    assert small.penalty("weight_decay") == pytest.approx(squares, rel=1e-12)
    assert small.penalty("unit_columns") == pytest.approx(squares, rel=1e-12)
    with pytest.raises(ValueError, match="biases"):
        net.penalty("path", bias="none")


def test_torch_module_has_the_same_outputs():
    torch = pytest.importorskip("torch")
    X = np.random.default_rng(2).standard_normal((6, 5))
    net = network()
    outputs = net.to_torch()(torch.tensor(X)).detach().numpy()
    np.testing.assert_allclose(outputs, net.predict(X), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"m1": 0}, "m1 must be a positive integer, got 0"),
        ({"m1": "huge"}, "m1 must be one of 'large'"),
        ({"m1": "large"}, "m1='large' needs regularizer 'weight_decay' or 'power'"),
        ({"m2": 0}, "m2 must be a positive integer"),
        ({"m2": 2, "regularizer": "power"}, "m2=2 is for regularizer='path'"),
        ({"regularizer": "l2"}, "regularizer must be one of"),
        ({"regularizer": "squares"}, "not convex"),
        ({"beta": 0.0}, "beta must be a positive"),
        ({"bias": "free"}, "bias must be one of"),
        ({"loss": "hinge"}, "loss must be one of"),
        ({"patterns": 0}, "patterns must be"),
        ({"patterns": "all"}, "patterns must be"),
        ({"patterns": 5, "m1": "large", "regularizer": "power"}, "for m1='large'"),
        ({"tol": 0.0}, "tol must be a positive"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        ParallelReLURegressor(**options).fit(*HAT)


def test_too_many_patterns_are_counted():
    X, y = gaussian_problem(30, 2, seed=0)
    with pytest.raises(TooManyCells, match=r"patterns='exact': [\d,]+ tuples of 3"):
        ParallelReLURegressor(patterns="exact", m1=3).fit(X, y)
    with pytest.raises(TooManyCells, match=r"2\^30 patterns"):
        ParallelReLURegressor(m1="large", regularizer="power").fit(X, y)


@pytest.mark.parametrize("patterns", ["auto", 300])
def test_deadline_returns_the_best_so_far(patterns):
    X, y = gaussian_problem(150, 4, seed=1)
    model = ParallelReLURegressor(0.01, m1=4, patterns=patterns, max_time=0.3, random_state=0)
    with pytest.warns(ConvergenceWarning, match="time_limit"):
        model.fit(X, y)
    c = model.certificate_
    assert c.lower_bound <= c.objective <= 0.5 * y @ y
    assert c.verify(X, y)


@pytest.mark.parametrize(
    ("name", "value"),
    [("first_weights", np.zeros((3, 4))), ("first_bias", np.zeros((3, 3)))],
)
def test_networks_refuse_what_does_not_fit(name, value):
    net = network()
    fields = {
        name: getattr(net, name)
        for name in ("first_weights", "first_bias", "second_weights", "output_weights")
    }
    with pytest.raises(ValueError, match=name):
        ParallelNetwork(**{**fields, name: value})
    with pytest.raises(ValueError, match="NaN"):
        ParallelNetwork(**{**fields, "first_bias": np.full((3, 4), np.nan)})


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [ParallelReLURegressor(1.0, patterns=50), ParallelReLUClassifier(1.0, patterns=20)]
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)
