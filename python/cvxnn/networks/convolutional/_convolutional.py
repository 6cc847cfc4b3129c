"""Estimators of two-layer convolutional networks."""

from __future__ import annotations

from typing import Any

from cvxnn._checks import one_of
from cvxnn.networks._base import ConvexEstimator
from cvxnn.networks._classifier import ConvexClassifier
from cvxnn.networks._patches import Patches
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._regressors import REGRESSION_LOSSES, ConvexRegressor
from cvxnn.networks._training import Trained
from cvxnn.networks.convolutional._pooled_training import TrainedFilters, train_filters

__all__ = ["ConvReLUClassifier", "ConvReLURegressor"]


def _convolution(model: Any) -> dict[str, Any]:
    """Return what regressor and classifier tell the training problem."""
    patches = Patches.from_arguments(
        model.n_features_in_,
        input_shape=model.input_shape,
        kernel_size=model.kernel_size,
        stride=model.stride,
        padding=model.padding,
        pooling=model.pooling,
    )
    return {
        "activation": model.activation,
        "negative_slope": model.negative_slope,
        "patches": patches,
        "rank": model.rank,
    }


class _ConvolutionalEstimator(ConvexEstimator):
    """Training of both."""

    pooling: str

    def _train(
        self, problem: TrainingProblem, *, n_threads: int, **options: Any
    ) -> Trained | TrainedFilters:
        if self.pooling != "max":
            return super()._train(problem, n_threads=n_threads, **options)
        return train_filters(
            problem, self.patterns, self.random_state, n_threads=n_threads, **options
        )


class ConvReLURegressor(_ConvolutionalEstimator, ConvexRegressor):
    """Two-layer convolutional ReLU network for regression, trained to global optimality.

    Minimises ``sum_k loss(f(x_k), y_k) + beta / 2 * sum_j (||w_j||^2 + |a_j|^2)`` over networks
    ``f(x) = sum_j a_j sum_k (w_j . x_k + b_j)_+`` with any number of filters w_j, where the x_k are
    the patches of an input x. The program is that of a fully connected network on the patches,
    the outputs of which are added up (Ergen and Pilanci, arXiv 2006.14798, Theorem 2.1), so its
    cells are those of the patches: with small filters they can all be priced, whatever the size of
    the inputs.

    With max pooling the largest output over patches takes the place of the sum. It is linear in a
    filter that keeps the patch of each sample that it takes, which is a cell of the patches and of
    their differences (after the same paper); these cells are far more, so "exact" is for a few
    dozen samples of small filters.

    Parameters
    ----------
    beta : float, default=1e-2
        Strength of the weight decay. The loss is a sum, so the same `beta` weighs less on more
        samples.
    input_shape : int or tuple of int, optional
        What a row of X holds, flattened in C order: a signal of some length, (height, width) or
        (channels, height, width). None: one signal.
    kernel_size : int or tuple of two int, optional
        Size of the filters; None means 3, or what there is of the input.
    stride : int or tuple of two int, default=1
        Steps of the filters.
    padding : int or tuple of two int, default=0
        Zeros added on either side of the input.
    pooling : {"sum", "average", "max"}, default="sum"
        How what a filter puts out is combined. "max" is for `activation` "relu", `bias`
        "regularized" or "none", and the losses squared, Huber, logistic and squared hinge.
    rank : int, optional
        Train on that many singular directions only, of all patches, of which every cell can be
        priced where filters are too large, as in `ReLURegressor`.
    activation, negative_slope, loss, delta, patterns, bias, tol, max_time, n_jobs, random_state
        As in `ReLURegressor`, where a filter stands for a neuron and every patch for a sample with
        an activation of its own, but no "threshold". `Cells` have a hyperplane for each patch,
        those of a sample one after the other. With max pooling `patterns` are selections of
        patches: "exact" lists up to 500,000 cells of patches and their differences, which is all
        that there are, "auto" up to 200,000, and an integer stands for those of so many Gaussian
        filters. Beyond, "auto" searches as `ReLURegressor` does, and the bound is loose.

    Attributes
    ----------
    network_ : ConvNetwork
        The trained network.
    certificate_ : Certificate or MaxPoolingCertificate
        Its objective and the proved lower bound; the latter with max pooling.
    status_, n_iter_, history_, guaranteed_ratio_, n_features_in_, feature_names_in_
        As in `ReLURegressor`. With max pooling, "stalled" if no selection that was found gains
        more, but the bound is not within `tol`.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import ConvReLURegressor
    >>> X = np.random.default_rng(0).standard_normal((30, 8))
    >>> y = np.maximum(np.diff(X), 0.0).sum(axis=1)  # how far a signal rises
    >>> model = ConvReLURegressor(1e-3, kernel_size=2, bias="none").fit(X, y)
    >>> model.certificate_.scope, bool(model.score(X, y) > 0.999)
    ('global', True)
    >>> steepest = np.maximum(np.diff(X[:9, :4]), 0.0).max(axis=1)
    >>> model = ConvReLURegressor(1e-3, kernel_size=2, bias="none", pooling="max")
    >>> bool(model.fit(X[:9, :4], steepest).score(X[:9, :4], steepest) > 0.999)
    True
    >>> model.status_, model.certificate_.scope
    ('converged', 'global')
    """

    def __init__(
        self,
        beta: float = 1e-2,
        *,
        input_shape: Any = None,
        kernel_size: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        pooling: str = "sum",
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
        self.beta = beta
        self.input_shape = input_shape
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.pooling = pooling
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

    def _model(self) -> dict[str, Any]:
        loss = one_of("loss", self.loss, REGRESSION_LOSSES)
        return {"loss": loss, "delta": self.delta, **_convolution(self)}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # where features are no signal
        return tags


class ConvReLUClassifier(_ConvolutionalEstimator, ConvexClassifier):
    """Two-layer convolutional ReLU network for classification, trained to global optimality.

    Minimises ``sum_k loss(y_k f(x_k)) + beta / 2 * sum_j (||w_j||^2 + a_j^2)``, or the
    cross-entropy for more than two classes as in `ReLUClassifier`, over the networks of
    `ConvReLURegressor`.

    Parameters
    ----------
    beta : float, default=1e-2
        Strength of the weight decay. The loss is a sum, so the same `beta` weighs less on more
        samples.
    input_shape, kernel_size, stride, padding, pooling, rank
        As in `ConvReLURegressor`.
    activation, negative_slope, loss, patterns, bias, class_weight, tol, max_time, n_jobs, \
random_state
        As in `ReLUClassifier`, where a filter stands for a neuron and every patch for a sample with
        an activation of its own, but no "threshold".

    Attributes
    ----------
    network_ : ConvNetwork
        The trained network.
    classes_, certificate_, status_, n_iter_, history_, guaranteed_ratio_, n_features_in_, \
feature_names_in_
        As in `ReLUClassifier`.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import ConvReLUClassifier
    >>> X = np.random.default_rng(0).standard_normal((60, 6))
    >>> y = np.abs(np.diff(X)).max(axis=1) > 2.0  # signals with a jump
    >>> model = ConvReLUClassifier(0.1, kernel_size=2).fit(X, y)
    >>> model.certificate_.scope, bool(model.score(X, y) > 0.9)
    ('global', True)
    """

    def __init__(
        self,
        beta: float = 1e-2,
        *,
        input_shape: Any = None,
        kernel_size: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        pooling: str = "sum",
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
        self.beta = beta
        self.input_shape = input_shape
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.pooling = pooling
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

    def _model(self) -> dict[str, Any]:
        return _convolution(self)
