"""A group-lasso problem as arrays, and its solutions by the core."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray

from cvxnn._checks import is_integer, nonnegative_number, one_of, positive_integer, positive_number
from cvxnn._native import core
from cvxnn.group_lasso._groups import Groups, group_weights, make_groups
from cvxnn.group_lasso._losses import LOSSES
from cvxnn.group_lasso._masked import MaskedDesign

__all__ = ["Options", "Problem", "Solution", "critical_alpha", "linear_outputs", "solve_path"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Problem:
    """Minimise mean loss + alpha sum_g weight_g ||W_g|| + l1 ||W||_1 + l2/2 ||W||^2 over W and b.

    The mean is that of l(y_i, offset_i + x_i W + b), weighted by the samples. Losses that scale
    with y hold it, the offset and delta divided by 2^exponent, which keeps squares in range and
    rounds nothing; solutions are scaled back.
    """

    X: Any  # ndarray, sparse array or MaskedDesign
    groups: Groups
    group_weights: Array
    y: Array  # (n, K)
    loss: str
    delta: float
    sample_weight: Array  # (n,), positive
    offset: Array | None  # (n, K)
    l1: float
    l2: float
    positive: bool
    fit_intercept: bool
    exponent: int = 0

    @classmethod
    def from_arrays(
        cls,
        X: Any,
        y: ArrayLike,
        *,
        groups: Any = None,
        weights: ArrayLike | None = None,
        loss: str = "squared",
        delta: float = 1.0,
        l1: float = 0.0,
        l2: float = 0.0,
        positive: bool = False,
        fit_intercept: bool = True,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Problem:
        """Check all arguments but X, each error naming the one at fault."""
        one_of("loss", loss, LOSSES)
        n, n_columns = X.shape
        if isinstance(X, MaskedDesign):
            groups = _cell_groups(groups, X)
        partition = make_groups(groups, n_columns)
        targets = _one_row_per_sample("y", y, n)
        weight = np.ones(n)
        if sample_weight is not None:
            weight = _sample_weights(sample_weight, n)
        shift = None if offset is None else _one_row_per_sample("offset", offset, n)
        if shift is not None and shift.shape != targets.shape:
            raise ValueError(f"offset has shape {shift.shape}, but y has {targets.shape}")
        problem = cls(
            X=X,
            groups=partition,
            group_weights=group_weights(weights, partition),
            y=targets,
            loss=loss,
            delta=positive_number("delta", delta),
            sample_weight=weight,
            offset=shift,
            l1=nonnegative_number("l1", l1),
            l2=nonnegative_number("l2", l2),
            positive=bool(positive),
            fit_intercept=bool(fit_intercept),
        )
        if not weight.all():
            problem = problem.rows(np.flatnonzero(weight > 0.0))
        LOSSES[loss].check(problem.y, problem.fit_intercept)
        return problem._scaled() if LOSSES[loss].quadratic else problem

    def rows(self, rows: NDArray[np.intp]) -> Problem:
        """Return the same problem on some of the samples."""
        return replace(
            self,
            X=self.X[rows],
            y=self.y[rows],
            sample_weight=self.sample_weight[rows],
            offset=None if self.offset is None else self.offset[rows],
        )

    def start(self, coef: Array, intercept: Array) -> tuple[NDArray[np.int64], Array, Array]:
        """Return a point (coef of shape (K, d)) as the core takes it: the non-zero groups."""
        if self.positive:
            coef = np.maximum(coef, 0.0)
        nonzero: NDArray[np.bool_] = (coef != 0.0).any(axis=0)
        active = np.logical_or.reduceat(nonzero[self.groups.columns], self.groups.starts[:-1])
        columns = self.groups.columns[np.repeat(active, self.groups.sizes)]
        return columns, np.ascontiguousarray(coef[:, columns].T), intercept

    def design(self) -> Any:
        """Return the design in the core, which reads the arrays in place."""
        if isinstance(self.X, MaskedDesign):
            samples = np.asfortranarray(self.X.X, dtype=np.float64)
            return core.MaskedDesign(samples, self.X.cells.packed)
        if scipy.sparse.issparse(self.X):
            X = self.X.tocsc()
            if not X.has_canonical_format:
                X = X.copy()  # the caller's stays as it is
                X.sum_duplicates()
            return core.SparseDesign(
                X.data.astype(np.float64, copy=False),
                X.indices.astype(np.int64, copy=False),
                X.indptr.astype(np.int64, copy=False),
                X.shape[0],
                self.groups.columns,
                self.groups.starts,
            )
        X = self.X
        if not (X.flags.c_contiguous or X.flags.f_contiguous):
            X = np.ascontiguousarray(X)
        return core.DenseDesign(X, self.groups.columns, self.groups.starts)

    def _scaled(self) -> Problem:
        largest = np.abs(self.y).max()
        if self.offset is not None:
            largest = max(largest, np.abs(self.offset).max())
        exponent = int(np.frexp(largest)[1])
        return replace(
            self,
            y=np.ldexp(self.y, -exponent),
            delta=float(np.clip(np.ldexp(self.delta, -exponent), 1e-300, 1e300)),
            offset=None if self.offset is None else np.ldexp(self.offset, -exponent),
            exponent=exponent,
        )


@dataclass(frozen=True)
class Options:
    """When to stop, and on how many threads."""

    tol: float
    max_iter: int
    max_time: float | None
    n_threads: int

    @classmethod
    def checked(cls, tol: float, max_iter: int, max_time: float | None, n_threads: int) -> Options:
        """Check the numbers, each error naming the one at fault."""
        return cls(
            positive_number("tol", tol),
            positive_integer("max_iter", max_iter),
            None if max_time is None else positive_number("max_time", max_time),
            n_threads,
        )


@dataclass(frozen=True, eq=False)
class Solution:
    """A point for one alpha, its non-zero groups only, and how good it is."""

    alpha: float
    columns: NDArray[np.int64]  # (nnz,)
    values: Array  # (nnz, K)
    intercept: Array  # (K,)
    objective: float
    dual_gap: float
    relative_gap: float
    n_iter: int
    status: str
    dual: Array | None  # (n, K), which proves the gap; only if asked for

    def coefficients(self, n_columns: int) -> Array:
        """Return all of W as shape (K, n_columns)."""
        dense = np.zeros((self.values.shape[1], n_columns))
        dense[:, self.columns] = self.values.T
        return dense

    def outputs(self, X: Any) -> Array:
        """Return X W + b, shape (n, K)."""
        return linear_outputs(X, self.columns, self.values, self.intercept)


def linear_outputs(X: Any, columns: NDArray[Any], values: Array, intercept: Array) -> Array:
    """Return X W + b, shape (n, K), for W with the given rows and zeros elsewhere."""
    if isinstance(X, MaskedDesign):
        weights = np.zeros((X.shape[1], values.shape[1]))
        weights[columns] = values
        return np.asarray(X @ weights + intercept)
    return np.asarray(X[:, columns] @ values + intercept)


def critical_alpha(problem: Problem, n_threads: int) -> float:
    """Return the smallest alpha at which W = 0 is optimal."""
    alpha = core.group_lasso_alpha_max(
        problem.design(),
        problem.y,
        group_weights=problem.group_weights,
        loss=problem.loss,
        delta=problem.delta,
        sample_weight=problem.sample_weight,
        offset=problem.offset,
        l1=_scaled_down(problem.l1, problem.exponent),
        positive=problem.positive,
        fit_intercept=problem.fit_intercept,
        n_threads=n_threads,
    )
    return float(np.ldexp(alpha, problem.exponent))


def solve_path(
    problem: Problem,
    alphas: Array,
    options: Options,
    *,
    start: tuple[NDArray[np.int64], Array, Array] | None = None,
    on_progress: Callable[[Mapping[str, Any]], object] | None = None,
    keep_dual: bool = False,
) -> list[Solution]:
    """Solve for decreasing alphas, each from the solution before it."""
    e = problem.exponent
    if start is not None:
        columns, values, intercept = start
        start = (columns, np.ldexp(values, -e), np.ldexp(intercept, -e))
    results = core.solve_group_lasso(
        problem.design(),
        problem.y,
        group_weights=problem.group_weights,
        loss=problem.loss,
        delta=problem.delta,
        sample_weight=problem.sample_weight,
        offset=problem.offset,
        alphas=np.array([_scaled_down(alpha, e) for alpha in alphas]),
        l1=_scaled_down(problem.l1, e),
        l2=problem.l2,
        positive=problem.positive,
        fit_intercept=problem.fit_intercept,
        tol=options.tol,
        max_iter=options.max_iter,
        max_seconds=np.inf if options.max_time is None else options.max_time,
        n_threads=options.n_threads,
        start=start,
        on_progress=on_progress,
    )
    return [
        Solution(
            alpha=float(alpha),
            columns=raw["columns"],
            values=np.ldexp(raw["values"], e),
            intercept=_intercept(problem.loss, np.ldexp(raw["intercept"], e)),
            objective=float(np.ldexp(raw["objective"], 2 * e)),
            dual_gap=float(np.ldexp(raw["dual_gap"], 2 * e)),
            relative_gap=float(raw["relative_gap"]),
            n_iter=int(raw["n_iter"]),
            status=raw["status"],
            dual=np.ldexp(raw["dual"], e) if keep_dual else None,
        )
        for alpha, raw in zip(alphas, results, strict=True)
    ]


def _intercept(loss: str, intercept: Array) -> Array:
    """Fix what the softmax leaves open: adding one number to all intercepts changes nothing."""
    return intercept - intercept.mean() if loss == "multinomial" else intercept


def _scaled_down(strength: float, exponent: int) -> float:
    """Divide a strength of the penalty by 2^exponent, within what a double can hold."""
    return float(np.clip(np.ldexp(strength, -exponent), 1e-300, 1e300)) if strength else 0.0


def _cell_groups(groups: Any, X: MaskedDesign) -> int:
    d: int = X.X.shape[1]
    if groups is not None and not (is_integer(groups) and groups == d):
        raise ValueError("groups must be None for a MaskedDesign: each cell is a group")
    return d


def _one_row_per_sample(name: str, values: ArrayLike, n: int) -> Array:
    """Return shape (n, K) from (n,) or (n, K)."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim not in (1, 2) or len(array) != n or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}, but X has {n} samples")
    if not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))[0]
        raise ValueError(f"{name} contains NaN or infinity, first for sample {bad[0]}")
    columns: Array = np.ascontiguousarray(array.reshape(n, -1))
    return columns


def _sample_weights(values: ArrayLike, n: int) -> Array:
    weight = np.asarray(values, dtype=np.float64)
    if weight.shape != (n,):
        raise ValueError(f"sample_weight has shape {weight.shape}, but X has {n} samples")
    bad = np.flatnonzero(~(np.isfinite(weight) & (weight >= 0.0)))
    if len(bad):
        raise ValueError(
            "sample_weight must be non-negative and finite, "
            f"got {weight[bad[0]]} for sample {bad[0]}"
        )
    if not weight.any():
        raise ValueError("sample_weight must not be all zero")
    return np.ascontiguousarray(weight)
