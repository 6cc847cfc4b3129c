"""Walks through an arrangement a batch at a time, in memory that does not grow with the cells."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvxnn._native import core

__all__ = ["BATCH_SECONDS", "Tasks", "Walk", "explore"]

Tasks = list[list[int]]

BATCH_SECONDS = 1.0  # where someone waits for news

_FIRST_CELLS = 1 << 12
_BATCH_CELLS = 1 << 17
_BATCH_BYTES = 1 << 23  # stays in memory that the allocator has already
_FEWEST_TASKS = 8  # at a time: enough for the threads of a large machine not to wait long
_MOST_TASKS = 512


@dataclass(frozen=True)
class Walk:
    """What a walk depends on."""

    arrangement: core.Arrangement
    method: str
    exact: bool

    def first_tasks(self) -> Tasks:
        """Return the tasks that together are the whole arrangement."""
        tasks: Tasks = core.first_tasks(self.arrangement, self.method, self.exact)
        return tasks


def explore(
    walk: Walk, pending: Tasks, n_threads: int, *, max_seconds: float | None = None
) -> Iterator[tuple[NDArray[np.uint64], int]]:
    """Yield the cells of the pending tasks in batches, each cell once.

    `pending` is a stack, kept up to date: the tasks that come next are at its end. With each batch
    comes how many tasks at the bottom were left as they were.

    Without `max_seconds` the batches do not depend on the number of threads: how many tasks are
    explored together, and how far, follows from how many cells the last ones had. With it, batches
    that take longer are made smaller.
    """
    n_words = (walk.arrangement.n_hyperplanes + 63) // 64
    most = max(1, min(_BATCH_CELLS, _BATCH_BYTES // (8 * n_words)))
    cells = min(_FIRST_CELLS, most)
    n_tasks = _FEWEST_TASKS
    while pending:
        start = time.monotonic()
        tasks = pending[: -n_tasks - 1 : -1]
        budget = max(1, cells // n_tasks)
        packed, frontiers = core.explore(
            walk.arrangement, walk.method, walk.exact, tasks, budget, n_threads
        )
        # a signal may interrupt the call above, so the tasks are given up only here
        del pending[-n_tasks:]
        untouched = len(pending)
        for frontier in reversed(frontiers):
            pending.extend(reversed(frontier))
        # tasks that were small are explored more at a time, so that threads have enough to do
        if len(packed) < cells // 4:
            n_tasks = min(_MOST_TASKS, 2 * n_tasks)
        elif len(packed) > cells // 2:
            n_tasks = max(_FEWEST_TASKS, n_tasks // 2)
        slow = max_seconds is not None and time.monotonic() - start > max_seconds
        cells = max(_FEWEST_TASKS, cells // 2) if slow else min(most, 2 * cells)
        yield packed, untouched
