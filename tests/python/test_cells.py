"""Bit-packed patterns: packing, indexing, equality, errors."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from cvxnn.arrangements import Cells, enumerate_cells

dense_patterns = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=200))


@pytest.fixture
def cells():
    return enumerate_cells(np.eye(3), witnesses=True)


@given(dense_patterns)
def test_packing_round_trip(dense):
    cells = Cells.from_dense(dense)
    assert (cells.n_cells, cells.n_hyperplanes) == dense.shape
    assert cells.packed.shape == (len(dense), (dense.shape[1] + 63) // 64)
    assert cells.packed.dtype == np.uint64
    assert np.array_equal(cells.to_dense(), dense)
    assert cells.to_dense().dtype == np.bool_


@given(dense_patterns, st.data())
def test_bit_k_is_in_word_k_over_64(dense, data):
    if dense.size == 0:
        return
    i = data.draw(st.integers(0, dense.shape[0] - 1))
    k = data.draw(st.integers(0, dense.shape[1] - 1))
    word = int(Cells.from_dense(dense).packed[i, k // 64])
    assert word >> (k % 64) & 1 == dense[i, k]


def test_from_dense_takes_lists_and_zeros_and_ones():
    expected = Cells.from_dense(np.array([[True, False], [False, True]]))
    assert Cells.from_dense([[1, 0], [0, 1]]) == expected
    assert Cells.from_dense([[1.0, 0.0], [0.0, 1.0]]) == expected
    assert Cells.from_dense(np.array([[True, False], [False, True]], order="F")) == expected


@pytest.mark.parametrize(
    "patterns, message",
    [
        ([True, False], "patterns must be a 2-D array, got 1 dimension"),
        (np.zeros((1, 2, 3), bool), "patterns must be a 2-D array, got 3 dimension"),
        ([[0, 2]], "patterns must be boolean or hold 0 and 1"),
        ([[0.5, 1.0]], "patterns must be boolean or hold 0 and 1"),
        ([[np.nan, 1.0]], "patterns must be boolean or hold 0 and 1"),
    ],
)
def test_from_dense_errors(patterns, message):
    with pytest.raises(ValueError, match=message):
        Cells.from_dense(patterns)


def test_constructor_errors():
    packed = np.zeros((2, 1), dtype=np.uint64)
    with pytest.raises(ValueError, match=r"packed must have shape \(P, 2\) for 65"):
        Cells(packed, 65)
    with pytest.raises(ValueError, match="packed"):
        Cells(packed[0], 3)
    with pytest.raises(ValueError, match=r"witnesses must have shape \(2, d\), got \(3, 3\)"):
        Cells(packed, 3, np.eye(3))
    with pytest.raises(ValueError, match="witnesses"):
        Cells(packed, 3, np.ones(2))


def test_length_and_representation(cells):
    assert len(cells) == cells.n_cells == 8
    assert repr(cells) == "Cells(n_cells=8, n_hyperplanes=3)"


@pytest.mark.parametrize("index", [0, 3, -1, np.int64(2)])
def test_an_integer_picks_one_cell(cells, index):
    picked = cells[index]
    assert isinstance(picked, Cells)
    assert len(picked) == 1
    assert np.array_equal(picked.to_dense()[0], cells.to_dense()[index])
    assert np.array_equal(picked.witnesses[0], cells.witnesses[index])


@pytest.mark.parametrize("index", [8, -9, np.int64(100)])
def test_index_out_of_range(cells, index):
    with pytest.raises(IndexError, match=f"cell {index} is out of range for 8 cells"):
        cells[index]


@pytest.mark.parametrize(
    "index",
    [slice(2, 5), slice(None, None, -1), slice(0, 0), [1, 1, 7], np.arange(8) % 2 == 0],
    ids=["slice", "reverse", "empty", "list", "mask"],
)
def test_slices_lists_and_masks(cells, index):
    picked = cells[index]
    assert np.array_equal(picked.to_dense(), cells.to_dense()[index])
    assert np.array_equal(picked.witnesses, cells.witnesses[index])
    assert picked.n_hyperplanes == 3


def test_iteration_gives_single_cells(cells):
    singles = list(cells)
    assert all(isinstance(single, Cells) and len(single) == 1 for single in singles)
    assert np.array_equal(np.concatenate([single.packed for single in singles]), cells.packed)


def test_equality(cells):
    assert cells == Cells.from_dense(cells.to_dense())  # witnesses do not count
    assert cells != cells[::-1]
    assert cells != cells[:7]
    empty = np.zeros((1, 1), dtype=np.uint64)
    assert Cells(empty, 3) != Cells(empty, 4)
    assert cells != cells.to_dense().tolist()
    with pytest.raises(TypeError, match="unhashable"):
        hash(cells)


def test_pickle(cells):
    copy = pickle.loads(pickle.dumps(cells))
    assert copy == cells
    assert np.array_equal(copy.witnesses, cells.witnesses)
