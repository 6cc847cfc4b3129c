"""The command line: ``python -m cvxnn``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cvxnn import __version__, _arguments, _cells_command, _network_commands
from cvxnn._native import core

__all__ = ["main"]

_INTERRUPTED = 130  # what shells report for a process ended by Ctrl-C


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        The arguments; None means those of the process.

    Returns
    -------
    int
        The exit code.

    Examples
    --------
    >>> from cvxnn.__main__ import main
    >>> main(["--includes"])
    /.../cvxnn/include
    0
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    prefix = Path(core.__file__).resolve().parent
    if options.includes:
        print((prefix / "include").as_posix())
    elif options.cmakedir:
        print((prefix / "lib" / "cmake" / "cvxnn").as_posix())
    elif options.command == "demo":
        return _guarded(lambda: _demo(options))
    elif options.command == "cells":
        if options.resume and (options.count or options.characteristic_polynomial):
            parser.error("--resume goes on with a listing; it has no meaning for a count")
        return _guarded(lambda: _cells_command.run(options))
    elif options.command in _network_commands.COMMANDS:
        if mistake := _network_commands.mistake_in(options):
            parser.error(mistake)
        return _guarded(lambda: _network_commands.run(options))
    else:
        parser.error("expected demo, fit, certify, cells, --includes, --cmakedir or --version")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cvxnn",
        description="Two-layer ReLU networks trained to certified global optimality.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--includes", action="store_true", help="print the folder of C++ headers")
    where.add_argument(
        "--cmakedir", action="store_true", help="print the folder of cvxnnConfig.cmake"
    )
    commands = parser.add_subparsers(dest="command", title="commands")
    demo = commands.add_parser(
        "demo",
        help="train on three data sets and print objectives, proved lower bounds and scores",
    )
    demo.add_argument(
        "--output",
        type=_arguments.writable_file,
        default="cvxnn-demo.png",
        metavar="PNG",
        help="where to draw objective and lower bound over time (default: %(default)s)",
    )
    _arguments.add_jobs(demo)
    fit = commands.add_parser(
        "fit", help="train a network on the columns of a file, with a proved lower bound"
    )
    _network_commands.add_fit_arguments(fit)
    certify = commands.add_parser(
        "certify", help="bound how far a network in a file is from the best one for some data"
    )
    _network_commands.add_certify_arguments(certify)
    cells = commands.add_parser("cells", help="count or list the cells of hyperplanes, exactly")
    _cells_command.add_arguments(cells)
    return parser


def _demo(options: argparse.Namespace) -> None:
    from cvxnn.demo import run  # late, so that Ctrl-C while it is imported ends well too

    run(options.output, n_jobs=options.n_jobs)


def _guarded(command: Callable[[], None]) -> int:
    """Run a command; turn what a user can mend into a message and an exit code."""
    try:
        command()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
