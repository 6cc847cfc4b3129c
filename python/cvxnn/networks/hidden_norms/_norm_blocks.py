"""Blocks of cells under other norms of hidden weights, and bounds on what neurons in them gain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvxnn._native import core
from cvxnn.arrangements import Cells
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks.hidden_norms._hidden_norm import HiddenNorm

__all__ = ["blocks_of", "cell_supports", "most_cells", "well_inside"]

Array = NDArray[np.float64]

_BATCH_BYTES = 1 << 27  # of blocks priced together
_PROGRAM_BYTES = 1 << 28  # of those of a program, to begin with
_AT_ONCE = 1 << 10  # cells, of which the largest supports are floors for others
_NARROW = 1e-7  # distance to walls, of unit vectors, that is next to none


def blocks_of(design: Array, norm: HiddenNorm, masks: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return outputs (P, n, w) and cones (P, n + R, w) of cells, of positive sign."""
    rows = design @ norm.basis
    active = masks[:, :, None]
    walls = np.broadcast_to(norm.walls, (len(masks), *norm.walls.shape))
    cones = np.concatenate([np.where(active, rows, -rows), walls], axis=1)
    return np.ascontiguousarray(np.where(active, rows, 0.0)), np.ascontiguousarray(cones)


def cell_supports(
    problem: TrainingProblem,
    norm: HiddenNorm,
    cells: Cells,
    v: Array,
    *,
    resolved: int,
    n_threads: int = 1,
) -> Array:
    """Bound max ``|v . (X u)_+|`` over N(u) <= 1 in each cell from above, for the worst target.

    That many of the largest are resolved, as far as they are above the strength of the problem;
    bounds of others may be as large as the least of these, or as the strength. Shape (P,).
    """
    size = max(1, min(_AT_ONCE, _BATCH_BYTES // _bytes_of_cell(problem, norm)))
    supports = np.zeros(cells.n_cells)
    largest = np.full(resolved, problem.beta)
    for first in range(0, cells.n_cells, size):
        batch = slice(first, first + size)
        masks = cells[batch].to_dense()
        supports[batch] = _above(problem, norm, masks, v, float(largest[0]), n_threads)
        largest = np.sort(np.concatenate([largest, supports[batch]]))[-resolved:]
    return supports


def _above(
    problem: TrainingProblem,
    norm: HiddenNorm,
    masks: NDArray[np.bool_],
    v: Array,
    floor: float,
    n_threads: int,
) -> Array:
    """Return these bounds for a few cells, not resolved below the floor."""
    design, exponent = problem.scaled_design()
    rounding = np.zeros(len(design)) if norm.exact else norm.rounding(design)
    relaxed = rounding + _NARROW * np.linalg.norm(design, axis=1)
    blocks = blocks_of(design, norm, masks)
    supports = np.zeros(len(masks))
    for column in np.atleast_2d(v.T):
        exponent_of_v = int(np.frexp(np.abs(column).max())[1])
        shift = exponent + exponent_of_v
        scaled = np.ldexp(column, -exponent_of_v)
        least = float(np.clip(np.ldexp(floor, -shift), 1e-300, 1e300))
        found = _priced(norm, blocks, scaled, rounding, least, n_threads)
        above = np.flatnonzero(found > least)
        if len(above):
            above = above[~_has_room(blocks[1][above], n_threads)]
        if len(above):
            narrow = blocks[0][above], blocks[1][above]
            wider = _priced(norm, narrow, scaled, relaxed, least, n_threads)
            found[above] = np.minimum(found[above], wider)
        found += (1.0 + 1e-9) * float(np.abs(scaled) @ rounding)  # rounding of rounding
        supports = np.maximum(supports, np.ldexp(found, shift))
    return supports


def _priced(
    norm: HiddenNorm,
    blocks: tuple[Array, Array],
    v: Array,
    slack: Array,
    floor: float,
    n_threads: int,
) -> Array:
    """Return bounds over cones whose rows may be as far below zero as `slack` times N(u).

    This is an entry of its own, whose modulus is at most N(u): what the transform of the design
    rounds off, or what gives room to cones that have none.
    """
    outputs, cones = blocks
    loose = bool(slack.any())
    if loose:
        outputs, cones = (np.pad(part, [(0, 0), (0, 0), (0, 1)]) for part in blocks)
        cones[:, : len(slack), -1] = slack
    both = core.price_blocks(
        np.ascontiguousarray(np.concatenate([outputs, -outputs])),
        np.ascontiguousarray(np.concatenate([cones, cones])),
        v,
        threshold=floor,
        parts=norm.parts,
        n_free=norm.n_free + loose,
        n_threads=n_threads,
    )
    return np.asarray(both.reshape(2, -1).max(axis=0))


def _has_room(cones: Array, n_threads: int) -> NDArray[np.bool_]:
    """Tell in which cones there are points well inside."""
    return well_inside(cones, core.block_interiors(cones, n_threads=n_threads))


def well_inside(cones: Array, points: Array) -> NDArray[np.bool_]:
    """Tell which points, unit vectors or zeros, are well inside their cones."""
    lengths = np.linalg.norm(cones, axis=2)
    slack = np.einsum("brw,bw->br", cones, points)
    return np.asarray(((slack > _NARROW * lengths) | (lengths == 0.0)).all(axis=1))


def most_cells(problem: TrainingProblem, norm: HiddenNorm) -> int:
    """Return how many cells to begin a program with at most, given the memory of their blocks."""
    return max(1, _PROGRAM_BYTES // _bytes_of_cell(problem, norm))


def _bytes_of_cell(problem: TrainingProblem, norm: HiddenNorm) -> int:
    """Return the memory that the blocks of one cell take in the program."""
    n_rows = len(problem.design) * (1 + problem.n_outputs) + len(norm.walls)
    return int(16 * problem.n_outputs * n_rows * norm.basis.shape[1])
