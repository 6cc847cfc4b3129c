"""Group-lasso problems with their own objective, duality gap and reference optima, in NumPy."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import least_squares, minimize
from scipy.special import expit, logsumexp, softmax, xlogy

LOSSES = ("squared", "huber", "poisson", "logistic", "squared_hinge", "multinomial")


@dataclass
class Case:
    """A dense problem: mean loss + alpha sum_g weight_g ||W_g|| + l1 ||W||_1 + l2/2 ||W||^2."""

    X: np.ndarray
    y: np.ndarray  # (n, K)
    groups: list
    alpha: float = 0.1
    loss: str = "squared"
    delta: float = 0.7
    l1: float = 0.0
    l2: float = 0.0
    positive: bool = False
    fit_intercept: bool = True
    group_weights: np.ndarray | None = None
    sample_weight: np.ndarray | None = None
    offset: np.ndarray | None = None
    weights: np.ndarray = field(init=False)  # of samples, with sum 1
    shift: np.ndarray = field(init=False)

    def __post_init__(self):
        if self.group_weights is None:
            self.group_weights = np.sqrt([len(group) for group in self.groups])
        total = np.ones(len(self.y)) if self.sample_weight is None else self.sample_weight
        self.weights = total / total.sum()
        self.shift = np.zeros_like(self.y) if self.offset is None else self.offset

    def options(self):
        """Return the problem as arguments of `group_lasso_path`."""
        names = ("groups", "loss", "delta", "l1", "l2", "positive", "fit_intercept")
        weights = {"weights": self.group_weights, "sample_weight": self.sample_weight}
        return {name: getattr(self, name) for name in names} | weights | {"offset": self.offset}

    def outputs(self, W, b):
        return self.shift + self.X @ W + b


def small_case(loss="squared", *, n=24, seed=0, targets=None, **options):
    """Random data with four groups of unequal sizes whose columns are not in order."""
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, 9))
    groups = [[4, 0, 7], [2], [8, 1], [3, 5, 6]]
    signal = X[:, [4, 0, 2]].sum(axis=1, keepdims=True) + random.standard_normal((n, 1))
    n_targets = targets or (3 if loss == "multinomial" else 1)
    noise = random.standard_normal((n, n_targets))
    y = signal * np.linspace(1.0, -0.5, n_targets) + 0.5 * noise
    if loss in ("logistic", "squared_hinge"):
        y = np.where(y > np.median(y, axis=0), 1.0, -1.0)
    elif loss == "poisson":
        y = random.poisson(np.exp(0.4 * y)).astype(float)
    elif loss == "multinomial":
        y = np.eye(n_targets)[y.argmax(axis=1)]
    return Case(X, y, groups, loss=loss, **{"alpha": 0.05, **options})


def loss_value(case, f):
    """Return the weighted mean loss of outputs f."""
    y, r = case.y, case.y - f
    if case.loss == "squared":
        values = r**2 / 2
    elif case.loss == "huber":
        clipped = np.clip(r, -case.delta, case.delta)
        values = clipped * r - clipped**2 / 2
    elif case.loss == "poisson":
        values = np.exp(f) - y * f
    elif case.loss == "logistic":
        values = np.log1p(np.exp(-np.abs(f))) + np.maximum(-y * f, 0.0)
    elif case.loss == "squared_hinge":
        values = np.clip(1.0 - y * f, 0.0, None) ** 2 / 2
    else:
        values = logsumexp(f, axis=1, keepdims=True) - (y * f).sum(axis=1, keepdims=True)
    return float(case.weights @ values.sum(axis=1))


def loss_gradient(case, f):
    """Return the derivatives of the unweighted losses in the outputs."""
    y = case.y
    if case.loss == "squared":
        return f - y
    if case.loss == "huber":
        return np.clip(f - y, -case.delta, case.delta)
    if case.loss == "poisson":
        return np.exp(f) - y
    if case.loss == "logistic":
        return -y * expit(-y * f)
    if case.loss == "squared_hinge":
        return -y * np.clip(1.0 - y * f, 0.0, None)
    return softmax(f, axis=1) - y


def conjugate_value(case, u):
    """Return the weighted mean of sup_f u f - l(f), infinite outside its domain."""
    y, slack = case.y, 1e-9
    if case.loss == "squared":
        values = u**2 / 2 + u * y
    elif case.loss == "huber":
        values = np.where(np.abs(u) <= case.delta + slack, u**2 / 2 + u * y, np.inf)
    elif case.loss == "poisson":
        rate = u + y
        values = np.where(rate >= -slack, xlogy(np.abs(rate), np.abs(rate)) - rate, np.inf)
    elif case.loss == "logistic":
        p = np.clip(-u * y, 0.0, 1.0)
        values = xlogy(p, p) + xlogy(1.0 - p, 1.0 - p)
        values = np.where(np.abs(p + u * y) <= slack, values, np.inf)
    elif case.loss == "squared_hinge":
        values = np.where(-u * y >= -slack, u**2 / 2 + u * y, np.inf)
    else:
        p = np.clip(u + y, 0.0, None)
        fits = np.abs(u.sum(axis=1, keepdims=True)) <= slack
        values = np.where(fits, xlogy(p, p).sum(axis=1, keepdims=True), np.inf)
        values = np.where((u + y).min(axis=1, keepdims=True) >= -slack, values, np.inf)
    return float(case.weights @ values.sum(axis=1))


def objective(case, W, b):
    norms = [np.linalg.norm(W[group]) for group in case.groups]
    ridge = case.l2 / 2 * np.sum(W**2) + case.l1 * np.abs(W).sum()
    return loss_value(case, case.outputs(W, b)) + case.alpha * (case.group_weights @ norms) + ridge


def best_intercept(case, W):
    """Return the b that is best for W; zeros if there is none."""
    b = np.zeros(case.y.shape[1])
    if not case.fit_intercept:
        return b

    def value_and_slope(b):
        f = case.outputs(W, b)
        return loss_value(case, f), case.weights @ loss_gradient(case, f)

    near = minimize(value_and_slope, b, jac=True, method="BFGS", options={"gtol": 1e-8}).x
    tight = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
    return least_squares(lambda b: value_and_slope(b)[1], near, jac="3-point", **tight).x


def null_objective(case):
    """Return the objective of W = 0 with the best intercept."""
    zeros = np.zeros((case.X.shape[1], case.y.shape[1]))
    return objective(case, zeros, best_intercept(case, zeros))


def gap_scale(case):
    """Return what gaps are relative to: how far W = 0 is above the infimum of the loss."""
    infimum = 0.0
    if case.loss == "poisson":
        infimum = float(case.weights @ (case.y - xlogy(case.y, case.y)).sum(axis=1))
    return null_objective(case) - infimum


def group_excesses(case, v):
    """Return the norm of each group of -X'v after the l1 part has taken its share."""
    z = -case.X.T @ v
    shrunk = z - case.l1 if case.positive else np.abs(z) - case.l1
    shrunk = np.maximum(shrunk, 0.0)
    return np.array([np.linalg.norm(shrunk[group]) for group in case.groups])


