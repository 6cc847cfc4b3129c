"""Stationary points, bounds beyond the cells of a program, probabilities of cells."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import gaussian_problem, lbfgs_network

from cvxnn import (
    GatedReLURegressor,
    Network,
    ReLUClassifier,
    ReLURegressor,
    certify,
    certify_everywhere,
)
from cvxnn.arrangements import (
    cell_probabilities,
    draws_needed,
    enumerate_cells,
    sample_cells,
)


@pytest.mark.parametrize("bias", ["none", "regularized", "free"])
@pytest.mark.parametrize("seed", range(4))
def test_an_optimum_is_stationary_and_a_scaled_one_is_not(bias, seed):
    X, y = gaussian_problem(25, 2, seed=seed)
    model = ReLURegressor(0.5, bias=bias, tol=1e-7).fit(X, y)
    own = certify(model.network_, X, y, beta=0.5, bias=bias, patterns="own", tol=1e-7)
    assert own.scope == "patterns"
    assert own.relative_gap <= 1e-6
    assert own.cells.n_cells <= model.network_.n_neurons
    assert own.verify(X, y)
    larger = replace(model.network_, output_weights=1.1 * model.network_.output_weights)
    moved = certify(larger, X, y, beta=0.5, bias=bias, patterns="own", tol=1e-7)
    assert moved.relative_gap > 1e-4
    assert moved.lower_bound == pytest.approx(own.lower_bound, rel=1e-6)


def test_descents_end_at_optima_of_their_own_patterns():
    gaps = []
    for seed in range(6):
        X, y = gaussian_problem(40, 2, seed=seed)
        network, _ = lbfgs_network(X, y, beta=0.3, bias="none", seed=seed, n_neurons=5)
        own = certify(network, X, y, beta=0.3, bias="none", patterns="own", tol=1e-8)
        every = certify(network, X, y, beta=0.3, bias="none", tol=1e-8)
        assert own.lower_bound >= every.lower_bound * (1 - 1e-6)
        gaps.append(own.relative_gap)
    assert np.median(gaps) <= 1e-3


def test_a_network_without_neurons_has_no_patterns():
    X, y = gaussian_problem(10, 2, seed=0)
    zero = Network(np.ones((1, 2)), [0.0], [[0.0]], [0.0])
    with pytest.raises(ValueError, match="network has no neuron with an output weight"):
        certify(zero, X, y, beta=0.1, patterns="own")
    with pytest.raises(ValueError, match="patterns must be one of 'all', 'own', got 'some'"):
        certify(zero, X, y, beta=0.1, patterns="some")


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("bias", ["none", "regularized", "free"])
def test_bounds_over_more_cells_come_closer(loss, bias):
    X, y = gaussian_problem(30, 2, seed=1, loss=loss)
    kind = ReLURegressor if loss == "squared" else ReLUClassifier
    best = kind(0.1, bias=bias, tol=1e-7).fit(X, y).certificate_
    ratios = []
    for count in (5, 40) if bias == "free" else (5, 40, 10_000):
        model = kind(0.1, patterns=count, bias=bias, tol=1e-5, random_state=0).fit(X, y)
        bound = certify_everywhere(model.certificate_, X, y)
        assert (bound.scope, bound.method) == ("global", "branch_and_bound")
        assert bound.objective == model.certificate_.objective
        assert bound.lower_bound <= best.objective * (1 + 1e-9)
        assert bound.verify(X, y)
        ratios.append(bound.objective / bound.lower_bound)
    assert ratios[0] > 1.05
    assert ratios[0] > ratios[-1]
    if bias != "free":
        assert ratios[-1] == pytest.approx(1.0, abs=1e-4)
    assert certify_everywhere(best, X, y) is best


def test_bounds_by_relaxation_and_of_several_targets():
    X, y = gaussian_problem(30, 9, seed=2)
    Y = np.column_stack([y, X[:, 0]])
    model = ReLURegressor(1.0, patterns=50, random_state=0).fit(X, Y)
    bound = certify_everywhere(model.certificate_, X, Y)
    assert bound.method == "relaxation"
    assert 0.0 < bound.lower_bound < bound.objective
    assert bound.verify(X, Y)
    with pytest.raises(ValueError, match=r"certificate is for a dual vector of shape \(30, 2\)"):
        certify_everywhere(model.certificate_, X[:9], Y[:9])
    gated = GatedReLURegressor(1.0, patterns=50).fit(X, y)
    with pytest.raises(ValueError, match="certificate must be one of ReLU networks"):
        certify_everywhere(gated.certificate_, X, y)


def test_probabilities_in_the_plane_are_angles():
    X = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [0.0, 0.0], [-2.0, 0.0]])
    cells = enumerate_cells(X)
    shares, errors = cell_probabilities(X, cells)
    assert shares.sum() == pytest.approx(1.0, rel=1e-14)
    assert not errors.any()
    assert sorted(shares) == pytest.approx([0.125] * 4 + [0.25] * 2)
    drawn, errors = cell_probabilities(np.pad(X, ((0, 0), (0, 1))), cells, random_state=0)
    assert (np.abs(drawn - shares) <= 5.0 * errors).all()


@pytest.mark.parametrize("n", [6, 70])
def test_probabilities_in_space(n):
    X = np.random.default_rng(0).standard_normal((n, 3))
    cells = enumerate_cells(X)
    shares, errors = cell_probabilities(X, cells, n_draws=200_000, random_state=0)
    again, _ = cell_probabilities(X, cells, n_draws=200_000, random_state=0, n_jobs=1)
    assert (shares == again).all()
    assert shares.sum() == pytest.approx(1.0, abs=1e-12)
    one_octant = cell_probabilities(np.eye(3), enumerate_cells(np.eye(3)), random_state=1)
    assert (np.abs(one_octant[0] - 0.125) <= 5.0 * one_octant[1]).all()
    turned = shares[::-1]  # cells and their opposites, in the canonical order
    assert (np.abs(shares - turned) <= 6.0 * (errors + errors[::-1])).all()


def test_draws_meet_all_cells_as_often_as_said():
    X = np.random.default_rng(3).standard_normal((6, 2))
    cells = enumerate_cells(X)
    shares, _ = cell_probabilities(X, cells)
    draws = draws_needed(shares, delta=0.2)
    misses = np.exp(draws * np.log1p(-shares)).sum()
    assert misses <= 0.2 < np.exp((draws - 1) * np.log1p(-shares)).sum()
    random = np.random.default_rng(0)
    missed = sum(
        len(np.unique(X @ random.standard_normal((2, draws)) > 0.0, axis=1).T) < len(cells)
        for _ in range(200)
    )
    assert missed <= 0.2 * 200 + 4.0 * np.sqrt(200 * 0.2 * 0.8)
    assert draws_needed([]) == 0
    assert draws_needed([1.0]) == 1
    assert draws_needed([1e-12], 0.5) == pytest.approx(np.log(2.0) * 1e12, rel=1e-6)


def test_bad_arguments_of_probabilities():
    X = np.random.default_rng(0).standard_normal((6, 3))
    cells = sample_cells(X, 4, random_state=0)
    with pytest.raises(ValueError, match="cells must be Cells, got ndarray"):
        cell_probabilities(X, cells.to_dense())
    with pytest.raises(ValueError, match="cells has 6 hyperplanes, but X has 5"):
        cell_probabilities(X[:5], cells)
    twice = cells[[0, 1, 0]]
    shares, _ = cell_probabilities(X, twice, n_draws=1000, random_state=0)
    assert shares[0] == shares[2]
    with pytest.raises(ValueError, match="n_draws must be a positive integer"):
        cell_probabilities(X, cells, n_draws=0)
    with pytest.raises(ValueError, match="probabilities must be numbers from"):
        draws_needed([0.0, 0.5])
    with pytest.raises(ValueError, match="delta must be between 0 and 1, got 1"):
        draws_needed([0.5], delta=1)
