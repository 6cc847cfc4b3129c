"""Cells of small central arrangements: cvxnn against SageMath, polymake and Gaussian sampling.

All get the same integer rows and one thread, and work through the cases side by side:

    cvxnn            enumerate_cells(X, n_jobs=1), and count_cells(X)
    sage             regions() of a HyperplaneArrangements(QQ, ...) element, and n_regions()
    polymake         CHAMBER_SIGNATURES of a HyperplaneArrangement, which also finds the rays
    numpy sampling   the distinct patterns X @ u > 0 of Gaussian u, a fixed number per existing cell

The times are those of the listing or the counting alone, after a small arrangement has been through
the same call: sage and polymake run in processes of their own, a new one for every case, and take
the time there, without their start-up, the reading of the rows and the construction of the
arrangement. cvxnn starts from the array, so its time has all of that in it.

    cells            found; of those of cvxnn, the share that sampling finds
    seconds          median of the repeats for cvxnn and numpy, one run for the others
    us/cell, ratio   time per cell found, and the same over the time of cvxnn for the same task

A peer is stopped after --limit seconds, which is then a lower bound. One that is not installed is
skipped. The exit status is 1 if one disagrees with cvxnn on the number of cells, if count_cells
does, or if a sampled pattern is not among those listed.

    python bench/python/arrangement_peers.py --sage-python sage-venv/bin/python

needs cvxnn[bench]. Sage is in the wheels of passagemath-polyhedra, polymake in Debian's package of
this name.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from itertools import combinations, product
from pathlib import Path
from statistics import median
from threading import Timer
from time import perf_counter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_iris
from threadpoolctl import threadpool_limits

from cvxnn.arrangements import Cells, count_cells, enumerate_cells

Rows = NDArray[np.int64]
T = TypeVar("T")

START_LIMIT = 60.0

# Both scripts warm up, print a line, read the rows and print "cells seconds".
SAGE = """
import sys
from time import perf_counter

try:
    import sage.all__sagemath_polyhedra
except ImportError:
    import sage.all
from sage.geometry.hyperplane_arrangement.arrangement import HyperplaneArrangements
from sage.rings.rational_field import QQ


def arrangement(rows):
    names = tuple(f"x{i}" for i in range(len(rows[0])))
    return HyperplaneArrangements(QQ, names)([[0, *row] for row in rows])


