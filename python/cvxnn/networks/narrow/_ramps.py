"""Ramps, the functions that branches of one neuron a layer are, and their dual constraints.

With one neuron a layer a branch is a composition of ``t -> (w t + c)_+``: a monotone function whose
slope is some s between two knots and zero elsewhere, or, for a single hidden layer, on one side of
one knot. So up to a constant it is ``s clip(x, t, u)``. With v summing to zero constants do not
matter, and ``v . clip(x, t, u) = phi(t) - phi(u)`` for ``phi(t) = v . (t - x)_+``, which is
piecewise linear with its kinks at the data: the largest ``|phi(t) - phi(u)|`` is found there. A
single hidden layer has ramps from the first knot on or up to the last.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["matched", "primitive", "support", "violated"]

Array = NDArray[np.float64]
Pairs = NDArray[np.intp]  # (k, 2), the knots at which ramps begin and end, the first one less

_MOST = 1000  # pairs of peaks, beyond which only some are taken
_LEAST = 1e-14  # height of a ramp, against all of them


def primitive(knots: Array, v: Array) -> Array:
    """Return ``phi(t) = v . (t - x)_+`` at increasing knots t that are the x, v summing to zero."""
    slopes = np.cumsum(v, dtype=np.longdouble)[:-1]
    rises = np.cumsum(slopes * np.diff(knots), dtype=np.longdouble)
    return np.concatenate([[0.0], rises]).astype(np.float64)


def support(phi: Array, depth: int) -> float:
    """Return the largest ``|v . a|`` over the outputs a of branches with weights one."""
    if depth > 2:
        return float(np.ptp(phi))
    return float(max(np.abs(phi).max(), np.abs(phi - phi[-1]).max()))


def violated(phi: Array, beta: float, depth: int) -> Pairs:
    """Return ramps with ``|phi(t) - phi(u)| > beta``, for each stretch of knots its largest."""
    last = len(phi) - 1
    if depth == 2:
        to = np.concatenate([_peaks(phi, beta), _peaks(-phi, beta)])
        since = np.concatenate([_peaks(phi - phi[-1], beta), _peaks(phi[-1] - phi, beta)])
        firsts, lasts = np.zeros_like(to), np.full_like(since, last)
        pairs = np.vstack([np.column_stack([firsts, to]), np.column_stack([since, lasts])])
    else:
        pairs = _between(phi, beta)
    pairs = np.asarray(np.unique(np.sort(pairs, axis=1), axis=0), np.intp)
    violates = np.abs(phi[pairs[:, 0]] - phi[pairs[:, 1]]) > beta
    return np.asarray(pairs[violates])


def _between(phi: Array, beta: float) -> Pairs:
    """Return the pairs of a high and a low peak, or some of them if there are many."""
    middle = 0.5 * (phi.max() + phi.min())
    above = min(0.5 * beta, 0.499 * float(np.ptp(phi)))
    high, low = _peaks(phi - middle, above), _peaks(middle - phi, above)
    if len(high) * len(low) <= _MOST:
        return np.stack(np.meshgrid(high, low), axis=-1).reshape(-1, 2)
    both = np.sort(np.concatenate([high, low]))
    return np.vstack(
        [
            np.column_stack([high, np.full_like(high, phi.argmin())]),
            np.column_stack([low, np.full_like(low, phi.argmax())]),
            np.column_stack([both[:-1], both[1:]]),
        ]
    )


def _peaks(values: Array, level: float) -> NDArray[np.intp]:
    """Return the place of the largest value of each stretch that is above the level."""
    edges = np.diff(np.concatenate([[0], values > level, [0]]).astype(np.int8))
    stretches = zip(np.flatnonzero(edges > 0), np.flatnonzero(edges < 0), strict=True)
    return np.array([i + int(np.argmax(values[i:j])) for i, j in stretches], dtype=np.intp)


def matched(pairs: Pairs, heights: Array) -> tuple[Pairs, Array]:
    """Return fewer ramps with the same sum: changes of slope, those up with those down, in order.

    No sum of ramps has less than half the sum of these changes as its l1 norm, and any way to match
    them has just that.
    """
    changes = np.bincount(pairs[:, 0], heights, pairs.max(initial=0) + 1)
    changes -= np.bincount(pairs[:, 1], heights, len(changes))
    up, down = np.flatnonzero(changes > 0.0), np.flatnonzero(changes < 0.0)
    if not len(up) or not len(down):
        return pairs[:0], heights[:0]
    sums = np.cumsum(changes[up]), np.cumsum(-changes[down])
    ends = np.unique(np.concatenate(sums))
    ends = ends[ends <= min(sums[0][-1], sums[1][-1])]  # the totals are equal but for rounding
    sizes = np.diff(ends, prepend=0.0)
    first, second = up[np.searchsorted(sums[0], ends)], down[np.searchsorted(sums[1], ends)]
    used = sizes > _LEAST * ends[-1]
    first, second, sizes = first[used], second[used], sizes[used]
    ordered = np.sort(np.column_stack([first, second]), axis=1)
    return ordered, np.where(first < second, sizes, -sizes)
