"""Blocks in cones that are given as matrices, against the same programs in cvxpy."""

import numpy as np
import pytest

from cvxnn._native import core
from cvxnn.arrangements import enumerate_cells

cp = pytest.importorskip("cvxpy")

BETA = 0.3


def two_layer_blocks(random, n=7, d=3):
    """Both signs of every cell of random data: outputs and cones."""
    X = random.standard_normal((n, d))
    patterns = enumerate_cells(X).to_dense()[:12]
    masked = patterns[:, :, None] * X
    cones = np.where(patterns[:, :, None], X, -X)
    return np.concatenate([masked, -masked]), np.concatenate([cones, cones])


def solve(outputs, cones, y, **options):
    settings = {"loss": "squared", "beta": BETA, "tol": 1e-9, "max_rounds": 300}
    settings |= {"max_seconds": np.inf, "n_threads": 1} | options
    interiors = core.block_interiors(cones, n_threads=1)
    y = np.asfortranarray(y.reshape(len(y), -1))
    weight = np.ones(len(y))
    return core.solve_block_program(
        outputs, cones, np.asfortranarray(interiors), y, weight, **settings
    )


def optimum(outputs, cones, loss, norm):
    """The same by Clarabel: `loss` and `norm` of cvxpy expressions."""
    vectors = [cp.Variable(outputs.shape[2]) for _ in outputs]
    f = sum(A @ u for A, u in zip(outputs, vectors, strict=True))
    inside = [C @ u >= 0 for C, u in zip(cones, vectors, strict=True)]
    problem = cp.Problem(cp.Minimize(loss(f) + BETA * sum(map(norm, vectors))), inside)
    return problem.solve(solver="CLARABEL", tol_gap_abs=1e-8, tol_gap_rel=1e-8)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "parts, norm", [(1, cp.norm2), (4, cp.norm1), (2, lambda u: cp.norm2(u[:2]) + cp.norm2(u[2:]))]
)
def test_sums_of_norms(seed, parts, norm):
    random = np.random.default_rng(seed)
    outputs, cones = two_layer_blocks(random, d=4)
    y = random.standard_normal(7)
    raw = solve(outputs, cones, y, parts=parts)
    assert raw["status"] == "converged"
    expected = optimum(outputs, cones, lambda f: 0.5 * cp.sum_squares(f - y), norm)
    assert raw["objective"] == pytest.approx(expected, rel=1e-7)
    assert raw["lower_bound"] == pytest.approx(expected, rel=1e-7)
    assert np.all(cones @ raw["vectors"][:, :, None] >= -1e-12)
    supports = core.price_blocks(
        outputs, cones, raw["dual"][:, 0], threshold=BETA, parts=parts, n_threads=2
    )
    assert supports.shape == (len(outputs),)
    assert supports.max() == pytest.approx(BETA, rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_largest_modulus_by_one_more_entry(seed):
    random = np.random.default_rng(seed)
    outputs, cones = two_layer_blocks(random)
    y = random.standard_normal(7)
    n_blocks, _, d = outputs.shape
    sides = np.column_stack([np.ones(2 * d), np.concatenate([np.eye(d), -np.eye(d)])])
    wider = np.pad(outputs, [(0, 0), (0, 0), (1, 0)])
    walls = np.pad(cones, [(0, 0), (0, 0), (1, 0)])
    walls = np.concatenate([walls, np.broadcast_to(sides, (n_blocks, *sides.shape))], axis=1)
    raw = solve(wider, walls, y, parts=1, n_free=d)
    assert raw["status"] == "converged"
    expected = optimum(outputs, cones, lambda f: 0.5 * cp.sum_squares(f - y), cp.norm_inf)
    assert raw["objective"] == pytest.approx(expected, rel=1e-7)
    assert raw["lower_bound"] == pytest.approx(expected, rel=1e-7)
    supports = core.price_blocks(
        wider, walls, raw["dual"][:, 0], threshold=BETA, n_free=d, n_threads=1
    )
    assert supports.max() == pytest.approx(BETA, rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("loss", ["squared", "multinomial"])
@pytest.mark.parametrize("free_offset", [False, True])
def test_blocks_reach_every_target(seed, loss, free_offset):
    random = np.random.default_rng(seed)
    outputs, cones = two_layer_blocks(random, n=8, d=2)
    directions = random.standard_normal((len(outputs), 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    joint = np.ascontiguousarray(
        (directions[:, :, None, None] * outputs[:, None]).reshape(len(outputs), 24, 2)
    )
    y = np.eye(3)[random.integers(3, size=8)]
    raw = solve(joint, cones, y, loss=loss, free_offset=free_offset)
    assert raw["status"] == "converged"
    offset = cp.Variable(3) if free_offset else np.zeros(3)

    def value(f):
        scores = cp.reshape(f, (8, 3), order="F") + np.ones((8, 1)) @ cp.reshape(
            offset, (1, 3), order="F"
        )
        if loss == "squared":
            return 0.5 * cp.sum_squares(scores - y)
        return cp.sum(cp.log_sum_exp(scores, axis=1)) - cp.sum(cp.multiply(y, scores))

    expected = optimum(joint, cones, value, cp.norm2)
    assert raw["objective"] == pytest.approx(expected, rel=1e-7)
    assert raw["lower_bound"] == pytest.approx(expected, rel=1e-7)


def test_cones_without_interior():
    cones = np.array([[[1.0, 0.0], [-1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]])
    interiors = core.block_interiors(cones, n_threads=1)
    np.testing.assert_array_equal(interiors[0], 0.0)
    np.testing.assert_allclose(interiors[1], np.sqrt([0.5, 0.5]), rtol=1e-9)


@pytest.mark.parametrize(
    "options, message",
    [({"parts": 2}, "parts"), ({"parts": 0}, "parts"), ({"n_free": 3}, "parts")],
)
def test_refuses_parts(options, message):
    outputs, cones = two_layer_blocks(np.random.default_rng(0))
    with pytest.raises(ValueError, match=message):
        solve(outputs, cones, np.ones(7), **options)


def test_refuses_shapes():
    outputs, cones = two_layer_blocks(np.random.default_rng(0))
    with pytest.raises(ValueError, match="as many blocks"):
        core.price_blocks(outputs[:2], cones, np.ones(7), threshold=1.0, n_threads=1)
    with pytest.raises(ValueError, match="entry of v"):
        core.price_blocks(outputs, cones, np.ones(6), threshold=1.0, n_threads=1)
    with pytest.raises(ValueError, match="entry of y"):
        solve(outputs, cones, np.ones(6))
