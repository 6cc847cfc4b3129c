"""Regressors."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin

from cvxnn._callbacks import with_callbacks
from cvxnn._checks import one_of, regression_data
from cvxnn.networks._base import ConvexEstimator

__all__ = ["REGRESSION_LOSSES", "ConvexRegressor", "ReLURegressor"]

REGRESSION_LOSSES = ("squared", "absolute", "huber")


class ConvexRegressor(RegressorMixin, ConvexEstimator):
    """Base of the regressors: one target or several."""

    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs; used as they are, never standardised.
        y : array-like of shape (n,) or (n, C)
            Targets.
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
        inputs, targets = regression_data(self, X, y)
        self._shape_of_target = targets.shape[1:]
        self._fit(inputs, targets, sample_weight, targets, **self._model())
        return self

    def _model(self) -> dict[str, Any]:
        raise NotImplementedError

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predict targets.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs.

        Returns
        -------
        ndarray of shape (n,) or (n, C), as the targets of `fit`
        """
        outputs = self._raw_outputs(X)
        return outputs.reshape(len(outputs), *self._shape_of_target)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class ReLURegressor(ConvexRegressor):
    """Two-layer ReLU network for regression, trained to global optimality.

    Minimises ``sum_k loss(f(x_k), y_k) + beta / 2 * sum_j (||w_j||^2 + |a_j|^2)`` over networks f
    of any width, through the convex program of Pilanci and Ergen (arXiv 2002.10553, Theorem 1).
    For several targets the loss is a sum over them, and ``|a_j|`` is the l1 norm of a neuron's
    output weights, under which their programs are independent (Sahiner et al., arXiv 2012.13329),
    or with `output_norm` the Euclidean one; `tol` is for their sum, so targets should be of one
    scale.

    Parameters
    ----------
    beta : float, default=1e-2
        Strength of the weight decay. The loss is a sum, so the same `beta` weighs less on more
        samples.
    activation : {"relu", "leaky_relu", "abs", "threshold"}, default="relu"
        The activation function. "threshold" is ``1[w_j . x + b_j > 0]``, which does not see the
        scale of its argument; the penalty is ``beta * sum_j |a_j|``, the weight decay of an
        amplitude and an output weight whose product is a_j. Training is a Lasso over the patterns
        of cells (Ergen, Gulluk, Lacotte and Pilanci, arXiv 2303.03382).
    negative_slope : float, default=0.0
        Slope of "leaky_relu" below zero, at least 0 and less than 1.
    loss : {"squared", "absolute", "huber"}, default="squared"
        ``(f - y)^2 / 2``, ``|f - y|``, or the first where ``|f - y| <= delta`` and ``delta
        (|f - y| - delta / 2)`` elsewhere.
    delta : float, default=1.0
        Where the Huber loss turns linear, in units of the target.
    patterns : {"auto", "exact"}, int or Cells, default="auto"
        Activation patterns that neurons may have on the training data. "exact": every cell of the
        arrangement, for up to six features (the bias is one) or a million cells; the certificate
        is then global. An integer: that many sampled cells. `Cells`: these. "auto": every cell
        for up to three columns (the bias is one), for four up to 5,000 samples, for five up to 300,
        for six up to 60, or up to 100,000 cells. Otherwise "auto" trains a wide random network by
        L-BFGS, solves the convex program over its cells, and adds cells found by local search
        until none gains more than `tol`; the bound, by a relaxation, is valid but loose. For
        "threshold" every cell is listed: "exact" takes up to a million, "auto" up to 100,000 (in
        one dimension with a bias there are two a sample) and otherwise 500 sampled ones, with a
        bound over all that is loose.
    bias : {"regularized", "free", "none"}, default="regularized"
        "regularized": neurons have a bias, penalised like a weight. "free": neurons and the output
        have biases, none of them penalised, as in scikit-learn's multi-layer perceptrons; the
        program then has a column for biases so high that their penalty, of a relative 1e-7 or less,
        is below what can be measured, and no bound depends on it. "none": no biases. For
        "threshold" biases of neurons cost nothing either way, and "free" adds one of the output;
        without biases neurons are in general position, not zero at any sample that is not zero.
    rank : int, optional
        Train on that many singular directions of the data only, of which every cell can be priced
        where all columns are too many (arXiv 2312.12657); with `patterns` "auto" or "exact". The
        network takes the data as it is, and its certificate is for training on all of it;
        `status_` tells how training on the directions ended.
    output_norm : {"l1", "l2"}, default="l1"
        The norm of the output weights of a neuron, for several targets; with one they are the same.
        "l2" is plain weight decay: neurons then serve all targets at once, and training is column
        generation over cells and directions of output weights (Sahiner et al., arXiv 2012.13329),
        with the smooth losses. For up to six targets its bound is as close as that of "l1", by
        branch and bound over these directions; for more it is the root of a sum of squares.
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
    network_ : Network
        The trained network.
    certificate_ : Certificate
        Its objective and the proved lower bound.
    status_ : {"converged", "time_limit", "iteration_limit", "stopped", "stalled"}
        How training ended. "stopped": a callback asked for it. "stalled": no cell that was found
        gains more than `tol`, but the bound is not that close.
    n_iter_ : int
        Rounds of pricing.
    history_ : structured ndarray
        Fields seconds, objective, lower_bound, n_neurons, one entry per round; a local search
        proves its bound at the end. scikit-learn's callbacks get the same, as the metadata of tasks
        named "round", and may stop the training (set_callbacks, from scikit-learn 1.9 on).
    guaranteed_ratio_ : float
        With `rank`: the objective is at most this times the optimum, by the bound on the directions
        and the size of what is left out of the data; `certificate_` may say less or more.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, if X had string column names.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import ReLURegressor
    >>> X = np.linspace(-1, 1, 9)[:, None]
    >>> model = ReLURegressor(beta=1e-3).fit(X, np.abs(X[:, 0]))
    >>> model.status_, model.certificate_.scope
    ('converged', 'global')
    >>> bool(model.certificate_.relative_gap < 1e-4)
    True
    >>> steps = ReLURegressor(beta=0.1, activation="threshold").fit(X, 1.0 * (X[:, 0] > 0.0))
    >>> print(f"{steps.certificate_.objective:.5f} {steps.predict([[-0.9], [0.9]])}")
    0.09875 [0.    0.975]
    """

    def __init__(
        self,
        beta: float = 1e-2,
        *,
        activation: str = "relu",
        negative_slope: float = 0.0,
        loss: str = "squared",
        delta: float = 1.0,
        patterns: Any = "auto",
        bias: str = "regularized",
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
        self.delta = delta
        self.patterns = patterns
        self.bias = bias
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
            "loss": one_of("loss", self.loss, REGRESSION_LOSSES),
            "delta": self.delta,
            "rank": self.rank,
            "output_norm": self.output_norm,
        }
