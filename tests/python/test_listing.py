"""Listing: offsets, methods, blocks, callbacks, limits."""

from itertools import combinations, pairwise
from math import comb

import numpy as np
import pytest
from helpers import gaussian_problem, zaslavsky
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cvxnn.arrangements import (
    Cells,
    TooManyCells,
    _counting,
    _exploring,
    _memory,
    count_cells,
    enumerate_cells,
    iter_cells,
)

METHODS = ["auto", "lowest_vertex", "ray_tree", "reverse_search"]

affine_arrangements = st.tuples(st.integers(1, 7), st.integers(1, 3)).flatmap(
    lambda shape: st.tuples(
        arrays(np.int64, shape, elements=st.integers(-2, 2)),
        arrays(np.int64, shape[0], elements=st.integers(-2, 2)),
    )
)


def affine_as_central(X, offset):
    """Patterns of the cells on the positive side of one more hyperplane, the one at infinity."""
    infinity = np.eye(1, X.shape[1] + 1, X.shape[1])
    cone = np.vstack([np.column_stack([X, offset]), infinity])
    dense = enumerate_cells(cone, n_jobs=1).to_dense()
    return dense[dense[:, -1]][:, :-1]


@given(affine_arrangements)
def test_affine_cells(arrangement):
    X, offset = arrangement
    cells = enumerate_cells(X, offset=offset, witnesses=True, n_jobs=1)
    assert np.array_equal(cells.to_dense(), affine_as_central(X, offset))
    assert count_cells(X, offset=offset) == len(cells)
    values = cells.witnesses @ X.T + offset
    # products of such small numbers are nearly exact; the library checked the signs exactly
    assert ((values > 0) == cells.to_dense()).all()


@pytest.mark.parametrize("n, d", [(1, 1), (8, 1), (7, 2), (10, 3), (65, 2), (7, 5)])
def test_generic_affine_counts(n, d):
    X, offset = gaussian_problem(n, d, seed=n)
    cells = enumerate_cells(X, offset=offset, witnesses=True)
    assert len(cells) == count_cells(X, offset=offset) == sum(comb(n, k) for k in range(d + 1))
    assert np.array_equal(cells.witnesses @ X.T + offset > 0, cells.to_dense())


def test_offsets_of_zero_change_nothing():
    X, _ = gaussian_problem(8, 3, seed=0)
    assert enumerate_cells(X, offset=np.zeros(8)) == enumerate_cells(X)


def test_affine_witnesses_of_very_different_scales():
    X, offset = gaussian_problem(5, 2, seed=0)
    expected = enumerate_cells(X, offset=offset)
    columns = np.array([1e-120, 1e100])
    cells = enumerate_cells(X * columns, offset=1e30 * offset, witnesses=True)
    assert cells == expected
    values = (cells.witnesses * columns / 1e30) @ X.T + offset
    assert ((values > 0) == cells.to_dense()).all()


def test_affine_cells_without_a_double_inside():
    following = np.nextafter(1.0, 2.0)
    assert count_cells([[1.0], [1.0]], offset=[-1.0, -following]) == 3
    with pytest.raises(ValueError, match="no point strictly inside cell 1 was found"):
        enumerate_cells([[1.0], [1.0]], offset=[-1.0, -following], witnesses=True)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_methods_agree(method, exact, affine):
    X, offset = gaussian_problem(14, 3, seed=1)
    X = np.vstack([X, X[:2], -X[3:4], np.zeros((1, 3))])
    # the second repeated row is a parallel hyperplane: without exact signs that is not promised
    offset = np.append(offset, [offset[0], 5.0 if exact else offset[1], -offset[3], 2.0])
    if not affine:
        offset = None
    expected = enumerate_cells(X, offset=offset)
    assert enumerate_cells(X, offset=offset, method=method, exact=exact) == expected
    blocks = iter_cells(X, offset=offset, method=method, exact=exact, block_size=10)
    assert joined(blocks) == expected


@pytest.mark.parametrize("method", ["fast", "", None, 3])
@pytest.mark.parametrize("function", [enumerate_cells, iter_cells])
def test_unknown_methods(function, method):
    with pytest.raises((ValueError, TypeError), match="method"):
        function(np.eye(2), method=method)


def joined(blocks):
    """All cells of the blocks, sorted; fails if one comes twice."""
    blocks = list(blocks)
    cells = Cells(np.concatenate([block.packed for block in blocks]), blocks[0].n_hyperplanes)
    assert len(cells.unique()) == len(cells)
    return cells.sorted()


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(_exploring, "_BATCH_CELLS", 50)


@pytest.mark.parametrize("block_size", [1, 7, 64, 2320, 10**6])
@pytest.mark.parametrize("small", [False, True])
def test_blocks(block_size, small, monkeypatch):
    if small:
        monkeypatch.setattr(_exploring, "_BATCH_CELLS", 50)
    X, _ = gaussian_problem(20, 4, seed=0)
    blocks = list(iter_cells(X, block_size=block_size))
    assert joined(blocks) == enumerate_cells(X)
    sizes = list(map(len, blocks))
    assert set(sizes[:-1]) <= {block_size}
    assert 0 < sizes[-1] <= block_size


