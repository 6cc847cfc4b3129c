"""Files, set operations, distances and neighbours of cells."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from helpers import gaussian_problem
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cvxnn.arrangements import Cells, _bits, enumerate_cells, iter_cells, sample_cells


@st.composite
def collections(draw, n_collections, max_hyperplanes=140):
    """Collections over the same hyperplanes, with repeats and with cells in common."""
    n = draw(st.integers(0, max_hyperplanes))
    pool = draw(arrays(np.bool_, (draw(st.integers(1, 6)), n)))
    picks = st.lists(st.integers(0, len(pool) - 1), max_size=8)
    return [Cells.from_dense(pool[np.array(draw(picks), int)]) for _ in range(n_collections)]


def rows(cells):
    return list(map(tuple, cells.to_dense().tolist()))


@given(collections(2))
def test_set_operations(pair):
    a, b = pair
    set_a, set_b = set(rows(a)), set(rows(b))
    assert rows(a.union(b)) == rows(a | b) == sorted(set_a | set_b)
    assert rows(a.intersection(b)) == rows(a & b) == sorted(set_a & set_b)
    assert rows(a.difference(b)) == rows(a - b) == sorted(set_a - set_b)
    assert rows(a.symmetric_difference(b)) == rows(a ^ b) == sorted(set_a ^ set_b)
    assert a.issubset(b) == (set_a <= set_b)
    assert a.isdisjoint(b) == set_a.isdisjoint(set_b)
    assert a.intersection(b).issubset(a)


@given(collections(1))
def test_sorted_and_unique(collection):
    (cells,) = collection
    assert rows(cells.sorted()) == sorted(rows(cells))
    assert rows(cells.unique()) == list(dict.fromkeys(rows(cells)))


@given(collections(2))
def test_membership_and_index(pair):
    a, b = pair
    for cell, row in zip(b, rows(b), strict=True):
        assert (cell in a) == (row in a) == (row in rows(a))
        if row in rows(a):
            assert a.index(cell) == a.index(row) == a.index(np.array(row)) == rows(a).index(row)
        else:
            with pytest.raises(ValueError, match="is not among these"):
                a.index(cell)


@given(collections(2))
def test_hamming_distances(pair):
    a, b = pair
    expected = (a.to_dense()[:, None] != b.to_dense()[None]).sum(axis=2)
    assert np.array_equal(a.hamming(b), expected)
    assert np.array_equal(a.hamming(), a.hamming(a))
    assert a.hamming(b).dtype == np.int32


def test_hamming_distances_in_several_blocks(monkeypatch):
    monkeypatch.setattr(_bits, "_BLOCK_BYTES", 8 * 7 * 3)
    dense = np.random.default_rng(0).random((7, 70)) < 0.5
    expected = (dense[:, None] != dense[None]).sum(axis=2)
    assert np.array_equal(Cells.from_dense(dense).hamming(), expected)


def test_counts_of_bits_with_and_without_numpy_2():
    words = np.random.default_rng(0).integers(0, 2**64, (5, 3), dtype=np.uint64)
    expected = [[int(word).bit_count() for word in row] for row in words]
    assert _bits.bit_counts(words).tolist() == _bits.bit_counts_by_table(words).tolist() == expected
    assert _bits.bit_counts_by_table(words[:, None, 0]).tolist() == [[r[0]] for r in expected]


def test_first_met_survives_equal_mixtures(monkeypatch):
    monkeypatch.setattr(_bits, "_MIXER", np.uint64(0))  # every pattern gets the same
    cells = Cells.from_dense(np.random.default_rng(0).integers(0, 2, (40, 4)))
    assert rows(cells.unique()) == list(dict.fromkeys(rows(cells)))


def test_witnesses_follow_their_cells():
    cells = enumerate_cells(gaussian_problem(6, 3, seed=0)[0], witnesses=True)
    shuffled = cells[np.random.default_rng(0).permutation(len(cells))]
    for again in (
        shuffled.sorted(),
        shuffled | cells,
        shuffled & cells,
        shuffled[:9] ^ shuffled[9:],
    ):
        assert again == cells
        assert np.array_equal(again.witnesses, cells.witnesses)
    assert (cells | Cells(cells.packed, 6)).witnesses is None
    assert (cells - shuffled[:9]).witnesses.shape == (len(cells) - 9, 3)


@pytest.mark.parametrize(
    "operation", ["union", "intersection", "difference", "symmetric_difference", "issubset"]
)
def test_what_cannot_be_compared(operation):
    cells = Cells.from_dense([[0, 1]])
    with pytest.raises(ValueError, match="cells of 2 and of 3 hyperplanes cannot be compared"):
        getattr(cells, operation)(Cells.from_dense([[0, 1, 1]]))
    with pytest.raises(TypeError, match="expected Cells, got list"):
        getattr(cells, operation)([[0, 1]])
    with pytest.raises(TypeError):
        cells | [[0, 1]]
    with pytest.raises(ValueError, match="cannot be compared"):
        [0, 1, 1] in cells  # noqa: B015
    with pytest.raises(ValueError, match="pattern must be one cell, got 2"):
        cells.index(Cells.from_dense([[0, 1], [1, 1]]))


def brute_neighbors(X, dense, i):
    """Cells that differ in one hyperplane, where parallel rows are one."""
    X = np.asarray(X, dtype=float)
    lines = {}
    for k, row in enumerate(X):
        if row.any():
            unit = row / np.linalg.norm(row)
            unit *= np.sign(unit[np.flatnonzero(np.abs(unit) > 1e-9)[0]])
            lines.setdefault(tuple(np.round(unit, 9) + 0.0), []).append(k)
    firsts = [members[0] for members in lines.values()]
    return [j for j in range(len(dense)) if (dense[j, firsts] != dense[i, firsts]).sum() == 1]


@given(
    arrays(
        np.int64,
        st.tuples(st.integers(1, 8), st.integers(1, 3)),
        elements=st.integers(-2, 2),
    ).filter(np.any)
)
def test_neighbors(X):
    cells = enumerate_cells(X, n_jobs=1)
    dense = cells.to_dense()
    for i in range(len(cells)):
        assert cells.neighbors(i).tolist() == brute_neighbors(X, dense, i)
    assert cells.neighbors(-1).tolist() == cells.neighbors(len(cells) - 1).tolist()


def test_neighbors_of_a_part_of_the_cells():
    X = np.array([[1, 0], [0, 1], [1, 1], [-2, 0], [0, 0], [0, 3]])
    cells = enumerate_cells(X)
    for part in (cells[::2], next(iter_cells(X, block_size=4)), sample_cells(X, 4, random_state=0)):
        dense = part.to_dense()
        for i in range(len(part)):
            assert part.neighbors(i).tolist() == brute_neighbors(X, dense, i)
    plain = Cells.from_dense(cells.to_dense())  # every row is a hyperplane of its own
    assert plain.neighbors(0).tolist() != cells.neighbors(0).tolist()


def test_affine_neighbors():
    # three points on a line, one of them twice: four cells in a row
    cells = enumerate_cells([[1], [2], [1], [-1]], offset=[0, 0, -1, 2])
    assert len(cells) == 4
    distances = cells.hamming()
    assert sum(len(cells.neighbors(i)) for i in range(4)) == 6
    assert all(distances[i, j] <= 2 for i in range(4) for j in cells.neighbors(i))


def test_neighbors_out_of_range():
    with pytest.raises(IndexError, match="cell 5 is out of range for 4 cells"):
        enumerate_cells(np.eye(2)).neighbors(5)


@pytest.mark.parametrize("witnesses", [False, True])
def test_files(tmp_path, witnesses):
    cells = enumerate_cells([[1, 0], [0, 1], [2, 0]], witnesses=witnesses)
    path = tmp_path / "cells"  # no suffix is added
    cells.save(path)
    cells[:1].save(path)
    cells.save(str(path))
    loaded = Cells.load(path)
    assert loaded == cells
    assert loaded.n_hyperplanes == 3
    assert np.array_equal(loaded.representatives, cells.representatives)
    assert loaded.neighbors(0).tolist() == cells.neighbors(0).tolist()
    if witnesses:
        assert np.array_equal(loaded.witnesses, cells.witnesses)
    else:
        assert loaded.witnesses is None
    assert [file.name for file in tmp_path.iterdir()] == ["cells"]
    assert pickle.loads(pickle.dumps(loaded)).neighbors(0).tolist() == cells.neighbors(0).tolist()


@given(collections(1))
def test_files_of_any_cells(tmp_path_factory, collection):
    path = tmp_path_factory.mktemp("cells") / "cells.npz"
    collection[0].save(path)
    assert Cells.load(path) == collection[0]


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "cells.npz"
    cells = enumerate_cells(np.eye(2))
    cells.save(path)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        cells[:1].save(path)
    assert Cells.load(path) == cells
    assert [file.name for file in tmp_path.iterdir()] == ["cells.npz"]


def test_files_of_other_things(tmp_path):
    path = tmp_path / "file.npz"
    with pytest.raises(FileNotFoundError):
        Cells.load(path)
    good = {"format": 1, "n_hyperplanes": 2, "packed": np.zeros((3, 1), np.uint64)}
    for content, message in [
        (b"", "cannot load cells from"),
        (b"not an archive at all", "cannot load cells from"),
        (b"PK\x03\x04 broken", "cannot load cells from"),
    ]:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            Cells.load(path)
    for change, message in [
        ({"format": 2}, "it has format 2, this version reads format 1"),
        ({"packed": np.full((3, 1), 4, np.uint64)}, "its patterns are not those of 2 hyperplanes"),
        ({"packed": np.zeros((3, 2), np.uint64)}, "packed must have shape"),
        ({"packed": np.zeros((3, 1))}, "its patterns are not those"),
        ({"packed": np.array([{}, 1])}, "cannot load cells from .*file.npz: .*pickle"),
        ({"witnesses": np.zeros((2, 2))}, "witnesses must have shape"),
        ({"representatives": np.zeros(2, np.uint64)}, "representatives must have shape"),
        ({"n_hyperplanes": np.array([1, 2])}, "cannot load cells from"),
    ]:
        np.savez(path, **{**good, **change})
        with pytest.raises(ValueError, match=message):
            Cells.load(path)
    np.savez(path, format=1, n_hyperplanes=2)
    with pytest.raises(ValueError, match="it has no 'packed'"):
        Cells.load(path)
    with open(path, "wb") as file:
        np.save(file, np.eye(2))
    with pytest.raises(ValueError, match="it is not an npz file"):
        Cells.load(path)


def test_truncated_and_altered_files_are_refused(tmp_path):
    path = tmp_path / "cells.npz"
    enumerate_cells(gaussian_problem(9, 3, seed=0)[0], witnesses=True).save(path)
    content = path.read_bytes()
    for length in range(0, len(content), 97):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="cannot load cells"):
            Cells.load(path)
    place = content.index(b"packed.npy") + 200  # among the patterns
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    with pytest.raises(ValueError, match="cannot load cells"):
        Cells.load(path)


def test_the_canonical_order_has_no_exceptions():
    cells = sample_cells(gaussian_problem(130, 4, seed=0)[0], 300, random_state=0).sorted()
    assert all(a < b for a, b in pairwise(rows(cells)))
