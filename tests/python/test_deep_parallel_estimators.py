"""Estimators of deep parallel networks: losses, poor data, arguments; networks as values."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from helpers import gaussian_problem
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from cvxnn import DeepParallelNetwork, DeepParallelReLUClassifier, DeepParallelReLURegressor


def trained(X, y, beta=0.1, **options):
    options = {"bias": "none", "tol": 1e-4, "branch_widths": (2, 2), **options}
    return DeepParallelReLURegressor(beta, **options).fit(X, y)


@pytest.mark.parametrize("bias", ["none", "regularized"])
@pytest.mark.parametrize("X", [np.zeros((3, 2)), np.ones((3, 1)), np.ones((1, 2)), -np.eye(2)])
def test_poor_data_are_fitted_as_well_as_they_can_be(X, bias):
    y = np.arange(1.0, len(X) + 1.0)
    model = trained(X, y, bias=bias)
    c = model.certificate_
    assert model.status_ == "converged"
    assert c.lower_bound <= c.objective <= 0.5 * y @ y
    assert c.verify(X, y)
    if bias == "none" and not X.any():
        assert model.network_.n_branches == 0


@pytest.mark.parametrize("regularizer", ["power", "path"])
@pytest.mark.parametrize("scale", [2.0**-400, 2.0**20, 2.0**400])
def test_scaling_changes_nothing_but_the_scale(scale, regularizer):
    X, y = gaussian_problem(6, 2, seed=5)
    best = trained(X, y, regularizer=regularizer).certificate_.objective
    model = trained(X * scale, y, 0.1 * scale, regularizer=regularizer)
    assert model.certificate_.objective == pytest.approx(best, rel=1e-10)
    assert model.certificate_.verify(X * scale, y)
    model = trained(X, y * scale, 0.1 * scale, regularizer=regularizer)
    assert model.certificate_.objective / scale**2 == pytest.approx(best, rel=1e-10)


def test_results_depend_on_the_random_state_alone():
    X, y = gaussian_problem(30, 3, seed=6)
    one, two, other = (
        trained(X, y, tol=1e-2, random_state=seed, n_jobs=n_jobs)
        for seed, n_jobs in ((0, 1), (None, 2), (1, 1))
    )
    np.testing.assert_array_equal(one.network_.first_weights, two.network_.first_weights)
    np.testing.assert_array_equal(one.certificate_.dual, two.certificate_.dual)
    assert one.certificate_.objective != other.certificate_.objective
    assert one.certificate_.objective == pytest.approx(other.certificate_.objective, rel=0.05)


def test_history_and_number_of_branches():
    X, y = gaussian_problem(12, 2, seed=7)
    model = trained(X, y, branch_widths=(3, 2))
    history = model.history_
    assert model.status_ == "stalled"
    assert not np.any(np.diff(history["objective"]) > 0.0)
    last = history["objective"][-1]  # the fewest branches with these outputs cost no more
    assert 0.99 * last <= model.certificate_.objective <= (1.0 + 1e-9) * last
    assert history["lower_bound"][-1] == model.certificate_.lower_bound
    assert model.network_.n_branches <= len(y)
    layers = (
        model.network_.first_weights,
        *model.network_.inner_weights,
        model.network_.output_weights,
    )
    norms = [np.linalg.norm(layer, axis=(1, 2)) for layer in layers]
    for norm in norms[1:]:
        np.testing.assert_allclose(norm, norms[0], rtol=1e-12)


def test_weights_of_samples_count_them():
    X, y = gaussian_problem(6, 2, seed=4)
    rows = np.repeat(np.arange(6), [1, 2, 0, 1, 3, 1])
    model = DeepParallelReLURegressor(0.1, branch_widths=(2, 2))
    weighted = model.fit(X, y, sample_weight=[1, 2, 0, 1, 3, 1]).certificate_
    assert weighted.verify(X, y, sample_weight=[1, 2, 0, 1, 3, 1])
    assert not weighted.verify(X, y)
    assert weighted.objective == model.fit(X[rows], y[rows]).certificate_.objective


def test_losses_and_several_outputs():
    X, y = gaussian_problem(8, 2, seed=10)
    huber = trained(X, y, loss="huber", delta=0.5)
    assert huber.certificate_.verify(X, y)
    assert huber.certificate_.objective < trained(X, y).certificate_.objective
    Y = np.column_stack([y, y[::-1]])
    model = trained(X, Y)
    single = sum(trained(X, column).certificate_.objective for column in Y.T)
    assert model.certificate_.objective == pytest.approx(single, rel=1e-2)
    assert model.certificate_.verify(X, Y)
    assert model.predict(X).shape == Y.shape
    labels = np.array([0, 1, 2, 1, 0, 2, 1, 0])
    classifier = DeepParallelReLUClassifier(0.01, branch_widths=(3, 3)).fit(X, labels)
    assert classifier.predict_proba(X).shape == (8, 3)
    assert classifier.score(X, labels) == 1.0
    assert classifier.certificate_.verify(X, np.eye(3)[labels])
    hinge = DeepParallelReLUClassifier(0.01, branch_widths=(3, 3), loss="squared_hinge")
    assert hinge.fit(X, labels == 1).score(X, labels == 1) == 1.0
    assert hinge.certificate_.verify(X, np.where(labels == 1, 1.0, -1.0))


def test_a_class_without_weight_is_no_obstacle():
    X, _ = gaussian_problem(8, 2, seed=10)
    labels = np.array([0, 1, 2, 1, 0, 2, 1, 0])
    model = DeepParallelReLUClassifier(0.01, branch_widths=(3, 3), class_weight={2: 0.0})
    model.fit(X, labels)
    assert model.score(X[labels < 2], labels[labels < 2]) == 1.0
    weight = 1.0 * (labels < 2)
    assert model.certificate_.verify(X, np.eye(3)[labels], sample_weight=weight)


def test_huge_beta_leaves_nothing():
    X, y = gaussian_problem(6, 2, seed=11)
    model = trained(X, y, 1e3)
    assert model.status_ == "converged"
    assert model.network_.n_branches == 0
    assert model.certificate_.objective == pytest.approx(0.5 * y @ y, rel=1e-12)
    np.testing.assert_array_equal(model.predict(X), 0.0)


def test_deadline_returns_the_best_so_far():
    X, y = gaussian_problem(100, 4, seed=1)
    model = DeepParallelReLURegressor(0.01, max_time=0.3)
    with pytest.warns(ConvergenceWarning, match="time_limit"):
        model.fit(X, y)
    c = model.certificate_
    assert c.lower_bound <= c.objective <= 0.5 * y @ y
    assert c.verify(X, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"branch_widths": ()}, r"branch_widths must be a tuple .* got \(\)"),
        ({"branch_widths": 8}, "branch_widths must be a tuple .* got 8"),
        ({"branch_widths": (2, 0)}, r"branch_widths must be a tuple .* got \(2, 0\)"),
        ({"branch_widths": (2.0,)}, "branch_widths must be a tuple"),
        ({"branch_widths": "88"}, "branch_widths must be a tuple"),
        ({"branch_widths": np.array(3)}, "branch_widths must be a tuple .* got 3"),
        ({"regularizer": np.array(["power", "path"])}, "regularizer must be one of"),
        ({"regularizer": "squares"}, "not convex"),
        ({"regularizer": "weight_decay"}, "regularizer must be one of 'power', 'path'"),
        ({"beta": 0.0}, "beta must be a positive"),
        ({"bias": "free"}, "bias must be one of"),
        ({"loss": "hinge"}, "loss must be one of"),
        ({"tol": 0.0}, "tol must be a positive"),
        ({"max_time": -1.0}, "max_time must be a positive"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        DeepParallelReLURegressor(**options).fit([[0.0], [1.0]], [0.0, 1.0])


def test_search_over_depth_and_pickles():
    X, y = gaussian_problem(12, 2, seed=12)
    grid = {"branch_widths": [(2,), (2, 2)], "beta": [0.1, 1.0]}
    search = GridSearchCV(DeepParallelReLURegressor(tol=1e-2), grid, cv=2).fit(X, y)
    assert search.best_params_["branch_widths"] in grid["branch_widths"]
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(again.predict(X), search.predict(X))
    assert again.certificate_.verify(X, y)


def network(seed=0, last=2, n_outputs=2):
    random = np.random.default_rng(seed)
    first, bias, second, third, out = (
        random.standard_normal(shape)
        for shape in ((3, 4, 5), (3, 4), (3, 2, 4), (3, last, 2), (3, last, n_outputs))
    )
    return DeepParallelNetwork(first, bias, (second, third), out)


def test_network_is_what_it_says(tmp_path):
    net, X = network(), np.random.default_rng(1).standard_normal((6, 5))
    expected = np.zeros((6, 2))
    powers = paths = 0.0
    for b in range(3):
        hidden = np.maximum(X @ net.first_weights[b].T + net.first_bias[b], 0.0)
        for layer in net.inner_weights:
            hidden = np.maximum(hidden @ layer[b].T, 0.0)
        expected += hidden @ net.output_weights[b]
        first = np.column_stack([net.first_weights[b], net.first_bias[b]])
        inner = [layer[b] for layer in net.inner_weights]
        last = np.abs(net.output_weights[b]).sum(axis=1)
        powers += 0.5 * sum(np.linalg.norm(layer) ** 4 for layer in (first, *inner, last))
        paths += np.sqrt(last**2 @ inner[1] ** 2 @ inner[0] ** 2 @ first**2 @ np.ones(6))
    np.testing.assert_allclose(net.predict(X), expected, rtol=1e-12)
    assert net.penalty("power") == pytest.approx(powers, rel=1e-12)
    assert net.penalty("path") == pytest.approx(paths, rel=1e-12)
    net.save(tmp_path / "network.npz")
    saved = DeepParallelNetwork.load(tmp_path / "network.npz")
    for again in (saved, pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(again.predict(X), net.predict(X))
        assert not again.inner_weights[0].flags.writeable
    with pytest.raises(ValueError, match="biases"):
        net.penalty("path", bias="none")


def test_torch_module_has_the_same_outputs():
    torch = pytest.importorskip("torch")
    X = np.random.default_rng(2).standard_normal((6, 5))
    outputs = network().to_torch()(torch.tensor(X)).detach().numpy()
    np.testing.assert_allclose(outputs, network().predict(X), rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("first_weights", np.zeros((3, 4)), "first_weights must have 3 dimensions"),
        ("first_bias", np.zeros((3, 3)), "first_bias has shape"),
        ("inner_weights", (), "inner_weights must hold one layer or more"),
        ("inner_weights", (np.zeros((3, 2, 3)),), r"inner_weights\[0\] has shape \(3, 2, 3\)"),
        ("output_weights", np.full((3, 2, 1), np.nan), "output_weights holds NaN"),
    ],
)
def test_networks_refuse_what_does_not_fit(name, value, message):
    with pytest.raises(ValueError, match=message):
        replace(network(), **{name: value})
    with pytest.raises(ValueError, match="X must have shape"):
        network().predict(np.zeros((2, 4)))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        DeepParallelReLURegressor(10.0, branch_widths=(2,), tol=5e-2),
        DeepParallelReLUClassifier(0.5, branch_widths=(2, 2), tol=5e-2),
    ]
)
def test_scikit_learn_conventions(estimator, check):
    check(estimator)
