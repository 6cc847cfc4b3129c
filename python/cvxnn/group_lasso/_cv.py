"""The strength of the group penalty by cross-validation."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import check_scoring

from cvxnn._callbacks import FitTasks
from cvxnn._folds import Folds, best_row, score_of, split
from cvxnn.group_lasso._base import GroupLassoEstimator, TrainingData
from cvxnn.group_lasso._classifiers import GroupClassifier
from cvxnn.group_lasso._losses import LOSSES
from cvxnn.group_lasso._options import Options
from cvxnn.group_lasso._path import alpha_grid, warn_unless_converged
from cvxnn.group_lasso._regressors import GroupRegressor
from cvxnn.group_lasso._solving import Solution, solve_path

__all__ = ["GroupLassoCV", "GroupLassoClassifierCV"]

Array = NDArray[np.float64]


class _CrossValidated(GroupLassoEstimator):
    def _folds(self, data: TrainingData) -> Folds:
        return split(self, np.zeros((len(data.y), 1)), data.y)

    def _solved(self, data: TrainingData, folds: Folds, tasks: FitTasks) -> Solution:
        """Choose `alpha_` by the mean score on held-out samples, and solve for it on all."""
        options = self._options()
        deadline = np.inf if options.max_time is None else monotonic() + options.max_time
        problem = self._problem(data)
        self.alphas_ = alpha_grid(problem, self.alphas, self.n_alphas, self.eps, options.n_threads)
        self.scores_ = np.zeros((len(self.alphas_), len(folds)))
        held_out_weight = np.array([data.weight[test].sum() for _, test in folds])
        solutions = []
        for k, (train, test) in enumerate(folds):
            try:
                fold = self._problem(data.rows(train))
            except ValueError as error:
                raise ValueError(f"without the samples held out in fold {k}: {error}") from error
            with tasks.part("fold"):
                path = solve_path(fold, self.alphas_, _before(deadline, options))
            if held_out_weight[k] > 0.0:
                held_out = data.rows(test)
                self.scores_[:, k] = [self._held_out_score(point, held_out) for point in path]
            solutions += path
        best = best_row(self.scores_, held_out_weight)
        self.alpha_ = float(self.alphas_[best])
        with tasks.part("all samples"):
            final = solve_path(problem, self.alphas_[best : best + 1], _before(deadline, options))
        warn_unless_converged(type(self).__name__, solutions + final, options.tol, stacklevel=5)
        return final[0]

    def _held_out_score(self, solution: Solution, data: TrainingData) -> float:
        if self.scoring is not None:
            model = copy(self)
            model.__dict__.pop("feature_names_in_", None)  # X is an array by now
            model._keep(solution, data)
            scorer = check_scoring(self, scoring=self.scoring)
            return score_of(model, scorer, data.X, data.y, data.weight)
        n = len(data.targets)
        outputs = solution.outputs(data.X)
        if data.offset is not None:
            outputs = outputs + data.offset.reshape(outputs.shape)
        values = LOSSES[data.loss].value(outputs, data.targets.reshape(n, -1), self.delta)
        return -float(np.average(values.sum(axis=1), weights=data.weight))


def _before(deadline: float, options: Options) -> Options:
    """Return the options with what is left of the time."""
    if options.max_time is None:
        return options
    return replace(options, max_time=max(deadline - monotonic(), 1e-6))


class GroupLassoCV(GroupRegressor, _CrossValidated):
    """`GroupLasso` with `alpha` chosen by cross-validation.

    Each training part is solved for all alphas, each held-out part scores them, and the alpha with
    the best mean score, the samples weighted as in the fit, is used on all samples.

    Parameters
    ----------
    alphas : array-like of shape (A,), optional
        Strengths to choose from. None: `n_alphas` of them, evenly spaced in logarithm between
        `alpha_max` of all samples and ``eps`` times it.
    n_alphas : int, default=100
        See `alphas`.
    eps : float, default=1e-3
        See `alphas`.
    cv : int, splitter or iterable of (train, test), optional
        How samples are held out; None: five folds.
    scoring : str or callable, optional
        A scorer of scikit-learn, called with `sample_weight` unless all weights are one. None: the
        mean loss on the held-out samples, negative. Of equal scores the larger alpha wins.
    groups, weights, loss, delta, l1, l2, fit_intercept, positive, cones, tol, max_iter, n_jobs
        As in `GroupLasso`.
    max_time : float, optional
        Seconds for the whole of `fit`.

    Attributes
    ----------
    alpha_ : float
        The strength chosen.
    alphas_ : ndarray of shape (A,)
        The strengths tried, decreasing.
    scores_ : ndarray of shape (A, n_folds)
        Scores on the held-out samples, the higher the better; zero for a fold of weight zero.
    mse_path_ : ndarray of shape (A, n_folds)
        Mean squared errors on the held-out samples; only with the squared loss and no `scoring`.
    coef_, intercept_, dual_gap_, relative_gap_, n_iter_, status_, n_features_in_, feature_names_in_
        As in `GroupLasso`, of the fit on all samples.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn.group_lasso import GroupLassoCV
    >>> random = np.random.default_rng(0)
    >>> X = random.standard_normal((60, 6))
    >>> y = X[:, 0] - X[:, 1] + 0.1 * random.standard_normal(60)
    >>> model = GroupLassoCV(groups=2, n_alphas=20).fit(X, y)
    >>> model.mse_path_.shape, bool(model.alpha_ < model.alphas_[0])
    ((20, 5), True)
    """

    def __init__(
        self,
        *,
        alphas: ArrayLike | None = None,
        n_alphas: int = 100,
        eps: float = 1e-3,
        cv: Any = None,
        scoring: Any = None,
        groups: Any = None,
        weights: ArrayLike | None = None,
        loss: str = "squared",
        delta: float = 1.0,
        l1: float = 0.0,
        l2: float = 0.0,
        fit_intercept: bool = True,
        positive: bool = False,
        cones: bool = False,
        tol: float = 1e-6,
        max_iter: int = 1000,
        max_time: float | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.alphas = alphas
        self.n_alphas = n_alphas
        self.eps = eps
        self.cv = cv
        self.scoring = scoring
        self.groups = groups
        self.weights = weights
        self.loss = loss
        self.delta = delta
        self.l1 = l1
        self.l2 = l2
        self.fit_intercept = fit_intercept
        self.positive = positive
        self.cones = cones
        self.tol = tol
        self.max_iter = max_iter
        self.max_time = max_time
        self.n_jobs = n_jobs

    @property
    def mse_path_(self) -> Array:
        """Mean squared errors on the held-out samples, of shape (A, n_folds)."""
        if self.loss != "squared" or self.scoring is not None or not hasattr(self, "scores_"):
            raise AttributeError("mse_path_ is there after a fit with the squared loss, no scoring")
        errors: Array = -2.0 * self.scores_
        return errors


class GroupLassoClassifierCV(GroupClassifier, _CrossValidated):
    """`GroupLassoClassifier` with `alpha` chosen by cross-validation.

    Each training part is solved for all alphas, each held-out part scores them, and the alpha with
    the best mean score, the samples weighted as in the fit, is used on all samples.

    Parameters
    ----------
    alphas : array-like of shape (A,), optional
        Strengths to choose from. None: `n_alphas` of them, evenly spaced in logarithm between
        `alpha_max` of all samples and ``eps`` times it.
    n_alphas : int, default=100
        See `alphas`.
    eps : float, default=1e-3
        See `alphas`.
    cv : int, splitter or iterable of (train, test), optional
        How samples are held out; None: five stratified folds.
    scoring : str or callable, optional
        A scorer of scikit-learn, called with `sample_weight` unless all weights are one. None: the
        mean loss on the held-out samples, negative. Of equal scores the larger alpha wins.
    groups, weights, loss, l1, l2, fit_intercept, positive, cones, class_weight, tol
        As in `GroupLassoClassifier`.
    max_iter, n_jobs
        As in `GroupLassoClassifier`.
    max_time : float, optional
        Seconds for the whole of `fit`.

    Attributes
    ----------
    alpha_ : float
        The strength chosen.
    alphas_ : ndarray of shape (A,)
        The strengths tried, decreasing.
    scores_ : ndarray of shape (A, n_folds)
        Scores on the held-out samples, the higher the better; zero for a fold of weight zero.
    classes_, coef_, intercept_, dual_gap_, relative_gap_, n_iter_, status_
        As in `GroupLassoClassifier`, of the fit on all samples.
    n_features_in_, feature_names_in_
        As in `GroupLasso`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from cvxnn.group_lasso import GroupLassoClassifierCV
    >>> X, y = load_iris(return_X_y=True)
    >>> model = GroupLassoClassifierCV(n_alphas=10, cv=3, scoring="accuracy").fit(X, y)
    >>> model.scores_.shape, bool(model.score(X, y) > 0.9)
    ((10, 3), True)
    """

    def __init__(
        self,
        *,
        alphas: ArrayLike | None = None,
        n_alphas: int = 100,
        eps: float = 1e-3,
        cv: Any = None,
        scoring: Any = None,
        groups: Any = None,
        weights: ArrayLike | None = None,
        loss: str = "logistic",
        l1: float = 0.0,
        l2: float = 0.0,
        fit_intercept: bool = True,
        positive: bool = False,
        cones: bool = False,
        class_weight: Any = None,
        tol: float = 1e-6,
        max_iter: int = 1000,
        max_time: float | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.alphas = alphas
        self.n_alphas = n_alphas
        self.eps = eps
        self.cv = cv
        self.scoring = scoring
        self.groups = groups
        self.weights = weights
        self.loss = loss
        self.l1 = l1
        self.l2 = l2
        self.fit_intercept = fit_intercept
        self.positive = positive
        self.cones = cones
        self.class_weight = class_weight
        self.tol = tol
        self.max_iter = max_iter
        self.max_time = max_time
        self.n_jobs = n_jobs
