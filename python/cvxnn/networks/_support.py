"""Upper bounds on max |v . phi(X u)| over unit u, by the method that a certificate names."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cvxnn._native import core
from cvxnn.arrangements import Cells
from cvxnn.networks._activations import THRESHOLD
from cvxnn.networks._problem import TrainingProblem, exponent_of
from cvxnn.networks._relaxation import relaxed_support
from cvxnn.networks._spectral import spectral_support
from cvxnn.networks.joint._joint_support import JointBound, joint_support

__all__ = ["joint_bound", "one_sided_support", "support_bound"]

_PATIENCE = 10  # to find a bound of the relaxation again, which ends at the floor
_JOINT_TOL = 1e-9  # of directions of several outputs
_JOINT_TOL_OF_EACH = 1e-7  # below the floor closer bounds take long, or are lost in rounding
_JOINT_VALUES = 4000  # those of many directions
_BOUND_TOL = 1e-11
_BOUND_TOL_OF_FREE = 1e-9  # rounding grows with the high column; the inflation leaves room


def support_bound(
    problem: TrainingProblem,
    v: NDArray[np.float64],
    floor: float,
    method: str,
    cells: Cells | None = None,
    *,
    gated: bool = False,
    tol: float | None = None,
) -> float:
    """Bound the maximum from above over every cell, or with method "patterns" over the given ones.

    `v` has an entry for each sample of the problem, and for several outputs a column for each, of
    which the largest maximum counts. Below `floor` the maximum is not resolved, and
    `floor` is returned; `tol` is how far above it the bound may be, as close as can be by default.
    Where biases are not penalised, u = (w, b) with ||w|| = 1. For thresholds the maximum is that of
    |sum_k v_k| over the samples on which a pattern is active; of the relaxation remains that it is
    at most the larger of the sums over all positive and over all negative entries. Where neurons
    add to several outputs at a common cost, it is that of ||V' phi(X u)||.
    """
    packed = cells.packed if cells is not None else None
    switches = problem.activation == THRESHOLD
    if switches and method == "relaxation":
        sums = np.maximum(v, 0.0).sum(axis=0), np.maximum(-v, 0.0).sum(axis=0)
        return max(floor, float(np.max(sums)))
    if method == "spectral":
        return max(floor, np.inf if gated else spectral_support(problem, v))
    if problem.joint:
        return joint_bound(problem, v, floor, method, cells, tol=tol).upper
    if method == "cells" or (switches and method != "patterns"):
        packed = core.enumerate_cells(core.Arrangement(problem.design), "auto", True, 1)
    if switches:
        problem, method, gated = problem.over_patterns(), "patterns", True
    patience = _PATIENCE if floor > 0.0 else 1
    support = floor
    for column in np.atleast_2d(v.T):
        bound = _support_of_output(
            problem, column, support, method, packed, patience=patience, gated=gated, tol=tol
        )
        support = max(support, bound)
    return support


def joint_bound(
    problem: TrainingProblem,
    v: NDArray[np.float64],
    floor: float,
    method: str,
    cells: Cells | None = None,
    *,
    tol: float | None = None,
    most: int = _JOINT_VALUES,
) -> JointBound:
    """Bound ``||V' phi(X u)||``, what neurons gain that add to all outputs, as `support_bound`.

    From `most` directions of the outputs, or one for each where bounds are those of a relaxation.
    """
    packed = cells.packed if cells is not None else None
    if method == "cells":
        packed = core.enumerate_cells(core.Arrangement(problem.design), "auto", True, 1)
    closest = max(_JOINT_TOL_OF_EACH, tol or 0.0)
    alone = partial(
        _support_of_output, problem, method=method, packed=packed, patience=1, tol=closest
    )
    relaxed = method == "relaxation"

    def support(w: NDArray[np.float64], least: float) -> float:
        # where a relaxation ends at a floor, another length of v would not find the same again
        return alone(w, 0.0 if relaxed else least)

    scaled, exponent = problem.scaled_design()
    length = problem.inflation * float(np.ldexp(np.linalg.norm(scaled), exponent))
    if problem.projection is not None:
        length += problem.projection.discarded
    return joint_support(
        support,
        v,
        floor,
        reach=length * float(np.sqrt(problem.n_patches)),
        tol=_JOINT_TOL if tol is None else tol,
        most=0 if relaxed else most,
    )


def one_sided_support(
    problem: TrainingProblem, v: NDArray[np.float64], floor: float, method: str
) -> float:
    """Bound the same maximum where only inputs count at which v has one sign, or the other.

    Samples with the same input are one, with the sum of v.
    """
    support = 0.0
    for column in np.atleast_2d(v.T):
        merged, rounding = _over_equal_rows(problem.design, column)
        for part in (np.maximum(merged, 0.0), np.maximum(-merged, 0.0)):
            part = part + rounding
            if part.any():
                support = max(support, support_bound(problem, part, floor, method))
    return support


def _over_equal_rows(
    design: NDArray[np.float64], v: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sums of v over equal rows, each in the place of the first, and their rounding."""
    _, first, group, counts = np.unique(
        design, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    group = group.ravel()
    merged, rounding = np.zeros(len(v)), np.zeros(len(v))
    merged[first] = np.bincount(group, v)
    errors = np.where(counts > 1, counts * np.finfo(np.float64).eps, 0.0)
    rounding[first] = errors * np.bincount(group, np.abs(v))
    return merged, rounding


def _support_of_output(
    problem: TrainingProblem,
    v: NDArray[np.float64],
    floor: float,
    method: str,
    packed: NDArray[np.uint64] | None,
    *,
    patience: int,
    gated: bool = False,
    tol: float | None = None,
) -> float:
    if problem.projection is not None:
        projection, on_directions = problem.projection, replace(problem, projection=None)
        floor = projection.without_rest(floor, v)
        seen = _support_of_output(
            on_directions, v, floor, method, packed, patience=patience, gated=gated, tol=tol
        )
        return projection.with_rest(seen, v)
    v = np.repeat(v, problem.n_patches)
    floor /= problem.inflation
    scaled, exponent = problem.scaled_design()
    exponent_of_v = int(np.frexp(np.abs(v).max())[1])
    v = np.ldexp(v, -exponent_of_v)
    exponent += exponent_of_v
    floor = float(np.clip(np.ldexp(floor, -exponent), 1e-300, 1e300))
    if method == "relaxation":
        support = max(floor, _relaxed(problem, scaled, v, floor, patience))
    elif method == "branch_and_bound":
        closest = _BOUND_TOL_OF_FREE if problem.bias == "free" else _BOUND_TOL
        bound = core.bound_support(
            scaled,
            v,
            slope=problem.slope,
            floor=floor,
            tol=closest if tol is None else tol,
            max_seconds=np.inf,
            n_threads=1,
        )
        support = bound["upper"]
    else:
        assert packed is not None
        support = core.max_support(
            scaled,
            packed,
            v,
            slope=problem.slope,
            threshold=floor,
            cones=not gated,
            n_threads=1,
        )
    return problem.inflation * float(np.ldexp(support, exponent))


def _relaxed(
    problem: TrainingProblem,
    design: NDArray[np.float64],
    v: NDArray[np.float64],
    floor: float,
    patience: int,
) -> float:
    """Bound the maximum by the relaxation, which a column of great height would make loose.

    With the height r of the data itself, where |b| <= r ||w||, the norm is at most sqrt(2) ||w||.
    """
    if problem.bias != "free":
        return relaxed_support(design, v, problem.slope, floor, patience)
    low = np.ldexp(problem.low_design(), -exponent_of(problem.design))
    root = float(np.sqrt(2.0))
    return root * relaxed_support(low, v, problem.slope, floor / root, patience)
