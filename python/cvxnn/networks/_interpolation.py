"""The smallest network that passes through every sample."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning

from cvxnn._checks import positive_number, positive_or_none
from cvxnn._threads import thread_count
from cvxnn.networks._certificate import Certificate
from cvxnn.networks._chosen_cells import choose_cells
from cvxnn.networks._network import Network
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._training import train

__all__ = ["min_norm_interpolation"]


def min_norm_interpolation(
    X: ArrayLike,
    y: ArrayLike,
    *,
    bias: str = "regularized",
    activation: str = "relu",
    negative_slope: float = 0.0,
    tol: float = 1e-4,
    max_time: float | None = None,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> tuple[Network, Certificate]:
    """Return the network of least weight decay among all that interpolate the samples.

    Minimises ``sum_j (||w_j||^2 + |a_j|^2) / 2`` over networks of any width with ``f(x_k) = y_k``,
    where ``|a_j|`` is the l1 norm of a neuron's output weights: the limit of training as `beta`
    goes to zero (Pilanci and Ergen, arXiv 2002.10553, Section 2; Ergen and Pilanci, arXiv
    2002.11219). The dual problem, maximise ``v . y`` subject to ``|v . phi(X u)| <= 1``, gives the
    bound. The equality constraints are approached by the method of multipliers, and met by a step
    within the faces of the active cones.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Inputs.
    y : array-like of shape (n,) or (n, C)
        Targets; several should be of one scale.
    bias : {"regularized", "free", "none"}
        Which biases networks may have and what they cost, see `ReLURegressor`.
    activation : {"relu", "leaky_relu", "abs", "threshold"}
        The activation function. With "threshold" (not with ``bias="none"``) ``sum_j |a_j|`` is what
        is minimised, over the patterns that `ReLURegressor` takes for it.
    negative_slope : float
        Slope of "leaky_relu" below zero.
    tol : float
        Relative gap at which to stop. Noise on inputs that are close together needs large norms,
        which double precision resolves to fewer digits.
    max_time : float, optional
        Seconds after which the best network so far is returned.
    n_jobs : int, optional
        Threads; None means all processors.
    random_state : int or RandomState, optional
        Source of randomness for local search.

    Returns
    -------
    network : Network
        Where `certificate.objective` is finite, its errors are at most 2e-9 times the largest value
        of their target (with free biases: half of the target's range).
    certificate : Certificate
        With ``loss="interpolation"`` and ``beta=1``: `objective` is what is minimised, infinite if
        the network does not interpolate; `lower_bound` is for all networks that do, up to the same
        errors.

    Raises
    ------
    ValueError
        If no network can interpolate: samples with the same inputs have different targets, or,
        without biases, samples with inputs on one line through the origin targets that do not fit.

    Warns
    -----
    ConvergenceWarning
        If the network does not interpolate, or the gap is above `tol` where cells are priced
        exactly.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import min_norm_interpolation
    >>> X, y = np.array([[-1.0], [0.0], [1.0]]), np.array([0.0, 1.0, 0.0])
    >>> network, certificate = min_norm_interpolation(X, y)
    >>> print(f"{certificate.objective:.3f}")
    3.000
    >>> bool(np.allclose(network.predict(X), y))
    True
    """
    problem = TrainingProblem.from_arrays(
        X,
        y,
        loss="interpolation",
        beta=1.0,
        bias=bias,
        activation=activation,
        negative_slope=negative_slope,
    )
    tol = positive_number("tol", tol)
    max_time = positive_or_none("max_time", max_time)
    n_threads = thread_count(n_jobs)
    chosen = choose_cells(problem, "auto", random_state, n_threads)
    trained = train(problem, chosen, tol=tol, max_time=max_time, n_threads=n_threads)
    network, certificate = trained.network, trained.certificate
    assert isinstance(network, Network)
    error = np.max(np.abs(network.predict(problem.inputs) - problem.y))
    if np.isinf(certificate.objective):
        _warn(f"stopped with status {trained.status!r} at a largest error of {error:.1e}")
    elif certificate.method != "relaxation" and certificate.relative_gap > tol:
        gap = certificate.relative_gap
        _warn(f"stopped with status {trained.status!r} at a relative gap of {gap:.1e}, {tol=:g}")
    return network, certificate


def _warn(message: str) -> None:
    warnings.warn(f"min_norm_interpolation {message}", ConvergenceWarning, stacklevel=3)
