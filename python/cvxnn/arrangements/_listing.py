"""All cells of an arrangement: at once, in blocks, or with the work kept on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn._native import core
from cvxnn._threads import thread_count
from cvxnn.arrangements._bits import words_for
from cvxnn.arrangements._cells import Cells
from cvxnn.arrangements._checkpoint import list_into, read_shards
from cvxnn.arrangements._counting import refuse_more_cells, refuse_more_memory
from cvxnn.arrangements._exploring import BATCH_SECONDS, Walk, explore
from cvxnn.arrangements._input import Hyperplanes, as_hyperplanes
from cvxnn.arrangements._witnesses import points_inside

__all__ = ["enumerate_cells", "iter_cells"]


def enumerate_cells(
    X: ArrayLike,
    *,
    offset: ArrayLike | None = None,
    method: str = "auto",
    exact: bool = True,
    witnesses: bool = False,
    max_cells: int | None = None,
    n_jobs: int | None = None,
    callback: Callable[[int], object] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Cells:
    """List every full-dimensional cell of the arrangement ``{u : x_k . u + b_k = 0}``.

    The answer is exact for the numbers given: floats are the dyadic rationals they are, integers
    and fractions may have any size, and signs that double precision cannot decide are decided in
    integers. Rows of zeros are allowed and have one bit everywhere (0 without offset); so are
    duplicate, antiparallel and linearly dependent rows.

    Parameters
    ----------
    X : array-like of shape (n, d)
        One normal per hyperplane.
    offset : array-like of shape (n,), optional
        The b_k; None means zeros.
    method : {"auto", "lowest_vertex", "ray_tree", "reverse_search"}, default="auto"
        How the cells are found. All find the same cells.
    exact : bool, default=True
        False trusts rounded signs where that is faster: right for data in general position, but
        cells may be missing or made up where hyperplanes are parallel, or more of them than usual
        meet or nearly do.
    witnesses : bool, default=False
        Also find a point strictly inside each cell.
    max_cells : int, optional
        Refuse to list more. None refuses what does not fit into the memory available.
    n_jobs : int, optional
        Threads; None means all processors. The result does not depend on it.
    callback : callable, optional
        Called with the number of cells found so far, about once a second. What it returns is
        ignored; to stop, let it raise, and the exception passes through.
    checkpoint : path, optional
        A folder where finished parts are kept. If the process is killed, the same call goes on from
        there. The parts stay when all cells are listed, so that a later call only reads them.

    Returns
    -------
    Cells
        In canonical order: patterns ascending as binary numbers whose most significant bit belongs
        to the first hyperplane. The same for every method.

    Raises
    ------
    TooManyCells
        If there are more than `max_cells`, or than fit. Raised before memory is spent.
    ValueError
        If an argument is wrong, or the checkpoint is damaged or of other data or another method.

    Examples
    --------
    >>> from cvxnn.arrangements import enumerate_cells
    >>> enumerate_cells([[1, 0], [0, 1], [1, 1]]).to_dense().astype(int)
    array([[0, 0, 0],
           [0, 1, 0],
           [0, 1, 1],
           [1, 0, 0],
           [1, 0, 1],
           [1, 1, 1]])
    >>> enumerate_cells([[1], [1]], offset=[0, -2]).to_dense().astype(int)
    array([[0, 0],
           [1, 0],
           [1, 1]])
    """
    n_threads = thread_count(n_jobs)
    hyperplanes = as_hyperplanes(X, offset)
    arrangement = hyperplanes.arrangement
    walk = Walk(arrangement, core.choose_method(arrangement, method), bool(exact))
    if max_cells is None:
        refuse_more_memory(arrangement)
    else:
        refuse_more_cells(arrangement, max_cells)
    if checkpoint is not None:
        shards = list_into(checkpoint, hyperplanes, walk, method, n_threads, callback)
        packed = read_shards(shards, words_for(arrangement.n_hyperplanes))
        packed = core.sort_cells(packed, arrangement.n_hyperplanes)
    elif callback is not None:
        packed = _collect(walk, n_threads, callback)
    else:
        packed = core.enumerate_cells(arrangement, walk.method, walk.exact, n_threads)
    cells = _cells_of(hyperplanes, packed)
    if witnesses:
        cells.witnesses = points_inside(hyperplanes, cells, n_threads)
    return cells


def iter_cells(
    X: ArrayLike,
    *,
    offset: ArrayLike | None = None,
    method: str = "auto",
    exact: bool = True,
    block_size: int = 65536,
    n_jobs: int | None = None,
) -> Iterator[Cells]:
    """Yield every cell once, in blocks, in memory that does not depend on their number.

    Parameters
    ----------
    X : array-like of shape (n, d)
        One normal per hyperplane.
    offset : array-like of shape (n,), optional
        The b_k of hyperplanes ``{u : x_k . u + b_k = 0}``; None means zeros.
    method : {"auto", "lowest_vertex", "ray_tree", "reverse_search"}, default="auto"
        How the cells are found; their order depends on it.
    exact : bool, default=True
        As in `enumerate_cells`.
    block_size : int, default=65536
        Number of cells of every block but the last.
    n_jobs : int, optional
        Threads; None means all processors. The blocks do not depend on it.

    Yields
    ------
    Cells
        The cells of a block in the order in which they were found.

    Examples
    --------
    >>> from cvxnn.arrangements import iter_cells
    >>> [len(block) for block in iter_cells([[1, 0], [0, 1], [1, 1]], block_size=4)]
    [4, 2]
    """
    is_integer = isinstance(block_size, (int, np.integer)) and not isinstance(block_size, bool)
    if not is_integer or block_size < 1:
        raise ValueError(f"block_size must be a positive integer, got {block_size!r}")
    n_threads = thread_count(n_jobs)
    hyperplanes = as_hyperplanes(X, offset)
    arrangement = hyperplanes.arrangement
    walk = Walk(arrangement, core.choose_method(arrangement, method), bool(exact))
    # the checks above are done by the call, not by the first step of the iteration
    return _blocks(hyperplanes, walk, int(block_size), n_threads)


def _blocks(
    hyperplanes: Hyperplanes, walk: Walk, block_size: int, n_threads: int
) -> Iterator[Cells]:
    waiting: list[NDArray[np.uint64]] = []  # less than a block
    missing = block_size
    for packed, _ in explore(walk, walk.first_tasks()[::-1], n_threads):
        while len(packed) >= missing:
            part, packed = packed[:missing], packed[missing:]
            yield _cells_of(hyperplanes, np.concatenate([*waiting, part]) if waiting else part)
            waiting, missing = [], block_size
        if len(packed):
            waiting.append(packed)
            missing -= len(packed)
    if waiting:
        yield _cells_of(hyperplanes, np.concatenate(waiting))


def _collect(walk: Walk, n_threads: int, callback: Callable[[int], object]) -> NDArray[np.uint64]:
    parts = []
    n_found = 0
    first = walk.first_tasks()[::-1]
    for packed, _ in explore(walk, first, n_threads, max_seconds=BATCH_SECONDS):
        parts.append(packed)
        n_found += len(packed)
        callback(n_found)
    return core.sort_cells(np.concatenate(parts), walk.arrangement.n_hyperplanes)


def _cells_of(hyperplanes: Hyperplanes, packed: NDArray[np.uint64]) -> Cells:
    return Cells(packed, hyperplanes.n_hyperplanes, representatives=hyperplanes.representatives)
