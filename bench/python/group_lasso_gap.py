"""The evaluator of group_lasso_peers.py: objective, lower bound and relative gap, in float64.

The problem is to minimise  L(f) + alpha sum_g ||w_g||,  f = sum_g X_g w_g,  L the mean loss. For
any v with ||X_g' v|| <= alpha for all groups g, -L*(v) is a lower bound. Any vector is made such a
v by scaling; grad L(f) is always tried, and the solver's own dual vector where it has one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from group_lasso_problems import Array, Dense, Masked
from scipy.special import expit, xlogy


@dataclass(frozen=True)
class Evaluation:
    objective: float
    lower_bound: float
    relative_gap: float  # to the objective at zero
    n_active: int  # groups that are not zero


def mean_loss(loss: str, y: Array, f: Array) -> float:
    if loss == "squared":
        return float(0.5 * np.mean((f - y) ** 2))
    return float(np.mean(np.logaddexp(0.0, -y * f)))


def gradient(loss: str, y: Array, f: Array) -> Array:
    return (f - y if loss == "squared" else -y * expit(-y * f)) / len(y)


def largest_alpha(design: Dense | Masked, y: Array, loss: str) -> float:
    """The smallest alpha at which w = 0 is optimal."""
    return float(design.group_norms(gradient(loss, y, np.zeros(len(y)))).max())


def evaluate(
    design: Dense | Masked, y: Array, loss: str, alpha: float, w: Array, dual: Array | None = None
) -> Evaluation:
    W = w.reshape(design.n_groups, design.group_size)
    f = design.predict(W)
    objective = mean_loss(loss, y, f) + alpha * np.linalg.norm(W, axis=1).sum()
    bounds = [lower_bound(design, y, loss, alpha, gradient(loss, y, f))]
    if dual is not None:
        bounds.append(lower_bound(design, y, loss, alpha, dual))
    gap = (objective - max(bounds)) / mean_loss(loss, y, np.zeros(len(y)))
    return Evaluation(float(objective), max(bounds), float(gap), int(W.any(axis=1).sum()))


def lower_bound(design: Dense | Masked, y: Array, loss: str, alpha: float, v: Array) -> float:
    """-L*(s v) for the best feasible s; for the logistic loss the one nearest to 1."""
    largest = design.group_norms(v).max()
    limit = alpha / largest if largest > 0.0 else np.inf
    slopes = len(y) * v  # of the loss of each sample
    if loss == "squared":
        s = np.clip(-(y @ slopes) / max(slopes @ slopes, np.finfo(float).tiny), -limit, limit)
        return float(-np.mean(0.5 * (s * slopes) ** 2 + s * y * slopes))
    u = np.clip(-y * slopes * min(1.0, limit), 0.0, 1.0)
    return float(-np.mean(xlogy(u, u) + xlogy(1.0 - u, 1.0 - u)))