work = {"list": lambda a: len(a.regions()), "count": lambda a: int(a.n_regions())}[sys.argv[1]]
work(arrangement([[1, 0], [0, 1], [1, 1]]))
print("ready", flush=True)
hyperplanes = arrangement([[int(c) for c in line.split()] for line in sys.stdin])
start = perf_counter()
cells = work(hyperplanes)
print(cells, perf_counter() - start)
"""

POLYMAKE = """
use application "fan";
use Time::HiRes "time";
sub arrangement { return new HyperplaneArrangement(HYPERPLANES => [@_]); }
$| = 1;
arrangement([1, 0], [0, 1], [1, 1])->CHAMBER_SIGNATURES;
print "ready\\n";
my $hyperplanes = arrangement(map { [split] } <STDIN>);
my $start = time;
my $cells = $hyperplanes->CHAMBER_SIGNATURES->rows;
printf "%d %.9f\\n", $cells, time - $start;
"""


@dataclass(frozen=True)
class Peer:
    name: str
    task: str
    command: list[str]
    install: str


@dataclass(frozen=True)
class Row:
    case: str
    n: int
    d: int
    true_cells: int
    task: str
    program: str
    cells: int | None  # None if the limit is exceeded
    seconds: float
    ratio: float
    agrees: bool

    @property
    def microseconds_per_cell(self) -> float:
        return 1e6 * per_cell(self.seconds, self.cells, self.true_cells)


class NotInstalled(RuntimeError):
    """The process does not start or ends before it is ready."""


def per_cell(seconds: float, cells: int | None, true_cells: int) -> float:
    return seconds / (true_cells if cells is None else cells)


def generic(n: int, d: int) -> Rows:
    return np.random.default_rng(n).integers(-999, 1000, (n, d))


def resonance(d: int) -> Rows:
    return np.array(list(product((0, 1), repeat=d))[1:])


def threshold(d: int) -> Rows:
    return np.array([(1, *c) for c in product((0, 1), repeat=d)])


def braid(d: int) -> Rows:
    e = np.eye(d, dtype=np.int64)
    return np.array([*e, *(e[i] - e[j] for i, j in combinations(range(d), 2))])


def iris(n: int) -> Rows:
    """Lengths in millimetres, which are integers, and a column of ones."""
    X = np.rint(10.0 * load_iris().data[:n]).astype(np.int64)
    return np.column_stack([X, np.ones(n, dtype=np.int64)])


CASES: dict[str, Callable[[], Rows]] = {
    "generic n=12 r=3": partial(generic, 12, 3),
    "generic n=10 r=4": partial(generic, 10, 4),
    "resonance d=4": partial(resonance, 4),
    "threshold d=3": partial(threshold, 3),
    "braid d=4": partial(braid, 4),
    "iris n=10": partial(iris, 10),
    "iris n=20": partial(iris, 20),
}


def timed(work: Callable[[], T], repeats: int) -> tuple[T, float]:
    result = work()
    times = []
    for _ in range(repeats):
        start = perf_counter()
        result = work()
        times.append(perf_counter() - start)
    return result, median(times)


def sampled_patterns(X: Rows, n_samples: int) -> NDArray[np.uint64]:
    """Distinct patterns, encoded as by Cells; at most 64 rows."""
    gates = np.random.default_rng(0).standard_normal((n_samples, X.shape[1]))
    bits = np.uint64(1) << np.arange(len(X), dtype=np.uint64)
    return np.unique((gates @ X.T > 0.0) @ bits)


def run_peer(peer: Peer, X: Rows, limit: float) -> tuple[int | None, float]:
    """Return the number of cells, None if the limit is exceeded, and the seconds."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    try:
        process = subprocess.Popen(
            peer.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | one_thread,
        )
    except OSError as error:
        raise NotInstalled from error
    with process:
        watch = Timer(START_LIMIT, process.kill)
        watch.start()
        ready = process.stdout.readline()
        watch.cancel()
        if not ready:
            raise NotInstalled
        lines = "".join(" ".join(map(str, row)) + "\n" for row in X.tolist())
        try:
            answer, _ = process.communicate(lines, timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            return None, limit
    if process.returncode != 0:
        raise RuntimeError(f"{peer.name} ended with status {process.returncode}")
    cells, seconds = answer.split()
    return int(cells), float(seconds)


def measure(case: str, peers: list[Peer], args: argparse.Namespace) -> list[Row]:
    """Peers that do not start are taken off the list."""
    X = CASES[case]()
    rows: list[Row] = []
    ours: dict[str, float] = {}

    def add(
        task: str, program: str, cells: int | None, seconds: float, agrees: bool | None = None
    ) -> None:
        time = per_cell(seconds, cells, len(listed))
        if agrees is None:
            agrees = cells is None or cells == len(listed)
        ratio = time / ours.setdefault(task, time)
        rows.append(Row(case, *X.shape, len(listed), task, program, cells, seconds, ratio, agrees))

    listed, seconds = timed(lambda: enumerate_cells(X, n_jobs=1), args.repeats)
    add("list", "cvxnn", len(listed), seconds)
    counted, count_seconds = timed(lambda: count_cells(X), args.repeats)
    add("count", "cvxnn", counted, count_seconds)
    found, seconds = timed(
        lambda: sampled_patterns(X, args.samples * len(listed)), min(args.repeats, 3)
    )
    add("list", "numpy sampling", len(found), seconds, are_listed(found, listed))
    for peer in list(peers):
        try:
            add(peer.task, peer.name, *run_peer(peer, X, args.limit))
        except NotInstalled:
            peers.remove(peer)
            print(f"{peer.name} ({peer.task}) does not start, skipped; {peer.install}")
    return sorted(rows, key=lambda row: row.task, reverse=True)


def are_listed(patterns: NDArray[np.uint64], cells: Cells) -> bool:
    return bool(np.isin(patterns, cells.packed[:, 0]).all())


def show(rows: list[Row]) -> None:
    print(
        f"{'case':<17} {'n':>3} {'d':>2} {'task':<5} {'program':<14} {'cells':>6} {'share':>6} "
        f"{'seconds':>11} {'us/cell':>10} {'ratio':>10}"
    )
    for row in rows:
        exceeded = row.cells is None
        bound = "> " if exceeded else ""
        cells = "" if exceeded else row.cells
        share = "" if exceeded or row.task == "count" else f"{row.cells / row.true_cells:.1%}"
        print(
            f"{row.case:<17} {row.n:>3} {row.d:>2} {row.task:<5} {row.program:<14} {cells:>6} "
            f"{share:>6} {f'{bound}{row.seconds:.6f}':>11} "
            f"{f'{bound}{row.microseconds_per_cell:.3f}':>10} {f'{bound}{row.ratio:.1f}':>10}"
            f"{'' if row.agrees else '  DIFFERS'}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--limit", type=float, default=20.0, help="seconds of a peer for a case")
    parser.add_argument("--samples", type=int, default=32, help="of numpy for every existing cell")
    parser.add_argument("--sage-python", default=sys.executable, metavar="PATH")
    parser.add_argument("--polymake", default="polymake", metavar="PATH")
    parser.add_argument("--json", type=Path, help="file to write the rows to")
    args = parser.parse_args()
    sage = "pip install passagemath-polyhedra, then --sage-python"
    peers = [
        Peer("sage", "list", [args.sage_python, "-c", SAGE, "list"], sage),
        Peer("sage", "count", [args.sage_python, "-c", SAGE, "count"], sage),
        Peer("polymake", "list", [args.polymake, POLYMAKE], "apt install polymake, or --polymake"),
    ]
    rows: list[Row] = []
    with threadpool_limits(1):
        for case in args.cases:
            rows += measure(case, peers, args)
    show(rows)
    if args.json:
        records = [
            asdict(row) | {"microseconds_per_cell": row.microseconds_per_cell} for row in rows
        ]
        args.json.write_text(json.dumps(records, indent=1) + "\n")
    return 0 if all(row.agrees for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
