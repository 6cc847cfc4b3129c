"""Estimators of gated ReLU networks."""

from __future__ import annotations

from typing import Any

from cvxnn._checks import one_of
from cvxnn.networks._classifier import ConvexClassifier
from cvxnn.networks._regressors import REGRESSION_LOSSES, ConvexRegressor

__all__ = ["GatedReLUClassifier", "GatedReLURegressor"]

_BIASES = ("regularized", "none")


class GatedReLURegressor(ConvexRegressor):
    """Gated ReLU network for regression: fixed gates, no cone constraints.

    Minimises ``L(sum_i D_i X t_i, y) + beta * sum_i ||t_i||`` where D_i holds the pattern of gate i
    (Mishkin, Sahiner and Pilanci, arXiv 2202.01331), once for each target. Its optimum is never
    above that of the ReLU network with the same patterns.

    Parameters
    ----------
    beta : float, default=1e-2
        Strength of the weight decay.
    loss : {"squared", "absolute", "huber"}, default="squared"
        As in `ReLURegressor`.
    delta : float, default=1.0
        Where the Huber loss turns linear, in units of the target.
    patterns : {"auto", "exact"}, int or Cells, default="auto"
        The gates: one in each cell of the arrangement, that many sampled ones, or one in each of
        the given cells.
    bias : {"regularized", "none"}, default="regularized"
        Whether neurons have a bias, penalised like a weight.
    rank : int, optional
        Train on that many singular directions of the data only, with gates and weights in their
        span, so that the cells to list are far fewer; with `patterns` "auto", "exact" or an
        integer. The network takes the data as it is. Its certificate is for gated networks with the
        same gates and any weights, as long as the directions are not all.
    tol : float, default=1e-4
        Relative gap between objective and lower bound at which to stop.
    max_time : float, optional
        Seconds after which the best network so far is returned, with status "time_limit".
    n_jobs : int, optional
        Threads; None means all processors. The result does not depend on it.
    random_state : int or RandomState, optional
        Source of randomness for sampled cells.

    Attributes
    ----------
    network_ : GatedNetwork
        The trained network.
    certificate_ : Certificate
        Its objective and the proved lower bound, over gated networks.
    guaranteed_ratio_ : float
        With `rank`: the objective is at most this times the optimum of what the certificate is for.
    status_, n_iter_, history_, n_features_in_, feature_names_in_
        As in `ReLURegressor`.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import GatedReLURegressor
    >>> X = np.linspace(-1, 1, 9)[:, None]
    >>> model = GatedReLURegressor(beta=1e-3).fit(X, np.abs(X[:, 0]))
    >>> model.status_
    'converged'
    """

    _gated = True

    def __init__(
        self,
        beta: float = 1e-2,
        *,
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
        one_of("bias", self.bias, _BIASES)
        loss = one_of("loss", self.loss, REGRESSION_LOSSES)
        return {"loss": loss, "delta": self.delta, "rank": self.rank}


class GatedReLUClassifier(ConvexClassifier):
    """Gated ReLU network for classification: fixed gates, no cone constraints.

    Minimises ``L(sum_i D_i X t_i, y) + beta * sum_i ||t_i||`` where D_i holds the pattern of gate i
    (Mishkin, Sahiner and Pilanci, arXiv 2202.01331); for more than two classes once for each.

    Parameters
    ----------
    beta : float, default=1e-2
        Strength of the weight decay.
    loss : {"logistic", "hinge", "squared_hinge"}, default="logistic"
        As in `ReLUClassifier`.
    patterns : {"auto", "exact"}, int or Cells, default="auto"
        The gates: one in each cell of the arrangement, that many sampled ones, or one in each of
        the given cells.
    bias : {"regularized", "none"}, default="regularized"
        Whether neurons have a bias, penalised like a weight.
    class_weight : dict or "balanced", optional
        Weights of the classes in the loss, as in scikit-learn.
    rank : int, optional
        As in `GatedReLURegressor`.
    tol : float, default=1e-4
        Relative gap between objective and lower bound at which to stop.
    max_time : float, optional
        Seconds after which the best network so far is returned, with status "time_limit".
    n_jobs : int, optional
        Threads; None means all processors. The result does not depend on it.
    random_state : int or RandomState, optional
        Source of randomness for sampled cells.

    Attributes
    ----------
    network_ : GatedNetwork
        The trained network.
    certificate_ : Certificate
        Its objective and the proved lower bound, over gated networks.
    classes_ : ndarray of shape (C,)
        The class labels, sorted.
    guaranteed_ratio_ : float
        With `rank`: the objective is at most this times the optimum of what the certificate is for.
    status_, n_iter_, history_, n_features_in_, feature_names_in_
        As in `ReLURegressor`.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from cvxnn import GatedReLUClassifier
    >>> X, y = make_moons(60, noise=0.2, random_state=0)
    >>> model = GatedReLUClassifier(beta=0.1, patterns=50, random_state=0).fit(X, y)
    >>> model.status_, bool(model.score(X, y) > 0.9)
    ('converged', True)
    """

    _gated = True

    def __init__(
        self,
        beta: float = 1e-2,
        *,
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
        one_of("bias", self.bias, _BIASES)
        return {"rank": self.rank}
