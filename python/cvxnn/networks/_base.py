"""What the estimators share: options, validation of data, training, warnings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from cvxnn._callbacks import CallbackSupportMixin, fit_tasks
from cvxnn._checks import positive_number, positive_or_none
from cvxnn._threads import thread_count
from cvxnn.networks._chosen_cells import choose_cells
from cvxnn.networks._ends import warn_of_end
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._training import Trained, train
from cvxnn.networks.convolutional._pooled_training import TrainedFilters
from cvxnn.networks.hidden_norms._norm_training import TrainedNorm
from cvxnn.networks.parallel._branch_certificate import TrainedBranches

__all__ = ["ConvexEstimator", "fell_short"]

Array = NDArray[np.float64]


class ConvexEstimator(CallbackSupportMixin, BaseEstimator):
    """Base of the estimators that solve a convex program over cells."""

    _gated = False
    # parameters of all estimators
    beta: float
    patterns: Any
    bias: str
    tol: float
    max_time: float | None
    n_jobs: int | None
    random_state: Any

    def _fit(
        self, X: Array, y: Array, sample_weight: ArrayLike | None, labels: Any, **model: Any
    ) -> None:
        """Train on checked arrays and set the fitted attributes.

        `labels` are the targets as users gave them, `y` as the loss sees them. `model` has what
        only some estimators let users choose: loss, activation and the like.
        """
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        tol = positive_number("tol", self.tol)
        max_time = positive_or_none("max_time", self.max_time)
        problem = TrainingProblem.from_arrays(
            X, y, beta=self.beta, bias=self.bias, sample_weight=weight, **model
        )
        n_threads = thread_count(self.n_jobs)
        with fit_tasks(self, X, labels, weight) as tasks:
            trained = self._train(
                problem,
                tol=tol,
                max_time=max_time,
                n_threads=n_threads,
                on_round=tasks.on_progress,
            )
            self._keep(trained)
        if fell_short(trained):
            warn_of_end(self, stacklevel=4)

    def _train(
        self, problem: TrainingProblem, *, n_threads: int, **options: Any
    ) -> Trained | TrainedFilters:
        chosen = choose_cells(
            problem, self.patterns, self.random_state, n_threads, gated=self._gated
        )
        return train(problem, chosen, gated=self._gated, n_threads=n_threads, **options)

    def _keep(self, trained: Trained | TrainedBranches | TrainedFilters | TrainedNorm) -> None:
        self.network_: Any = trained.network
        self.certificate_: Any = trained.certificate
        self.status_ = trained.status
        self.history_ = trained.history
        self.n_iter_ = max(1, len(trained.history) - 1)
        self.__dict__.pop("guaranteed_ratio_", None)
        if trained.guaranteed_ratio is not None:
            self.guaranteed_ratio_ = trained.guaranteed_ratio

    def _raw_outputs(self, X: ArrayLike) -> Array:
        check_is_fitted(self)
        checked = validate_data(self, X, dtype=np.float64, reset=False)
        return np.asarray(self.network_.predict(checked))


def fell_short(trained: Trained | TrainedFilters) -> bool:
    """Tell whether training ended before it should, and nobody asked for that."""
    # a local search that ends by itself found all that it can; its bound is another matter
    searched = trained.status == "stalled" and trained.certificate.method == "relaxation"
    return trained.status not in ("converged", "stopped") and not searched
