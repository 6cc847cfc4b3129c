"""The command ``python -m cvxnn cells``: count or list the cells of the rows of a file."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cvxnn import _arguments, arrangements
from cvxnn._native import core
from cvxnn._optional import optional_import
from cvxnn._table import read_table
from cvxnn._threads import thread_count
from cvxnn.arrangements._checkpoint import list_into
from cvxnn.arrangements._counting import exact_count, refuse_more_cells
from cvxnn.arrangements._exploring import Walk
from cvxnn.arrangements._input import Hyperplanes, as_hyperplanes

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="one hyperplane a row: csv (a header is recognised), npy, or npz with X and offset",
    )
    parser.add_argument(
        "--offset-column",
        metavar="NAME|INDEX",
        help="the column that holds offsets b of hyperplanes {u : x . u + b = 0}",
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--count", action="store_true", help="only count the cells, exactly")
    action.add_argument(
        "--characteristic-polynomial",
        action="store_true",
        help="print its coefficients, highest degree first",
    )
    action.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where to list the cells, as a checkpoint of cvxnn.arrangements.enumerate_cells "
        "(default: the name of the file with -cells)",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with the listing that DIR holds"
    )
    parser.add_argument(
        "--method",
        default="auto",
        choices=("auto", "lowest_vertex", "ray_tree", "reverse_search"),
        help="how the cells are found (default: %(default)s)",
    )
    parser.add_argument(
        "--max-cells",
        type=_arguments.positive_integer,
        metavar="N",
        help="refuse to list more than that",
    )
    _arguments.add_jobs(parser)
    _arguments.add_json(parser)


def run(options: argparse.Namespace) -> None:
    """Do what the arguments ask for and print the result.

    Raises
    ------
    ValueError, OSError
        With a message for the user.
    """
    table = read_table(options.file)
    X, offset = table.values, table.offset
    if options.offset_column is not None:
        X, offset = table.split(options.offset_column)
    hyperplanes = as_hyperplanes(X, offset)
    result: dict[str, Any] = {
        "n_hyperplanes": hyperplanes.n_hyperplanes,
        "dimension": hyperplanes.dimension,
        "affine": hyperplanes.affine,
    }
    if options.count:
        result["n_cells"] = arrangements.count_cells(X, offset=offset, n_jobs=options.n_jobs)
        text = str(result["n_cells"])
    elif options.characteristic_polynomial:
        coefficients = arrangements.characteristic_polynomial(X, offset=offset)
        result["characteristic_polynomial"] = coefficients
        text = " ".join(map(str, coefficients))
    else:
        result.update(_list(hyperplanes, options))
        text = f"{result['n_cells']:,} cells in {result['output']}, {result['seconds']:.1f} seconds"
    print(json.dumps(result) if options.json else text)


def _list(hyperplanes: Hyperplanes, options: argparse.Namespace) -> dict[str, Any]:
    folder = options.output or Path(f"{options.file.stem}-cells")
    occupied = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if occupied and not options.resume:
        raise ValueError(f"{folder} is there already; --resume goes on with a listing in it")
    if options.resume and not folder.is_dir():
        raise ValueError(f"{folder} holds no listing to go on with")
    start = time.perf_counter()
    arrangement = hyperplanes.arrangement
    if options.max_cells is not None:
        refuse_more_cells(arrangement, options.max_cells)
    method = core.choose_method(arrangement, options.method)
    walk = Walk(arrangement, method, exact=True)
    with _progress(arrangement) as advance:
        shards = list_into(
            folder, hyperplanes, walk, options.method, thread_count(options.n_jobs), advance
        )
    return {
        "n_cells": sum(rows for _, rows in shards),
        "method": method,
        "output": str(folder),
        "n_shards": len(shards),
        "seconds": time.perf_counter() - start,
    }


@contextmanager
def _progress(arrangement: core.Arrangement) -> Iterator[Callable[[int], object] | None]:
    """Show a bar on a terminal if rich is installed, nothing otherwise."""
    rich: Any = None
    if sys.stderr.isatty():
        try:
            rich = optional_import("rich.progress", extra="plot")
            console = optional_import("rich.console", extra="plot").Console(stderr=True)
        except ImportError:
            pass
    if rich is None:
        yield None
        return
    columns = (
        rich.SpinnerColumn(),
        rich.BarColumn(),
        rich.TextColumn("{task.completed:,} cells"),
        rich.TaskProgressColumn(),
        rich.TimeRemainingColumn(),
    )
    with rich.Progress(*columns, console=console, transient=True) as bar:
        # without a total, where counting takes long, the bar only shows that something is done
        task = bar.add_task("", total=exact_count(arrangement))
        yield lambda n_found: bar.update(task, completed=n_found)
