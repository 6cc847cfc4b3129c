"""Cross-validation: folds, scores of held-out samples, and the strength that they favour."""

from __future__ import annotations

from math import isfinite
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.model_selection import check_cv

__all__ = ["Folds", "best_row", "score_of", "split"]

Array = NDArray[np.float64]
Folds = list[tuple[NDArray[np.intp], NDArray[np.intp]]]


def split(estimator: Any, X: Any, y: NDArray[Any]) -> Folds:
    """Return the samples to train on and those to hold out, by the estimator's `cv`."""
    rows = np.arange(len(y))
    splitter = check_cv(estimator.cv, y, classifier=is_classifier(estimator))
    folds = []
    for k, (train, test) in enumerate(splitter.split(X, y)):
        try:
            folds.append((rows[train], rows[test]))  # masks become indices
        except IndexError as error:
            raise ValueError(f"cv: fold {k} does not fit {len(y)} samples: {error}") from error
    if not folds:
        raise ValueError("cv holds no folds")
    return folds


def score_of(model: Any, scorer: Any, X: Any, y: NDArray[Any], weight: Array) -> float:
    """Return the score of a fitted model, weighted unless all weights are one."""
    weights = {} if np.all(weight == 1.0) else {"sample_weight": weight}
    value = scorer(model, X, y, **weights)
    if not isinstance(value, Real) or not isfinite(value):
        raise ValueError(f"scoring must give a finite number, got {value!r}")
    return float(value)


def best_row(scores: Array, held_out_weight: Array) -> int:
    """Return the first row of the largest mean, up to rounding; each column has its weight."""
    if not np.any(held_out_weight > 0.0):
        raise ValueError("cv holds out no sample of positive weight")
    means = np.average(scores, axis=1, weights=held_out_weight)
    best = means.max()
    return int(np.argmax(means >= best - 1e-12 * abs(best)))
