"""Fewer neurons with the same outputs on given samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog, nnls

from cvxnn.networks._activations import activated
from cvxnn.networks._layers import lengths_of

__all__ = ["fewest", "fewest_shares", "pruned_layers", "pruned_thresholds"]

Array = NDArray[np.float64]


def pruned_layers(
    design: Array, hidden: Array, outputs: Array, slope: float, order: int = 1
) -> tuple[Array, Array]:
    """Return layers with at most n C neurons and the same ``phi(design @ hidden.T) @ outputs``.

    Neurons that share their pattern and the direction of their output weights are added up, which
    leaves the outputs alone because neurons are linear on a cell. Of the rest, scaled by c >= 0, a
    vertex of {c : same outputs, smallest weight decay} has no more neurons than the outputs have
    entries (theory of optimal sets: Mishkin and Pilanci, arXiv 2306.00119). Layers come balanced,
    ``||w_j|| = ||a_j||``, and with a weight decay that is not larger.

    Parameters
    ----------
    design : ndarray of shape (n, d)
        Samples, with a ones column if neurons have biases.
    hidden : ndarray of shape (m, d)
        First-layer weights, with the biases last.
    outputs : ndarray of shape (m, C)
        Second-layer weights.
    slope : float
        Of the activation phi below zero.
    order : {1, 2}
        Which norm of the output weights counts.

    Returns
    -------
    hidden, outputs : ndarray of shape (k, d), ndarray of shape (k, C)
    """
    hidden, outputs = _balanced(*_merged(design, hidden, outputs, order), order)
    if len(hidden) == 0:
        return hidden, outputs
    activations = activated(design @ hidden.T, slope)
    contributions = (activations.T[:, :, None] * outputs[:, None, :]).reshape(len(hidden), -1).T
    silent = ~contributions.any(axis=0)
    hidden, outputs, contributions = hidden[~silent], outputs[~silent], contributions[:, ~silent]
    share = fewest(contributions, _strengths(hidden, outputs, order))
    kept = share > 0.0
    root = np.sqrt(share[kept])[:, None]
    return hidden[kept] * root, outputs[kept] * root


def pruned_thresholds(
    design: Array, hidden: Array, outputs: Array, order: int = 1
) -> tuple[Array, Array]:
    """Return the layers of a threshold network, at most n C neurons, with the same outputs.

    Neurons with one pattern on the samples become one, whose output weights are the sums; then, as
    in `pruned_layers`, a vertex of the shares that keep the outputs. The norms of the output
    weights do not grow together. Parameters as there.
    """
    active = design @ hidden.T > 0.0
    patterns, first, group = np.unique(active, axis=1, return_index=True, return_inverse=True)
    sums = np.zeros((len(first), outputs.shape[1]))
    np.add.at(sums, group.ravel(), outputs)
    used = patterns.any(axis=0) & sums.any(axis=1)
    patterns, sums, hidden = patterns[:, used], sums[used], hidden[first[used]]
    shape = len(sums), patterns.shape[0] * sums.shape[1]
    contributions = (patterns.T[:, :, None] * sums[:, None, :]).reshape(shape).T
    share = fewest(contributions, np.linalg.norm(sums, order, axis=1))
    kept = share > 0.0
    return hidden[kept], sums[kept] * share[kept, None]


def _merged(design: Array, hidden: Array, outputs: Array, order: int) -> tuple[Array, Array]:
    """Add up neurons on the same cell whose output weights point the same way."""
    norms = np.linalg.norm(outputs, order, axis=1)
    used = (norms > 0.0) & hidden.any(axis=1)
    hidden, directions = hidden[used] * norms[used, None], outputs[used] / norms[used, None]
    patterns = np.packbits(design @ hidden.T > 0.0, axis=0).T
    keys = [
        pattern.tobytes() + a.tobytes() for pattern, a in zip(patterns, directions, strict=True)
    ]
    _, first, group = np.unique(
        np.array(keys, dtype=object), return_index=True, return_inverse=True
    )
    sums = np.zeros((len(first), hidden.shape[1]))
    np.add.at(sums, group, hidden)
    return sums, directions[first]


def _strengths(hidden: Array, outputs: Array, order: int) -> Array:
    strengths: Array = np.linalg.norm(hidden, axis=1) * np.linalg.norm(outputs, order, axis=1)
    return strengths


def _balanced(hidden: Array, outputs: Array, order: int) -> tuple[Array, Array]:
    """Scale each neuron so that both of its layers weigh the same; drop those of no weight."""
    strengths = _strengths(hidden, outputs, order)
    kept = strengths > 0.0
    hidden, outputs, root = hidden[kept], outputs[kept], np.sqrt(strengths[kept])
    into = root / np.linalg.norm(hidden, axis=1)
    out = root / np.linalg.norm(outputs, order, axis=1)
    return hidden * into[:, None], outputs * out[:, None]


def fewest_shares(
    n_outputs: int, hidden: Array, signs: Array, outputs: NDArray[np.intp], norms: Array
) -> Array:
    """Return the shares of branches that have the same outputs together, n C of them at most.

    Branches put ``hidden`` (K, n) times their sign to one output each; norms do not grow.
    """
    on = np.flatnonzero(hidden.any(axis=1))
    contributions = np.zeros((len(on), n_outputs, hidden.shape[1]))
    contributions[np.arange(len(on)), outputs[on]] = signs[on, None] * hidden[on]
    shares = np.zeros(len(hidden))
    shares[on] = fewest(contributions.reshape(len(on), n_outputs * hidden.shape[1]).T, norms[on])
    return shares


def fewest(contributions: Array, strengths: Array) -> Array:
    """Return c >= 0 of least c . strengths with contributions @ c = contributions @ 1, a vertex."""
    n_neurons = contributions.shape[1]
    if n_neurons == 0:
        return np.ones(0)
    columns = lengths_of(contributions.T)
    scaled, total = contributions / columns, contributions.sum(axis=1)
    costs = strengths / columns
    largest = np.abs(total).max()
    if largest == 0.0:
        return np.zeros(n_neurons)
    solution = linprog(costs / costs.max(), A_eq=scaled, b_eq=total / largest, method="highs-ds")
    if solution.x is not None:
        support = np.flatnonzero(solution.x)
        exact, error = _nonnegative_fit(scaled[:, support], total)
        if error <= 1e-13 * columns.sum() and costs[support] @ exact <= strengths.sum():
            vertex = np.zeros(n_neurons)
            vertex[support] = exact / columns[support]
            return vertex
    share: Array = _walk_to_vertex(scaled, costs, columns) / columns
    return share


def _nonnegative_fit(columns: Array, total: Array) -> tuple[Array, float]:
    """Return the shares again, to rounding: linear programming stops at 1e-7."""
    try:
        shares, error = nnls(columns, total)
    except RuntimeError:  # too many iterations
        return np.zeros(columns.shape[1]), np.inf
    return shares, float(error)


def _walk_to_vertex(scaled: Array, costs: Array, start: Array) -> Array:
    """Go along null vectors of the columns in use to where no more shares can vanish."""
    share = start.copy()
    while True:
        window = np.flatnonzero(share)[: 2 * len(scaled) + 1]
        null = _null_space(scaled[:, window])
        if null.shape[1] == 0:
            return share
        share[window] = _walk_along(null, costs[window], share[window])


def _null_space(columns: Array) -> Array:
    """Return orthonormal columns z with columns @ z = 0, but for rounding."""
    if columns.shape[1] == 0:
        return np.zeros((0, 0))
    _, values, right = np.linalg.svd(columns)
    rank = int(np.sum(values > 1e-12 * values[0]))
    return np.asarray(right[rank:].T)


def _walk_along(null: Array, costs: Array, share: Array) -> Array:
    """Go down in cost along orthonormal columns, one of which is given up for each share gone."""
    while null.shape[1] > 0:
        slopes = costs @ null
        if np.linalg.norm(slopes) > 1e-12 * np.linalg.norm(costs):
            step = -null @ slopes
        else:
            step = null[:, 0]
            step = step if -step.min() >= step.max() else -step
        falls = np.flatnonzero(step < 0.0)
        reach = share[falls] / -step[falls]
        share = np.maximum(0.0, share + reach.min() * step)
        gone = falls[reach.argmin()]
        share[gone] = 0.0
        # a reflection of the columns leaves the first as the only one that moves what is gone
        mirror = null[gone].copy()
        mirror[0] += np.copysign(np.linalg.norm(mirror), mirror[0])
        null = (null - np.outer(null @ mirror, mirror * (2.0 / (mirror @ mirror))))[:, 1:]
        null[gone] = 0.0
    return share
