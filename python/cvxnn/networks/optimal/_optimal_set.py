"""From a training problem to the set of all its optimal networks."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls
from sklearn.exceptions import ConvergenceWarning

from cvxnn._checks import one_of, positive_number, positive_or_none
from cvxnn._threads import thread_count
from cvxnn.arrangements import Cells
from cvxnn.networks._activations import activated, slope_of
from cvxnn.networks._certificate import Certificate
from cvxnn.networks._chosen_cells import ChosenCells, choose_cells, list_every_cell
from cvxnn.networks._layers import BIASES, squeezed
from cvxnn.networks._losses import LOSSES
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._training import Trained, train
from cvxnn.networks.optimal._active_neurons import (
    CURVATURE,
    Maximisers,
    maximisers,
    merged,
    outputs_of_dual,
    proved_accuracy,
)
from cvxnn.networks.optimal._optimal_networks import OptimalSet
from cvxnn.networks.optimal._polytope import Polytope

__all__ = ["optimal_set"]

Array = NDArray[np.float64]

_FINEST = 1e-9  # resolution, where rounding in a solution is about 1e-12
_APART = 10.0  # times the resolution: supports that are further below one are clearly smaller
_COARSE = 1e-2  # an accuracy that is worth a warning


def optimal_set(
    X: ArrayLike,
    y: ArrayLike,
    *,
    beta: float,
    loss: str = "squared",
    bias: str = "regularized",
    activation: str = "relu",
    negative_slope: float = 0.0,
    patterns: Any = "exact",
    sample_weight: ArrayLike | None = None,
    resolution: float | None = None,
    tol: float = 1e-12,
    max_time: float | None = None,
    n_jobs: int | None = None,
    random_state: Any = None,
) -> OptimalSet:
    """Return all optimal networks of a training problem, of any width.

    With a strictly convex loss, all optimal networks have the same outputs f on the samples and the
    same dual vector v. On each cell, and for each sign s, -s v . phi(X u) has a single maximiser u
    of unit norm, and only where the maximum equals beta can there be a neuron: a multiple of u.
    What is left free are the weights c >= 0 of these neurons, and the optimal networks are the
    solutions of sum_b s_b c_b phi(X u_b) = f (Mishkin and Pilanci, arXiv 2306.00119). Maximisers of
    several cells that are the same vector, on a common face, are one neuron.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Training inputs.
    y : array-like of shape (n,) or (n, C)
        Targets as the loss sees them: -1 and 1 for the logistic loss. For several, the penalty is
        that of `ReLURegressor`, with the l1 norm of output weights.
    beta : float
        Strength of the weight decay.
    loss : {"squared", "logistic"}
        The loss. Others are not strictly convex: optimal networks may differ in their outputs.
    bias : {"regularized", "none"}
        Which biases networks have, see `ReLURegressor`. Biases that are not penalised would leave
        several best directions on one cell.
    activation : {"relu", "leaky_relu", "abs"}
        The activation function.
    negative_slope : float
        Slope of "leaky_relu" below zero.
    patterns : "exact", int or Cells
        All cells, which are listed, that many sampled ones, or those given. With the latter two,
        the set is that of the best networks with these activation patterns.
    sample_weight : array-like of shape (n,), optional
        Weights of the samples in the loss.
    resolution : float, optional
        How near to one, relative to beta, a maximum counts as equal to it; within as much, vectors
        are equal and singular values and shares of the sum of weights are zero. By default 1e-9, or
        the next power of ten at which the neurons found put out f to within it and no other maximum
        is within ten times as much, see Notes.
    tol : float
        Relative gap at which training stops.
    max_time : float, optional
        Seconds after which training stops.
    n_jobs : int, optional
        Threads; None means all processors.
    random_state : int or RandomState, optional
        Source of randomness for sampled cells.

    Returns
    -------
    OptimalSet

    Raises
    ------
    ValueError
        If an argument is out of range, the loss is not strictly convex, or the neurons found at the
        `resolution` cannot put out what optimal networks do.
    TooManyCells
        If there are more cells than can be listed.

    Warns
    -----
    ConvergenceWarning
        If `accuracy` is worse than a hundredth, so that little is proved, see Notes.

    Notes
    -----
    What is proved: with a gap g between the objective of a network and its lower bound, and a loss
    whose second derivatives are at most h times the sample weights (h = 1 for the squared loss, 1/4
    for the logistic one), the dual vector computed is within ``sqrt(2 h g)`` of v in the norm of
    the inverse weights. So the maxima over beta, and their maximisers, are known to within
    ``accuracy = sqrt(2 h g) ||X|| / beta``, with the spectral norm of X (rows times roots of
    weights, with a ones column for biases), and no cell whose maximum over beta is below 1 -
    `accuracy` has a neuron in any optimal network.

    Gaps end at rounding, about 1e-13 of the objective, and so proofs at about the root of it. The
    solution itself is known to many more digits, by the conditions of optimality that it satisfies:
    the maxima of active cells agree, others are far below, and weights exist for f. Cells between
    1 - `accuracy` and 1 - `resolution` are left out on this evidence; `n_undecided` says how many
    there are. With a ``resolution`` as large as `accuracy` they are let in.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import optimal_set
    >>> X, y = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), np.ones(4)
    >>> best = optimal_set(X, y, beta=0.1, bias="none")
    >>> best.n_candidates, best.dimension, len(best.vertices())
    (4, 1, 2)
    >>> best.minimal_network().n_neurons, best.min_norm_network().n_neurons
    (2, 4)
    """
    _check_choices(loss, bias)
    slope_of(activation, negative_slope)  # refuses those that are not piecewise linear
    problem = TrainingProblem.from_arrays(
        X,
        y,
        loss=loss,
        beta=beta,
        bias=bias,
        activation=activation,
        negative_slope=negative_slope,
        sample_weight=sample_weight,
    )
    resolution = positive_or_none("resolution", resolution)
    tol = positive_number("tol", tol)
    max_time = positive_or_none("max_time", max_time)
    n_threads = thread_count(n_jobs)
    chosen = _listed_cells(problem, patterns, random_state, n_threads)
    trained = train(problem, chosen, tol=tol, max_time=max_time, n_threads=n_threads)
    assert chosen.cells is not None
    return _set_around(problem, chosen.cells, trained, np.asarray(X, np.float64), resolution)


def _check_choices(loss: str, bias: str) -> None:
    one_of("loss", loss, LOSSES)
    if loss not in CURVATURE:
        raise ValueError(
            "loss must be strictly convex, 'squared' or 'logistic', so that all optimal networks "
            f"have the same outputs, got {loss!r}"
        )
    if one_of("bias", bias, BIASES) == "free":
        raise ValueError(
            "bias must be 'regularized' or 'none', got 'free': without a penalty on biases a cell "
            "can have several best directions"
        )


def _listed_cells(
    problem: TrainingProblem, patterns: Any, random_state: Any, n_threads: int
) -> ChosenCells:
    if not isinstance(patterns, str):
        return choose_cells(problem, patterns, random_state, n_threads)
    one_of("patterns", patterns, ("exact",))
    return list_every_cell(problem, n_threads)


def _set_around(
    problem: TrainingProblem, cells: Cells, trained: Trained, X: Array, resolution: float | None
) -> OptimalSet:
    """Turn a network and its dual vector into the set of all that are as good."""
    certificate = trained.certificate
    rows = problem.weight[:, None] ** 0.5 * problem.design
    size = float(np.linalg.norm(rows, 2)) or 1.0  # of the outputs of a unit neuron, at most
    accuracy = proved_accuracy(problem, certificate, size)
    _warn_if_coarse(accuracy, certificate)
    is_zero = trained.network.n_neurons == 0
    v = problem.gather(certificate.dual).reshape(len(problem.y), -1) / problem.beta
    threshold = 1.0 - max(accuracy, resolution or 0.0)
    candidates = maximisers(problem, cells[:0] if is_zero else cells, v, threshold)
    top = candidates.supports.max(initial=0.0) or 1.0
    candidates = replace(candidates, supports=candidates.supports / top)
    f = np.zeros(v.shape) if is_zero else outputs_of_dual(problem, problem.beta / top * v)
    total = abs(float(np.sum(v * f))) / top
    outputs = problem.weight[:, None] ** 0.5 * f / (size * (total or 1.0))
    neurons, polytope = _resolved(
        candidates, rows / size, outputs, problem.slope, accuracy, resolution
    )
    weights = neurons.vectors[:, : X.shape[1]]
    bias = neurons.vectors[:, -1] if problem.bias != "none" else np.zeros(len(weights))
    activations = activated(X @ weights.T + bias, problem.slope)
    share = np.zeros((len(neurons.signs), problem.n_outputs))
    share[np.arange(len(share)), neurons.outputs] = total * neurons.signs * polytope.start
    fit = activations @ share
    fit[problem.row_of_sample < 0] = np.nan
    return OptimalSet(
        hidden_weights=weights,
        hidden_bias=bias,
        signs=neurons.signs,
        targets=neurons.outputs,
        supports=neurons.supports,
        activations=activations,
        fit=squeezed(fit),
        total=total,
        accuracy=accuracy,
        resolution=polytope.resolution,
        n_undecided=len(candidates.signs)
        - int(np.sum(candidates.supports >= 1.0 - polytope.resolution)),
        certificate=certificate,
        activation=problem.activation,
        negative_slope=problem.negative_slope,
        _polytope=polytope,
        _groups=neurons.groups,
    )


def _resolved(
    candidates: Maximisers,
    rows: Array,
    outputs: Array,
    slope: float,
    accuracy: float,
    resolution: float | None,
) -> tuple[Maximisers, Polytope]:
    """Return the neurons and their polytope at the finest resolution that tells them apart."""
    fitting = None
    for level in _levels(accuracy) if resolution is None else [resolution]:
        chosen = candidates.supports >= 1.0 - level
        neurons = merged(candidates[chosen], 2.0 * level, slope)
        columns = _columns(rows, neurons, outputs.shape[1], slope)
        polytope, missed = _polytope(columns, outputs, level)
        if missed > level:
            continue
        fitting = fitting or (neurons, polytope)
        if np.all(candidates.supports[~chosen] < 1.0 - _APART * level):
            return neurons, polytope
    if fitting is None:
        raise ValueError(
            f"at a resolution of {level:.1e} the neurons found miss the outputs of optimal "
            f"networks by a relative {missed:.1e}; "
            + ("use a smaller tol" if resolution is None else "resolution is too small")
        )
    return fitting


def _levels(accuracy: float) -> Array:
    """Return resolutions to try: powers of ten, as far as the certificate asks for."""
    coarsest = np.clip(accuracy, _FINEST, _COARSE)
    n_levels = 1 + round(float(np.log10(coarsest / _FINEST)))
    return np.asarray(_FINEST * 10.0 ** np.arange(n_levels))


def _polytope(columns: Array, outputs: Array, resolution: float) -> tuple[Polytope, float]:
    """Return the weights with which columns add up to outputs, and by how much they fail to."""
    if columns.shape[1] == 0:
        return Polytope(columns, np.zeros(0), resolution), float(np.linalg.norm(outputs))
    with_sum = np.vstack([columns, np.ones(columns.shape[1])])
    start, missed = nnls(with_sum, np.append(outputs.ravel(), 1.0))
    polytope = Polytope(with_sum, start, resolution)
    vertex = polytope.vertex_within(np.ones(len(start), np.bool_))
    return polytope if vertex is None else replace(polytope, start=vertex), float(missed)


def _columns(rows: Array, neurons: Maximisers, n_outputs: int, slope: float) -> Array:
    """Return what each neuron adds to the outputs, shape (n C, m)."""
    columns = np.zeros((len(rows), n_outputs, len(neurons.signs)))
    which = np.arange(len(neurons.signs))
    columns[:, neurons.outputs, which] = neurons.signs * activated(rows @ neurons.vectors.T, slope)
    return columns.reshape(len(rows) * n_outputs, len(which))


def _warn_if_coarse(accuracy: float, certificate: Certificate) -> None:
    if accuracy > _COARSE:
        warnings.warn(
            f"optimal_set proves neurons to a relative {accuracy:.1e} only, at a relative gap of "
            f"{certificate.relative_gap:.1e}",
            ConvergenceWarning,
            stacklevel=4,
        )
