"""The raw bindings by themselves: shapes, what they refuse, and their numbers."""

import numpy as np
import pytest
from helpers import gaussian_problem, generic_cells, reference_optimum, zaslavsky
from scipy.optimize import nnls

from cvxnn._native import core
from cvxnn.arrangements import Cells


def fortran(array):
    return np.asfortranarray(array, dtype=np.float64)


@pytest.fixture
def X():
    return fortran(gaussian_problem(9, 3, seed=0)[0])


@pytest.fixture
def packed(X):
    return core.enumerate_cells(core.Arrangement(X), "auto", True, 1)


def solve(X, packed, y, *, loss="squared", beta=0.1, cones=True, tol=1e-8, **options):
    """Call solve_cone_program with every argument filled in."""
    arguments = {"max_rounds": 1000, "max_seconds": np.inf, "n_threads": 1, "on_round": None}
    arguments |= options
    weight = np.ones(len(y))
    return core.solve_cone_program(
        X, packed, y, weight, loss=loss, beta=beta, cones=cones, tol=tol, **arguments
    )


def max_support(X, packed, v, threshold, cones, n_threads):
    return core.max_support(X, packed, v, threshold=threshold, cones=cones, n_threads=n_threads)


def signs_of(packed, X):
    return np.where(Cells(packed, len(X)).to_dense(), 1.0, -1.0)


def test_enumerate_cells_shape_and_type(X, packed):
    assert packed.shape == (zaslavsky(9, 3), 1)
    assert packed.dtype == np.uint64 and packed.flags.c_contiguous


def test_two_words_for_more_than_64_hyperplanes():
    X = fortran(np.random.default_rng(0).standard_normal((65, 2)))
    packed = core.enumerate_cells(core.Arrangement(X), "auto", True, 1)
    assert packed.shape == (130, 2)
    assert packed[:, 1].max() == 1


def test_count_cells_is_decimal_text_or_none(X):
    assert core.count_cells(core.Arrangement(X), np.inf) == str(zaslavsky(9, 3))
    many = fortran(np.random.default_rng(0).standard_normal((60, 20)))
    assert core.count_cells(core.Arrangement(many), 0.01) is None


def test_characteristic_polynomial_is_decimal_text_or_none(X):
    assert core.characteristic_polynomial(core.Arrangement(X), np.inf) == ["1", "-9", "36", "-28"]
    lines = core.Arrangement(fortran([[1, 0], [0, 1], [1, 1]]), np.array([0.0, 0.0, 1.0]))
    assert core.characteristic_polynomial(lines, np.inf, n_threads=2) == ["1", "-3", "3"]
    many = fortran(np.random.default_rng(0).standard_normal((60, 20)))
    assert core.characteristic_polynomial(core.Arrangement(many), 0.01) is None


def test_counts_do_not_depend_on_threads():
    arrangement = core.Arrangement(fortran(np.random.default_rng(0).integers(-1, 2, (30, 6))))
    count = core.count_cells(arrangement, np.inf)
    assert core.count_cells(arrangement, np.inf, n_threads=2) == count


def test_arrangement_rank_and_distinct_rows(X):
    arrangement = core.Arrangement(X)
    assert (arrangement.rank, arrangement.n_distinct) == (3, 9)


def test_arrangement_counts_distinct_hyperplanes():
    X = fortran([[1, 0, 0], [-3, 0, 0], [0, 0, 0], [1, 1, 0], [2, 2, 0], [0, 1, 0]])
    arrangement = core.Arrangement(X)
    assert (arrangement.rank, arrangement.n_distinct) == (2, 3)


def test_locate_cells_finds_signs_and_boundaries(X):
    X[2] = 0.0
    points = fortran(np.random.default_rng(1).standard_normal((20, 3)))
    points[4] = 0.0
    packed, interior = core.locate_cells(X, points, 1)
    assert packed.shape == (20, 1)
    assert np.array_equal(interior, np.arange(20) != 4)
    assert np.array_equal(Cells(packed, 9).to_dense(), points @ X.T > 0.0)


