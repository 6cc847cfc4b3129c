"""Counts, characteristic polynomials and what follows from them."""

from itertools import product

import numpy as np
import pytest
from helpers import gaussian_problem
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cvxnn.arrangements import (
    betti_numbers,
    characteristic_polynomial,
    count_bounded_cells,
    count_cells,
    enumerate_cells,
)

affine_arrangements = st.tuples(st.integers(1, 6), st.integers(1, 3)).flatmap(
    lambda shape: st.tuples(
        arrays(np.int64, shape, elements=st.integers(-2, 2)),
        arrays(np.int64, shape[0], elements=st.integers(-2, 2)),
    )
)


def whitney(X, offset):
    """Sum of (-1)^|B| t^(d - rank B) over the sets B of hyperplanes that meet (Whitney)."""
    X, offset = np.asarray(X, float), np.asarray(offset, float)
    rows = np.column_stack([X, offset])
    d = X.shape[1]
    units = []  # each hyperplane once, and none of the rows without a normal
    for row in rows[X.any(axis=1)]:
        if not any(np.linalg.matrix_rank(np.vstack([row, unit])) == 1 for unit in units):
            units.append(row)
    coefficients = [0] * (d + 1)
    for chosen in product((False, True), repeat=len(units)):
        subset = np.array(units).reshape(-1, d + 1)[list(chosen)]
        rank = np.linalg.matrix_rank(subset[:, :-1]) if len(subset) else 0
        if len(subset) and np.linalg.matrix_rank(subset) != rank:
            continue  # no point in common
        coefficients[rank] += (-1) ** len(subset)
    return coefficients


@given(affine_arrangements)
def test_characteristic_polynomial(arrangement):
    X, offset = arrangement
    expected = whitney(X, offset)
    assert characteristic_polynomial(X, offset=offset) == expected
    assert betti_numbers(X, offset=offset) == list(map(abs, expected))
    assert sum(map(abs, expected)) == count_cells(X, offset=offset)
    if X.any():
        assert characteristic_polynomial(X) == whitney(X, np.zeros(len(X)))
        assert count_bounded_cells(X) == 0


def n_bounded(X, offset):
    """Cells that hold no ray: none of the unbounded directions of the arrangement at infinity."""
    X = np.asarray(X)
    if np.linalg.matrix_rank(X) < X.shape[1]:
        return 0
    # a cell is unbounded iff it is still there when a huge box is cut away from its outside
    d = X.shape[1]
    inside = enumerate_cells(X, offset=offset).to_dense()
    box = np.vstack([np.eye(d), -np.eye(d)]) * 1
    far = np.full(2 * d, 10**6)
    outside = enumerate_cells(np.vstack([X, box]), offset=np.append(offset, far)).to_dense()
    beyond = ~outside[:, len(X) :].all(axis=1)
    unbounded = {tuple(row) for row in outside[beyond][:, : len(X)].tolist()}
    return len(inside) - len(unbounded)


@given(affine_arrangements)
def test_bounded_cells(arrangement):
    X, offset = arrangement
    assert count_bounded_cells(X, offset=offset) == n_bounded(X, offset)


def test_generic_bounded_cells():
    X, offset = gaussian_problem(9, 2, seed=0)
    assert count_bounded_cells(X, offset=offset) == 28  # 8 choose 2


def test_known_polynomials():
    assert characteristic_polynomial(np.eye(3)) == [1, -3, 3, -1]
    assert characteristic_polynomial([[1, -1, 0], [0, 1, -1], [1, 0, -1]]) == [1, -3, 2, 0]
    assert betti_numbers([[1, -1, 0], [0, 1, -1], [1, 0, -1]]) == [1, 3, 2, 0]
    assert characteristic_polynomial([[0, 0]], offset=[1]) == [1, 0, 0]
    assert all(isinstance(value, int) for value in characteristic_polynomial(np.eye(3)))


def test_counts_beyond_machine_integers():
    assert count_cells(np.eye(200)) == 2**200
    assert sum(betti_numbers(np.eye(100))) == 2**100


@pytest.mark.parametrize(
    "function", [characteristic_polynomial, betti_numbers, count_bounded_cells]
)
def test_bad_input(function):
    with pytest.raises(ValueError, match="X must be finite, but row 1"):
        function([[1.0], [np.nan]])
    with pytest.raises(ValueError, match="X has only zero rows"):
        function([[0.0], [0.0]])
    with pytest.raises(ValueError, match="offset must have shape"):
        function(np.eye(2), offset=[1.0])
