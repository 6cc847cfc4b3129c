"""Every loss, activation and kind of bias: optima, bounds, and what users can do with them."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from helpers import gaussian_problem, reference_network_optimum
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from cvxnn import Network, ReLUClassifier, ReLURegressor, beta_max, certify, polish, relu_path
from cvxnn.arrangements import enumerate_cells
from cvxnn.networks._activations import activated
from cvxnn.networks._losses import LOSSES, best_offset, loss_named

REGRESSION = ("squared", "absolute", "huber")
CLASSIFICATION = ("logistic", "hinge", "squared_hinge")
ACTIVATIONS = {"relu": 0.0, "leaky_relu": 0.2, "abs": -1.0}
BIASES = ("none", "regularized", "free")
DELTA = 0.7

every_loss = pytest.mark.parametrize("loss", REGRESSION + CLASSIFICATION)
every_activation = pytest.mark.parametrize("activation", ACTIVATIONS)
every_bias = pytest.mark.parametrize("bias", BIASES)


def problem(loss, n, d, seed):
    X, y = gaussian_problem(n, d, seed=seed, loss="squared" if loss in REGRESSION else "logistic")
    return X, 2.0 * y + 0.5 if loss in REGRESSION else y


def estimator(loss, activation="relu", bias="regularized", *, beta=0.3, **options):
    """Return an estimator of this model."""
    options = {"tol": 1e-6, "n_jobs": 1, **options}
    model = {"loss": loss, "activation": activation, "bias": bias, "beta": beta}
    if activation == "leaky_relu":
        model["negative_slope"] = ACTIVATIONS[activation]
    if loss in CLASSIFICATION:
        return ReLUClassifier(**model, **options)
    return ReLURegressor(delta=DELTA, **model, **options)


@every_loss
@every_activation
@every_bias
def test_optimum_over_every_cell(loss, activation, bias):
    X, y = problem(loss, 8, 2, seed=len(loss) + len(activation))
    model = estimator(loss, activation, bias, patterns="exact").fit(X, y)
    slope = ACTIVATIONS[activation]
    expected = reference_network_optimum(X, y, 0.3, loss=loss, delta=DELTA, slope=slope, bias=bias)
    certificate = model.certificate_
    assert certificate.scope == "global"
    assert model.status_ == "converged"
    assert certificate.relative_gap <= 1e-6
    assert certificate.lower_bound <= expected * (1.0 + 1e-8)
    # within tol of the optimum; far closer for the losses without kinks
    assert expected * (1.0 - 1e-8) <= certificate.objective <= expected * (1.0 + 1e-6)
    assert certificate.verify(X, y)
    assert not np.any(model.network_.output_bias) or bias == "free"


@every_loss
@every_activation
@every_bias
def test_agreement_with_cvxpy_to_seven_digits(loss, activation, bias):
    n = 8 if loss == "logistic" else 12  # up to which Clarabel solves all of them
    X, y = problem(loss, n, 2, seed=3 + len(bias))
    model = estimator(loss, activation, bias, patterns="exact", tol=1e-7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the bound may stop at 2e-7
        certificate = model.fit(X, y).certificate_
    slope = ACTIVATIONS[activation]
    expected = reference_network_optimum(X, y, 0.3, loss=loss, delta=DELTA, slope=slope, bias=bias)
    assert certificate.objective == pytest.approx(expected, rel=1e-7)


@every_loss
@every_activation
@every_bias
def test_without_a_list_of_cells(loss, activation, bias):
    X, y = problem(loss, 60, 2, seed=1)
    model = estimator(loss, activation, bias, beta=1.0, tol=1e-5).fit(X, y)
    certificate = model.certificate_
    assert model.status_ == "converged"
    assert (certificate.scope, certificate.relative_gap <= 1e-5) == ("global", True)
    assert certificate.verify(X, y)
    own = model.network_.objective(X, y, beta=1.0, loss=loss, delta=DELTA, bias=bias)
    assert certificate.objective == pytest.approx(own, rel=1e-12)


@every_loss
@every_activation
@every_bias
def test_local_search(loss, activation, bias):
    X, y = problem(loss, 25, 8, seed=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = estimator(loss, activation, bias, beta=2.0, tol=1e-3).fit(X, y)
    certificate = model.certificate_
    assert (certificate.scope, certificate.method) == ("global", "relaxation")
    assert 0.0 < certificate.lower_bound < certificate.objective
    assert certificate.verify(X, y)
    sampled = estimator(loss, activation, bias, beta=2.0, patterns=30, random_state=0, tol=1e-3)
    above = sampled.fit(X, y).certificate_
    assert (above.scope, above.relative_gap <= 1e-3) == ("patterns", True)
    assert above.verify(X, y)
    assert certificate.objective < above.objective * (1.0 + 1e-3)


@every_loss
@every_bias
def test_beta_max(loss, bias):
    X, y = problem(loss, 30, 2, seed=4)
    largest = beta_max(X, y, loss=loss, delta=DELTA, bias=bias, n_jobs=1)
    none = estimator(loss, bias=bias, beta=1.0001 * largest).fit(X, y)
    assert none.network_.n_neurons == 0
    assert none.certificate_.relative_gap <= (1e-7 if bias == "free" else 1e-12)
    smooth = loss not in ("absolute", "hinge")
    some = estimator(loss, bias=bias, beta=0.99 * largest).fit(X, y)
    assert some.network_.n_neurons > 0 or not smooth


def test_free_biases_do_not_mind_where_the_data_lies():
    X, y = problem("squared", 40, 2, seed=5)
    X, y = X + 10.0, y + 100.0
    free, regularized = (
        estimator("squared", bias=bias, beta=1.0).fit(X, y).certificate_
        for bias in ("free", "regularized")
    )
    assert free.objective < 0.5 * regularized.objective
    # moved data, moved targets: the same problem
    moved = estimator("squared", bias="free", beta=1.0).fit(X - 7.0, y - 50.0).certificate_
    assert moved.objective == pytest.approx(free.objective, rel=3e-6)


def test_absolute_value_is_even_and_leaky_of_slope_zero_is_the_relu():
    X, y = problem("squared", 30, 2, seed=6)
    one, other = (
        estimator("squared", "abs", "none", tol=1e-8).fit(sign * X, y) for sign in (1.0, -1.0)
    )
    assert one.certificate_.objective == pytest.approx(other.certificate_.objective, rel=1e-7)
    leaky = ReLURegressor(0.3, activation="leaky_relu", negative_slope=0.0, n_jobs=1).fit(X, y)
    relu = ReLURegressor(0.3, n_jobs=1).fit(X, y)
    assert leaky.certificate_.objective == relu.certificate_.objective


def test_huber_loss_with_a_large_delta_is_the_squared_loss():
    X, y = problem("squared", 30, 2, seed=7)
    squared = ReLURegressor(0.3, tol=1e-8, n_jobs=1).fit(X, y)
    huber = ReLURegressor(0.3, loss="huber", delta=1e3, tol=1e-8, n_jobs=1).fit(X, y)
    assert huber.certificate_.objective == pytest.approx(squared.certificate_.objective, rel=1e-7)


@pytest.mark.parametrize("loss", REGRESSION)
@pytest.mark.parametrize("scale", [1e-6, 1e8])
def test_units_of_the_targets(loss, scale):
    X, y = problem(loss, 30, 2, seed=8)
    degree = 1 if loss == "absolute" else 2
    model = estimator(loss, beta=1.0).fit(X, y)
    beta = scale ** (degree - 1)
    scaled = estimator(loss, beta=beta).set_params(delta=DELTA * scale).fit(X, scale * y)
    expected = scale**degree * model.certificate_.objective
    assert scaled.certificate_.objective == pytest.approx(expected, rel=2e-6)
    assert scaled.certificate_.verify(X, scale * y)


def test_outliers_move_the_absolute_loss_less():
    random = np.random.default_rng(0)
    X = np.linspace(-1.0, 1.0, 41)[:, None]
    clean = np.abs(X[:, 0])
    y = clean.copy()
    y[random.choice(41, 6, replace=False)] += 5.0
    errors = {
        loss: np.abs(estimator(loss, beta=0.05).fit(X, y).predict(X) - clean).mean()
        for loss in REGRESSION
    }
    assert errors["absolute"] < 0.2 * errors["squared"]
    assert errors["huber"] < errors["squared"]


@pytest.mark.parametrize("loss", CLASSIFICATION)
def test_classifiers(loss):
    X, y = problem(loss, 40, 2, seed=9)
    labels = np.where(y > 0.0, "yes", "no")
    model = estimator(loss, beta=1.0, tol=1e-3).fit(X, labels)
    assert model.score(X, labels) > 0.6
    assert hasattr(model, "predict_proba") == (loss == "logistic")
    weights = np.where(labels == "yes", 3.0, 1.0)
    weighted = clone(model).fit(X, labels, sample_weight=weights)
    by_class = clone(model).set_params(class_weight={"yes": 3.0, "no": 1.0}).fit(X, labels)
    assert np.array_equal(by_class.network_.hidden_weights, weighted.network_.hidden_weights)
    balanced = clone(model).set_params(class_weight="balanced").fit(X, labels)
    assert balanced.certificate_.verify(X, y)  # as many of both


def test_networks_of_scikit_learn_are_certified_with_free_biases():
    X, y = problem("squared", 60, 2, seed=10)
    mlp = MLPRegressor(
        hidden_layer_sizes=(30,), solver="lbfgs", alpha=0.5, max_iter=5000, random_state=0
    ).fit(X, y)
    network = Network.from_sklearn(mlp)
    certificate = certify(network, X, y, beta=0.5, bias="free", tol=1e-6, n_jobs=1)
    assert certificate.objective == pytest.approx(60 * mlp.loss_, rel=1e-9)
    assert certificate.lower_bound <= certificate.objective
    assert certificate.relative_gap < 0.1
    assert certificate.verify(X, y)
    better, proof = polish(network, X, y, beta=0.5, bias="free", tol=1e-6, n_jobs=1)
    assert proof.objective <= certificate.objective
    assert proof.relative_gap <= 1e-6
    own = better.objective(X, y, beta=0.5, bias="free")
    assert proof.objective == pytest.approx(own, rel=1e-12)


def test_classifiers_of_scikit_learn_are_certified():
    X, y = problem("logistic", 50, 2, seed=11)
    mlp = MLPClassifier(
        hidden_layer_sizes=(20,), solver="lbfgs", alpha=1.0, max_iter=5000, random_state=0
    ).fit(X, y)
    network = Network.from_sklearn(mlp)
    proof = certify(network, X, y, beta=1.0, bias="free", loss="logistic", tol=1e-5, n_jobs=1)
    assert proof.objective == pytest.approx(50 * mlp.loss_, rel=1e-9)
    assert 0.0 <= proof.relative_gap < 0.05
    assert proof.verify(X, y)


@every_activation
@every_bias
def test_paths(activation, bias):
    X, y = problem("squared", 30, 2, seed=12)
    options = {"activation": activation, "bias": bias, "tol": 1e-5}
    if activation == "leaky_relu":
        options["negative_slope"] = 0.2
    betas, networks, certificates = relu_path(X, y, n_betas=4, eps=0.05, n_jobs=1, **options)
    assert networks[0].n_neurons == 0
    objectives = [certificate.objective for certificate in certificates]
    assert np.all(np.diff(objectives) < 0.0)
    last = ReLURegressor(betas[-1], n_jobs=1, **options).fit(X, y).certificate_
    assert objectives[-1] == pytest.approx(last.objective, rel=1e-5)
    assert all(proof.relative_gap <= 1e-5 for proof in certificates)


@every_activation
def test_given_cells(activation):
    X, y = problem("squared", 9, 2, seed=13)
    cells = enumerate_cells(X)
    model = estimator("squared", activation, "none", patterns=cells, tol=1e-8).fit(X, y)
    every = estimator("squared", activation, "none", patterns="exact", tol=1e-8).fit(X, y)
    assert model.certificate_.scope == "patterns"
    assert model.certificate_.objective == pytest.approx(every.certificate_.objective, rel=1e-7)


@every_activation
def test_pruned_networks_keep_their_outputs(activation):
    random = np.random.default_rng(0)
    layers = map(random.standard_normal, [(40, 3), 40, (40, 1), 1])
    wide = Network(*layers, activation, ACTIVATIONS[activation] if "leaky" in activation else 0.0)
    X = random.standard_normal((6, 3))
    small = wide.prune(X)
    assert small.n_neurons <= 6
    assert (small.activation, small.negative_slope) == (activation, wide.negative_slope)
    assert small.predict(X) == pytest.approx(wide.predict(X), abs=1e-9)
    before, after = (net.objective(X, np.zeros(6), beta=1.0, bias="free") for net in (wide, small))
    fit = 0.5 * np.sum(wide.predict(X) ** 2)
    # weight decay that counts hidden biases does not grow
    decay = [
        np.sum(net.hidden_weights**2) + np.sum(net.hidden_bias**2) + np.sum(net.output_weights**2)
        for net in (wide, small)
    ]
    assert decay[1] <= decay[0] * (1.0 + 1e-9)
    assert before > fit
    assert after > fit


def test_activations_of_networks():
    z = np.array([[-2.0], [0.0], [3.0]])
    values = {"relu": [0.0, 0.0, 3.0], "leaky_relu": [-0.5, 0.0, 3.0], "abs": [2.0, 0.0, 3.0]}
    for activation, expected in values.items():
        network = Network([[1.0]], [0.0], [[1.0]], [0.0], activation, 0.25)
        assert network.predict(z).tolist() == expected
        assert activated(z[:, 0], network.slope).tolist() == expected
    with pytest.raises(ValueError, match=r"activation must be one of .* got 'tanh'"):
        Network([[1.0]], [0.0], [[1.0]], [0.0], "tanh")
    with pytest.raises(ValueError, match=r"negative_slope must be less than 1, got 1\.5"):
        Network([[1.0]], [0.0], [[1.0]], [0.0], "leaky_relu", 1.5)


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"multinomial", "interpolation"}))
def test_losses_and_their_conjugates(name):
    random = np.random.default_rng(0)
    loss = loss_named(name, DELTA)
    weight = random.uniform(0.5, 2.0, 20)
    y = np.sign(random.standard_normal(20)) if loss.signs else random.standard_normal(20)
    f = random.standard_normal(20)
    v = loss.gradient(f, y, weight)
    steps = 1e-6 * np.eye(20)
    numeric = [(loss.value(f + e, y, weight) - loss.value(f - e, y, weight)) / 2e-6 for e in steps]
    assert v == pytest.approx(np.array(numeric), abs=1e-6)
    # Fenchel and Young: equality at the gradient, an inequality elsewhere
    assert v @ f + loss.dual_value(v, y, weight) == pytest.approx(
        loss.value(f, y, weight), rel=1e-12
    )
    for _ in range(20):
        other = 3.0 * random.standard_normal(20)
        assert v @ other + loss.dual_value(v, y, weight) <= loss.value(other, y, weight) + 1e-9
    offset = best_offset(loss, f, y, weight)
    least = loss.value(f + offset, y, weight)
    around = [loss.value(f + offset + step, y, weight) for step in np.linspace(-3.0, 3.0, 401)]
    assert least <= min(around) * (1.0 + 1e-12)


def test_offset_of_one_class_is_large_and_finite():
    loss = loss_named("logistic")
    offset = best_offset(loss, np.zeros(3), np.ones(3), np.ones(3))
    assert 10.0 < offset < np.inf
    assert loss.value(np.full(3, offset), np.ones(3), np.ones(3)) < 1e-3


def test_dual_vectors_that_do_not_sum_to_zero_prove_nothing_for_free_biases():
    X, y = problem("squared", 20, 2, seed=14)
    proof = estimator("squared", bias="free", beta=0.5).fit(X, y).certificate_
    assert proof.verify(X, y)
    assert not replace(proof, dual=proof.dual + 1e-4).verify(X, y)
    assert not replace(proof, lower_bound=proof.lower_bound * 1.001).verify(X, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"loss": "logistic"},
            "loss must be one of 'squared', 'absolute', 'huber', got 'logistic'",
        ),
        ({"loss": "huber", "delta": 0.0}, r"delta must be a positive finite number, got 0\.0"),
        ({"activation": "tanh"}, "activation must be one of 'relu', 'leaky_relu', 'abs'"),
        (
            {"activation": "leaky_relu", "negative_slope": 1.0},
            r"negative_slope must be less than 1, got 1\.0",
        ),
        (
            {"activation": "leaky_relu", "negative_slope": -0.5},
            "negative_slope must be a non-negative finite number",
        ),
        ({"bias": "always"}, "bias must be one of 'regularized', 'free', 'none', got 'always'"),
    ],
)
def test_bad_options(options, message):
    X, y = problem("squared", 10, 2, seed=0)
    with pytest.raises(ValueError, match=message):
        ReLURegressor(**options).fit(X, y)


def test_bad_options_of_the_classifier():
    X, y = problem("logistic", 10, 2, seed=0)
    with pytest.raises(
        ValueError, match="loss must be one of 'logistic', 'hinge', 'squared_hinge'"
    ):
        ReLUClassifier(loss="squared").fit(X, y)
    with pytest.raises(AttributeError, match="has no attribute 'predict_proba'"):
        _ = ReLUClassifier(loss="hinge").fit(X, y).predict_proba


@pytest.mark.parametrize("loss", ["absolute", "hinge"])
def test_kinks_with_conflicting_samples_and_equal_labels(loss):
    X = np.array([[0.0], [0.0], [1.0], [1.0], [2.0]])
    y = np.array([1.0, -1.0, 1.0, 1.0, -1.0])
    for bias in BIASES:
        model = estimator(loss, bias=bias, beta=1e-3, tol=1e-4).fit(X, y)
        assert model.status_ == "converged"
        assert model.certificate_.verify(X, y)
        assert model.certificate_.objective >= 2.0 - 1e-9  # of the first two samples
    same = ReLURegressor(0.1, loss="absolute", bias="free", n_jobs=1).fit(X, np.full(5, 3.0))
    assert same.network_.n_neurons == 0
    assert same.network_.output_bias == pytest.approx(3.0)
    assert same.certificate_.objective == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("bias", ["regularized", "free"])
@pytest.mark.parametrize("loss", ["absolute", "squared"])
def test_results_do_not_depend_on_the_threads(loss, bias):
    X, y = problem(loss, 30, 2, seed=15)
    one, three = (
        estimator(loss, "abs", bias, n_jobs=n_jobs, tol=1e-3).fit(X, y) for n_jobs in (1, 3)
    )
    assert np.array_equal(one.network_.hidden_weights, three.network_.hidden_weights)
    assert one.certificate_.lower_bound == three.certificate_.lower_bound
