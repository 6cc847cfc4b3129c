"""How far a network trained anywhere is from the optimum."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike

from cvxnn._checks import positive_number, positive_or_none
from cvxnn._threads import thread_count
from cvxnn.networks._certificate import Certificate
from cvxnn.networks._network import Network
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._training import choose_cells, train

__all__ = ["certify", "problem_of"]


def certify(
    network: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    beta: float,
    loss: str = "squared",
    delta: float = 1.0,
    bias: str = "regularized",
    sample_weight: ArrayLike | None = None,
    tol: float = 1e-4,
    max_time: float | None = None,
    n_jobs: int | None = None,
) -> Certificate:
    """Bound how far a trained network is from the best network of any width.

    Where ``patterns="auto"`` of `ReLURegressor` takes every cell, the convex program over all of
    them is solved until its bound is within `tol` of the optimum, so that the gap reported is the
    network's. Elsewhere a local search finds a network close to the best, and a semidefinite
    relaxation turns its dual vector into a bound; it is valid but loose.

    Parameters
    ----------
    network : Network
        The network.
    X : array-like of shape (n, d)
        Training inputs.
    y : array-like of shape (n,) or (n, C)
        Targets as the loss sees them: -1 and 1 for logistic and hinge losses, one-hot rows for the
        multinomial loss; several targets need a network with as many outputs.
    beta : float
        Strength of the weight decay in the objective that the network was trained for.
    loss : {"squared", "absolute", "huber", "logistic", "hinge", "squared_hinge", "multinomial"}
        The loss; or "interpolation", for the least norm among networks that interpolate, see
        `min_norm_interpolation`.
    delta : float
        Where the Huber loss turns linear.
    bias : {"regularized", "free", "none"}
        Which biases networks may have and what they cost, see `ReLURegressor`.
    sample_weight : array-like of shape (n,), optional
        Weights of the samples in the loss.
    tol : float
        Relative gap to which the bound is computed.
    max_time : float, optional
        Seconds after which the best bound so far is returned.
    n_jobs : int, optional
        Threads; None means all processors.

    Returns
    -------
    Certificate
        With scope "global".

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import Network, certify
    >>> X, y = np.array([[-1.0], [0.0], [1.0]]), np.array([0.0, 1.0, 0.0])
    >>> zero = Network(np.zeros((1, 1)), [0.0], [[0.0]], [0.0])
    >>> certificate = certify(zero, X, y, beta=0.1)
    >>> print(f"{certificate.objective:.3f} {certificate.lower_bound:.3f}")
    0.500 0.245
    """
    problem, objective = problem_of(
        network, X, y, beta=beta, loss=loss, delta=delta, bias=bias, sample_weight=sample_weight
    )
    tol = positive_number("tol", tol)
    max_time = positive_or_none("max_time", max_time)
    n_threads = thread_count(n_jobs)
    chosen = choose_cells(problem, "auto", 0, n_threads)
    trained = train(problem, chosen, tol=tol, max_time=max_time, n_threads=n_threads)
    return replace(trained.certificate, objective=objective)


def problem_of(
    network: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    beta: float,
    loss: str,
    delta: float,
    bias: str,
    sample_weight: ArrayLike | None,
) -> tuple[TrainingProblem, float]:
    """Return the problem that a network was trained for, and its objective there."""
    if not isinstance(network, Network):
        raise ValueError(f"network must be a cvxnn.Network, got {type(network).__name__}")
    options: dict[str, Any] = {
        "loss": loss,
        "delta": delta,
        "beta": beta,
        "bias": bias,
        "sample_weight": sample_weight,
    }
    problem = TrainingProblem.from_arrays(
        X, y, activation=network.activation, negative_slope=network.negative_slope, **options
    )
    return problem, network.objective(X, y, **options)
