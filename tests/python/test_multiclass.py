"""More than two classes: the cross-entropy over one output for each class."""

import warnings

import cvxpy as cp
import numpy as np
import pytest
from sklearn.datasets import load_iris

from cvxnn import (
    Network,
    ReLUClassifier,
    ReLUClassifierCV,
    beta_max,
    certify,
    polish,
    relu_path,
)
from cvxnn.arrangements import enumerate_cells
from cvxnn.networks._losses import loss_named

SLOPES = {"relu": 0.0, "leaky_relu": 0.2, "abs": -1.0}


def problem(n=8, d=2, seed=0, n_classes=3):
    """Return inputs, labels of which none is missing, and these one-hot."""
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, d))
    labels = np.concatenate([np.arange(n_classes), random.integers(n_classes, size=n - n_classes)])
    return X, labels, 1.0 * (labels[:, None] == np.arange(n_classes))


def estimator(**options):
    return ReLUClassifier(**{"beta": 0.2, "tol": 1e-7, "n_jobs": 1, **options})


def reference_optimum(X, Y, beta, slope, bias):
    """Solve the program over all cells (theory: Sahiner et al., arXiv 2012.13329) with cvxpy."""
    design = X if bias == "none" else np.column_stack([X, np.ones(len(X))])
    paid = X.shape[1] if bias == "free" else design.shape[1]
    outputs, norms, cones = 0.0, 0.0, []
    if bias == "free":
        outputs += np.ones((len(X), 1)) @ cp.Variable((1, Y.shape[1]))
    for pattern in enumerate_cells(design).to_dense():
        active = np.where(pattern, 1.0, slope)
        for sign in (1.0, -1.0):
            u = cp.Variable((design.shape[1], Y.shape[1]))
            outputs += sign * cp.multiply(active[:, None], design @ u)
            norms += cp.sum(cp.norm(u[:paid], 2, axis=0))
            cones.append(cp.multiply(np.where(pattern, 1.0, -1.0)[:, None], design @ u) >= 0.0)
    loss = cp.sum(cp.log_sum_exp(outputs, axis=1)) - cp.sum(cp.multiply(Y, outputs))
    program = cp.Problem(cp.Minimize(loss + beta * norms), cones)
    accuracy = 1e-9 if bias == "free" else 1e-10  # what Clarabel can do
    tolerances = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), accuracy)
    return program.solve(solver="CLARABEL", **tolerances)


@pytest.mark.parametrize("activation", SLOPES)
@pytest.mark.parametrize("bias", ["none", "regularized", "free"])
def test_agreement_with_cvxpy(activation, bias):
    X, labels, Y = problem(n=8 if bias == "none" else 6, seed=len(activation) + (bias == "free"))
    model = estimator(activation=activation, bias=bias, patterns="exact")
    model.set_params(negative_slope=0.2 if activation == "leaky_relu" else 0.0).fit(X, labels)
    expected = reference_optimum(X, Y, 0.2, SLOPES[activation], bias)
    certificate = model.certificate_
    assert (certificate.scope, certificate.loss) == ("global", "multinomial")
    assert certificate.objective == pytest.approx(expected, rel=1e-7)
    assert certificate.lower_bound <= expected * (1.0 + 1e-8)
    assert certificate.relative_gap <= (3e-7 if bias == "free" else 1e-7)
    assert certificate.verify(X, Y)
    own = model.network_.objective(X, Y, beta=0.2, loss="multinomial", bias=bias)
    assert certificate.objective == pytest.approx(own, rel=1e-13)


