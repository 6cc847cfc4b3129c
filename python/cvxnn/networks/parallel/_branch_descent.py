"""Branches of parallel networks made better by L-BFGS: together as a network, or one by one."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cvxnn.networks._lbfgs import lowest
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks.parallel._batched_lbfgs import minimised_rows
from cvxnn.networks.parallel._deep_branches import (
    DeepBranches,
    DeepModel,
    Layers,
    outputs_of,
    pulled_back,
)

__all__ = ["BranchProblem", "climbed", "descended", "random_branches"]

Array = NDArray[np.float64]

_STEPS = 500  # of training a network
_TOL = 1e-4  # part of the tolerance, of one step
_CLIMBS = 100  # of looking for branches that gain
_CLIMB_TOL = 1e-3
_THIN = 0.2  # of weights beside those of the one neuron that branches begin with
_SHAKE = 0.3  # what probes near the branches of a network differ by
_LEAST = 1e-3  # of the largest branch, for the length of steps
_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class BranchProblem:
    """A training problem whose numbers are near one, the cost of branches, and when to end."""

    problem: TrainingProblem
    model: DeepModel
    tol: float
    deadline: float | None

    def seconds_left(self) -> float | None:
        return None if self.deadline is None else max(1e-3, self.deadline - time.monotonic())

    def outputs(self, branches: DeepBranches, hidden: Array) -> Array:
        """Return the outputs of a network, in the shape of targets."""
        f = np.zeros((self.problem.n_outputs, len(self.problem.y)))
        np.add.at(f, branches.outputs, (branches.signs * branches.sizes)[:, None] * hidden)
        return np.ascontiguousarray(f.T).reshape(self.problem.y.shape)

    def loss(self, f: Array) -> float:
        return self.problem.loss.value(f, self.problem.y, self.problem.weight_like_y)

    def gradient(self, f: Array) -> Array:
        """Return the gradient of the loss, a row for each output."""
        v = self.problem.loss.gradient(f, self.problem.y, self.problem.weight_like_y)
        return np.ascontiguousarray(v.reshape(len(v), -1).T)

    def objective(self, branches: DeepBranches) -> float:
        f = self.outputs(branches, branches.hidden(self.problem.design))
        return self.loss(f) + self.problem.beta * float(branches.sizes.sum())

    def is_late(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline


def random_branches(
    small: BranchProblem, count: int, generator: np.random.RandomState
) -> DeepBranches:
    """Return `count` branches of size zero for each output, on for some sample if that can be.

    Half are little more than one neuron, handed on from layer to layer: the outputs of deep random
    ones are small for their norm.
    """
    place = np.arange(count * small.problem.n_outputs)
    thin = place % 4 > 1  # of either sign
    widths = (small.problem.design.shape[1], *small.model.widths, 1)
    layers: list[Array] = []
    for before, after in pairwise(widths):
        layer = generator.standard_normal((len(place), after, before))
        beside = _THIN * layer
        if layers:
            beside[:, 0, 0] = 1.0
        else:
            beside[:, 0] = layer[:, 0]
        layers.append(np.where(thin[:, None, None], beside, layer))
    branches = DeepBranches(
        tuple(layers),
        np.zeros(len(place)),
        np.where(place % 2 == 0, 1.0, -1.0),
        np.repeat(np.arange(small.problem.n_outputs), count),
    )
    off = ~np.asarray(branches.hidden(small.problem.design).any(axis=1))
    layers[-1] = np.where(off[:, None, None], -layers[-1], layers[-1])
    return _normalised(small.model, replace(branches, layers=tuple(layers)))


def _normalised(model: DeepModel, branches: DeepBranches) -> DeepBranches:
    """Scale branches to norm one, their layers to equal lengths; drop those of norm zero."""
    lengths = np.array([np.linalg.norm(layer, axis=(1, 2)) for layer in branches.layers])
    branches, lengths = branches[on := np.flatnonzero(lengths.all(axis=0))], lengths[:, on]
    pairs = zip(branches.layers, lengths, strict=True)
    layers = tuple(layer / length[:, None, None] for layer, length in pairs)
    norms = model.norms(layers)
    used = np.flatnonzero(norms)
    even = norms[used, None, None] ** (-1.0 / len(layers))
    return replace(branches[used], layers=tuple(layer[used] * even for layer in layers))


def descended(small: BranchProblem, branches: DeepBranches) -> DeepBranches:
    """Train a network by L-BFGS: the sizes of its branches, and their layers up to scale."""
    if len(branches) == 0:
        return branches
    count = len(branches)
    # layers of this length turn as fast as sizes change
    least = _LEAST * branches.sizes.max()
    lengths = np.sqrt(np.maximum(branches.sizes, least or 1.0))[:, None, None]
    begin = tuple(layer * lengths for layer in branches.layers)

    def value(parameters: Array) -> tuple[float, Array]:
        sizes, layers = parameters[:count], _unpacked(parameters[count:], begin)
        norms = np.maximum(small.model.norms(layers), _TINY)
        outputs = outputs_of(layers, small.problem.design)
        hidden = outputs[-1][:, 0] / norms[:, None]
        f = small.outputs(branches.with_sizes(sizes), hidden)
        rows = branches.signs[:, None] * small.gradient(f)[branches.outputs]
        gains = np.sum(rows * hidden, axis=1)
        share = sizes / norms
        pulled = pulled_back(layers, small.problem.design, outputs, share[:, None] * rows)
        by_layers = _less(pulled, share * gains, small.model.slopes(layers))
        total = small.loss(f) + small.problem.beta * float(sizes.sum())
        return total, np.concatenate([gains + small.problem.beta, _packed(by_layers)])

    anything = sum(layer.size for layer in begin) * [(None, None)]
    found = lowest(
        value,
        np.concatenate([branches.sizes, _packed(begin)]),
        small.deadline,
        bounds=[(0.0, None)] * count + anything,
        maxiter=_STEPS,
        maxfun=2 * _STEPS,
        maxcor=20,
        ftol=_TOL * small.tol,
    )
    layers = _unpacked(found[count:], begin)
    return _normalised(small.model, replace(branches, layers=layers, sizes=found[:count]))


def climbed(
    small: BranchProblem,
    network: DeepBranches,
    count: int,
    generator: np.random.RandomState,
) -> DeepBranches:
    """Return branches that gain more than they cost at the gradient of the loss, of size zero.

    The ratio of gain and norm climbs to local maxima, from `count` random branches for each output
    and from near those of the network.
    """
    v = small.gradient(small.outputs(network, network.hidden(small.problem.design)))
    moved = (layer + _SHAKE * _noise_like(layer, generator) for layer in network.layers)
    near = _normalised(small.model, replace(network, layers=tuple(moved)))
    probes = random_branches(small, count, generator).joined(near)
    rows = v[probes.outputs]
    # of length one, so that one precision suits all
    lengths = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), _TINY)
    rows = -probes.signs[:, None] * rows / lengths

    def value(points: Array, which: NDArray[np.intp]) -> tuple[Array, Array]:
        layers = _unpacked_rows(points, probes.layers)
        norms = np.maximum(small.model.norms(layers), _TINY)
        outputs = outputs_of(layers, small.problem.design)
        wanted = rows[which]
        ratios = np.sum(wanted * outputs[-1][:, 0], axis=1) / norms
        pulled = pulled_back(layers, small.problem.design, outputs, wanted / norms[:, None])
        by_layers = _less(pulled, ratios / norms, small.model.slopes(layers))
        return -ratios, -_packed_rows(by_layers)

    points = minimised_rows(
        value, _packed_rows(probes.layers), _CLIMBS, _CLIMB_TOL * small.tol, small.is_late
    )
    probes = replace(probes, layers=_unpacked_rows(points, probes.layers))
    probes = _normalised(small.model, probes)
    gains = -np.sum(v[probes.outputs] * probes.hidden(small.problem.design), axis=1) * probes.signs
    chosen = np.flatnonzero(gains > small.problem.beta * (1.0 + small.tol))
    return probes[chosen].with_sizes(np.zeros(len(chosen)))


def _less(layers: Layers, shares: Array, slopes: Layers) -> Layers:
    """Return each layer less the slope of the norm times a share for each branch."""
    pairs = zip(layers, slopes, strict=True)
    return tuple(layer - shares[:, None, None] * slope for layer, slope in pairs)


def _noise_like(layer: Array, generator: np.random.RandomState) -> Array:
    """Return noise of about the norm of each branch's layer."""
    noise = generator.standard_normal(layer.shape) / np.sqrt(layer.shape[1] * layer.shape[2])
    return np.asarray(np.linalg.norm(layer, axis=(1, 2), keepdims=True) * noise)


def _packed_rows(layers: Layers) -> Array:
    return np.hstack([layer.reshape(len(layer), -1) for layer in layers])


def _unpacked_rows(points: Array, like: Layers) -> Layers:
    ends = np.cumsum([layer[0].size for layer in like])[:-1]
    parts = zip(np.split(points, ends, axis=1), like, strict=True)
    return tuple(part.reshape(-1, *layer.shape[1:]) for part, layer in parts)


def _packed(layers: Iterable[Array]) -> Array:
    return np.concatenate([layer.ravel() for layer in layers])


def _unpacked(parameters: Array, like: Layers) -> Layers:
    ends = np.cumsum([layer.size for layer in like])[:-1]
    parts = zip(np.split(parameters, ends), like, strict=True)
    return tuple(part.reshape(layer.shape) for part, layer in parts)
