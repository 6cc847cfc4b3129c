"""Classifier."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from cvxnn._callbacks import with_callbacks
from cvxnn._checks import one_of
from cvxnn.networks._base import ConvexEstimator

__all__ = ["ConvexClassifier", "ReLUClassifier"]


class ConvexClassifier(ClassifierMixin, ConvexEstimator):
    """Base of the classifiers."""

    loss: str
    class_weight: Any

    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs; used as they are, never standardised.
        y : array-like of shape (n,)
            Labels of two classes or more.
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
        weight = _check_sample_weight(sample_weight, inputs, dtype=np.float64)
        if len(np.unique(labels[weight != 0.0])) == 1:
            raise ValueError("y must hold two classes, but only one class has weight above zero")
        if self.class_weight is not None:
            weight = weight * compute_sample_weight(self.class_weight, labels)
        loss = one_of("loss", self.loss, ("logistic", "hinge", "squared_hinge"))
        if len(self.classes_) > 2:
            if loss != "logistic":
                raise ValueError(f"loss={loss!r} is for two classes, y has {len(self.classes_)}")
            loss, targets = "multinomial", 1.0 * (labels[:, None] == self.classes_)
        else:
            targets = np.where(labels == self.classes_[-1], 1.0, -1.0)
        self._fit(inputs, targets, weight, labels, loss=loss, **self._model())
        return self

    def _model(self) -> dict[str, Any]:
        raise NotImplementedError

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the raw outputs of the network, positive for the second of two classes.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs.

        Returns
        -------
        ndarray of shape (n,), or (n, C) for more than two classes
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
        return self._labels_of(self.decision_function(X))

    def _labels_of(self, outputs: NDArray[np.float64]) -> NDArray[Any]:
        chosen = outputs > 0.0 if outputs.ndim == 1 else outputs.argmax(axis=1)
        labels: NDArray[Any] = self.classes_[chosen.astype(np.intp)]
        return labels

    def _has_probabilities(self) -> bool:
        if self.loss != "logistic":
            raise AttributeError(f"predict_proba needs loss='logistic', got {self.loss!r}")
        return True

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predict the probabilities of the classes; for the logistic loss only.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs.

        Returns
        -------
        ndarray of shape (n, C)
        """
        check_is_fitted(self)
        outputs = self.decision_function(X)
        if outputs.ndim == 2:
            return np.asarray(softmax(outputs, axis=1))
        second = expit(outputs)
        return np.column_stack([1.0 - second, second])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = self.loss == "logistic"
        return tags


class ReLUClassifier(ConvexClassifier):
    """Two-layer ReLU network for classification, trained to global optimality.

    Minimises ``sum_k loss(y_k f(x_k)) + beta / 2 * sum_j (||w_j||^2 + a_j^2)`` with y_k = -1 for
    the first and 1 for the second class, over networks f of any width (Pilanci and Ergen, arXiv
    2002.10553). For C > 2 classes the network has C outputs, the loss is the cross-entropy of their
    softmax, and a_j^2 stands for the square of ``sum_c |a_jc|``, with which the program is the same
    with a pair of blocks for each cell and class (Sahiner et al., arXiv 2012.13329; the l1 norm of
    the output weights as in the code of Mishkin et al., arXiv 2202.01331), or, with `output_norm`,
    of ``sum_c a_jc^2``.

    Parameters
    ----------
    beta : float, default=1e-2
        Strength of the weight decay. The loss is a sum, so the same `beta` weighs less on more
        samples.
    activation : {"relu", "leaky_relu", "abs", "threshold"}, default="relu"
        The activation function. "threshold" is 1 above zero and 0 elsewhere; its penalty is ``beta
        * sum_j |a_j|`` and its program a Lasso, see `ReLURegressor`.
    negative_slope : float, default=0.0
        Slope of "leaky_relu" below zero, at least 0 and less than 1.
    loss : {"logistic", "hinge", "squared_hinge"}, default="logistic"
        ``log(1 + exp(-m))``, ``max(0, 1 - m)`` or ``max(0, 1 - m)^2 / 2`` of the margin m = y f.
        "logistic" is the cross-entropy for more than two classes; the others are for two.
    patterns : {"auto", "exact"}, int or Cells, default="auto"
        Activation patterns that neurons may have on the training data. "exact": every cell of the
        arrangement, for up to six features (the bias is one) or a million cells; the certificate
        is then global. An integer: that many sampled cells. `Cells`: these. "auto": every cell
        for up to three columns (the bias is one), for four up to 5,000 samples, for five up to 300,
        for six up to 60, or up to 100,000 cells. Otherwise "auto" trains a wide random network by
        L-BFGS, solves the convex program over its cells, and adds cells found by local search
        until none gains more than `tol`; the bound, by a relaxation, is valid but loose. For
        "threshold" every cell is listed, see `ReLURegressor`.
    bias : {"regularized", "free", "none"}, default="regularized"
        Which biases the network has and what they cost, see `ReLURegressor`.
    class_weight : dict or "balanced", optional
        Weights of the classes in the loss, as in scikit-learn.
    rank : int, optional
        Train on that many singular directions of the data only, of which every cell can be priced
        where all columns are too many (arXiv 2312.12657); with `patterns` "auto" or "exact". The
        network takes the data as it is, and its certificate is for training on all of it;
        `status_` tells how training on the directions ended.
    output_norm : {"l1", "l2"}, default="l1"
        The norm of the output weights of a neuron, for more than two classes, see `ReLURegressor`.
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
    classes_ : ndarray of shape (C,)
        The class labels, sorted.
    network_, certificate_, status_, n_iter_, history_, guaranteed_ratio_, n_features_in_, \
feature_names_in_
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

    def __init__(
        self,
        beta: float = 1e-2,
        *,
        activation: str = "relu",
        negative_slope: float = 0.0,
        loss: str = "logistic",
        patterns: Any = "auto",
        bias: str = "regularized",
        class_weight: Any = None,
        rank: int | None = None,
        output_norm: str = "l1",
        tol: float = 1e-4,
        max_time: float | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.beta = beta
        self.activation = activation
        self.negative_slope = negative_slope
        self.loss = loss
        self.patterns = patterns
        self.bias = bias
        self.class_weight = class_weight
        self.rank = rank
        self.output_norm = output_norm
        self.tol = tol
        self.max_time = max_time
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _model(self) -> dict[str, Any]:
        return {
            "activation": self.activation,
            "negative_slope": self.negative_slope,
            "rank": self.rank,
            "output_norm": self.output_norm,
        }
