"""All optimal networks of a training problem: a polytope of weights for a few neurons."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls
from sklearn.exceptions import ConvergenceWarning

from cvxnn._checks import one_of, positive_integer, positive_number, positive_or_none
from cvxnn._threads import thread_count
from cvxnn.arrangements import Cells
from cvxnn.networks._activations import activated, slope_of
from cvxnn.networks._active_neurons import (
    CURVATURE,
    Maximisers,
    distances,
    maximisers,
    merged,
    outputs_of_dual,
    proved_accuracy,
)
from cvxnn.networks._certificate import Certificate
from cvxnn.networks._layers import BIASES, squeezed
from cvxnn.networks._losses import LOSSES
from cvxnn.networks._network import Network
from cvxnn.networks._polytope import Polytope
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._training import ChosenCells, Trained, choose_cells, list_every_cell, train

__all__ = ["OptimalSet", "optimal_set"]

Array = NDArray[np.float64]

_FINEST = 1e-9  # resolution, where rounding in a solution is about 1e-12
_COARSE = 1e-2  # an accuracy that is worth a warning


@dataclass(frozen=True, eq=False)
class OptimalSet:
    """Every optimal network of a training problem: neurons, and the weights that they may have.

    A network is optimal if and only if it consists of these neurons, number b scaled by a weight
    ``c_b >= 0`` (half of it, as a root, in each layer), such that its outputs on the samples are
    `fit`. So the optimal networks are the points of a polytope. Neurons that are copies of one
    another count as one.

    Parameters
    ----------
    hidden_weights : ndarray of shape (m, d)
        First-layer weights of the neurons; each is of norm one together with its bias.
    hidden_bias : ndarray of shape (m,)
        Their biases.
    signs : ndarray of shape (m,)
        Signs of their output weights.
    targets : ndarray of shape (m,)
        The output that each adds to. One hidden neuron may occur for several.
    supports : ndarray of shape (m,)
        What each gains, over what it costs: one, up to `resolution`.
    activations : ndarray of shape (n, m)
        What they put out on the samples, before signs and weights.
    fit : ndarray of shape (n,) or (n, C)
        The outputs that all optimal networks have on the samples, NaN on those of weight zero.
    total : float
        The sum of the weights, the same for all: weight decay is beta times this.
    accuracy : float
        To within how much the certificate proves supports and neurons, see `optimal_set`.
    resolution : float
        Differences below it count as none.
    n_undecided : int
        In how many further cells the certificate does not exclude a neuron, supports being between
        1 - `accuracy` and 1 - `resolution`.
    certificate : Certificate
        Of the network from which the set was derived.
    activation, negative_slope : str, float
        The activation function.
    """

    hidden_weights: Array
    hidden_bias: Array
    signs: Array
    targets: NDArray[np.intp]
    supports: Array
    activations: Array = field(repr=False)
    fit: Array = field(repr=False)
    total: float
    accuracy: float
    resolution: float
    n_undecided: int
    certificate: Certificate = field(repr=False)
    activation: str
    negative_slope: float
    _polytope: Polytope = field(repr=False)
    _groups: NDArray[np.intp] = field(repr=False)  # candidates with the same hidden neuron

    @property
    def n_candidates(self) -> int:
        """The number m of candidates."""
        return len(self.signs)

    @property
    def dimension(self) -> int:
        """The dimension of the polytope."""
        return self._polytope.dimension

    @property
    def is_unique(self) -> bool:
        """Whether there is a single optimal network, up to copies of neurons."""
        return self.dimension == 0

    @property
    def weight_ranges(self) -> Array:
        """The least and the largest weight of each candidate in optimal networks, shape (m, 2).

        Where the least is positive no optimal network is without it; where the largest is zero none
        has it.
        """
        return self.total * self._polytope.ranges

    def vertices(self, max_vertices: int = 1_000) -> Array:
        """Return all vertices of the polytope.

        They are the optimal networks none of whose neurons can be left out: no network with some
        of the neurons of a vertex alone is optimal, whatever its weights. All others are their
        convex combinations. They are found one from the other by non-negative least squares over
        fewer and fewer neurons; there may be exponentially many.

        Parameters
        ----------
        max_vertices : int
            How many to list at most.

        Returns
        -------
        ndarray of shape (V, m)
            The weights of the candidates, for `network`.

        Raises
        ------
        ValueError
            If there are more than `max_vertices`.
        """
        return self.total * self._polytope.vertices(positive_integer("max_vertices", max_vertices))

    def network(self, weights: ArrayLike) -> Network:
        """Return the network in which the candidates have these weights.

        Parameters
        ----------
        weights : array-like of shape (m,)
            Non-negative; a vertex or a convex combination of vertices gives an optimal network.

        Returns
        -------
        Network
            With as many neurons as there are distinct ones of positive weight.
        """
        c = np.asarray(weights, dtype=np.float64)
        if c.shape != (self.n_candidates,):
            raise ValueError(f"weights must have shape ({self.n_candidates},), got {c.shape}")
        if not np.all(np.isfinite(c) & (c >= 0.0)):
            raise ValueError("weights must be finite and non-negative")
        used, first, group = np.unique(
            self._groups[c > 0.0], return_index=True, return_inverse=True
        )
        which = np.flatnonzero(c > 0.0)
        root = np.sqrt(np.bincount(group, c[which], len(used)))
        outputs = np.zeros((len(used), self._n_outputs))
        outputs[group, self.targets[which]] = self.signs[which] * c[which] / root[group]
        return Network(
            self.hidden_weights[which[first]] * root[:, None],
            self.hidden_bias[which[first]] * root,
            outputs,
            np.zeros(self._n_outputs),
            self.activation,
            self.negative_slope,
        )

    def minimal_network(self) -> Network:
        """Return an optimal network with the fewest neurons.

        By integer programming (HiGHS), whose branch and bound proves the number up to its
        tolerances: neurons with less than about a millionth of their largest weight may escape it.
        That the network itself is in the set is checked by least squares.
        """
        return self.network(self.total * self._polytope.sparsest(self._groups))

    def min_norm_network(self) -> Network:
        """Return the optimal network with the least sum of squared weights, which is unique."""
        return self.network(self.total * self._polytope.shortest())

    def contains(self, network: Network, *, tol: float = 1e-6) -> bool:
        """Tell whether a network is optimal, by its neurons.

        Parameters
        ----------
        network : Network
            A network on as many inputs, with as many outputs.
        tol : float
            By how much, relative to the sum of weights, neurons may be off in direction and in the
            balance of their layers, and outputs in value. A network with a relative gap g may be
            off by the root of g.

        Returns
        -------
        bool
        """
        tol = positive_number("tol", tol)
        self._check_shape(network)
        if network.slope != slope_of(self.activation, self.negative_slope):
            return False
        if np.any(network.output_bias):
            return False
        vectors = np.column_stack([network.hidden_weights, network.hidden_bias])
        lengths = np.linalg.norm(vectors, axis=1)
        sizes = np.abs(network.output_weights).sum(axis=1)
        allowed = tol * self.total
        if 0.5 * np.abs(lengths**2 - sizes**2).sum() > allowed:
            return False
        weights, moved = self._moved_to_candidates(network, vectors, lengths)
        if moved > allowed:
            return False
        M, scale = self._polytope.columns, self.total or 1.0
        return bool(np.linalg.norm(M @ (weights / scale - self._polytope.start)) <= tol)

    @property
    def _n_outputs(self) -> int:
        return 1 if self.fit.ndim == 1 else self.fit.shape[1]

    def _check_shape(self, network: Network) -> None:
        if not isinstance(network, Network):
            raise ValueError(f"network must be a cvxnn.Network, got {type(network).__name__}")
        expected = self.hidden_weights.shape[1], self._n_outputs
        got = network.hidden_weights.shape[1], network.output_weights.shape[1]
        if got != expected:
            raise ValueError(
                f"network must have {expected[0]} inputs and {expected[1]} outputs, "
                f"got {got[0]} and {got[1]}"
            )

    def _moved_to_candidates(
        self, network: Network, vectors: Array, lengths: Array
    ) -> tuple[Array, float]:
        """Return the weights of candidates when each neuron moves to the nearest, and how far."""
        candidates = np.column_stack([self.hidden_weights, self.hidden_bias])
        weights, moved = np.zeros(self.n_candidates), 0.0
        hidden, outputs = np.nonzero(network.output_weights * lengths[:, None])
        for j, t in zip(hidden, outputs, strict=True):
            a = network.output_weights[j, t]
            same = np.flatnonzero((self.targets == t) & (self.signs == np.sign(a)))
            if len(same) == 0:
                return weights, np.inf
            strength = lengths[j] * abs(a)
            apart = distances(vectors[j] / lengths[j], candidates[same], network.slope)
            weights[same[apart.argmin()]] += strength
            moved += strength * apart.min()
        return weights, float(moved)


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
        the next power of ten at which the neurons found put out f to within it, see Notes.
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
        If the accuracy is worse than a hundredth, so that the set tells little.

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
    maxima of active cells are equal, and weights exist for f. Cells between 1 - `accuracy` and 1 -
    `resolution` are left out on this evidence; `n_undecided` says how many there are. With
    ``resolution`` as large as `accuracy` they are let in.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import optimal_set
    >>> X, y = np.array([[1.0], [2.0], [-1.0]]), np.array([1.0, 2.0, -1.0])
    >>> X = np.column_stack([X, -X])
    >>> best = optimal_set(X, y, beta=0.1, bias="none")
    >>> best.n_candidates, best.dimension, best.minimal_network().n_neurons
    (2, 0, 2)
    """
    _check_choices(loss, bias)
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
    size = float(np.linalg.norm(rows, 2))  # of the outputs of a unit neuron, at most
    accuracy = proved_accuracy(problem, certificate, size)
    _warn_if_coarse(accuracy, certificate)
    is_zero = trained.network.n_neurons == 0
    v = problem.gather(certificate.dual).reshape(len(problem.y), -1) / problem.beta
    candidates = maximisers(problem, cells[:0] if is_zero else cells, v, 1.0 - accuracy)
    top = candidates.supports.max(initial=0.0) or 1.0
    candidates = replace(candidates, supports=candidates.supports / top)
    f = outputs_of_dual(problem, problem.beta / top * v)
    total = 0.0 if is_zero else -float(np.sum(v * f)) / top
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
    """Return the neurons and their polytope at the finest resolution at which they fit."""
    level = _FINEST if resolution is None else resolution
    coarsest = level if resolution is not None else max(accuracy, level)
    while True:
        neurons = merged(candidates[candidates.supports >= 1.0 - level], 2.0 * level, slope)
        columns = np.vstack([_columns(rows, neurons, outputs.shape[1], slope), neurons.signs**2])
        if len(neurons.signs) == 0:  # the network without neurons
            return neurons, Polytope(columns, np.zeros(0), level)
        start, missed = nnls(columns, np.append(outputs.ravel(), 1.0))
        if missed <= level:
            polytope = Polytope(columns, start, level)
            vertex = polytope.vertex_within(np.ones(len(start), np.bool_))
            return neurons, polytope if vertex is None else replace(polytope, start=vertex)
        if level >= coarsest:
            raise ValueError(
                f"at a resolution of {level:.1e} the neurons found miss the outputs of optimal "
                f"networks by a relative {missed:.1e}; "
                + ("use a smaller tol" if resolution is None else "resolution is too small")
            )
        level = min(10.0 * level, coarsest)


def _columns(rows: Array, neurons: Maximisers, n_outputs: int, slope: float) -> Array:
    """Return what each neuron adds to the outputs, shape (n C, m)."""
    columns = np.zeros((len(rows), n_outputs, len(neurons.signs)))
    which = np.arange(len(neurons.signs))
    columns[:, neurons.outputs, which] = neurons.signs * activated(rows @ neurons.vectors.T, slope)
    return columns.reshape(len(rows) * n_outputs, len(which))


def _warn_if_coarse(accuracy: float, certificate: Certificate) -> None:
    if accuracy > _COARSE:
        warnings.warn(
            f"optimal_set knows neurons to a relative {accuracy:.1e} only, at a relative gap of "
            f"{certificate.relative_gap:.1e}",
            ConvergenceWarning,
            stacklevel=4,
        )
