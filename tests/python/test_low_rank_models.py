"""Training on a few singular directions, of gated, convolutional and parallel networks."""

import warnings
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from cvxnn import (
    ConvReLUClassifier,
    ConvReLURegressor,
    DeepParallelReLUClassifier,
    DeepParallelReLURegressor,
    GatedReLUClassifier,
    GatedReLURegressor,
    ParallelReLUClassifier,
    ParallelReLURegressor,
)
from cvxnn.arrangements import sample_cells
from cvxnn.networks._low_rank import Projection
from cvxnn.networks._patches import Patches
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._support import support_bound
from cvxnn.networks.convolutional._pooled_certificate import price_filters
from cvxnn.networks.convolutional._selections import PatchRows, every_selection
from cvxnn.networks.parallel._deep_branches import DeepModel, outputs_of
from cvxnn.networks.parallel._deep_training import deep_support
from cvxnn.networks.parallel._parallel_certificate import all_cells, support_of
from cvxnn.networks.parallel._parallel_model import Branches, ParallelModel

EVERY = [
    (GatedReLURegressor, {}),
    (GatedReLUClassifier, {}),
    (ConvReLURegressor, {"kernel_size": 4}),
    (ConvReLUClassifier, {"kernel_size": 4}),
    (ConvReLURegressor, {"kernel_size": 4, "pooling": "max"}),
    (ParallelReLURegressor, {}),
    (ParallelReLUClassifier, {}),
]
SHAPES = {  # of data whose cells can all be listed, and directions
    GatedReLURegressor: (12, 3, 2, {}),
    ConvReLURegressor: (8, 5, 2, {"kernel_size": 3, "patterns": "exact"}),
    ParallelReLURegressor: (4, 2, 1, {"patterns": "exact"}),
}


def decaying(n, d, seed, last=0.05):
    """Data whose singular values fall, and a target."""
    random = np.random.default_rng(seed)
    turned = np.linalg.qr(random.standard_normal((d, d)))[0]
    X = random.standard_normal((n, d)) * np.geomspace(1.0, last, d) @ turned
    return X, np.maximum(X[:, 0], 0.0) - 0.5 * X[:, 1] + 0.2 * random.standard_normal(n)


def check_bounds(model, best, X, y, **weights):
    """Compare a fit on a few directions with the optimum on all, and return how much it lost."""
    c = model.certificate_
    assert model.status_ == "converged"
    assert c.rank == model.rank
    assert c.verify(X, y, **weights)
    assert c.lower_bound <= best * (1.0 + 1e-6)
    assert best <= c.objective * (1.0 + 1e-6)
    assert c.objective <= model.guaranteed_ratio_ * best * (1.0 + 1e-6)
    assert not c.verify(X, 0.9 * y, **weights)
    assert not replace(c, lower_bound=c.lower_bound * (1.0 + 1e-8)).verify(X, y, **weights)
    return c.objective / best - 1.0


def outside_of_span(weights, rows, k):
    """Return how much of first-layer weights is not in the first singular directions of rows."""
    rest = np.linalg.svd(rows)[2][k:]
    return np.abs(weights.reshape(-1, rows.shape[1]) @ rest.T).max()


@pytest.mark.parametrize("bias", ["none", "regularized"])
@pytest.mark.parametrize("loss", ["squared", "huber"])
@pytest.mark.parametrize("seed", range(3))
def test_gates(seed, loss, bias):
    X, y = decaying(12, 3, seed)
    options = {"loss": loss, "delta": 0.2, "bias": bias, "tol": 1e-7}
    model = GatedReLURegressor(0.1, rank=2, **options).fit(X, y)
    network, c = model.network_, model.certificate_
    # of all gated networks with these gates
    assert (c.scope, c.cells.n_hyperplanes) == ("patterns", 12)
    full = GatedReLURegressor(0.1, patterns=c.cells, **options).fit(X, y)
    lost = check_bounds(model, full.certificate_.objective, X, y)
    assert 1e-6 < lost < 0.5
    assert outside_of_span(network.hidden_weights, X, 2) < 1e-12
    assert outside_of_span(network.gates, X, 2) < 1e-12 * np.abs(network.gates).max()
    # with other gates there may be less
    every = GatedReLURegressor(0.1, patterns="exact", **options).fit(X, y).certificate_.objective
    assert every <= full.certificate_.objective * (1.0 + 1e-6)


