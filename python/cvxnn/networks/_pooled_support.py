"""Bounds on what filters under max pooling gain at a dual vector, none of their cells listed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvxnn.networks._problem import TrainingProblem, exponent_of
from cvxnn.networks._relaxation import least_quadratic_bound, rounds_for
from cvxnn.networks._support import support_bound

__all__ = ["unlisted_support"]

Array = NDArray[np.float64]

_PATIENCE = 10  # to find a bound again, which ends at the floor
_EPSILON = float(np.finfo(np.float64).eps)


def unlisted_support(problem: TrainingProblem, v: Array, floor: float, method: str) -> float:
    """Bound max ``|v . max_k (X_k u)_+|`` over unit u; the floor if that is larger.

    The largest of K numbers z_k >= 0 is between their mean and their sum. So with the positive part
    p and the negative part q of v the gain is at most that of two-layer networks with sum pooling
    at p - q / K, which `method` bounds. For many patches norms are closer: the smaller of the two
    counts, for each sign of v and each output.
    """
    support = floor
    for column in np.atleast_2d(v.T):
        for signed in (column, -column):
            up = np.maximum(signed, 0.0)
            known = support if floor > 0.0 else 0.0  # which asks for less patience
            by_norms = _support_by_norms(problem, signed, known)
            if by_norms > support:
                between = up - (up - signed) / problem.n_patches
                rounding = 4.0 * _EPSILON * float(np.abs(signed) @ _sizes(problem))
                by_sums = support_bound(problem, between, known, method) + rounding
                support = max(support, min(by_norms, by_sums))
    return support


def _sizes(problem: TrainingProblem) -> Array:
    """Return the sums of the norms of the patches of each sample."""
    lengths = np.linalg.norm(problem.design, axis=1)
    return np.asarray(lengths.reshape(-1, problem.n_patches).sum(axis=1))


def _support_by_norms(problem: TrainingProblem, v: Array, floor: float) -> float:
    """Bound max ``v . max_k (X_k u)_+`` over unit u; not resolved below the floor.

    Let z_k = x_k . u, m their mean and w_k = z_k - m / 2. Then the largest (z_k)_+ is m / 2 plus
    the largest of all w_k and -m / 2, and neither is above ``||w||``: the w_k have the mean m / 2,
    so ||w||^2 >= K (m / 2)^2. Where v_i > 0 that bounds a sample by m / 2 + ||W u||; where v_i < 0
    it gives at least the mean of (z_k)_+ = (z_k + |z_k|) / 2, where |z_k| >= z_k^2 / ||x_k||. With
    one patch this is the relaxation of `relaxed_support`.
    """
    if not v.any():
        return floor
    design, exponent = problem.scaled_design()
    shift = exponent + exponent_of(v)
    v = np.ldexp(v, -exponent_of(v))
    K, d = problem.n_patches, design.shape[1]
    rows = np.ascontiguousarray(design).reshape(len(v), K, d)
    means = rows.mean(axis=1)
    spread = rows - 0.5 * means[:, None]
    longest = np.sqrt(np.sum(spread**2, axis=(1, 2)))
    up = (v > 0.0) & (longest > 0.0)
    lengths = np.linalg.norm(rows, axis=2)
    share = np.minimum(v, 0.0)[:, None] / (-K * np.maximum(lengths, 1e-300))
    below = np.einsum("ik,ikd,ike->de", share, rows, rows, optimize=True)
    rounds, look_back = rounds_for(len(v) * K, d, _PATIENCE if floor > 0.0 else 1)
    bound = least_quadratic_bound(
        spread[up],
        2.0 * v[up],
        longest[up],
        below,
        v @ means,
        float(np.maximum(v, 0.0) @ lengths.max(axis=1)) * (1.0 + (len(v) + d) * _EPSILON),
        4 * len(v) * K,  # a term is rounded in the mean, in the spread, and in the sum
        float(np.clip(np.ldexp(floor, -shift), 1e-300, 1e300)),
        rounds,
        look_back,
    )
    return max(floor, float(np.ldexp(bound, shift)))
