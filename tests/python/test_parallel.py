"""Parallel three-layer networks: the convex program beside cvxpy, closed forms and L-BFGS."""

from itertools import pairwise

import numpy as np
import pytest
from helpers import gaussian_problem
from parallel_reference import HAT, SEPARATE, STRENGTH, best_of_descents, program_value, trained

from cvxnn import ParallelReLUClassifier, ParallelReLURegressor, ReLURegressor
from cvxnn.networks.parallel._nested_cells import every_nested_cell


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


@pytest.mark.parametrize("seed", range(12))
def test_no_descent_is_below_the_bound_of_degenerate_integers(seed):
    random = np.random.default_rng(seed)
    X = random.integers(-2, 3, (4, 2)).astype(float)
    X[2], X[3] = 0.0 if seed % 3 == 0 else X[0], -X[1]
    y = random.integers(-3, 4, 4).astype(float)
    regularizer = list(SEPARATE)[seed % 4]
    c = trained(X, y, 0.1, regularizer=regularizer, tol=1e-5).certificate_
    assert c.verify(X, y)
    assert best_of_descents(X, y, 0.1, regularizer, 2) >= c.lower_bound * (1.0 - 1e-9)


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