def test_sampled_gates_of_many_features():
    X, y = decaying(40, 30, 0, last=1e-3)
    model = GatedReLURegressor(0.1, rank=3, patterns=50, random_state=0, tol=1e-7).fit(X, y)
    c = model.certificate_
    full = GatedReLURegressor(0.1, patterns=c.cells, tol=1e-7).fit(X, y)
    check_bounds(model, full.certificate_.objective, X, y)
    assert c.n_cells <= 50
    gates = np.column_stack([model.network_.gates, model.network_.gate_bias])
    patterns = np.column_stack([X, np.ones(40)]) @ gates.T > 0.0
    assert {row.tobytes() for row in patterns.T} <= {row.tobytes() for row in c.cells.to_dense()}


@pytest.mark.parametrize("bias", ["none", "regularized"])
def test_gates_of_parallel_rows(bias):
    # the projected data are parallel only up to rounding, which makes cells without an inside
    random = np.random.default_rng(0)
    rows = np.repeat(random.standard_normal((20, 2)), 3, axis=0)
    X = rows * np.tile([1.0, 3.0, -7.1], 20)[:, None] @ random.standard_normal((2, 4))
    X[-1] = 0.0
    y = X[:, 0] + random.standard_normal(60)
    options = {"bias": bias, "tol": 1e-7}
    model = GatedReLURegressor(1.0, rank=2, **options).fit(X, y)
    c = model.certificate_
    assert bias == "regularized" or c.n_cells == 40
    full = GatedReLURegressor(1.0, patterns=c.cells, **options).fit(X, y)
    assert abs(check_bounds(model, full.certificate_.objective, X, y)) < 1e-6  # of rank 2


@pytest.mark.parametrize("bias", ["none", "regularized", "free"])
@pytest.mark.parametrize("pooling", ["sum", "average"])
@pytest.mark.parametrize("seed", range(2))
def test_filters(seed, pooling, bias):
    random = np.random.default_rng(seed)
    X = np.cumsum(random.standard_normal((8, 6)), axis=1)  # smooth, so patches are alike
    y = np.abs(np.diff(X)).sum(axis=1) - 2.0
    beta = 0.3 if pooling == "sum" else 0.1
    options = {"kernel_size": 3, "pooling": pooling, "bias": bias, "tol": 1e-6}
    model = ConvReLURegressor(beta, rank=2, **options).fit(X, y)
    assert model.certificate_.scope == "global"
    full = ConvReLURegressor(beta, patterns="exact", **options).fit(X, y)
    assert full.certificate_.scope == "global"
    assert full.certificate_.relative_gap < 1e-5
    lost = check_bounds(model, full.certificate_.objective, X, y)
    assert lost > 1e-5
    patches = np.lib.stride_tricks.sliding_window_view(X, 3, axis=1).reshape(-1, 3)
    patches = patches - patches.mean(axis=0) if bias == "free" else patches
    assert outside_of_span(model.network_.filters, patches, 2) < 1e-12


@pytest.mark.parametrize("bias", ["none", "regularized"])
@pytest.mark.parametrize("seed", range(3))
def test_filters_of_which_the_largest_counts(seed, bias):
    random = np.random.default_rng(seed)
    X = np.cumsum(random.standard_normal((5, 4)), axis=1)
    y = np.abs(np.diff(X)).max(axis=1) - 1.0
    options = {"kernel_size": 2, "pooling": "max", "bias": bias, "tol": 1e-6, "patterns": "exact"}
    model = ConvReLURegressor(0.1, rank=1, **options).fit(X, y)
    assert model.certificate_.scope == "global"
    full = ConvReLURegressor(0.1, **options).fit(X, y).certificate_.objective
    assert check_bounds(model, full, X, y) > 1e-5
    patches = np.lib.stride_tricks.sliding_window_view(X, 2, axis=1).reshape(-1, 2)
    assert outside_of_span(model.network_.filters, patches, 1) < 1e-12


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("rank", [1, 2])
def test_no_largest_output_gains_more_than_the_bound(rank, listed):
    random = np.random.default_rng(rank)
    X, v = random.standard_normal((4, 5)), random.standard_normal(4)
    patches = Patches.from_arguments(5, kernel_size=3, stride=1, pooling="max")
    options = {"loss": "squared", "beta": 1e-9, "bias": "none", "patches": patches}
    low = TrainingProblem.from_arrays(X, v, rank=rank, **options)
    rows = PatchRows.of(low)
    cells = every_selection(rows.rows, 100_000, 1) if listed else None
    bound = price_filters(low, rows, cells, low.y)
    seen = price_filters(replace(low, projection=None), rows, cells, low.y)
    parts = np.lib.stride_tricks.sliding_window_view(low.inputs, 3, axis=1)
    filters = random.standard_normal((3, 20_000))
    filters /= np.linalg.norm(filters, axis=0)
    gains = np.abs(low.y @ np.maximum(parts @ filters, 0.0).max(axis=1))
    assert gains.max() <= bound
    rest = np.linalg.svd(parts.reshape(-1, 3), compute_uv=False)[rank] * np.linalg.norm(v)
    assert seen < bound <= np.hypot(seen, rest) * (1.0 + 1e-9)


