"""How many branches does it take until gradient training finds the proved optimum?

Parallel three-layer networks of K branches are trained by L-BFGS on their weights, each from many
random starts, and compared with the convex program over every pattern, whose bound holds for any
number of branches (a sweep in kind of Wang, Ergen and Pilanci, arXiv 2110.06482, and of Ergen and
Pilanci, arXiv 2110.09548). Cubes of norms, the regulariser "power", are smooth in the weights.

    python examples/branch_sweep.py [--fast] [--figure branches.png]

needs cvxnn[plot].
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

from cvxnn import ParallelReLURegressor

BETA = 0.05
N_SAMPLES, N_FEATURES, M1 = 5, 2, 2


def train_by_lbfgs(X, y, n_branches, seed):
    """Minimise ||f(X) - y||^2 / 2 + BETA / 2 * sum ||W_l||^3; return the least value met."""
    shapes = [(n_branches, M1, X.shape[1]), (n_branches, M1), (n_branches, 1)]
    ends = np.cumsum([np.prod(shape) for shape in shapes])

    def objective(parameters):
        parts = np.split(parameters, ends[:-1])
        W, v, a = layers = [part.reshape(s) for part, s in zip(parts, shapes, strict=True)]
        first = np.maximum(W @ X.T, 0.0)  # (K, m1, n)
        second = np.maximum(np.einsum("kj,kjn->kn", v, first), 0.0)
        residual = a[:, 0] @ second - y
        by_second = a * residual * (second > 0.0)
        by_first = v[:, :, None] * by_second[:, None] * (first > 0.0)
        gradients = [
            by_first @ X,
            np.einsum("kn,kjn->kj", by_second, first),
            (second @ residual)[:, None],
        ]
        norms = [np.linalg.norm(layer.reshape(n_branches, -1), axis=1) for layer in layers]
        value = 0.5 * residual @ residual + 0.5 * BETA * sum(np.sum(norm**3) for norm in norms)
        for gradient, layer, norm in zip(gradients, layers, norms, strict=True):
            gradient += 1.5 * BETA * norm.reshape(-1, *[1] * (layer.ndim - 1)) * layer
        return value, np.concatenate([gradient.ravel() for gradient in gradients])

    start = np.random.default_rng(seed).standard_normal(ends[-1])
    return minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 3000}).fun


def main():
    """Print a line for each number of branches, and draw where the runs end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fast", action="store_true", help="fewer runs and branches")
    parser.add_argument("--figure", default="branches.png")
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    X, y = random.standard_normal((N_SAMPLES, N_FEATURES)), random.standard_normal(N_SAMPLES)
    model = ParallelReLURegressor(
        BETA, regularizer="power", m1=M1, patterns="exact", bias="none", tol=1e-6
    ).fit(X, y)
    bound = model.certificate_
    optimum, least = bound.objective, bound.lower_bound
    print(
        f"convex program over {bound.n_cells} patterns: objective {optimum:.6f} with "
        f"{model.network_.n_branches} branches; proved: no network is below {least:.6f}"
    )
    counts = (1, 4, 16) if arguments.fast else (1, 2, 3, 4, 5, 6, 8, 16, 32)
    n_runs = 5 if arguments.fast else 50
    found = []
    print("branches  best / optimum  median / optimum  within 1 % of the optimum")
    for count in counts:
        values = np.array([train_by_lbfgs(X, y, count, seed) for seed in range(n_runs)])
        if values.min() < least * (1.0 - 1e-9):
            raise SystemExit(f"a run ended at {values.min()}, below the proved bound {least}")
        found.append(values / optimum)
        print(
            f"{count:8}  {found[-1].min():14.4f}  {np.median(found[-1]):16.4f}"
            f"  {np.mean(found[-1] <= 1.01):25.0%}"
        )
    _, axes = plt.subplots(figsize=(6.0, 4.0), layout="constrained")
    axes.boxplot(found, tick_labels=counts, showfliers=False)
    jitter = random.uniform(-0.2, 0.2, n_runs)
    for place, values in enumerate(found, 1):
        axes.plot(place + jitter, values, ".", color="tab:blue", alpha=0.4, markersize=4)
    axes.axhline(1.0, color="black", label="convex program, proved optimal")
    axes.set(xlabel="branches", ylabel="final objective / optimum")
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.legend()
    plt.savefig(arguments.figure, dpi=150)


if __name__ == "__main__":
    main()
