"""Networks of thresholds: the Lasso over patterns, its certificates, and what refuses them."""

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest
from helpers import gaussian_problem, generic_cells, with_bias
from sklearn.utils.estimator_checks import parametrize_with_checks

from cvxnn import (
    ConvReLURegressor,
    Network,
    ReLUClassifier,
    ReLURegressor,
    ReLURegressorCV,
    beta_max,
    certify,
    certify_everywhere,
    min_norm_interpolation,
    optimal_set,
    polish,
    relu_path,
)
from cvxnn.arrangements import Cells, TooManyCells

LOSSES = {
    "squared": lambda f, y: 0.5 * cp.square(f - y),
    "absolute": lambda f, y: cp.abs(f - y),
    "huber": lambda f, y: 0.5 * cp.huber(f - y, 0.4),
    "logistic": lambda f, y: cp.logistic(-cp.multiply(y, f)),
    "hinge": lambda f, y: cp.pos(1.0 - cp.multiply(y, f)),
    "squared_hinge": lambda f, y: 0.5 * cp.square(cp.pos(1.0 - cp.multiply(y, f))),
}
CLASSIFICATION = ("logistic", "hinge", "squared_hinge")
BIASES = ("regularized", "free", "none")


def lasso(D, y, beta, loss, *, free=False, weight=1.0):
    """The optimum of the Lasso over the columns of D, by cvxpy."""
    a, offset = cp.Variable(D.shape[1]), cp.Variable() if free else 0.0
    losses = cp.sum(cp.multiply(weight * np.ones(len(y)), LOSSES[loss](D @ a + offset, y)))
    problem = cp.Problem(cp.Minimize(losses + beta * cp.norm1(a)))
    accuracy = {f"tol_gap_{kind}": 1e-10 for kind in ("abs", "rel")} | {"tol_feas": 1e-10}
    return problem.solve(solver=cp.CLARABEL, **accuracy)


def fitted(X, y, beta, *, loss="squared", sample_weight=None, **options):
    kind = ReLUClassifier if loss in CLASSIFICATION else ReLURegressor
    model = kind(beta, activation="threshold", loss=loss, n_jobs=1, **{"tol": 1e-8, **options})
    return model.fit(X, y, sample_weight)


@pytest.mark.parametrize("seed", range(20))
def test_optimum_is_that_of_the_lasso_over_all_patterns(seed):
    """Ergen, Gulluk, Lacotte and Pilanci (arXiv 2303.03382), for all losses and biases."""
    loss, bias = list(LOSSES)[seed % 6], BIASES[seed % 3]
    random = np.random.default_rng(seed)
    X, y = gaussian_problem(9, 2, seed=seed, loss="logistic" if loss in CLASSIFICATION else loss)
    weight, beta = random.uniform(0.5, 2.0, len(y)), random.uniform(0.1, 0.6)
    extra = {"delta": 0.4} if loss == "huber" else {}
    model = fitted(X, y, beta, loss=loss, bias=bias, sample_weight=weight, **extra)
    D = generic_cells(X if bias == "none" else with_bias(X, "regularized")).T
    optimum = lasso(D, y, beta, loss, free=bias == "free", weight=weight)
    certificate, network = model.certificate_, model.network_
    assert certificate.objective == pytest.approx(optimum, rel=1e-6)
    assert certificate.gap <= 1e-6
    assert (certificate.scope, certificate.method) == ("global", "cells")
    assert certificate.n_cells == D.shape[1]
    assert certificate.verify(X, y, sample_weight=weight)
    options = {"beta": beta, "loss": loss, "bias": bias, "sample_weight": weight, **extra}
    assert network.objective(X, y, **options) == pytest.approx(certificate.objective, rel=1e-14)
    penalty = beta * np.abs(network.output_weights).sum()
    free_of_charge = {**options, "beta": 0.0}
    assert certificate.objective == pytest.approx(
        network.objective(X, y, **free_of_charge) + penalty, rel=1e-14
    )


def test_all_patterns_at_hand():
    """With n features and a bias every pattern is one of a cell: a penalty of two maxima."""
    random = np.random.default_rng(3)
    X, y = random.standard_normal((5, 5)), random.standard_normal(5)
    fit = cp.Variable(5)
    penalty = cp.max(cp.pos(fit)) + cp.max(cp.neg(fit))
    least = cp.Problem(cp.Minimize(0.5 * cp.sum_squares(fit - y) + 0.2 * penalty)).solve()
    model = fitted(X, y, 0.2)
    assert model.certificate_.n_cells == 32
    assert model.certificate_.objective == pytest.approx(least, rel=1e-6)


