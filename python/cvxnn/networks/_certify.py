"""How far a network trained anywhere is from the optimum."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cvxnn._checks import positive_number
from cvxnn._native import core
from cvxnn._threads import thread_count
from cvxnn.arrangements import Cells
from cvxnn.arrangements._sampling import sample_normals
from cvxnn.networks._certificate import Certificate
from cvxnn.networks._losses import loss_named
from cvxnn.networks._network import Network
from cvxnn.networks._problem import (
    TrainingProblem,
    relaxed_support,
    solve_program,
)
from cvxnn.networks._training import choose_cells

__all__ = ["certify"]

_SAMPLED = 200  # cells beside the network's own when there are too many to list


def certify(
    network: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    beta: float,
    loss: str = "squared",
    bias: str = "regularized",
    sample_weight: ArrayLike | None = None,
    tol: float = 1e-4,
    max_time: float | None = None,
    n_jobs: int | None = None,
) -> Certificate:
    """Bound how far a trained network is from the best network of any width.

    Where ``patterns="auto"`` of `ReLURegressor` takes every cell, the convex program over all of
    them is solved until its bound is within `tol` of the optimum, so that the gap reported is the
    network's. Elsewhere the bound comes from a relaxation that holds for every pattern; it is valid
    but loose.

    Parameters
    ----------
    network : Network
        The network.
    X : array-like of shape (n, d)
        Training inputs.
    y : array-like of shape (n,)
        Targets as the loss sees them: -1 and 1 for the logistic loss.
    beta : float
        Strength of the weight decay in the objective that the network was trained for.
    loss : {"squared", "logistic"}
        The loss.
    bias : {"regularized", "none"}
        Whether networks have hidden biases, penalised like weights.
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
    if not isinstance(network, Network):
        raise ValueError(f"network must be a cvxnn.Network, got {type(network).__name__}")
    problem = TrainingProblem.from_arrays(
        X, y, loss=loss, beta=beta, bias=bias, sample_weight=sample_weight
    )
    tol = positive_number("tol", tol)
    if max_time is not None:
        max_time = positive_number("max_time", max_time)
    objective = network.objective(
        X, y, beta=beta, loss=loss, bias=bias, sample_weight=sample_weight
    )
    n_threads = thread_count(n_jobs)
    chosen = choose_cells(problem, "auto", 0, n_threads)
    own = chosen.cells if chosen.complete else _with_own_patterns(problem, network, n_threads)
    solution = solve_program(problem, own, tol=tol, max_time=max_time, n_threads=n_threads)
    dual, lower_bound = solution.dual, solution.lower_bound
    if not chosen.complete:
        scale = min(1.0, problem.beta / relaxed_support(problem.design, dual))
        dual = scale * dual
        lower_bound = loss_named(loss).dual_value(dual, problem.y, problem.weight)
    return Certificate(
        objective=objective,
        lower_bound=lower_bound,
        scope="global",
        method=chosen.method if chosen.complete else "relaxation",
        n_cells=solution.n_cells,
        dual=problem.spread(dual),
        beta=problem.beta,
        loss=loss,
        bias=bias,
    )


def _with_own_patterns(problem: TrainingProblem, network: Network, n_threads: int) -> Cells:
    """Return sampled cells and those of the network's neurons."""
    weights = network.hidden_weights
    if problem.bias == "regularized":
        weights = np.column_stack([weights, network.hidden_bias])
    own, _ = core.locate_cells(problem.design, np.asfortranarray(weights), n_threads)
    sampled = sample_normals(problem.design, _SAMPLED, 0, n_threads)
    return Cells(np.unique(np.concatenate([own, sampled.packed]), axis=0), len(problem.y))
