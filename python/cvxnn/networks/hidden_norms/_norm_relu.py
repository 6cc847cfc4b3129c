"""Estimators of two-layer networks under other norms of hidden weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import _check_sample_weight

from cvxnn._callbacks import fit_tasks
from cvxnn._checks import one_of, positive_number, positive_or_none
from cvxnn._threads import thread_count
from cvxnn.networks._base import ConvexEstimator
from cvxnn.networks._classifier import ConvexClassifier
from cvxnn.networks._ends import warn_of_end
from cvxnn.networks._network import Network
from cvxnn.networks._problem import TrainingProblem
from cvxnn.networks._regressors import ConvexRegressor
from cvxnn.networks.hidden_norms._hidden_norm import hidden_norm
from cvxnn.networks.hidden_norms._norm_program import NormNeurons
from cvxnn.networks.hidden_norms._norm_training import train_under_norm

__all__ = ["NormEstimator", "NormReLUClassifier", "NormReLURegressor"]

Array = NDArray[np.float64]


class NormEstimator(ConvexEstimator):
    """Training by norms of hidden weights, in place of that by the Euclidean one."""

    hidden_norm: str

    def _fit(
        self, X: Array, y: Array, sample_weight: ArrayLike | None, labels: Any, **model: Any
    ) -> None:
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        tol = positive_number("tol", self.tol)
        max_time = positive_or_none("max_time", self.max_time)
        name, bias = self._norm_and_bias()
        problem = TrainingProblem.from_arrays(
            X, y, beta=self.beta, bias=bias, sample_weight=weight, **model
        )
        norm = hidden_norm(name, problem.design.shape[1])
        with fit_tasks(self, X, labels, weight) as tasks:
            trained = train_under_norm(
                problem,
                norm,
                lambda neurons: self._network_of(problem, neurons),
                lambda network: self._objective_of(problem, network),
                self.patterns,
                self.random_state,
                tol=tol,
                max_time=max_time,
                n_threads=thread_count(self.n_jobs),
                on_round=tasks.on_progress,
            )
        self._keep(trained)
        searched = trained.certificate.method in ("branch_and_bound", "relaxation")
        ended = searched and trained.status == "stalled"  # by itself; its bound is another matter
        if trained.status not in ("converged", "stopped") and not ended:
            warn_of_end(self, stacklevel=4)

    def _norm_and_bias(self) -> tuple[str, str]:
        names = one_of("hidden_norm", self.hidden_norm, ("l1", "linf"))
        return names, one_of("bias", self.bias, ("regularized", "none"))

    def _network_of(self, problem: TrainingProblem, neurons: NormNeurons) -> Any:
        """Split the norm of u evenly between the layers, as in arXiv 2002.10553, eq. 13."""
        norm = hidden_norm(self.hidden_norm, problem.design.shape[1])
        roots = np.sqrt(norm.values(neurons.vectors))
        weights = neurons.vectors / roots[:, None]
        outputs = np.zeros((len(neurons), problem.n_outputs))
        outputs[np.arange(len(neurons)), neurons.outputs] = neurons.signs * roots
        bias = np.zeros(len(neurons))
        if problem.bias != "none":
            weights, bias = weights[:, :-1], weights[:, -1]
        return Network(weights, bias, outputs, np.zeros(problem.n_outputs))

    def _objective_of(self, problem: TrainingProblem, network: Any) -> float:
        return float(
            network.objective(
                problem.inputs,
                problem.y,
                beta=problem.beta,
                loss=problem.loss.name,
                delta=problem.loss.delta,
                bias=problem.bias,
                sample_weight=problem.weight,
                hidden_norm=self.hidden_norm,
            )
        )


class NormReLURegressor(NormEstimator, ConvexRegressor):
    """Two-layer ReLU network for regression under another norm of hidden weights.

    Minimises ``sum_k loss(f(x_k), y_k) + beta / 2 * sum_j (||w_j||_p^2 + |a_j|^2)`` over networks f
    of any width, for p = 1 or infinity, by the convex program of Pilanci and Ergen (arXiv
    2002.10553) with this norm in place of the Euclidean one, for which there is `ReLURegressor`.
    The l1 norm makes neurons that see few features. For several targets ``|a_j|`` is the l1 norm of
    a neuron's output weights.

    Parameters
    ----------
    beta : float, default=1e-2
        Strength of the weight decay. The loss is a sum, so the same `beta` weighs less on more
        samples.
    hidden_norm : {"l1", "linf"}, default="l1"
        The sum of moduli of the weights of a neuron, or the largest of these.
    loss : {"squared", "huber"}, default="squared"
        ``(f - y)^2 / 2``, or the same where ``|f - y| <= delta`` and ``delta (|f - y| - delta /
        2)`` elsewhere.
    delta : float, default=1.0
        Where the Huber loss turns linear, in units of the target.
    patterns : {"auto", "exact"}, int or Cells, default="auto"
        Activation patterns that neurons may have on the training data. "exact": every cell, up to a
        million; the certificate is global and tight. An integer: that many sampled cells. `Cells`:
        these. "auto": every cell where cells times the size of the data (a bias is a feature, a
        target multiplies) are ten million at most, say 33,000 cells of 100 samples with three
        features. Otherwise a search: the program is solved over 200 sampled cells, and cells are
        added that promise a gain, until none is found; the bound, from the Euclidean norm or from
        corners around the norm's ball, is then valid but loose.
    bias : {"regularized", "none"}, default="regularized"
        "regularized": neurons have a bias, which is one more weight under the norm. "none": no
        biases.
    tol : float, default=1e-4
        Relative gap between objective and lower bound at which to stop.
    max_time : float, optional
        Seconds after which the best network so far is returned, with status "time_limit".
    n_jobs : int, optional
        Threads; None means all processors. The result does not depend on it.
    random_state : int or RandomState, optional
        Source of randomness for sampled cells and the search; the latter takes None for 0.

    Attributes
    ----------
    network_ : Network
        The trained network, with at most as many neurons as there are targets of samples.
    certificate_ : NormCertificate
        Its objective and the proved lower bound.
    status_ : {"converged", "time_limit", "iteration_limit", "stopped", "stalled"}
        How training ended. "stalled": no cells that were found gain more, but the bound is not
        within `tol`.
    n_iter_ : int
        Iterations of the interior-point method, or rounds of the search.
    history_ : structured ndarray
        Fields seconds, objective, lower_bound, n_neurons, one entry per iteration.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, if X had string column names.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import NormReLURegressor
    >>> X = np.random.default_rng(0).standard_normal((12, 3))
    >>> model = NormReLURegressor(0.5, bias="none").fit(X, np.abs(X[:, 0]))
    >>> model.certificate_.scope, model.status_
    ('global', 'converged')
    >>> print(np.flatnonzero(np.any(model.network_.hidden_weights, axis=0)))
    [0]
    """

    def __init__(
        self,
        beta: float = 1e-2,
        *,
        hidden_norm: str = "l1",
        loss: str = "squared",
        delta: float = 1.0,
        patterns: Any = "auto",
        bias: str = "regularized",
        tol: float = 1e-4,
        max_time: float | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.beta = beta
        self.hidden_norm = hidden_norm
        self.loss = loss
        self.delta = delta
        self.patterns = patterns
        self.bias = bias
        self.tol = tol
        self.max_time = max_time
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _model(self) -> dict[str, Any]:
        return {"loss": one_of("loss", self.loss, ("squared", "huber")), "delta": self.delta}


class NormReLUClassifier(NormEstimator, ConvexClassifier):
    """Two-layer ReLU network for classification under another norm of hidden weights.

    Minimises ``sum_k loss(y_k f(x_k)) + beta / 2 * sum_j (||w_j||_p^2 + |a_j|^2)``, or the
    cross-entropy for more than two classes as in `ReLUClassifier`, over the networks of
    `NormReLURegressor`.

    Parameters
    ----------
    beta, hidden_norm
        As in `NormReLURegressor`.
    loss : {"logistic", "squared_hinge"}, default="logistic"
        ``log(1 + exp(-m))`` or ``max(0, 1 - m)^2 / 2`` of the margin m = y f. "logistic" is the
        cross-entropy for more than two classes; the other is for two.
    patterns, bias
        As in `NormReLURegressor`.
    class_weight : dict or "balanced", optional
        Weights of the classes in the loss, as in scikit-learn.
    tol, max_time, n_jobs, random_state
        As in `NormReLURegressor`.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        The class labels, sorted.
    network_, certificate_, status_, n_iter_, history_, n_features_in_, feature_names_in_
        As in `NormReLURegressor`.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import NormReLUClassifier
    >>> X = np.array([[-2.0], [-1], [0], [1], [2]])
    >>> model = NormReLUClassifier(0.05, hidden_norm="linf").fit(X, [0, 1, 0, 1, 0])
    >>> model.certificate_.scope, model.score(X, [0, 1, 0, 1, 0])
    ('global', 1.0)
    """

    def __init__(
        self,
        beta: float = 1e-2,
        *,
        hidden_norm: str = "l1",
        loss: str = "logistic",
        patterns: Any = "auto",
        bias: str = "regularized",
        class_weight: Any = None,
        tol: float = 1e-4,
        max_time: float | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.beta = beta
        self.hidden_norm = hidden_norm
        self.loss = loss
        self.patterns = patterns
        self.bias = bias
        self.class_weight = class_weight
        self.tol = tol
        self.max_time = max_time
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _model(self) -> dict[str, Any]:
        one_of("loss", self.loss, ("logistic", "squared_hinge"))
        return {}
