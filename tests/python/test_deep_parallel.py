"""Parallel networks of any depth: optima that are known otherwise, and bounds that must hold."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import gaussian_problem
from scipy.optimize import minimize

from cvxnn import (
    DeepParallelNetwork,
    DeepParallelReLUClassifier,
    DeepParallelReLURegressor,
    ParallelReLUClassifier,
    ParallelReLURegressor,
    ReLUClassifier,
    ReLURegressor,
)
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._support import one_sided_support
from cvxnn.networks.parallel._branch_descent import BranchProblem, climbed, random_branches
from cvxnn.networks.parallel._deep_branches import DeepModel, outputs_of, pulled_back


def trained(X, y, beta=0.1, widths=(2, 2), **options):
    options = {"bias": "none", "tol": 1e-5, **options}
    return DeepParallelReLURegressor(beta, branch_widths=widths, **options).fit(X, y)


def is_sound(model, X, y):
    """Whether the certificate says what the network does, and proves it."""
    c = model.certificate_
    options = {"beta": c.beta, "regularizer": c.model.regularizer, "bias": c.bias}
    own = model.network_.objective(X, y, **options)
    return abs(c.objective - own) <= 1e-12 * own and c.lower_bound <= own and c.verify(X, y)


@pytest.mark.parametrize("regularizer", ["power", "path"])
@pytest.mark.parametrize(("n", "seed"), [(4, 0), (5, 1), (7, 8)])
def test_one_width_is_the_three_layer_model(n, seed, regularizer):
    X, y = gaussian_problem(n, 2, seed=seed)
    options = {"regularizer": regularizer, "bias": "none"}
    exact = ParallelReLURegressor(0.1, tol=1e-7, **options).fit(X, y).certificate_
    model = trained(X, y, widths=(2,), **options)
    assert is_sound(model, X, y)
    objective = model.certificate_.objective
    assert exact.lower_bound <= objective <= exact.objective * (1.0 + 1e-4)
    assert model.certificate_.lower_bound <= exact.objective


@pytest.mark.parametrize("n_classes", [2, 3])
def test_one_width_is_the_three_layer_classifier(n_classes):
    X, _ = gaussian_problem(6, 2, seed=3)
    labels = np.arange(6) % n_classes
    exact = ParallelReLUClassifier(0.05, regularizer="power", bias="none", tol=1e-6)
    model = DeepParallelReLUClassifier(0.05, branch_widths=(2,), bias="none", tol=1e-5)
    exact, c = (fitted.fit(X, labels).certificate_ for fitted in (exact, model))
    assert exact.lower_bound <= c.objective <= exact.objective * (1.0 + 1e-4)
    assert c.lower_bound <= exact.objective


@pytest.mark.parametrize("bias", ["none", "regularized"])
@pytest.mark.parametrize("widths", [(1,), (1, 1), (1, 1, 1)])
def test_widths_of_one_make_two_layer_networks(widths, bias):
    # without inner biases a positive number goes through all layers, or none
    X, y = gaussian_problem(8, 1 if len(widths) == 2 else 2, seed=1)
    flat = ReLURegressor(0.05 * (len(widths) + 2), bias=bias, tol=1e-7).fit(X, y).certificate_
    for regularizer, beta in (("power", 0.1), ("path", 0.05 * (len(widths) + 2))):
        model = trained(X, y, beta, widths, bias=bias, regularizer=regularizer)
        assert is_sound(model, X, y)
        objective = model.certificate_.objective
        assert flat.lower_bound <= objective <= flat.objective * (1.0 + 1e-4)


def test_deep_networks_cost_no_more_than_flat_ones():
    X, y = gaussian_problem(40, 3, seed=2)
    for widths in ((4,), (4, 4), (3, 3, 3)):
        strength = 0.5 * (len(widths) + 2)
        flat = ReLURegressor(0.1 * strength, bias="none").fit(X, y).certificate_.objective
        model = trained(X, y, widths=widths, tol=1e-2)
        assert model.certificate_.objective < 0.95 * flat


def huber_of(t, beta):
    return 0.5 * t**2 if t <= beta else beta * t - 0.5 * beta**2


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("widths", [(2,), (3, 2), (2, 2, 2)])
def test_whitened_data_have_a_closed_form_that_the_bound_meets(seed, widths):
    random = np.random.default_rng(seed)
    X = np.linalg.qr(random.standard_normal((4, 4)))[0][:3]
    y = random.standard_normal(3)
    beta = 0.2 / (0.5 * (len(widths) + 2))
    value = sum(huber_of(np.linalg.norm(np.maximum(s * y, 0.0)), 0.2) for s in (1.0, -1.0))
    model = trained(X, y, beta, widths)
    assert model.status_ == "converged"
    assert model.certificate_.objective == pytest.approx(value, rel=1e-5)
    assert model.certificate_.lower_bound == pytest.approx(value, rel=1e-5)
    assert is_sound(model, X, y)


def test_data_of_rank_one_have_a_closed_form():
    random = np.random.default_rng(0)
    c, a, y = random.standard_normal(5), random.standard_normal(3), random.standard_normal(5)
    value, f = 0.0, np.zeros(5)
    for side in (np.maximum(c, 0.0), np.maximum(-c, 0.0)):
        slope, cost = side @ y, 0.3 / np.linalg.norm(a)
        weight = np.sign(slope) * max(0.0, abs(slope) - cost) / (side @ side)
        f, value = f + weight * side, value + cost * abs(weight)
    value += 0.5 * np.sum((f - y) ** 2)
    model = trained(np.outer(c, a), y, 0.15)
    assert model.certificate_.objective == pytest.approx(value, rel=1e-5)


def best_of_descents(X, y, beta, regularizer, runs=4, branches=3):
    """Return the best objective of networks of widths (2, 2) by L-BFGS with differences."""
    shapes = (branches, 2, X.shape[1]), (branches, 2, 2), (branches, 1, 2), (branches, 1, 1)
    ends = np.cumsum([np.prod(shape) for shape in shapes])

    def objective(weights):
        parts = zip(np.split(weights, ends[:-1]), shapes, strict=True)
        first, *inner, last = (part.reshape(shape) for part, shape in parts)
        network = DeepParallelNetwork(first, np.zeros((branches, 2)), tuple(inner), last)
        return network.objective(X, y, beta=beta, regularizer=regularizer, bias="none")

    random = np.random.default_rng(0)
    starts = random.standard_normal((runs, ends[-1]))
    return min(minimize(objective, x, method="L-BFGS-B").fun for x in starts)


@pytest.mark.parametrize("regularizer", ["power", "path"])
@pytest.mark.parametrize("seed", range(10))
def test_no_descent_is_below_the_bound(regularizer, seed):
    X, y = gaussian_problem(5, 2, seed=seed)
    if seed > 1:  # degenerate integers
        X, y = np.round(2.0 * X), np.round(2.0 * y)
        X[3], X[4] = X[0], -X[1]
    c = trained(X, y, 0.05, regularizer=regularizer).certificate_
    best = best_of_descents(X, y, 0.05, regularizer)
    assert best >= c.lower_bound * (1.0 - 1e-9)
    assert c.objective <= best * (1.0 + 1e-3)  # nor does it get beyond what the search finds


@pytest.mark.parametrize("regularizer", ["power", "path"])
@pytest.mark.parametrize("widths", [(3,), (2, 3), (3, 2, 2)])
def test_branches_gain_no_more_than_the_support(regularizer, widths):
    X, v = gaussian_problem(9, 3, seed=len(widths))
    for gradient in (v, np.abs(v)):
        problem = TrainingProblem.from_arrays(X, -gradient, loss="squared", beta=1e-9, bias="none")
        model = DeepModel(regularizer, widths)
        generator = np.random.RandomState(0)
        small = BranchProblem(problem, model, 1e-6, None)
        none = random_branches(small, 1, generator)[:0]
        branches = climbed(small, none, 64, generator)
        np.testing.assert_allclose(model.norms(branches.layers), 1.0, rtol=1e-12)
        largest = np.abs(branches.hidden(problem.design) @ -problem.y).max()
        flat = one_sided_support(problem, -problem.y, 1e-9, "branch_and_bound")
        assert largest <= model.spread * flat * (1.0 + 1e-12)
        if gradient is not v and regularizer == "power":
            assert largest >= 0.999 * flat  # nothing is lost where v has one sign


@pytest.mark.parametrize("regularizer", ["power", "path"])
def test_gradients_are_those_of_differences(regularizer):
    random = np.random.default_rng(0)
    X, v = random.standard_normal((6, 3)), random.standard_normal((4, 6))
    shapes = (4, 5, 3), (4, 3, 5), (4, 1, 3)
    layers = tuple(random.standard_normal(shape) for shape in shapes)
    model = DeepModel(regularizer, (5, 3))

    def value(layers):
        gains = np.sum(v * outputs_of(layers, X)[-1][:, 0], axis=1)
        return np.array([gains, model.norms(layers)])

    slopes = pulled_back(layers, X, outputs_of(layers, X), v), model.slopes(layers)
    for i, shape in enumerate(shapes):
        step = random.standard_normal(shape)
        up, down = (
            value((*layers[:i], layers[i] + s * step, *layers[i + 1 :])) for s in (1e-6, -1e-6)
        )
        expected = [np.sum(slope[i] * step, axis=(1, 2)) for slope in slopes]
        np.testing.assert_allclose((up - down) / 2e-6, expected, rtol=1e-6, atol=1e-8)


def test_certificates_notice_what_was_changed():
    X, y = gaussian_problem(30, 3, seed=3)
    model = trained(X, y, 1.0, tol=1e-2)
    c = model.certificate_
    assert (c.scope, c.method) == ("global", "branch_and_bound")
    assert 0.0 < c.lower_bound < c.objective
    assert is_sound(model, X, y)
    assert not replace(c, dual=-c.dual).verify(X, y)
    assert not replace(c, dual=np.roll(c.dual, 1)).verify(X, y)
    assert not replace(c, dual=c.dual[1:]).verify(X, y)
    assert not replace(c, lower_bound=1.01 * c.lower_bound).verify(X, y)
    assert not replace(c, beta=0.9 * c.beta).verify(X, y)
    assert not c.verify(X, 0.5 * y)
    wide = trained(*gaussian_problem(30, 9, seed=3), 1.0, tol=1e-2)
    assert wide.certificate_.method == "relaxation"
    assert is_sound(wide, *gaussian_problem(30, 9, seed=3))


def spiral(n=40, turns=1.0):
    """Two arms, one the other turned by half a turn; n points each."""
    angle = 2.0 * np.pi * turns * np.sqrt(np.linspace(0.05, 1.0, n))
    arm = angle[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return np.vstack([arm, -arm]) / (2.0 * np.pi * turns), np.repeat([0, 1], n)


def test_a_spiral_is_learned_by_four_layers():
    X, y = spiral()
    model = DeepParallelReLUClassifier(1e-3, branch_widths=(4, 4), tol=2e-2).fit(X, y)
    assert model.network_.depth == 4
    assert model.score(X, y) == 1.0
    assert model.certificate_.verify(X, 2.0 * y - 1.0)
    flat = ReLUClassifier(2e-3, bias="regularized", tol=1e-2).fit(X, y).certificate_
    assert model.certificate_.objective < 0.9 * flat.objective
