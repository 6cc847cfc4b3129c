"""scikit-learn's own checks, with no expected failure."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from cvxnn import GatedReLUClassifier, GatedReLURegressor, ReLUClassifier, ReLURegressor


# beta large enough for the noisy data of some checks to be learnt in seconds, not interpolated;
# few gates, because without cones all of them together say little about points between samples
# (one check weighs two of three classes by next to nothing and asks for the third elsewhere)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        ReLURegressor(10.0),
        ReLUClassifier(0.1),
        GatedReLURegressor(),
        GatedReLUClassifier(0.1, patterns=50),
    ]
)
def test_estimator(estimator, check):
    check(estimator)
