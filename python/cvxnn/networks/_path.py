"""Networks for a range of beta, and the largest beta that is of use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn._checks import positive_integer, positive_number, positive_or_none
from cvxnn._threads import thread_count
from cvxnn.networks._certificate import Certificate
from cvxnn.networks._chosen_cells import ChosenCells, choose_cells
from cvxnn.networks._network import Network
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._support import support_bound
from cvxnn.networks._training import Trained, train

__all__ = ["beta_grid", "beta_max", "relu_path", "trained_path"]

Array = NDArray[np.float64]


def beta_max(
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: str = "squared",
    delta: float = 1.0,
    bias: str = "regularized",
    activation: str = "relu",
    negative_slope: float = 0.0,
    sample_weight: ArrayLike | None = None,
    n_jobs: int | None = None,
) -> float:
    """Return the smallest beta at which the best network is zero.

    It is the largest gain of a first neuron, max |grad L(0) . (X u)_+| over unit u (Pilanci and
    Ergen, arXiv 2002.10553, eq. 8, at the dual vector of the zero network). Losses with kinks have
    several gradients there; for the one taken it is an upper bound. With ``bias="free"`` the best
    constant takes the place of zero.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Training inputs.
    y : array-like of shape (n,) or (n, C)
        Targets as the loss sees them: -1 and 1 for logistic and hinge losses, one-hot rows for the
        multinomial loss; several targets need a network with as many outputs.
    loss : {"squared", "absolute", "huber", "logistic", "hinge", "squared_hinge", "multinomial"}
        The loss.
    delta : float
        Where the Huber loss turns linear.
    bias : {"regularized", "free", "none"}
        Which biases networks may have and what they cost, see `ReLURegressor`.
    activation : {"relu", "leaky_relu", "abs", "threshold"}
        The activation function, see `ReLURegressor` for "threshold".
    negative_slope : float
        Slope of "leaky_relu" below zero.
    sample_weight : array-like of shape (n,), optional
        Weights of the samples in the loss.
    n_jobs : int, optional
        Threads; None means all processors.

    Returns
    -------
    float
        To a relative 1e-9 where ``patterns="auto"`` of `ReLURegressor` takes every cell; elsewhere
        an upper bound, by the relaxation that also bounds objectives there.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import beta_max
    >>> X, y = np.array([[-1.0], [0.0], [1.0]]), np.array([0.0, 1.0, 0.0])
    >>> print(f"{beta_max(X, y):.6f}")
    1.000000
    """
    _refuse_interpolation(loss)
    problem = TrainingProblem.from_arrays(
        X,
        y,
        loss=loss,
        delta=delta,
        beta=1.0,
        bias=bias,
        activation=activation,
        negative_slope=negative_slope,
        sample_weight=sample_weight,
    )
    return _beta_max(problem, choose_cells(problem, "auto", 0, thread_count(n_jobs)))


def relu_path(
    X: ArrayLike,
    y: ArrayLike,
    *,
    betas: ArrayLike | None = None,
    n_betas: int = 50,
    eps: float = 1e-3,
    loss: str = "squared",
    delta: float = 1.0,
    bias: str = "regularized",
    activation: str = "relu",
    negative_slope: float = 0.0,
    sample_weight: ArrayLike | None = None,
    patterns: object = "auto",
    tol: float = 1e-4,
    max_time: float | None = None,
    n_jobs: int | None = None,
    random_state: object = None,
) -> tuple[Array, list[Network], list[Certificate]]:
    """Train networks for a decreasing range of beta, each with its certificate.

    Each begins with the one before.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Training inputs.
    y : array-like of shape (n,) or (n, C)
        Targets as the loss sees them: -1 and 1 for logistic and hinge losses, one-hot rows for the
        multinomial loss; several targets need a network with as many outputs.
    betas : array-like, optional
        Strengths of the weight decay, taken in decreasing order. Default: `n_betas` from `beta_max`
        down to `eps` times that, equally spaced on a logarithmic scale.
    n_betas : int
        How many, without `betas`.
    eps : float
        The smallest over the largest, without `betas`.
    loss : {"squared", "absolute", "huber", "logistic", "hinge", "squared_hinge", "multinomial"}
        The loss.
    delta : float
        Where the Huber loss turns linear.
    bias : {"regularized", "free", "none"}
        Which biases networks may have and what they cost, see `ReLURegressor`.
    activation : {"relu", "leaky_relu", "abs", "threshold"}
        The activation function, see `ReLURegressor` for "threshold".
    negative_slope : float
        Slope of "leaky_relu" below zero.
    sample_weight : array-like of shape (n,), optional
        Weights of the samples in the loss.
    patterns : {"auto", "exact"}, int or Cells
        Activation patterns that neurons may have, as for `ReLURegressor`.
    tol : float
        Relative gap at which to stop, for each beta.
    max_time : float, optional
        Seconds for each beta.
    n_jobs : int, optional
        Threads; None means all processors.
    random_state : int or RandomState, optional
        Source of randomness for sampled cells and local search.

    Returns
    -------
    betas : ndarray of shape (A,)
        In decreasing order.
    networks : list of Network
    certificates : list of Certificate

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import relu_path
    >>> X = np.linspace(-1, 1, 9)[:, None]
    >>> betas, networks, certificates = relu_path(X, np.abs(X[:, 0]), n_betas=3, eps=0.1)
    >>> for beta, certificate in zip(betas, certificates):
    ...     print(f"{beta:.3f} {certificate.objective:.3f}")
    5.000 1.875
    1.581 1.226
    0.500 0.715
    """
    _refuse_interpolation(loss)
    problem = TrainingProblem.from_arrays(
        X,
        y,
        loss=loss,
        delta=delta,
        beta=1.0,
        bias=bias,
        activation=activation,
        negative_slope=negative_slope,
        sample_weight=sample_weight,
    )
    tol = positive_number("tol", tol)
    max_time = positive_or_none("max_time", max_time)
    n_threads = thread_count(n_jobs)
    chosen = choose_cells(problem, patterns, random_state, n_threads)
    grid = beta_grid(problem, chosen, betas, n_betas, eps)
    networks: list[Network] = []
    certificates: list[Certificate] = []
    for trained in trained_path(
        problem, chosen, grid, tol=tol, max_time=max_time, n_threads=n_threads
    ):
        assert isinstance(trained.network, Network)
        networks.append(trained.network)
        certificates.append(trained.certificate)
    return grid, networks, certificates


def _refuse_interpolation(loss: str) -> None:
    """Raise ValueError for the loss that has no trade-off with the penalty."""
    if loss == "interpolation":
        raise ValueError("loss='interpolation' is the same at every beta")


def _beta_max(problem: TrainingProblem, chosen: ChosenCells) -> float:
    v = problem.null_gradient()
    problem = replace(problem, projection=None)  # what is left out of the data is of no use
    return support_bound(problem, v, 0.0, chosen.method, chosen.cells) if np.any(v) else 0.0


def beta_grid(
    problem: TrainingProblem,
    chosen: ChosenCells,
    betas: ArrayLike | None,
    n_betas: int,
    eps: float,
) -> Array:
    """Return decreasing strengths: those given, or a logarithmic grid down from `beta_max`.

    The grid is a single one where no beta is of use.
    """
    if betas is not None:
        given = np.asarray(betas)
        if given.ndim != 1 or given.size == 0:
            raise ValueError(f"betas must be a non-empty list of numbers, got shape {given.shape}")
        values = [positive_number("betas", value) for value in given.tolist()]
        return np.sort(values)[::-1].copy()
    eps = positive_number("eps", eps)
    if eps >= 1.0:
        raise ValueError(f"eps must be less than 1, got {eps}")
    n_betas = positive_integer("n_betas", n_betas)
    largest = _beta_max(problem, chosen)
    if largest == 0.0:
        return np.ones(1)
    return np.asarray(largest * np.geomspace(1.0, eps, n_betas))


def trained_path(
    problem: TrainingProblem,
    chosen: ChosenCells,
    betas: Array,
    *,
    tol: float,
    max_time: float | None,
    n_threads: int,
) -> Iterator[Trained]:
    """Train for one beta after the other, each from the solution before."""
    start = None
    for beta in betas.tolist():
        trained = train(
            problem.with_beta(beta),
            chosen,
            start=start,
            tol=tol,
            max_time=max_time,
            n_threads=n_threads,
        )
        start = trained.neurons
        yield trained
