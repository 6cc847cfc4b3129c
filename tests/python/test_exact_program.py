"""The program over every cell: against Clarabel, closed forms, non-convex training."""

import numpy as np
import pytest
from helpers import (
    gaussian_problem,
    generic_cells,
    lbfgs_network,
    reference_optimum,
    with_bias,
)
from scipy.optimize import nnls

from cvxnn import GatedReLURegressor, ReLUClassifier, ReLURegressor
from cvxnn.arrangements import Cells, enumerate_cells

ESTIMATORS = {"squared": ReLURegressor, "logistic": ReLUClassifier}
slow = pytest.mark.slow


def train(X, y, beta, *, loss="squared", bias="none", patterns="exact", tol=1e-8):
    model = ESTIMATORS[loss](beta, patterns=patterns, bias=bias, tol=tol, n_jobs=1)
    model.fit(X, y)
    assert model.status_ == "converged"
    return model


# n, rank (with the ones column of a bias), beta
SIZES = [
    (6, 2, 0.1),
    (20, 2, 0.1),
    (7, 3, 0.5),
    (8, 3, 0.02),
    (20, 3, 0.5),
    (6, 4, 0.1),
    (10, 4, 0.1),
    pytest.param(16, 4, 0.3, marks=slow),
    pytest.param(20, 4, 0.2, marks=slow),
]


@pytest.mark.parametrize("bias", ["none", "regularized"])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("n, rank, beta", SIZES)
def test_optimum_over_every_cell(n, rank, beta, loss, bias):
    if loss == "logistic" and n > 10:
        pytest.skip("Clarabel gives up on that many exponential cones and cells")
    d = rank if bias == "none" else rank - 1
    X, y = gaussian_problem(n, d, seed=n, loss=loss)
    design = with_bias(X, bias)
    patterns = generic_cells(design)
    expected = reference_optimum(design, patterns, y, beta, loss=loss)

    model = train(X, y, beta, loss=loss, bias=bias)
    certificate = model.certificate_
    assert certificate.objective == pytest.approx(expected, rel=1e-7)
    assert certificate.lower_bound == pytest.approx(expected, rel=1e-7)
    assert (certificate.scope, certificate.method) == ("global", "cells")
    assert certificate.n_cells == len(patterns)
    # the network's own forward pass gives the value of the program
    own = model.network_.objective(X, y, beta=beta, loss=loss, bias=bias)
    assert certificate.objective == pytest.approx(own, rel=1e-14)
    assert model.history_["objective"][-1] == pytest.approx(own, rel=1e-9)


@pytest.mark.parametrize("bias", ["none", "regularized"])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("n, d", [(6, 2), (11, 3), (20, 2), (20, 4)])
def test_global_certificate_closes(n, d, loss, bias):
    X, y = gaussian_problem(n, d, seed=n + d, loss=loss)
    certificate = train(X, y, 0.1, loss=loss, bias=bias, tol=1e-7).certificate_
    assert certificate.relative_gap <= 1e-6
    assert certificate.scope == "global"
    assert certificate.verify(X, y)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("n, d", [(6, 2), (20, 2), (12, 3), pytest.param(20, 4, marks=slow)])
def test_optimality_by_brute_force_duality(n, d, loss):
    X, y = gaussian_problem(n, d, seed=n, loss=loss)
    beta = 0.2
    certificate = train(X, y, beta, loss=loss).certificate_
    v = certificate.dual[:, 0]
    # max |v . (X u)_+| over the unit ball is a non-negative least squares problem a cell
    support = 0.0
    for active in generic_cells(X):
        cone = (np.where(active, 1.0, -1.0)[:, None] * X).T
        for c in ((active * v) @ X, -((active * v) @ X)):
            support = max(support, nnls(cone, -c)[1])
    assert support == pytest.approx(beta, rel=1e-7)
    v = v * (beta / support)
    bound = -0.5 * v @ v - v @ y
    if loss == "logistic":
        p = -v * y
        assert (p > 0.0).all() and (p < 1.0).all()
        bound = -np.sum(p * np.log(p) + (1.0 - p) * np.log(1.0 - p))
    assert bound == pytest.approx(certificate.objective, rel=1e-7)
    assert certificate.lower_bound <= bound * (1.0 + 1e-9)


@pytest.mark.parametrize("bias", ["none", "regularized"])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("n, d, beta", [(6, 2, 0.1), (12, 3, 0.05), (20, 2, 0.5)])
def test_no_trained_network_is_below_the_bound(n, d, beta, loss, bias):
    X, y = gaussian_problem(n, d, seed=2 * n + d, loss=loss)
    certificate = train(X, y, beta, loss=loss, bias=bias).certificate_
    found = [
        lbfgs_network(X, y, beta=beta, loss=loss, bias=bias, n_neurons=2 * n, seed=seed)[1]
        for seed in range(20)
    ]
    assert min(found) >= certificate.lower_bound
    assert min(found) < 1.2 * certificate.objective  # the comparison means something