def test_locate_cells_decides_signs_that_rounding_hides():
    # 1 + 2^-53 rounds to 1 in the product, so the sum of products rounds to zero
    X = fortran([[1.0, 1.0, -1.0]])
    points = fortran([[1.0, 2.0**-60, 1.0], [1.0, -(2.0**-60), 1.0], [1.0, 0.0, 1.0]])
    packed, interior = core.locate_cells(X, points, 1)
    assert packed.ravel().tolist() == [1, 0, 0]
    assert interior.tolist() == [True, True, False]


def test_find_witnesses_unit_vectors_inside(X, packed):
    points = core.find_witnesses(X, packed, 1)
    assert points.shape == (len(packed), 3)
    assert np.allclose(np.linalg.norm(points, axis=1), 1.0)
    assert (signs_of(packed, X) * (points @ X.T) > 0.0).all()


def test_find_witnesses_zero_where_there_is_no_cell(X, packed):
    missing = next(code for code in range(2**9) if code not in packed)
    assert not core.find_witnesses(X, np.array([[missing]], dtype=np.uint64), 1).any()


def test_project_onto_cell_matches_nnls(X, packed):
    random = np.random.default_rng(2)
    for i in range(len(packed)):
        z = random.standard_normal(3)
        point, tight, finished = core.project_onto_cell(X, packed[i : i + 1], z)
        M = signs_of(packed[i : i + 1], X).T * X
        multipliers, _ = nnls(M.T, -z)
        assert finished
        assert point == pytest.approx(z + M.T @ multipliers, abs=1e-12)
        assert np.allclose(M[tight] @ point, 0.0, atol=1e-12)
        assert (M @ point > -1e-12).all()


def test_project_onto_cell_keeps_points_inside(X, packed):
    points = core.find_witnesses(X, packed, 1)
    for pattern, z in zip(packed, np.ascontiguousarray(points), strict=True):
        point, tight, _ = core.project_onto_cell(X, pattern[None], z)
        assert np.array_equal(point, z)
        assert tight == []


def brute_force_support(X, packed, v):
    """Largest v . D X u over unit u in a cell, both signs: the norm of a projection (by nnls)."""
    best = 0.0
    for signs in signs_of(packed, X):
        for c in ((signs > 0.0) * v @ X, -((signs > 0.0) * v) @ X):
            best = max(best, nnls((signs[:, None] * X).T, -c)[1])
    return best


