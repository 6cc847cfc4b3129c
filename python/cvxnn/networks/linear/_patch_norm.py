"""Linear filters with output weights for each patch: weight decay is a nuclear norm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from cvxnn.networks._least_squares import Rows
from cvxnn.networks._patches import Patches
from cvxnn.networks.linear._nuclear_norm import (
    Layout,
    Spectrum,
    largest_singular_value,
    least_nuclear_norm,
)

__all__ = ["Branches", "PatchNorm"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Branches:
    """Filters with their output weights, and a dual matrix that bounds their objective."""

    filters: Array  # (m, h)
    output_weights: Array  # (m, K, C)
    dual: Array  # (n, C)
    status: str
    n_iter: int


@dataclass(frozen=True)
class PatchNorm:
    """The least nuclear norm of matrices Z whose columns z_k, put in their places, add up to a map.

    Z is h x K for filters of h weights on K patches; several targets stand side by side.
    """

    patches: Patches

    def dual(self, gradient: Array) -> float:
        """Return the spectral norm of the patches of a map, shape (d, C)."""
        return largest_singular_value(self._matrix(_selection(self.patches) @ gradient))

    def least(self, rows: Rows, beta: float, tol: float, max_iter: int) -> Branches:
        """Minimise ``||X W - Y||_F^2 / 2 + beta N(W)``, to a relative duality gap."""
        selection = _selection(self.patches)
        # with features times the roots of how often they are seen, and maps divided by these,
        # spreading a map over the patches keeps its length
        times = np.asarray(selection.sum(axis=0))
        roots = np.sqrt(times)
        spectrum = Spectrum.of(rows.X * roots, rows.Y)
        right = spectrum.right / np.where(times > 0.0, roots, 1.0)[:, None]
        layout = Layout(
            spread=lambda map_: self._matrix(selection @ (right @ map_)),
            gather=lambda matrix: right.T @ (selection.T @ self._columns(matrix)),
        )
        solution = least_nuclear_norm(spectrum, beta, tol, max_iter, layout)
        filters, weights = _balanced(solution.matrix)
        return Branches(
            filters,
            weights.reshape(len(filters), self.patches.count, rows.Y.shape[1]),
            rows.dual(solution.dual),
            solution.status,
            solution.n_iter,
        )

    def _matrix(self, columns: Array) -> Array:
        """Turn shape (K h, C), patches one below the other, to (h, K C)."""
        shape = self.patches.count, self.patches.size, columns.shape[1]
        return columns.reshape(shape).transpose(1, 0, 2).reshape(self.patches.size, -1)

    def _columns(self, matrix: Array) -> Array:
        """Undo `_matrix`."""
        shape = self.patches.size, self.patches.count, matrix.shape[1] // self.patches.count
        return matrix.reshape(shape).transpose(1, 0, 2).reshape(-1, shape[2])


def _selection(patches: Patches) -> csr_array:
    """Return the matrix that takes a map to its patches, shape (K h, d)."""
    places = patches.places.ravel()
    shown = np.flatnonzero(places >= 0)
    shape = len(places), int(np.prod(patches.input_shape))
    return csr_array((np.ones(len(shown)), (shown, places[shown])), shape=shape)


def _balanced(matrix: Array) -> tuple[Array, Array]:
    """Split ``Z = sum_j u_j a_j'`` along singular vectors, with u_j and a_j of equal length."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    used = values > max(matrix.shape) * np.finfo(np.float64).eps * values.max(initial=0.0)
    roots = np.sqrt(values[used])[:, None]
    return roots * left[:, used].T, roots * right[used]
