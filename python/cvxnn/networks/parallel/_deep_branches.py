"""Branches of any depth as arrays: outputs, gradients and the norms that they cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvxnn._checks import is_integer, one_of

__all__ = [
    "DeepBranches",
    "DeepModel",
    "Layers",
    "checked_deep_model",
    "outputs_of",
    "pulled_back",
]

Array = NDArray[np.float64]
Layers = tuple[Array, ...]  # of K branches: (K, m_l, m_{l-1}) from the first hidden layer on

_TINY = 1e-300


@dataclass(frozen=True)
class DeepModel:
    """A regulariser of branches with hidden layers of these widths and a last one of width one.

    With the weights of hidden layers scaled to norm one, a branch ``a h(x)`` costs `strength` times
    |a|, at the best scaling of its layers.
    """

    regularizer: str
    widths: tuple[int, ...]

    @property
    def depth(self) -> int:
        """The number L of layers."""
        return len(self.widths) + 2

    @property
    def strength(self) -> float:
        """What the regulariser multiplies the norm by."""
        return 0.5 * self.depth if self.regularizer == "power" else 1.0

    @property
    def spread(self) -> float:
        """How much more than a two-layer neuron a branch gains at most, both of norm one.

        For a vector p >= 0, let s be the largest ``p . (X u)_+`` over unit u, and z_j the outputs
        of the neurons of a layer. A neuron of the next layer, with weights w, has the outputs
        ``(sum_j w_j z_j)_+ <= sum_j (w_j)_+ z_j``, as no z_j is negative, so that it gains at most
        ``p . (..)_+ <= sum_j (w_j)_+ (p . z_j) <= ||w|| (sum_j (p . z_j)^2)^(1/2)``.

        "power": hence ``(sum (p . z)^2)^(1/2)`` over the neurons of a layer grows from one layer to
        the next by ``||W_l||_F`` at most, and in the first it is at most ``||W_1||_F s``: a branch
        gains at most s times the product of its norms. "path": where every neuron is scaled so that
        the paths that end in it have norm one, so has w, and ``max_j p . z_j`` grows by the root of
        the width.
        """
        return 1.0 if self.regularizer == "power" else sqrt(prod(self.widths))

    def norms(self, layers: Layers) -> Array:
        """Return the norms (K,) of branches."""
        if self.regularizer == "power":
            norms = [np.linalg.norm(layer, axis=(1, 2)) for layer in layers]
            return np.asarray(np.prod(norms, axis=0))
        return np.sqrt(_squared_paths(layers)[-1][:, 0])

    def slopes(self, layers: Layers) -> Layers:
        """Return the gradients of the norms."""
        norms = np.maximum(self.norms(layers), _TINY)[:, None, None]
        if self.regularizer == "power":
            squares = [np.sum(layer**2, axis=(1, 2), keepdims=True) for layer in layers]
            pairs = zip(layers, squares, strict=True)
            return tuple(norms * layer / np.maximum(square, _TINY) for layer, square in pairs)
        sums = _squared_paths(layers)
        back = 0.5 / norms[:, :, 0]
        slopes = []
        for layer, before in zip(layers[::-1], sums[-2::-1], strict=True):
            slopes.append(2.0 * layer * back[:, :, None] * before[:, None, :])
            back = np.einsum("kij,ki->kj", layer**2, back)
        return tuple(slopes[::-1])


def _squared_paths(layers: Layers) -> list[Array]:
    """Return the sums over all paths to each neuron of the squared products, layer by layer."""
    sums = [np.ones((len(layers[0]), layers[0].shape[2]))]
    for layer in layers:
        sums.append(np.einsum("kij,kj->ki", layer**2, sums[-1]))
    return sums


def checked_deep_model(regularizer: Any, branch_widths: Any) -> DeepModel:
    """Check the arguments that make a model; each error names the one at fault."""
    if isinstance(regularizer, str) and regularizer == "squares":
        raise ValueError(
            "regularizer='squares', weight decay on all L layers, makes branches of norm t cost "
            "t^(2/L), which is not convex; use 'power', with powers of L in place of squares"
        )
    one_of("regularizer", regularizer, ("power", "path"))
    if isinstance(branch_widths, np.ndarray):
        branch_widths = branch_widths.tolist()
    is_list = isinstance(branch_widths, (list, tuple))
    if not is_list or len(branch_widths) == 0 or not all(map(_is_width, branch_widths)):
        raise ValueError(
            "branch_widths must be a tuple of one or more positive integers, the widths of all "
            f"hidden layers but the last, got {branch_widths!r}"
        )
    return DeepModel(regularizer, tuple(int(width) for width in branch_widths))


def _is_width(value: Any) -> bool:
    return is_integer(value) and value >= 1


@dataclass(frozen=True, eq=False)
class DeepBranches:
    """Branches ``size_b sign_b h_b(x)`` of layers of norm one, each adding to one output."""

    layers: Layers  # with a bias last in the first if there are biases
    sizes: Array  # (K,), not negative
    signs: Array  # (K,)
    outputs: NDArray[np.intp]  # (K,)

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, rows: NDArray[np.intp]) -> DeepBranches:
        layers = tuple(layer[rows] for layer in self.layers)
        return DeepBranches(layers, self.sizes[rows], self.signs[rows], self.outputs[rows])

    def with_sizes(self, sizes: Array) -> DeepBranches:
        """Return the same of other sizes."""
        return replace(self, sizes=sizes)

    def joined(self, other: DeepBranches) -> DeepBranches:
        """Return these and those of `other`."""
        pairs = zip(self.layers, other.layers, strict=True)
        rest = [
            np.concatenate([getattr(self, name), getattr(other, name)])
            for name in ("sizes", "signs", "outputs")
        ]
        return DeepBranches(tuple(map(np.concatenate, pairs)), *rest)

    def hidden(self, design: Array) -> Array:
        """Return what leaves the last hidden layer, (K, n)."""
        return outputs_of(self.layers, design)[-1][:, 0]


def outputs_of(layers: Layers, design: Array) -> list[Array]:
    """Return what leaves each hidden layer: (K, m_l, n)."""
    z: Array = design.T[None]
    outputs = []
    for layer in layers:
        z = np.maximum(layer @ z, 0.0)
        outputs.append(z)
    return outputs


def pulled_back(layers: Layers, design: Array, outputs: list[Array], v: Array) -> Layers:
    """Return the gradients of ``v_b . h_b`` by the layers, where v has a row for each branch."""
    back = v[:, None]
    gradients = []
    before = [design.T[None], *outputs[:-1]]
    for layer, z, into in zip(layers[::-1], outputs[::-1], before[::-1], strict=True):
        back = back * (z > 0.0)
        gradients.append(back @ np.swapaxes(into, 1, 2))
        if len(gradients) < len(layers):
            back = np.swapaxes(layer, 1, 2) @ back
    return tuple(gradients[::-1])