@pytest.mark.parametrize(
    "patches, norm",
    [
        # of a sample, both in one direction, in two, and one of them in any
        ([[0, 1, 0], [0, 1, 0]], 2.0),
        ([[0, 1, 0], [0, 0, 1]], 2.0**0.5),
        ([[0, 1, 0], [3, 0, 0]], 1.0),
    ],
)
def test_what_patches_leave_out(patches, norm):
    rows = np.array([*patches, [3, 0, 0], [3, 0, 0]], float)
    projection = Projection.of(rows, 1, n_patches=2, scale=0.5)
    assert np.abs(projection.basis.ravel()) == pytest.approx([1.0, 0.0, 0.0], abs=1e-15)
    assert projection.discarded == pytest.approx(0.5 * norm, rel=1e-9)
    angles = np.linspace(0.0, np.pi, 181)
    changes = np.abs(rows[:2, 1:] @ np.array([np.cos(angles), np.sin(angles)])).sum(axis=0)
    assert 0.5 * changes.max() == pytest.approx(projection.discarded, rel=1e-3)
    assert 0.5 * changes.max() <= projection.discarded


@pytest.mark.parametrize("regularizer", ["path", "weight_decay", "unit_columns", "power"])
@pytest.mark.parametrize("seed", range(3))
def test_branches(regularizer, seed):
    X, y = decaying(4, 2, seed, last=0.2)
    options = {"regularizer": regularizer, "bias": "none", "tol": 1e-6, "patterns": "exact"}
    options["m2"] = 3 if regularizer == "path" else 1
    model = ParallelReLURegressor(0.05, rank=1, **options).fit(X, y)
    assert model.certificate_.scope == "global"
    full = ParallelReLURegressor(0.05, **options).fit(X, y).certificate_.objective
    assert check_bounds(model, full, X, y) > 1e-5
    assert outside_of_span(model.network_.first_weights, X, 1) < 1e-12


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "abs"])
@pytest.mark.parametrize("pooling", ["sum", "average"])
@pytest.mark.parametrize("seed", range(3))
def test_no_filter_gains_more_than_the_bound(seed, pooling, activation):
    random = np.random.default_rng(seed)
    X, v = random.standard_normal((5, 6)), random.standard_normal(5)
    patches = Patches.from_arguments(6, kernel_size=3, stride=1 + seed, pooling=pooling)
    options = {"loss": "squared", "beta": 1.0, "bias": "none", "patches": patches}
    options |= {"activation": activation, "negative_slope": 0.3 if "leaky" in activation else 0.0}
    low = TrainingProblem.from_arrays(X, v, rank=1, **options)
    full = TrainingProblem.from_arrays(X, v, **options)
    bound = support_bound(low, low.y, 0.0, "branch_and_bound")
    seen = support_bound(replace(low, projection=None), low.y, 0.0, "branch_and_bound")
    gained = support_bound(full, full.y, 0.0, "branch_and_bound")
    assert seen < gained <= bound
    # and no looser than by what is left out of the data
    rest = np.linalg.svd(full.design, compute_uv=False)[1] * np.sqrt(patches.count)
    assert bound <= np.hypot(seen, np.linalg.norm(v) * rest) * (1.0 + 1e-9)
    # floors count for the bound on all
    unresolved = support_bound(low, low.y, 2.0 * bound, "branch_and_bound")
    assert unresolved == pytest.approx(2.0 * bound, rel=1e-15)
    again = support_bound(low, low.y, 0.9 * bound, "branch_and_bound")
    assert again == pytest.approx(bound, rel=1e-9)


