"""A bound on what filters under max pooling gain at a dual vector, for any data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvxnn.networks._problem import TrainingProblem, exponent_of
from cvxnn.networks._relaxation import least_quadratic_bound, rounds_for

__all__ = ["relaxed_filter_support"]

Array = NDArray[np.float64]

_PATIENCE = 10  # to find a bound again, which ends at the floor
_EPSILON = float(np.finfo(np.float64).eps)


def relaxed_filter_support(problem: TrainingProblem, v: Array, floor: float) -> float:
    """Bound max ``|v . max_k (X_k u)_+|`` over unit u; the floor if that is larger.

    The largest over the outputs of a network. With a floor of zero fewer steps are taken.
    """
    support = floor
    for column in np.atleast_2d(v.T):
        for signed in (column, -column):
            known = support if floor > 0.0 else 0.0
            support = max(support, _one_sided(problem, signed, known))
    return support


def _one_sided(problem: TrainingProblem, v: Array, floor: float) -> float:
    """Bound max ``v . max_k (X_k u)_+`` over unit u by a relaxation; not resolved below the floor.

    Let z_k = x_k . u for the patches of a sample, those of zeros left out, m their mean and w_k =
    z_k - m / 2. The largest (z_k)_+ is m / 2 plus the largest of all w_k and -m / 2, and none of
    these is above ``||w||``: the w_k have the mean m / 2, so that ``||w||^2 >= (m / 2)^2``. That
    bounds samples with v_i > 0. The largest (z_k)_+ is also at least their mean with the weights
    ``||x_k|| / S``, S = ``sum_k ||x_k||``; as (z_k)_+ = (z_k + |z_k|) / 2 and ``|z_k| >= z_k^2 /
    ||x_k||``, it is at least ``sum_k (||x_k|| z_k + z_k^2) / (2 S)``, for samples with v_i < 0.
    Norms of w against squares of z are the relaxation of `relaxed_support`; with one patch it is
    the same.
    """
    if not v.any():
        return floor
    design, exponent = problem.scaled_design()
    shift = exponent + exponent_of(v)
    v = np.ldexp(v, -exponent_of(v))
    n, K, d = len(v), problem.n_patches, design.shape[1]
    rows = np.ascontiguousarray(design).reshape(n, K, d)
    lengths = np.linalg.norm(rows, axis=2)
    n_used = np.count_nonzero(lengths, axis=1)
    means = rows.sum(axis=1) / np.maximum(n_used, 1)[:, None]
    spread = np.where(lengths[:, :, None] > 0.0, rows - 0.5 * means[:, None], 0.0)
    longest = np.sqrt(np.sum(spread**2, axis=(1, 2)))
    up, down = (v > 0.0) & (longest > 0.0), (v < 0.0) & (n_used > 0)
    share = -v[down] / lengths[down].sum(axis=1)
    lower = rows[down].reshape(-1, d)
    below = lower.T @ (lower * np.repeat(share, K)[:, None])
    along = v[up] @ means[up] - (lengths[down] * share[:, None]).ravel() @ lower
    bound = least_quadratic_bound(
        spread[up],
        2.0 * v[up],
        longest[up],
        below,
        along,
        float(v[up] @ lengths[up].max(axis=1, initial=0.0)) * (1.0 + (n + d) * _EPSILON),
        4 * n * K,  # a term is rounded in means, in the spread, in lengths, and in the sum
        float(np.clip(np.ldexp(floor, -shift), 1e-300, 1e300)),
        *rounds_for(n * K, d, _PATIENCE if floor > 0.0 else 1),
    )
    return max(floor, float(np.ldexp(bound, shift)))