@pytest.mark.parametrize("seed", range(3))
def test_rank_one_data(seed):
    random = np.random.default_rng(seed)
    c, a, y = random.standard_normal(9), random.standard_normal(3), random.standard_normal(9)
    beta = 0.3
    expected, outputs = 0.5 * y @ y, np.zeros(9)
    for side in (np.maximum(c, 0.0), np.maximum(-c, 0.0)):
        reach = max(0.0, abs(side @ y) - beta / np.linalg.norm(a))
        expected -= 0.5 * reach**2 / (side @ side)
        outputs += np.sign(side @ y) * reach / (side @ side) * side

    X = np.outer(c, a)
    model = train(X, y, beta)
    assert model.certificate_.objective == pytest.approx(expected, rel=1e-8)
    assert model.predict(X) == pytest.approx(outputs, abs=1e-5)
    assert model.network_.n_neurons <= 2


@pytest.mark.parametrize("beta", [0.1, 1.0, 1.8])
def test_whitened_data(beta):
    random = np.random.default_rng(0)
    X = np.linalg.qr(random.standard_normal((6, 6)))[0][:4]
    y = np.array([1.5, -0.4, 0.9, -1.6])
    positive, negative = np.maximum(y, 0.0), np.maximum(-y, 0.0)
    expected, outputs = 0.0, np.zeros(4)
    for side, sign in ((positive, 1.0), (negative, -1.0)):
        length = np.linalg.norm(side)
        expected += 0.5 * length**2 if length <= beta else beta * length - 0.5 * beta**2
        outputs += sign * max(0.0, 1.0 - beta / length) * side

    model = train(X, y, beta)
    assert model.certificate_.objective == pytest.approx(expected, rel=1e-8)
    assert model.predict(X) == pytest.approx(outputs, abs=1e-4)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_large_beta_gives_no_neuron(loss):
    from cvxnn._native import core

    X, y = gaussian_problem(8, 3, seed=5, loss=loss)
    slope = -y if loss == "squared" else -0.5 * y
    packed = enumerate_cells(X).packed
    beta_max = core.max_support(
        np.asfortranarray(X), packed, slope, threshold=1e-9, cones=True, n_threads=1
    )
    for beta in (1.0001 * beta_max, 1e6 * beta_max):
        model = train(X, y, beta, loss=loss)
        at_zero = 0.5 * y @ y if loss == "squared" else 8.0 * np.log(2.0)
        assert model.network_.n_neurons == 0
        assert model.certificate_.objective == pytest.approx(at_zero, rel=1e-14)
        assert model.certificate_.gap <= 1e-12
        assert model.network_.predict(X).tolist() == [0.0] * 8
        assert model.certificate_.verify(X, y)
    assert train(X, y, 0.99 * beta_max, loss=loss).network_.n_neurons > 0


@pytest.mark.parametrize("bias", ["none", "regularized"])
@pytest.mark.parametrize("patterns", ["exact", 10])
def test_gated_optimum(bias, patterns):
    X, y = gaussian_problem(10, 2, seed=3)
    beta = 0.1
    gated = GatedReLURegressor(
        beta, patterns=patterns, bias=bias, tol=1e-8, n_jobs=1, random_state=0
    ).fit(X, y)
    cells = gated.certificate_.cells or enumerate_cells(with_bias(X, bias))
    expected = reference_optimum(with_bias(X, bias), cells.to_dense(), y, beta, cones=False)
    assert gated.certificate_.objective == pytest.approx(expected, rel=1e-7)
    own = gated.network_.objective(X, y, beta=beta)
    assert gated.certificate_.objective == pytest.approx(own, rel=1e-14)
    assert gated.certificate_.verify(X, y)
    relu = train(X, y, beta, bias=bias, patterns=cells)
    assert gated.certificate_.lower_bound <= relu.certificate_.objective


def test_more_patterns_never_hurt():
    X, y = gaussian_problem(12, 3, seed=0)
    every = enumerate_cells(X)
    objectives = [
        train(X, y, 0.1, patterns=Cells(every.packed[:count], 12)).certificate_.objective
        for count in (10, 40, len(every))
    ]
    assert objectives[0] >= objectives[1] >= objectives[2]
    assert objectives[2] == pytest.approx(train(X, y, 0.1).certificate_.objective, rel=1e-7)
