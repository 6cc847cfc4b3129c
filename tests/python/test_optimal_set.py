"""All optimal networks: vertices, the smallest and the shortest, membership."""

import warnings
from dataclasses import replace
from itertools import combinations

import cvxpy as cp
import numpy as np
import pytest
from helpers import gaussian_problem, with_bias
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning

from cvxnn import Network, ReLUClassifier, ReLURegressor, beta_max, optimal_set
from cvxnn.arrangements import TooManyCells, enumerate_cells
from cvxnn.networks.optimal._active_neurons import proved_accuracy

# seed 3 of 12 and of 16 samples: sets of dimension 0 and 4
PROBLEMS = [(n, d, seed) for n in (4, 5, 6) for d in (2, 3) for seed in range(3)]
PROBLEMS += [(12, 2, 2), (16, 2, 1), (16, 2, 3)]


def contributions(best):
    """Return what candidates add to the outputs, shape (n, m), for one target."""
    return best.signs * best.activations


def brute_force_supports(best):
    """Return the supports of all basic solutions with weights >= 0."""
    A = np.vstack([contributions(best), np.ones(best.n_candidates)])
    b = np.append(best.fit, best.total)
    rank = np.linalg.matrix_rank(A, tol=1e-8)
    supports = set()
    for basis in combinations(range(best.n_candidates), rank):
        columns = A[:, basis]
        if np.linalg.matrix_rank(columns, tol=1e-8) < rank:
            continue
        c = np.linalg.lstsq(columns, b, rcond=None)[0]
        if c.min() > -1e-9 and np.abs(columns @ c - b).max() < 1e-8:
            supports.add(tuple(np.array(basis)[c > 1e-8]))
    return supports


def square():
    """Return four samples that diagonal neurons cover two at a time, in two ways."""
    return np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), np.ones(4)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize(("n", "d", "seed"), PROBLEMS)
def test_random_problems(n, d, seed, loss):
    X, y = gaussian_problem(n, d, seed=seed, loss=loss)
    best = optimal_set(X, y, beta=0.1, loss=loss, n_jobs=1)
    objective = best.certificate.objective
    assert best.certificate.scope == "global"
    vertices = best.vertices()
    assert {tuple(np.flatnonzero(c)) for c in vertices} == brute_force_supports(best)
    assert len(vertices) == len(brute_force_supports(best))
    assert np.linalg.matrix_rank(vertices - vertices[0], tol=1e-8) == best.dimension
    assert best.is_unique == (len(vertices) == 1)
    assert vertices.sum(axis=1) == pytest.approx(best.total, rel=1e-8)
    for c in vertices:
        network = best.network(c)
        assert network.objective(X, y, beta=0.1, loss=loss) == pytest.approx(objective, rel=1e-9)
        assert network.predict(X) == pytest.approx(best.fit, abs=1e-7)
        assert best.contains(network)
    smallest = best.minimal_network()
    assert smallest.n_neurons == np.count_nonzero(vertices, axis=1).min()
    assert smallest.objective(X, y, beta=0.1, loss=loss) == pytest.approx(objective, rel=1e-9)
    low, high = best.weight_ranges.T
    assert low == pytest.approx(vertices.min(axis=0), abs=1e-7)
    assert high == pytest.approx(vertices.max(axis=0), abs=1e-7)