def dual_objective(case, v):
    """Return the lower bound that v (n, K) proves, minus infinity if it proves none."""
    if case.fit_intercept and np.abs(v.sum(axis=0)).max() > 1e-9 * np.abs(v).sum():
        return -np.inf
    excess = group_excesses(case, v) - case.alpha * case.group_weights
    penalty = 0.0
    if case.l2 > 0.0:
        penalty = np.sum(np.maximum(excess, 0.0) ** 2) / (2.0 * case.l2)
    elif excess.max() > 1e-9 * np.abs(v).sum():
        return -np.inf
    return (
        float(np.sum(v * case.shift)) - conjugate_value(case, v / case.weights[:, None]) - penalty
    )


def relative_gap(case, W, b):
    """Bound how far (W, b) is from optimal by the gradient there, scaled to be dual feasible."""
    if case.positive and W.min() < 0.0:
        return np.inf
    f = case.outputs(W, best_intercept(case, W))
    v = case.weights[:, None] * loss_gradient(case, f)
    if case.fit_intercept:
        v = v - case.weights[:, None] * v.sum(axis=0)  # what the last digits of b leave
    if case.l2 == 0.0:
        v = v * _feasible_scale(case, v)
    return (objective(case, W, b) - dual_objective(case, v)) / gap_scale(case)


def _feasible_scale(case, v):
    allowed = case.alpha * case.group_weights
    if (group_excesses(case, v) <= allowed).all():
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        fits = (group_excesses(case, middle * v) <= allowed).all()
        low, high = (middle, high) if fits else (low, middle)
    return low


def reference_solution(case):
    """Solve with cvxpy and Clarabel; return W and b."""
    import cvxpy as cp

    n_targets = case.y.shape[1]
    W = cp.Variable((case.X.shape[1], n_targets))
    b = cp.Variable((1, n_targets))
    ones = np.ones((len(case.y), 1))
    f = case.shift + case.X @ W + (ones @ b if case.fit_intercept else 0.0)
    y = case.y
    if case.loss == "squared":
        values = cp.square(f - y) / 2
    elif case.loss == "huber":
        values = cp.huber(f - y, case.delta) / 2
    elif case.loss == "poisson":
        values = cp.exp(f) - cp.multiply(y, f)
    elif case.loss == "logistic":
        values = cp.logistic(cp.multiply(-y, f))
    elif case.loss == "squared_hinge":
        values = cp.square(cp.pos(1.0 - cp.multiply(y, f))) / 2
    else:
        values = cp.log_sum_exp(f, axis=1, keepdims=True)
        values = values - cp.sum(cp.multiply(y, f), axis=1, keepdims=True)
    penalty = case.l1 * cp.sum(cp.abs(W)) + case.l2 / 2 * cp.sum_squares(W)
    for weight, group in zip(case.group_weights, case.groups, strict=True):
        penalty += case.alpha * weight * cp.norm(cp.vec(W[group], order="F"))
    constraints = [W >= 0.0] if case.positive else []
    mean_loss = cp.sum(case.weights @ values)
    program = cp.Problem(cp.Minimize(mean_loss + penalty), constraints)
    with warnings.catch_warnings():
        # without full accuracy it differs from what is compared with it, and the test fails
        warnings.filterwarnings("ignore", message="Solution may be inaccurate")
        program.solve(solver=cp.CLARABEL, tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9)
    found = np.maximum(W.value, 0.0) if case.positive else W.value
    return found, b.value[0] if case.fit_intercept else np.zeros(n_targets)


def with_alpha(case, share):
    """Return the case with alpha a share of the smallest that makes W = 0 optimal (l1 = 0)."""
    zeros = np.zeros((case.X.shape[1], case.y.shape[1]))
    f = case.outputs(zeros, best_intercept(case, zeros))
    v = case.weights[:, None] * loss_gradient(case, f)
    return replace(case, alpha=share * np.max(group_excesses(case, v) / case.group_weights))
