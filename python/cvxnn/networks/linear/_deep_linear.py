"""Deep linear networks, trained by a singular value decomposition or a nuclear norm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import _check_sample_weight

from cvxnn._checks import (
    nonnegative_number,
    one_of,
    positive_integer,
    positive_number,
    regression_data,
)
from cvxnn.networks._dual_certificate import DualCertificate
from cvxnn.networks._ends import warn_of_end
from cvxnn.networks._least_squares import Rows
from cvxnn.networks.linear._linear_base import LinearRegressor
from cvxnn.networks.linear._linear_network import REGULARIZERS, LinearNetwork
from cvxnn.networks.linear._nuclear_norm import Spectrum, largest_singular_value, least_nuclear_norm

__all__ = ["DeepLinearRegressor", "LinearCertificate"]

Array = NDArray[np.float64]

ARCHITECTURES = ("parallel", "standard")


@dataclass(frozen=True, eq=False)
class LinearCertificate(DualCertificate):
    """How far a deep linear network can be from the optimum of its training problem.

    Parameters
    ----------
    objective : float
        Training objective of the network itself; with ``beta=0`` its regulariser.
    lower_bound : float
        Value of the dual problem at `dual`: no network, of one branch or of many, is below.
    dual : ndarray of shape (n, C)
        A matrix V with spectral norm of X' V at most ``beta L / 2`` (``L / 2`` for ``beta=0``).
    beta : float
        Strength of the regulariser.
    fit_intercept : bool
        Whether outputs have an unpenalised constant; columns of `dual` then sum to zero.
    depth : int
        The number L of layers.
    """

    depth: int

    @property
    def _limit(self) -> float:
        return 0.5 * self.depth * (self.beta if self.beta > 0.0 else 1.0)

    def _dual_norm(self, X: Array, V: Array) -> float:
        return largest_singular_value(X.T @ V)


class DeepLinearRegressor(LinearRegressor):
    """Deep linear network with a regulariser on all of its layers, at its global optimum.

    Minimises ``||f(X) - Y||_F^2 / 2 + beta R`` over the weights of ``f(x) = sum_j x W_1j .. W_Lj``,
    with ``R = sum_jl ||W_lj||_F^L / 2`` ("power") or ``R = sum_jl ||W_lj||_F^2 / 2``
    ("weight_decay"), or, with ``beta=0``, R among the least-squares solutions: the limit of small
    beta (Ergen and Pilanci, arXiv 2110.06482, for data that can be interpolated).

    With parallel branches, as many as are of use, and powers L, the problem is convex: ``beta L /
    2`` times the nuclear norm of the map. One branch ("standard") has a closed form for ``beta=0``,
    from the singular values s of the least-squares map: R is ``L/2 (sum s^(2/L))^(L/2)`` for powers
    and ``L/2 sum s^(2/L)`` for weight decay. The duality gap of the former, to ``L/2 sum s``, is
    `certificate_.gap`; it is zero for two layers or a map of rank one.

    Parameters
    ----------
    depth : int, default=3
        The number L of layers, at least 2.
    beta : float, default=1e-2
        Strength of the regulariser. The loss is a sum, so the same `beta` weighs less on more
        samples.
    architecture : {"parallel", "standard"}, default="parallel"
        Many branches or one.
    regularizer : {"power", "weight_decay"}, default="power"
        See above; the two agree for two layers.
    fit_intercept : bool, default=True
        Whether outputs have a constant, which costs nothing.
    tol : float, default=1e-6
        Relative gap between objective and lower bound at which to stop.
    max_iter : int, default=10000
        Iterations of the solver for ``beta > 0``.

    Attributes
    ----------
    network_ : LinearNetwork
        The trained network.
    certificate_ : LinearCertificate
        Its objective and a lower bound by duality. For "standard" with weight decay and more than
        two layers the dual problem knows nothing but zero.
    coef_ : ndarray of shape (d,) or (d, C)
        The linear map.
    intercept_ : float or ndarray of shape (C,)
        The constant.
    status_ : {"converged", "iteration_limit"}
        How training ended; closed forms have converged.
    n_iter_ : int
        Iterations of the solver, 1 for a closed form.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, if X had string column names.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import DeepLinearRegressor
    >>> X, Y = np.eye(2), np.eye(2)
    >>> model = DeepLinearRegressor(3, beta=0.0, architecture="standard", fit_intercept=False)
    >>> c = model.fit(X, Y).certificate_
    >>> print(f"{c.objective:.4f} {c.lower_bound:.4f}")
    4.2426 3.0000
    """

    def __init__(
        self,
        depth: int = 3,
        *,
        beta: float = 1e-2,
        architecture: str = "parallel",
        regularizer: str = "power",
        fit_intercept: bool = True,
        tol: float = 1e-6,
        max_iter: int = 10_000,
    ) -> None:
        self.depth = depth
        self.beta = beta
        self.architecture = architecture
        self.regularizer = regularizer
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter

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
            If an argument is not acceptable, or the problem is neither convex nor known to have a
            closed form; the message says why.
        """
        inputs, targets = regression_data(self, X, y)
        Y = targets.reshape(len(targets), -1)
        weight = _check_sample_weight(
            sample_weight, inputs, dtype=np.float64, ensure_non_negative=True
        )
        depth, beta = self._checked_problem()
        tol = positive_number("tol", self.tol)
        max_iter = positive_integer("max_iter", self.max_iter)
        rows = Rows.of(inputs, Y, weight, self.fit_intercept)
        spectrum = Spectrum.of(rows.X, rows.Y)
        solution = least_nuclear_norm(spectrum, 0.5 * depth * beta, tol, max_iter)
        coef = spectrum.right @ solution.matrix
        constant = rows.constant(coef)
        self.network_ = _network(coef, constant, depth, self.architecture)
        self.status_, self.n_iter_ = solution.status, max(1, solution.n_iter)
        penalty = self.network_.penalty(self.regularizer)
        objective, dual = penalty, rows.dual(solution.dual)
        if beta > 0.0:
            options: dict[str, Any] = {"beta": beta, "regularizer": self.regularizer}
            objective = self.network_.objective(inputs, Y, sample_weight=weight, **options)
        else:
            convex = self.regularizer == "power" or depth == 2
            dual = (0.5 * depth if convex else 0.0) * dual
        certificate = LinearCertificate(
            objective, -np.inf, dual, beta, bool(self.fit_intercept), depth
        )
        # as it will be verified: small singular values, left out before, count here
        bound = certificate.proved_bound(inputs, Y, sample_weight=weight)
        self.certificate_ = replace(certificate, lower_bound=bound)
        self._keep_map(coef, constant, targets.shape[1:])
        if self.status_ != "converged":
            warn_of_end(self, stacklevel=2)
        return self

    def _checked_problem(self) -> tuple[int, float]:
        depth = positive_integer("depth", self.depth)
        if depth < 2:
            raise ValueError(f"depth must be at least 2, got {depth}")
        beta = nonnegative_number("beta", self.beta)
        one_of("architecture", self.architecture, ARCHITECTURES)
        one_of("regularizer", self.regularizer, REGULARIZERS)
        if depth == 2:
            return depth, beta  # both regularisers and architectures are the nuclear norm
        if self.architecture == "parallel" and self.regularizer == "weight_decay":
            raise ValueError(
                "regularizer='weight_decay' of parallel branches with more than two layers is a "
                "concave penalty, so the problem is not convex; use regularizer='power'"
            )
        if self.architecture == "standard" and beta > 0.0:
            raise ValueError(
                "architecture='standard' with more than two layers is neither convex nor known in "
                f"closed form for beta > 0, got beta={beta:g}; use beta=0 or "
                "architecture='parallel'"
            )
        return depth, beta


def _network(coef: Array, constant: Array, depth: int, architecture: str) -> LinearNetwork:
    """Split a map evenly between layers, along its singular vectors (arXiv 2110.06482)."""
    left, values, right = np.linalg.svd(coef, full_matrices=False)
    used = values > np.finfo(np.float64).eps * values.max(initial=0.0)
    left, values, right = left[:, used], values[used], right[used]
    roots = values ** (1.0 / depth)
    first, last = left * roots, roots[:, None] * right
    if architecture == "parallel":
        middle = roots[:, None, None]
        layers = first.T[:, :, None], *[middle] * (depth - 2), last[:, None, :]
    else:
        layers = first[None], *[np.diag(roots)[None]] * (depth - 2), last[None]
    return LinearNetwork(tuple(layers), constant)
