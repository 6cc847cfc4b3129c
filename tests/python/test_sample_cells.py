"""Sampling distinct cells."""

import numpy as np
import pytest
from helpers import gaussian_problem
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cvxnn.arrangements import (
    _sampling,
    count_cells,
    enumerate_cells,
    sample_cells,
)


def patterns_of(cells):
    return set(map(bytes, cells.packed))


@pytest.mark.parametrize("n, d, n_cells", [(12, 3, 20), (100, 3, 200), (200, 10, 300)])
def test_distinct_cells_with_points_inside(n, d, n_cells):
    X, _ = gaussian_problem(n, d, seed=0)
    cells = sample_cells(X, n_cells, random_state=0, n_jobs=1)
    assert len(cells) == len(patterns_of(cells)) == n_cells
    assert np.array_equal(cells.witnesses @ X.T > 0.0, cells.to_dense())


def test_subset_of_all_cells():
    X, _ = gaussian_problem(20, 3, seed=1)
    X[3] = 0.0
    X[5] = -X[4]
    assert patterns_of(sample_cells(X, 50, random_state=0)) <= patterns_of(enumerate_cells(X))


@pytest.mark.parametrize("X", [np.eye(3), [[1, 0], [0, 1], [1, 1]], [[0], [-3]]])
def test_fewer_where_there_are_fewer(X):
    cells = sample_cells(X, 1000, random_state=0)
    assert patterns_of(cells) == patterns_of(enumerate_cells(X))


def test_reproducible():
    X, _ = gaussian_problem(50, 5, seed=0)
    cells = sample_cells(X, 100, random_state=3, n_jobs=1)
    again = sample_cells(X, 100, random_state=np.random.RandomState(3), n_jobs=2)
    assert cells == again
    assert np.array_equal(cells.witnesses, again.witnesses)
    assert cells[:30] == sample_cells(X, 30, random_state=3)  # in the order they were met
    assert cells != sample_cells(X, 100, random_state=4)


def test_probability_is_the_solid_angle():
    # a quarter turn cut at 30 degrees: the narrower part is met first one time in three
    angle = np.pi / 6
    X = np.array([[np.sin(angle), -np.cos(angle)], [1.0, 0.0], [0.0, 1.0]])
    first = [sample_cells(X, 6, random_state=seed, n_jobs=1).to_dense() for seed in range(300)]
    inside = [cells[cells[:, 1] & cells[:, 2]][0] for cells in first]
    below = np.mean([pattern[0] for pattern in inside])
    assert below == pytest.approx(1.0 / 3.0, abs=0.1)


@pytest.mark.parametrize("n_cells", [0, -3, 2.0, "5", True, None])
def test_bad_n_cells(n_cells):
    with pytest.raises(ValueError, match="n_cells must be a positive integer, got"):
        sample_cells(np.eye(2), n_cells)


def test_bad_matrix_and_random_state():
    with pytest.raises(ValueError, match="X must be finite, but row 1"):
        sample_cells([[1.0, 2.0], [np.nan, 0.0]], 3)
    with pytest.raises(ValueError, match="X must be a non-empty 2-D array"):
        sample_cells([1.0, 2.0], 3)
    with pytest.raises(ValueError, match="seed"):
        sample_cells(np.eye(2), 3, random_state="seed")


METHODS = ["gaussian", "data", "uniform"]


@given(
    arrays(np.int64, st.tuples(st.integers(1, 8), st.integers(1, 3)), elements=st.integers(-2, 2)),
    st.data(),
)
def test_every_law_meets_true_cells_only(X, data):
    offset = data.draw(st.none() | arrays(np.int64, len(X), elements=st.integers(-2, 2)))
    if offset is None and not X.any():
        return
    every = enumerate_cells(X, offset=offset, n_jobs=1)
    for method in METHODS:
        cells = sample_cells(X, 10**4, offset=offset, method=method, random_state=0, n_jobs=1)
        assert len(cells) == len(patterns_of(cells)) > 0
        assert cells.issubset(every)
        if method == "data":  # every cell has a vertex, or an extreme ray
            assert len(cells) == len(every)
        if method == "uniform":
            assert len(cells) == len(every)
            assert cells.witnesses is None
        else:
            values = cells.witnesses @ X.T + (0 if offset is None else offset)
            assert (values > 0)[:, X.any(axis=1)].tolist() == (
                cells.to_dense()[:, X.any(axis=1)].tolist()
            )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("affine", [False, True])
