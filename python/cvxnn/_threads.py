"""What ``n_jobs`` means here: OpenMP threads, with results that do not depend on their number."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

__all__ = ["thread_count"]


def thread_count(n_jobs: Any) -> int:
    """Turn scikit-learn's ``n_jobs`` into a number of threads.

    None and -1 mean every processor this process may use, capped by ``OMP_NUM_THREADS``; -2 all but
    one, and so on.
    """
    available = _available()
    if n_jobs is None:
        return available
    is_integer = isinstance(n_jobs, (int, np.integer)) and not isinstance(n_jobs, bool)
    if not is_integer or n_jobs == 0:
        raise ValueError(f"n_jobs must be None or a non-zero integer, got {n_jobs!r}")
    if n_jobs > 0:
        return int(n_jobs)
    return max(1, available + 1 + int(n_jobs))


def _available() -> int:
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    cap = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return min(processors, int(cap)) if cap.isdigit() and int(cap) > 0 else processors
