"""Sampled convex program of two-layer ReLU networks: cvxnn against cvxpy with interior points.

The program over cells with activation patterns D_i (Pilanci and Ergen, arXiv 2002.10553) is

    min  0.5 ||sum_i D_i X (v_i - w_i) - y||^2 + beta sum_i (||v_i|| + ||w_i||)
    s.t. (2 D_i - I) X v_i >= 0,  (2 D_i - I) X w_i >= 0.

All solvers get the same cells and the same tolerance, 1e-7: the relative duality gap for cvxnn, gap
and feasibility for the others. Tighter is not needed for optima that agree to 1e-6, and Clarabel
and ECOS, whose default is 1e-8, gain no more than a few iterations. Of each solution

    optimum    is the objective above, computed from its v and w by the same few lines of numpy,
    diff       how much larger it is than that of cvxnn, relatively,
    violation  by how much a constraint is broken at most,
    gap        the relative gap that cvxnn certifies,
    seconds    the time of fit or of problem.solve on a newly built problem, median of the repeats,
    solver     the part of it that the solver itself reports, without the work of cvxpy,
    ratio      seconds over those of cvxnn, then the same with the solver's time alone.

The exit status is 1 if an optimum differs, or a gap or violation is larger, than 1e-6.

    python bench/python/sampled_program.py --repeats 5

needs cvxnn[bench]. Digits is large for the other solvers, which skip it unless --all is given.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray
from sklearn import datasets
from threadpoolctl import threadpool_limits

from cvxnn import ReLURegressor
from cvxnn.arrangements import Cells

Array = NDArray[np.float64]

PROBLEMS = ("wine", "diabetes", "breast_cancer", "digits")
LARGE = ("digits",)
TOL = 1e-7
AGREEMENT = 1e-6


@dataclass(frozen=True)
class Program:
    X: Array
    y: Array
    beta: float
    patterns: NDArray[np.bool_]  # (P, n)

    @property
    def signs(self) -> Array:
        return 2.0 * self.patterns - 1.0

    def objective(self, V: Array, W: Array) -> float:
        """V and W hold one block per cell in their columns."""
        residual = np.sum(self.patterns.T * (self.X @ (V - W)), axis=1) - self.y
        norms = np.linalg.norm(V, axis=0).sum() + np.linalg.norm(W, axis=0).sum()
        return float(0.5 * residual @ residual + self.beta * norms)

    def violation(self, V: Array, W: Array) -> float:
        return max(0.0, *(float(-np.min(self.signs.T * (self.X @ U))) for U in (V, W)))


@dataclass(frozen=True)
class Run:
    V: Array
    W: Array
    seconds: float
    solver_seconds: float
    gap: float | None = None


@dataclass(frozen=True)
class Row:
    problem: str
    n: int
    d: int
    cells: int
    solver: str
    optimum: float
    diff: float
    violation: float
    gap: float | None
    seconds: float
    solver_seconds: float
    ratio: float
    solver_ratio: float

    @property
    def agrees(self) -> bool:
        return max(abs(self.diff), self.violation, self.gap or 0.0) <= AGREEMENT


def load(name: str, n_gates: int) -> Program:
    data = getattr(datasets, f"load_{name}")()
    target = data.target.astype(np.float64)
    y, strength = {
        "wine": (np.where(target == 0, 1.0, -1.0), 1e-3),
        "diabetes": ((target - target.mean()) / target.std(), 1e-2),
        "breast_cancer": (2.0 * target - 1.0, 1e-3),
        "digits": (np.where(target % 2 == 0, 1.0, -1.0), 1e-3),
    }[name]
    X = data.data[:, data.data.std(axis=0) > 0.0]
    X = np.column_stack([(X - X.mean(axis=0)) / X.std(axis=0), np.ones(len(X))])
    X /= np.linalg.norm(X, axis=0)
    gates = np.random.default_rng(123).standard_normal((X.shape[1], n_gates))
    gates[-1] *= 0.3
    return Program(X, y, len(y) * strength, np.unique((X @ gates > 0.0).T, axis=0))


def solve_ours(program: Program, n_jobs: int | None) -> Run:
    model = ReLURegressor(
        beta=program.beta,
        patterns=Cells.from_dense(program.patterns),
        bias="none",
        tol=TOL,
        n_jobs=n_jobs,
    )
    start = perf_counter()
    model.fit(program.X, program.y)
    seconds = perf_counter() - start
    V, W = blocks(program, model.network_.hidden_weights, model.network_.output_weights[:, 0])
    return Run(V, W, seconds, seconds, model.certificate_.relative_gap)


def blocks(program: Program, hidden: Array, output: Array) -> tuple[Array, Array]:
    """Put every neuron of a network into the cell that it fits best."""
    V, W = np.zeros((2, program.X.shape[1], len(program.patterns)))
    for w, a in zip(hidden, output, strict=True):
        cell = np.argmax(np.min(program.signs * (program.X @ w), axis=1))
        (V if a > 0.0 else W)[:, cell] += abs(a) * w
    return V, W


def solve_peer(program: Program, solver: str, n_jobs: int | None) -> Run:
    options = {
        "clarabel": {
            **dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), TOL),
            "max_threads": n_jobs or 0,
        },
        "ecos": dict.fromkeys(("abstol", "reltol", "feastol"), TOL),
    }[solver]
    V, W = (cp.Variable((program.X.shape[1], len(program.patterns))) for _ in range(2))
    outputs = cp.sum(cp.multiply(program.patterns.T, program.X @ (V - W)), axis=1)
    norms = cp.sum(cp.norm(V, 2, axis=0) + cp.norm(W, 2, axis=0))
    problem = cp.Problem(
        cp.Minimize(0.5 * cp.sum_squares(outputs - program.y) + program.beta * norms),
        [cp.multiply(program.signs.T, program.X @ U) >= 0 for U in (V, W)],
    )
    start = perf_counter()
    problem.solve(solver=solver.upper(), **options)
    seconds = perf_counter() - start
    return Run(V.value, W.value, seconds, problem.solver_stats.solve_time)


def measure(name: str, solvers: list[str], args: argparse.Namespace) -> list[Row]:
    program = load(name, args.gates)
    rows: list[Row] = []
    for solver in ["cvxnn", *solvers]:
        if solver == "cvxnn":
            runs = [solve_ours(program, args.n_jobs) for _ in range(args.repeats)]
        else:
            runs = [solve_peer(program, solver, args.n_jobs) for _ in range(args.repeats)]
        last = runs[-1]
        optimum = program.objective(last.V, last.W)
        seconds = median(run.seconds for run in runs)
        solver_seconds = median(run.solver_seconds for run in runs)
        our_optimum, our_seconds = (
            (rows[0].optimum, rows[0].seconds) if rows else (optimum, seconds)
        )
        rows.append(
            Row(
                problem=name,
                n=program.X.shape[0],
                d=program.X.shape[1],
                cells=len(program.patterns),
                solver=solver,
                optimum=optimum,
                diff=optimum / our_optimum - 1.0,
                violation=program.violation(last.V, last.W),
                gap=last.gap,
                seconds=seconds,
                solver_seconds=solver_seconds,
                ratio=seconds / our_seconds,
                solver_ratio=solver_seconds / our_seconds,
            )
        )
    return rows


def show(rows: list[Row]) -> None:
    print(
        f"{'problem':<13} {'n':>5} {'d':>3} {'cells':>5} {'solver':<8} {'optimum':>11} {'diff':>6} "
        f"{'violation':>9} {'gap':>7} {'seconds':>8} {'solver':>8} {'ratio':>13}"
    )
    for row in rows:
        gap = "" if row.gap is None else f"{row.gap:.1e}"
        print(
            f"{row.problem:<13} {row.n:>5} {row.d:>3} {row.cells:>5} {row.solver:<8} "
            f"{row.optimum:>11.6f} {row.diff:>6.0e} {row.violation:>9.0e} {gap:>7} "
            f"{row.seconds:>8.3f} {row.solver_seconds:>8.3f} "
            f"{row.ratio:>6.1f} {row.solver_ratio:>6.1f}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=PROBLEMS)
    parser.add_argument("--gates", type=int, default=50)
    parser.add_argument(
        "--solvers",
        nargs="*",
        choices=("clarabel", "ecos"),
        default=("clarabel", "ecos"),
        help="to compare with; none may be named",
    )
    parser.add_argument("--all", action="store_true", help="compare on digits too")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--n-jobs", type=int, help="threads of all solvers, all cores if not given")
    parser.add_argument("--json", type=Path, help="file to write the rows to")
    args = parser.parse_args()
    rows: list[Row] = []
    with threadpool_limits(args.n_jobs):
        for name in args.problems:
            compared = args.all or name not in LARGE
            rows += measure(name, list(args.solvers) if compared else [], args)
    show(rows)
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return 0 if all(row.agrees for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