def test_opposite_samples():
    """Without biases no cell holds both, though a neuron of zero would if 0 were active."""
    X, y = np.array([[1.0], [-1.0]]), np.ones(2)
    assert fitted(X, y, 0.5, bias="none").certificate_.objective == pytest.approx(0.75)
    assert fitted(X, y, 0.5).certificate_.objective == pytest.approx(0.4375)


def test_weights_are_duplicates():
    X, y = gaussian_problem(8, 2, seed=0)
    times = np.array([1, 2, 3, 0, 1, 1, 2, 1])
    weighted = fitted(X, y, 0.3, sample_weight=times.astype(float))
    repeated = fitted(np.repeat(X, times, axis=0), np.repeat(y, times), 0.3)
    assert weighted.certificate_.objective == repeated.certificate_.objective
    np.testing.assert_array_equal(weighted.predict(X), repeated.predict(X))


def test_targets_are_independent():
    X, _ = gaussian_problem(12, 2, seed=1)
    Y = np.random.default_rng(1).standard_normal((12, 2))
    both = fitted(X, Y, 0.3)
    alone = [fitted(X, y, 0.3).certificate_.objective for y in Y.T]
    assert both.certificate_.objective == pytest.approx(sum(alone), rel=1e-7)
    assert both.certificate_.verify(X, Y)


def test_three_classes():
    X, _ = gaussian_problem(12, 2, seed=2)
    labels = np.arange(12) % 3
    hot = 1.0 * (labels[:, None] == np.arange(3))
    model = fitted(X, labels, 0.2, loss="logistic")
    D = generic_cells(with_bias(X, "regularized")).T
    A = cp.Variable((D.shape[1], 3))
    losses = cp.sum(cp.log_sum_exp(D @ A, axis=1)) - cp.sum(cp.multiply(hot, D @ A))
    optimum = cp.Problem(cp.Minimize(losses + 0.2 * cp.sum(cp.abs(A)))).solve(solver=cp.CLARABEL)
    assert model.certificate_.objective == pytest.approx(optimum, rel=1e-6)
    assert model.certificate_.verify(X, hot)


@pytest.mark.parametrize("bias", BIASES)
def test_tampered_dual_vectors_prove_nothing(bias):
    X, y = gaussian_problem(15, 2, seed=4)
    certificate = fitted(X, y, 0.3, bias=bias).certificate_
    assert certificate.verify(X, y)
    assert not replace(certificate, lower_bound=1.001 * certificate.lower_bound).verify(X, y)
    assert not replace(certificate, dual=np.roll(certificate.dual, 1, axis=0)).verify(X, y)
    nudged = certificate.dual + 0.01 * np.sign(certificate.dual)
    assert not replace(certificate, dual=nudged).verify(X, y)
    assert not replace(certificate, dual=-certificate.dual).verify(X, y)
    assert not certificate.verify(X, 0.5 * y)
    # a bound by a list of cells does not hold for a looser one, and no other method is at hand
    assert not replace(certificate, method="relaxation").verify(X, y)
    assert replace(certificate, method="branch_and_bound").verify(X, y)


def test_given_and_sampled_patterns():
    X, y = gaussian_problem(10, 2, seed=5)
    every = generic_cells(with_bias(X, "regularized"))
    some = Cells.from_dense(every[::3])
    model = fitted(X, y, 0.2, patterns=some)
    certificate = model.certificate_
    assert certificate.scope == "patterns"
    assert certificate.objective == pytest.approx(lasso(every[::3].T, y, 0.2, "squared"), rel=1e-6)
    assert certificate.verify(X, y)
    patterns = X @ model.network_.hidden_weights.T + model.network_.hidden_bias > 0.0
    assert {p.tobytes() for p in patterns.T} <= {p.tobytes() for p in every[::3]}
    sampled = fitted(X, y, 0.2, patterns=20, random_state=0).certificate_
    best = fitted(X, y, 0.2).certificate_.objective
    assert sampled.objective >= best * (1.0 - 1e-8)
    everywhere = certify_everywhere(sampled, X, y)
    assert everywhere.scope == "global" and everywhere.verify(X, y)
    assert 0.0 < everywhere.lower_bound <= best


