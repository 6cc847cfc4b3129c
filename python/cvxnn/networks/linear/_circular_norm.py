"""Linear filters that go round: weight decay is the l1 norm of a Fourier transform."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvxnn._threads import thread_count
from cvxnn.group_lasso._options import Options
from cvxnn.group_lasso._problem import Problem
from cvxnn.group_lasso._solving import solve_path
from cvxnn.networks._layers import lengths_of
from cvxnn.networks._least_squares import Rows, bound_of
from cvxnn.networks.linear._patch_norm import Branches

__all__ = ["CircularNorm"]

Array = NDArray[np.float64]
Spectra = NDArray[np.complex128]

_ROUNDS = 5  # of the solver, each closer
_SAFETY = 0.5  # of the gap to ask for


@dataclass(frozen=True)
class CircularNorm:
    """The norm ``sum_k ||(F W)_k|| / sqrt(K)`` of maps W, for one channel or one target.

    F is the unitary Fourier transform over the K positions of a channel, ``(F W)_k`` what channels
    or targets have at frequency k. The Hartley transform, real minus imaginary part of F W, is
    orthogonal and its own inverse. Frequencies k and -k are a pair of coordinates of it, of length
    ``sqrt(2) |(F w)_k|``, so the norm is that of a group lasso whose groups weigh sqrt(2), or 1
    where k is its own opposite.
    """

    shape: tuple[int, int, int]  # channels, height and width of the inputs, and of the filters

    @property
    def count(self) -> int:
        """The number K of positions, and of frequencies."""
        return self.shape[1] * self.shape[2]

    @property
    def opposite(self) -> NDArray[np.intp]:
        """The place of the opposite of each frequency, shape (K,)."""
        places = np.arange(self.count).reshape(self.shape[1:])
        return np.roll(places[::-1, ::-1], (1, 1), axis=(0, 1)).ravel()

    def dual(self, gradient: Array) -> float:
        """Return the largest ``sqrt(K) ||(F G)_k||`` of a map, shape (d, C)."""
        moduli = _moduli(self._spectra(self._hartley(gradient.T)))
        return float(np.sqrt(self.count) * moduli.max())

    def least(self, rows: Rows, beta: float, tol: float, max_iter: int) -> Branches:
        """Minimise ``||X W - Y||_F^2 / 2 + beta N(W)``, to a relative duality gap."""
        problem = self._group_lasso(rows)
        alphas = np.array([beta / (np.sqrt(self.count) * len(rows.X))])
        nothing = np.zeros(rows.Y.shape[1])
        zero = 0.5 * float(np.sum(rows.Y**2))  # what the gap of the group lasso is relative to
        accuracy, start, n_iter, status = tol, None, 0, "stalled"
        for _ in range(_ROUNDS):
            options = Options(accuracy, max_iter - n_iter, None, thread_count(None))
            (solution,) = solve_path(problem, alphas, options, start=start)
            n_iter += solution.n_iter
            coordinates = solution.coefficients(rows.X.shape[1])
            filters, weights = self._branch(coordinates)
            coef = self._hartley(coordinates).T
            value = 0.5 * np.sum((rows.X @ coef - rows.Y) ** 2)
            value += 0.5 * beta * (np.sum(filters**2) + np.sum(weights**2))
            bound, dual = bound_of(rows, coef, beta, self.dual)
            if value - bound <= tol * value:
                status = "converged"
                break
            if n_iter >= max_iter:
                status = "iteration_limit"
                break
            accuracy = min(0.1 * accuracy, _SAFETY * tol * value / zero)
            start = problem.start(coordinates, nothing)
        return Branches(filters, weights, rows.dual(dual), status, n_iter)

    def _group_lasso(self, rows: Rows) -> Problem:
        pairs = np.minimum(np.arange(self.count), self.opposite)
        return Problem.from_arrays(
            self._hartley(rows.X),
            rows.Y,
            groups=np.tile(pairs, self.shape[0]),
            weights=np.sqrt(np.unique(pairs, return_counts=True)[1]),
            fit_intercept=False,
        )

    def _hartley(self, X: Array) -> Array:
        """Return the transforms of the rows, channel by channel."""
        spectra = np.fft.fft2(X.reshape(len(X), *self.shape), norm="ortho")
        return (spectra.real - spectra.imag).reshape(X.shape)

    def _spectra(self, coordinates: Array) -> Spectra:
        """Return the Fourier transforms, (., channels, K), of which these rows are Hartley's."""
        channels = coordinates.reshape(len(coordinates), self.shape[0], self.count)
        opposite = channels[:, :, self.opposite]
        spectra = (channels + opposite) + 1j * (opposite - channels)
        return np.asarray(0.5 * spectra, np.complex128)

    def _branch(self, coordinates: Array) -> tuple[Array, Array]:
        """Return one filter and its weights, shapes (1, d) and (1, K, C); none for zero.

        ``F C(u) a = sqrt(K) F u * F a``, so by the inequality of arithmetic and geometric means
        the weight decay is least with ``|F u| = |F a|`` at each frequency. One of the two is real
        and even, and so the transform of a real vector; the other has the channels or the targets.
        """
        spectra = self._spectra(coordinates)
        n_targets, channels, _ = spectra.shape
        moduli = _moduli(spectra)
        if not moduli.any():
            return np.zeros((0, channels * self.count)), np.zeros((0, self.count, n_targets))
        even = np.sqrt(moduli / np.sqrt(self.count))
        rest = spectra / (np.sqrt(self.count) * np.where(even > 0.0, even, 1.0))
        filters, weights = (even[None], rest[:, 0]) if channels == 1 else (rest[0], even[None])
        return self._inverse(filters).reshape(1, -1), self._inverse(weights).T[None]

    def _inverse(self, spectra: Spectra | Array) -> Array:
        images = np.fft.ifft2(spectra.reshape(-1, *self.shape[1:]), norm="ortho")
        return np.ascontiguousarray(images.real).reshape(len(spectra), self.count)


def _moduli(spectra: Spectra) -> Array:
    """Return the norm at each frequency, shape (K,)."""
    return lengths_of(np.abs(spectra).reshape(-1, spectra.shape[2]).T)
