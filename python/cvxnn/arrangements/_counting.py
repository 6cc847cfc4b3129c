"""Counting cells without listing them, and refusing to list too many."""

from __future__ import annotations

from math import comb, inf

from numpy.typing import ArrayLike

from cvxnn._native import core
from cvxnn._threads import thread_count
from cvxnn.arrangements._input import as_hyperplanes
from cvxnn.arrangements._memory import available_memory

__all__ = [
    "TooManyCells",
    "betti_numbers",
    "characteristic_polynomial",
    "count_bounded_cells",
    "count_cells",
    "exact_count",
    "refuse_more_cells",
    "refuse_more_memory",
    "zaslavsky_bound",
]

_COUNT_SECONDS = 1.0
_COPIES = 3  # of the patterns, while they are collected and sorted


class TooManyCells(ValueError):
    """More cells than allowed; the message gives their number or a bound on it."""


def count_cells(X: ArrayLike, *, offset: ArrayLike | None = None, n_jobs: int | None = None) -> int:
    """Count the cells exactly, without listing them.

    Parameters
    ----------
    X : array-like of shape (n, d)
        One normal per hyperplane.
    offset : array-like of shape (n,), optional
        The b_k of hyperplanes ``{u : x_k . u + b_k = 0}``; None means zeros.
    n_jobs : int, optional
        Threads; None means all processors.

    Returns
    -------
    int

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn.arrangements import count_cells
    >>> count_cells(np.eye(3))
    8
    >>> count_cells([[1, 0], [0, 1], [1, 1]], offset=[0, 0, -1])
    7
    """
    n_threads = thread_count(n_jobs)
    count = core.count_cells(as_hyperplanes(X, offset).arrangement, inf, n_threads)
    assert count is not None  # only a time limit makes it None
    return int(count)


def characteristic_polynomial(X: ArrayLike, *, offset: ArrayLike | None = None) -> list[int]:
    """Return the characteristic polynomial of the arrangement in R^d.

    Its value at -1 is the number of cells and at 1 that of the bounded ones, both up to sign
    (Zaslavsky 1975).

    Parameters
    ----------
    X : array-like of shape (n, d)
        One normal per hyperplane.
    offset : array-like of shape (n,), optional
        The b_k of hyperplanes ``{u : x_k . u + b_k = 0}``; None means zeros.

    Returns
    -------
    list of int
        The d + 1 coefficients, highest degree first.

    Examples
    --------
    >>> from cvxnn.arrangements import characteristic_polynomial
    >>> characteristic_polynomial([[1, 0], [0, 1], [1, 1]])
    [1, -3, 2]
    """
    arrangement = as_hyperplanes(X, offset).arrangement
    coefficients = core.characteristic_polynomial(arrangement, inf, thread_count(None))
    assert coefficients is not None  # only a time limit makes it None
    return [int(coefficient) for coefficient in coefficients]


def betti_numbers(X: ArrayLike, *, offset: ArrayLike | None = None) -> list[int]:
    """Return the Betti numbers b_0, .., b_d of the complement of the complexified arrangement.

    They are the absolute values of the coefficients of the characteristic polynomial, and sum up
    to the number of cells.

    Parameters
    ----------
    X : array-like of shape (n, d)
        One normal per hyperplane.
    offset : array-like of shape (n,), optional
        The b_k of hyperplanes ``{u : x_k . u + b_k = 0}``; None means zeros.

    Returns
    -------
    list of int

    Examples
    --------
    >>> from cvxnn.arrangements import betti_numbers
    >>> betti_numbers([[1, 0], [0, 1], [1, 1]])
    [1, 3, 2]
    """
    return [abs(coefficient) for coefficient in characteristic_polynomial(X, offset=offset)]


def count_bounded_cells(X: ArrayLike, *, offset: ArrayLike | None = None) -> int:
    """Count the bounded cells.

    There are none if the rows of X do not span R^d, nor if all offsets are zero.

    Parameters
    ----------
    X : array-like of shape (n, d)
        One normal per hyperplane.
    offset : array-like of shape (n,), optional
        The b_k of hyperplanes ``{u : x_k . u + b_k = 0}``; None means zeros.

    Returns
    -------
    int

    Examples
    --------
    >>> from cvxnn.arrangements import count_bounded_cells
    >>> count_bounded_cells([[1, 0], [0, 1], [1, 1]], offset=[0, 0, -1])
    1
    """
    coefficients = characteristic_polynomial(X, offset=offset)
    # t divides the polynomial exactly where every cell contains a line
    return abs(sum(coefficients)) if coefficients[-1] != 0 else 0


def zaslavsky_bound(n: int, rank: int) -> int:
    """Largest number of cells of n central hyperplanes of the given rank (Zaslavsky 1975)."""
    return 2 * sum(comb(n - 1, k) for k in range(rank)) if rank else 1


def exact_count(arrangement: core.Arrangement) -> int | None:
    """Count the cells, or return None where that takes more than a second."""
    count = core.count_cells(arrangement, _COUNT_SECONDS, thread_count(None))
    return None if count is None else int(count)


def refuse_more_cells(arrangement: core.Arrangement, max_cells: int) -> None:
    """Raise TooManyCells if the arrangement has more than `max_cells` cells."""
    problem = _surplus(arrangement, max_cells)
    if problem is not None:
        raise TooManyCells(f"{problem}, {max_cells:,} are allowed")


def refuse_more_memory(arrangement: core.Arrangement) -> None:
    """Raise TooManyCells if the patterns of all cells do not fit into the memory available."""
    memory = available_memory()
    if memory is None:
        return
    n_bytes = 8 * ((arrangement.n_hyperplanes + 63) // 64)
    limit = memory // (_COPIES * n_bytes)
    problem = _surplus(arrangement, limit)
    if problem is not None:
        raise TooManyCells(
            f"{problem}, but about {limit:,} of {n_bytes:,} bytes each fit into the "
            f"{memory / 1e9:.1f} GB of memory available; use iter_cells, or max_cells to insist"
        )


def _surplus(arrangement: core.Arrangement, limit: int) -> str | None:
    """Say how many cells there are if that is more than the limit."""
    bound = _bound(arrangement)
    if bound <= limit:
        return None
    count = exact_count(arrangement)
    if count is None:
        return (
            "the arrangement of X has too many cells: Zaslavsky's upper bound is "
            f"{_approximate(bound)}"
        )
    return f"the arrangement of X has {count:,} cells" if count > limit else None


def _bound(arrangement: core.Arrangement) -> int:
    bound = zaslavsky_bound(arrangement.n_distinct, arrangement.rank)
    return bound // 2 if arrangement.affine else bound  # those on one side of infinity


def _approximate(count: int) -> str:
    return f"{count:,}" if count < 10**15 else f"about 1e{len(str(count)) - 1}"
