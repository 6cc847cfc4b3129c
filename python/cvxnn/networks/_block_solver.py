"""Programs of blocks in cones by the core, from other points where its steps become short."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvxnn._native import core
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._program import HISTORY, OnRound, ScaledProblem

__all__ = ["solve_blocks"]

Array = NDArray[np.float64]

_MAX_ROUNDS = 200
_RESTARTS = 10
_INWARDS = (1e-2, 1e-1, 1e-3)  # how far to begin from walls, in turns; parts of the largest block


def solve_blocks(
    problem: TrainingProblem,
    scaled: ScaledProblem,
    outputs: Array,
    cones: Array,
    interiors: Array,
    *,
    tol: float,
    max_time: float | None,
    n_threads: int,
    on_round: OnRound | None,
    parts: int = 1,
    n_free: int = 0,
) -> tuple[dict[str, Any], NDArray[np.void]]:
    """Return the solution of the scaled problem over blocks, as the core does, and its history.

    Interior points end at walls early now and then: where the loss is linear far from targets, or
    norms have walls. From the same blocks, moved inwards, they get on.
    """
    start = time.monotonic()
    rows: list[tuple[float, ...]] = []
    best: dict[str, Any] = {"objective": np.inf, "lower_bound": -np.inf}

    def merged(step: dict[str, Any]) -> dict[str, Any]:
        """Count on from earlier runs; the best of all counts."""
        known = scaled.progress(best)
        return {
            **(step := scaled.progress(step)),
            "round": step["round"] + len(rows),
            "seconds": step["seconds"] + began,
            "objective": min(step["objective"], known["objective"]),
            "lower_bound": max(step["lower_bound"], known["lower_bound"]),
        }

    points = interiors
    vain = 0  # runs since the last gain
    for run in range(1 + _RESTARTS):
        began = time.monotonic() - start
        raw = core.solve_block_program(
            outputs,
            cones,
            np.asfortranarray(points),
            np.asfortranarray(scaled.y.reshape(len(scaled.y), -1)),
            problem.weight,
            loss=problem.loss.name,
            delta=scaled.delta,
            beta=scaled.beta,
            tol=tol,
            max_rounds=_MAX_ROUNDS,
            max_seconds=np.inf if max_time is None else max(1e-3, max_time - began),
            n_threads=n_threads,
            on_round=None if on_round is None else lambda step: on_round(merged(step)),
            parts=parts,
            n_free=n_free,
        )
        told = [merged(step) for step in raw["history"]]
        rows += [tuple(step[name] for name in HISTORY) for step in told]
        gain = best["objective"] - raw["objective"]
        best = _better(best, raw)
        lengths = np.linalg.norm(best["vectors"], axis=1)
        vain = 0 if gain > tol * abs(raw["objective"]) else vain + 1
        if raw["status"] != "stalled" or vain == len(_INWARDS) or not lengths.any():
            break
        points = best["vectors"] / lengths.max() + _INWARDS[run % len(_INWARDS)] * interiors
    return best, np.array(rows, dtype=list(HISTORY.items()))


def _better(best: dict[str, Any], raw: dict[str, Any]) -> dict[str, Any]:
    """Return the better vectors of two solutions, and the better dual vector."""
    primal = best if best["objective"] < raw["objective"] else raw
    dual = best if best["lower_bound"] > raw["lower_bound"] else raw
    return {
        "status": raw["status"],
        **{name: primal[name] for name in ("vectors", "objective")},
        **{name: dual[name] for name in ("dual", "lower_bound")},
    }
