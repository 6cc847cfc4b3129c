"""Least squares with a multiple of the nuclear norm, and a bound by duality."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from cvxnn.networks._least_squares import best_multiple

__all__ = [
    "AS_IT_IS",
    "Layout",
    "NuclearSolution",
    "Spectrum",
    "largest_singular_value",
    "least_nuclear_norm",
]

Array = NDArray[np.float64]

_CHECKS = 10  # iterations between two looks at the gap
_RELAXATION = 1.6
_MOST_CHANGE = 10.0  # of the step length at a time, which brings residuals into balance


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The data X = U diag(s) V' and Y."""

    left: Array  # U, (n, r)
    values: Array  # s, (r,), positive
    right: Array  # V, (d, r)
    targets: Array  # U' Y, (r, C)
    rest: Array  # Y - U U' Y, (n, C)

    @classmethod
    def of(cls, X: Array, Y: Array) -> Spectrum:
        """Decompose; singular values below rounding count as zero."""
        left, values, right = np.linalg.svd(X, full_matrices=False)
        least = max(X.shape) * np.finfo(np.float64).eps * values.max(initial=0.0)
        used = values > least
        left, values, right = left[:, used], values[used], right[used].T
        targets = left.T @ Y
        return cls(left, values, right, targets, Y - left @ targets)


@dataclass(frozen=True)
class Layout:
    """How maps V' W, shape (r, C), are written as the matrices Z whose nuclear norm counts.

    `gather` is linear and has orthonormal rows: it is the adjoint of `spread`, and undoes it.
    """

    spread: Callable[[Array], Array]
    gather: Callable[[Array], Array]


AS_IT_IS = Layout(lambda map_: map_, lambda matrix: matrix)


@dataclass(frozen=True, eq=False)
class NuclearSolution:
    """A matrix, and a dual matrix that bounds how good any other can be."""

    matrix: Array
    dual: Array  # (n, C)
    lower_bound: float
    status: str
    n_iter: int


def least_nuclear_norm(
    spectrum: Spectrum,
    strength: float,
    tol: float,
    max_iter: int,
    layout: Layout = AS_IT_IS,
) -> NuclearSolution:
    """Minimise ``||X V gather(Z) - Y||_F^2 / 2 + strength ||Z||_*`` over matrices Z.

    To a relative duality gap. For strength zero and maps as they are: the least nuclear norm among
    least-squares solutions, and a dual matrix for that.
    """
    if strength == 0.0:
        return _limit(spectrum)
    # squares of maps as they are may be out of range
    a = int(np.frexp(spectrum.values.max(initial=0.0))[1])
    b = int(np.frexp(np.abs(np.vstack([spectrum.targets, spectrum.rest])).max(initial=0.0))[1])
    scaled = replace(
        spectrum,
        values=np.ldexp(spectrum.values, -a),
        targets=np.ldexp(spectrum.targets, -b),
        rest=np.ldexp(spectrum.rest, -b),
    )
    found = _multipliers(scaled, float(np.ldexp(strength, -a - b)), tol, max_iter, layout)
    return replace(
        found,
        matrix=np.ldexp(found.matrix, b - a),
        dual=np.ldexp(found.dual, b),
        lower_bound=float(np.ldexp(found.lower_bound, 2 * b)),
    )


def _multipliers(
    spectrum: Spectrum, strength: float, tol: float, max_iter: int, layout: Layout
) -> NuclearSolution:
    """Minimise by the alternating direction method of multipliers."""
    squares = spectrum.values[:, None] ** 2
    by_targets = spectrum.values[:, None] * spectrum.targets
    Z = layout.spread(np.zeros_like(spectrum.targets))
    multipliers = np.zeros_like(Z)
    step = float(np.exp(np.mean(np.log(squares)))) if squares.size else 1.0
    best = Z
    least, highest, dual = np.inf, -np.inf, np.zeros_like(spectrum.rest)
    status, iteration = "iteration_limit", 0
    for iteration in range(max_iter + 1):
        if iteration % _CHECKS == 0 or iteration == max_iter:
            objective, bound, candidate = _gap(spectrum, strength, Z, layout)
            if objective < least:
                least, best = objective, Z
            if bound > highest:
                highest, dual = bound, candidate
            if least - highest <= tol * least:
                status = "converged"
                break
        if iteration == max_iter:
            break
        centre = Z - multipliers
        seen = layout.gather(centre)
        smooth = centre + layout.spread((by_targets - squares * seen) / (squares + step))
        relaxed = _RELAXATION * smooth + (1.0 - _RELAXATION) * Z
        before = Z
        Z = _shrunk(relaxed + multipliers, strength / step)
        multipliers = multipliers + relaxed - Z
        # residuals compared relative to what they are of: the two have scales of their own
        primal = float(np.linalg.norm(smooth - Z) * np.linalg.norm(multipliers))
        moved = float(np.linalg.norm(Z - before) * np.linalg.norm(Z))
        if iteration % _CHECKS == 0 and max(primal, moved) > 0.0:
            far = _MOST_CHANGE**2 * moved <= primal
            factor = _MOST_CHANGE if far else max(1.0 / _MOST_CHANGE, sqrt(primal / moved))
            step, multipliers = step * factor, multipliers / factor
    return NuclearSolution(best, dual, highest, status, iteration)


def _limit(spectrum: Spectrum) -> NuclearSolution:
    """Return the least-squares map of least norm; its polar factor gives the dual matrix."""
    inverse = 1.0 / spectrum.values[:, None]
    W = inverse * spectrum.targets
    left, values, right = np.linalg.svd(W, full_matrices=False)
    used = values > np.finfo(np.float64).eps * values.max(initial=0.0)
    polar = left[:, used] @ right[used]
    dual = -spectrum.left @ (inverse * polar)
    return NuclearSolution(W, dual, float(values[used].sum()), "converged", 0)


def largest_singular_value(matrix: Array) -> float:
    """Return the spectral norm, zero for an empty matrix."""
    return float(np.linalg.svd(matrix, compute_uv=False).max(initial=0.0))


def _shrunk(Z: Array, threshold: float) -> Array:
    left, values, right = np.linalg.svd(Z, full_matrices=False)
    return np.asarray((left * np.maximum(values - threshold, 0.0)) @ right)


def _gap(
    spectrum: Spectrum, strength: float, Z: Array, layout: Layout
) -> tuple[float, float, Array]:
    """Return the objective, the best bound from multiples of the residual, and that dual matrix."""
    residual = spectrum.values[:, None] * layout.gather(Z) - spectrum.targets
    lost = 0.5 * np.sum(spectrum.rest**2)
    objective = 0.5 * np.sum(residual**2) + lost + strength * np.linalg.norm(Z, "nuc")
    dual = spectrum.left @ residual - spectrum.rest
    support = largest_singular_value(layout.spread(spectrum.values[:, None] * residual))
    gain = float(2.0 * lost - np.sum(residual * spectrum.targets))
    size = float(np.sum(residual**2) + 2.0 * lost)
    scale = best_multiple(gain, size, strength / support if support > 0.0 else np.inf)
    return float(objective), scale * gain - 0.5 * scale**2 * size, scale * dual
