"""Linear filters that go round: weight decay is the l1 norm of a Fourier transform."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvxnn._threads import thread_count
from cvxnn.group_lasso._options import Options
from cvxnn.group_lasso._problem import Problem
from cvxnn.group_lasso._solving import solve_path
from cvxnn.networks._least_squares import Rows, bound_of
from cvxnn.networks._patch_norm import Branches

__all__ = ["CircularNorm"]

Array = NDArray[np.float64]

_ROUNDS = 5  # of the solver, each closer
_SAFETY = 0.5  # of the gap to ask for


@dataclass(frozen=True)
class CircularNorm:
    """The norm ``sum_k ||(F W)_k|| / sqrt(d)`` of maps W, F being the unitary Fourier transform.

    The Hartley transform, real minus imaginary part of F W, is orthogonal and its own inverse. A
    frequency k and its opposite are two coordinates of it, of length ``sqrt(2) |(F w)_k|``, so the
    norm is that of a group lasso whose groups weigh the roots of their sizes.
    """

    shape: tuple[int, int]  # height and width of the inputs, and of the filters

    @property
    def size(self) -> int:
        """The number d of features."""
        return self.shape[0] * self.shape[1]

    @property
    def opposite(self) -> NDArray[np.intp]:
        """The place of the opposite of each frequency, shape (d,)."""
        places = np.arange(self.size).reshape(self.shape)
        return np.roll(places[::-1, ::-1], (1, 1), axis=(0, 1)).ravel()

    def dual(self, gradient: Array) -> float:
        """Return the largest ``sqrt(d) ||(F G)_k||`` of a map, shape (d, C)."""
        moduli = np.linalg.norm(self._spectrum(self._hartley(gradient.T)), axis=0)
        return float(np.sqrt(self.size) * moduli.max())

    def least(self, rows: Rows, beta: float, tol: float, max_iter: int) -> Branches:
        """Minimise ``||X W - Y||_F^2 / 2 + beta N(W)``, to a relative duality gap."""
        groups = np.minimum(np.arange(self.size), self.opposite)
        problem = Problem.from_arrays(
            self._hartley(rows.X), rows.Y, groups=groups, fit_intercept=False
        )
        alphas = np.array([beta / (np.sqrt(self.size) * len(rows.X))])
        nothing = np.zeros(rows.Y.shape[1])
        zero = 0.5 * float(np.sum(rows.Y**2))  # what the gap of the group lasso is relative to
        accuracy, start, n_iter, status = tol, None, 0, "stalled"
        for _ in range(_ROUNDS):
            options = Options(accuracy, max_iter - n_iter, None, thread_count(None))
            (solution,) = solve_path(problem, alphas, options, start=start)
            n_iter += solution.n_iter
            coordinates = solution.coefficients(self.size)
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

    def _hartley(self, X: Array) -> Array:
        """Return the transforms of the rows."""
        spectra = np.fft.fft2(X.reshape(len(X), *self.shape), norm="ortho")
        return (spectra.real - spectra.imag).reshape(len(X), self.size)

    def _spectrum(self, coordinates: Array) -> NDArray[np.complex128]:
        """Return the Fourier transforms of the rows of which these are the Hartley transforms."""
        opposite = coordinates[:, self.opposite]
        spectra = (coordinates + opposite) + 1j * (opposite - coordinates)
        return np.asarray(0.5 * spectra, np.complex128)

    def _branch(self, coordinates: Array) -> tuple[Array, Array]:
        """Return one filter and its weights, shapes (1, d) and (1, d, C); none for zero.

        ``F C(u) a = sqrt(d) F u * F a``, so by the inequality of arithmetic and geometric means
        the weight decay is least with ``|F u| = |F a|`` at each frequency. With a real and even F u
        the filter is real.
        """
        spectra = self._spectrum(coordinates)
        moduli = np.linalg.norm(spectra, axis=0)
        if not moduli.any():
            return np.zeros((0, self.size)), np.zeros((0, self.size, len(spectra)))
        filters = np.sqrt(moduli / np.sqrt(self.size))
        weights = spectra / (np.sqrt(self.size) * np.where(filters > 0.0, filters, 1.0))
        return self._inverse(filters[None]), self._inverse(weights).T[None]

    def _inverse(self, spectra: NDArray[np.complex128] | Array) -> Array:
        images = np.fft.ifft2(spectra.reshape(-1, *self.shape), norm="ortho")
        return np.ascontiguousarray(images.real).reshape(len(spectra), self.size)
