"""One answer for every kind of design, layout, order of columns and number of threads."""

import numpy as np
import pytest
import scipy.sparse
from group_lasso_reference import Case, gap_scale, objective, relative_gap, small_case
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GridSearchCV

from cvxnn.arrangements import Cells, sample_cells
from cvxnn.group_lasso import (
    GroupLasso,
    GroupLassoClassifier,
    GroupLassoCV,
    MaskedDesign,
    alpha_max,
    group_lasso_path,
)
from cvxnn.group_lasso._problem import Problem
from cvxnn.group_lasso._solving import Options, solve_path


def sparse_data(n=60, d=20, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, d)) * (random.random((n, d)) < 0.3)
    return X, X[:, :5] @ np.arange(1.0, 6.0) + random.standard_normal(n)


def masked_data(n=40, d=3, n_cells=12, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, d))
    cells = sample_cells(X, n_cells, random_state=seed)
    y = np.maximum(X @ np.ones(d), 0.0) + 0.1 * random.standard_normal(n)
    return MaskedDesign(X, cells), y


def dense(design):
    return np.hstack([pattern[:, None] * design.X for pattern in design.cells.to_dense()])


def path(X, y, **options):
    options = {"n_alphas": 6, "eps": 0.02, "tol": 1e-11, "n_jobs": 1} | options
    return group_lasso_path(X, y, return_intercepts=True, **options)


def assert_same_path(found, expected, abs=1e-7):
    for mine, theirs in zip(found, expected, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-6, abs=abs)


LAYOUTS = {
    "columns first": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "reversed": lambda X: X[::-1][::-1],
    "read-only": lambda X: np.frombuffer(X.tobytes()).reshape(X.shape),
    "list": np.ndarray.tolist,
    "csc": scipy.sparse.csc_array,
    "csr": scipy.sparse.csr_array,
    "coo matrix": scipy.sparse.coo_matrix,
    "long indices": lambda X: long_indices(scipy.sparse.csc_array(X)),
    "explicit zeros": lambda X: scipy.sparse.csc_array(
        (X.T.ravel(), np.tile(np.arange(len(X)), X.shape[1]), np.arange(X.shape[1] + 1) * len(X))
    ),
    "unsorted duplicates": lambda X: unsorted_duplicates(X),
}


def long_indices(X):
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def unsorted_duplicates(X):
    rows, columns = np.nonzero(X)
    rows, columns = np.tile(rows[::-1], 2), np.tile(columns[::-1], 2)
    order = np.argsort(columns, kind="stable")
    halves = 0.5 * X[rows, columns]
    starts = np.searchsorted(columns[order], np.arange(X.shape[1] + 1))
    return scipy.sparse.csc_array((halves[order], rows[order], starts), shape=X.shape)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_layouts(layout, fit_intercept):
    X, y = sparse_data()
    given_X = LAYOUTS[layout](X)
    options = {"groups": 4, "fit_intercept": fit_intercept}
    assert_same_path(path(given_X, y, **options), path(X, y, **options))
    assert alpha_max(given_X, y, **options) == pytest.approx(alpha_max(X, y, **options), rel=1e-12)


def test_input_is_left_alone():
    X, y = sparse_data()
    given_X = unsorted_duplicates(X)
    before = given_X.copy()
    weight = np.linspace(0.0, 1.0, 60)
    GroupLasso(0.1, groups=4).fit(given_X, y)
    GroupLasso(0.1, groups=4).fit(given_X, y, sample_weight=weight)
    for name in ("data", "indices", "indptr"):
        assert np.array_equal(getattr(given_X, name), getattr(before, name))
    assert np.array_equal(weight, np.linspace(0.0, 1.0, 60))


