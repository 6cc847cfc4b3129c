"""Blocks of the program of networks whose neurons add to all outputs at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvxnn._native import core
from cvxnn.arrangements import Cells
from cvxnn.networks._losses import best_offset
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._program import ScaledProblem
from cvxnn.networks._prune import fewest

__all__ = ["Blocks", "JointSolver", "Solved"]

Array = NDArray[np.float64]
Packed = NDArray[np.uint64]

_MAX_ROUNDS = 200
_NEGLIGIBLE = 1e-7  # norm of a block, against the largest
_ALIKE = 0.1  # distance of directions that may be one
_MOST_STARTS = 64
_ENTRIES = 2**26  # of the matrices of blocks


@dataclass(frozen=True, eq=False)
class Blocks:
    """Neurons ``phi(X u) g'`` with u in a cell and output weights along g, one a row."""

    packed: Packed  # (B, words): the cells
    directions: Array  # (B, C): unit vectors g
    vectors: Array  # (B, columns of the design): the u, zero if not solved for

    def __len__(self) -> int:
        return len(self.packed)

    def __getitem__(self, rows: Any) -> Blocks:
        return Blocks(self.packed[rows], self.directions[rows], self.vectors[rows])

    @property
    def norms(self) -> Array:
        return np.asarray(np.linalg.norm(self.vectors, axis=1))

    def joined(self, other: Blocks) -> Blocks:
        """Return these and those of `other`."""
        return Blocks(
            np.concatenate([self.packed, other.packed]),
            np.concatenate([self.directions, other.directions]),
            np.concatenate([self.vectors, other.vectors]),
        )


@dataclass(frozen=True, eq=False)
class Solved:
    """Optimum over some blocks."""

    blocks: Blocks  # those that are not zero, in the scaled problem
    objective: float
    dual: Array  # (n, C), in the scaled problem


