"""Raw bindings of the group lasso: arrays as they are, starts, interruptions, certificates."""

import numpy as np
import pytest
from scipy import sparse

from cvxnn._native import core

N, P, SIZE = 50, 30, 3
COLUMNS = np.random.default_rng(5).permutation(P).astype(np.int64)
STARTS = np.arange(0, P + 1, SIZE, dtype=np.int64)


@pytest.fixture
def X():
    return np.random.default_rng(0).standard_normal((N, P))


@pytest.fixture
def y(X):
    noise = np.random.default_rng(1).standard_normal(N)
    return np.asfortranarray((X[:, :4].sum(axis=1) + noise)[:, None])


def solve(design, y, alphas, **changes):
    """Call solve_group_lasso with every argument filled in."""
    arguments = dict(
        group_weights=np.ones(len(STARTS) - 1),
        loss="squared",
        delta=1.0,
        sample_weight=np.ones(len(y)),
        alphas=alphas,
        l1=0.0,
        l2=0.0,
        positive=False,
        fit_intercept=True,
        tol=1e-10,
        max_iter=100,
        max_seconds=60.0,
        n_threads=1,
    )
    return core.solve_group_lasso(design, y, **(arguments | changes))


def coefficients(solution):
    coef = np.zeros(P)
    coef[solution["columns"]] = solution["values"][:, 0]
    return coef


def test_certificate_from_the_data_alone(X, y):
    alpha = 0.1
    (solution,) = solve(core.DenseDesign(X, COLUMNS, STARTS), y, [alpha])
    coef = coefficients(solution)
    residual = y[:, 0] - X @ coef - solution["intercept"]
    norms = np.linalg.norm(coef[COLUMNS].reshape(-1, SIZE), axis=1)
    objective = np.mean(residual**2) / 2 + alpha * norms.sum()
    v = solution["dual"][:, 0]
    supports = np.linalg.norm((X.T @ v)[COLUMNS].reshape(-1, SIZE), axis=1)
    assert solution["status"] == "converged"
    assert solution["objective"] == pytest.approx(objective, rel=1e-12)
    assert supports.max() <= alpha * (1 + 1e-12)
    assert abs(v.sum()) <= 1e-14
    assert objective - (-N * v @ v / 2 - v @ y[:, 0]) <= 1e-10 * solution["null_objective"] + 1e-14


@pytest.mark.parametrize("kind", ["fortran", "float32", "read_only", "sparse"])
def test_every_form_of_the_same_matrix(X, y, kind):
    X = X.astype(np.float32).astype(np.float64)
    (expected,) = solve(core.DenseDesign(X, COLUMNS, STARTS), y, [0.1])
    if kind == "sparse":
        A = sparse.csc_matrix(X)
        indices, indptr = A.indices.astype(np.int64), A.indptr.astype(np.int64)
        design = core.SparseDesign(A.data, indices, indptr, N, COLUMNS, STARTS)
    else:
        data = {"fortran": np.asfortranarray(X), "float32": X.astype(np.float32)}.get(kind, X)
        data = data.view()
        data.flags.writeable = kind != "read_only"
        design = core.DenseDesign(data, COLUMNS, STARTS)
    (solution,) = solve(design, y, [0.1])
    np.testing.assert_array_equal(solution["columns"], expected["columns"])
    np.testing.assert_allclose(solution["values"], expected["values"], rtol=1e-5, atol=1e-8)


def test_start_at_a_solution_and_time_limit(X, y):
    design = core.DenseDesign(X, COLUMNS, STARTS)
    (solution,) = solve(design, y, [0.1])
    start = (solution["columns"], solution["values"], solution["intercept"])
    (again,) = solve(design, y, [0.1], start=start, max_seconds=0.0)
    assert again["objective"] == pytest.approx(solution["objective"], rel=1e-13)
    late = solve(design, y, [0.1, 0.01], max_seconds=0.0)
    assert [one["status"] for one in late] == ["time_limit", "time_limit"]


def test_exceptions_of_the_callback_pass_through(X, y):
    def fail(progress):
        assert progress["n_iter"] == 1
        raise LookupError("stop")

    with pytest.raises(LookupError, match="stop"):
        solve(core.DenseDesign(X, COLUMNS, STARTS), y, [0.1], on_progress=fail)


def test_bad_designs_are_refused(X):
    with pytest.raises(ValueError, match="two groups"):
        core.DenseDesign(X, np.zeros(P, dtype=np.int64), STARTS)
    with pytest.raises(ValueError, match="contiguous"):
        core.DenseDesign(X[:, ::2], COLUMNS[:15], STARTS[:6])
    with pytest.raises(ValueError, match="float64 or float32"):
        core.DenseDesign(X.astype(int), COLUMNS, STARTS)
