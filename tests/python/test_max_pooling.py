"""Networks with max pooling: optima beside cvxpy and descents, bounds, cells."""

import numpy as np
import pytest
from max_pooling_reference import (
    best_of_descents,
    objective_by_hand,
    patches_by_hand,
    problem_of,
    program_value,
    selections_by_hand,
    signals,
    trained,
)

from cvxnn import ConvReLUClassifier, ReLURegressor
from cvxnn.networks._relaxation import relaxed_support
from cvxnn.networks.convolutional._pooled_program import listed_support
from cvxnn.networks.convolutional._pooled_support import relaxed_filter_support
from cvxnn.networks.convolutional._selections import PatchRows, every_selection


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


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("bias", ["none", "regularized"])
def test_descents_stay_above_the_bound(seed, bias):
    X, y = signals(n=8, d=5, seed=seed)
    model = trained(X, y, bias=bias, tol=1e-6)
    best = best_of_descents(patches_by_hand(X, bias=bias), y, 0.1)
    assert model.status_ == "converged"
    assert model.certificate_.objective <= best * (1.0 + 1e-6)
    assert best <= 1.5 * model.certificate_.objective  # they are no straw men
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
