"""Many small minimisations at once, each by L-BFGS with steps of its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["minimised_rows"]

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

_MEMORY = 8
_TRIALS = 12  # points on a line
_DECREASE, _CURVATURE = 1e-4, 0.5  # of the weak Wolfe conditions
_FIRST = 0.1  # length of the first step against that of the point


def minimised_rows(
    value: Callable[[Array, Rows], tuple[Array, Array]],
    points: Array,
    steps: int,
    tol: float,
    late: Callable[[], bool],
) -> Array:
    """Return a local minimum near each row of `points`, of shape (K, p).

    A row ends when a step makes its value lower by less than a relative `tol`.
    `value` takes points and which rows they are, and returns values and gradients. Line searches by
    bisection ask for the weak Wolfe conditions, with which L-BFGS gets along with kinks (Lewis and
    Overton, Mathematical Programming 141, 2013); a kink that stops one row does not stop others.
    """
    points = points.copy()
    going = np.arange(len(points))
    values, slopes = value(points, going)
    pairs: list[tuple[Array, Array]] = []  # steps and what they changed in gradients, of all rows
    for _ in range(steps):
        if len(going) == 0 or late():
            break
        x, f, g = points[going], values[going], slopes[going]
        d = _direction(g, [(s[going], y[going]) for s, y in pairs])
        if not pairs:
            lengths = np.maximum(_dot(g, g), 1e-300) ** 0.5
            d *= (_FIRST * np.sqrt(_dot(x, x)) / lengths)[:, None]
        downhill = _dot(g, d)
        d = np.where((downhill < 0.0)[:, None], d, -g)
        after, f_after, g_after = _searched(value, going, x, f, g, d)
        s, y = np.zeros(points.shape), np.zeros(points.shape)
        s[going], y[going] = after - x, g_after - g
        pairs = [*pairs[1 - _MEMORY :], (s, y)]
        points[going], values[going], slopes[going] = after, f_after, g_after
        going = going[f - f_after > tol * np.abs(f)]
    return points


def _searched(
    value: Callable[[Array, Rows], tuple[Array, Array]],
    rows: Rows,
    x: Array,
    f: Array,
    g: Array,
    d: Array,
) -> tuple[Array, Array, Array]:
    """Return points along d, with values and gradients; x itself where none is lower."""
    slope = _dot(g, d)
    low, high, t = np.zeros(len(x)), np.full(len(x), np.inf), np.ones(len(x))
    x_best, f_best, g_best = x.copy(), f.copy(), g.copy()
    left = np.flatnonzero(slope < 0.0)
    for _ in range(_TRIALS):
        if len(left) == 0:
            break
        tried = x[left] + t[left, None] * d[left]
        f_tried, g_tried = value(tried, rows[left])
        lower = f_tried <= f[left] + _DECREASE * t[left] * slope[left]
        flat = _dot(g_tried, d[left]) >= _CURVATURE * slope[left]
        good = left[lower]
        x_best[good], f_best[good], g_best[good] = tried[lower], f_tried[lower], g_tried[lower]
        low[good], high[left[~lower]] = t[good], t[left[~lower]]
        left = left[~(lower & flat)]
        t[left] = np.where(np.isinf(high[left]), 2.0 * t[left], 0.5 * (low[left] + high[left]))
    return x_best, f_best, g_best


def _direction(g: Array, pairs: list[tuple[Array, Array]]) -> Array:
    """Return minus the inverse Hessian that the pairs tell of, times g; by two loops."""
    q, kept = g.copy(), []
    for s, y in reversed(pairs):
        curvature = _dot(s, y)
        usable = curvature > 1e-12 * np.sqrt(_dot(s, s) * _dot(y, y))
        inverse = np.where(usable, 1.0 / np.where(usable, curvature, 1.0), 0.0)
        share = inverse * _dot(s, q)
        q -= share[:, None] * y
        kept.append((s, y, inverse, share))
    if kept:
        _, y, inverse, _ = kept[0]
        scale = 1.0 / np.maximum(inverse * _dot(y, y), 1e-300)
        q *= np.where(inverse > 0.0, scale, 1.0)[:, None]
    for s, y, inverse, share in reversed(kept):
        q += (share - inverse * _dot(y, q))[:, None] * s
    return -q


def _dot(a: Array, b: Array) -> Array:
    return np.asarray(np.einsum("kp,kp->k", a, b))