@pytest.mark.parametrize(("n", "d", "seed"), [(6, 2, 0), (12, 2, 2), (16, 2, 1), (16, 2, 3)])
def test_least_norm_is_that_of_the_quadratic_program(n, d, seed):
    X, y = gaussian_problem(n, d, seed=seed)
    best = optimal_set(X, y, beta=0.1, n_jobs=1)
    c = cp.Variable(best.n_candidates, nonneg=True)
    constraints = [contributions(best) @ c == best.fit]
    cp.Problem(cp.Minimize(cp.sum_squares(c)), constraints).solve(solver=cp.CLARABEL)
    shortest = best.min_norm_network()
    lengths = np.hypot(np.linalg.norm(shortest.hidden_weights, axis=1), shortest.hidden_bias)
    weights = lengths * np.abs(shortest.output_weights[:, 0])
    assert np.sum(weights**2) == pytest.approx(np.sum(c.value**2), rel=1e-6)
    expected = best.network(np.where(c.value > 1e-5, c.value, 0.0))
    assert shortest.predict(3.0 * X) == pytest.approx(expected.predict(3.0 * X), abs=1e-4)
    assert best.contains(shortest)
    objective = shortest.objective(X, y, beta=0.1)
    assert objective == pytest.approx(best.certificate.objective, rel=1e-9)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_two_ways_to_cover_a_square(activation):
    X, y = square()
    slope = 0.0 if activation == "relu" else 0.1
    options = {"bias": "none", "activation": activation, "negative_slope": slope}
    best = optimal_set(X, y, beta=0.1, **options)
    assert best.n_candidates == 4
    assert np.abs(best.hidden_weights) == pytest.approx(np.sqrt(0.5))
    assert best.dimension == 1
    assert not best.is_unique
    assert len(best.vertices()) == 2
    assert best.minimal_network().n_neurons == 2
    assert best.min_norm_network().n_neurons == 4
    assert best.weight_ranges == pytest.approx(np.tile([0.0, 0.5 * best.total], (4, 1)))
    if activation == "relu":
        # 2 (f - 1)^2 + beta 2 sqrt(2) f
        assert best.fit == pytest.approx(1.0 - 0.1 * np.sqrt(0.5))
        assert best.total == pytest.approx(2.0 * np.sqrt(2.0) * best.fit[0])


def test_opposite_neurons_of_the_absolute_value_are_one():
    X, y = square()
    given = enumerate_cells(X)
    for patterns in ("exact", given):
        best = optimal_set(X, y, beta=0.1, bias="none", activation="abs", patterns=patterns)
        assert best.n_candidates == 2
        assert best.is_unique == (best.dimension == 0)
        assert best.certificate.scope == ("global" if patterns == "exact" else "patterns")
        network = best.minimal_network()
        assert network.objective(X, y, beta=0.1, bias="none") == pytest.approx(
            best.certificate.objective
        )
        flipped = replace(network, hidden_weights=-network.hidden_weights)
        assert best.contains(flipped)


def test_targets_that_are_equal_share_their_neurons():
    X, y = gaussian_problem(6, 2, seed=0)
    one = optimal_set(X, y, beta=0.1)
    best = optimal_set(X, np.column_stack([y, -y, y]), beta=0.1)
    assert best.n_candidates == 3 * one.n_candidates
    assert best.fit == pytest.approx(np.column_stack([one.fit, -one.fit, one.fit]), abs=1e-7)
    network = best.minimal_network()
    assert network.n_neurons == one.minimal_network().n_neurons
    assert network.output_weights.all()
    objective = network.objective(X, np.column_stack([y, -y, y]), beta=0.1)
    assert objective == pytest.approx(3.0 * one.certificate.objective, rel=1e-9)
    assert best.contains(network)


def test_several_targets():
    X, _ = gaussian_problem(6, 2, seed=0)
    Y = np.random.default_rng(0).standard_normal((6, 2))
    best = optimal_set(X, Y, beta=0.1)
    for c in best.vertices():
        objective = best.network(c).objective(X, Y, beta=0.1)
        assert objective == pytest.approx(best.certificate.objective, rel=1e-9)
    parts = [optimal_set(X, y, beta=0.1) for y in Y.T]
    assert best.dimension == sum(part.dimension for part in parts)
    assert best.n_candidates == sum(part.n_candidates for part in parts)


@pytest.mark.parametrize("seed", range(4))
def test_trained_networks_are_members_and_others_are_not(seed):
    X, y = gaussian_problem(14, 2, seed=seed)
    best = optimal_set(X, y, beta=0.1)
    network = ReLURegressor(0.1, tol=1e-11).fit(X, y).network_
    assert best.contains(network, tol=1e-5)
    assert best.contains(network.prune(X), tol=1e-5)
    outputs, hidden, bias = network.output_weights, network.hidden_weights, network.hidden_bias
    half = {"hidden_weights": 0.5 * hidden, "hidden_bias": 0.5 * bias}
    for other in (
        replace(network, output_weights=1.01 * outputs),
        replace(network, output_weights=2.0 * outputs, **half),
        replace(network, hidden_bias=bias + 0.01),
        replace(network, output_weights=-outputs),
        replace(network, output_bias=[0.01]),
        replace(network, activation="abs"),
        Network(hidden[:0], [], outputs[:0], [0.0]),
    ):
        assert not best.contains(other, tol=1e-5)
    for j in range(network.n_neurons):
        if np.abs(outputs[j]) > 0.1:
            without = np.delete(np.arange(network.n_neurons), j)
            fewer = Network(hidden[without], network.hidden_bias[without], outputs[without], [0.0])
            assert not best.contains(fewer, tol=1e-5)