@pytest.mark.parametrize("seed", range(5))
def test_max_support_matches_brute_force(X, packed, seed):
    v = np.random.default_rng(seed).standard_normal(9)
    expected = brute_force_support(X, packed, v)
    assert max_support(X, packed, v, 1e-6, True, 1) == pytest.approx(expected, rel=1e-9)
    # it is an upper bound, and beta hides what is smaller
    directions = np.random.default_rng(0).standard_normal((5000, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    sampled = np.abs(np.maximum(directions @ X.T, 0.0) @ v).max()
    assert 0.9 * expected < sampled <= max_support(X, packed, v, 1e-6, True, 1)
    assert max_support(X, packed, v, 2.0 * expected, True, 1) == 2.0 * expected


def test_max_support_without_cones(X, packed):
    v = np.random.default_rng(0).standard_normal(9)
    masks = Cells(packed, 9).to_dense()
    expected = np.linalg.norm((masks * v) @ X, axis=1).max()
    assert max_support(X, packed, v, 1e-6, False, 1) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("cones", [True, False])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_solve_cone_program_matches_reference(loss, cones):
    X, y = gaussian_problem(8, 2, seed=3, loss=loss)
    X, patterns = fortran(X), generic_cells(X)
    rounds = []
    raw = solve(
        X, Cells.from_dense(patterns).packed, y, loss=loss, cones=cones, on_round=rounds.append
    )
    expected = reference_optimum(X, patterns, y, 0.1, loss=loss, cones=cones)
    assert raw["status"] == "converged"
    assert raw["objective"] == pytest.approx(expected, rel=1e-7)
    assert raw["lower_bound"] == pytest.approx(expected, rel=1e-7)
    assert raw["lower_bound"] <= raw["objective"]
    m = len(raw["cells"])
    shapes = [raw[name].shape for name in ("weights", "signs", "dual")]
    assert shapes == [(m, 2), (m,), (8, 1)]
    assert rounds == raw["history"]
    assert rounds[-1].keys() == {"round", "seconds", "objective", "lower_bound", "n_neurons"}
    if cones:  # every weight vector lies in the closure of its cell
        signs = np.where(patterns[raw["cells"]], 1.0, -1.0)
        assert (signs * (raw["weights"] @ X.T) > -1e-9).all()


def test_solve_cone_program_stops_after_the_rounds_given(X, packed):
    raw = solve(X, packed, np.arange(9.0), beta=1e-3, tol=1e-14, max_rounds=1)
    assert raw["status"] == "iteration_limit"
    assert raw["lower_bound"] < raw["objective"]


def test_exception_in_callback_reaches_the_caller(X, packed):
    def refuse(progress):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        solve(X, packed, np.arange(9.0), on_round=refuse)


def test_unknown_loss_is_a_value_error(X, packed):
    with pytest.raises(ValueError, match="loss"):
        solve(X, packed, np.arange(9.0), loss="cubic")


@pytest.mark.parametrize(
    "change",
    [
        lambda X: X.astype(np.float32),
        np.ascontiguousarray,
        lambda X: X.astype(np.int64),
        lambda X: X.astype(np.complex128),
        lambda X: X.tolist(),
        lambda X: X[None],
    ],
    ids=["float32", "C order", "int64", "complex", "list", "3-D"],
)
def test_other_matrices_are_refused_not_copied(X, packed, change):
    for call in (
        lambda X: core.enumerate_cells(core.Arrangement(X), "auto", True, 1),
        lambda X: core.count_cells(core.Arrangement(X), 1.0),
        lambda X: core.find_witnesses(X, packed, 1),
        lambda X: max_support(X, packed, np.ones(9), 1.0, True, 1),
        lambda X: solve(X, packed, np.ones(9)),
    ):
        call(X)
        with pytest.raises(TypeError):
            call(change(X))


def test_other_vectors_are_refused_not_copied(X, packed):
    for wrong in (np.ones(9, np.float32), np.ones(9, np.int64), np.ones(18)[::2], [1.0] * 9):
        with pytest.raises(TypeError):
            max_support(X, packed, wrong, 1.0, True, 1)


def test_other_packed_types_are_refused(X, packed):
    for wrong in (packed.astype(np.int64), packed.tolist()):
        with pytest.raises(TypeError):
            core.find_witnesses(X, wrong, 1)


@pytest.mark.parametrize("shape", [(4,), (4, 2), (4, 0)])
def test_packed_of_the_wrong_shape(X, shape):
    wrong = np.zeros(shape, np.uint64)
    for call in (
        lambda: core.find_witnesses(X, wrong, 1),
        lambda: core.project_onto_cell(X, wrong, np.ones(3)),
        lambda: max_support(X, wrong, np.ones(9), 1.0, True, 1),
        lambda: solve(X, wrong, np.ones(9)),
    ):
        with pytest.raises(ValueError, match=r"packed must have shape \(P, 1\) for 9 hyperplanes"):
            call()


@pytest.mark.parametrize("n_threads", [0, -1])
def test_fewer_than_one_thread(X, packed, n_threads):
    for call in (
        lambda: core.enumerate_cells(core.Arrangement(X), "auto", True, n_threads),
        lambda: core.locate_cells(X, X, n_threads),
        lambda: core.find_witnesses(X, packed, n_threads),
        lambda: max_support(X, packed, np.ones(9), 1.0, True, n_threads),
        lambda: solve(X, packed, np.ones(9), n_threads=n_threads),
    ):
        with pytest.raises(ValueError, match=f"n_threads must be at least 1, got {n_threads}"):
            call()