@pytest.mark.parametrize(
    "regularizer, m1", [("path", 2), ("unit_columns", 2), ("weight_decay", 2), ("power", None)]
)
def test_no_branch_gains_more_than_the_bound(regularizer, m1):
    random = np.random.default_rng(0)
    X, v = random.standard_normal((4, 2)), random.standard_normal(4)
    low = TrainingProblem.from_arrays(X, v, loss="squared", beta=1e-9, bias="none", rank=1)
    model = ParallelModel(regularizer, m1)
    bound = support_of(low, model, all_cells(low, model, 1), low.y, "cells")
    neurons, n = m1 or 4, 20_000
    vectors = random.standard_normal((n, neurons, 2)) * random.exponential(size=(n, neurons, 1))
    signs = np.where(random.standard_normal((n, neurons)) > -0.5, 1.0, -1.0)
    branches = Branches(vectors, signs, np.ones(n), np.zeros(n, dtype=int))
    gains = np.abs(branches.layers(low.inputs)[1] @ low.y) / model.norms(vectors)
    assert 0.7 * bound < gains.max() <= bound


@pytest.mark.parametrize("regularizer", ["path", "power"])
@pytest.mark.parametrize("widths", [(1,), (2, 2), (3, 1, 2)])
def test_no_deep_branch_gains_more_than_the_bound(regularizer, widths):
    random = np.random.default_rng(0)
    X, v = random.standard_normal((6, 3)), random.standard_normal(6)
    options = {"loss": "squared", "beta": 1e-9, "bias": "none"}
    low = TrainingProblem.from_arrays(X, v, rank=2, **options)
    model = DeepModel(regularizer, widths)
    bound = deep_support(low, model, "branch_and_bound", low.y)
    shapes = pairwise((3, *widths, 1))
    layers = tuple(random.standard_normal((20_000, after, before)) for before, after in shapes)
    gains = np.abs(outputs_of(layers, low.inputs)[-1][:, 0] @ low.y) / model.norms(layers)
    assert gains.max() <= bound
    # and no looser than by what is left out of the data
    seen = deep_support(replace(low, projection=None), model, "branch_and_bound", low.y)
    rest = np.linalg.svd(X, compute_uv=False)[2] * np.linalg.norm(v)
    assert seen < bound <= np.hypot(seen, model.spread * rest) * (1.0 + 1e-9)


@pytest.mark.parametrize("regularizer", ["path", "power"])
@pytest.mark.parametrize("bias", ["none", "regularized"])
def test_deep_branches(regularizer, bias):
    X, y = decaying(12, 3, 2, last=0.05)
    options = {"branch_widths": (2, 2), "regularizer": regularizer, "bias": bias, "tol": 1e-3}
    model = DeepParallelReLURegressor(0.1, rank=2, **options).fit(X, y)
    some = DeepParallelReLURegressor(0.1, **options).fit(X, y).certificate_.objective
    c = model.certificate_
    assert (c.scope, c.rank) == ("global", 2)
    assert 0.0 < c.lower_bound <= min(some, c.objective)
    assert c.objective <= model.guaranteed_ratio_ * some
    assert c.verify(X, y)
    assert not replace(c, lower_bound=c.lower_bound * (1.0 + 1e-6)).verify(X, y)
    assert outside_of_span(model.network_.first_weights, X, 2) < 1e-12
    classifier = DeepParallelReLUClassifier(0.1, rank=1, branch_widths=(2, 2), tol=1e-2)
    assert classifier.fit(X, y > 0.0).certificate_.verify(X, np.where(y > 0.0, 1.0, -1.0))


@pytest.mark.parametrize("regularizer", ["path", "weight_decay"])
def test_branches_with_biases_and_weights(regularizer):
    X, y = decaying(4, 2, 1, last=0.1)
    options = {"regularizer": regularizer, "tol": 1e-5, "patterns": "exact"}
    weight = np.array([1.0, 2.0, 0.5, 1.0])
    model = ParallelReLURegressor(0.1, rank=1, **options).fit(X, y, sample_weight=weight)
    full = ParallelReLURegressor(0.1, **options).fit(X, y, sample_weight=weight)
    best = full.certificate_.objective
    assert check_bounds(model, best, X, y, sample_weight=weight) > 1e-5
    assert model.network_.first_bias.any()


@pytest.mark.parametrize("regularizer", ["weight_decay", "power"])
def test_as_many_neurons_as_are_of_use(regularizer):
    X, y = decaying(4, 2, 0, last=0.2)
    options = {"regularizer": regularizer, "m1": "large", "bias": "none", "tol": 1e-6}
    model = ParallelReLURegressor(0.05, rank=1, **options).fit(X, y)
    check_bounds(
        model, ParallelReLURegressor(0.05, **options).fit(X, y).certificate_.objective, X, y
    )


