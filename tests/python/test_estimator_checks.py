"""scikit-learn's own checks, with no expected failure."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from cvxnn import GatedReLURegressor, ReLUClassifier, ReLURegressor


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([ReLURegressor(), ReLUClassifier(), GatedReLURegressor()])
def test_estimator(estimator, check):
    check(estimator)