@dataclass(eq=False)
class JointSolver:
    """The scaled problem, and the points inside cells that are known so far."""

    problem: TrainingProblem
    scaled: ScaledProblem
    n_threads: int
    inside: dict[bytes, Array] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """The number of samples and of outputs."""
        return len(self.scaled.y), self.problem.n_outputs

    def null(self) -> Solved:
        """Return the solution without neurons."""
        problem = self.problem
        gradient = problem.null_gradient()
        f = np.zeros(problem.y.shape)
        if problem.bias == "free":
            f += best_offset(problem.loss, f, problem.centred_y, problem.weight)
        value = problem.loss.value(f, problem.centred_y, problem.weight_like_y)
        unit = self.scaled.unscaled_dual({"dual": np.ones(self.shape)})
        words = (len(self.problem.design) + 63) // 64
        nothing = Blocks(
            np.zeros((0, words), dtype=np.uint64),
            np.zeros((0, self.shape[1])),
            np.zeros((0, self.problem.design.shape[1])),
        )
        return Solved(nothing, value, gradient / unit)

    def solve(self, blocks: Blocks, *, tol: float, max_time: float | None) -> Solved:
        """Solve the program over blocks whose cells have an interior."""
        outputs, cones = self._matrices(blocks)
        arrays = outputs, cones, self._interiors(blocks.packed, cones)
        options: dict[str, Any] = {
            "delta": self.scaled.delta,
            "free_offset": self.problem.bias == "free",
            "beta": self.scaled.beta,
            "tol": tol,
            "max_rounds": _MAX_ROUNDS,
            "max_seconds": np.inf if max_time is None else max_time,
            "n_threads": self.n_threads,
        }
        raw = self._solved(*arrays, loss=self.problem.loss.name, **options)
        entries = (len(blocks) + outputs.shape[1]) * outputs.shape[1] * outputs.shape[2]
        if raw["status"] == "stalled" and self.problem.loss.name == "huber" and entries < _ENTRIES:
            again = self._solved(*self._with_outliers(*arrays), loss="squared", **options)
            raw = min(raw, again, key=lambda found: float(found["objective"]))
        vectors = raw["vectors"][: len(blocks)]
        norms = np.linalg.norm(vectors, axis=1)
        used = norms > _NEGLIGIBLE * norms.max(initial=0.0)
        found = Blocks(blocks.packed[used], blocks.directions[used], vectors[used])
        return Solved(found, self.scaled.objective(raw["objective"]), np.asarray(raw["dual"]))

    def _solved(
        self, outputs: Array, cones: Array, interiors: Array, **options: Any
    ) -> dict[str, Any]:
        arrays = np.asfortranarray(interiors), np.asfortranarray(self.scaled.y)
        return dict(
            core.solve_block_program(outputs, cones, *arrays, self.problem.weight, **options)
        )

    def _with_outliers(
        self, outputs: Array, cones: Array, interiors: Array
    ) -> tuple[Array, Array, Array]:
        """Return the program without the kinks of the Huber loss, where Newton steps may stall.

        That loss is the least of ``w (r - s)^2 / 2 + w delta |s|`` over s: a squared loss, and a
        block for what each entry of the targets is off by, whose cost makes dual vectors bounded.
        """
        _, entries, d = outputs.shape
        weights = np.tile(self.problem.weight, self.problem.n_outputs)
        heights = self.scaled.beta / (self.scaled.delta * weights)
        moves, along = np.zeros((entries, entries, d)), np.zeros((entries, d))
        moves[np.arange(entries), np.arange(entries), 0] = heights
        along[:, 0] = 1.0
        free = np.zeros((entries, *cones.shape[1:]))
        return (
            np.concatenate([outputs, moves]),
            np.concatenate([cones, free]),
            np.concatenate([interiors, along]),
        )

    def most(self) -> int:
        """Return how many blocks there may be at once."""
        n, n_outputs = self.shape
        rows, columns = self.problem.design.shape
        return max(32, int(_ENTRIES // ((n * n_outputs + rows) * columns)))

    def priced(self, packed: Packed, dual: Array, starts: Array, threshold: float) -> Blocks:
        """Return blocks of the given cells that gain more than beta, the best first.

        Climbs start from singular vectors and from the columns of `starts`, shape (C, s).
        """
        raw = core.joint_peaks(
            self.scaled.design,
            packed,
            np.asfortranarray(-dual),
            np.asfortranarray(starts[:, :_MOST_STARTS]),
            slope=self.problem.slope,
            patches=self.problem.n_patches,
            floor=threshold * self.scaled.beta,
            n_threads=self.n_threads,
        )
        order = np.argsort(-raw["values"], kind="stable")
        rows = np.array(raw["cells"], dtype=np.intp)[order]
        found = Blocks(packed[rows], raw["directions"][order], raw["points"][order])
        return found[np.asarray(self._interiors(found.packed).any(axis=1))]

    def joined_alike(self, blocks: Blocks) -> Blocks:
        """Return blocks of which those in one cell with almost one direction are one."""
        left = list(np.argsort(-blocks.norms, kind="stable"))
        kept, directions = [], []
        while left:
            first = left[0]
            near = [
                row
                for row in left
                if np.array_equal(blocks.packed[row], blocks.packed[first])
                and np.linalg.norm(blocks.directions[row] - blocks.directions[first]) < _ALIKE
            ]
            mean = blocks.norms[near] @ blocks.directions[near]
            kept.append(first)
            directions.append(mean / np.linalg.norm(mean))
            left = [row for row in left if row not in near]
        return Blocks(
            blocks.packed[kept],
            np.array(directions).reshape(len(kept), self.shape[1]),
            blocks.vectors[kept],
        )

    def fewest(self, blocks: Blocks) -> Blocks:
        """Return blocks with the same outputs, no more than there are targets of samples."""
        if len(blocks) == 0:
            return blocks
        outputs, _ = self._matrices(blocks)
        contributions = np.einsum("bij,bj->ib", outputs, blocks.vectors)
        on = np.flatnonzero(contributions.any(axis=0))
        share = fewest(contributions[:, on], blocks.norms[on])
        kept = blocks[on[share > 0.0]]
        return Blocks(kept.packed, kept.directions, kept.vectors * share[share > 0.0, None])

    def _matrices(self, blocks: Blocks) -> tuple[Array, Array]:
        """Return what u adds to all outputs, and the cones, as (B, nC, d) and (B, n K, d)."""
        design, K = self.scaled.design, self.problem.n_patches
        active = Cells(blocks.packed, len(design)).to_dense()[:, :, None]
        masked = np.where(active, design, self.problem.slope * design)
        pooled = masked.reshape(len(blocks), -1, K, design.shape[1]).sum(axis=2)
        if self.problem.bias == "free":  # constants, which may be large, change nothing
            pooled = pooled - pooled.mean(axis=1, keepdims=True)
        outputs = np.einsum("bc,bnd->bcnd", blocks.directions, pooled)
        cones = np.where(active, design, -design)
        n, n_outputs = self.shape
        shape = len(blocks), n * n_outputs, design.shape[1]
        return np.ascontiguousarray(outputs).reshape(shape), np.ascontiguousarray(cones)

    def _interiors(self, packed: Packed, cones: Array | None = None) -> Array:
        """Return a point inside each cell, of zeros where rounding leaves none."""
        keys = [row.tobytes() for row in packed]
        unknown = [i for i, key in enumerate(keys) if key not in self.inside]
        if unknown:
            design = self.scaled.design
            active = Cells(packed[unknown], len(design)).to_dense()[:, :, None]
            walls = np.where(active, design, -design) if cones is None else cones[unknown]
            points = core.block_interiors(np.ascontiguousarray(walls), n_threads=self.n_threads)
            self.inside.update(zip((keys[i] for i in unknown), points, strict=True))
        return np.array([self.inside[key] for key in keys]).reshape(
            len(keys), self.problem.design.shape[1]
        )
