"""Networks under other norms of hidden weights: optima beside cvxpy, descents and each other."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import gaussian_problem, with_bias
from hidden_norm_reference import (
    NORMS,
    best_of_descents,
    classifier,
    hidden_vectors,
    norms_of,
    program_value,
    regressor,
)

from cvxnn import NormReLURegressor, ReLURegressor
from cvxnn.networks._chosen_cells import list_every_cell
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks.hidden_norms import _norm_rounds, _norm_training
from cvxnn.networks.hidden_norms._hidden_norm import hidden_norm
from cvxnn.networks.hidden_norms._norm_certificate import support_of

every_norm = pytest.mark.parametrize("norm", NORMS)


@every_norm
@pytest.mark.parametrize("seed", range(20))
def test_optimum_is_that_of_cvxpy_and_no_descent_is_below(norm, seed):
    d = 2 + seed % 3
    X, y = gaussian_problem(8 - d, d, seed=seed)
    beta = 10.0 ** (-0.25 * (seed % 5))
    model = regressor(norm, beta, tol=3e-7).fit(X, y)
    c = model.certificate_
    assert (c.scope, c.method, model.status_) == ("global", "cells", "converged")
    assert c.objective == pytest.approx(program_value(X, y, beta, norm), rel=1e-6)
    assert c.lower_bound <= c.objective <= c.lower_bound * (1.0 + 1e-6)
    network = model.network_
    value = 0.5 * np.sum((network.predict(X) - y) ** 2)
    value += beta * norms_of(norm, hidden_vectors(network)).sum()
    assert c.objective == pytest.approx(value, rel=1e-9)  # the network's is that of the program
    assert network.n_neurons <= len(y)
    assert c.verify(X, y)
    assert not replace(c, lower_bound=c.lower_bound * 1.001).verify(X, y)
    assert not c.verify(X, 0.9 * y)
    assert best_of_descents(X, y, beta, norm) >= c.lower_bound * (1.0 - 1e-9)


@every_norm
def test_descents_come_close(norm):
    X, y = gaussian_problem(5, 2, seed=1)
    best = regressor(norm, 0.1, tol=3e-7).fit(X, y).certificate_.objective
    assert best_of_descents(X, y, 0.1, norm, runs=20) <= 1.02 * best


@every_norm
@pytest.mark.parametrize("seed", range(3))
def test_logistic_optimum_is_that_of_cvxpy(norm, seed):
    X, y = gaussian_problem(6, 3, seed=seed, loss="logistic")
    model = classifier(norm, 0.1, tol=3e-7).fit(X, y)
    value = program_value(X, y, 0.1, norm, "logistic")
    assert model.certificate_.objective == pytest.approx(value, rel=1e-6)
    assert model.certificate_.verify(X, y)


@every_norm
def test_three_classes_are_those_of_cvxpy(norm):
    X, _ = gaussian_problem(6, 2, seed=3)
    labels = np.arange(6) % 3
    model = classifier(norm, 0.1, tol=3e-7).fit(X, labels)
    Y = np.eye(3)[labels]
    value = program_value(X, Y, 0.1, norm, "multinomial")
    assert model.certificate_.objective == pytest.approx(value, rel=1e-6)
    assert model.certificate_.verify(X, Y)


@every_norm
def test_targets_are_independent(norm):
    X, y = gaussian_problem(8, 3, seed=4)
    Y = np.column_stack([y, y[::-1]])
    model = regressor(norm, 0.2, tol=3e-7).fit(X, Y)
    alone = [regressor(norm, 0.2, tol=3e-7).fit(X, t).certificate_.objective for t in Y.T]
    assert model.certificate_.objective == pytest.approx(sum(alone), rel=1e-6)
    assert model.predict(X).shape == (8, 2)
    assert model.certificate_.verify(X, Y)


@every_norm
@pytest.mark.parametrize("seed", [1, 2, 6, 7])
def test_interior_points_get_away_from_walls(norm, seed):
    random = np.random.default_rng(seed)
    X, Y = random.standard_normal((8, 2)), random.standard_normal((8, 2))
    model = regressor(norm, 1e-3, loss="huber", delta=0.5).fit(X, Y)
    assert model.status_ == "converged"
    assert model.certificate_.verify(X, Y)
    assert not np.any(np.diff(model.history_["objective"]) > 0.0)
    assert np.all(np.diff(model.history_["seconds"]) > 0.0)


@every_norm
@pytest.mark.parametrize("seed", range(5))
def test_all_norms_of_one_number_are_its_modulus(norm, seed):
    X, y = gaussian_problem(10, 1, seed=seed)
    model = regressor(norm, 0.1, tol=3e-7).fit(X, y)
    flat = ReLURegressor(0.1, bias="none", tol=3e-7).fit(X, y)
    assert model.certificate_.objective == pytest.approx(flat.certificate_.objective, rel=1e-6)
    np.testing.assert_allclose(model.predict(X), flat.predict(X), atol=1e-3)


@pytest.mark.parametrize("norm", ["l1", "linf"])
def test_a_bias_is_one_more_weight(norm):
    X, y = gaussian_problem(7, 2, seed=5)
    with_column = regressor(norm, 0.1, tol=3e-7).fit(with_bias(X, "regularized"), y)
    model = regressor(norm, 0.1, bias="regularized", tol=3e-7).fit(X, y)
    expected = with_column.certificate_.objective
    assert model.certificate_.objective == pytest.approx(expected, rel=1e-6)
    own = model.network_.objective(X, y, beta=0.1, hidden_norm=norm)
    assert model.certificate_.objective == pytest.approx(own, rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_norms_are_in_order(seed):
    X, y = gaussian_problem(8, 3, seed=seed)
    l1, linf, circular = (
        regressor(norm, 0.1, tol=3e-7).fit(X, y).certificate_ for norm in ("l1", "linf", "circular")
    )
    l2 = ReLURegressor(0.1, bias="none", tol=3e-7).fit(X, y).certificate_
    assert linf.lower_bound <= l2.objective
    assert l2.lower_bound <= l1.objective
    assert circular.lower_bound <= l2.objective  # sum_k |F u|_k <= sqrt(d) ||u||


def test_the_l1_norm_sees_few_features():
    random = np.random.default_rng(6)
    X = random.standard_normal((40, 6))
    y = np.maximum(X[:, 0], 0.0) - np.maximum(-X[:, 1], 0.0)
    sparse = regressor("l1", 2.0, tol=1e-3).fit(X, y).network_
    np.testing.assert_array_equal(np.flatnonzero(sparse.hidden_weights.any(axis=0)), [0, 1])
    dense = regressor("linf", 2.0, tol=1e-2).fit(X, y).network_
    assert dense.hidden_weights.all(axis=1).any()
    assert np.mean((sparse.predict(X) - y) ** 2) < 0.2 * np.var(y)


@pytest.mark.parametrize("shift", [1, 3])
@pytest.mark.parametrize("d", [4, 5])
def test_turning_all_signals_changes_nothing(d, shift):
    X, y = gaussian_problem(8, d, seed=7)
    model = regressor("circular", 0.2, tol=3e-7).fit(X, y)
    turned = regressor("circular", 0.2, tol=3e-7).fit(np.roll(X, shift, axis=1), y)
    best = model.certificate_.objective
    assert turned.certificate_.objective == pytest.approx(best, rel=1e-6)
    other = regressor("circular", 0.2, tol=3e-7).fit(X * np.arange(1.0, d + 1.0), y)
    assert abs(other.certificate_.objective - best) > 1e-3 * best


@every_norm
def test_rounds_end_where_all_cells_do(norm, monkeypatch):
    X, y = gaussian_problem(15, 3, seed=8)
    every = regressor(norm, 0.2, tol=3e-7).fit(X, y)
    for name, value in (("_AT_ONCE", 20), ("_FIRST", 10), ("_ADDED", 10)):
        monkeypatch.setattr(_norm_rounds, name, value)
    model = regressor(norm, 0.2, tol=3e-7).fit(X, y)
    c = model.certificate_
    assert c.n_cells == every.certificate_.n_cells > 20
    assert len(model.history_) > 2
    assert (model.status_, c.method) == ("converged", "cells")
    assert c.objective == pytest.approx(every.certificate_.objective, rel=1e-6)
    assert c.verify(X, y)


@every_norm
def test_sampled_cells_bound_what_they_can_reach(norm):
    X, y = gaussian_problem(20, 4, seed=9)
    few, many = (
        regressor(norm, 0.1, patterns=count, random_state=0, tol=1e-6).fit(X, y)
        for count in (20, 300)
    )
    for model in (few, many):
        c = model.certificate_
        assert (c.scope, c.method, model.status_) == ("patterns", "patterns", "converged")
        assert c.verify(X, y)
        assert not c.verify(X, 0.9 * y)
    assert many.certificate_.objective < few.certificate_.objective
    patterns = few.certificate_.cells.to_dense()
    value = program_value(X, y, 0.1, norm, patterns=patterns)
    assert few.certificate_.objective <= value * (1.0 + 1e-6)  # may leave its cells
    assert few.certificate_.lower_bound == pytest.approx(value, rel=2e-6)


@every_norm
@pytest.mark.parametrize("columns", [3, 7])
def test_search_comes_close_to_the_optimum(norm, columns, monkeypatch):
    X, y = gaussian_problem(10, columns, seed=10)
    best = regressor(norm, 0.3, tol=1e-6, patterns="exact").fit(X, y).certificate_
    monkeypatch.setattr(_norm_training, "_AUTO_WORK", 0)
    model = regressor(norm, 0.3, tol=1e-5).fit(X, y)
    c = model.certificate_
    method = "branch_and_bound" if columns == 3 else "relaxation"
    assert (c.scope, c.method) == ("global", method)
    assert best.lower_bound <= c.objective <= 1.005 * best.objective
    assert 0.0 < c.lower_bound <= best.objective
    assert c.verify(X, y)
    assert not replace(c, lower_bound=1.01 * c.lower_bound).verify(X, y)
    assert not np.any(np.diff(model.history_["objective"]) > 0.0)


@every_norm
@pytest.mark.parametrize("columns", [1, 2, 4, 5])
def test_norms_are_what_they_say(norm, columns):
    random = np.random.default_rng(columns)
    own = hidden_norm(norm, columns)
    vectors = random.standard_normal((50, columns))
    values = own.values(vectors)
    np.testing.assert_allclose(values, norms_of(norm, vectors), rtol=1e-13)
    np.testing.assert_allclose(own.entries(vectors) @ own.basis.T, vectors, atol=1e-14)
    assert np.all(np.linalg.norm(vectors, axis=1) <= own.euclidean * values * (1.0 + 1e-14))
    np.testing.assert_allclose(np.sum(own.slopes(vectors) * vectors, axis=1), values, rtol=1e-13)
    inside = vectors / values[:, None]
    directions = random.standard_normal((30, columns))
    assert np.all((directions @ inside.T).max(axis=1) <= (directions @ own.corners().T).max(axis=1))


@every_norm
@pytest.mark.parametrize("seed", range(4))
def test_supports_are_above_every_gain(norm, seed):
    random = np.random.default_rng(seed)
    X, v = gaussian_problem(9, 2 + seed, seed=seed)
    u = random.standard_normal((20_000, X.shape[1])) * random.exponential(size=(20_000, X.shape[1]))
    largest = (np.abs(np.maximum(u @ X.T, 0.0) @ v) / norms_of(norm, u)).max()
    options = {"loss": "squared", "beta": 0.99 * largest, "bias": "none"}
    problem = TrainingProblem.from_arrays(X, v, **options)
    v = problem.y  # in the order of the problem
    own = hidden_norm(norm, X.shape[1])
    cells = list_every_cell(problem, 1).cells
    tight = support_of(problem, own, cells, v, "cells")
    assert largest <= tight <= 1.2 * largest
    for method in ("relaxation", "branch_and_bound"):
        assert tight <= support_of(problem, own, None, v, method) * (1.0 + 1e-9)


def test_sample_of_weight_two_is_there_twice():
    X, y = gaussian_problem(7, 2, seed=11)
    weight = np.array([1.0, 2.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    weighted = NormReLURegressor(0.1, tol=3e-7).fit(X, y, sample_weight=weight)
    rows = [0, 1, 1, 3, 4, 5, 6]
    twice = NormReLURegressor(0.1, tol=3e-7).fit(X[rows], y[rows])
    assert weighted.certificate_.objective == twice.certificate_.objective
    assert weighted.certificate_.verify(X, y, sample_weight=weight)
    assert not weighted.certificate_.verify(X, y)