def test_too_many_cells():
    X, y = gaussian_problem(60, 12, seed=6)
    with pytest.raises(TooManyCells, match="patterns='exact'"):
        fitted(X, y, 0.2, patterns="exact")
    certificate = fitted(X, y, 2.0, tol=1e-4).certificate_
    assert (certificate.scope, certificate.method) == ("global", "relaxation")
    assert 0.0 < certificate.lower_bound < certificate.objective
    assert certificate.verify(X, y)
    assert not replace(certificate, lower_bound=1.01 * certificate.lower_bound).verify(X, y)


def test_certify_and_polish():
    X, y = gaussian_problem(12, 2, seed=7)
    best = fitted(X, y, 0.3)
    poor = Network([[1.0, 0.0]], [0.1], [[0.5]], [0.0], "threshold")
    bound = certify(poor, X, y, beta=0.3, tol=1e-8)
    assert bound.objective == poor.objective(X, y, beta=0.3)
    assert bound.lower_bound == pytest.approx(best.certificate_.objective, rel=1e-7)
    own = certify(poor, X, y, beta=0.3, patterns="own", tol=1e-8)
    active = X[:, :1] + 0.1 > 0.0
    assert own.lower_bound == pytest.approx(lasso(active, y, 0.3, "squared"), rel=1e-6)
    better, certificate = polish(poor, X, y, beta=0.3, tol=1e-8)
    assert certificate.objective == better.objective(X, y, beta=0.3)
    assert certificate.objective == pytest.approx(best.certificate_.objective, rel=1e-7)


def test_polish_keeps_what_a_network_has():
    """Of data with too many cells some are sampled, but those of the network stay."""
    X, _ = gaussian_problem(40, 20, seed=7)
    random = np.random.default_rng(7)
    network = Network(random.standard_normal((1, 20)), [0.0], [[1.0]], [0.0], "threshold")
    y = network.predict(X)
    better, certificate = polish(network, X, y, beta=0.5, tol=1e-6)
    assert certificate.method == "relaxation" and certificate.verify(X, y)
    assert certificate.objective < network.objective(X, y, beta=0.5)
    assert (better.hidden_weights @ X.T > 0.0)[0].tolist() == (y > 0.0).tolist()


def test_neurons_that_are_zero_at_a_sample():
    """They have patterns of no cell, but for a bias that moves them off."""
    X, y = np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, 0.0]]), np.array([0.0, 0.0, 1.0])
    edge = Network([[1.0, -1.0]], [0.0], [[1.0]], [0.0], "threshold")
    assert edge.predict(X).tolist() == [0.0, 0.0, 1.0]
    with pytest.raises(ValueError, match="neuron 0 is zero at a sample"):
        certify(edge, X, y, beta=0.1, bias="none")
    bound = certify(edge, X, y, beta=0.1, tol=1e-8)
    assert bound.lower_bound <= bound.objective == pytest.approx(0.1)


def test_paths_and_the_largest_beta():
    X, y = gaussian_problem(15, 1, seed=8)
    largest = beta_max(X, y, activation="threshold")
    D = generic_cells(with_bias(X, "regularized")).T
    assert largest == pytest.approx(np.abs(D.T @ y).max(), rel=1e-9)
    betas, networks, certificates = relu_path(
        X, y, activation="threshold", n_betas=4, eps=0.05, tol=1e-8
    )
    assert networks[0].n_neurons == 0 or certificates[0].gap <= 1e-6
    for beta, certificate in zip(betas, certificates, strict=True):
        optimum = lasso(D, y, beta, "squared")
        assert certificate.objective == pytest.approx(optimum, rel=1e-6)
    model = ReLURegressorCV(activation="threshold", n_betas=3, cv=3).fit(X, y)
    assert model.certificate_.verify(X, y)
    assert model.certificate_.beta == model.beta_


def test_least_norm_of_interpolation():
    X, y = gaussian_problem(8, 1, seed=9)
    network, certificate = min_norm_interpolation(X, y, activation="threshold", tol=1e-6)
    D = generic_cells(with_bias(X, "regularized")).T
    a = cp.Variable(D.shape[1])
    least = cp.Problem(cp.Minimize(cp.norm1(a)), [D @ a == y]).solve(solver=cp.CLARABEL)
    np.testing.assert_allclose(network.predict(X), y, atol=1e-8)
    assert certificate.objective == pytest.approx(least, rel=1e-5)
    assert certificate.verify(X, y)


