"""Parallel networks of any depth as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cvxnn._checks import one_of
from cvxnn.networks.parallel._branch_network import BranchNetwork

__all__ = ["DeepParallelNetwork"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DeepParallelNetwork(BranchNetwork):
    """A sum of K deep branches ``f(x) = sum_b a_b . (V_bL-1 .. (V_b2 (W_b x + c_b)_+)_+ ..)_+``.

    Parameters
    ----------
    first_weights : ndarray of shape (K, m_1, d)
        Weights W of the first layer.
    first_bias : ndarray of shape (K, m_1)
        Biases c of the first layer; the only ones.
    inner_weights : tuple of ndarrays of shape (K, m_l, m_{l-1}), l = 2, .., L - 1
        Weights V of the other hidden layers, at least one.
    output_weights : ndarray of shape (K, m_{L-1}, C)
        Weights a of the outputs.

    Raises
    ------
    ValueError
        If shapes do not fit together, or an entry is not finite.

    Examples
    --------
    >>> from cvxnn import DeepParallelNetwork
    >>> hat = DeepParallelNetwork(
    ...     [[[1.0]]], [[1.0]], ([[[1.0], [-1.0]]], [[[2.0, 1.0]]]), [[[0.5]]]
    ... )  # (2 (x + 1)_+ + (-(x + 1)_+)_+)_+ / 2
    >>> hat.depth, hat.n_branches, hat.predict([[-2.0], [0.5]]).tolist()
    (4, 1, [0.0, 1.5])
    """

    first_weights: Array
    first_bias: Array
    inner_weights: tuple[Array, ...]
    output_weights: Array

    def __post_init__(self) -> None:
        inner = tuple(np.array(layer, dtype=np.float64) for layer in self.inner_weights)
        if not inner:
            raise ValueError("inner_weights must hold one layer or more, got none")
        arrays = {
            "first_weights": np.array(self.first_weights, dtype=np.float64),
            "first_bias": np.array(self.first_bias, dtype=np.float64),
            **{f"inner_weights[{i}]": layer for i, layer in enumerate(inner)},
            "output_weights": np.array(self.output_weights, dtype=np.float64),
        }
        for name, array in arrays.items():
            ndim = 2 if name == "first_bias" else 3
            if array.ndim != ndim:
                raise ValueError(f"{name} must have {ndim} dimensions, got shape {array.shape}")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} holds NaN or infinity")
        n_branches, m1, d = arrays["first_weights"].shape
        widths = [m1, *(layer.shape[1] for layer in inner)]
        n_outputs = arrays["output_weights"].shape[2]
        expected = {
            "first_weights": (n_branches, m1, d),
            "first_bias": (n_branches, m1),
            **{
                f"inner_weights[{i}]": (n_branches, after, before)
                for i, (before, after) in enumerate(pairwise(widths))
            },
            "output_weights": (n_branches, widths[-1], n_outputs),
        }
        for name, shape in expected.items():
            if arrays[name].shape != shape:
                raise ValueError(f"{name} has shape {arrays[name].shape}, expected {shape}")
            arrays[name].setflags(write=False)
        for name in ("first_weights", "first_bias", "output_weights"):
            object.__setattr__(self, name, arrays[name])
        object.__setattr__(self, "inner_weights", inner)

    @property
    def _inner(self) -> tuple[Array, ...]:
        return self.inner_weights

    @property
    def depth(self) -> int:
        """The number L of layers."""
        return len(self.inner_weights) + 2

    def penalty(self, regularizer: str, *, bias: str = "regularized") -> float:
        """Return the regulariser of the weights, summed over branches.

        Biases count as weights of the first layer; the weights of a neuron to the outputs count by
        their l1 norm.

        Parameters
        ----------
        regularizer : {"power", "path"}
            "power": ``sum_l ||W_l||_F^L / 2`` over the L layers. "path": the square root of the sum
            over all paths of the squared product of weights.
        bias : {"regularized", "none"}
            Whether the network may have biases.

        Returns
        -------
        float
        """
        one_of("regularizer", regularizer, ("power", "path"))
        first, last = self._norms_of_ends(bias)
        if regularizer == "power":
            inner = [np.linalg.norm(layer, axis=(1, 2)) for layer in self.inner_weights]
            norms = [np.linalg.norm(first, axis=1), *inner, np.linalg.norm(last, axis=1)]
            return float(0.5 * np.sum(np.array(norms) ** self.depth))
        paths = first
        for layer in self.inner_weights:
            paths = np.linalg.norm(layer * paths[:, None, :], axis=2)
        return float(np.sum(np.linalg.norm(paths * last, axis=1)))
