"""Measures one solver on one problem; started by group_lasso_peers.py in a process of its own.

Its argument is a `Job` as JSON, and it prints JSON lines: the sizes of the problem, then every
attempt as soon as it is evaluated. A solve that takes too long ends the process: the timer's signal
is left to its default action, because no handler in Python runs before the solver returns.
"""

from __future__ import annotations

import json
import math
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from group_lasso_gap import evaluate, largest_alpha
from group_lasso_problems import PROBLEMS, Array, Dense, Problem
from group_lasso_solvers import SOLVERS, Solution, Unsupported
from threadpoolctl import threadpool_limits

LOOSEST, TIGHTEST = 1e-2, 1e-15  # tolerances tried
PATIENCE = 10.0  # wall time allowed for each second of CPU time


@dataclass(frozen=True)
class Job:
    problem: str
    solver: str
    gap: float | None  # None: the problem's own
    repeats: int
    time_limit: float
    n_threads: int


@dataclass(frozen=True)
class Attempt:
    tol: float
    cpu: float
    wall: float
    gap: float  # the worst of the path
    n_active: int  # at the last alpha


def report(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def resident_mb() -> float:
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def forget_peak() -> None:
    """Have the peak memory start again from here, where Linux lets it (see man 5 proc)."""
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        reset.write_text("5")


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """End the process if the block takes longer than this in CPU time."""
    timers = {signal.ITIMER_PROF: seconds, signal.ITIMER_REAL: PATIENCE * seconds}
    for timer, limit in timers.items():
        signal.setitimer(timer, limit)
    yield
    for timer in timers:
        signal.setitimer(timer, 0.0)


def attempt(
    solve: Callable[[float], Solution], tol: float, problem: Problem, alphas: Array, limit: float
) -> Attempt:
    with limited(limit):
        cpu, wall = process_time(), perf_counter()
        solution = solve(tol)
        cpu, wall = process_time() - cpu, perf_counter() - wall
    gap, n_active = quality(solution, problem, alphas)
    return Attempt(tol, cpu, wall, gap, n_active)


def quality(solution: Solution, problem: Problem, alphas: Array) -> tuple[float, int]:
    """The worst relative gap of the path, infinite if it is not complete."""
    if solution.coefs.shape[0] < len(alphas):
        return math.inf, 0
    worst, n_active = 0.0, 0
    for i, alpha in enumerate(alphas):
        row = solution.coefs[i]
        w = row if isinstance(row, np.ndarray) else row.toarray()
        dual = None if solution.duals is None else solution.duals[i]
        w = np.asarray(w, dtype=np.float64).ravel()
        result = evaluate(problem.design, problem.y, problem.loss, alpha, w, dual)
        worst, n_active = max(worst, result.relative_gap), result.n_active
    return worst, n_active


def climb(run: Callable[[float], Attempt], gap: float, first: float, repeats: int) -> None:
    """Tighten the tolerance until the gap is met, refine it by half a step, repeat the cheapest."""
    tol = first
    latest = run(tol)
    while latest.gap > gap and tol > TIGHTEST:
        tol /= 10.0
        latest = run(tol)
    if latest.gap > gap:
        return
    met = [latest]
    if tol < first:
        met.append(run(tol * math.sqrt(10.0)))
    cheapest = min((a for a in met if a.gap <= gap), key=lambda a: a.cpu)
    for _ in range(repeats - 1):
        run(cheapest.tol)


def warm_up(job: Job, loss: str) -> None:
    """Import the package and have its code compiled, where that happens at run time."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20, 30)).T
    y = np.where(rng.standard_normal(30) > 0.0, 1.0, -1.0)
    alphas = np.array([0.5, 0.1]) * largest_alpha(Dense(X, 2), y, loss)
    SOLVERS[job.solver](Dense(X, 2), y, loss, alphas, job.n_threads)(LOOSEST)


def main() -> None:
    job = Job(**json.loads(sys.argv[1]))
    problem = PROBLEMS[job.problem]()
    design, y, loss = problem.design, problem.y, problem.loss
    alphas = np.array(problem.shares) * largest_alpha(design, y, loss)
    gap = job.gap or problem.gap
    forget_peak()
    report(
        n=len(y),
        n_groups=design.n_groups,
        group_size=design.group_size,
        n_alphas=len(alphas),
        gap=gap,
        base_mb=resident_mb(),
    )
    with threadpool_limits(job.n_threads):
        try:
            warm_up(job, loss)
        except ImportError as error:
            return report(outcome=f"missing ({error})")
        except Unsupported:
            return report(outcome="no such solver")
        solve = SOLVERS[job.solver](design, y, loss, alphas, job.n_threads)

        def run(tol: float) -> Attempt:
            result = attempt(solve, tol, problem, alphas, job.time_limit * job.n_threads)
            report(**asdict(result))
            return result

        climb(run, gap, gap if job.solver == "cvxnn" else LOOSEST, job.repeats)


if __name__ == "__main__":
    main()