@pytest.mark.parametrize(
    "regularizer, n, rank", [("path", 50, 1), ("weight_decay", 50, 1), ("path", 15, 7)]
)
def test_searched_branches(regularizer, n, rank):
    X, y = decaying(n, 8, 0, last=1e-3)
    options = {"regularizer": regularizer, "max_time": 1.0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = ParallelReLURegressor(0.1, rank=rank, **options).fit(X, y)
        some = ParallelReLURegressor(0.1, **options).fit(X, y).certificate_.objective
    c = model.certificate_
    assert (c.scope, c.rank) == ("global", rank)
    assert c.method == ("branch_and_bound" if rank == 1 else "relaxation")
    assert c.verify(X, y)
    assert 0.0 < c.lower_bound <= min(some, c.objective)
    assert c.objective <= model.guaranteed_ratio_ * some


@pytest.mark.parametrize("estimator", SHAPES)
@pytest.mark.parametrize("bias", ["none", "regularized"])
def test_all_directions_are_no_directions(estimator, bias):
    n, d, _, options = SHAPES[estimator]
    X, y = decaying(n, d, 5)
    options = {**options, "bias": bias, "tol": 1e-5}
    plain = estimator(0.1, **options).fit(X, y)
    whole = estimator(0.1, rank=min(d, 3), **options).fit(X, y)
    a, b = plain.certificate_, whole.certificate_
    assert (a.objective, a.scope, a.method) == (b.objective, b.scope, b.method)
    assert b.lower_bound == pytest.approx(a.lower_bound, rel=1e-12)
    assert np.array_equal(plain.predict(X), whole.predict(X))
    assert b.verify(X, y)
    assert 1.0 <= whole.guaranteed_ratio_ <= 1.0 + 2e-5
    assert not hasattr(plain, "guaranteed_ratio_")


@pytest.mark.parametrize("estimator, options", EVERY)
def test_classes_and_several_targets(estimator, options):
    X, y = decaying(5, 5, 3)
    several = "Classifier" in estimator.__name__
    y = np.arange(5) % 3 if several else np.column_stack([y, -y])
    model = estimator(0.2, rank=1, bias="none", **options).fit(X, y)
    seen = 1.0 * (y[:, None] == np.arange(3)) if several else y
    full = estimator(0.2, bias="none", **options)
    if "Gated" in estimator.__name__:
        full.set_params(patterns=model.certificate_.cells)
    if "Parallel" in estimator.__name__:  # of all columns there are too many patterns to list
        full.set_params(m1=1)
    best = full.fit(X, y).certificate_
    assert model.certificate_.verify(X, seen)
    assert model.certificate_.lower_bound <= best.objective
    if "Parallel" not in estimator.__name__:
        assert model.certificate_.objective <= model.guaranteed_ratio_ * best.objective * (1 + 1e-3)


@pytest.mark.parametrize("estimator, options", [*EVERY, (DeepParallelReLURegressor, {})])
@pytest.mark.parametrize("rank", [0, 6, 1.5, True, "2", -1])
def test_bad_rank(estimator, options, rank):
    X, y = decaying(5, 5, 3)
    with pytest.raises(ValueError, match="rank must be"):
        estimator(rank=rank, **options).fit(X, np.sign(y))


@pytest.mark.parametrize("estimator, options", EVERY)
def test_patterns_of_the_data_are_refused(estimator, options):
    X, y = decaying(5, 5, 3)
    gated = "Gated" in estimator.__name__
    message = "patterns must be 'auto', 'exact' or an integer" if gated else "'auto' or 'exact'"
    for patterns in [sample_cells(X, 5), *([] if gated else [20])]:
        with pytest.raises(ValueError, match=f"{message} where rank is given"):
            estimator(rank=2, patterns=patterns, **options).fit(X, np.sign(y))


@pytest.mark.parametrize("estimator, options", EVERY)
def test_constant_and_huge_data(estimator, options):
    X, y = decaying(5, 5, 3)
    nothing = estimator(0.1, rank=2, **options).fit(0.0 * X, np.sign(y))
    assert nothing.guaranteed_ratio_ >= 1.0 - 1e-9
    assert nothing.certificate_.verify(0.0 * X, np.sign(y))
    with pytest.warns(ConvergenceWarning):
        huge = estimator(0.1, rank=2, max_time=1.0, **options).fit(1e150 * X, np.sign(y))
    assert huge.guaranteed_ratio_ >= 1.0
