"""What the estimators of parallel networks share: training in place of that of two layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import _check_sample_weight

from cvxnn._callbacks import fit_tasks
from cvxnn._checks import one_of, positive_number, positive_or_none
from cvxnn._threads import thread_count
from cvxnn.networks._base import ConvexEstimator
from cvxnn.networks._ends import warn_of_end
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks.parallel._branch_certificate import TrainedBranches

__all__ = ["ParallelEstimator"]

Array = NDArray[np.float64]


class ParallelEstimator(ConvexEstimator):
    """Base of the estimators of networks that are sums of branches."""

    def _branch_model(self) -> Any:
        """Return the regulariser and widths as checked values, with their `strength`."""
        raise NotImplementedError

    def _train_branches(
        self, problem: TrainingProblem, beta: float, branches: Any, **options: Any
    ) -> TrainedBranches:
        raise NotImplementedError

    def _fit(
        self, X: Array, y: Array, sample_weight: ArrayLike | None, labels: Any, **model: Any
    ) -> None:
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        tol = positive_number("tol", self.tol)
        max_time = positive_or_none("max_time", self.max_time)
        beta = positive_number("beta", self.beta)
        branches = self._branch_model()
        one_of("bias", self.bias, ("regularized", "none"))
        problem = TrainingProblem.from_arrays(
            X, y, beta=beta * branches.strength, bias=self.bias, sample_weight=weight, **model
        )
        with fit_tasks(self, X, labels, weight) as tasks:
            trained = self._train_branches(
                problem,
                beta,
                branches,
                tol=tol,
                max_time=max_time,
                n_threads=thread_count(self.n_jobs),
                on_round=tasks.on_progress,
            )
        self._keep(trained)
        searched = trained.certificate.method in ("branch_and_bound", "relaxation")
        ended = searched and trained.status == "stalled"  # by itself; its bound is another matter
        if trained.status not in ("converged", "stopped") and not ended:
            warn_of_end(self, stacklevel=4)
