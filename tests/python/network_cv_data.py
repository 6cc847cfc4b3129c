"""Data and estimators for the tests of cross-validation."""

import numpy as np
import pytest

from cvxnn import ReLUClassifier, ReLUClassifierCV, ReLURegressor, ReLURegressorCV

PLAIN = {ReLURegressorCV: ReLURegressor, ReLUClassifierCV: ReLUClassifier}
BETAS = [3.0, 1.0, 0.3]
every_estimator = pytest.mark.parametrize("estimator", PLAIN)


def data_for(estimator, n=24, d=2, seed=0):
    """Noisy data with something to learn."""
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, d))
    y = np.abs(X[:, 0]) + 0.5 * random.standard_normal(n)
    return (X, y) if estimator is ReLURegressorCV else (X, np.where(y > 0.7, "yes", "no"))


def make(estimator, **options):
    """Return an estimator whose fit takes a moment."""
    return estimator(**{"betas": BETAS, "cv": 3, "n_jobs": 1} | options)


def signs(y):
    return np.where(y == "yes", 1.0, -1.0)


def held_out_loss(network, X, y, weight):
    outputs = network.predict(X)
    if y.dtype == np.float64:
        return np.average(0.5 * (outputs - y) ** 2, weights=weight)
    return np.average(np.log1p(np.exp(-signs(y) * outputs)), weights=weight)
