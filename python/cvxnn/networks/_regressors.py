"""Regressors with the squared loss."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import validate_data

from cvxnn.networks._base import ConvexEstimator

__all__ = ["GatedReLURegressor", "ReLURegressor"]


class _SquaredLossRegressor(RegressorMixin, ConvexEstimator):
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs; used as they are, never standardised.
        y : array-like of shape (n,)
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
        inputs, targets = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        self._fit(inputs, np.asarray(targets, dtype=np.float64), "squared", sample_weight)
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predict targets.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs.

        Returns
        -------
        ndarray of shape (n,)
        """
        return self._raw_outputs(X)


class ReLURegressor(_SquaredLossRegressor):
    """Two-layer ReLU network for regression, trained to global optimality.

    Minimises ``sum_k (f(x_k) - y_k)^2 / 2 + beta / 2 * sum_j (||w_j||^2 + a_j^2)`` over networks f
    of any width, through the convex program of Pilanci and Ergen (arXiv 2002.10553, Theorem 1).

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
    network_ : Network
        The trained network.
    certificate_ : Certificate
        Its objective and the proved lower bound.
    status_ : {"converged", "time_limit", "iteration_limit", "stalled"}
        How training ended. "stalled": no cell that was found gains more than `tol`, but the bound
        is not that close.
    n_iter_ : int
        Rounds of pricing.
    history_ : structured ndarray
        Fields seconds, objective, lower_bound, n_neurons, one entry per round; a local search
        proves its bound at the end.
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
    """


class GatedReLURegressor(_SquaredLossRegressor):
    """Gated ReLU network for regression: fixed gates, no cone constraints.

    Minimises ``||sum_i D_i X t_i - y||^2 / 2 + beta * sum_i ||t_i||`` where D_i holds the pattern
    of gate i (Mishkin, Sahiner and Pilanci, arXiv 2202.01331). Its optimum is never above that of
    the ReLU network with the same patterns.

    Parameters
    ----------
    beta : float, default=1e-2
        Strength of the weight decay.
    patterns : {"auto", "exact"}, int or Cells, default="auto"
        The gates: one in each cell of the arrangement, that many sampled ones, or one in each of
        the given cells.
    bias : {"regularized", "none"}, default="regularized"
        Whether neurons have a bias, penalised like a weight.
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
