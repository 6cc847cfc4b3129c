"""Numbers of every kind, taken exactly."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvxnn.arrangements import count_cells, enumerate_cells, iter_cells, sample_cells

BIG = 2**53

rationals = st.one_of(
    st.integers(-3, 3), st.fractions(-2, 2, max_denominator=5), st.sampled_from([0.5, -1.5])
)
matrices = st.tuples(st.integers(1, 6), st.integers(1, 3)).flatmap(
    lambda shape: st.lists(
        st.lists(rationals, min_size=shape[1], max_size=shape[1]),
        min_size=shape[0],
        max_size=shape[0],
    ).filter(lambda rows: any(map(any, rows)))
)


def line_cells(rows):
    """Cells of points x u + b = 0 on the line, by hand: the pattern between any two."""
    points = sorted({-Fraction(b) / Fraction(x) for x, b in rows if x != 0})
    between = [(a + b) / 2 for a, b in pairwise(points)]
    inside = [points[0] - 1, *between, points[-1] + 1] if points else [Fraction(0)]
    return sorted([int(Fraction(x) * u + Fraction(b) > 0) for x, b in rows] for u in inside)


@given(st.lists(st.tuples(rationals, rationals), min_size=1, max_size=6))
def test_affine_cells_on_the_line(rows):
    X = np.array([[x] for x, _ in rows], dtype=object)
    offset = np.array([b for _, b in rows], dtype=object)
    cells = enumerate_cells(X, offset=offset, witnesses=True, n_jobs=1)
    assert cells.to_dense().astype(int).tolist() == line_cells(rows)
    assert count_cells(X, offset=offset) == len(cells)
    for u, pattern in zip(cells.witnesses[:, 0], cells.to_dense(), strict=True):
        values = [Fraction(x) * Fraction(float(u)) + Fraction(b) for x, b in rows]
        assert [value > 0 for value in values] == pattern.tolist()
        assert all(value != 0 for value, row in zip(values, rows, strict=True) if any(row))


@given(matrices, st.integers(1, 10**30))
def test_fractions_and_their_multiples(rows, factor):
    expected = enumerate_cells(np.array(rows, dtype=object), n_jobs=1)
    scale = 60 * factor
    integers = [[int(Fraction(value) * scale) for value in row] for row in rows]
    assert enumerate_cells(integers, n_jobs=1) == expected
    thirds = np.array([[Fraction(value, 3 * scale) for value in row] for row in integers])
    assert enumerate_cells(thirds, witnesses=True, n_jobs=1) == expected


def nearly_parallel(kind):
    """Two lines that differ by one in 2**53 + 1, and rounding makes one."""
    rows = [[BIG, BIG], [BIG, BIG + 1]]
    if kind == "list":
        return rows
    if kind == "list with floats":
        return [[float(BIG), 9007199254740992.0], [BIG, BIG + 1]]
    if kind in ("pandas", "pandas nullable"):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"a": [float(BIG), BIG], "b": [BIG, BIG + 1]})
        return frame.astype({"b": "Int64"}) if "nullable" in kind else frame
    if kind == "polars":
        polars = pytest.importorskip("polars")
        return polars.DataFrame({"a": [float(BIG), float(BIG)], "b": [BIG, BIG + 1]})
    return np.array(rows, dtype=kind)


KINDS = ["list", "list with floats", "pandas", "pandas nullable", "polars"]


@pytest.mark.parametrize("kind", [*KINDS, np.int64, np.uint64, object])
def test_nothing_is_rounded(kind):
    X = nearly_parallel(kind)
    assert count_cells(X) == len(enumerate_cells(X)) == 4
    assert sum(map(len, iter_cells(X))) == 4
    assert count_cells([[1, 0], [1, 0]], offset=[BIG, BIG + 1]) == 3
    assert count_cells([[1, 0], [1, 0]], offset=np.array([BIG, BIG])) == 2


@pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="long doubles are doubles here")
def test_long_doubles():
    X = np.array([[1, 1], [1, 1]], dtype=np.longdouble)
    assert count_cells(X) == 2
    X[1, 1] += np.finfo(np.longdouble).eps
    assert count_cells(X) == 4
    with pytest.raises(ValueError, match="X must be finite, but row 1 holds NaN or infinity"):
        X[1, 1] = np.nan
        count_cells(X)


def test_integers_of_any_size():
    huge = 10**5000  # more digits than str() writes
    X = [[huge, 1], [huge, 2], [2 * huge, 4], [1, -huge]]
    cells = enumerate_cells(X)
    assert len(cells) == count_cells(X) == 6
    assert np.array_equal(cells.to_dense()[:, 1], cells.to_dense()[:, 2])
    tiny = np.array([[Fraction(1, huge), 1], [1, Fraction(1, huge)]])
    assert len(enumerate_cells(tiny)) == 4


def test_witnesses_and_samples_are_checked_beyond_doubles():
    # the cells between the two lines are narrower than doubles near (1, -1), not near the axes
    X = [[BIG + 1, 0, BIG], [BIG, 0, BIG], [0, 1, 0]]
    cells = sample_cells(X, 100, random_state=0)
    assert cells.issubset(enumerate_cells(X))
    for u, pattern in zip(cells.witnesses, cells.to_dense(), strict=True):
        values = [sum(x * Fraction(float(v)) for x, v in zip(row, u, strict=True)) for row in X]
        assert [value > 0 for value in values] == pattern.tolist()
    with pytest.raises(ValueError, match="too narrow for double precision"):
        enumerate_cells([[BIG + 1, BIG], [BIG + 2, BIG + 1]], witnesses=True)
    wide = enumerate_cells([[BIG + 1, 0], [0, BIG + 3], [1, 1]], witnesses=True)
    assert len(wide) == 6


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames(library):
    module = pytest.importorskip(library)
    frame = module.DataFrame(
        {
            "half": np.array([0.5, 0.0, 1.5], dtype=np.float32),
            "small": np.array([0, 1, -2], dtype=np.int8),
            "flag": [True, False, True],
            "unsigned": np.array([1, 2, 3], dtype=np.uint16),
        }
    )
    offset = module.Series("b", [1, 2, 4]) if library == "polars" else module.Series([1, 2, 4])
    expected = [[0.5, 0, 1, 1], [0, 1, 0, 2], [1.5, -2, 1, 3]]
    assert enumerate_cells(frame) == enumerate_cells(expected)
    found = enumerate_cells(frame, offset=offset)
    assert found == enumerate_cells(expected, offset=[1, 2, 4])


def test_decimals_are_exact():
    X = [[Decimal("0.1"), Decimal("0.3")], [1, 3]]
    assert count_cells(X) == 2
    assert count_cells([[0.1, 0.3], [1, 3]]) == 4  # the doubles are not a tenth and three tenths


def missing(library):
    module = pytest.importorskip(library)
    return module.DataFrame({"a": [1, 2, None], "b": [0.5, 1.0, 2.0]})


@pytest.mark.parametrize(
    "X, message",
    [
        ([[1, 2], [3]], "X is ragged: row 1 has length 1, row 0 has length 2"),
        ([[1, 2], [3, 4], 5], "X is ragged: row 2 has length no entries, row 0 has length 2"),
        ([[1, 2], [3, "a"]], "X must hold real numbers, but row 1 holds 'a'"),
        ([["1", "2"]], "X must hold real numbers, but row 0 holds '1'"),
        (np.array([["1", "2"]]), "X must hold real numbers, but row 0 holds '1'"),
        ([[1, 2], [None, 3]], "X must hold real numbers, but row 1 holds None"),
        (np.array([[1, 2j]], dtype=object), "X must hold real numbers, but row 0 holds 2j"),
        (np.array([["2020-01-01"]], dtype="M8[D]"), "X must hold real numbers, got dtype datetime"),
        ([[1, 2], [Fraction(1, 3), float("nan")]], "X must be finite, but row 1"),
        ([[10**400, float("inf")]], "X must be finite, but row 0"),
        ([[Decimal("nan"), 1]], "X must be finite, but row 0"),
        (np.ma.masked_equal([[1, 2], [3, 0]], 0), "X must be complete, but row 1 is masked"),
        ("abc", r"X must be a non-empty 2-D array, got shape \(\)"),
        (None, r"X must be a non-empty 2-D array, got shape \(\)"),
        ([[], []], r"X must be a non-empty 2-D array, got shape \(2, 0\)"),
    ],
)
@pytest.mark.parametrize("function", [enumerate_cells, count_cells])
def test_bad_matrices(function, X, message):
    with pytest.raises(ValueError, match=message):
        function(X)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_missing_values_of_data_frames(library):
    with pytest.raises(ValueError, match=r"X must .* row 2 holds"):
        count_cells(missing(library))
    with pytest.raises(ValueError, match="X must be a non-empty 2-D array"):
        count_cells(missing(library)[[]] if library == "pandas" else missing(library).select([]))


def test_sparse_matrices():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(ValueError, match="X must be dense, got csr_matrix"):
        count_cells(sparse.csr_matrix(np.eye(3)))


@pytest.mark.parametrize(
    "offset, message",
    [
        ([1.0], r"offset must have shape \(2,\), one number for each row of X, got \(1,\)"),
        ([[1.0], [2.0]], r"offset must be a non-empty 1-D array, got shape \(2, 1\)"),
        (1.0, "offset must be a non-empty 1-D array"),
        ([], "offset must be a non-empty 1-D array"),
        ([1.0, np.nan], "offset must be finite, but row 1 holds NaN"),
        ([1.0, "b"], "offset must hold real numbers, but row 1 holds 'b'"),
        ([1.0, 1j], "offset must hold real numbers, got dtype complex"),
    ],
)
@pytest.mark.parametrize("function", [enumerate_cells, count_cells, iter_cells])
def test_bad_offsets(function, offset, message):
    with pytest.raises(ValueError, match=message):
        function(np.eye(2), offset=offset)


def test_rows_without_a_normal():
    # 0 . u + b > 0 holds everywhere or nowhere
    cells = enumerate_cells([[0], [0], [0], [1]], offset=[3, 0, -2, 0], witnesses=True)
    assert cells.to_dense().astype(int).tolist() == [[1, 0, 0, 0], [1, 0, 0, 1]]
    only = enumerate_cells([[0, 0]], offset=[1], witnesses=True)
    assert only.to_dense().tolist() == [[True]]
    assert enumerate_cells([[0, 0]], offset=[0]).to_dense().tolist() == [[False]]
