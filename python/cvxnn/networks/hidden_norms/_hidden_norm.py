"""Norms of hidden weights as sums of Euclidean norms of parts, which the core solves for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvxnn._checks import one_of
from cvxnn.networks._layers import lengths_of

__all__ = ["HiddenNorm", "hidden_norm"]

Array = NDArray[np.float64]

_HIDDEN_NORMS = ("l1", "linf", "circular")
_MOST_CORNERS = 1 << 12  # of the cube, to bound by
_DIRECTIONS = 32  # of the polygon around a disc
_OUTWARDS = 1.0 + 1e-9  # covers the rounding of corners
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class HiddenNorm:
    """A norm N of the weights u of a neuron, of D columns, written with entries z of blocks.

    ``u = basis z``, and N(u) is the least sum of Euclidean norms of `parts` of z, of equal length,
    where ``walls z >= 0``. The last `n_free` entries of z are in no part; the walls keep them at
    most N(u) in modulus.
    """

    name: str
    basis: Array  # (D, w)
    inverse: Array  # (D, w): the z of u is u @ inverse, but for a first entry beside free ones
    parts: int
    n_free: int
    walls: Array  # (R, w)
    euclidean: float  # ||u|| <= euclidean N(u)
    exact: bool  # no rounding in the basis, nor in a product with it

    def entries(self, vectors: Array) -> Array:
        """Return the z of each row, shape (m, w)."""
        z = vectors @ self.inverse
        if self.n_free:
            z[:, 0] = np.abs(vectors).max(axis=1, initial=0.0)
        return np.asarray(z)

    def by_part(self, vectors: Array) -> Array:
        """Return the entries in parts, shape (m, parts, length)."""
        z = self.entries(vectors)
        counted = z.shape[1] - self.n_free
        return z[:, :counted].reshape(len(z), self.parts, counted // self.parts)

    def values(self, vectors: Array) -> Array:
        """Return N of each row."""
        return np.asarray(self._lengths(vectors).sum(axis=1))

    def _lengths(self, vectors: Array) -> Array:
        """Return the norms of parts, whose squares may not be within range, (m, parts)."""
        return lengths_of(self.by_part(vectors))

    def slopes(self, vectors: Array) -> Array:
        """Return a subgradient of N at each row."""
        if self.n_free:
            largest = np.abs(vectors).argmax(axis=1)
            return np.where(np.arange(vectors.shape[1]) == largest[:, None], np.sign(vectors), 0.0)
        parts, lengths = self.by_part(vectors), self._lengths(vectors)[:, :, None]
        directions = parts / np.where(lengths > 0.0, lengths, 1.0)
        return np.asarray(directions.reshape(len(parts), self.basis.shape[1]) @ self.inverse.T)

    def without_small_parts(self, vectors: Array, share: float) -> Array:
        """Return vectors without the parts below a share of the largest part of a vector."""
        if self.n_free or self.parts == 1:
            return vectors
        parts, lengths = self.by_part(vectors), self._lengths(vectors)
        small = lengths <= share * lengths.max(axis=1, initial=0.0, keepdims=True)
        kept = np.where(small[:, :, None], 0.0, parts).reshape(len(parts), self.basis.shape[1])
        return np.asarray(kept @ self.basis.T)

    def corners(self) -> Array | None:
        """Return points whose convex hull has all u with N(u) <= 1, one a row; None if too many."""
        columns = len(self.basis)
        if self.name == "l1":
            return np.concatenate([self.basis.T, -self.basis.T])
        if self.name == "linf":
            if columns >= _MOST_CORNERS.bit_length():
                return None
            bits = np.arange(1 << columns)[:, None] >> np.arange(columns) & 1
            return np.where(bits, -1.0, 1.0)
        if columns > _MOST_CORNERS // _DIRECTIONS:
            return None
        turns = 2.0 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
        polygon = np.column_stack([np.cos(turns), np.sin(turns)]) / np.cos(np.pi / _DIRECTIONS)
        waves = np.einsum("ifp,tp->fti", self.basis.reshape(columns, -1, 2), polygon)
        return _OUTWARDS * np.unique(waves.reshape(-1, columns), axis=0)

    def rounding(self, design: Array) -> Array:
        """Bound ``|x . u - fl(x basis) z|`` for N(u) <= 1, one entry for each row x.

        Entries of the basis are at most one, as rounded off by a few units in the last place; z has
        an l1 norm of at most sqrt(2).
        """
        columns = design.shape[1]
        return np.asarray(1.5 * (columns + 32.0) * _EPSILON * np.abs(design).sum(axis=1))


def hidden_norm(name: str, columns: int) -> HiddenNorm:
    """Return a norm of so many columns of the design.

    "l1": the sum of moduli. "linf": the largest modulus, as one more entry that walls keep above
    the others. "circular": what weights ``u = C(f) w`` with ``||f|| <= 1`` cost as ||w||, at best
    ``||F u||_1 / sqrt(D)`` with the unitary Fourier transform F (after Ergen and Pilanci, arXiv
    2006.14798): the sum of the amplitudes of the sinusoids that add up to u.
    """
    one_of("hidden_norm", name, _HIDDEN_NORMS)
    if name == "l1":
        eye = np.eye(columns)
        return HiddenNorm(name, eye, eye, columns, 0, np.zeros((0, columns)), 1.0, True)
    if name == "linf":
        eye = np.pad(np.eye(columns), [(0, 0), (1, 0)])
        above = np.eye(1, columns + 1)
        walls = np.concatenate([above + eye, above - eye])
        return HiddenNorm(name, eye, eye, 1, columns, walls, float(np.sqrt(columns)), True)
    return _amplitudes(columns)


def _amplitudes(columns: int) -> HiddenNorm:
    """Return the sum of amplitudes: a part is the cosine and the sine of one frequency.

    Where the sine vanishes, at frequency zero and half the number of columns, a column of zeros
    stands for it.
    """
    frequencies = np.arange(columns // 2 + 1)
    steps = np.arange(columns)[:, None] * frequencies % columns  # of the circle
    angles = 2.0 * np.pi * steps / columns
    cosines, sines = np.cos(angles), np.where(2 * steps % columns == 0, 0.0, np.sin(angles))
    basis = np.stack([cosines, sines], axis=2).reshape(columns, -1)
    squares = (basis**2).sum(axis=0)
    return HiddenNorm(
        "circular",
        basis,
        basis / np.where(squares > 0.0, squares, 1.0),
        len(frequencies),
        0,
        np.zeros((0, basis.shape[1])),
        float(np.sqrt(columns)),
        False,
    )
