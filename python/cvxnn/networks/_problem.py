"""The training problem as arrays, and its convex program solved by the core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn._checks import positive_number
from cvxnn._native import core
from cvxnn.arrangements import Cells
from cvxnn.arrangements._input import as_normals
from cvxnn.networks._losses import best_scale, loss_named
from cvxnn.networks._network import BIASES
from cvxnn.networks._relaxation import relaxed_support

__all__ = [
    "ConvexSolution",
    "TrainingProblem",
    "cells_of_rows",
    "cells_of_samples",
    "solve_program",
]

Array = NDArray[np.float64]

_MAX_ROUNDS = 1000


@dataclass(frozen=True, eq=False)
class TrainingProblem:
    """Minimise sum_k w_k loss(f(x_k), y_k) + beta/2 sum_j (||w_j||^2 + a_j^2) over networks f.

    The arrays hold each distinct sample (x, y) once, in lexicographic order, with the sum of its
    weights; samples of weight zero are left out. So a sample given twice is exactly a sample of
    weight two, and the order of the samples does not matter.
    """

    design: Array  # (n, d) or (n, d + 1) with a ones column, column-major
    y: Array  # (n,), -1 and 1 for the logistic loss
    weight: Array  # (n,), positive
    row_of_sample: NDArray[np.intp]  # (n_all,): its row here, -1 for weight zero
    share: Array  # (n_all,): part of the row's weight that the sample brings
    loss: str
    beta: float
    bias: str

    @property
    def n_all(self) -> int:
        """The number of samples including those of weight zero."""
        return len(self.row_of_sample)

    @property
    def first_sample(self) -> NDArray[np.intp]:
        """The first sample of each row."""
        rows, samples = np.unique(self.row_of_sample, return_index=True)
        return samples[rows >= 0]

    @classmethod
    def from_arrays(
        cls,
        X: ArrayLike,
        y: ArrayLike,
        *,
        loss: str,
        beta: float,
        bias: str,
        sample_weight: ArrayLike | None = None,
    ) -> TrainingProblem:
        """Check the arguments, each error naming the one at fault."""
        loss_named(loss)
        if bias not in BIASES:
            raise ValueError(f"bias must be one of {', '.join(map(repr, BIASES))}, got {bias!r}")
        beta = positive_number("beta", beta)
        X = as_normals(X)
        y = np.asarray(y, dtype=np.float64)
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, np.float64)
        for name, values in (("y", y), ("sample_weight", weight)):
            if values.shape != (len(X),):
                raise ValueError(f"{name} has shape {values.shape}, but X has {len(X)} samples")
            if not np.isfinite(values).all():
                raise ValueError(f"{name} holds NaN or infinity")
        if np.any(weight < 0.0) or not np.any(weight > 0.0):
            raise ValueError("sample_weight must be non-negative and not all zero")
        if loss == "logistic" and not np.isin(y[weight > 0.0], (-1.0, 1.0)).all():
            raise ValueError("y must hold -1 and 1 for the logistic loss")
        with np.errstate(over="ignore"):
            overflows = loss_named(loss).quadratic and not np.isfinite(np.sum(weight * y**2))
        if overflows:
            raise ValueError("y is too large: its sum of squares overflows double precision")
        samples, row_of_sample = _merge_samples(X, y, weight)
        used = row_of_sample >= 0
        total = np.bincount(row_of_sample[used], weight[used]).astype(np.float64)
        share = np.where(used, weight / total[row_of_sample], 0.0)
        design = X[samples] + 0.0  # turns -0.0 into 0.0
        if bias == "regularized":
            design = np.column_stack([design, np.ones(len(design))])
        design = np.asfortranarray(design)
        return cls(design, y[samples], total, row_of_sample, share, loss, beta, bias)

    def with_beta(self, beta: float) -> TrainingProblem:
        """Return the same problem at another strength of the weight decay."""
        return replace(self, beta=beta)

    def spread(self, v: Array) -> Array:
        """Turn a dual vector over rows into one over samples, shape (n_all, 1)."""
        return (self.share * v[self.row_of_sample])[:, None]

    def gather(self, v: Array) -> Array:
        """Turn a dual vector over samples, shape (n_all, 1), into one over rows."""
        used = self.row_of_sample >= 0
        sums = np.bincount(self.row_of_sample[used], v[used, 0], len(self.y))
        return sums.astype(np.float64)

    def scaled_design(self) -> tuple[Array, int]:
        """Return the design times 2^-e, and e: entries near 1, cells unchanged, nothing rounded."""
        exponent = _exponent(self.design)
        return np.ldexp(self.design, -exponent), exponent


@dataclass(frozen=True, eq=False)
class ConvexSolution:
    """Optimum of the convex program over given cells, one row per non-zero block."""

    directions: Array  # (m, d): unit vectors u / ||u||
    norms: Array  # (m,): ||u||
    signs: Array  # (m,): sign of the output weight
    cells: NDArray[np.intp]  # (m,): which cell
    n_cells: int  # in the program
    lower_bound: float
    dual: Array  # (n,)
    status: str
    history: NDArray[np.void]  # fields seconds, objective, lower_bound, n_neurons


OnRound = Callable[[dict[str, Any]], None]


def solve_program(
    problem: TrainingProblem,
    cells: Cells | None,
    *,
    cones: bool = True,
    seed: int | None = None,
    start: tuple[Array, Array] | None = None,
    tol: float,
    max_time: float | None,
    n_threads: int,
    on_round: OnRound | None = None,
) -> ConvexSolution:
    """Solve the convex program over the given cells (arXiv 2002.10553, eq. 9).

    Without `cells`: over every cell of the data, by column generation. For few features new cells
    come from bounds over all; with a `seed`, from a local search, and the bound from a relaxation.
    The search begins with the neurons of `start`, directions times norms (m, columns of the design)
    and signs (m,), if there are any.
    """
    scaled = _Scaled.from_problem(problem)
    seconds = np.inf if max_time is None else max_time
    if seed is not None:
        raw = core.search_over_all_cells(
            scaled.design,
            scaled.y,
            problem.weight,
            problem.loss,
            scaled.beta,
            seed,
            *scaled.neurons(start),
            tol,
            _MAX_ROUNDS,
            seconds,
            n_threads,
            on_round,
        )
        return scaled.solution(scaled.relaxed(problem, raw), len(raw["packed"]))
    if cells is None:
        raw = core.solve_over_all_cells(
            scaled.design,
            scaled.y,
            problem.weight,
            problem.loss,
            scaled.beta,
            tol,
            _MAX_ROUNDS,
            seconds,
            n_threads,
            on_round,
        )
        return scaled.solution(raw, len(raw["packed"]))
    raw = core.solve_cone_program(
        scaled.design,
        cells.packed,
        scaled.y,
        problem.weight,
        problem.loss,
        scaled.beta,
        cones,
        tol,
        _MAX_ROUNDS,
        seconds,
        n_threads,
        on_round,
    )
    return scaled.solution(raw, cells.n_cells)


@dataclass(frozen=True, eq=False)
class _Scaled:
    """X and y times powers of two, which changes nothing but keeps squares in range.

    With X = 2^a X' and y = 2^b y' the problem in u' = 2^(a - b) u has the penalty
    beta' = 2^(-a - b) beta and the objective 2^(2b) times smaller. (Losses that are not quadratic
    have b = 0.)
    """

    design: Array
    y: Array
    beta: float
    a: int
    b: int

    @classmethod
    def from_problem(cls, problem: TrainingProblem) -> _Scaled:
        design, a = problem.scaled_design()
        b = _exponent(problem.y) if loss_named(problem.loss).quadratic else 0
        beta = float(np.clip(np.ldexp(problem.beta, -a - b), 1e-300, 1e300))
        return cls(design, np.ldexp(problem.y, -b), beta, a, b)

    def neurons(self, start: tuple[Array, Array] | None) -> tuple[Array, Array]:
        """Return neurons as the core takes them: one a column, in the scaled problem."""
        if start is None:
            return np.zeros((self.design.shape[1], 0), order="F"), np.zeros(0)
        weights, signs = start
        return np.asfortranarray(np.ldexp(weights.T, self.a - self.b)), signs

    def relaxed(self, problem: TrainingProblem, raw: dict[str, Any]) -> dict[str, Any]:
        """Scale the dual vector of a search so that it proves a bound over every cell."""
        loss = loss_named(problem.loss)
        v = raw["dual"]
        support = relaxed_support(self.design, v)
        limit = self.beta / support if support > 0.0 else 1.0
        scale = best_scale(loss, v, self.y, problem.weight, limit)
        bound = loss.dual_value(scale * v, self.y, problem.weight)
        raw["history"][-1]["lower_bound"] = bound
        return {**raw, "dual": scale * v, "lower_bound": bound}

    def solution(self, raw: dict[str, Any], n_cells: int) -> ConvexSolution:
        """Undo the scaling of what the core returned."""
        lengths = np.linalg.norm(raw["weights"], axis=1)
        history = np.array(
            [
                (
                    step["seconds"],
                    np.ldexp(step["objective"], 2 * self.b),
                    np.ldexp(step["lower_bound"], 2 * self.b),
                    step["n_neurons"],
                )
                for step in raw["history"]
            ],
            dtype=[
                ("seconds", "f8"),
                ("objective", "f8"),
                ("lower_bound", "f8"),
                ("n_neurons", "i8"),
            ],
        )
        return ConvexSolution(
            directions=raw["weights"] / lengths[:, None],
            norms=np.ldexp(lengths, self.b - self.a),
            signs=raw["signs"],
            cells=np.array(raw["cells"], dtype=np.intp),
            n_cells=n_cells,
            lower_bound=float(np.ldexp(raw["lower_bound"], 2 * self.b)),
            dual=np.ldexp(raw["dual"], self.b),
            status=raw["status"],
            history=history,
        )


def cells_of_rows(problem: TrainingProblem, cells: Cells) -> Cells:
    """Restrict patterns over all samples to the rows of the problem."""
    if cells.n_hyperplanes != problem.n_all:
        raise ValueError(
            f"patterns has {cells.n_hyperplanes} hyperplanes, but X has {problem.n_all} samples"
        )
    rows = Cells.from_dense(cells.to_dense()[:, problem.first_sample])
    return Cells(rows.packed, rows.n_hyperplanes, cells.witnesses)


def cells_of_samples(problem: TrainingProblem, cells: Cells) -> Cells:
    """Extend patterns over the rows of the problem to all samples, 0 where the weight is zero."""
    dense = cells.to_dense()[:, problem.row_of_sample] & (problem.row_of_sample >= 0)
    return Cells.from_dense(dense)


def _merge_samples(X: Array, y: Array, weight: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return a sample of each distinct (x, y) of positive weight, and the group of each sample."""
    used = np.flatnonzero(weight > 0.0)
    order = used[np.lexsort((y[used], *X[used].T[::-1]))]
    ahead, behind = order[1:], order[:-1]
    is_new = np.ones(len(order), dtype=np.bool_)
    is_new[1:] = (X[ahead] != X[behind]).any(axis=1) | (y[ahead] != y[behind])
    groups = np.full(len(y), -1, dtype=np.intp)
    groups[order] = np.cumsum(is_new) - 1
    return order[is_new], groups


def _exponent(values: Array) -> int:
    """Return the e with largest magnitude in [2^(e-1), 2^e), 0 for zeros."""
    return int(np.frexp(np.abs(values).max())[1])
