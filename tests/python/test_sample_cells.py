"""Sampling distinct cells."""

import numpy as np
import pytest
from helpers import gaussian_problem

from cvxnn.arrangements import enumerate_cells, sample_cells


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
