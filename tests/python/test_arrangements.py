"""Counting and listing the cells of central arrangements."""

from itertools import product
from math import factorial

import numpy as np
import pytest
from helpers import gaussian_problem, integer_cells, zaslavsky
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cvxnn.arrangements import TooManyCells, count_cells, enumerate_cells, iter_cells

small_arrangements = st.tuples(st.integers(1, 8), st.integers(1, 3)).flatmap(
    lambda shape: arrays(np.int64, shape, elements=st.integers(-2, 2)).filter(np.any)
)


def resonance(d):
    """All non-zero rows of zeros and ones."""
    return np.array(list(product((0, 1), repeat=d))[1:])


def threshold(d):
    """All rows (1, c), c of zeros and ones."""
    return np.array([(1, *c) for c in product((0, 1), repeat=d)])


def braid(d):
    """Rows e_i and e_i - e_j."""
    unit = np.eye(d, dtype=np.int64)
    differences = [unit[i] - unit[j] for i in range(d) for j in range(i + 1, d)]
    return np.array([*unit, *differences])


def values_of_patterns(cells):
    """Patterns as binary numbers, the first hyperplane the most significant bit."""
    return [int("".join(map(str, row)), 2) for row in cells.to_dense().astype(int)]


def assert_strictly_inside(X, cells):
    signs = np.where(cells.to_dense(), 1.0, -1.0)
    values = cells.witnesses @ np.asarray(X, dtype=np.float64).T
    zero_rows = ~np.asarray(X).any(axis=1)
    assert ((signs * values > 0.0) | zero_rows).all()


@pytest.mark.parametrize(
    "n, d", [(1, 1), (5, 1), (1, 3), (2, 5), (7, 2), (70, 2), (12, 3), (130, 3), (9, 4), (30, 4)]
)
def test_generic_counts(n, d):
    X, _ = gaussian_problem(n, d, seed=n + d)
    cells = enumerate_cells(X, witnesses=n < 100, n_jobs=1)
    assert len(cells) == count_cells(X) == zaslavsky(n, min(n, d))
    assert len(np.unique(cells.packed, axis=0)) == len(cells)
    if cells.witnesses is not None:  # with the count, this proves that the list is right
        assert_strictly_inside(X, cells)


KNOWN = [
    *((resonance, d, count) for d, count in enumerate([6, 32, 370, 11292], start=2)),
    *((threshold, d, count) for d, count in enumerate([14, 104, 1882], start=2)),
    *((braid, d, factorial(d + 1)) for d in range(1, 7)),
]


@pytest.mark.parametrize("family, d, count", KNOWN)
def test_degenerate_counts(family, d, count):
    X = family(d)
    assert count_cells(X) == count
    cells = enumerate_cells(X, n_jobs=1)
    assert len(cells) == count
    assert len(np.unique(cells.packed, axis=0)) == count


@pytest.mark.slow
def test_count_without_listing():
    assert count_cells(resonance(6)) == 1066044


@given(small_arrangements)
def test_small_integer_arrangements(X):
    expected = integer_cells(X)
    cells = enumerate_cells(X, witnesses=True, n_jobs=1)
    assert np.array_equal(cells.to_dense(), expected)  # in canonical order too
    assert count_cells(X) == len(expected)
    assert_strictly_inside(X, cells)


@given(
    arrays(
        np.int64, st.tuples(st.integers(4, 10), st.integers(4, 5)), elements=st.integers(-1, 1)
    ).filter(np.any)
)
def test_list_and_count_agree_in_higher_dimensions(X):
    cells = enumerate_cells(X, witnesses=True, n_jobs=1)
    assert len(np.unique(cells.packed, axis=0)) == len(cells) == count_cells(X)
    assert_strictly_inside(X, cells)


@given(small_arrangements, st.randoms(use_true_random=False))
def test_permuted_rows_permute_the_patterns(X, random):
    order = random.sample(range(len(X)), len(X))
    permuted = enumerate_cells(X[order], n_jobs=1)
    expected = enumerate_cells(X, n_jobs=1).to_dense()[:, order]
    assert set(map(tuple, permuted.to_dense())) == set(map(tuple, expected))


@given(small_arrangements, st.data())
def test_scaled_rows_have_the_same_cells(X, data):
    exponents = data.draw(arrays(np.int64, len(X), elements=st.integers(-500, 500)))
    scaled = np.ldexp(X.astype(np.float64), exponents[:, None])
    assert enumerate_cells(scaled, n_jobs=1) == enumerate_cells(X, n_jobs=1)


@given(small_arrangements, st.data())
def test_negated_rows_negate_their_bits(X, data):
    negated = data.draw(arrays(np.bool_, len(X)))
    flipped = enumerate_cells(np.where(negated[:, None], -X, X), n_jobs=1)
    expected = enumerate_cells(X, n_jobs=1).to_dense() ^ (negated & X.any(axis=1))
    assert set(map(tuple, flipped.to_dense())) == set(map(tuple, expected))


def test_cells_come_in_opposite_pairs():
    X, _ = gaussian_problem(10, 3, seed=0)
    dense = enumerate_cells(X, n_jobs=1).to_dense()
    assert np.array_equal(dense, ~dense[::-1])


