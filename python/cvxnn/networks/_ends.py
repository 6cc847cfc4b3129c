"""How estimators tell that training ended early."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.exceptions import ConvergenceWarning

__all__ = ["warn_of_end"]


def warn_of_end(estimator: Any, stacklevel: int) -> None:
    """Warn of `status_` and the gap; `stacklevel` as seen from the caller, whose own is 1."""
    warnings.warn(
        f"{type(estimator).__name__} stopped with status {estimator.status_!r} at a relative gap "
        f"of {estimator.certificate_.relative_gap:.1e}, tol={estimator.tol:g}",
        ConvergenceWarning,
        stacklevel=stacklevel + 1,
    )
