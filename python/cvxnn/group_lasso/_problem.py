"""A group-lasso problem as checked arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from cvxnn._checks import is_integer, nonnegative_number, one_of, positive_number
from cvxnn._native import core
from cvxnn.group_lasso._groups import Groups, group_weights, make_groups
from cvxnn.group_lasso._losses import LOSSES
from cvxnn.group_lasso._masked import MaskedDesign

__all__ = ["DESIGN_CHECKS", "Problem", "as_design"]

Array = NDArray[np.float64]

DESIGN_CHECKS = {"accept_sparse": "csc", "dtype": [np.float64, np.float32]}  # of scikit-learn


@dataclass(frozen=True, eq=False)
class Problem:
    """Minimise mean loss + alpha sum_g weight_g ||W_g|| + l1 ||W||_1 + l2/2 ||W||^2 over W and b.

    The mean is that of l(y_i, offset_i + x_i W + b), weighted by the samples. For losses of the
    residual, y is held less the centre, which goes into the intercept, and y, the offset and delta
    are divided by 2^exponent: squares stay in range, and gaps are not lost in the rounding of
    large targets. Solutions are moved and scaled back. With `cones` each W_g lies in the closure of
    its cell, {u : (2 D_g - I) X u >= 0}.
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
    cones: bool
    fit_intercept: bool
    centre: Array  # (K,)
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
        cones: bool = False,
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
            cones=bool(cones),
            fit_intercept=bool(fit_intercept),
            centre=np.zeros(targets.shape[1]),
        )
        if not weight.all():
            problem = problem.rows(np.flatnonzero(weight > 0.0))
        LOSSES[loss].check(problem.y, problem.fit_intercept)
        if problem.cones:
            _check_cones(problem)
        return problem._normalised() if LOSSES[loss].quadratic else problem

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

    def core_arguments(self) -> dict[str, Any]:
        """Return what every function of the core asks for, beside design, targets and offset."""
        return {
            "group_weights": self.group_weights,
            "loss": self.loss,
            "delta": self.delta,
            "sample_weight": self.sample_weight,
            "fit_intercept": self.fit_intercept,
        }

    def design(self) -> Any:
        """Return the design in the core, which reads the arrays in place."""
        if isinstance(self.X, MaskedDesign):
            samples = np.asfortranarray(self.X.X, dtype=np.float64)
            if self.X.gates is not None:
                return core.GatedDesign(samples, np.asfortranarray(self.X.gates))
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

    def _normalised(self) -> Problem:
        centre = self.centre
        if self.fit_intercept:
            centre = np.average(
                self.y, axis=0, weights=self.sample_weight / self.sample_weight.max()
            )
        y, shift = self.y - centre, self.offset
        largest = max(np.abs(part).max() for part in (y, shift) if part is not None)
        exponent = int(np.frexp(largest)[1])
        return replace(
            self,
            y=np.ldexp(y, -exponent),
            delta=float(np.clip(np.ldexp(self.delta, -exponent), 1e-300, 1e300)),
            offset=None if shift is None else np.ldexp(shift, -exponent),
            centre=centre,
            exponent=exponent,
        )


def as_design(X: Any) -> Any:
    """Check X, without a copy where it is a float32 or float64 array."""
    return X if isinstance(X, MaskedDesign) else check_array(X, input_name="X", **DESIGN_CHECKS)


def _check_cones(problem: Problem) -> None:
    """Refuse what the solver with cones does not know."""
    if not isinstance(problem.X, MaskedDesign):
        raise ValueError(f"cones needs X to be a MaskedDesign, got {type(problem.X).__name__}")
    weights = problem.group_weights
    others = {
        "several targets": problem.y.shape[1] > 1,
        "loss='poisson'": problem.loss == "poisson",
        "l1": problem.l1 > 0.0,
        "l2": problem.l2 > 0.0,
        "positive": problem.positive,
        "offset": problem.offset is not None,
        "weights of zero, or that differ": not (weights[0] > 0.0 and (weights == weights[0]).all()),
    }
    for name, given in others.items():
        if given:
            raise ValueError(f"cones does not go with {name}")


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
