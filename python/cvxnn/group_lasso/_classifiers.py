"""Classification with a group penalty."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from cvxnn._checks import one_of
from cvxnn.group_lasso._base import GroupLassoEstimator

__all__ = ["GroupClassifier", "GroupLassoClassifier"]

Array = NDArray[np.float64]


def _has_probabilities(model: Any) -> bool:
    return bool(model.loss == "logistic")


class GroupClassifier(ClassifierMixin, GroupLassoEstimator):
    """What `GroupLassoClassifier` and `GroupLassoClassifierCV` share."""

    def decision_function(self, X: Any) -> Array:
        """Return the outputs ``X W + b``, positive for the second of two classes.

        Parameters
        ----------
        X : array-like, sparse matrix or MaskedDesign of shape (n, d)
            Samples.

        Returns
        -------
        ndarray of shape (n,) or (n, n_classes)
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict class labels.

        Parameters
        ----------
        X : array-like, sparse matrix or MaskedDesign of shape (n, d)
            Samples.

        Returns
        -------
        ndarray of shape (n,)
        """
        outputs = self._outputs(X)
        binary = outputs.shape[1] == 1
        chosen = (outputs[:, 0] > 0.0).astype(np.intp) if binary else outputs.argmax(axis=1)
        labels: NDArray[Any] = self.classes_[chosen]
        return labels

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """Predict the probabilities of the classes; only for the logistic loss.

        Parameters
        ----------
        X : array-like, sparse matrix or MaskedDesign of shape (n, d)
            Samples.

        Returns
        -------
        ndarray of shape (n, n_classes)
        """
        outputs = self._outputs(X)
        if outputs.shape[1] == 1:
            return np.column_stack([expit(-outputs[:, 0]), expit(outputs[:, 0])])
        probabilities: Array = softmax(outputs, axis=1)
        return probabilities

    def _encoded(self, y: Any) -> tuple[str, Array]:
        """Set the classes; return -1 and 1 for two of them, a column for each of more."""
        loss = one_of("loss", self.loss, ("logistic", "squared_hinge"))
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        n_classes = len(self.classes_)
        if n_classes < 2:
            raise ValueError("y must hold at least two classes, but holds one class only")
        if n_classes == 2:
            return loss, np.where(codes[:, None] == 1, 1.0, -1.0)
        members = np.asarray(codes[:, None] == np.arange(n_classes), dtype=np.float64)
        return ("multinomial", members) if loss == "logistic" else (loss, 2.0 * members - 1.0)

    def _sample_weights(self, X: Any, y: Any, sample_weight: ArrayLike | None) -> Array:
        weight = super()._sample_weights(X, y, sample_weight)
        if self.class_weight is None:
            return weight
        factors: Array = compute_sample_weight(self.class_weight, y)
        return weight * factors


class GroupLassoClassifier(GroupClassifier):
    """Linear classification with a penalty on the norms of groups of coefficients.

    Minimises ``mean loss + alpha * sum_g weight_g ||W_g|| + l1 ||W||_1 + l2/2 ||W||^2`` over W and
    b. Two classes have one output f, with loss ``log(1 + exp(-y f))`` and y = -1 for the first and
    1 for the second of the sorted classes. More classes have one output each and the softmax cross
    entropy (for "squared_hinge": one class against the rest, all at once); a group then holds the
    coefficients of its columns for all classes.

    Parameters
    ----------
    alpha : float, default=0.01
        Strength of the group penalty. (Gradients of these losses are bounded: for standardised
        features alpha = 1 would set all coefficients to zero.)
    groups : int, list of index lists, or array-like of shape (d,), optional
        Size of consecutive groups, the columns of each group, or one label per column. None: one
        group per column (the lasso), or per cell of a `MaskedDesign`.
    weights : array-like of shape (n_groups,), optional
        Weights of the groups in the penalty, those of labels in sorted order; None means the
        square roots of their sizes.
    loss : {"logistic", "squared_hinge"}, default="logistic"
        The squared hinge is ``1/2 max(0, 1 - y f)^2``.
    l1 : float, default=0.0
        Strength of the penalty on single coefficients (sparse-group lasso).
    l2 : float, default=0.0
        Strength of the ridge penalty.
    fit_intercept : bool, default=True
        Whether there are intercepts, which are not penalised.
    positive : bool, default=False
        Whether coefficients must not be negative.
    cones : bool, default=False
        Whether the coefficients u of a cell stay in its closure, {u : (2 D - I) X u >= 0} on
        the samples of positive weight: one output, X a `MaskedDesign`, equal weights, no other
        penalty; `warm_start` then has no effect.
    class_weight : dict or "balanced", optional
        Weights of the classes in the mean loss.
    tol : float, default=1e-6
        Duality gap at which to stop, relative to the objective at W = 0 with the best intercept.
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
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted.
    coef_ : ndarray of shape (1, d) or (n_classes, d)
        Coefficients.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts.
    dual_gap_, relative_gap_, n_iter_, status_, n_features_in_, feature_names_in_
        As in `GroupLasso`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from cvxnn.group_lasso import GroupLassoClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = GroupLassoClassifier(alpha=0.02).fit(X, y)
    >>> model.coef_.any(axis=0)
    array([False, False,  True,  True])
    >>> model.status_, bool(model.relative_gap_ <= 1e-6)
    ('converged', True)
    """

    def __init__(
        self,
        alpha: float = 0.01,
        *,
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
        warm_start: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.alpha = alpha
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
        self.warm_start = warm_start
        self.n_jobs = n_jobs
