"""Estimators of parallel networks of any depth."""

from __future__ import annotations

from typing import Any

from cvxnn._checks import one_of
from cvxnn.networks._classifier import ConvexClassifier
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._regressors import ConvexRegressor
from cvxnn.networks.parallel._branch_certificate import TrainedBranches
from cvxnn.networks.parallel._deep_branches import DeepModel, checked_deep_model
from cvxnn.networks.parallel._deep_training import train_deep_branches
from cvxnn.networks.parallel._parallel_base import ParallelEstimator

__all__ = ["DeepParallelReLUClassifier", "DeepParallelReLURegressor"]


class _DeepEstimator(ParallelEstimator):
    """Base of both."""

    branch_widths: Any
    regularizer: str

    def _branch_model(self) -> DeepModel:
        return checked_deep_model(self.regularizer, self.branch_widths)

    def _train_branches(
        self, problem: TrainingProblem, beta: float, branches: Any, **options: Any
    ) -> TrainedBranches:
        return train_deep_branches(problem, beta, branches, self.random_state, **options)


class DeepParallelReLURegressor(_DeepEstimator, ConvexRegressor):
    """Deep ReLU network of parallel branches for regression, by column generation.

    Minimises ``sum_k loss(f(x_k), y_k) + beta R`` over the networks of `DeepParallelNetwork` with
    any number of branches of L layers, for a regulariser R, a sum over branches, under which how
    much there is of each branch is a convex problem (after Ergen and Pilanci, arXiv 2110.06482):
    the cost of a branch is proportional to its outputs. What branches there are to choose from is
    found by local search, and so the network may not be optimal. The lower bound is proved all the
    same: it comes from two-layer networks and is loose in general.

    Parameters
    ----------
    beta : float, default=1e-2
        Strength of the regulariser. The loss is a sum, so the same `beta` weighs less on more
        samples.
    branch_widths : tuple of int, default=(8, 8)
        Neurons of a branch in its hidden layers but the last, which has one: under "power" more
        would be parallel branches that share layers, and cost no less than branches that do not;
        under "path" m of them would be copies of one, and divide beta by the square root of m. The
        depth L is two more than there are widths. For one width the model is that of
        `ParallelReLURegressor`, which is exact for a handful of samples.
    regularizer : {"power", "path"}, default="power"
        R of a branch with layers W_1, .., W_L. "power": ``sum_l ||W_l||_F^L / 2``, which is
        ``L / 2`` times the product of the norms at the best scaling of layers. "path": the square
        root of the sum over all paths of the squared product of weights. Squares of the weights of
        all layers would cost branches of norm t the power 2 / L of t, which is not convex.
    loss : {"squared", "huber"}, default="squared"
        ``(f - y)^2 / 2``, or the same where ``|f - y| <= delta`` and ``delta (|f - y| - delta /
        2)`` elsewhere. For several targets a sum over them, and weights to the outputs count by
        their l1 norm.
    delta : float, default=1.0
        Where the Huber loss turns linear, in units of the target.
    bias : {"regularized", "none"}, default="regularized"
        Whether the first layer has biases, which count as its weights. (Biases in later layers
        would make the cost of a branch depend on its scale.)
    rank : int, optional
        Train on that many singular directions of the data only, with a bound for all of it, as in
        `ReLURegressor`.
    tol : float, default=1e-4
        Relative gap between objective and lower bound at which training counts as converged, and
        the relative gain of three rounds of the search below which it ends.
    max_time : float, optional
        Seconds after which the best network so far is returned, with status "time_limit".
    n_jobs : int, optional
        Threads of the convex program; None means all processors. The result does not depend on it.
    random_state : int or RandomState, optional
        Source of randomness for the search; None stands for 0.

    Attributes
    ----------
    network_ : DeepParallelNetwork
        The trained network, with at most as many branches as there are targets of samples.
    certificate_ : DeepParallelCertificate
        Its objective and the proved lower bound, over all networks of branches of these widths.
    status_ : {"converged", "stalled", "time_limit", "iteration_limit", "stopped"}
        How training ended. "stalled": no branches that were found gain more, but the bound is not
        within `tol`.
    n_iter_ : int
        Rounds of the search.
    history_ : structured ndarray
        Fields seconds, objective, lower_bound, n_neurons (branches), one entry per round.
    guaranteed_ratio_ : float
        With `rank`: the objective is at most this times the optimum, as in `ReLURegressor`.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, if X had string column names.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import DeepParallelReLURegressor
    >>> X, y = np.array([[-1.0], [0], [1], [2], [3]]), np.array([0.0, 0, 1, 0, 0])
    >>> model = DeepParallelReLURegressor(0.001, branch_widths=(2, 2)).fit(X, y)
    >>> c = model.certificate_
    >>> model.network_.depth, c.scope, c.verify(X, y), 0.0 < c.lower_bound <= c.objective < 0.02
    (4, 'global', True, True)
    """

    def __init__(
        self,
        beta: float = 1e-2,
        *,
        branch_widths: Any = (8, 8),
        regularizer: str = "power",
        loss: str = "squared",
        delta: float = 1.0,
        bias: str = "regularized",
        rank: int | None = None,
        tol: float = 1e-4,
        max_time: float | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.beta = beta
        self.branch_widths = branch_widths
        self.regularizer = regularizer
        self.loss = loss
        self.delta = delta
        self.bias = bias
        self.rank = rank
        self.tol = tol
        self.max_time = max_time
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _model(self) -> dict[str, Any]:
        loss = one_of("loss", self.loss, ("squared", "huber"))
        return {"loss": loss, "delta": self.delta, "rank": self.rank}


class DeepParallelReLUClassifier(_DeepEstimator, ConvexClassifier):
    """Deep ReLU network of parallel branches for classification, by column generation.

    Minimises ``sum_k loss(y_k f(x_k)) + beta R``, or the cross-entropy for more than two classes as
    in `ReLUClassifier`, over the networks of `DeepParallelReLURegressor`.

    Parameters
    ----------
    beta : float, default=1e-2
        Strength of the regulariser. The loss is a sum, so the same `beta` weighs less on more
        samples.
    branch_widths, regularizer
        As in `DeepParallelReLURegressor`.
    loss : {"logistic", "squared_hinge"}, default="logistic"
        ``log(1 + exp(-m))`` or ``max(0, 1 - m)^2 / 2`` of the margin m = y f. "logistic" is the
        cross-entropy for more than two classes; the other is for two.
    bias, rank
        As in `DeepParallelReLURegressor`.
    class_weight : dict or "balanced", optional
        Weights of the classes in the loss, as in scikit-learn.
    tol, max_time, n_jobs, random_state
        As in `DeepParallelReLURegressor`.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        The class labels, sorted.
    network_, certificate_, status_, n_iter_, history_, guaranteed_ratio_
        As in `DeepParallelReLURegressor`.
    n_features_in_, feature_names_in_
        As in `DeepParallelReLURegressor`.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import DeepParallelReLUClassifier
    >>> X = np.array([[-2.0], [-1], [0], [1], [2]])
    >>> model = DeepParallelReLUClassifier(0.02, branch_widths=(2, 2)).fit(X, [0, 1, 0, 1, 0])
    >>> model.certificate_.scope, model.score(X, [0, 1, 0, 1, 0])
    ('global', 1.0)
    """

    def __init__(
        self,
        beta: float = 1e-2,
        *,
        branch_widths: Any = (8, 8),
        regularizer: str = "power",
        loss: str = "logistic",
        bias: str = "regularized",
        rank: int | None = None,
        class_weight: Any = None,
        tol: float = 1e-4,
        max_time: float | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.beta = beta
        self.branch_widths = branch_widths
        self.regularizer = regularizer
        self.loss = loss
        self.bias = bias
        self.rank = rank
        self.class_weight = class_weight
        self.tol = tol
        self.max_time = max_time
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _model(self) -> dict[str, Any]:
        one_of("loss", self.loss, ("logistic", "squared_hinge"))
        return {"rank": self.rank}