def test_float32_is_computed_in_float64():
    X, y = sparse_data()
    X = X.astype(np.float32)
    expected = path(X.astype(np.float64), y, groups=4)
    for given_X in (X, np.asfortranarray(X), scipy.sparse.csc_array(X)):
        assert_same_path(path(given_X, y, groups=4), expected)
    model = GroupLasso(0.1, groups=4).fit(X, y)
    assert model.coef_.dtype == np.float64
    assert model.predict(X) == pytest.approx(model.predict(X.astype(np.float64)), rel=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_memory_maps_and_arrays_are_not_copied(tmp_path, dtype, order):
    X, y = sparse_data()
    stored = np.asarray(X, dtype=dtype, order=order)
    np.save(tmp_path / "X.npy", stored)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert_same_path(path(mapped, y, groups=4), path(stored.astype(np.float64), y, groups=4))

    seen = []

    class Recorded(GroupLasso):
        def _solved(self, data, *rest):
            seen.append(data.X)
            return super()._solved(data, *rest)

    for array in (mapped, stored):
        Recorded(0.1, groups=4).fit(array, y)
        assert np.shares_memory(seen.pop(), array)


def test_zero_weights_are_left_out():
    X, y = sparse_data()
    weight = np.ones(60)
    weight[::3] = 0.0
    y[::3] = 1e6
    kept = weight > 0.0
    for layout in (np.asarray, scipy.sparse.csc_array):
        weighted = path(layout(X), y, groups=4, sample_weight=weight)
        removed = path(layout(X[kept]), y[kept], groups=4)
        for mine, theirs in zip(weighted, removed, strict=True):
            assert np.array_equal(mine, theirs)
    design, y = masked_data()
    weight = (np.arange(40) % 3 > 0).astype(float)
    weighted = path(design, y, sample_weight=weight)
    removed = path(design[weight > 0.0], y[weight > 0.0])
    for mine, theirs in zip(weighted, removed, strict=True):
        assert np.array_equal(mine, theirs)


@given(st.permutations(range(9)), st.integers(0, 3))
def test_groups_in_any_order(order, seed):
    """The numbering of columns, and of groups, means nothing."""
    case = small_case(seed=seed)
    order = np.array(order)
    inverse = np.argsort(order)
    groups = [inverse[group].tolist() for group in case.groups[::-1]]
    options = {"alphas": [0.5, 0.1], "tol": 1e-12}
    _, expected, _, intercepts = path(case.X, case.y[:, 0], groups=case.groups, **options)
    _, found, _, again = path(case.X[:, order], case.y[:, 0], groups=groups, **options)
    assert found == pytest.approx(expected[order], abs=1e-5)
    assert again == pytest.approx(intercepts, abs=1e-5)


def test_groups_as_size_lists_and_labels():
    X, y = sparse_data(d=6)
    lists = [[0, 1], [2, 3], [4, 5]]
    expected = path(X, y, groups=lists)
    for groups in (2, np.int32(2), np.array(lists), [0, 0, 1, 1, 2, 2], list("aabbcc")):
        for mine, theirs in zip(path(X, y, groups=groups), expected, strict=True):
            assert np.array_equal(mine, theirs)
    singles = path(X, y)
    for groups in (1, [[j] for j in range(6)], range(6)):
        for mine, theirs in zip(path(X, y, groups=groups), singles, strict=True):
            assert np.array_equal(mine, theirs)
    # weights follow the sorted labels
    labels = ["b", "b", "a", "a", "c", "c"]
    weighted = path(X, y, groups=labels, weights=[1.0, 2.0, 3.0])
    listed = path(X, y, groups=[[2, 3], [0, 1], [4, 5]], weights=[1.0, 2.0, 3.0])
    for mine, theirs in zip(weighted, listed, strict=True):
        assert np.array_equal(mine, theirs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("options", [{}, {"fit_intercept": False}, {"l1": 0.01, "l2": 0.1}])
def test_masked_designs(dtype, order, options):
    design, y = masked_data(n=130)
    design = MaskedDesign(np.asarray(design.X, dtype=dtype, order=order), design.cells)
    full = dense(MaskedDesign(design.X.astype(np.float64), design.cells))
    assert_same_path(path(design, y, **options), path(full, y, groups=3, **options), abs=1e-5)
    assert alpha_max(design, y) == pytest.approx(alpha_max(full, y, groups=3), rel=1e-12)


@pytest.mark.parametrize("loss", ["squared", "logistic", "poisson"])
def test_masked_design_with_duplicate_and_empty_patterns(loss):
    design, y = masked_data()
    patterns = design.cells.to_dense()
    patterns = np.vstack([patterns, patterns[:2], np.zeros((1, 40)), np.ones((1, 40))])
    design = MaskedDesign(design.X, Cells.from_dense(patterns))
    if loss == "logistic":
        y = np.where(y > 0.5, 1.0, -1.0)
    elif loss == "poisson":
        y = np.round(np.abs(y))
    groups = np.arange(48).reshape(16, 3).tolist()
    case = Case(dense(design), y[:, None], groups, loss=loss)
    case.alpha = 0.1 * alpha_max(design, y, loss=loss)
    problem = Problem.from_arrays(design, y, loss=loss)
    [solution] = solve_path(problem, np.array([case.alpha]), Options(1e-10, 1000, None, 1))
    assert solution.status == "converged"
    W = solution.coefficients(48).T
    assert solution.objective == pytest.approx(objective(case, W, solution.intercept), rel=1e-12)
    assert relative_gap(case, W, solution.intercept) <= 1e-6
    assert solution.dual_gap <= 1e-10 * gap_scale(case)
    assert not W[42:45].any()  # the group of the empty pattern


@given(st.integers(1, 70), st.integers(1, 4), st.integers(1, 9), st.integers(0, 99))
def test_masked_products(n, d, n_cells, seed):
    random = np.random.default_rng(seed)
    cells = Cells.from_dense(random.random((n_cells, n)) < 0.5)
    design = MaskedDesign(random.standard_normal((n, d)), cells)
    full = dense(design)
    assert design.shape == full.shape
    w, v = random.standard_normal(n_cells * d), random.standard_normal(n)
    W, V = random.standard_normal((n_cells * d, 2)), random.standard_normal((n, 2))
    W[:d] = 0.0
    assert design @ w == pytest.approx(full @ w)
    assert design @ W == pytest.approx(full @ W)
    assert design.rmatvec(v) == pytest.approx(full.T @ v)
    assert design.T @ V == pytest.approx(full.T @ V)
    rows = random.integers(0, n, 5)
    assert np.array_equal(dense(design[rows]), full[rows])
    assert np.array_equal(dense(design[: n // 2 + 1]), full[: n // 2 + 1])
    assert np.array_equal(dense(design[np.arange(n) % 2 == 0]), full[::2])


def test_masked_products_in_batches(monkeypatch):
    design, _ = masked_data(n_cells=10)
    w, v = np.linspace(-1.0, 1.0, 30), np.linspace(0.0, 1.0, 40)
    forward, backward, some = design @ w, design.T @ v, design[:7].cells
    monkeypatch.setattr("cvxnn.group_lasso._masked._BATCH_BYTES", 3 * 8 * 40)
    assert design @ w == pytest.approx(forward)
    assert design.T @ v == pytest.approx(backward)
    assert design[:7].cells == some


@pytest.mark.parametrize("index", [3, (slice(2), 0), (0, 1), np.ones((2, 2), dtype=int), None])
def test_masked_designs_are_indexed_by_samples(index):
    with pytest.raises(IndexError, match="a MaskedDesign is indexed by"):
        masked_data()[0][index]


def test_masked_designs_in_estimators():
    design, y = masked_data()
    full = dense(design)
    model = GroupLasso(0.05, tol=1e-10).fit(design, y)
    expected = GroupLasso(0.05, groups=3, tol=1e-10).fit(full, y)
    assert model.n_features_in_ == 36
    assert model.coef_.shape == (36,)
    assert model.predict(design) == pytest.approx(expected.predict(full), abs=1e-6)
    assert model.predict(full) == pytest.approx(model.predict(design))
    assert model.score(design, y) == pytest.approx(expected.score(full, y))
    with pytest.raises(ValueError, match="X has 18 columns, but GroupLasso was fitted on 36"):
        model.predict(MaskedDesign(design.X, design.cells[:6]))
    labels = np.where(y > 0.5, "active", "silent")
    classifier = GroupLassoClassifier(0.02).fit(design, labels)
    assert classifier.score(design, labels) > 0.9
    # with a ridge the solution is unique, though two patterns may be equal on a training part
    options = {"n_alphas": 8, "cv": 4, "l2": 0.01, "tol": 1e-10}
    cross_validated = GroupLassoCV(**options).fit(design, y)
    same = GroupLassoCV(groups=3, **options).fit(full, y)
    assert cross_validated.mse_path_ == pytest.approx(same.mse_path_, rel=1e-4)
    search = GridSearchCV(GroupLasso(), {"alpha": [1.0, 0.01]}, cv=3).fit(design, y)
    assert search.best_params_ == {"alpha": 0.01}


@pytest.mark.parametrize("loss", ["squared", "poisson", "logistic"])
def test_threads(loss):
    """Bit for bit, on sizes at which threads are used."""
    random = np.random.default_rng(0)
    X = random.standard_normal((300, 400))
    signal = X[:, :10].sum(axis=1) + random.standard_normal(300)
    y = {
        "squared": signal,
        "poisson": random.poisson(np.exp(0.3 * signal)).astype(float),
        "logistic": np.where(signal > 0.0, 1.0, -1.0),
    }[loss]
    masked = MaskedDesign(X[:, :6], sample_cells(X[:, :6], 200, random_state=0))
    for design, groups in ((X, 5), (scipy.sparse.csc_array(X), 5), (masked, None)):
        results = [
            path(design, y, groups=groups, loss=loss, tol=1e-6, n_jobs=n_jobs)
            for n_jobs in (1, 2, 3)
        ]
        for other in results[1:]:
            for mine, theirs in zip(results[0], other, strict=True):
                assert mine.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("n", [40, 700])
def test_gates_are_the_cells_that_they_lie_in(n):
    random = np.random.default_rng(5)
    X, gates = random.standard_normal((n, 4)), random.standard_normal((30, 4))
    X[3] = 0.0
    gates[2] = [X[0, 1], -X[0, 0], 0.0, 0.0]  # on a hyperplane: the sample is not active
    y = np.maximum(X @ gates[0], 0.0) + 0.1 * random.standard_normal(n)
    gated = MaskedDesign(X, gates=gates)
    stored = MaskedDesign(X, gated.cells)
    positive = X @ gates.T > 0.0
    positive[0, 2] = False
    assert (gated.cells.to_dense().T == positive).all()
    coef, residuals = random.standard_normal((120, 2)), random.standard_normal((n, 3))
    assert (gated @ coef == stored @ coef).all()
    assert (gated.T @ residuals == stored.T @ residuals).all()
    for options in ({}, {"loss": "huber", "l1": 0.01, "n_jobs": 2}, {"l2": 0.1, "alphas": [1e-3]}):
        for mine, theirs in zip(path(gated, y, **options), path(stored, y, **options), strict=True):
            assert (mine == theirs).all()
    model = GroupLasso(0.01, cones=True).fit(gated, y)
    assert (model.coef_ == GroupLasso(0.01, cones=True).fit(stored, y).coef_).all()


def test_other_samples_are_paired_with_the_same_gates():
    random = np.random.default_rng(6)
    X, gates = random.standard_normal((60, 3)), random.standard_normal((8, 3))
    y = np.maximum(X @ gates[0], 0.0)
    model = GroupLasso(1e-3).fit(MaskedDesign(X[:40], gates=gates), y[:40])
    assert model.score(MaskedDesign(X[40:], gates=gates), y[40:]) > 0.95
    half = MaskedDesign(X, gates=gates)[::2]
    assert (half @ model.coef_ == MaskedDesign(X[::2], gates=gates) @ model.coef_).all()
    grid = GridSearchCV(GroupLasso(), {"alpha": [1e-3, 1e-1]}, cv=3)
    assert grid.fit(MaskedDesign(X, gates=gates), y).best_params_ == {"alpha": 1e-3}