@pytest.mark.parametrize("bias", ["regularized", "free"])
@pytest.mark.parametrize("n_classes", [3, 5])
def test_without_a_list_of_cells_and_by_search(n_classes, bias):
    X, labels, Y = problem(n=70, d=2, seed=1, n_classes=n_classes)
    model = estimator(beta=1.0, tol=1e-6, bias=bias).fit(X, labels)
    certificate = model.certificate_
    assert (model.status_, certificate.method) == ("converged", "branch_and_bound")
    assert certificate.relative_gap <= 1e-6
    assert certificate.verify(X, Y)
    assert certificate.dual.shape == Y.shape
    wide, _, _ = problem(n=70, d=8, seed=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        searched = estimator(beta=1.0, tol=1e-3, bias=bias).fit(wide, labels)
    found = searched.certificate_
    assert (found.scope, found.method) == ("global", "relaxation")
    assert 0.0 < found.lower_bound < found.objective
    assert found.verify(wide, Y)
    options = {"patterns": 40, "random_state": 0, "tol": 1e-4, "bias": bias}
    sampled = estimator(beta=1.0, **options).fit(wide, labels)
    assert sampled.certificate_.verify(wide, Y)
    assert sampled.certificate_.relative_gap <= 1e-4
    assert found.objective < sampled.certificate_.objective * (1.0 + 1e-3)


def test_two_classes_by_two_outputs_cost_no_less_than_by_one():
    X, labels, Y = problem(n=20, n_classes=2, seed=3)
    one = estimator().fit(X, labels).certificate_
    _, _, certificates = relu_path(X, Y, betas=[0.2], loss="multinomial", tol=1e-7, n_jobs=1)
    # f on one output is f / 2 and -f / 2 on two: the same penalty, and never a smaller one
    assert certificates[0].objective == pytest.approx(one.objective, rel=3e-7)


def test_the_order_of_classes_does_not_matter_and_equal_samples_are_weights():
    X, labels, _ = problem(n=30, seed=4)
    first = estimator().fit(X, labels)
    swapped = estimator().fit(X, (labels + 1) % 3)
    assert swapped.certificate_.objective == pytest.approx(first.certificate_.objective, rel=2e-7)
    twice = estimator().fit(np.tile(X, (2, 1)), np.tile(labels, 2))
    weighted = estimator().fit(X, labels, sample_weight=np.full(30, 2.0))
    assert twice.certificate_.objective == weighted.certificate_.objective
    assert np.array_equal(twice.network_.hidden_weights, weighted.network_.hidden_weights)
    threads = estimator(n_jobs=3).fit(X, labels)
    assert np.array_equal(threads.network_.output_weights, first.network_.output_weights)


def test_what_a_fitted_classifier_gives():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = ReLUClassifier(beta=0.1, n_jobs=1).fit(X[:, 2:], names)
    outputs = model.decision_function(X[:, 2:])
    assert outputs.shape == (150, 3)
    probabilities = model.predict_proba(X[:, 2:])
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(150), rel=1e-14)
    assert np.array_equal(model.predict(X[:, 2:]), model.classes_[outputs.argmax(axis=1)])
    assert model.score(X[:, 2:], names) > 0.95
    losses = -np.log(probabilities[np.arange(150), y])
    decay = model.certificate_.objective - losses.sum()
    weights = model.network_.hidden_weights, model.network_.hidden_bias[:, None]
    squares = sum(np.sum(a**2) for a in (*weights, np.abs(model.network_.output_weights).sum(1)))
    assert decay == pytest.approx(0.05 * squares, rel=1e-9)
    chosen = ReLUClassifierCV(n_betas=3, cv=3, n_jobs=1).fit(X[:, 2:], names)
    assert chosen.scores_.shape == (3, 3)
    assert chosen.score(X[:, 2:], names) > 0.9


def test_networks_trained_elsewhere():
    X, _, Y = problem(n=25, seed=5)
    random = np.random.default_rng(0)
    poor = Network(*(random.standard_normal(s) for s in ((6, 2), 6, (6, 3))), np.zeros(3))
    model = {"beta": 0.5, "loss": "multinomial"}
    certificate = certify(poor, X, Y, **model, n_jobs=1)
    better, proof = polish(poor, X, Y, **model, n_jobs=1)
    assert certificate.objective == poor.objective(X, Y, **model)
    assert certificate.lower_bound <= proof.objective < certificate.objective
    assert better.output_weights.shape[1] == 3
    wide, _, Y = problem(n=25, d=8, seed=6)
    start = Network(*(random.standard_normal(s) for s in ((6, 8), 6, (6, 3))), np.zeros(3))
    _, proof = polish(start, wide, Y, **model, n_jobs=1)
    assert proof.objective < start.objective(wide, Y, **model)


