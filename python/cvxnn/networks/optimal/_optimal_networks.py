"""The set of all optimal networks, as a value: neurons and a polytope of weights."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning

from cvxnn._checks import positive_integer, positive_number, positive_or_none
from cvxnn.networks._activations import slope_of
from cvxnn.networks._certificate import Certificate
from cvxnn.networks._network import Network
from cvxnn.networks.optimal._active_neurons import distances
from cvxnn.networks.optimal._polytope import Polytope

__all__ = ["OptimalSet"]

Array = NDArray[np.float64]


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
        """The dimension of the polytope, at the `resolution`: a numerical rank, not a proof."""
        return self._polytope.dimension

    @property
    def is_unique(self) -> bool:
        """Whether there is a single optimal network, up to copies of neurons: dimension zero."""
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

    def minimal_network(self, *, max_time: float | None = None) -> Network:
        """Return an optimal network with the fewest neurons.

        It is a vertex. That there is none with fewer neurons is proved by integer programming
        (HiGHS), up to its tolerances: a neuron with less than about a millionth of its largest
        weight can pass for none in a search, but not in the network returned. The proof can take
        exponential time; it is slow from about a dozen dimensions on.

        Parameters
        ----------
        max_time : float, optional
            Seconds after which the smallest network so far is returned.

        Returns
        -------
        Network

        Warns
        -----
        ConvergenceWarning
            If there may be one with fewer neurons.
        """
        max_time = positive_or_none("max_time", max_time)
        weights, proved = self._polytope.sparsest(self._groups, max_time)
        if not proved:
            warnings.warn(
                "minimal_network has not proved that no optimal network has fewer neurons",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self.network(self.total * weights)

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
