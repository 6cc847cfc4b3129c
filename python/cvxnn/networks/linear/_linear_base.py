"""What regressors share whose networks are linear functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

__all__ = ["LinearRegressor"]

Array = NDArray[np.float64]


class LinearRegressor(RegressorMixin, BaseEstimator):
    """Base of the regressors with a `network_`, for one target or several."""

    network_: Any

    def _keep_map(self, coef: Array, constant: Array, shape_of_target: tuple[int, ...]) -> None:
        """Set the attributes of a map of shape (d, C), as the targets were given."""
        self.coef_ = coef.reshape(len(coef), *shape_of_target)
        self.intercept_ = constant if shape_of_target else float(constant[0])

    def predict(self, X: ArrayLike) -> Array:
        """Predict targets.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs.

        Returns
        -------
        ndarray of shape (n,) or (n, C), as the targets of `fit`
        """
        check_is_fitted(self)
        inputs: Any = validate_data(self, X, dtype=np.float64, reset=False)
        outputs = self.network_.predict(inputs)
        return np.asarray(outputs.reshape(len(outputs), *self.coef_.shape[1:]))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
