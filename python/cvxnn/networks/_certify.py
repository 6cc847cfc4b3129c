"""How far a network trained anywhere is from the optimum."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cvxnn._checks import one_of, positive_number, positive_or_none
from cvxnn._native import core
from cvxnn._threads import thread_count
from cvxnn.networks._activations import THRESHOLD
from cvxnn.networks._certificate import Certificate
from cvxnn.networks._chosen_cells import bounds_every_cell_by, choose_cells, own_cells
from cvxnn.networks._mapping import vectors_of
from cvxnn.networks._network import Network
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._support import support_bound
from cvxnn.networks._training import train

_LOOSE = 1e-7  # relative, of a bound that need not be found again

__all__ = ["certify", "certify_everywhere", "problem_of"]


def certify(
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
    patterns: str = "all",
    tol: float = 1e-4,
    max_time: float | None = None,
    n_jobs: int | None = None,
) -> Certificate:
    """Bound how far a trained network is from the best network of any width.

    Where ``patterns="auto"`` of `ReLURegressor` takes every cell, the convex program over all of
    them is solved until its bound is within `tol` of the optimum, so that the gap reported is the
    network's. Elsewhere a local search finds a network close to the best, and a semidefinite
    relaxation turns its dual vector into a bound; it is valid but loose. For networks of
    thresholds all cells are listed, or some sampled where they are too many, and then too the bound
    is valid for all but loose.

    With ``patterns="own"`` the bound is for networks whose neurons have the activation patterns of
    those of the given network: a stationary point of its training is optimal among these (Ergen and
    Pilanci, arXiv 2312.12657), so that a gap tells that training has not ended, or that it ended
    at a kink.

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
    output_norm : {"l1", "l2"}
        The norm of the output weights of a neuron.
    sample_weight : array-like of shape (n,), optional
        Weights of the samples in the loss.
    patterns : {"all", "own"}
        Which activation patterns the networks have among which the given one is compared.
    tol : float
        Relative gap to which the bound is computed.
    max_time : float, optional
        Seconds after which the best bound so far is returned.
    n_jobs : int, optional
        Threads; None means all processors.

    Returns
    -------
    Certificate
        With scope "global", or "patterns" for its own.

    Raises
    ------
    ValueError
        If an argument is not acceptable; or if a network of thresholds without biases has a neuron
        that is zero at a sample, where it may have the pattern of no cell.

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
    if one_of("patterns", patterns, ("all", "own")) == "own":
        chosen = own_cells(problem, network, n_threads)
    else:
        chosen = choose_cells(problem, "auto", 0, n_threads)
    trained = train(problem, chosen, tol=tol, max_time=max_time, n_threads=n_threads)
    return replace(trained.certificate, objective=objective)


def certify_everywhere(
    certificate: Certificate,
    X: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
) -> Certificate:
    """Turn a bound among networks with given patterns into one for all networks.

    The dual vector of the program over some cells, made smaller until it satisfies the constraints
    of all cells, proves how much other cells could gain: ``objective / lower_bound`` is the ratio
    that a choice of cells is certain to be within. It is at most the largest violation over beta
    (Ergen and Pilanci, arXiv 2312.12657), and takes no training.

    Parameters
    ----------
    certificate : Certificate
        Of ReLU networks trained on given or sampled patterns, or on their own.
    X : array-like of shape (n, d)
        The training inputs.
    y : array-like of shape (n,) or (n, C)
        The targets as the loss sees them.
    sample_weight : array-like of shape (n,), optional
        The weights used in training.

    Returns
    -------
    Certificate
        With scope "global" and the same objective.

    Raises
    ------
    ValueError
        If the certificate is for gated networks, whose objectives are below those of ReLU networks.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import ReLURegressor, certify_everywhere
    >>> X = np.random.default_rng(0).standard_normal((40, 2))
    >>> y = np.maximum(X[:, 0], 0.0) + X[:, 1]
    >>> sampled = ReLURegressor(0.1, patterns=30, random_state=0).fit(X, y).certificate_
    >>> bound = certify_everywhere(sampled, X, y)
    >>> bound.scope, bound.lower_bound < sampled.lower_bound, bound.verify(X, y)
    ('global', True, True)
    """
    if certificate.gated:
        raise ValueError("certificate must be one of ReLU networks, got one of gated networks")
    if certificate.scope == "global":
        return certificate
    problem = certificate.problem(X, y, sample_weight=sample_weight)
    if not certificate.fits(problem):
        raise ValueError(
            f"certificate is for a dual vector of shape {certificate.dual.shape}, but X and y have "
            f"{problem.n_all} samples and {problem.n_outputs} outputs"
        )
    v = problem.gather(certificate.dual)
    method = bounds_every_cell_by(problem, thread_count(None))
    bound, dual = problem.bound_from(v, support_bound(problem, v, 0.0, method, tol=_LOOSE))
    return replace(
        certificate,
        lower_bound=bound,
        dual=problem.spread(dual),
        scope="global",
        method=method,
        cells=None,
    )


def problem_of(
    network: Network,
    X: ArrayLike,
    y: ArrayLike,
    *,
    beta: float,
    loss: str,
    delta: float,
    bias: str,
    output_norm: str,
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
        "output_norm": output_norm,
        "sample_weight": sample_weight,
    }
    problem = TrainingProblem.from_arrays(
        X, y, activation=network.activation, negative_slope=network.negative_slope, **options
    )
    if problem.activation == THRESHOLD and bias == "none":
        _check_general_position(problem, network)
    return problem, network.objective(X, y, **options)


def _check_general_position(problem: TrainingProblem, network: Network) -> None:
    """Raise ValueError if a neuron is zero at a sample: bounds are for patterns of cells.

    A bias could move it off without a change of its pattern, but there is none. Where the data are
    zero every neuron is, and no cell tells otherwise.
    """
    used = network.output_weights.any(axis=1)
    vectors = np.asfortranarray(vectors_of(problem, network)[used])
    if len(vectors) == 0:
        return
    _, interior = core.locate_cells(problem.design, vectors, 1)
    if not interior.all():
        j = int(np.flatnonzero(used)[np.argmin(interior)])
        raise ValueError(
            f"network has activation={THRESHOLD!r} and no biases, and its neuron {j} is zero at a "
            "sample of X: bounds are for neurons that are not"
        )
