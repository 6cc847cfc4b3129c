"""The convex program of a training problem, solved by the core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvxnn._native import core
from cvxnn.arrangements import Cells
from cvxnn.networks._losses import loss_named
from cvxnn.networks._problem import TrainingProblem, exponent_of
from cvxnn.networks._support import support_bound

__all__ = ["HISTORY", "ConvexSolution", "Neurons", "OnRound", "ScaledProblem", "solve_program"]

Array = NDArray[np.float64]

_MAX_ROUNDS = 1000
HISTORY = {"seconds": "f8", "objective": "f8", "lower_bound": "f8", "n_neurons": "i8"}


@dataclass(frozen=True, eq=False)
class ConvexSolution:
    """Optimum of the convex program over given cells, one row per non-zero block."""

    directions: Array  # (m, d): unit vectors u / ||u||
    norms: Array  # (m,): ||u||
    signs: Array  # (m,): sign of the output weight
    cells: NDArray[np.intp]  # (m,): which cell
    outputs: NDArray[np.intp]  # (m,): which output
    n_cells: int  # in the program
    lower_bound: float
    design_bound: float  # no network on what the design shows of the data is below
    dual: Array  # (n,), or (n, C) for several outputs
    status: str
    history: NDArray[np.void]  # fields seconds, objective, lower_bound, n_neurons
    packed: NDArray[np.uint64]  # patterns that `cells` counts, none if they were given
    mixtures: Array | None = None  # (m, C): unit vectors of output weights, if not of one output

    @property
    def neurons(self) -> Neurons:
        """The solution as a start for a similar problem."""
        vectors = self.directions * self.norms[:, None]
        return Neurons(vectors, self.signs, self.outputs, self.cells, self.packed)


@dataclass(frozen=True, eq=False)
class Neurons:
    """Neurons of one output each, to begin with; a local search has no use for their cells."""

    vectors: Array  # (m, columns of the design): directions times norms
    signs: Array  # (m,): of the output weight
    outputs: NDArray[np.intp]  # (m,)
    cells: NDArray[np.intp]  # (m,)
    packed: NDArray[np.uint64]


OnRound = Callable[[dict[str, Any]], bool]  # of progress; returns whether to stop


def solve_program(
    problem: TrainingProblem,
    cells: Cells | None,
    *,
    cones: bool = True,
    seed: int | None = None,
    start: Neurons | None = None,
    tol: float,
    max_time: float | None,
    n_threads: int,
    on_round: OnRound | None = None,
) -> ConvexSolution:
    """Solve the convex program over the given cells (arXiv 2002.10553, eq. 9).

    Without `cells`: over every cell of the data, by column generation. For few features new cells
    come from bounds over all; with a `seed`, from a local search, and the bound from a relaxation.
    It begins with the neurons of `start`, if there are any.
    """
    scaled = ScaledProblem.from_problem(problem)
    options: dict[str, Any] = {
        "loss": problem.loss.name,
        "delta": scaled.delta,
        "free_offset": problem.bias == "free",
        "slope": problem.slope,
        "patches": problem.n_patches,
        "beta": scaled.beta,
        "start": None if start is None else scaled.start(start),
        "tol": tol,
        "max_rounds": _MAX_ROUNDS,
        "max_seconds": np.inf if max_time is None else max_time,
        "n_threads": n_threads,
        "on_round": None if on_round is None else lambda step: on_round(scaled.progress(step)),
    }
    arrays = np.asfortranarray(scaled.y.reshape(len(scaled.y), -1)), problem.weight
    if seed is not None:
        raw = core.search_over_all_cells(scaled.design, *arrays, seed=seed, **options)
    elif cells is None:
        raw = core.solve_over_all_cells(scaled.design, *arrays, **options)
    else:
        raw = core.solve_cone_program(scaled.design, cells.packed, *arrays, cones=cones, **options)
    n_cells = len(raw["packed"]) if cells is None else cells.n_cells
    bound, dual = scaled.lower_bound(raw), scaled.unscaled_dual(raw)
    support = problem.beta * problem.inflation
    if seed is not None:
        support = support_bound(replace(problem, projection=None), dual, 0.0, "relaxation")
    if seed is not None or problem.inflation > 1.0 or problem.loss.name == "interpolation":
        bound, dual = problem.bound_from(dual, support)
    design_bound = bound
    if problem.projection is not None:
        bound, dual = problem.bound_from(dual, problem.projection.with_rest(problem.beta, dual))
    return scaled.solution(raw, n_cells, bound, design_bound, dual)


@dataclass(frozen=True, eq=False)
class ScaledProblem:
    """X and y times powers of two, which changes nothing but keeps squares in range.

    With X = 2^a X' and y = 2^b y' the problem in u' = 2^(a - b) u, for a loss of degree g, has the
    penalty beta' = 2^(b - g b - a) beta and the objective 2^(g b) times smaller. (Losses whose
    targets are signs have b = 0.)
    """

    design: Array
    y: Array
    beta: float
    delta: float
    a: int
    b: int
    degree: int

    @classmethod
    def from_problem(cls, problem: TrainingProblem) -> ScaledProblem:
        loss = problem.loss
        design, a = problem.scaled_design()
        b = exponent_of(problem.centred_y) if loss.degree else 0
        beta = float(np.clip(np.ldexp(problem.beta, b - loss.degree * b - a), 1e-300, 1e300))
        delta = float(np.clip(np.ldexp(loss.delta, -b), 1e-300, 1e300))
        return cls(design, np.ldexp(problem.centred_y, -b), beta, delta, a, b, loss.degree)

    def applied_to(self, problem: TrainingProblem) -> TrainingProblem:
        """Return the problem that it was made from, scaled."""
        loss = loss_named(problem.loss.name, self.delta)
        return replace(problem, design=self.design, y=self.y, beta=self.beta, loss=loss)

    def start(self, neurons: Neurons) -> tuple[Any, ...]:
        """Return neurons as the core takes them, in the scaled problem."""
        vectors = np.ldexp(neurons.vectors, self.a - self.b)
        return vectors, neurons.signs, neurons.outputs, neurons.cells, neurons.packed

    def objective(self, value: float) -> float:
        return float(np.ldexp(value, self.degree * self.b))

    def progress(self, step: dict[str, Any]) -> dict[str, Any]:
        """Undo the scaling of what the core tells after a round."""
        bounds = {name: self.objective(step[name]) for name in ("objective", "lower_bound")}
        return {**step, **bounds}

    def lower_bound(self, raw: dict[str, Any]) -> float:
        return self.objective(raw["lower_bound"])

    def unscaled_dual(self, raw: dict[str, Any]) -> Array:
        exponent = (self.degree - 1) * self.b if self.degree else 0
        return np.asarray(np.ldexp(raw["dual"], exponent)).reshape(self.y.shape)

    def solution(
        self, raw: dict[str, Any], n_cells: int, bound: float, design_bound: float, dual: Array
    ) -> ConvexSolution:
        """Undo the scaling of what the core returned; the last bound is `bound`."""
        lengths = np.linalg.norm(raw["weights"], axis=1)
        history = np.array(
            [tuple(self.progress(step)[name] for name in HISTORY) for step in raw["history"]],
            dtype=list(HISTORY.items()),
        )
        history[-1]["lower_bound"] = bound
        return ConvexSolution(
            directions=raw["weights"] / lengths[:, None],
            norms=np.ldexp(lengths, self.b - self.a),
            signs=raw["signs"],
            cells=np.array(raw["cells"], dtype=np.intp),
            outputs=np.array(raw["targets"], dtype=np.intp),
            n_cells=n_cells,
            lower_bound=bound,
            design_bound=design_bound,
            dual=dual,
            status=raw["status"],
            history=history,
            packed=raw.get("packed", np.zeros((0, (len(self.y) + 63) // 64), dtype=np.uint64)),
        )
