"""The problems of group_lasso_peers.py: their designs, how they are made, and the gap they ask for.

Masked designs are [D_1 Z, .., D_P Z] with D_i = diag(Z g_i >= 0) for Gaussian gates g_i, one group
per gate: the convex program of a gated ReLU network. Z is standardised, and a constant column stays
as zeros, so that groups with zero columns occur.

Dense designs have Gaussian columns in groups of ten. "ar" is autoregressive, columns j and k have
correlation rho^|j - k|: the usual model of the screening literature, where correlation is mostly
within groups. "equi" has correlation rho between any two columns, as in the benchmarks of glmnet
and adelie; few groups are active then, and first-order methods need many epochs on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

Array = NDArray[np.float64]

BLOCK_ENTRIES = 1 << 22  # of masks or coefficients held unpacked at a time


@dataclass(frozen=True)
class Dense:
    X: Array  # column-major
    group_size: int

    @property
    def n_groups(self) -> int:
        return self.X.shape[1] // self.group_size

    def predict(self, W: Array) -> Array:
        """W has one row per group."""
        columns = np.flatnonzero(W)
        return self.X[:, columns] @ W.ravel()[columns]

    def group_norms(self, v: Array) -> Array:
        """||X_g' v|| for every group g."""
        return np.linalg.norm((v @ self.X).reshape(-1, self.group_size), axis=1)

    def dense(self) -> Array:
        return self.X


@dataclass(frozen=True)
class Masked:
    Z: Array  # column-major
    packed: NDArray[np.uint64]  # (P, ceil(n / 64)), as in cvxnn.arrangements.Cells

    @property
    def group_size(self) -> int:
        return self.Z.shape[1]

    @property
    def n_groups(self) -> int:
        return len(self.packed)

    def masks(self, groups: slice | NDArray[np.intp]) -> NDArray[np.uint8]:
        """One row of n zeros and ones for each of these groups."""
        octets = self.packed[groups].astype("<u8").view(np.uint8)
        return np.unpackbits(octets, axis=1, count=len(self.Z), bitorder="little")

    def predict(self, W: Array) -> Array:
        f = np.zeros(len(self.Z))
        support = np.flatnonzero(W.any(axis=1))
        for block in blocks(len(support), len(self.Z)):
            groups = support[block]
            f += np.sum(self.masks(groups) * (W[groups] @ self.Z.T), axis=0)
        return f

    def group_norms(self, v: Array) -> Array:
        products = [
            (self.masks(block) * v) @ self.Z for block in blocks(self.n_groups, len(self.Z))
        ]
        return np.linalg.norm(np.concatenate(products), axis=1)

    def dense(self) -> Array:
        n, d = self.Z.shape
        X = np.empty((n, self.n_groups * d), order="F")
        for g in range(self.n_groups):
            np.multiply(self.masks(slice(g, g + 1)).T, self.Z, out=X[:, g * d : (g + 1) * d])
        return X


@dataclass(frozen=True)
class Problem:
    design: Dense | Masked
    y: Array
    loss: str = "squared"
    shares: tuple[float, ...] = (0.1,)  # the alphas, as shares of the largest useful one
    gap: float = 1e-6  # relative to the objective at zero, for the worst alpha


