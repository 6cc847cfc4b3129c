"""A bound over all cells for any data, from a semidefinite relaxation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["least_quadratic_bound", "relaxed_support", "rounds_for"]

Array = NDArray[np.float64]

_MOST_ROUNDS = 200
_LEAST_ROUNDS = 10
_OPERATIONS = 1e11  # in all, roughly: fewer rounds on large data
_BISECTIONS = 100
_LOOK_BACK = 20  # rounds that must gain
_WORTHWHILE = 1e-3  # this much, relative, without patience
_EPSILON = float(np.finfo(np.float64).eps)


def relaxed_support(
    design: Array, v: Array, slope: float = 0.0, floor: float = 0.0, patience: int = 1
) -> float:
    """Bound max |v . phi(X u)| over unit u from above; stops early once below `floor`.

    Takes `patience` times as many steps as usual if need be, however little they gain.

    phi has the given slope below zero. With p = (1 - slope) v or its negative and c = X'p times
    (1 + slope) / (1 - slope), ``2 p . phi(X u) = c . u + sum_k p_k |x_k . u|``. For any t_k > 0
    ``|z| <= (z^2 t_k + 1 / t_k) / 2``, which serves where p_k > 0, and ``|z| >= z^2 / ||x_k||``
    where p_k < 0. That leaves the maximum of a quadratic function ``c . u + u'M u`` over the unit
    ball, which is ``min {m + c'(m I - M)^-1 c / 4 : m I >= M}``. The t_k that make the sum least
    are ``1 / sqrt(x_k'U x_k)`` for the U that solves the dual, a semidefinite program over matrices
    of trace one, to which conditional gradient steps lead. Every step gives a valid bound.
    """
    norms = np.linalg.norm(design, axis=1)
    used = norms > 0.0
    rows, v, norms = design[used], v[used], norms[used]
    along = (1.0 + slope) / (1.0 - slope)
    rounds, look_back = rounds_for(len(design), design.shape[1], patience)
    return max(
        _one_sided(rows, sign * (1.0 - slope) * v, along, norms, floor, rounds, look_back)
        for sign in (1.0, -1.0)
    )


def rounds_for(n: int, d: int, patience: int) -> tuple[int, int]:
    """Return how many steps to take at most, and how many of them must gain together."""
    affordable = int(_OPERATIONS / (4.0 * n * d**2 + 25.0 * d**3))
    rounds = patience * min(max(affordable, _LEAST_ROUNDS), _MOST_ROUNDS)
    return rounds, _LOOK_BACK if patience == 1 else rounds


def _one_sided(
    rows: Array,
    p: Array,
    along: float,
    norms: Array,
    floor: float,
    rounds: int,
    look_back: int,
) -> float:
    """Bound half the maximum of along p . (X u) + p . |X u|; rows of zeros left out."""
    up = p > 0.0
    steepest = 0.5 * (1.0 + along) * np.maximum(p, 0.0) + 0.5 * abs(along - 1.0) * np.abs(p)
    best = float(steepest @ norms) * (1.0 + len(p) * _EPSILON)
    if best <= floor:
        return best
    c = along * (rows.T @ p)
    above, weight, longest = rows[up], p[up], norms[up]
    below = rows[~up].T @ (rows[~up] * (-p[~up] / norms[~up])[:, None])
    return least_quadratic_bound(
        above[:, None], weight, longest, below, c, best, len(p), floor, rounds, look_back
    )


def least_quadratic_bound(
    above: Array,
    weight: Array,
    longest: Array,
    below: Array,
    c: Array,
    best: float,
    n_terms: int,
    floor: float,
    rounds: int,
    look_back: int,
) -> float:
    """Bound half the maximum of ``c . u + sum_k weight_k ||above_k u|| - u' below u`` over unit u.

    `above` has shape (n, K, d) and parts of the norms `longest`, the weights are positive, `best`
    is a bound to begin with, and c and `below` are sums of `n_terms` terms.
    """
    _, K, d = above.shape
    above = above.reshape(-1, d)
    dual = np.eye(d) / d
    earlier = np.inf
    for step in range(rounds):
        if step % look_back == 0:
            if best > (1.0 - _WORTHWHILE) * earlier:
                break
            earlier = best
        spread = np.einsum("kj,kj->k", above @ dual, above).reshape(-1, K).sum(axis=1)
        z = np.sqrt(np.maximum(spread, (1e-7 * longest) ** 2))
        convex = 0.5 * above.T @ (above * np.repeat(weight / z, K)[:, None])
        sizes = np.trace(convex) + np.trace(below)
        rounding = (n_terms + 10 * d) * _EPSILON * float(sizes + np.linalg.norm(c) + weight @ z)
        value, maximiser = _over_the_ball(convex - below, c)
        best = min(best, 0.5 * (value + 0.5 * float(weight @ z)) + rounding)
        if best <= floor:
            break
        share = 2.0 / (step + 3.0)
        dual = (1.0 - share) * dual + share * maximiser
    return best


def _over_the_ball(M: Array, c: Array) -> tuple[float, Array]:
    """Return a bound on the maximum of c . u + u'M u, and the moments uu' of where it lies."""
    values, vectors = np.linalg.eigh(M)
    along = vectors.T @ c
    length = float(np.linalg.norm(c))
    least = max(float(values[-1]), 0.0) + 1e-14 * float(np.abs(values).max()) + 1e-300
    low, high = least, least + length
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        if 0.25 * np.sum((along / (middle - values)) ** 2) > 1.0:
            low = middle
        else:
            high = middle
    u = vectors @ (0.5 * along / (high - values))
    rest = max(0.0, 1.0 - float(u @ u)) if values[-1] > 0.0 else 0.0
    top = vectors[:, -1]
    bound = high + 0.25 * float(np.sum(along**2 / (high - values)))
    return bound, np.outer(u, u) + rest * np.outer(top, top)
