"""Binary classifier with the logistic loss."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from cvxnn.networks._base import ConvexEstimator

__all__ = ["ReLUClassifier"]


class ReLUClassifier(ClassifierMixin, ConvexEstimator):
    """Two-layer ReLU network for binary classification, trained to global optimality.

    Minimises ``sum_k log(1 + exp(-y_k f(x_k))) + beta / 2 * sum_j (||w_j||^2 + a_j^2)`` with y_k =
    -1 for the first and 1 for the second class, over networks f of any width (Pilanci and Ergen,
    arXiv 2002.10553).

    Parameters
    ----------
    beta : float, default=1e-2
        Strength of the weight decay. The loss is a sum, so the same `beta` weighs less on more
        samples.
    patterns : {"auto", "exact"}, int or Cells, default="auto"
        Activation patterns that neurons may have on the training data. "exact": every cell of the
        arrangement, for up to six features (the bias is one) or a million cells; the certificate
        is then global. An integer: that many sampled cells. `Cells`: these. "auto": every cell
        for up to three columns (the bias is one), for four up to 5,000 samples, for five up to 300,
        for six up to 60, or up to 100,000 cells. Otherwise "auto" trains a wide random network by
        L-BFGS, solves the convex program over its cells, and adds cells found by local search
        until none gains more than `tol`; the bound, by a relaxation, is valid but loose.
    bias : {"regularized", "none"}, default="regularized"
        Whether neurons have a bias, penalised like a weight.
    tol : float, default=1e-4
        Relative gap between objective and lower bound at which to stop.
    max_time : float, optional
        Seconds after which the best network so far is returned, with status "time_limit".
    n_jobs : int, optional
        Threads; None means all processors. The result does not depend on it.
    random_state : int or RandomState, optional
        Source of randomness for sampled cells and local search; the latter takes None for 0.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        The class labels, sorted.
    network_, certificate_, status_, n_iter_, history_, n_features_in_, feature_names_in_
        As in `ReLURegressor`.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from cvxnn import ReLUClassifier
    >>> X, y = make_moons(40, noise=0.1, random_state=0)
    >>> model = ReLUClassifier(beta=0.1).fit(X, y)
    >>> model.certificate_.scope, model.score(X, y)
    ('global', 1.0)
    """

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs; used as they are, never standardised.
        y : array-like of shape (n,)
            Labels of two classes.
        sample_weight : array-like of shape (n,), optional
            Non-negative weights of the samples in the loss.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If an argument is not acceptable; the message names it.
        TooManyCells
            If ``patterns="exact"`` and the data has too many cells to list.
        """
        inputs, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        self.classes_ = np.unique(labels)
        if len(self.classes_) > 2:
            raise ValueError(
                "Only binary classification is supported. The type of the target is "
                f"{type_of_target(labels)}, y has {len(self.classes_)} classes."
            )
        weighted = labels
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, inputs, dtype=np.float64)
            weighted = labels[weight != 0.0]
        if len(np.unique(weighted)) == 1:
            raise ValueError("y must hold two classes, but only one class has weight above zero")
        signs = np.where(labels == self.classes_[-1], 1.0, -1.0)
        self._fit(inputs, signs, "logistic", sample_weight)
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the raw outputs of the network, positive for the second class.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs.

        Returns
        -------
        ndarray of shape (n,)
        """
        return self._raw_outputs(X)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict class labels.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs.

        Returns
        -------
        ndarray of shape (n,)
        """
        outputs = self.decision_function(X)
        labels: NDArray[Any] = self.classes_[(outputs > 0.0).astype(np.intp)]
        return labels

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predict the probabilities of the two classes.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs.

        Returns
        -------
        ndarray of shape (n, 2)
        """
        check_is_fitted(self)
        second = expit(self.decision_function(X))
        return np.column_stack([1.0 - second, second])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
