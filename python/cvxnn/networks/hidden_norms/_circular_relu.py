"""Estimators of three-layer networks with a circular convolution first."""

from __future__ import annotations

from typing import Any

from cvxnn._checks import one_of
from cvxnn.networks._classifier import ConvexClassifier
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._regressors import ConvexRegressor
from cvxnn.networks.hidden_norms._circular_network import circular_network_of
from cvxnn.networks.hidden_norms._norm_program import NormNeurons
from cvxnn.networks.hidden_norms._norm_relu import NormEstimator

__all__ = ["CircularReLUClassifier", "CircularReLURegressor"]


class _CircularEstimator(NormEstimator):
    """What both share: the norm, and the networks."""

    def _norm_and_bias(self) -> tuple[str, str]:
        return "circular", "none"

    def _network_of(self, problem: TrainingProblem, neurons: NormNeurons) -> Any:
        return circular_network_of(neurons, problem.n_outputs)

    def _objective_of(self, problem: TrainingProblem, network: Any) -> float:
        return float(
            network.objective(
                problem.inputs,
                problem.y,
                beta=problem.beta,
                loss=problem.loss.name,
                delta=problem.loss.delta,
                sample_weight=problem.weight,
            )
        )


class CircularReLURegressor(_CircularEstimator, ConvexRegressor):
    """Three-layer network on signals for regression: circular convolution, dense ReLU, output.

    Minimises ``sum_k loss(f(x_k), y_k) + beta / 2 * sum_j (||w_j||^2 + |a_j|^2)`` over the networks
    of `CircularNetwork` with any number of neurons, whose filters have ``||u_j|| <= 1`` (Ergen and
    Pilanci, arXiv 2006.14798): the program of two-layer networks with ``||F v||_1 / sqrt(d)`` in
    place of the norm of a neuron v, F being the unitary Fourier transform. So neurons are sums of
    few sinusoids, and what signals cost does not depend on where they begin. There are no biases.

    Parameters
    ----------
    beta : float, default=1e-2
        Strength of the weight decay. The loss is a sum, so the same `beta` weighs less on more
        samples.
    loss, delta
        As in `NormReLURegressor`.
    patterns : {"auto", "exact"}, int or Cells, default="auto"
        As in `NormReLURegressor`.
    tol, max_time, n_jobs, random_state
        As in `NormReLURegressor`.

    Attributes
    ----------
    network_ : CircularNetwork
        The trained network, with at most as many neurons as there are targets of samples.
    certificate_ : NormCertificate
        Its objective and the proved lower bound.
    status_, n_iter_, history_, n_features_in_, feature_names_in_
        As in `NormReLURegressor`.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import CircularReLURegressor
    >>> X = np.random.default_rng(0).standard_normal((8, 4))
    >>> model = CircularReLURegressor(0.1).fit(X, np.abs(X.sum(axis=1)))
    >>> model.certificate_.scope, model.status_
    ('global', 'converged')
    >>> moved = CircularReLURegressor(0.1).fit(np.roll(X, 1, axis=1), np.abs(X.sum(axis=1)))
    >>> bool(abs(moved.certificate_.objective / model.certificate_.objective - 1.0) < 1e-4)
    True
    """

    def __init__(
        self,
        beta: float = 1e-2,
        *,
        loss: str = "squared",
        delta: float = 1.0,
        patterns: Any = "auto",
        tol: float = 1e-4,
        max_time: float | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.beta = beta
        self.loss = loss
        self.delta = delta
        self.patterns = patterns
        self.tol = tol
        self.max_time = max_time
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _model(self) -> dict[str, Any]:
        return {"loss": one_of("loss", self.loss, ("squared", "huber")), "delta": self.delta}


class CircularReLUClassifier(_CircularEstimator, ConvexClassifier):
    """Three-layer network on signals for classification, as `CircularReLURegressor`.

    Minimises ``sum_k loss(y_k f(x_k)) + beta / 2 * sum_j (||w_j||^2 + |a_j|^2)``, or the
    cross-entropy for more than two classes.

    Parameters
    ----------
    beta
        As in `CircularReLURegressor`.
    loss, class_weight
        As in `NormReLUClassifier`.
    patterns, tol, max_time, n_jobs, random_state
        As in `NormReLURegressor`.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        The class labels, sorted.
    network_, certificate_, status_, n_iter_, history_, n_features_in_, feature_names_in_
        As in `CircularReLURegressor`.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import CircularReLUClassifier
    >>> steps = np.arange(8)
    >>> X = np.array([np.cos(np.pi * steps * k / 4.0) for k in (0, 1, 2, 3, 4)])
    >>> model = CircularReLUClassifier(0.05).fit(X, [0, 1, 0, 1, 0])
    >>> model.certificate_.scope, model.score(X, [0, 1, 0, 1, 0])
    ('global', 1.0)
    """

    def __init__(
        self,
        beta: float = 1e-2,
        *,
        loss: str = "logistic",
        patterns: Any = "auto",
        class_weight: Any = None,
        tol: float = 1e-4,
        max_time: float | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.beta = beta
        self.loss = loss
        self.patterns = patterns
        self.class_weight = class_weight
        self.tol = tol
        self.max_time = max_time
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _model(self) -> dict[str, Any]:
        one_of("loss", self.loss, ("logistic", "squared_hinge"))
        return {}
