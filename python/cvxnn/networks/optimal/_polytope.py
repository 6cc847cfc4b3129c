"""Members of a polytope {c >= 0 : M c = M s}: vertices, sparsest and shortest, its dimension."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from time import monotonic

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp, nnls

__all__ = ["Polytope", "TooManyVertices"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_DIAMETER = 2.0  # no two points with entries >= 0 of sum one are so far apart
_INFEASIBLE = 2  # a status of scipy.optimize.milp
_LP_OPTIONS = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


class TooManyVertices(ValueError):
    """A polytope has more vertices than the caller allows."""


@dataclass(frozen=True, eq=False)
class Polytope:
    """The members c >= 0 with M c = M s for one of them, s, given as floats of limited resolution.

    Columns of M have norms near one and a last entry of one, so that members have one sum. They are
    known up to `resolution`: singular values count as zero up to as much for each column, and so
    do entries of members, which sum to one.
    """

    columns: Array  # (k, m): M
    start: Array  # (m,): s
    resolution: float

    @property
    def size(self) -> int:
        """The number m of entries of a member."""
        return len(self.start)

    @property
    def slack(self) -> float:
        """How far from M s a point counts as a member: every entry may be off by the resolution."""
        return (1.0 + self.size) * self.resolution

    @cached_property
    def system(self) -> Array:
        """Orthonormal rows with the same null space as M, but for rounding, shape (rank, m)."""
        rank, right = _row_space(self.columns, self.resolution)
        return np.asarray(right[:rank])

    @cached_property
    def null_space(self) -> Array:
        """Orthonormal directions along which M does not change, as columns."""
        return _null_space(self.columns, self.resolution)

    @cached_property
    def ranges(self) -> Array:
        """The least and the largest value of each entry, shape (m, 2)."""
        if self.null_space.shape[1] == 0:
            return np.column_stack([self.start, self.start])
        ends = [(self._extreme(b, 1.0), -self._extreme(b, -1.0)) for b in range(self.size)]
        return np.asarray(np.clip(ends, 0.0, 1.0))

    @property
    def dimension(self) -> int:
        """The dimension: of the null space of those columns that some member uses."""
        used = self.ranges[:, 1] > self.resolution
        return int(_null_space(self.columns[:, used], self.resolution).shape[1])

    def _extreme(self, entry: int, sign: float) -> float:
        """Return the least value of sign * c[entry]."""
        cost = np.zeros(self.size)
        cost[entry] = sign
        found = linprog(
            cost,
            A_eq=self.system,
            b_eq=self.system @ self.start,
            method="highs-ds",
            options=_LP_OPTIONS,
        )
        # the start is a member, and what is left of it where linear programming gives up
        return sign * float(self.start[entry]) if found.x is None else float(found.fun)

    def vertex_within(self, allowed: Mask) -> Array | None:
        """Return a vertex whose support is among the entries allowed, or None if there is none."""
        target = self.system @ self.start
        vertex = np.zeros(self.size)
        error = float(np.linalg.norm(target))
        if allowed.any():  # nnls does not take a matrix without columns
            vertex[allowed], error = nnls(self.system[:, allowed], target)
        if error > self.slack:
            return None
        vertex = self._walked_to_vertex(vertex)
        used = vertex > self.resolution
        vertex = np.zeros(self.size)
        vertex[used] = np.linalg.lstsq(self.system[:, used], target, rcond=None)[0]
        return np.maximum(vertex, 0.0)

    def _walked_to_vertex(self, member: Array) -> Array:
        """Go along null vectors of the columns in use, each to where an entry vanishes."""
        member = np.where(member > self.resolution, member, 0.0)
        while True:
            used = np.flatnonzero(member)
            null = _null_space(self.columns[:, used], self.resolution)
            if null.shape[1] == 0:
                return member
            step = null[:, 0] if null[:, 0].min() < 0.0 else -null[:, 0]
            falls = np.flatnonzero(step < 0.0)
            reach = member[used[falls]] / -step[falls]
            member[used] = np.maximum(0.0, member[used] + reach.min() * step)
            member[used[falls[reach.argmin()]]] = 0.0

    def vertices(self, limit: int) -> Array:
        """List all vertices, at most `limit`, as rows in lexicographic order of their supports.

        No support of a vertex contains that of another. So all vertices but a known one lack an
        entry of its support, and are searched for once: by which is the first that they lack.
        """
        found: dict[bytes, Array] = {}
        pending: list[tuple[Mask, Mask]] = [
            (np.ones(self.size, np.bool_), np.zeros(self.size, np.bool_))
        ]
        while pending:
            allowed, required = pending.pop()
            vertex = self.vertex_within(allowed)
            if vertex is None:
                continue
            support = vertex > 0.0
            found[support.tobytes()] = vertex
            if len(found) > limit:
                raise TooManyVertices(f"there are more than max_vertices={limit:,} vertices")
            for entry in np.flatnonzero(support & ~required):
                without = allowed.copy()
                without[entry] = False
                pending.append((without, required))
                required = required.copy()
                required[entry] = True
        rows = np.array(list(found.values())).reshape(len(found), self.size)
        return rows[np.lexsort(rows.T[::-1] > 0.0)[::-1]] if self.size else rows

    def sparsest(self, groups: NDArray[np.intp], max_seconds: float | None) -> tuple[Array, bool]:
        """Return a vertex that uses the fewest groups of entries, and whether that is proved.

        An integer program asks for a member with fewer groups than the best vertex so far, until
        there is none. Its solvers let entries of groups that are not open pass for zero if they are
        small; groups that hold no member are therefore refused, and it is solved again.
        """
        best = self.vertex_within(np.ones(self.size, np.bool_))
        if best is None or self.null_space.shape[1] == 0:
            return self.start, True
        end = np.inf if max_seconds is None else monotonic() + max_seconds
        program = _FewerGroups.of(self, groups)
        refused: list[Mask] = []
        while (left := end - monotonic()) > 0.0:
            status, opened = program.solve(len(np.unique(groups[best > 0.0])) - 1, refused, left)
            if opened is None:
                return best, status == _INFEASIBLE
            vertex = self.vertex_within(np.isin(groups, np.flatnonzero(opened)))
            if vertex is None:
                refused.append(opened)
            else:
                best = vertex
        return best, False

    def shortest(self) -> Array:
        """Return the member of least Euclidean norm, by least distance programming.

        With N the null space and p the shortest point of all with M p = M s, members are p + N z,
        and the least ||z|| with N z >= -p is a non-negative least squares problem (Lawson and
        Hanson 1974, chapter 23).
        """
        shortest = np.zeros(self.size)
        used = self.ranges[:, 1] > self.resolution  # the others are zero
        null = _null_space(self.columns[:, used], self.resolution)
        lowest = self.start[used] - null @ (null.T @ self.start[used])
        shortest[used] = lowest
        if null.shape[1] == 0 or lowest.min() >= 0.0:
            return shortest
        stacked = np.vstack([null.T, -lowest])
        unit = np.r_[np.zeros(null.shape[1]), 1.0]
        multipliers, _ = nnls(stacked, unit)
        residual = stacked @ multipliers - unit
        shortest[used] = np.maximum(0.0, lowest - null @ (residual[:-1] / residual[-1]))
        return shortest


@dataclass(frozen=True, eq=False)
class _FewerGroups:
    """Which groups to open such that a member lives on them: variables z, and 0 or 1 for each.

    Members are s + N z, whose entries are at least zero and, in groups that are not open, at most.
    """

    steps: Array  # (m, k): N, rows over the largest value of their entry
    start: Array  # (m,): s over the same
    member_of: Array  # (m, groups): one where the entry is in the group

    @classmethod
    def of(cls, polytope: Polytope, groups: NDArray[np.intp]) -> _FewerGroups:
        largest = polytope.ranges[:, 1]
        used = largest > polytope.resolution
        null = _null_space(polytope.columns[:, used], polytope.resolution)
        scale = largest[used, None]
        member_of = np.eye(int(groups.max()) + 1)[groups[used]]
        return cls(null / scale, polytope.start[used] / scale[:, 0], member_of)

    def solve(self, most: int, refused: list[Mask], max_seconds: float) -> tuple[int, Mask | None]:
        """Return the status of the solver, and the groups opened if there are at most `most`."""
        k, n_groups = self.steps.shape[1], self.member_of.shape[1]
        counted = np.r_[np.zeros(k), np.ones(n_groups)]
        closed = np.array([np.r_[np.zeros(k), ~opened] for opened in refused])
        constraints = [
            LinearConstraint(np.pad(self.steps, ((0, 0), (0, n_groups))), lb=-self.start),
            LinearConstraint(np.hstack([self.steps, -self.member_of]), ub=-self.start),
            LinearConstraint(counted[None], ub=most),
            LinearConstraint(closed.reshape(-1, k + n_groups), lb=1.0),
        ]
        lowest, highest = np.where(counted, 0.0, -_DIAMETER), np.where(counted, 1.0, _DIAMETER)
        found = milp(
            counted,
            constraints=constraints if refused else constraints[:-1],
            integrality=counted,
            bounds=Bounds(lowest, highest),
            options={"time_limit": max_seconds} if np.isfinite(max_seconds) else None,
        )
        return int(found.status), None if found.x is None else found.x[k:] > 0.5


def _row_space(columns: Array, resolution: float) -> tuple[int, Array]:
    """Return the rank, and orthonormal rows: that many of the row space, then the null space."""
    if columns.shape[1] == 0:
        return 0, np.zeros((0, 0))
    _, values, right = np.linalg.svd(columns)
    return int(np.sum(values > np.sqrt(columns.shape[1]) * resolution)), right


def _null_space(columns: Array, resolution: float) -> Array:
    rank, right = _row_space(columns, resolution)
    return np.asarray(right[rank:].T)