def test_thousands_of_samples_on_a_line():
    random = np.random.default_rng(0)
    X = random.standard_normal((2000, 1))
    y = np.sin(3.0 * X[:, 0]) + 0.1 * random.standard_normal(2000)
    model = fitted(X, y, 10.0, tol=1e-4)
    assert model.status_ == "converged" and model.certificate_.n_cells == 4000
    assert model.certificate_.verify(X, y)


def test_narrow_cells():
    """Samples that are neighbours in double precision: weights and signs are exact."""
    X = np.array([[1.0], [1.0 + 2.0**-40], [2.0]])
    model = fitted(X, np.array([0.0, 1.0, 0.0]), 1e-3)
    assert model.certificate_.relative_gap <= 1e-8
    np.testing.assert_allclose(model.predict(X), [0.0, 1.0, 0.0], atol=5e-3)


def test_forward_pass_is_strict():
    network = Network([[1.0], [-1.0]], [0.0, 0.0], [[2.0], [3.0]], [0.5], "threshold")
    assert network.predict([[-1.0], [0.0], [1.0]]).tolist() == [3.5, 0.5, 2.5]


def test_pruning_keeps_outputs():
    random = np.random.default_rng(0)
    arrays = map(random.standard_normal, [(60, 2), 60, (60, 2), 2])
    wide = Network(*arrays, "threshold")
    X = random.standard_normal((6, 2))
    small = wide.prune(X)
    assert small.n_neurons <= 12
    np.testing.assert_allclose(small.predict(X), wide.predict(X), atol=1e-12)
    assert np.abs(small.output_weights).sum() <= np.abs(wide.output_weights).sum()


def test_files_and_exports(tmp_path):
    X, y = gaussian_problem(12, 2, seed=10)
    network = fitted(X, y, 0.1).network_
    network.save(tmp_path / "network.npz")
    again = Network.load(tmp_path / "network.npz")
    assert again.activation == "threshold"
    np.testing.assert_array_equal(again.predict(X), network.predict(X))
    with pytest.raises(ValueError, match="no module for activation 'threshold'"):
        network.to_torch()
    onnx = pytest.importorskip("onnx.reference")
    (outputs,) = onnx.ReferenceEvaluator(network.to_onnx()).run(None, {"X": X})
    np.testing.assert_allclose(outputs[:, 0], network.predict(X), rtol=1e-14)


@parametrize_with_checks(
    [
        kind(activation="threshold", patterns=30, random_state=0, n_jobs=1)
        for kind in (ReLURegressor, ReLUClassifier)
    ]
)
def test_scikit_learn_compatible(estimator, check):
    check(estimator)


def test_refusals():
    X, y = gaussian_problem(9, 1, seed=11)
    threshold = {"activation": "threshold"}
    with pytest.raises(ValueError, match="activation='threshold' does not go with rank"):
        ReLURegressor(rank=1, **threshold).fit(X, y)
    with pytest.raises(ValueError, match="'threshold' does not go with convolutional networks"):
        ConvReLURegressor(input_shape=(1, 9, 1), kernel_size=(2, 1), **threshold).fit(X.T, y[:1])
    with pytest.raises(ValueError, match="does not go with loss='interpolation' and bias='none'"):
        min_norm_interpolation(X, y, bias="none", **threshold)
    with pytest.raises(ValueError, match=r"activation must be .*'abs'.* got 'threshold'"):
        optimal_set(X, y, beta=0.1, **threshold)
    with pytest.raises(ValueError, match="patterns holds one that no neuron can be given"):
        alternating = Cells.from_dense([np.argsort(np.argsort(X[:, 0])) % 2 == 0])
        fitted(X, 1.0 * alternating.to_dense()[0], 1e-3, patterns=alternating)
    with pytest.raises(ValueError, match="negative_slope"):
        Network([[1.0]], [0.0], [[1.0]], [0.0], "threshold", -1.0)
    with pytest.raises(ValueError, match=r"activation must be .*'threshold'.* got 'step'"):
        Network([[1.0]], [0.0], [[1.0]], [0.0], "step")
