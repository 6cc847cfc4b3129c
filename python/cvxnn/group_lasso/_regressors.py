"""Regression with a group penalty."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import d2_tweedie_score
from sklearn.utils.validation import check_consistent_length, validate_data

from cvxnn._checks import one_of
from cvxnn.group_lasso._base import GroupLassoEstimator
from cvxnn.group_lasso._problem import DESIGN_CHECKS

__all__ = ["GroupLasso", "GroupRegressor"]

Array = NDArray[np.float64]

_TARGET_CHECKS = {"ensure_2d": False, "dtype": np.float64}


class GroupRegressor(RegressorMixin, GroupLassoEstimator):
    """What `GroupLasso` and `GroupLassoCV` share."""

    def predict(self, X: Any) -> Array:
        """Predict targets.

        Parameters
        ----------
        X : array-like, sparse matrix or MaskedDesign of shape (n, d)
            Samples.

        Returns
        -------
        ndarray of shape (n,) or (n, K)
            ``X W + b``, or its exponential for the Poisson loss.
        """
        outputs = self._outputs(X)
        if np.ndim(self.coef_) == 1:
            outputs = outputs[:, 0]
        return np.exp(outputs) if self.loss == "poisson" else outputs

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return how much of the variation of y is explained.

        Parameters
        ----------
        X : array-like, sparse matrix or MaskedDesign of shape (n, d)
            Samples.
        y : array-like of shape (n,) or (n, K)
            Targets.
        sample_weight : array-like of shape (n,), optional
            Weights of the samples.

        Returns
        -------
        float
            R^2, or for the Poisson loss the fraction D^2 of deviance explained.
        """
        if self.loss != "poisson":
            return float(super().score(X, y, sample_weight))
        predicted = self.predict(X)
        return float(
            d2_tweedie_score(
                np.ravel(y),
                predicted.ravel(),
                power=1,
                sample_weight=None
                if sample_weight is None
                else np.repeat(sample_weight, predicted.size // len(predicted)),
            )
        )

    def _check_data(self, X: Any, y: Any) -> tuple[Any, Any]:
        data, targets = validate_data(
            self, X, y, validate_separately=(DESIGN_CHECKS, _TARGET_CHECKS)
        )
        check_consistent_length(data, targets)
        return data, targets

    def _encoded(self, y: Any) -> tuple[str, Array]:
        return one_of("loss", self.loss, ("squared", "huber", "poisson")), y

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags


class GroupLasso(GroupRegressor):
    """Linear regression with a penalty on the norms of groups of coefficients.

    Minimises ``mean loss + alpha * sum_g weight_g ||w_g||_2 + l1 ||w||_1 + l2/2 ||w||_2^2`` over w
    and b, where the loss of outputs ``f = X w + b`` is ``1/2 (f - y)^2`` by default. It stops on a
    proved bound, the duality gap, and says by how much the objective may be above its optimum.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength of the group penalty.
    groups : int, list of index lists, or array-like of shape (d,), optional
        Size of consecutive groups, the columns of each group, or one label per column. None: one
        group per column (the lasso), or per cell of a `MaskedDesign`. With many targets a group
        holds the coefficients of its columns for all targets.
    weights : array-like of shape (n_groups,), optional
        Weights of the groups in the penalty, those of labels in sorted order; None means the
        square roots of their sizes.
    loss : {"squared", "huber", "poisson"}, default="squared"
        "huber" is quadratic up to `delta` and linear beyond; "poisson" is ``exp(f) - y f``.
    delta : float, default=1.0
        Parameter of the Huber loss.
    l1 : float, default=0.0
        Strength of the penalty on single coefficients (sparse-group lasso).
    l2 : float, default=0.0
        Strength of the ridge penalty.
    fit_intercept : bool, default=True
        Whether there is an intercept, which is not penalised.
    positive : bool, default=False
        Whether coefficients must not be negative.
    cones : bool, default=False
        Whether the coefficients u of a cell stay in its closure, {u : (2 D - I) X u >= 0} on
        the samples of positive weight: one output, X a `MaskedDesign`, equal weights, no other
        penalty; `warm_start` then has no effect.
    tol : float, default=1e-6
        Duality gap at which to stop, relative to the objective at w = 0 with the best intercept
        (for the Poisson loss: to how far that is above the least possible loss).
    max_iter : int, default=1000
        Most iterations of the solver.
    max_time : float, optional
        Seconds after which the best point so far is returned, with status "time_limit".
    warm_start : bool, default=False
        Whether `fit` starts from the coefficients of the last one.
    n_jobs : int, optional
        Threads; None means all processors. The result does not depend on it.

    Attributes
    ----------
    coef_ : ndarray of shape (d,) or (K, d)
        Coefficients.
    intercept_ : float or ndarray of shape (K,)
        Intercepts.
    dual_gap_ : float
        Upper bound on how far the objective is from its optimum.
    relative_gap_ : float
        `dual_gap_` relative to what `tol` is relative to.
    n_iter_ : int
        Iterations of the solver.
    status_ : {"converged", "time_limit", "iteration_limit", "stopped", "stalled"}
        How the solver ended; "stopped" by a callback.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, if X had string column names.

    See Also
    --------
    GroupLassoCV : Chooses `alpha` by cross-validation.
    group_lasso_path : Solutions for many `alpha`.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn.group_lasso import GroupLasso
    >>> X = np.random.default_rng(0).standard_normal((50, 6))
    >>> y = X[:, 0] - X[:, 1]
    >>> model = GroupLasso(alpha=0.1, groups=[[0, 1], [2, 3], [4, 5]]).fit(X, y)
    >>> model.coef_ != 0
    array([ True,  True, False, False, False, False])
    >>> model.status_, bool(model.relative_gap_ <= 1e-6)
    ('converged', True)
    """

    def __init__(
        self,
        alpha: float = 1.0,
        *,
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
        warm_start: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.alpha = alpha
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
        self.warm_start = warm_start
        self.n_jobs = n_jobs
