"""How likely random directions are to lie in given cells, and how many it takes to meet them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from cvxnn._checks import positive_integer
from cvxnn._threads import thread_count
from cvxnn.arrangements import _bits
from cvxnn.arrangements._cells import Cells
from cvxnn.arrangements._input import Hyperplanes, as_hyperplanes

__all__ = ["cell_probabilities", "draws_needed"]

Array = NDArray[np.float64]

_BATCH = 1 << 16  # points
_LEAST = 1e-300  # probability for which draws can be counted


def cell_probabilities(
    X: ArrayLike,
    cells: Cells,
    *,
    n_draws: int = 1_000_000,
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
) -> tuple[Array, Array]:
    """Return the probabilities that a standard normal vector lies in each of some cells.

    These are the shares of the sphere that the cells take up (Ergen and Pilanci, arXiv 2312.12657).
    In the plane they are computed from angles, elsewhere estimated by drawing.

    Parameters
    ----------
    X : array-like of shape (n, d)
        One normal per hyperplane of a central arrangement.
    cells : Cells
        P of its cells.
    n_draws : int, default=1_000_000
        How many vectors to draw, for d > 2.
    random_state : int or numpy.random.RandomState, optional
        Source of randomness.
    n_jobs : int, optional
        Threads; None means all processors. The result does not depend on it.

    Returns
    -------
    probabilities : ndarray of shape (P,)
        The shares of the sphere; zero for a pattern that is none of a cell, or was not met.
    standard_errors : ndarray of shape (P,)
        Of the estimates; zero in the plane. Those of cells that were not met are as if they had
        been met once.

    Raises
    ------
    ValueError
        If an argument is not acceptable; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn.arrangements import cell_probabilities, enumerate_cells
    >>> X = np.array([[1.0, 0.0], [1.0, 1.0]])
    >>> cells = enumerate_cells(X)
    >>> probabilities, _ = cell_probabilities(X, cells)
    >>> np.round(np.sort(probabilities), 6)
    array([0.125, 0.125, 0.375, 0.375])
    """
    hyperplanes = as_hyperplanes(X)
    if not isinstance(cells, Cells):
        raise ValueError(f"cells must be Cells, got {type(cells).__name__}")
    if cells.n_hyperplanes != hyperplanes.n_hyperplanes:
        raise ValueError(
            f"cells has {cells.n_hyperplanes} hyperplanes, but X has {hyperplanes.n_hyperplanes}"
        )
    count = positive_integer("n_draws", n_draws)
    n_threads = thread_count(n_jobs)
    if hyperplanes.dimension == 2:
        return _by_angles(hyperplanes, cells, n_threads), np.zeros(len(cells))
    met = np.zeros(len(cells))
    random = check_random_state(random_state)
    for begin in range(0, count, _BATCH):
        points = random.standard_normal((min(_BATCH, count - begin), hyperplanes.dimension))
        met += _counts(hyperplanes, points, np.ones(len(points)), cells, n_threads)
    shares = met / count
    at_least_once = np.maximum(shares, 1.0 / count)
    return shares, np.sqrt(at_least_once * (1.0 - np.minimum(at_least_once, 0.5)) / count)


def draws_needed(probabilities: ArrayLike, delta: float = 0.05) -> int:
    """Return how many independent draws meet every one of some cells with probability 1 - delta.

    The least N with ``sum_i (1 - p_i)^N <= delta``. Sampled cells that hold all those of an optimal
    network give its objective (Ergen and Pilanci, arXiv 2312.12657).

    Parameters
    ----------
    probabilities : array-like of shape (P,)
        Of meeting each cell in one draw, as from `cell_probabilities`.
    delta : float, default=0.05
        Probability of missing one that is allowed.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If a probability is not above 0 (from 1e-300) and at most 1, or delta not between 0 and 1.

    Examples
    --------
    >>> from cvxnn.arrangements import draws_needed
    >>> draws_needed([0.5, 0.5], delta=0.01)
    8
    """
    shares = np.asarray(probabilities, dtype=np.float64)
    if shares.ndim != 1 or not np.all((shares >= _LEAST) & (shares <= 1.0)):
        raise ValueError(f"probabilities must be numbers from {_LEAST:g} to 1")
    if not 0.0 < delta < 1.0:
        raise ValueError(f"delta must be between 0 and 1, got {delta!r}")
    if len(shares) == 0:
        return 0
    with np.errstate(divide="ignore"):
        rates = np.log1p(-shares)

    def misses(draws: int) -> float:
        return float(np.exp(draws * rates).sum())

    high = 1
    while misses(high) > delta:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if misses(middle) > delta else (low, middle)
    return high


def _by_angles(hyperplanes: Hyperplanes, cells: Cells, n_threads: int) -> Array:
    """Add up the arcs between the lines of an arrangement in the plane."""
    rows = hyperplanes.rows[hyperplanes.rows.any(axis=1)]
    normals = np.arctan2(rows[:, 1], rows[:, 0]) + np.pi / 2.0
    ends = np.unique(np.concatenate([normals, normals + np.pi]) % (2.0 * np.pi))
    arcs = np.diff(ends, append=ends[0] + 2.0 * np.pi)
    middles = ends + 0.5 * arcs
    points = np.column_stack([np.cos(middles), np.sin(middles)])
    return _counts(hyperplanes, points, arcs / (2.0 * np.pi), cells, n_threads)


def _counts(
    hyperplanes: Hyperplanes, points: Array, weights: Array, cells: Cells, n_threads: int
) -> Array:
    """Add up the weights of the points in each of the cells."""
    packed = hyperplanes.locate(points, n_threads)[0]
    keys = _bits.sort_keys(packed)
    wanted, which = np.unique(_bits.sort_keys(cells.packed), return_inverse=True)
    at = np.searchsorted(wanted, keys)
    inside = at < len(wanted)
    found, weights = at[inside], weights[inside]
    same = wanted[found] == keys[inside]
    sums = np.bincount(found[same], weights[same], len(wanted)).astype(np.float64)
    return sums[which.ravel()]