def blocks(count: int, length: int) -> Iterator[slice]:
    step = max(1, BLOCK_ENTRIES // length)
    return (slice(start, start + step) for start in range(0, count, step))


def masked(Z: Array, n_gates: int) -> Masked:
    n, d = Z.shape
    gates = np.random.default_rng(0).standard_normal((d, n_gates))
    packed = np.zeros((n_gates, 8 * -(-n // 64)), dtype=np.uint8)
    for block in blocks(n_gates, n):
        active = (Z @ gates[:, block] >= 0.0).T
        packed[block, : -(-n // 8)] = np.packbits(active, axis=1, bitorder="little")
    return Masked(np.asfortranarray(Z), packed.view("<u8").astype(np.uint64, copy=False))


def standardised(X: Array) -> Array:
    scale = X.std(axis=0)
    return (X - X.mean(axis=0)) / np.where(scale > 0.0, scale, 1.0)


def real_data(
    name: str, *, n_gates: int = 500, loss: str = "squared", shares: tuple[float, ...]
) -> Problem:
    data = getattr(datasets, f"load_{name}")()
    target = data.target.astype(np.float64)
    if name == "digits":
        y = np.where(target >= 5.0, 1.0, -1.0)
    elif name == "breast_cancer":
        y = 2.0 * target - 1.0
    elif loss == "logistic":
        y = np.where(target > np.median(target), 1.0, -1.0)
    else:
        y = (target - target.mean()) / target.std()
    return Problem(masked(standardised(data.data), n_gates), y, loss, shares)


def autoregressive(n: int, p: int, rho: float, rng: np.random.Generator) -> Array:
    X = rng.standard_normal((p, n)).T
    for j in range(1, p):
        X[:, j] = rho * X[:, j - 1] + np.sqrt(1.0 - rho**2) * X[:, j]
    return X


def equicorrelated(n: int, p: int, rho: float, rng: np.random.Generator) -> Array:
    X = np.sqrt(1.0 - rho) * rng.standard_normal((p, n)).T
    X += np.sqrt(rho) * rng.standard_normal((n, 1))
    return X


def correlated(
    model: str,
    rho: float,
    *,
    loss: str = "squared",
    shares: tuple[float, ...] = (0.1,),
    gap: float = 1e-6,
) -> Problem:
    """1000 groups of 10 columns, 30 of them active, noise with a third of the signal's variance."""
    n, n_groups, size, n_active = 1000, 1000, 10, 30
    rng = np.random.default_rng(0)
    X = {"ar": autoregressive, "equi": equicorrelated}[model](n, n_groups * size, rho, rng)
    W = np.zeros((n_groups, size))
    W[rng.choice(n_groups, n_active, replace=False)] = rng.standard_normal((n_active, size))
    signal = X @ W.ravel()
    y = signal + np.sqrt(signal.var() / 3.0) * rng.standard_normal(n)
    y = np.where(y > np.median(y), 1.0, -1.0) if loss == "logistic" else (y - y.mean()) / y.std()
    return Problem(Dense(X, size), y, loss, shares, gap)


def million_rows() -> Problem:
    """A teacher of 10 ReLU neurons in 20 dimensions, noise with the signal's variance."""
    n, d = 1_000_000, 20
    rng = np.random.default_rng(1)
    Z = rng.standard_normal((d, n)).T
    signal = np.zeros(n)
    for w in rng.standard_normal((10, d)):
        signal += rng.standard_normal() * np.maximum(Z @ w, 0.0)
    y = signal + signal.std() * rng.standard_normal(n)
    return Problem(masked(Z, 200), (y - y.mean()) / y.std(), gap=1e-4)


PATH = tuple(np.geomspace(1.0, 0.05, 100))
REAL = ("diabetes", "breast_cancer", "digits")
CORRELATIONS = (("ar", 0.0), ("ar", 0.5), ("ar", 0.9), ("equi", 0.5))
DENSE: dict[str, dict[str, object]] = {
    "single": {},
    "path": {"shares": PATH, "gap": 1e-5},
    "logistic": {"loss": "logistic"},
}

PROBLEMS: dict[str, Callable[[], Problem]] = (
    {
        f"{name}-{loss}-{share}": partial(real_data, name, loss=loss, shares=(share,))
        for loss in ("squared", "logistic")
        for name in REAL
        for share in (0.1, 0.01)
    }
    | {
        f"dense-{kind}-{model}-{rho}": partial(correlated, model, rho, **options)
        for kind, options in DENSE.items()
        for model, rho in CORRELATIONS
    }
    | {
        "digits-20000": partial(real_data, "digits", n_gates=20_000, shares=(0.1,)),
        "digits-200000": partial(real_data, "digits", n_gates=200_000, shares=(0.1,)),
        "million-rows": million_rows,
    }
)

# the others would need the design in memory (18 GB for 20,000 gates) or hours
SMALL_PEERS: dict[str, tuple[str, ...]] = {
    "digits-20000": ("cvxnn", "adelie", "adelie-float32"),
    "digits-200000": ("cvxnn",),
    "million-rows": ("cvxnn",),
}
