"""Distinct cells drawn at random."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn._native import core
from cvxnn._threads import thread_count
from cvxnn.arrangements import _bits
from cvxnn.arrangements._cells import Cells
from cvxnn.arrangements._counting import exact_count, zaslavsky_bound
from cvxnn.arrangements._input import Hyperplanes, as_hyperplanes
from cvxnn.arrangements._vertices import points_near_vertices

__all__ = ["sample_cells", "sample_normals"]

Points = NDArray[np.float64]
Draw = Callable[[int], Points]

_METHODS = ("gaussian", "uniform", "data")
_BATCH_BYTES = 1 << 25
_LISTED = 2_000_000  # cells that are listed to choose from them


def sample_cells(
    X: ArrayLike,
    n_cells: int,
    *,
    offset: ArrayLike | None = None,
    method: str = "gaussian",
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> Cells:
    """Draw distinct cells at random.

    Where the arrangement has fewer cells than asked for, or the rest are next to never met, fewer
    are returned.

    Parameters
    ----------
    X : array-like of shape (n, d)
        One normal per hyperplane.
    n_cells : int
        How many distinct cells to draw.
    offset : array-like of shape (n,), optional
        The b_k of hyperplanes ``{u : x_k . u + b_k = 0}``; None means zeros.
    method : {"gaussian", "uniform", "data"}, default="gaussian"
        "gaussian" draws standard normal vectors u, and so cells with probability proportional to
        their solid angle; with offsets, it draws (u, t) and takes u / t, so that the solid angle is
        that of the cone over the cell. "data" takes a line, or with offsets a point, where as many
        hyperplanes meet as it takes, chosen at random, and steps into one of the cells around it.
        "uniform" gives every cell the same chance.
    random_state : int or numpy.random.RandomState, optional
        Source of randomness.
    n_jobs : int, optional
        Threads; None means all processors. The result does not depend on it.

    Returns
    -------
    Cells
        In the order in which they were first met, with the drawn points as `witnesses` (None for
        "uniform").

    References
    ----------
    Pilanci and Ergen, Neural networks are convex regularizers, arXiv 2002.10553.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn.arrangements import sample_cells
    >>> sample_cells(np.eye(3), 100, random_state=0)
    Cells(n_cells=8, n_hyperplanes=3)
    >>> len(sample_cells(np.eye(3), 5, method="uniform", random_state=0))
    5
    """
    from sklearn.utils import check_random_state

    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(_METHODS)}, got {method!r}")
    _check_number(n_cells)
    hyperplanes = as_hyperplanes(X, offset)
    random = check_random_state(random_state)
    n_threads = thread_count(n_jobs)
    if method == "uniform":
        return _uniform(hyperplanes, n_cells, random, n_threads)
    if method == "data" and hyperplanes.arrangement.rank > 1:  # else there is nothing to meet in
        draw = points_near_vertices(hyperplanes, random)
    else:
        draw = _gaussian(hyperplanes, random)
    return _distinct(hyperplanes, n_cells, draw, n_threads)


def sample_normals(
    normals: Points, n_cells: int, random_state: int | np.random.RandomState | None, n_threads: int
) -> Cells:
    """Draw cells by the Gaussian law for checked samples, which may all be zero."""
    from sklearn.utils import check_random_state

    hyperplanes = Hyperplanes(normals, affine=False)
    draw = _gaussian(hyperplanes, check_random_state(random_state))
    return _distinct(hyperplanes, n_cells, draw, n_threads)


def _gaussian(hyperplanes: Hyperplanes, random: np.random.RandomState) -> Draw:
    def draw(n_points: int) -> Points:
        points = random.standard_normal((n_points, hyperplanes.rows.shape[1]))
        return points[:, :-1] / points[:, -1:] if hyperplanes.affine else points

    return draw


def _distinct(hyperplanes: Hyperplanes, n_cells: int, draw: Draw, n_threads: int) -> Cells:
    """Locate points until enough different cells were met, or a batch meets hardly any new one."""
    n_words = _bits.words_for(hyperplanes.n_hyperplanes)
    largest = max(64, _BATCH_BYTES // (8 * (n_words + hyperplanes.dimension)))
    patterns = np.empty((0, n_words), dtype=np.uint64)
    witnesses = np.empty((0, hyperplanes.dimension))
    unproductive = 0
    while len(patterns) < n_cells and unproductive < 4:
        batch = min(max(64, 2 * (n_cells - len(patterns))), largest)
        points = draw(batch)
        packed, interior = hyperplanes.locate(points, n_threads)
        before = len(patterns)
        patterns = np.concatenate([patterns, packed[interior]])
        witnesses = np.concatenate([witnesses, points[interior]])
        first = _bits.first_met(patterns)[:n_cells]
        patterns, witnesses = patterns[first], witnesses[first]
        # a batch that meets next to nothing new says that the rest is out of reach
        unproductive = unproductive + 1 if len(patterns) - before <= batch // 1000 else 0
    return Cells(patterns, hyperplanes.n_hyperplanes, witnesses, hyperplanes.representatives)


def _uniform(
    hyperplanes: Hyperplanes, n_cells: int, random: np.random.RandomState, n_threads: int
) -> Cells:
    arrangement = hyperplanes.arrangement
    if _few(arrangement):
        packed = core.enumerate_cells(arrangement, "auto", True, n_threads)
        packed = packed[random.permutation(len(packed))[:n_cells]]
    else:
        packed = _uniform_unlisted(arrangement, n_cells, random)
    return Cells(packed, hyperplanes.n_hyperplanes, None, hyperplanes.representatives)


def _few(arrangement: core.Arrangement) -> bool:
    """Tell whether the cells can be listed to choose from them."""
    if zaslavsky_bound(arrangement.n_distinct, arrangement.rank) <= _LISTED:
        return True
    count = exact_count(arrangement)
    return count is not None and count <= _LISTED


def _uniform_unlisted(
    arrangement: core.Arrangement, n_cells: int, random: np.random.RandomState
) -> NDArray[np.uint64]:
    """Draw cells one by one, by the numbers of cells of parts of the arrangement."""
    return core.uniform_cells(arrangement, n_cells, int(random.randint(2**31)))


def _check_number(n_cells: object) -> None:
    is_integer = isinstance(n_cells, (int, np.integer)) and not isinstance(n_cells, bool)
    if not is_integer or n_cells < 1:  # type: ignore[operator]
        raise ValueError(f"n_cells must be a positive integer, got {n_cells!r}")