def test_largest_beta_of_use():
    X, labels, Y = problem(n=40, seed=7)
    largest = beta_max(X, Y, loss="multinomial", n_jobs=1)
    none = estimator(beta=1.0001 * largest).fit(X, labels)
    assert none.network_.n_neurons == 0
    assert none.certificate_.objective == pytest.approx(40.0 * np.log(3.0))
    assert estimator(beta=0.99 * largest).fit(X, labels).network_.n_neurons > 0


@pytest.mark.parametrize("loss", ["squared", "absolute"])
@pytest.mark.parametrize(
    ("n", "bias"),  # cells are listed for 12 samples, unless biases are free
    [(12, "none"), (12, "regularized"), (12, "free"), (40, "none"), (40, "regularized")],
)
def test_losses_that_are_sums_over_outputs_are_problems_of_their_own(loss, n, bias):
    random = np.random.default_rng(0)
    X = random.standard_normal((n, 2))
    Y = X @ random.standard_normal((2, 2)) + 0.1 * random.standard_normal((n, 2))
    options = {"betas": [0.3], "loss": loss, "bias": bias, "tol": 1e-6, "n_jobs": 1}
    _, networks, certificates = relu_path(X, Y, **options)
    alone = [relu_path(X, y, **options)[2][0].objective for y in Y.T]
    assert certificates[0].objective == pytest.approx(sum(alone), rel=1e-5)
    assert certificates[0].relative_gap <= 1e-5
    assert certificates[0].verify(X, Y)
    own = networks[0].objective(X, Y, beta=0.3, loss=loss, bias=bias)
    assert certificates[0].objective == pytest.approx(own, rel=1e-12)


def test_largest_beta_with_free_biases():
    X, labels, Y = problem(n=40, seed=5)
    largest = beta_max(X, Y, loss="multinomial", bias="free", n_jobs=1)
    none = estimator(beta=1.0001 * largest, bias="free").fit(X, labels)
    assert none.network_.n_neurons == 0
    share = Y.mean(axis=0)
    assert none.certificate_.objective == pytest.approx(-40.0 * np.sum(share * np.log(share)))
    assert estimator(beta=0.99 * largest, bias="free").fit(X, labels).network_.n_neurons > 0


def test_objective_of_targets_that_are_not_classes():
    X, _, Y = problem()
    network = Network(np.ones((1, 2)), [0.0], np.ones((1, 3)), np.zeros(3))
    assert network.objective(X, Y, beta=0.1, loss="multinomial") > 0.0
    with pytest.raises(ValueError, match="y must have a column for each class, one-hot"):
        network.objective(X, Y + 0.5, beta=0.1, loss="multinomial")
    with pytest.raises(ValueError, match="y must have a column for each class, one-hot"):
        one = Network(np.ones((1, 2)), [0.0], np.ones((1, 1)), np.zeros(1))
        one.objective(X, Y[:, 0], beta=0.1, loss="multinomial")


def test_the_loss_and_its_conjugate():
    random = np.random.default_rng(0)
    _, _, y = problem(n=9)
    loss, weight = loss_named("multinomial"), random.uniform(0.5, 2.0, (9, 1))
    f = random.standard_normal((9, 3))
    v = loss.gradient(f, y, weight)
    for k in range(9):
        for c in range(3):
            e = np.zeros((9, 3))
            e[k, c] = 1e-6
            slope = (loss.value(f + e, y, weight) - loss.value(f - e, y, weight)) / 2e-6
            assert v[k, c] == pytest.approx(slope, abs=1e-7)
    value = loss.value(f, y, weight)
    assert np.sum(v * f) + loss.dual_value(v, y, weight) == pytest.approx(value, rel=1e-12)
    for _ in range(20):
        other = 3.0 * random.standard_normal((9, 3))
        bound = np.sum(v * other) + loss.dual_value(v, y, weight)
        assert bound <= loss.value(other, y, weight) + 1e-9
    far = 800.0 * (2.0 * y - 1.0)
    assert loss.value(far, y, weight) == 0.0
    assert loss.value(-far, y, weight) == pytest.approx((1600.0 + np.log(2.0)) * weight.sum())
    assert loss.dual_value(v + 0.1, y, weight) == -np.inf
    assert loss.dual_value(-v, y, weight) == -np.inf
