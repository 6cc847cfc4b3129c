"""Deep narrow networks on one feature, trained by a Lasso over ramps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from cvxnn._checks import positive_integer, positive_number, positive_or_none
from cvxnn.networks._dual_certificate import DualCertificate
from cvxnn.networks._ends import warn_of_end
from cvxnn.networks.narrow._narrow_network import NarrowNetwork
from cvxnn.networks.narrow._ramp_program import Knots, RampFit, least_ramps
from cvxnn.networks.narrow._ramps import primitive, support

__all__ = ["NarrowCertificate", "NarrowReLURegressor"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NarrowCertificate(DualCertificate):
    """How far a deep narrow network can be from the optimum of its training problem.

    Parameters
    ----------
    objective : float
        Training objective of the network itself, by its own forward pass.
    lower_bound : float
        Value of the dual problem at `dual`: no network, of however many branches, is below.
    dual : ndarray of shape (n, 1)
        A vector v that sums to zero, with ``|v . g(x)| <= beta`` for the outputs g of every branch
        whose weights are one or minus one, whatever its biases.
    beta : float
        Strength of the regulariser.
    fit_intercept : bool
        True: output biases are free.
    depth : int
        The number L of layers.
    """

    depth: int

    @property
    def scope(self) -> str:
        """What the bound is about: "global", all networks of this depth."""
        return "global"

    def _dual_norm(self, X: Array, V: Array) -> float:
        if X.ndim != 2 or X.shape[1] != 1:
            return np.inf
        knots, place = np.unique(X[:, 0], return_inverse=True)
        v = np.bincount(place, V[:, 0], len(knots)).astype(np.float64)
        return support(primitive(knots, v), self.depth)


class NarrowReLURegressor(RegressorMixin, BaseEstimator):
    """Deep network of branches with one neuron a layer, for one feature, at its global optimum.

    Minimises ``sum_k (f(x_k) - y_k)^2 / 2 + beta / L sum_bl |w_bl|^L`` over networks of any number
    of branches b, ``f(x) = c + sum_b w_bL (.. (w_b2 (w_b1 x + b_b1)_+ + b_b2)_+ ..)_+``. The
    biases and the constant c are not penalised.

    By the inequality of arithmetic and geometric means a branch costs at least ``beta |w_1 ..
    w_L|``, so the problem is a Lasso over the outputs of branches with weights of magnitude one
    (arXiv 2403.01046). Such a branch is a composition of monotone functions of slopes zero and one,
    or minus one, so its own slope is one, or minus one, between two knots and zero elsewhere: up to
    a constant it is a ramp. With the constant c free only knots at samples are of use, because the
    dual constraint is piecewise linear in the knots between them. For two layers ramps have one
    knot, for three they have two, and more layers add nothing: optimal functions and values are
    those of three.

    Parameters
    ----------
    depth : int, default=3
        The number L of layers, at least 2. Two layers are `ReLURegressor` with ``bias="free"``.
    beta : float, default=1e-2
        Strength of the regulariser. The loss is a sum, so the same `beta` weighs less on more
        samples.
    tol : float, default=1e-6
        Relative gap between objective and lower bound at which to stop.
    max_iter : int, default=100
        Rounds of pricing all ramps and solving over some.
    max_time : float, optional
        Seconds after which the best network so far is returned, with status "time_limit": small
        `beta`, and so hundreds of knots, take long.

    Attributes
    ----------
    network_ : NarrowNetwork
        The trained network. With three layers and more it is constant outside of the data.
    certificate_ : NarrowCertificate
        Its objective and a lower bound by duality, over all networks of this depth.
    status_ : {"converged", "time_limit", "iteration_limit", "stalled"}
        How training ended; "stalled" if rounding does not allow a gap of `tol`.
    n_iter_ : int
        Rounds of pricing, at least 1.
    n_features_in_ : int
        Number of features, 1.
    feature_names_in_ : ndarray of str
        Its name, if X had string column names.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import NarrowReLURegressor
    >>> x = np.linspace(-2, 2, 41)
    >>> y = np.clip(x, -1, 0.5)
    >>> for depth in (2, 3, 4):
    ...     model = NarrowReLURegressor(depth, beta=0.1).fit(x[:, None], y)
    ...     c = model.certificate_
    ...     print(f"{c.objective:.4f} {c.lower_bound:.4f}", c.scope)
    0.1866 0.1866 global
    0.0985 0.0985 global
    0.0985 0.0985 global
    """

    def __init__(
        self,
        depth: int = 3,
        *,
        beta: float = 1e-2,
        tol: float = 1e-6,
        max_iter: int = 100,
        max_time: float | None = None,
    ) -> None:
        self.depth = depth
        self.beta = beta
        self.tol = tol
        self.max_iter = max_iter
        self.max_time = max_time

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n, 1)
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
        """
        depth = positive_integer("depth", self.depth)
        if depth < 2:
            raise ValueError(f"depth must be at least 2, got {depth}")
        beta, tol = positive_number("beta", self.beta), positive_number("tol", self.tol)
        max_iter = positive_integer("max_iter", self.max_iter)
        max_time = positive_or_none("max_time", self.max_time)
        inputs, targets = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        targets = np.asarray(targets, dtype=np.float64)
        if inputs.shape[1] != 1:
            raise ValueError(f"X must have one feature, got {inputs.shape[1]} features")
        weight = _check_sample_weight(
            sample_weight, inputs, dtype=np.float64, ensure_non_negative=True
        )
        used = weight > 0.0
        if not used.any():
            raise ValueError("sample_weight must not be all zero")
        with np.errstate(over="ignore"):
            squares = np.sum(weight * targets**2)
        if not np.isfinite(squares):
            raise ValueError("y is too large: its sum of squares overflows double precision")
        data = Knots.of(inputs[used, 0], targets[used], weight[used])
        fit = least_ramps(data, beta, depth, tol, max_iter, max_time)
        network = _network(data, fit, depth)
        self.network_, self.n_iter_ = network, max(1, fit.n_iter)
        objective = network.objective(inputs, targets, beta=beta, sample_weight=weight)
        dual = np.zeros((len(used), 1))
        dual[used, 0] = fit.dual
        certificate = NarrowCertificate(
            objective, -np.inf, dual, beta, fit_intercept=True, depth=depth
        )
        bound = certificate.proved_bound(inputs, targets, sample_weight=weight)
        self.certificate_ = replace(certificate, lower_bound=bound)
        self.status_ = fit.status
        if fit.status == "converged" and self.certificate_.gap > max(tol * objective, data.zero):
            self.status_ = "stalled"  # by rounding in the network's own forward pass
        if self.status_ != "converged":
            warn_of_end(self, stacklevel=2)
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Predict targets.

        Parameters
        ----------
        X : array-like of shape (n, 1)
            Inputs.

        Returns
        -------
        ndarray of shape (n,)
        """
        check_is_fitted(self)
        inputs: Any = validate_data(self, X, dtype=np.float64, reset=False)
        return self.network_.predict(inputs)


def _network(data: Knots, fit: RampFit, depth: int) -> NarrowNetwork:
    """Turn ramps ``z clip(x, t, u)`` into branches of L weights of magnitude ``|z|^(1/L)``.

    In two layers the ramp is ``(x - t)_+`` if u is the last knot and ``-(u - x)_+`` if t is the
    first; in more ``-(u - t - (x - t)_+)_+``, which further layers do not change.
    """
    first, second = fit.pairs.T
    start, end = data.x[first], data.x[second]
    size = np.abs(fit.heights) ** (1.0 / depth)
    weights = np.tile(size[:, None], depth)
    biases = np.zeros((len(size), depth - 1))
    rising = second == len(data.x) - 1 if depth == 2 else np.zeros(len(size), dtype=np.bool_)
    weights[:, -1] *= np.where(rising, 1.0, -1.0) * np.sign(fit.heights)
    if depth == 2:
        weights[:, 0] *= np.where(rising, 1.0, -1.0)
        biases[:, 0] = np.where(rising, -size * start, size * end)
    else:
        weights[:, 1] *= -1.0
        biases[:, 0], biases[:, 1] = -size * start, size**2 * (end - start)
    network = NarrowNetwork(weights, biases)
    outputs = network.predict(data.x[:, None])
    offset = data.mean + np.average(data.y - outputs, weights=data.weight)
    return NarrowNetwork(weights, biases, offset)
