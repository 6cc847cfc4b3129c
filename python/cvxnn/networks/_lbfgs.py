"""Minimisation by L-BFGS, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

__all__ = ["lowest"]

Array = NDArray[np.float64]


def lowest(
    value: Callable[[Array], tuple[float, Array]],
    begin: Array,
    deadline: float | None,
    *,
    bounds: Any = None,
    **options: Any,
) -> Array:
    """Return where L-BFGS ends, or is at the deadline, a time of `time.monotonic`.

    `value` returns a function and its gradient; `options` are those of SciPy's "L-BFGS-B".
    """

    def check(_: Array) -> None:
        if deadline is not None and time.monotonic() > deadline:
            raise StopIteration

    # threads of BLAS would change results, and wait for each other where cores are busy
    with threadpool_limits(1, user_api="blas"):
        found = minimize(
            value,
            begin,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            callback=check,
            options=options,
        )
    return np.asarray(found.x)
