"""From a network trained anywhere to one that is at least as good, with its certificate."""

from __future__ import annotations

from dataclasses import replace

from numpy.typing import ArrayLike

from cvxnn._checks import positive_number, positive_or_none
from cvxnn._threads import thread_count
from cvxnn.networks._certificate import Certificate
from cvxnn.networks._certify import problem_of
from cvxnn.networks._chosen_cells import choose_cells, with_own_cells
from cvxnn.networks._network import Network
from cvxnn.networks._training import train

__all__ = ["polish"]


def polish(
    network: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    beta: float,
    loss: str = "squared",
    delta: float = 1.0,
    bias: str = "regularized",
    output_norm: str = "l1",
    sample_weight: ArrayLike | None = None,
    tol: float = 1e-4,
    max_time: float | None = None,
    n_jobs: int | None = None,
) -> tuple[Network, Certificate]:
    """Improve a trained network, and bound how far the result is from the best of any width.

    Where ``patterns="auto"`` of `ReLURegressor` takes every cell, the result is the global optimum
    to within `tol`. Elsewhere the neurons go on downhill, then rounds of the convex program over
    their cells and of local search for further cells follow (with ``output_norm="l2"`` these
    rounds alone); for thresholds the program over their cells and some sampled ones is solved.

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
        Strength of the weight decay.
    loss : {"squared", "absolute", "huber", "logistic", "hinge", "squared_hinge", "multinomial"}
        The loss.
    delta : float
        Where the Huber loss turns linear.
    bias : {"regularized", "free", "none"}
        Which biases networks may have and what they cost, see `ReLURegressor`.
    output_norm : {"l1", "l2"}
        The norm of the output weights of a neuron.
    sample_weight : array-like of shape (n,), optional
        Weights of the samples in the loss.
    tol : float
        Relative gap at which to stop.
    max_time : float, optional
        Seconds after which the best network so far is returned.
    n_jobs : int, optional
        Threads; None means all processors.

    Returns
    -------
    network : Network
        Its objective is never above that of the network given, and its width is free.
    certificate : Certificate
        With scope "global".

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import Network, polish
    >>> X, y = np.array([[-1.0], [0.0], [1.0]]), np.array([0.0, 1.0, 0.0])
    >>> poor = Network([[1.0]], [1.0], [[0.5]], [0.0])
    >>> better, certificate = polish(poor, X, y, beta=0.1)
    >>> print(f"{poor.objective(X, y, beta=0.1):.3f} {certificate.objective:.3f}")
    0.738 0.245
    """
    problem, objective = problem_of(
        network,
        X,
        y,
        beta=beta,
        loss=loss,
        delta=delta,
        bias=bias,
        output_norm=output_norm,
        sample_weight=sample_weight,
    )
    tol = positive_number("tol", tol)
    max_time = positive_or_none("max_time", max_time)
    n_threads = thread_count(n_jobs)
    chosen = choose_cells(problem, "auto", 0, n_threads)
    trained = train(
        problem,
        with_own_cells(problem, chosen, network, n_threads),
        start=network,
        tol=tol,
        max_time=max_time,
        n_threads=n_threads,
    )
    result, certificate = trained.network, trained.certificate
    assert isinstance(result, Network)
    if objective < certificate.objective:  # both within `tol` of the optimum, or time was up
        result, certificate = network, replace(certificate, objective=objective)
    return result, certificate
