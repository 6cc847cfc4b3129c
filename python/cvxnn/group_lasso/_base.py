"""What the estimators share: validation, solving, fitted attributes, linear outputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from cvxnn._callbacks import CallbackSupportMixin, FitTasks, fit_tasks, with_callbacks
from cvxnn._checks import nonnegative_number
from cvxnn._folds import Folds
from cvxnn._threads import thread_count
from cvxnn.group_lasso._masked import MaskedDesign
from cvxnn.group_lasso._options import Options
from cvxnn.group_lasso._path import warn_unless_converged
from cvxnn.group_lasso._problem import DESIGN_CHECKS, Problem
from cvxnn.group_lasso._solving import Solution, linear_outputs, solve_path

__all__ = ["GroupLassoEstimator", "TrainingData"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What `fit` got, checked."""

    X: Any  # ndarray, sparse array or MaskedDesign
    y: Any  # targets or labels
    targets: Array  # what the loss compares the outputs with
    loss: str  # as the core calls it
    weight: Array
    offset: Array | None

    def rows(self, rows: NDArray[np.intp]) -> TrainingData:
        """Return some of the samples."""
        return replace(
            self,
            X=self.X[rows],
            y=self.y[rows],
            targets=self.targets[rows],
            weight=self.weight[rows],
            offset=None if self.offset is None else self.offset[rows],
        )


class GroupLassoEstimator(CallbackSupportMixin, BaseEstimator):
    """Base of the linear models with a group penalty."""

    delta = 1.0  # overridden where the Huber loss is among the choices
    class_weight: Any = None

    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array-like, sparse matrix or MaskedDesign of shape (n, d)
            Samples; used as they are, never standardised.
        y : array-like of shape (n,) or (n, K)
            Targets or, for classifiers, labels of shape (n,).
        sample_weight : array-like of shape (n,), optional
            Non-negative weights of the samples in the mean loss.
        offset : array-like of shape (n,) or (n, K), optional
            What is added to the outputs during the fit, for example the logarithm of an exposure.
            Predictions are those of offset zero.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an argument is not acceptable; the message names it.
        """
        data = self._training_data(X, y, sample_weight, offset)
        folds = self._folds(data)
        n_parts = len(folds) + 1 if folds else None
        with fit_tasks(self, data.X, data.y, data.weight, n_parts) as tasks:
            self._keep(self._solved(data, folds, tasks), data)
        return self

    def _training_data(self, X: Any, y: Any, sample_weight: Any, offset: Any) -> TrainingData:
        data, checked_y = self._validated(X, y)
        loss, targets = self._encoded(checked_y)
        weight = self._sample_weights(data, checked_y, sample_weight)
        shift = None if offset is None else _as_offset(offset, targets)
        return TrainingData(data, checked_y, targets, loss, weight, shift)

    def _validated(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Check X and y, and set the attributes that describe the features."""
        design = X.X if isinstance(X, MaskedDesign) else X
        data, raw = self._check_data(design, y)
        if isinstance(X, MaskedDesign):
            self.n_features_in_ = X.shape[1]
            data = X
        return data, raw

    def _check_data(self, X: Any, y: Any) -> tuple[Any, Any]:
        checked: tuple[Any, Any] = validate_data(self, X, y, **DESIGN_CHECKS)
        return checked

    def _encoded(self, y: Any) -> tuple[str, Array]:
        """Return the loss of the core and its targets."""
        raise NotImplementedError

    def _sample_weights(self, X: Any, y: Any, sample_weight: ArrayLike | None) -> Array:
        data = X.X if isinstance(X, MaskedDesign) else X
        weight: Array = _check_sample_weight(
            sample_weight, data, dtype=np.float64, ensure_non_negative=True
        )
        return weight

    def _problem(self, data: TrainingData) -> Problem:
        return Problem.from_arrays(
            data.X,
            data.targets,
            groups=self.groups,
            weights=self.weights,
            loss=data.loss,
            delta=self.delta,
            l1=self.l1,
            l2=self.l2,
            positive=self.positive,
            cones=self.cones,
            fit_intercept=self.fit_intercept,
            sample_weight=data.weight,
            offset=data.offset,
        )

    def _options(self) -> Options:
        return Options.checked(self.tol, self.max_iter, self.max_time, thread_count(self.n_jobs))

    def _folds(self, data: TrainingData) -> Folds:
        """Return the samples to train on and those to hold out, for each part of a search."""
        return []

    def _solved(self, data: TrainingData, folds: Folds, tasks: FitTasks) -> Solution:
        """Return the solution for `alpha`."""
        alpha = nonnegative_number("alpha", self.alpha)
        options = self._options()
        problem = self._problem(data)
        start = self._start(problem) if self.warm_start else None
        solutions = solve_path(
            problem, np.array([alpha]), options, start=start, on_progress=tasks.on_progress
        )
        warn_unless_converged(type(self).__name__, solutions, options.tol, stacklevel=5)
        return solutions[0]

    def _start(self, problem: Problem) -> tuple[NDArray[np.int64], Array, Array] | None:
        """Return the last solution, if there is one of this shape."""
        if not hasattr(self, "coef_"):
            return None
        coef = np.atleast_2d(self.coef_)
        if coef.shape != (problem.y.shape[1], problem.X.shape[1]):
            return None
        return problem.start(coef, np.atleast_1d(self.intercept_))

    def _keep(self, solution: Solution, data: TrainingData) -> None:
        coef, intercept = solution.coefficients(data.X.shape[1]), solution.intercept
        one_target = data.targets.ndim == 1
        self.coef_ = coef[0] if one_target else coef
        self.intercept_ = float(intercept[0]) if one_target else intercept
        self.dual_gap_ = solution.dual_gap
        self.relative_gap_ = solution.relative_gap
        self.n_iter_ = max(1, solution.n_iter)
        self.status_ = solution.status

    def _outputs(self, X: Any) -> Array:
        """Return X W + b of shape (n, K)."""
        check_is_fitted(self)
        if isinstance(X, MaskedDesign):
            if X.shape[1] != self.n_features_in_:
                raise ValueError(
                    f"X has {X.shape[1]} columns, but {type(self).__name__} was fitted on "
                    f"{self.n_features_in_}"
                )
        else:
            X = validate_data(self, X, reset=False, **DESIGN_CHECKS)
        coef = np.atleast_2d(self.coef_)
        used = np.flatnonzero(coef.any(axis=0))
        return linear_outputs(X, used, coef[:, used].T, np.atleast_1d(self.intercept_))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _as_offset(offset: ArrayLike, targets: Array) -> Array:
    array = np.asarray(offset, dtype=np.float64)
    if array.size != targets.size or len(array) != len(targets):
        raise ValueError(f"offset has shape {array.shape}, but y has {targets.shape}")
    return array.reshape(targets.shape)
