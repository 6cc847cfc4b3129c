"""The program over 50 sampled gates on real data, against cvxpy with Clarabel."""

import pytest
from helpers import real_problem, reference_optimum

from cvxnn import GatedReLURegressor, ReLURegressor
from cvxnn.arrangements import Cells

OPTIMA = {"wine": 11.4438, "diabetes": 202.2555, "breast cancer": 77.4163}


def train(name, estimator=ReLURegressor):
    X, y, patterns, beta = real_problem(name)
    model = estimator(beta, patterns=Cells.from_dense(patterns), bias="none", tol=1e-7, n_jobs=1)
    return model.fit(X, y)


@pytest.mark.parametrize("name", OPTIMA)
def test_reference_value(name):
    model = train(name)
    certificate = model.certificate_
    assert model.status_ == "converged"
    assert certificate.objective == pytest.approx(OPTIMA[name], abs=6e-5)
    assert certificate.relative_gap <= 1e-7
    assert certificate.lower_bound <= certificate.objective
    assert (certificate.scope, certificate.method) == ("patterns", "patterns")
    assert certificate.n_cells == len(real_problem(name)[2])
    X, y, _, _ = real_problem(name)
    assert certificate.verify(X, y)
    assert not certificate.verify(X, -y)


@pytest.mark.parametrize(
    "name", ["wine", "diabetes", pytest.param("breast cancer", marks=pytest.mark.slow)]
)
def test_equal_to_cvxpy(name):
    X, y, patterns, beta = real_problem(name)
    expected = reference_optimum(X, patterns, y, beta)
    certificate = train(name).certificate_
    assert certificate.objective == pytest.approx(expected, rel=1e-6)
    assert certificate.lower_bound == pytest.approx(expected, rel=1e-6)


def test_gated_program_equal_to_cvxpy_and_not_above_relu():
    X, y, patterns, beta = real_problem("wine")
    certificate = train("wine", GatedReLURegressor).certificate_
    expected = reference_optimum(X, patterns, y, beta, cones=False)
    assert certificate.objective == pytest.approx(expected, rel=1e-6)
    assert certificate.objective <= OPTIMA["wine"]
    assert certificate.verify(X, y)
