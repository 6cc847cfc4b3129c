"""When solvers stop."""

from __future__ import annotations

from dataclasses import dataclass

from cvxnn._checks import positive_integer, positive_number, positive_or_none

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """When to stop, and on how many threads."""

    tol: float
    max_iter: int
    max_time: float | None
    n_threads: int

    @classmethod
    def checked(cls, tol: float, max_iter: int, max_time: float | None, n_threads: int) -> Options:
        """Check the numbers, each error naming the one at fault."""
        return cls(
            positive_number("tol", tol),
            positive_integer("max_iter", max_iter),
            positive_or_none("max_time", max_time),
            n_threads,
        )
