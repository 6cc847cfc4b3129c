"""The strength of the weight decay by cross-validation."""

from __future__ import annotations

import warnings
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring
from sklearn.utils.validation import _check_sample_weight

from cvxnn._callbacks import FitTasks, fit_tasks
from cvxnn._checks import positive_number, positive_or_none
from cvxnn._folds import Folds, best_row, score_of, split
from cvxnn._threads import thread_count
from cvxnn.networks._base import ConvexEstimator, fell_short
from cvxnn.networks._chosen_cells import choose_cells
from cvxnn.networks._classifier import ReLUClassifier
from cvxnn.networks._losses import loss_named
from cvxnn.networks._path import beta_grid, trained_path
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._regressors import ReLURegressor
from cvxnn.networks._training import Trained, train

__all__ = ["ReLUClassifierCV", "ReLURegressorCV"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Samples:
    """What `fit` got, checked."""

    X: Array
    y: Array  # as the loss sees it
    labels: NDArray[Any]  # as scorers see it
    weight: Array
    model: dict[str, Any]  # loss, activation and the like

    def rows(self, rows: NDArray[np.intp]) -> _Samples:
        """Return some of the samples."""
        X, y, labels, weight = (a[rows] for a in (self.X, self.y, self.labels, self.weight))
        return _Samples(X, y, labels, weight, self.model)


@dataclass(frozen=True)
class _Ending:
    """How a fit ended."""

    status: str
    relative_gap: float
    beta: float
    fell_short: bool

    @classmethod
    def of(cls, trained: Trained, beta: float) -> _Ending:
        return cls(trained.status, trained.certificate.relative_gap, beta, fell_short(trained))


class _CrossValidated(ConvexEstimator):
    # parameters beside those of the estimator without cross-validation
    betas: ArrayLike | None
    n_betas: int
    eps: float
    cv: Any
    scoring: Any
    output_norm = "l1"

    def _fit(
        self, X: Array, y: Array, sample_weight: ArrayLike | None, labels: Any, **model: Any
    ) -> None:
        """Choose `beta_` by the mean score on held-out samples, and train with it on all."""
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        samples = _Samples(X, y, labels, weight, model)
        options: dict[str, Any] = {
            "tol": positive_number("tol", self.tol),
            "max_time": positive_or_none("max_time", self.max_time),
            "n_threads": thread_count(self.n_jobs),
        }
        problem = self._problem(samples, weight)
        chosen = choose_cells(problem, self.patterns, self.random_state, options["n_threads"])
        self.betas_ = beta_grid(problem, chosen, self.betas, self.n_betas, self.eps)
        folds = split(self, X, labels)
        with fit_tasks(self, X, labels, weight, len(folds) + 1) as tasks:
            self.scores_, endings = self._search(samples, folds, options, tasks)
            held_out_weight = np.array([weight[test].sum() for _, test in folds])
            self.beta_ = float(self.betas_[best_row(self.scores_, held_out_weight)])
            with tasks.part("all samples"):
                final = train(problem.with_beta(self.beta_), chosen, **options)
            self._keep(final)
        _warn_of(type(self).__name__, [*endings, _Ending.of(final, self.beta_)], options["tol"])

    def _search(
        self, samples: _Samples, folds: Folds, options: dict[str, Any], tasks: FitTasks
    ) -> tuple[Array, list[_Ending]]:
        """Return the scores, and how fits ended."""
        scorer = None if self.scoring is None else check_scoring(self, scoring=self.scoring)
        scores = np.zeros((len(self.betas_), len(folds)))
        endings = []
        for k, (rows, held_out) in enumerate(folds):
            # samples of weight zero are those that are not there
            weight = samples.weight * np.bincount(rows, minlength=len(samples.y))
            try:
                problem = self._problem(samples, weight)
            except ValueError as error:
                raise ValueError(f"without the samples held out in fold {k}: {error}") from error
            chosen = choose_cells(problem, self.patterns, self.random_state, options["n_threads"])
            share = weight.sum() / samples.weight.sum()
            path = trained_path(problem, chosen, share * self.betas_, **options)
            with tasks.part("fold"):
                for i, trained in enumerate(path):
                    endings.append(_Ending.of(trained, self.betas_[i]))
                    if samples.weight[held_out].sum() > 0.0:
                        scores[i, k] = self._score_of(trained, samples.rows(held_out), scorer)
        return scores, endings

    def _score_of(self, trained: Trained, held_out: _Samples, scorer: Any) -> float:
        X, y, weight = held_out.X, held_out.y, held_out.weight
        if scorer is None:
            proof = trained.certificate
            loss = loss_named(proof.loss, proof.delta)
            weights = weight if y.ndim == 1 else weight[:, None]
            return -loss.value(trained.network.predict(X), y, weights) / float(weight.sum())
        model = copy(self)
        model.__dict__.pop("feature_names_in_", None)  # X is an array by now
        model._keep(trained)
        return score_of(model, scorer, X, held_out.labels, weight)

    def _problem(self, samples: _Samples, weight: Array) -> TrainingProblem:
        return TrainingProblem.from_arrays(
            samples.X, samples.y, beta=1.0, bias=self.bias, sample_weight=weight, **samples.model
        )


class ReLURegressorCV(_CrossValidated, ReLURegressor):
    """`ReLURegressor` with `beta` chosen by cross-validation.

    For each fold a network is trained for every beta, on the samples that the fold does not hold
    out, and scored on those that it does. The beta with the best mean score, the samples weighted
    as in the fit, is used on all samples. Of equal scores the larger beta wins.

    The loss is a sum over samples, so the same beta weighs more on fewer of them. In a fold, each
    beta is therefore multiplied by the share of the samples' weight that is trained on: what is
    compared is the strength relative to the mean loss, as with `LassoCV` of scikit-learn. (A
    `GridSearchCV` over `beta` does not do that.)

    Parameters
    ----------
    betas : array-like of shape (A,), optional
        Strengths to choose from, for the fit on all samples. None: `n_betas` of them, evenly spaced
        in logarithm between `beta_max` of all samples and ``eps`` times it; a single one if the
        best network is zero at every beta.
    n_betas : int, default=20
        See `betas`.
    eps : float, default=1e-3
        See `betas`.
    cv : int, splitter or iterable of (train, test), optional
        How samples are held out; None: five folds, in the order of the samples.
    scoring : str or callable, optional
        A scorer of scikit-learn, called with `sample_weight` unless all weights are one. None: the
        mean loss on the held-out samples, negative: for the squared loss minus half the mean
        squared error.
    patterns : {"auto", "exact"}, int or Cells, default="auto"
        As in `ReLURegressor`; chosen anew for the samples of each fold, except that `Cells`, given
        for all samples, are restricted to them. Each fit of a fold begins with the one before.
    max_time : float, optional
        Seconds for each fit, of which there are A n_folds + 1.
    activation, negative_slope, loss, delta, bias, rank, tol, n_jobs, random_state
        As in `ReLURegressor`.

    Attributes
    ----------
    beta_ : float
        The strength chosen.
    betas_ : ndarray of shape (A,)
        The strengths tried, decreasing.
    scores_ : ndarray of shape (A, n_folds)
        Scores on the held-out samples, the higher the better; zero for a fold of weight zero.
    network_, certificate_, status_, n_iter_, history_, n_features_in_, feature_names_in_
        As in `ReLURegressor`, of the fit on all samples with `beta_`.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import ReLURegressorCV
    >>> random = np.random.default_rng(0)
    >>> X = random.uniform(-1, 1, (60, 1))
    >>> y = np.abs(X[:, 0]) + 0.1 * random.standard_normal(60)
    >>> model = ReLURegressorCV(n_betas=8).fit(X, y)
    >>> model.scores_.shape, bool(model.betas_[-1] < model.beta_ < model.betas_[0])
    ((8, 5), True)
    """

    def __init__(
        self,
        *,
        betas: ArrayLike | None = None,
        n_betas: int = 20,
        eps: float = 1e-3,
        cv: Any = None,
        scoring: Any = None,
        activation: str = "relu",
        negative_slope: float = 0.0,
        loss: str = "squared",
        delta: float = 1.0,
        patterns: Any = "auto",
        bias: str = "regularized",
        rank: int | None = None,
        tol: float = 1e-4,
        max_time: float | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.betas = betas
        self.n_betas = n_betas
        self.eps = eps
        self.cv = cv
        self.scoring = scoring
        self.activation = activation
        self.negative_slope = negative_slope
        self.loss = loss
        self.delta = delta
        self.patterns = patterns
        self.bias = bias
        self.rank = rank
        self.tol = tol
        self.max_time = max_time
        self.n_jobs = n_jobs
        self.random_state = random_state


class ReLUClassifierCV(_CrossValidated, ReLUClassifier):
    """`ReLUClassifier` with `beta` chosen by cross-validation.

    For each fold a network is trained for every beta, on the samples that the fold does not hold
    out, and scored on those that it does. The beta with the best mean score, the samples weighted
    as in the fit, is used on all samples. Of equal scores the larger beta wins.

    The loss is a sum over samples, so the same beta weighs more on fewer of them. In a fold, each
    beta is therefore multiplied by the share of the samples' weight that is trained on: what is
    compared is the strength relative to the mean loss. (`GridSearchCV` over `beta`, and
    `LogisticRegressionCV` of scikit-learn, do not do that.)

    Parameters
    ----------
    betas : array-like of shape (A,), optional
        Strengths to choose from, for the fit on all samples. None: `n_betas` of them, evenly spaced
        in logarithm between `beta_max` of all samples and ``eps`` times it; a single one if the
        best network is zero at every beta.
    n_betas : int, default=20
        See `betas`.
    eps : float, default=1e-3
        See `betas`.
    cv : int, splitter or iterable of (train, test), optional
        How samples are held out; None: five stratified folds.
    scoring : str or callable, optional
        A scorer of scikit-learn, called with `sample_weight` unless all weights are one. None: the
        mean loss on the held-out samples, negative. "accuracy" counts mistakes only: on few
        samples many betas tie, and of these the largest, with the least certain probabilities, is
        taken.
    patterns : {"auto", "exact"}, int or Cells, default="auto"
        As in `ReLUClassifier`; chosen anew for the samples of each fold, except that `Cells`, given
        for all samples, are restricted to them. Each fit of a fold begins with the one before.
    max_time : float, optional
        Seconds for each fit, of which there are A n_folds + 1.
    activation, negative_slope, loss, bias, class_weight, rank, tol, n_jobs, random_state
        As in `ReLUClassifier`.

    Attributes
    ----------
    beta_ : float
        The strength chosen.
    betas_ : ndarray of shape (A,)
        The strengths tried, decreasing.
    scores_ : ndarray of shape (A, n_folds)
        Scores on the held-out samples, the higher the better; zero for a fold of weight zero.
    classes_ : ndarray of shape (C,)
        The class labels, sorted.
    network_, certificate_, status_, n_iter_, history_, n_features_in_, feature_names_in_
        As in `ReLURegressor`, of the fit on all samples with `beta_`.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from cvxnn import ReLUClassifierCV
    >>> X, y = make_moons(60, noise=0.2, random_state=0)
    >>> model = ReLUClassifierCV(n_betas=6, cv=3).fit(X, y)
    >>> model.scores_.shape, bool(model.beta_ < model.betas_[0]), bool(model.score(X, y) > 0.9)
    ((6, 3), True, True)
    """

    def __init__(
        self,
        *,
        betas: ArrayLike | None = None,
        n_betas: int = 20,
        eps: float = 1e-3,
        cv: Any = None,
        scoring: Any = None,
        activation: str = "relu",
        negative_slope: float = 0.0,
        loss: str = "logistic",
        patterns: Any = "auto",
        bias: str = "regularized",
        class_weight: Any = None,
        rank: int | None = None,
        tol: float = 1e-4,
        max_time: float | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.betas = betas
        self.n_betas = n_betas
        self.eps = eps
        self.cv = cv
        self.scoring = scoring
        self.activation = activation
        self.negative_slope = negative_slope
        self.loss = loss
        self.patterns = patterns
        self.bias = bias
        self.class_weight = class_weight
        self.rank = rank
        self.tol = tol
        self.max_time = max_time
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _problem(self, samples: _Samples, weight: Array) -> TrainingProblem:
        if len(np.unique(samples.labels[weight > 0.0])) == 1:
            raise ValueError("y must hold two classes, but only one class has weight above zero")
        return super()._problem(samples, weight)


def _warn_of(name: str, endings: list[_Ending], tol: float) -> None:
    """Warn once of all fits that fell short, the last of which is the one on all samples."""
    failed = [ending for ending in endings if ending.fell_short]
    if not failed:
        return
    worst = max(failed, key=lambda ending: ending.relative_gap)
    which = " (also the one on all samples)" if endings[-1].fell_short else ""
    warnings.warn(
        f"{len(failed)} of the {len(endings)} fits of {name}{which} did not converge; the worst "
        f"stopped with status {worst.status!r} at a relative gap of {worst.relative_gap:.1e} for "
        f"beta={worst.beta:g}, tol={tol:g}",
        ConvergenceWarning,
        stacklevel=5,
    )
