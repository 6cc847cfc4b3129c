"""Linear convolutional networks, trained by a nuclear norm or an l1 norm in Fourier space."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import _check_sample_weight

from cvxnn._checks import one_of, positive_integer, positive_number, regression_data
from cvxnn.networks._dual_certificate import DualCertificate
from cvxnn.networks._ends import warn_of_end
from cvxnn.networks._least_squares import Rows
from cvxnn.networks._patches import Patches
from cvxnn.networks.linear._circular_norm import CircularNorm
from cvxnn.networks.linear._conv_linear_network import CONV_ARCHITECTURES, ConvLinearNetwork
from cvxnn.networks.linear._linear_base import LinearRegressor
from cvxnn.networks.linear._patch_norm import Branches, PatchNorm

__all__ = ["ConvLinearCertificate", "ConvLinearRegressor"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ConvLinearCertificate(DualCertificate):
    """How far a linear convolutional network can be from the optimum of its training problem.

    Parameters
    ----------
    objective : float
        Training objective of the network itself.
    lower_bound : float
        Value of the dual problem at `dual`: no network, of however many filters, is below.
    dual : ndarray of shape (n, C)
        A matrix V with ``norm.dual(X' V) <= beta``: the spectral norm of the h x KC matrix with the
        columns ``X_k' V``, or the largest ``sqrt(K) ||(F X' V)_k||`` for circular filters.
    beta : float
        Strength of the weight decay.
    fit_intercept : bool
        Whether outputs have an unpenalised constant; columns of `dual` then sum to zero.
    norm : PatchNorm or CircularNorm
        The norm of linear maps that weight decay is.
    """

    norm: PatchNorm | CircularNorm = field(repr=False)

    def _dual_norm(self, X: Array, V: Array) -> float:
        return self.norm.dual(X.T @ V)


class ConvLinearRegressor(LinearRegressor):
    """Linear convolutional network with weight decay, at its global optimum.

    Minimises ``||f(X) - Y||_F^2 / 2 + beta / 2 sum_j (||u_j||^2 + ||a_j||^2)`` over networks with
    any number of filters u_j and output weights a_j for each of their positions. The function is
    linear, but how it is built decides what weight decay prefers (Ergen and Pilanci, arXiv
    2006.14798):

    - "patches", ``f(x) = sum_j sum_k (x_k . u_j) a_jk`` for the patches x_k of x: weight decay is
      the nuclear norm of the matrix ``Z = sum_j u_j a_j'``, so few filters are used.
    - "circular", ``f(x) = sum_j x C(u_j) a_j`` with filters as large as the input that go round it:
      weight decay is ``sum_k ||(F W)_k|| / sqrt(K)`` for the linear map W and the unitary Fourier
      transform F over the K positions, so few frequencies are used. One filter is enough.

    Parameters
    ----------
    beta : float, default=1e-2
        Strength of the weight decay. The loss is a sum, so the same `beta` weighs less on more
        samples.
    architecture : {"patches", "circular"}, default="patches"
        See above.
    input_shape : int or tuple of int, optional
        What a row of X holds, flattened in C order: a signal of some length, (height, width) or
        (channels, height, width). None: one signal. For "circular", several channels go with one
        target only.
    kernel_size : int or tuple of two int, optional
        Size of the filters; None means 3, or what there is of the input, and all of it for
        "circular", which has no other.
    stride : int or tuple of two int, default=1
        Steps of the filters, 1 for "circular".
    padding : int or tuple of two int, default=0
        Zeros added on either side of the input, 0 for "circular".
    fit_intercept : bool, default=True
        Whether outputs have a constant, which costs nothing.
    tol : float, default=1e-6
        Relative gap between objective and lower bound at which to stop.
    max_iter : int, default=10000
        Iterations of the solver.

    Attributes
    ----------
    network_ : ConvLinearNetwork
        The trained network.
    certificate_ : ConvLinearCertificate
        Its objective and a lower bound by duality.
    coef_ : ndarray of shape (d,) or (d, C)
        The linear map.
    intercept_ : float or ndarray of shape (C,)
        The constant.
    status_ : {"converged", "iteration_limit", "stalled"}
        How training ended; "stalled" if rounding does not allow a gap of `tol`.
    n_iter_ : int
        Iterations of the solver.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, if X had string column names.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import ConvLinearRegressor
    >>> X = np.random.default_rng(0).standard_normal((50, 16))
    >>> time = np.arange(16)
    >>> y = X @ np.cos(2 * np.pi * 3 * time / 16)
    >>> model = ConvLinearRegressor(1.0, architecture="circular").fit(X, y)
    >>> moduli = np.abs(np.fft.rfft(model.coef_))
    >>> np.flatnonzero(moduli > 1e-9)
    array([3])
    >>> model.network_.n_neurons, bool(model.certificate_.relative_gap <= 1e-6)
    (1, True)
    """

    def __init__(
        self,
        beta: float = 1e-2,
        *,
        architecture: str = "patches",
        input_shape: Any = None,
        kernel_size: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        fit_intercept: bool = True,
        tol: float = 1e-6,
        max_iter: int = 10_000,
    ) -> None:
        self.beta = beta
        self.architecture = architecture
        self.input_shape = input_shape
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs, flattened; used as they are, never standardised.
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
        """
        inputs, targets = regression_data(self, X, y)
        Y = targets.reshape(len(targets), -1)
        weight = _check_sample_weight(
            sample_weight, inputs, dtype=np.float64, ensure_non_negative=True
        )
        beta, tol = positive_number("beta", self.beta), positive_number("tol", self.tol)
        max_iter = positive_integer("max_iter", self.max_iter)
        patches = self._patches()
        circular = self.architecture == "circular"
        norm = CircularNorm(patches.input_shape) if circular else PatchNorm(patches)
        if circular and patches.input_shape[0] > 1 and Y.shape[1] > 1:
            raise ValueError(
                "y must be one target for architecture='circular' and inputs of several channels, "
                f"got shape {targets.shape} and input_shape={self.input_shape!r}"
            )
        rows = Rows.of(inputs, Y, weight, self.fit_intercept)
        branches = norm.least(rows, beta, tol, max_iter)
        network = _network(branches, patches, self.architecture)
        coef = network.coef
        constant = rows.constant(coef)
        self.network_ = replace(network, output_bias=constant)
        objective = self.network_.objective(inputs, Y, beta=beta, sample_weight=weight)
        certificate = ConvLinearCertificate(
            objective, -np.inf, branches.dual, beta, bool(self.fit_intercept), norm
        )
        bound = certificate.proved_bound(inputs, Y, sample_weight=weight)
        self.certificate_ = replace(certificate, lower_bound=bound)
        self._keep_map(coef, constant, targets.shape[1:])
        self.status_, self.n_iter_ = branches.status, max(1, branches.n_iter)
        if self.status_ != "converged":
            warn_of_end(self, stacklevel=2)
        return self

    def _patches(self) -> Patches:
        """Check the geometry; circular filters are a patch, all of the input."""
        geometry = {
            "kernel_size": self.kernel_size,
            "stride": self.stride,
            "padding": self.padding,
        }
        n_features: int = self.n_features_in_
        one_of("architecture", self.architecture, CONV_ARCHITECTURES)
        if self.architecture == "patches":
            return Patches.from_arguments(n_features, input_shape=self.input_shape, **geometry)
        for name, only in (("kernel_size", None), ("stride", 1), ("padding", 0)):
            if geometry[name] != only:
                raise ValueError(
                    f"{name} must be {only} for architecture='circular', whose filters are as "
                    f"large as the input and go round it, got {geometry[name]!r}"
                )
        shape = Patches.from_arguments(n_features, input_shape=self.input_shape).input_shape
        return Patches(shape, shape[1:], (1, 1), (0, 0), "sum")


def _network(branches: Branches, patches: Patches, architecture: str) -> ConvLinearNetwork:
    """Return the network of these weights, without output biases."""
    shape = len(branches.filters), patches.input_shape[0], *patches.kernel
    return ConvLinearNetwork(
        branches.filters.reshape(shape),
        branches.output_weights,
        np.zeros(branches.output_weights.shape[2]),
        np.array(patches.input_shape),
        np.array(patches.stride),
        np.array(patches.padding),
        architecture,
    )
