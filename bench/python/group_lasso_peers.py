"""Group lasso at equal certified gap: cvxnn beside adelie, skglm and celer.

All minimise  mean loss + alpha sum_g ||w_g||  for the same alphas, without intercept. After every
run a few lines of numpy (group_lasso_gap.py) compute the objective, a feasible dual vector and the
gap between them relative to the objective at zero, in float64 and over all groups. The tolerance of
each solver is tightened by powers of ten, and one half power back, until that gap is small enough;
the cheapest run that meets it counts.

    tol         the tolerance of that run, in the terms of the solver (see group_lasso_solvers.py)
    CPU, wall   its seconds, the fastest of the repeats; without imports, compilation by numba and
                the making of the design
    ratio       its CPU time over that of cvxnn
    gap         what it reaches, for paths the worst of the path
    active      groups that are not zero, for paths at the last alpha
    peak        largest resident memory of the process once the data is there, MB
    growth      the same less what the data took before the solver was imported

Every solver works on every problem in a process of its own, with one thread unless --threads says
otherwise. A solve that takes more than --time-limit seconds of CPU time is ended. Packages that are
not installed are reported as missing.

    python bench/python/group_lasso_peers.py --problems digits-squared-0.1 dense-path-ar-0.5

needs cvxnn[bench]; --gap 1e-3 compares loose solutions, for instance.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from group_lasso_problems import PROBLEMS, SMALL_PEERS
from group_lasso_solvers import SOLVERS
from group_lasso_worker import Job

WORKER = Path(__file__).with_name("group_lasso_worker.py")
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
TIMED_OUT = (-signal.SIGPROF, -signal.SIGALRM)

Record = dict[str, Any]


def measure(job: Job) -> Record:
    """Run the worker and sum up what it prints."""
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(job.n_threads))
    command = [sys.executable, str(WORKER), json.dumps(asdict(job))]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        )
        with process.stdout:
            lines = [line for line in process.stdout if line.startswith("{")]
        # wait4 and not wait: it also tells the memory that the process had
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        message = errors.read().strip()
    reports = [json.loads(line) for line in lines]
    attempts = [report for report in reports if "tol" in report]
    record: Record = asdict(job)
    for report in reports:
        if "tol" not in report:
            record |= report
    record |= {"attempts": attempts, "peak_mb": usage.ru_maxrss / 1e3}
    met = [attempt for attempt in attempts if attempt["gap"] <= record["gap"]]
    if met:
        record |= {"best": min(met, key=lambda attempt: attempt["cpu"])}
    elif "outcome" not in record:
        record["outcome"] = failure(process.returncode, job, attempts, message)
    return record


def failure(code: int, job: Job, attempts: list[Record], message: str) -> str:
    reached = f", gap {min(attempt['gap'] for attempt in attempts):.1e}" if attempts else ""
    if code in TIMED_OUT:
        return f"not reached in {job.time_limit:g} s{reached}"
    if code == 0:
        return f"not reached at any tolerance{reached}"
    return f"failed ({message.splitlines()[-1] if message else f'status {code}'})"


def show(records: list[Record]) -> None:
    """One problem, a line for each solver."""
    first = records[0]
    alphas = f"{first['n_alphas']} alphas, " if first["n_alphas"] > 1 else ""
    print(
        f"\n{first['problem']}: n = {first['n']}, {first['n_groups']} groups of "
        f"{first['group_size']}, {alphas}gap {first['gap']:g}, threads: {first['n_threads']}"
    )
    print(
        f"{'solver':<15} {'tol':>8} {'CPU':>9} {'wall':>9} {'ratio':>7} {'gap':>8} {'active':>6} "
        f"{'peak':>6} {'growth':>6}"
    )
    ours = next((r["best"]["cpu"] for r in records if r["solver"] == "cvxnn" and "best" in r), None)
    for record in records:
        if "best" not in record:
            print(f"{record['solver']:<15} {record['outcome']}")
            continue
        best = record["best"]
        ratio = f"{best['cpu'] / ours:.2f}" if ours else ""
        print(
            f"{record['solver']:<15} {best['tol']:>8.1e} {best['cpu']:>9.4f} {best['wall']:>9.4f} "
            f"{ratio:>7} {best['gap']:>8.1e} {best['n_active']:>6} {record['peak_mb']:>6.0f} "
            f"{record['peak_mb'] - record['base_mb']:>6.0f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--problems",
        nargs="+",
        choices=PROBLEMS,
        default=list(PROBLEMS),
        metavar="PROBLEM",
        help=f"default: all, {', '.join(PROBLEMS)}",
    )
    parser.add_argument(
        "--solvers",
        nargs="+",
        choices=SOLVERS,
        metavar="SOLVER",
        help=f"default: those that can, of {', '.join(SOLVERS)}",
    )
    parser.add_argument("--gap", type=float, help="instead of the problem's own")
    parser.add_argument("--time-limit", type=float, default=30.0, help="seconds for one solve")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file to write all runs to")
    args = parser.parse_args()
    records: list[Record] = []
    for problem in args.problems:
        solvers = args.solvers or SMALL_PEERS.get(problem, tuple(SOLVERS))
        jobs = [
            Job(problem, solver, args.gap, args.repeats, args.time_limit, args.threads)
            for solver in solvers
        ]
        measured = [measure(job) for job in jobs]
        show(measured)
        records += measured
        if args.json:
            args.json.write_text(json.dumps(records, indent=1) + "\n")


if __name__ == "__main__":
    main()