def test_every_law_is_reproducible(method, affine):
    X, offset = gaussian_problem(30, 3, seed=0)
    options = {"method": method, "offset": offset if affine else None}
    cells = sample_cells(X, 50, random_state=3, n_jobs=1, **options)
    assert len(cells) == 50
    assert cells == sample_cells(X, 50, random_state=np.random.RandomState(3), n_jobs=2, **options)
    assert cells[:20] == sample_cells(X, 20, random_state=3, **options)
    assert cells != sample_cells(X, 50, random_state=4, **options)


def test_first_cells_of_the_uniform_law():
    # the narrow cells of this fan are hardly met by Gaussian vectors
    X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1e-9], [1.0, 2e-9]])
    every = enumerate_cells(X)
    first = [sample_cells(X, 1, method="uniform", random_state=seed) for seed in range(800)]
    counts = np.bincount([every.index(cell) for cell in first], minlength=len(every))
    assert len(counts) == 8
    assert np.sum((counts - 100.0) ** 2 / 100.0) < 30.0  # chi-squared, 7 degrees of freedom
    assert len(sample_cells(X, 8, random_state=0)) == 4


def test_first_cells_of_the_law_of_the_data():
    # three lines in the plane: six rays, each with a cell on either side, all alike
    X = np.array([[1.0, 0.0], [1.0, 1e-3], [0.0, 1.0]])
    every = enumerate_cells(X)
    first = [sample_cells(X, 1, method="data", random_state=seed) for seed in range(600)]
    counts = np.bincount([every.index(cell) for cell in first], minlength=len(every))
    assert np.sum((counts - 100.0) ** 2 / 100.0) < 26.0  # 5 degrees of freedom


def test_uniform_law_without_a_list(monkeypatch):
    X, offset = gaussian_problem(10, 3, seed=0)
    monkeypatch.setattr(_sampling, "_LISTED", 3)
    for options in ({}, {"offset": offset}):
        every = enumerate_cells(X, **options)
        cells = sample_cells(X, 40, method="uniform", random_state=0, **options)
        assert len(cells) == 40
        assert cells.issubset(every)
        assert cells == sample_cells(X, 40, method="uniform", random_state=0, **options)
        everything = sample_cells(X, 10**4, method="uniform", random_state=0, **options)
        assert len(everything) == len(every)


def test_many_cells_of_many_words():
    X, _ = gaussian_problem(300, 12, seed=0)
    for method in ("gaussian", "data"):
        cells = sample_cells(X, 3000, method=method, random_state=0)
        assert len(cells) == len(patterns_of(cells)) == 3000
        assert np.array_equal(cells.witnesses @ X.T > 0.0, cells.to_dense())


def test_dependent_columns_and_repeated_rows():
    X, _ = gaussian_problem(8, 2, seed=0)
    X = np.vstack([X @ np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 0.0]]), np.zeros((1, 3))])
    X = np.vstack([X, np.repeat(X[:1], 500, axis=0)])
    cells = sample_cells(X, 100, method="data", random_state=0)
    assert len(cells) == count_cells(X) == 16


@pytest.mark.parametrize("method", ["normal", "", None, 3])
def test_unknown_laws(method):
    with pytest.raises(ValueError, match="method must be one of gaussian, uniform, data, got"):
        sample_cells(np.eye(2), 3, method=method)


@pytest.mark.parametrize("method", METHODS)
def test_bad_input_of_every_law(method):
    with pytest.raises(ValueError, match="X has only zero rows"):
        sample_cells(np.zeros((2, 2)), 3, method=method)
    with pytest.raises(ValueError, match="offset must have shape"):
        sample_cells(np.eye(2), 3, offset=[1.0], method=method)
