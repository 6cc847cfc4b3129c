"""Estimators of parallel three-layer networks."""

from __future__ import annotations

from typing import Any

from cvxnn._checks import one_of
from cvxnn.networks._classifier import ConvexClassifier
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._regressors import ConvexRegressor
from cvxnn.networks.parallel._branch_certificate import TrainedBranches
from cvxnn.networks.parallel._parallel_base import ParallelEstimator
from cvxnn.networks.parallel._parallel_model import ParallelModel
from cvxnn.networks.parallel._parallel_training import checked_model, train_branches

__all__ = ["ParallelReLUClassifier", "ParallelReLURegressor"]


class _ThreeLayerEstimator(ParallelEstimator):
    """Base of both."""

    regularizer: str
    m1: Any
    m2: int

    def _branch_model(self) -> ParallelModel:
        return checked_model(self.regularizer, self.m1, self.m2)

    def _train_branches(
        self, problem: TrainingProblem, beta: float, branches: Any, **options: Any
    ) -> TrainedBranches:
        return train_branches(problem, beta, branches, self.patterns, self.random_state, **options)


class ParallelReLURegressor(_ThreeLayerEstimator, ConvexRegressor):
    """Three-layer ReLU network of parallel branches for regression, by convex optimisation.

    Minimises ``sum_k loss(f(x_k), y_k) + beta R`` over the networks of `ParallelNetwork` with any
    number of branches of m1 and m2 neurons, where the regulariser R, a sum over branches, is one
    that makes the problem convex (Ergen and Pilanci, arXiv 2110.06482 and 2110.09548): a branch is
    linear in its first layer, scaled, on the cells of patterns of both hidden layers, and costs a
    norm of it. Squares of the weights of all three layers do not: branches of norm t would then
    cost t to the power 2/3.

    Parameters
    ----------
    beta : float, default=1e-2
        Strength of the regulariser. The loss is a sum, so the same `beta` weighs less on more
        samples.
    regularizer : {"path", "weight_decay", "unit_columns", "power"}, default="path"
        R of a branch with layers W_1, W_2 and W_3. "path": the square root of the sum over all
        paths of the squared product of weights. "weight_decay": ``(||W_2||_F^2 + ||W_3||_F^2) / 2``
        with ``||W_1||_F <= 1``. "unit_columns": the same with neurons of the first layer of norm
        one at most. "power": ``sum_l ||W_l||_F^3 / 2``.
    m1 : int or "large", default=2
        Neurons of a branch in the first layer. "large": as many as are of use, for "weight_decay"
        and "power" and a handful of samples. With one, the networks are those of two layers.
    m2 : int, default=1
        Neurons of a branch in the second layer, for "path"; more of them are copies of one, and
        divide beta by the square root of m2.
    loss : {"squared", "huber"}, default="squared"
        ``(f - y)^2 / 2``, or the same where ``|f - y| <= delta`` and ``delta (|f - y| - delta /
        2)`` elsewhere. For several targets a sum over them, and weights to the outputs count by
        their l1 norm.
    delta : float, default=1.0
        Where the Huber loss turns linear, in units of the target.
    patterns : {"auto", "exact"} or int, default="auto"
        Patterns of both layers that branches may have on the training data. "exact": all of them,
        for a handful of samples; the certificate is then global and tight. An integer: those of
        that many random branches. "auto": all, up to 20,000 of them, otherwise a search: a wide
        network is trained by L-BFGS, the convex program solved over its patterns, and patterns are
        added that promise a gain; the bound, from two-layer networks that contain the branches, is
        then valid but loose.
    bias : {"regularized", "none"}, default="regularized"
        Whether the first layer has biases, which count as its weights. (Biases that cost nothing
        have no convex program that is known.)
    rank : int, optional
        Train on that many singular directions of the data only, which have fewer patterns, as in
        `ReLURegressor`; with `patterns` "auto" or "exact".
    tol : float, default=1e-4
        Relative gap between objective and lower bound at which to stop.
    max_time : float, optional
        Seconds after which the best network so far is returned, with status "time_limit".
    n_jobs : int, optional
        Threads; None means all processors. The result does not depend on it.
    random_state : int or RandomState, optional
        Source of randomness for sampled patterns and the search; the latter takes None for 0.

    Attributes
    ----------
    network_ : ParallelNetwork
        The trained network, with at most as many branches as there are targets of samples.
    certificate_ : ParallelCertificate
        Its objective and the proved lower bound.
    status_ : {"converged", "time_limit", "iteration_limit", "stopped", "stalled"}
        How training ended. "stalled": no patterns that were found gain more, but the bound is not
        within `tol`.
    n_iter_ : int
        Iterations of the interior-point method, or rounds of the search.
    history_ : structured ndarray
        Fields seconds, objective, lower_bound, n_neurons, one entry per iteration.
    guaranteed_ratio_ : float
        With `rank`: the objective is at most this times the optimum, as in `ReLURegressor`.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, if X had string column names.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import ParallelReLURegressor
    >>> X, y = np.array([[-1.0], [0], [1], [2], [3]]), np.array([0.0, 0, 1, 0, 0])
    >>> model = ParallelReLURegressor(0.01, regularizer="weight_decay").fit(X, y)
    >>> model.certificate_.scope, round(model.certificate_.objective, 4)
    ('global', 0.037)
    """

    def __init__(
        self,
        beta: float = 1e-2,
        *,
        regularizer: str = "path",
        m1: Any = 2,
        m2: int = 1,
        loss: str = "squared",
        delta: float = 1.0,
        patterns: Any = "auto",
        bias: str = "regularized",
        rank: int | None = None,
        tol: float = 1e-4,
        max_time: float | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.beta = beta
        self.regularizer = regularizer
        self.m1 = m1
        self.m2 = m2
        self.loss = loss
        self.delta = delta
        self.patterns = patterns
        self.bias = bias
        self.rank = rank
        self.tol = tol
        self.max_time = max_time
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _model(self) -> dict[str, Any]:
        loss = one_of("loss", self.loss, ("squared", "huber"))
        return {"loss": loss, "delta": self.delta, "rank": self.rank}


class ParallelReLUClassifier(_ThreeLayerEstimator, ConvexClassifier):
    """Three-layer ReLU network of parallel branches for classification, by convex optimisation.

    Minimises ``sum_k loss(y_k f(x_k)) + beta R``, or the cross-entropy for more than two classes as
    in `ReLUClassifier`, over the networks of `ParallelReLURegressor`.

    Parameters
    ----------
    beta : float, default=1e-2
        Strength of the regulariser. The loss is a sum, so the same `beta` weighs less on more
        samples.
    regularizer, m1, m2
        As in `ParallelReLURegressor`.
    loss : {"logistic", "squared_hinge"}, default="logistic"
        ``log(1 + exp(-m))`` or ``max(0, 1 - m)^2 / 2`` of the margin m = y f. "logistic" is the
        cross-entropy for more than two classes; the other is for two.
    patterns, bias, rank
        As in `ParallelReLURegressor`.
    class_weight : dict or "balanced", optional
        Weights of the classes in the loss, as in scikit-learn.
    tol, max_time, n_jobs, random_state
        As in `ParallelReLURegressor`.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        The class labels, sorted.
    network_, certificate_, status_, n_iter_, history_, guaranteed_ratio_, n_features_in_, \
feature_names_in_
        As in `ParallelReLURegressor`.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import ParallelReLUClassifier
    >>> X = np.array([[-2.0], [-1], [0], [1], [2]])
    >>> model = ParallelReLUClassifier(0.05).fit(X, [0, 1, 0, 1, 0])
    >>> model.certificate_.scope, model.score(X, [0, 1, 0, 1, 0])
    ('global', 1.0)
    """

    def __init__(
        self,
        beta: float = 1e-2,
        *,
        regularizer: str = "path",
        m1: Any = 2,
        m2: int = 1,
        loss: str = "logistic",
        patterns: Any = "auto",
        bias: str = "regularized",
        class_weight: Any = None,
        rank: int | None = None,
        tol: float = 1e-4,
        max_time: float | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.beta = beta
        self.regularizer = regularizer
        self.m1 = m1
        self.m2 = m2
        self.loss = loss
        self.patterns = patterns
        self.bias = bias
        self.class_weight = class_weight
        self.rank = rank
        self.tol = tol
        self.max_time = max_time
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _model(self) -> dict[str, Any]:
        one_of("loss", self.loss, ("logistic", "squared_hinge"))
        return {"rank": self.rank}