@pytest.mark.parametrize("method", METHODS)
def test_blocks_do_not_depend_on_threads(method, small_batches):
    X, _ = gaussian_problem(70, 3, seed=0)
    one, two = (
        list(iter_cells(X, method=method, block_size=100, n_jobs=n_jobs)) for n_jobs in (1, 2)
    )
    assert len(one) == len(two)
    assert all(a == b for a, b in zip(one, two, strict=True))


def test_blocks_come_before_all_cells_are_known():
    X, _ = gaussian_problem(200, 7, seed=0)  # more than 1e11 cells
    block = next(iter_cells(X, block_size=1000))
    assert len(block) == len(block.unique()) == 1000
    assert block.n_hyperplanes == 200


@pytest.mark.parametrize("block_size", [0, -1, 1.5, True, None, "5"])
def test_bad_block_sizes(block_size):
    with pytest.raises(ValueError, match="block_size must be a positive integer, got"):
        iter_cells(np.eye(2), block_size=block_size)


def test_arguments_of_iter_cells_are_checked_by_the_call():
    for arguments, options in [(([[np.nan]],), {}), ((np.eye(2),), {"n_jobs": 0})]:
        with pytest.raises(ValueError, match=r"X must be finite|n_jobs"):
            iter_cells(*arguments, **options)


def test_callback(small_batches):
    X, _ = gaussian_problem(20, 4, seed=0)
    found = []
    cells = enumerate_cells(X, callback=found.append)
    assert cells == enumerate_cells(X)
    assert len(found) > 10
    assert all(a <= b for a, b in pairwise(found))
    assert found[-1] == len(cells)


def test_callback_stops_by_raising(small_batches):
    found = []

    def stop(n_found):
        found.append(n_found)
        if n_found > 200:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        enumerate_cells(gaussian_problem(20, 4, seed=0)[0], callback=stop)
    assert 200 < found[-1] < 2320


def test_affine_max_cells():
    X, offset = gaussian_problem(12, 2, seed=0)
    assert len(enumerate_cells(X, offset=offset, max_cells=79)) == 79
    with pytest.raises(TooManyCells, match="has 79 cells, 78 are allowed"):
        enumerate_cells(X, offset=offset, max_cells=78)


def test_what_does_not_fit_into_memory(monkeypatch):
    X, _ = gaussian_problem(20, 4, seed=0)
    monkeypatch.setattr(_counting, "available_memory", lambda: 2320 * 8 * 3)
    assert len(enumerate_cells(X)) == 2320
    monkeypatch.setattr(_counting, "available_memory", lambda: 2319 * 8 * 3)
    message = "has 2,320 cells, but about 2,319 of 8 bytes .* use iter_cells, or max_cells"
    with pytest.raises(TooManyCells, match=message):
        enumerate_cells(X)
    assert len(enumerate_cells(X, max_cells=2320)) == 2320
    assert sum(map(len, iter_cells(X))) == 2320
    monkeypatch.setattr(_counting, "available_memory", lambda: None)
    assert len(enumerate_cells(X)) == 2320


def test_what_fits_into_no_memory_is_refused_at_once():
    X, _ = gaussian_problem(500, 12, seed=0)
    with pytest.raises(TooManyCells, match=r"Zaslavsky's upper bound is about 1e.* GB of memory"):
        enumerate_cells(X)
    assert zaslavsky(500, 12) > 10**15


def test_available_memory(monkeypatch, tmp_path):
    known = _memory.available_memory()
    assert known is None or 10**6 < known < 10**15
    monkeypatch.setattr(_memory, "_linux_available", lambda: 500)
    monkeypatch.setattr(_memory, "_container_limit", lambda: 300)
    assert _memory.available_memory() == 300
    monkeypatch.setattr(_memory, "_container_limit", lambda: None)
    assert _memory.available_memory() == 500
    monkeypatch.setattr(_memory, "_linux_available", lambda: None)
    assert _memory.available_memory() == _memory._physical()
    monkeypatch.delattr(_memory.os, "sysconf", raising=False)  # as on Windows
    assert _memory.available_memory() is None


@pytest.mark.parametrize("d", [1, 2, 3])
def test_lattice_points_of_the_cube(d):
    """Hyperplanes u_j = 0 and u_j = 1: three sides a coordinate, and one witness in each box."""
    X = np.repeat(np.eye(d), 2, axis=0)
    offset = np.tile([0, -1], d)
    cells = enumerate_cells(X, offset=offset, witnesses=True)
    assert len(cells) == 3**d
    boxes = (cells.witnesses > 0).astype(int) + (cells.witnesses > 1)
    assert len({tuple(box) for box in boxes}) == 3**d
    n_facets = sum(len(cells.neighbors(i)) for i in range(len(cells))) // 2
    pairs = combinations(boxes, 2)
    assert n_facets == sum(np.abs(a - b).sum() == 1 for a, b in pairs)
