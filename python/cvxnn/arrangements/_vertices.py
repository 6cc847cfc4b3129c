"""Points in the cells around vertices of an arrangement, or around its extreme rays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cvxnn.arrangements._input import Hyperplanes

__all__ = ["points_near_vertices"]

Points = NDArray[np.float64]

_ROUNDING = 1e-9  # relative; what is smaller counts as zero
_MOST = 256  # systems of equations solved at a time
_ENTRIES = 1 << 20


def points_near_vertices(
    hyperplanes: Hyperplanes, random: np.random.RandomState
) -> Callable[[int], Points]:
    """Return what draws points near random lines (or, if affine, points) of the arrangement.

    In the space of homogeneous rows, of rank r, the line where r - 1 hyperplanes meet is found in
    double precision, and left by a step that is shorter than the way to any hyperplane beyond, to
    the sides of the r - 1 hyperplanes that random signs choose. In which cell the point really is
    must be asked of `Hyperplanes.locate`: rounding may spoil the choice but not the answer.
    """
    rank = hyperplanes.arrangement.rank
    sources = np.asarray(hyperplanes.arrangement.sources())
    nonzero = np.flatnonzero(sources >= 0)
    distinct = nonzero[np.unique(sources[nonzero], return_index=True)[1]]
    rows = hyperplanes.rows[distinct]
    if hyperplanes.affine:
        rows = rows[rows[:, :-1].any(axis=1)]
    n_rows = len(rows)  # to choose from
    if hyperplanes.affine:
        rows = np.vstack([rows, np.eye(1, rows.shape[1], rows.shape[1] - 1)])  # infinity
    _, exponents = np.frexp(np.max(np.abs(rows), axis=0, initial=0.0))
    rows = np.ldexp(rows, -exponents)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    basis = np.linalg.svd(rows, full_matrices=False)[2][:rank]
    reduced = rows @ basis.T  # the same arrangement in as many dimensions as its rank

    size = max(1, min(_MOST, _ENTRIES // (rank * rank + len(rows))))

    def draw(n_points: int) -> Points:
        # always as many at a time, so that the points do not depend on how many are asked for
        return np.concatenate([draw_some() for _ in range(0, n_points, size)])

    def draw_some() -> Points:
        chosen = reduced[_choices(random, size, n_rows, rank - 1)]
        line, step = _meet(chosen, random)
        away = _step_length(reduced, line, step)
        points = np.ldexp((line + away[:, None] * step) @ basis, -exponents)
        usable = away > 0.0
        if hyperplanes.affine:
            usable &= np.abs(line @ reduced[-1]) > _ROUNDING  # they do meet, not only at infinity
            with np.errstate(all="ignore"):
                points = points[:, :-1] / points[:, -1:]
        near: Points = points[usable & np.isfinite(points).all(axis=1)]
        return near

    return draw


def _choices(
    random: np.random.RandomState, n_points: int, n_rows: int, size: int
) -> NDArray[np.intp]:
    """Draw `size` different rows for each point."""
    if 2 * size > n_rows or n_rows <= 64:
        return np.argsort(random.random_sample((n_points, n_rows)), axis=1)[:, :size]
    chosen = random.randint(n_rows, size=(n_points, size))
    for _ in range(64):  # few repeat: draw those again
        repeats = np.flatnonzero((np.diff(np.sort(chosen, axis=1), axis=1) == 0).any(axis=1))
        if len(repeats) == 0:
            break
        chosen[repeats] = random.randint(n_rows, size=(len(repeats), size))
    return chosen


def _meet(chosen: Points, random: np.random.RandomState) -> tuple[Points, Points]:
    """Return a direction of the line where each set of rows meets, and a step off all of them.

    The step has random signs on the rows; a set of dependent rows gets no step.
    """
    n_points, size = chosen.shape[:2]
    orthogonal, triangle = np.linalg.qr(chosen.transpose(0, 2, 1), mode="complete")
    triangle = triangle[:, :size].transpose(0, 2, 1)
    line = orthogonal[:, :, -1] * random.choice((-1.0, 1.0), size=(n_points, 1))
    signs = random.choice((-1.0, 1.0), size=(n_points, size))
    pivots = np.abs(np.diagonal(triangle, axis1=1, axis2=2))
    dependent = np.min(pivots, axis=1) <= _ROUNDING
    triangle[dependent] = np.eye(size)
    coefficients = np.linalg.solve(triangle, signs[:, :, None])
    step = (orthogonal[:, :, :size] @ coefficients)[:, :, 0]
    step[dependent] = 0.0
    return line, step


def _step_length(rows: Points, line: Points, step: Points) -> NDArray[np.float64]:
    """Half of the way to the first hyperplane that does not hold the line."""
    values = line @ rows.T
    changes = np.abs(step @ rows.T)
    with np.errstate(divide="ignore", invalid="ignore"):
        ways = np.where(np.abs(values) > _ROUNDING, np.abs(values) / changes, np.inf)
    length = 0.5 * np.min(ways, axis=1)
    return np.where(step.any(axis=1), np.minimum(length, 1.0), 0.0)
