"""Reference optima of networks with max pooling, by cvxpy and by descents."""

import cvxpy as cp
import numpy as np
from scipy.optimize import minimize
from scipy.sparse import block_diag
from threadpoolctl import threadpool_limits

from cvxnn import ConvReLURegressor
from cvxnn.networks._patches import Patches
from cvxnn.networks._problem import TrainingProblem


def signals(n=6, d=4, seed=0, loss="squared"):
    random = np.random.default_rng(seed)
    X, y = random.standard_normal((n, d)), random.standard_normal(n)
    return X, np.where(y > np.median(y), 1.0, -1.0) if loss == "logistic" else y


def patches_by_hand(X, width=2, bias="none", stride=1):
    """Return shape (n, K, width), or (n, K, width + 1) with biases."""
    starts = range(0, X.shape[1] - width + 1, stride)
    parts = np.stack([X[:, k : k + width] for k in starts], axis=1)
    return parts if bias == "none" else np.pad(parts, [(0, 0)] * 2 + [(0, 1)], constant_values=1.0)


def selections_by_hand(parts):
    """Return the selections of filters in the plane: one in the middle of each two boundaries."""
    pairs = [parts[:, i] - parts[:, j] for i in range(parts.shape[1]) for j in range(i)]
    normals = np.concatenate([parts.reshape(-1, 2), *pairs])
    angles = np.arctan2(normals[:, 0], -normals[:, 1])
    angles = np.unique(np.concatenate([angles, angles + np.pi]) % (2.0 * np.pi))
    middles = 0.5 * (angles + np.append(angles[1:], angles[0] + 2.0 * np.pi))
    filters = np.column_stack([np.cos(middles), np.sin(middles)])
    z = np.einsum("nkd,fd->fnk", parts, filters)
    chosen = np.unique(np.where(z.max(axis=2) > 0.0, z.argmax(axis=2), -1), axis=0)
    return chosen[(chosen >= 0).any(axis=1)]


def program_value(parts, y, beta, loss="squared"):
    """Return the optimum over all selections, by cvxpy."""
    n, K, d = parts.shape
    outputs, cones = [], []
    for chosen in selections_by_hand(parts):
        top = np.array([parts[i, k] if k >= 0 else np.zeros(d) for i, k in enumerate(chosen)])
        outputs.append(top)
        cones.append(np.concatenate([top, (top[:, None] - parts).reshape(n * K, d)]))
    A, C = np.hstack(outputs), block_diag(cones, format="csr")
    plus, minus = cp.Variable(A.shape[1]), cp.Variable(A.shape[1])
    f = A @ (plus - minus)
    value = {
        "squared": lambda: 0.5 * cp.sum_squares(f - y),
        "logistic": lambda: cp.sum(cp.logistic(cp.multiply(-y, f))),
    }[loss]()
    norms = [cp.norm(cp.reshape(u, (d, -1), order="F"), axis=0) for u in (plus, minus)]
    penalty = beta * sum(cp.sum(norm) for norm in norms)
    program = cp.Problem(cp.Minimize(value + penalty), [C @ plus >= 0.0, C @ minus >= 0.0])
    accuracy = {"tol_gap_abs": 1e-9, "tol_gap_rel": 1e-9, "tol_feas": 1e-9}
    program.solve(solver=cp.CLARABEL, **({} if loss == "logistic" else accuracy))
    return program.value


def objective_by_hand(parts, y, beta, W, a):
    z = np.einsum("nkd,md->nkm", parts, W)
    residual = np.maximum(z, 0.0).max(axis=1) @ a - y
    return 0.5 * residual @ residual + 0.5 * beta * (np.sum(W**2) + np.sum(a**2))


def best_of_descents(parts, y, beta, width=10, runs=6):
    """Return the best objective of weights trained by L-BFGS, squared loss."""
    n, _, d = parts.shape

    def evaluate(weights):
        W, a = weights[: width * d].reshape(width, d), weights[width * d :]
        z = np.einsum("nkd,md->nkm", parts, W)
        top = z.argmax(axis=1)
        hidden = np.maximum(z.max(axis=1), 0.0)
        residual = hidden @ a - y
        taken = parts[np.arange(n)[:, None], top] * (hidden > 0.0)[:, :, None]
        by_W = np.einsum("n,nmd,m->md", residual, taken, a)
        gradient = np.concatenate([by_W.ravel(), hidden.T @ residual]) + beta * weights
        return 0.5 * residual @ residual + 0.5 * beta * weights @ weights, gradient

    random = np.random.default_rng(0)
    starts = random.standard_normal((runs, width * (d + 1)))
    with threadpool_limits(1):
        return min(minimize(evaluate, x, jac=True, method="L-BFGS-B").fun for x in starts)


def trained(X, y, beta=0.1, kind=ConvReLURegressor, **options):
    options = {"kernel_size": 2, "bias": "none", "tol": 1e-7, **options}
    return kind(beta, pooling="max", **options).fit(X, y)


def problem_of(X, y, width=2, beta=1e-3, bias="none", **geometry):
    patches = Patches.from_arguments(X.shape[1], kernel_size=width, pooling="max", **geometry)
    return TrainingProblem.from_arrays(X, y, loss="squared", beta=beta, bias=bias, patches=patches)