@pytest.mark.parametrize("n, d", [(12, 3), (70, 2), (130, 2)])
def test_canonical_order_and_number_of_threads(n, d):
    X, _ = gaussian_problem(n, d, seed=1)
    cells = enumerate_cells(X, n_jobs=1)
    assert enumerate_cells(X, n_jobs=2) == cells
    values = values_of_patterns(cells)
    assert values == sorted(values)


def test_nearly_parallel_rows_are_told_apart():
    X = np.array([[1.0, 1.0], [1.0, np.nextafter(1.0, 2.0)], [1.0, 1.0]])
    expected = [[0, 0, 0], [0, 1, 0], [1, 0, 1], [1, 1, 1]]
    assert enumerate_cells(X).to_dense().tolist() == expected
    with pytest.raises(ValueError, match="too narrow for double precision"):
        enumerate_cells(X, witnesses=True)
    X[1, 1] = 1.0 + 1e-12
    cells = enumerate_cells(X, witnesses=True)
    assert cells.to_dense().tolist() == expected
    assert_strictly_inside(X, cells)


def test_rows_of_very_different_magnitude():
    X = np.array([[1e150, 1e-150], [1.0, 1.0], [1e-300, 1.0], [5e-324, 0.0]])
    assert len(enumerate_cells(X)) == count_cells(X) == 8
    assert len(enumerate_cells(np.diag([1e-150, 1e150, 1.0]), witnesses=True)) == 8


@pytest.mark.parametrize("X", [np.zeros((3, 2)), [[0]], [[-0.0, 0.0]]])
@pytest.mark.parametrize("function", [enumerate_cells, count_cells, iter_cells])
def test_only_zero_rows_are_refused(function, X):
    with pytest.raises(ValueError, match="X has only zero rows"):
        function(X)


def test_zero_rows_among_others_have_bit_0():
    X = [[0, 0], [1, 2], [0, 0]]
    cells = enumerate_cells(X, witnesses=True)
    assert cells.to_dense().astype(int).tolist() == [[0, 0, 0], [0, 1, 0]]
    assert count_cells(X) == 2


def test_other_number_types():
    X = [[1, 0], [0, 1], [1, 1]]
    expected = enumerate_cells(np.array(X, dtype=np.float64))
    for dtype in (np.int8, np.uint64, np.float32, np.float16, np.bool_):
        assert enumerate_cells(np.array(X, dtype=dtype)) == expected
    assert enumerate_cells(X) == expected
    assert enumerate_cells(np.array(X, dtype=np.float64, order="F")) == expected


def test_max_cells_names_the_exact_count():
    X, _ = gaussian_problem(12, 3, seed=0)
    assert len(enumerate_cells(X, max_cells=134)) == 134
    with pytest.raises(TooManyCells, match="has 134 cells, 133 are allowed"):
        enumerate_cells(X, max_cells=133)
    assert issubclass(TooManyCells, ValueError)


def test_max_cells_where_the_bound_is_not_reached():
    assert len(enumerate_cells(resonance(4), max_cells=370)) == 370
    with pytest.raises(TooManyCells, match="has 370 cells"):
        enumerate_cells(resonance(4), max_cells=369)


@pytest.mark.parametrize("n, d, bound", [(300, 12, zaslavsky(300, 12)), (100, 60, None)])
def test_max_cells_names_a_bound_where_counting_takes_long(n, d, bound):
    X, _ = gaussian_problem(n, d, seed=0)
    with pytest.raises(TooManyCells, match="Zaslavsky's upper bound is about 1e") as caught:
        enumerate_cells(X, max_cells=1000)
    digits = len(str(bound or zaslavsky(n, d))) - 1
    assert f"about 1e{digits}," in str(caught.value)
    assert "1,000 are allowed" in str(caught.value)


@pytest.mark.parametrize("function", [enumerate_cells, count_cells])
@pytest.mark.parametrize(
    "X, message",
    [
        ([[1.0, 0.0], [0.0, 1.0], [np.nan, 0.0]], "X must be finite, but row 2 holds NaN"),
        ([[1.0, 0.0], [-np.inf, 1.0]], "X must be finite, but row 1 holds NaN or infinity"),
        ([], "X must be a non-empty 2-D array"),
        (np.empty((0, 3)), r"X must be a non-empty 2-D array, got shape \(0, 3\)"),
        (np.empty((3, 0)), r"X must be a non-empty 2-D array, got shape \(3, 0\)"),
        ([1.0, 2.0], r"X must be a non-empty 2-D array, got shape \(2,\)"),
        (np.ones((2, 2, 2)), "X must be a non-empty 2-D array"),
        ([[1.0 + 2.0j]], "X must hold real numbers, got dtype complex128"),
        ([["a", "b"]], "X must hold real numbers"),
    ],
)
def test_bad_matrices(function, X, message):
    with pytest.raises(ValueError, match=message):
        function(X)


@pytest.mark.parametrize("n_jobs", [0, 1.5, "two", True])
def test_bad_n_jobs(n_jobs):
    with pytest.raises(ValueError, match="n_jobs must be None or a non-zero integer"):
        enumerate_cells(np.eye(2), n_jobs=n_jobs)
