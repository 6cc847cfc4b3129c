"""What the search for branches must know of those of three layers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks.parallel._nested_cells import NestedCells, cells_of_branches, most_cells
from cvxnn.networks.parallel._nested_program import fewest_branches, solve_nested
from cvxnn.networks.parallel._parallel_model import Branches, BranchSolution, ParallelModel

__all__ = ["NestedSpace"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NestedSpace:
    """Branches of three layers, on data whose cells are too many to list."""

    problem: TrainingProblem
    model: ParallelModel

    def layers(self, branches: Branches) -> tuple[Array, Array]:
        return branches.layers(self.problem.design)

    def pulled_back(self, branches: Branches, first: Array, second: Array, on: Array) -> Array:
        gates = (on * (second > 0.0))[:, None] * branches.signs[:, :, None] * (first > 0.0)
        return np.asarray(gates @ self.problem.design)

    def cells_of(self, branches: Branches) -> NestedCells:
        most = max(1, most_cells(branches.vectors[:1].size or 1))
        strongest = branches[np.argsort(-self.model.norms(branches.vectors), kind="stable")[:most]]
        return cells_of_branches(self.problem.design, strongest.vectors, strongest.signs)

    def solved(
        self, cells: NestedCells, *, tol: float, max_time: float | None, n_threads: int
    ) -> BranchSolution:
        solution = solve_nested(
            self.problem, self.model, cells, tol=tol, max_time=max_time, n_threads=n_threads
        )
        # otherwise interior points have a little of everything
        outputs = self.layers(solution.branches)[1]
        branches = fewest_branches(self.problem, self.model, solution.branches, outputs)
        return replace(solution, branches=branches)
