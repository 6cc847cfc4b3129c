"""Linear models with a penalty on groups of coefficients, each solution with its duality gap.

The problem is to minimise, over coefficients W and unpenalised intercepts b, the mean loss plus
``alpha * sum_g weight_g ||W_g|| + l1 ||W||_1 + l2/2 ||W||^2``.
"""

from __future__ import annotations

from cvxnn.group_lasso._classifiers import GroupLassoClassifier
from cvxnn.group_lasso._cv import GroupLassoClassifierCV, GroupLassoCV
from cvxnn.group_lasso._masked import MaskedDesign
from cvxnn.group_lasso._path import alpha_max, group_lasso_path
from cvxnn.group_lasso._regressors import GroupLasso

__all__ = [
    "GroupLasso",
    "GroupLassoCV",
    "GroupLassoClassifier",
    "GroupLassoClassifierCV",
    "MaskedDesign",
    "alpha_max",
    "group_lasso_path",
]
for _public in (GroupLasso, GroupLassoCV, GroupLassoClassifier, GroupLassoClassifierCV):
    _public.__module__ = __name__
MaskedDesign.__module__ = __name__
