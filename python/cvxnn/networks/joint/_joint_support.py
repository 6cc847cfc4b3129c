"""What a neuron that adds to several outputs can gain, from what one of a single output can."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

__all__ = ["JointBound", "joint_support"]

Array = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)
_NEGLIGIBLE = 1e-12  # singular values of V, against the largest
_MOST_DIMENSIONS = 6  # in which cones are cut
_LOW = 0.85  # of the highest value: lower ones need not be known, cones of 45 degrees are below


@dataclass(frozen=True, eq=False)
class JointBound:
    """An upper bound on a maximum over directions of the outputs, and the best of them found."""

    upper: float
    direction: Array  # (C,)


def joint_support(
    support: Callable[[Array, float], float],
    V: Array,
    floor: float,
    *,
    reach: float,
    tol: float,
    most: int,
) -> JointBound:
    """Bound ``max ||V' h||`` over the outputs h of neurons, or the floor if that is larger.

    The maximum is that of ``s(g) = max_h |h . V g|`` over unit vectors g. Since s is convex and
    grows with the length of its argument, on the cone of some vectors g_i it is at most the linear
    function that has its values there, and the largest of that over unit vectors is the norm of a
    projection. Such cones are cut in two until their bounds are low enough: branch and bound in as
    many dimensions as there are outputs, up to six.

    Parameters
    ----------
    support : callable
        An upper bound on s(g), from v = V g and a floor below which it is not resolved.
    V : ndarray of shape (n, C)
    floor : float
        Maxima below are of no interest.
    reach : float
        No ``||h||`` is larger.
    tol : float
        How far the bound may stay above the highest value seen or the floor, relative.
    most : int
        Values of s to look at before the search ends with the bound it has.

    Returns
    -------
    JointBound
    """
    _, sizes, right = np.linalg.svd(V, full_matrices=False)
    if not sizes[0] > 0.0:
        return JointBound(floor, np.eye(V.shape[1])[0])
    rank = int(np.count_nonzero(sizes > _NEGLIGIBLE * sizes[0]))
    axes = right[:rank]
    # of directions left out, and of rounding in V g
    left_out = float(sizes[rank]) if rank < len(sizes) else 0.0
    rounding = (V.shape[1] + 4) * _EPS * float(np.linalg.norm(V))
    beyond = reach * (left_out + rounding)

    def value(point: Array, least: float) -> float:
        return float(support(V @ (point @ axes), max(0.0, least - beyond)) + beyond)

    points = [*np.eye(rank)]
    values = [value(point, floor / float(np.sqrt(rank))) for point in points]
    if rank == 1 or rank > _MOST_DIMENSIONS or most <= rank:
        unit = max(values) or 1.0
        length = unit * float(np.linalg.norm(np.array(values) / unit))
        upper = max(floor, length * (1.0 + rank * _EPS))
        return JointBound(upper, axes[int(np.argmax(values))])
    heap: list[tuple[float, int, Array, Array]] = []
    for signs in np.ndindex(*(1,) + (2,) * (rank - 1)):  # opposite cones have the same bound
        corners = np.eye(rank) * np.where(np.array(signs) == 0, 1.0, -1.0)[:, None]
        bound = _bound_on(corners, np.array(values))
        heapq.heappush(heap, (-bound, len(heap), corners, np.array(values)))
    count = len(heap)
    for _ in range(most - rank):
        best = max(floor, *values)
        bound, _, corners, heights = heap[0]
        if -bound <= best * (1.0 + tol):
            break
        heapq.heappop(heap)
        i, j = _longest_edge(corners)
        middle = corners[i] + corners[j]
        middle /= np.linalg.norm(middle)
        points.append(middle)
        values.append(value(middle, _LOW * best))
        for replaced in (i, j):
            half, raised = corners.copy(), heights.copy()
            half[replaced], raised[replaced] = middle, values[-1]
            lower = min(-bound, _bound_on(half, raised))
            heapq.heappush(heap, (-lower, count, half, raised))
            count += 1
    return JointBound(max(floor, -heap[0][0]), points[int(np.argmax(values))] @ axes)


def _longest_edge(corners: Array) -> tuple[int, int]:
    products = corners @ corners.T
    products[np.diag_indices(len(corners))] = np.inf
    i, j = np.unravel_index(np.argmin(products), products.shape)
    return int(i), int(j)


def _bound_on(corners: Array, heights: Array) -> float:
    """Bound a convex function of degree one over the unit vectors of a cone, from its corners.

    With w . g_i its values at the corners g_i, it is at most w . g. And w is its projection p onto
    the cone plus q with q . g_i <= 0, so that is at most ||p||. Corners are at right angles or
    less, hence unit vectors in the cone are sums of the g_i with weights of sum sqrt(C) at most, by
    which what rounding leaves of these conditions counts.
    """
    unit = float(heights.max()) or 1.0
    heights = heights / unit
    try:
        w = np.linalg.solve(corners, heights)
        shares, _ = nnls(corners.T, w)
    except (np.linalg.LinAlgError, RuntimeError):
        return unit * float(np.sqrt(len(corners)) * heights.max())
    p = corners.T @ shares
    missing = np.max(heights - corners @ w) + np.max(corners @ (w - p), initial=0.0)
    rounding = 16.0 * len(corners) * _EPS * float(np.linalg.norm(w) + np.linalg.norm(p))
    off = np.sqrt(len(corners)) * (max(0.0, float(missing)) + rounding)
    return unit * float(min(np.linalg.norm(p) + off, np.sqrt(len(corners)) * heights.max()))