def test_classifiers_are_members():
    X, y = gaussian_problem(8, 2, seed=1, loss="logistic")
    best = optimal_set(X, y, beta=0.1, loss="logistic", bias="none")
    model = ReLUClassifier(0.1, bias="none", tol=1e-11).fit(X, y)
    assert best.contains(model.network_, tol=1e-5)


def test_samples_given_twice_and_not_at_all():
    X, y = gaussian_problem(6, 2, seed=0)
    twice = optimal_set(X[[0, 0, 1, 2, 3, 4]], y[[0, 0, 1, 2, 3, 4]], beta=0.1)
    weighted = optimal_set(X, y, beta=0.1, sample_weight=[2.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    assert twice.total == pytest.approx(weighted.total, rel=1e-9)
    assert twice.hidden_weights == pytest.approx(weighted.hidden_weights, abs=1e-9)
    assert weighted.fit[:5] == pytest.approx(twice.fit[1:], abs=1e-9)
    assert np.isnan(weighted.fit[5])
    assert weighted.activations.shape == (6, weighted.n_candidates)


def test_the_scale_of_data_does_not_matter():
    X, y = gaussian_problem(6, 2, seed=2)
    best = optimal_set(X, y, beta=0.1, bias="none")
    for scale in (2.0**-40, 2.0**40):
        scaled = optimal_set(scale * X, y, beta=0.1 * scale, bias="none")
        assert scaled.hidden_weights == pytest.approx(best.hidden_weights, abs=1e-9)
        assert scaled.total * scale == pytest.approx(best.total, rel=1e-9)


def test_sampled_cells():
    X, y = gaussian_problem(8, 2, seed=0)
    best = optimal_set(X, y, beta=0.1, patterns=6, random_state=0)
    every = optimal_set(X, y, beta=0.1)
    assert best.certificate.scope == "patterns"
    assert best.certificate.objective > every.certificate.objective * 1.001
    network = best.minimal_network()
    objective = network.objective(X, y, beta=0.1)
    assert objective == pytest.approx(best.certificate.objective, rel=1e-9)
    assert best.contains(network)
    assert not every.contains(network)


def test_the_zero_network():
    X, y = gaussian_problem(6, 2, seed=0)
    far = optimal_set(X, 1e12 * y, beta=1.5e12 * beta_max(X, y))
    assert far.n_candidates == 0
    best = optimal_set(X, y, beta=1.5 * beta_max(X, y))
    assert (best.n_candidates, best.total, best.dimension) == (0, 0.0, 0)
    assert best.is_unique
    assert not best.fit.any()
    assert best.vertices().shape == (1, 0)
    for network in (best.minimal_network(), best.min_norm_network()):
        assert network.n_neurons == 0
        assert best.contains(network)
    assert not best.contains(Network([[1.0, 0.0]], [0.0], [[1.0]], [0.0]))


def test_what_is_proved_and_what_is_measured():
    X, y = gaussian_problem(5, 3, seed=1)
    best = optimal_set(X, y, beta=0.1, n_jobs=1)
    assert 0.0 < best.resolution <= best.accuracy < 1e-4
    assert best.supports == pytest.approx(1.0, abs=best.resolution)
    wide = optimal_set(X, y, beta=0.1, resolution=best.accuracy)
    assert wide.n_undecided == 0
    assert wide.n_candidates >= best.n_candidates


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("seed", range(4))
def test_dual_vectors_are_as_close_as_is_proved(seed, loss):
    X, y = gaussian_problem(8, 2, seed=seed, loss=loss)
    fit = optimal_set(X, y, beta=0.1, loss=loss).fit
    dual = fit - y if loss == "squared" else -y * expit(-y * fit)
    kind = ReLURegressor if loss == "squared" else ReLUClassifier
    size = np.linalg.norm(with_bias(X, "regularized"), 2)
    for tol in (1e-2, 1e-3, 1e-5):
        certificate = kind(0.1, tol=tol).fit(X, y).certificate_
        error = np.linalg.norm(certificate.dual[:, 0] - dual) * size / 0.1
        accuracy = proved_accuracy(certificate.problem(X, y), certificate, size)
        assert error <= accuracy
        if tol == 1e-2:
            assert accuracy < 100.0 * error  # it is no idle bound


def test_coarse_solutions_are_told():
    X, y = gaussian_problem(10, 2, seed=0)
    with pytest.warns(ConvergenceWarning, match="proves neurons to a relative"):
        best = optimal_set(X, y, beta=1e-5)
    assert best.accuracy > 1e-2
    for c in best.vertices():
        objective = best.network(c).objective(X, y, beta=1e-5)
        assert objective == pytest.approx(best.certificate.objective, rel=1e-9)
    with (
        pytest.warns(ConvergenceWarning, match="proves neurons to a relative"),
        pytest.raises(ValueError, match=r"neurons found miss the outputs .* use a smaller tol"),
    ):
        optimal_set(X, y, beta=0.1, tol=0.1)


@pytest.mark.parametrize(("n", "seed"), [(10, 5), (12, 6), (14, 0)])
def test_a_solution_with_few_digits(n, seed):
    X, y = gaussian_problem(n, 2, seed=seed)
    fine = optimal_set(X, y, beta=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        coarse = optimal_set(X, y, beta=0.1, tol=1e-8)
    assert fine.dimension > 0
    assert coarse.dimension == fine.dimension
    assert coarse.resolution > fine.resolution
    assert coarse.vertices() == pytest.approx(fine.vertices(), abs=1e-3)


def test_a_number_of_neurons_that_is_not_proved():
    X, y = gaussian_problem(16, 2, seed=3)
    best = optimal_set(X, y, beta=0.1)
    with pytest.warns(ConvergenceWarning, match="has not proved that no optimal network"):
        network = best.minimal_network(max_time=1e-9)
    assert best.contains(network)


def test_weights_of_networks():
    X, y = square()
    best = optimal_set(X, y, beta=0.1, bias="none")
    assert best.network(np.zeros(4)).n_neurons == 0
    middle = best.network(best.vertices().mean(axis=0))
    assert best.contains(middle)
    assert middle.objective(X, y, beta=0.1) == pytest.approx(best.certificate.objective)
    with pytest.raises(ValueError, match=r"weights must have shape \(4,\), got \(3,\)"):
        best.network(np.ones(3))
    with pytest.raises(ValueError, match="weights must be finite and non-negative"):
        best.network([1.0, -1.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "huber"}, "loss must be strictly convex, 'squared' or 'logistic'.*got 'huber'"),
        ({"loss": "squared_hinge"}, "loss must be strictly convex"),
        ({"loss": "cubic"}, "loss must be one of"),
        ({"bias": "free"}, "bias must be 'regularized' or 'none', got 'free'"),
        ({"bias": "some"}, "bias must be one of"),
        ({"patterns": "auto"}, "patterns must be one of 'exact', got 'auto'"),
        ({"patterns": 0}, "patterns must be"),
        ({"beta": 0.0}, "beta must be a positive finite number, got 0"),
        ({"tol": -1.0}, "tol must be a positive finite number"),
        ({"resolution": 0.0}, "resolution must be a positive finite number"),
        ({"max_time": 0}, "max_time must be a positive finite number"),
        ({"resolution": 1e-17}, "neurons found miss the outputs .* resolution is too small"),
        ({"activation": "tanh"}, "activation must be one of"),
    ],
)
def test_bad_arguments(options, message):
    X, y = gaussian_problem(6, 2, seed=0)
    with pytest.raises(ValueError, match=message):
        optimal_set(X, y, **{"beta": 0.1, **options})


def test_bad_arguments_of_methods():
    X, y = square()
    best = optimal_set(X, y, beta=0.1, bias="none")
    with pytest.raises(ValueError, match="more than max_vertices=1 vertices"):
        best.vertices(max_vertices=1)
    with pytest.raises(ValueError, match="max_vertices must be a positive integer, got 0"):
        best.vertices(max_vertices=0)
    with pytest.raises(ValueError, match="max_time must be a positive finite number, got 0"):
        best.minimal_network(max_time=0)
    with pytest.raises(ValueError, match=r"network must be a cvxnn.Network, got ndarray"):
        best.contains(X)
    with pytest.raises(ValueError, match="network must have 2 inputs and 1 outputs, got 3 and 1"):
        best.contains(Network(np.ones((1, 3)), [0.0], [[1.0]], [0.0]))
    with pytest.raises(TooManyCells, match="are allowed"):
        optimal_set(*gaussian_problem(60, 8, seed=0), beta=0.1)
