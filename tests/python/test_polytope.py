"""Polytopes {c >= 0 : M c = M s} whose vertices are known."""

from itertools import permutations

import numpy as np
import pytest
from scipy.optimize import OptimizeResult, milp

from cvxnn.networks.optimal import _polytope
from cvxnn.networks.optimal._polytope import Polytope


def with_sum(rows, start):
    return Polytope(np.vstack([rows, np.ones(len(start))]), np.array(start), 1e-9)


def pairs(k):
    """Return a cube: shares of each of k pairs that add up to 1 / k."""
    return with_sum(np.repeat(np.eye(k), 2, axis=1), np.full(2 * k, 0.5 / k))


def doubly_stochastic():
    """Return Birkhoff's polytope of 3 by 3 matrices over 3, where vertices are degenerate."""
    rows = np.kron(np.eye(3), np.ones(3))
    columns = np.kron(np.ones(3), np.eye(3))
    return with_sum(np.vstack([rows, columns]), np.full(9, 1.0 / 9.0))


@pytest.mark.parametrize("k", [1, 2, 5])
def test_a_cube(k):
    cube = pairs(k)
    vertices = cube.vertices(2**k)
    assert cube.dimension == k
    assert len(vertices) == 2**k
    assert ((vertices == 0.0) | (np.abs(vertices - 1.0 / k) < 1e-14)).all()
    assert (vertices[:, ::2] != vertices[:, 1::2]).all()
    assert cube.ranges == pytest.approx(np.tile([0.0, 1.0 / k], (2 * k, 1)))
    assert cube.shortest() == pytest.approx(np.full(2 * k, 0.5 / k))
    with pytest.raises(ValueError, match=f"more than max_vertices={2**k - 1} vertices"):
        cube.vertices(2**k - 1)


def test_degenerate_vertices_are_listed_once():
    matrices = [np.eye(3)[list(order)].ravel() / 3.0 for order in permutations(range(3))]
    polytope = doubly_stochastic()
    assert polytope.dimension == 4
    assert polytope.vertices(6) == pytest.approx(np.array(matrices))
    # entries of the first row in one group, the others each for itself
    sparsest, proved = polytope.sparsest(np.r_[[0, 0, 0], np.arange(1, 7)], None)
    assert np.count_nonzero(sparsest) == 3
    assert proved


def test_the_fewest_groups_are_not_the_fewest_entries():
    # a third of the first and two of the second, or three entries of one group
    rows = np.array([[1.0, 0.0, 2.0, 0.0, -1.0], [0.0, 1.0, 0.0, 2.0, 0.0]])
    start = np.array([1.0, 2.0, 0.0, 0.0, 0.0]) / 3.0
    polytope = with_sum(rows, start)
    vertices = polytope.vertices(100)
    for groups in ([0, 1, 2, 2, 2], [0, 1, 2, 3, 4], [0, 0, 1, 2, 3]):
        sparsest, proved = polytope.sparsest(np.array(groups), None)
        counts = [len({g for g, c in zip(groups, vertex, strict=True) if c}) for vertex in vertices]
        assert proved
        assert len({g for g, c in zip(groups, sparsest, strict=True) if c}) == min(counts)


def test_members_that_are_no_vertices_are_moved_to_one(monkeypatch):
    # as rounding makes least squares end on dependent columns
    cube = pairs(4)
    monkeypatch.setattr(_polytope, "nnls", lambda *_: (cube.start, 0.0))
    vertex = cube.vertex_within(np.ones(8, dtype=np.bool_))
    assert sorted(vertex) == pytest.approx([0.0] * 4 + [0.25] * 4)
    assert cube.columns @ vertex == pytest.approx(cube.columns @ cube.start)


def test_entries_that_are_always_zero_do_not_count():
    # two equations of the sum of the first two, which leave nothing to the third
    polytope = with_sum([[1.0, 1.0, 2.0], [1.0, 1.0, 2.0]], [2.0 / 3.0, 1.0 / 3.0, 0.0])
    assert polytope.dimension == 1
    assert polytope.ranges[2] == pytest.approx([0.0, 0.0])
    assert polytope.shortest() == pytest.approx([0.5, 0.5, 0.0])
    sparsest, proved = polytope.sparsest(np.arange(3), None)
    assert sorted(sparsest) == pytest.approx([0.0, 0.0, 1.0])
    assert proved
    point = with_sum([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], [0.25, 0.75, 0.0])
    assert point.dimension == 0
    assert point.vertices(1) == pytest.approx(np.array([[0.25, 0.75, 0.0]]))


def test_the_shortest_member_on_the_boundary():
    # without the signs it would be (-0.11, 0.69, 0.42)
    polytope = with_sum([[3.0, 0.0, 1.0]], [0.0, 0.9, 0.1])
    found = polytope.shortest()
    candidates = polytope.vertices(2)
    steps = np.linspace(0.0, 1.0, 100_001)[:, None]
    line = steps * candidates[0] + (1.0 - steps) * candidates[1]
    assert len(candidates) == 2
    assert found.min() == 0.0
    assert found == pytest.approx(line[np.linalg.norm(line, axis=1).argmin()], abs=1e-5)


def test_groups_that_rounding_opens_are_refused(monkeypatch):
    answers = []

    def dishonest(cost, **options):
        result = milp(cost, **options)
        if not answers:  # a single entry, which is no member
            result.x = np.r_[np.zeros(len(cost) - 9), np.eye(9)[0]]
        answers.append(result.x)
        return result

    monkeypatch.setattr(_polytope, "milp", dishonest)
    sparsest, proved = doubly_stochastic().sparsest(np.arange(9), None)
    assert np.count_nonzero(sparsest) == 3
    assert proved
    assert len(answers) >= 2
    assert answers[-1] is None


def test_a_proof_that_takes_too_long(monkeypatch):
    monkeypatch.setattr(_polytope, "milp", lambda *_, **__: OptimizeResult(status=1, x=None))
    sparsest, proved = doubly_stochastic().sparsest(np.arange(9), 1.0)
    assert np.count_nonzero(sparsest) >= 3
    assert not proved
    assert not doubly_stochastic().sparsest(np.arange(9), 1e-300)[1]


def test_nothing():
    empty = Polytope(np.ones((3, 0)), np.zeros(0), 1e-9)
    assert empty.dimension == 0
    assert empty.vertices(1).shape == (1, 0)
    assert empty.sparsest(np.zeros(0, dtype=np.intp), None)[0].shape == (0,)
    assert empty.shortest().shape == (0,)
