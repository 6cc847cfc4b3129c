"""Arguments of the command line: each kind is a function from its text to a value."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from math import isfinite
from pathlib import Path

__all__ = [
    "add_jobs",
    "add_json",
    "jobs",
    "positive_integer",
    "positive_number",
    "seed",
    "writable_file",
]


def add_jobs(parser: ArgumentParser) -> None:
    """Declare the number of threads."""
    parser.add_argument(
        "--n-jobs",
        type=jobs,
        metavar="N",
        help="threads (default: all processors); the result does not depend on it",
    )


def add_json(parser: ArgumentParser) -> None:
    """Declare that the result is for machines."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def jobs(text: str) -> int:
    """Read a number of threads, which may count from the last one: -1 means all."""
    if not text.lstrip("-").isdigit() or int(text) == 0:
        raise ArgumentTypeError(f"expected a non-zero integer, got {text!r}")
    return int(text)


def positive_integer(text: str) -> int:
    """Read an integer that is one or more."""
    if not text.isdigit() or int(text) == 0:
        raise ArgumentTypeError(f"expected a positive integer, got {text!r}")
    return int(text)


def positive_number(text: str) -> float:
    """Read a finite number above zero."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not (isfinite(value) and value > 0.0):
        raise ArgumentTypeError(f"expected a positive number, got {text!r}")
    return value


def seed(text: str) -> int:
    """Read what a source of random numbers is started with."""
    if not text.isdigit() or int(text) >= 2**32:
        raise ArgumentTypeError(f"expected an integer from 0 to 2^32 - 1, got {text!r}")
    return int(text)


def writable_file(text: str) -> Path:
    """Refuse a path that cannot be a file before minutes are spent, not after."""
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise ArgumentTypeError(f"{text!r} is not a file in a folder that exists")
    return path
