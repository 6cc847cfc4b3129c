"""Networks as plain values: weights, forward pass, training objective."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn._checks import one_of
from cvxnn.networks._activations import THRESHOLD, activated, check_activation, slope_of, switched
from cvxnn.networks._exchange import layers_of_sklearn, layers_of_torch, torch_module
from cvxnn.networks._files import SavedInFiles
from cvxnn.networks._layers import (
    OUTPUT_NORMS,
    as_inputs,
    check_layers,
    rebuilt,
    squeezed,
    two_layer_objective,
)
from cvxnn.networks._onnx import onnx_model
from cvxnn.networks._prune import pruned_layers, pruned_thresholds

__all__ = ["Network"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Network(SavedInFiles):
    """A two-layer network ``f(x) = sum_j a_j (w_j . x + b_j)_+ + c``.

    Parameters
    ----------
    hidden_weights : ndarray of shape (m, d)
        First-layer weights w.
    hidden_bias : ndarray of shape (m,)
        First-layer biases b.
    output_weights : ndarray of shape (m, C)
        Second-layer weights a.
    output_bias : ndarray of shape (C,)
        Output biases c.
    activation : {"relu", "leaky_relu", "abs", "threshold"}
        The activation function; the formula above is for "relu". "threshold" is 1 where its
        argument is positive and 0 elsewhere.
    negative_slope : float
        Slope of "leaky_relu" below zero.

    Examples
    --------
    >>> from cvxnn import Network
    >>> hat = Network([[1.0], [1.0], [1.0]], [1.0, 0.0, -1.0], [[1.0], [-2.0], [1.0]], [0.0])
    >>> hat.predict([[-1.0], [0.0], [0.5]])
    array([0. , 1. , 0.5])
    """

    hidden_weights: Array
    hidden_bias: Array
    output_weights: Array
    output_bias: Array
    activation: str = "relu"
    negative_slope: float = 0.0

    def __post_init__(self) -> None:
        check_layers(self)
        check_activation(self.activation, self.negative_slope)
        object.__setattr__(self, "negative_slope", float(self.negative_slope))

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuilt(self)

    @property
    def n_neurons(self) -> int:
        """The number m of hidden neurons."""
        return len(self.hidden_bias)

    @property
    def slope(self) -> float:
        """Slope of the activation below zero; ValueError for "threshold", which is not linear."""
        return slope_of(self.activation, self.negative_slope)

    def predict(self, X: ArrayLike) -> Array:
        """Return the raw outputs, shape (n,) for one output and (n, C) for more."""
        X = as_inputs(X, self.hidden_weights)
        z = X @ self.hidden_weights.T + self.hidden_bias
        hidden = switched(z) if self.activation == THRESHOLD else activated(z, self.slope)
        return squeezed(hidden @ self.output_weights + self.output_bias)

    def objective(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        beta: float,
        loss: str = "squared",
        delta: float = 1.0,
        bias: str = "regularized",
        output_norm: str = "l1",
        hidden_norm: str = "l2",
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Evaluate the training objective of this network by its forward pass.

        The sum over samples of the loss plus ``beta / 2`` times the sum over neurons of
        ``||w_j||^2 + ||a_j||_1^2``, where w_j includes the hidden bias if it is regularised
        (Pilanci and Ergen, arXiv 2002.10553, eq. 2), and the norm of the output weights is the
        Euclidean one with `output_norm` "l2"; for "threshold", which does not see the scale
        of w_j, ``beta`` times the sum of the norms of the a_j (Ergen et al., arXiv 2303.03382), and
        no bias costs anything. The losses: squared ``(f - y)^2 / 2``,
        absolute ``|f - y|``, Huber (squared up to `delta`, linear beyond), logistic
        ``log(1 + exp(-y f))``, hinge ``max(0, 1 - y f)``, squared hinge, half its square,
        multinomial, the cross-entropy of the softmax of the outputs.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs.
        y : array-like of shape (n,) or (n, C)
            Targets; -1 or 1 for logistic and hinge losses, one-hot rows for the multinomial loss.
        beta : float
            Strength of the weight decay.
        loss : {"squared", "absolute", "huber", "logistic", "hinge", "squared_hinge", "multinomial"}
            The loss.
        delta : float
            Where the Huber loss turns linear.
        bias : {"regularized", "free", "none"}
            Which biases the network may have and what they cost: hidden ones, penalised like
            weights; hidden ones and one of the output, not penalised; none.
        output_norm : {"l1", "l2"}
            The norm of the output weights of a neuron; for one output they are the same.
        hidden_norm : {"l2", "l1", "linf"}
            The norm of w_j, with another than the first as in `NormReLURegressor`; these do not go
            with biases that are not penalised, nor with "threshold".
        sample_weight : array-like of shape (n,), optional
            Weights of the samples in the loss.

        Returns
        -------
        float
        """
        return two_layer_objective(
            self,
            X,
            y,
            beta=beta,
            loss=loss,
            delta=delta,
            bias=bias,
            output_norm=output_norm,
            sample_weight=sample_weight,
            hidden_norm=hidden_norm,
        )

    def prune(self, X: ArrayLike, *, output_norm: str = "l1") -> Network:
        """Return a network with fewer neurons and the same outputs on some samples.

        Its weight decay, biases included, is not larger; elsewhere its outputs may differ (Mishkin
        and Pilanci, arXiv 2306.00119). With "threshold" the same holds for the penalty of its
        objective.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The samples.
        output_norm : {"l1", "l2"}
            The norm of output weights in the weight decay.

        Returns
        -------
        Network
            With at most n C neurons.

        Examples
        --------
        >>> import numpy as np
        >>> from cvxnn import Network
        >>> random = np.random.default_rng(0)
        >>> wide = Network(*map(random.standard_normal, [(50, 2), 50, (50, 1), 1]))
        >>> X = random.standard_normal((4, 2))
        >>> small = wide.prune(X)
        >>> small.n_neurons <= 4, np.allclose(small.predict(X), wide.predict(X))
        (True, True)
        """
        X = as_inputs(X, self.hidden_weights)
        if not np.isfinite(X).all():
            raise ValueError("X holds NaN or infinity")
        order = 1 if one_of("output_norm", output_norm, OUTPUT_NORMS) == "l1" else 2
        design = np.column_stack([X, np.ones(len(X))])
        hidden = np.column_stack([self.hidden_weights, self.hidden_bias])
        if self.activation == THRESHOLD:
            hidden, outputs = pruned_thresholds(design, hidden, self.output_weights, order)
        else:
            hidden, outputs = pruned_layers(design, hidden, self.output_weights, self.slope, order)
        return replace(
            self,
            hidden_weights=hidden[:, :-1],
            hidden_bias=hidden[:, -1],
            output_weights=outputs,
        )

    @classmethod
    def from_sklearn(cls, mlp: Any) -> Network:
        """Take the weights of a fitted `MLPRegressor` or `MLPClassifier`.

        scikit-learn penalises no bias and takes the mean of loss and penalty over the samples, so
        its `alpha` is `beta` with ``bias="free"``.

        Parameters
        ----------
        mlp : MLPRegressor or MLPClassifier
            With one hidden layer and activation "relu".

        Returns
        -------
        Network
            Its outputs are those of the last layer: decision values for a classifier.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.neural_network import MLPRegressor
        >>> from cvxnn import Network
        >>> X = np.linspace(-1, 1, 9)[:, None]
        >>> mlp = MLPRegressor(hidden_layer_sizes=20, solver="lbfgs", random_state=0)
        >>> mlp = mlp.fit(X, np.abs(X[:, 0]))
        >>> np.allclose(Network.from_sklearn(mlp).predict(X), mlp.predict(X))
        True
        """
        return cls(*layers_of_sklearn(mlp))

    @classmethod
    def from_torch(cls, module: Any) -> Network:
        """Take the weights of a PyTorch module.

        Parameters
        ----------
        module : torch.nn.Sequential
            Of Linear, ReLU or LeakyReLU, and Linear, on any device and in any precision.

        Returns
        -------
        Network
        """
        return cls(*layers_of_torch(module))

    def to_torch(self) -> Any:
        """Return the network as a PyTorch module in double precision.

        Returns
        -------
        torch.nn.Sequential
            Of Linear, ReLU or LeakyReLU, and Linear; outputs have shape (n, C).

        Raises
        ------
        ValueError
            If PyTorch has no module for the activation ("abs", "threshold").
        """
        layers = self.hidden_weights, self.hidden_bias, self.output_weights, self.output_bias
        return torch_module(layers, self.activation, self.negative_slope)

    def to_onnx(self) -> Any:
        """Return the network as an ONNX model in double precision.

        Returns
        -------
        onnx.ModelProto
            Its input X has shape (n, d) and its output Y shape (n, C), for any n.

        Raises
        ------
        ImportError
            If onnx is not installed; ``pip install "cvxnn[onnx]"`` brings it.

        Examples
        --------
        >>> import numpy as np
        >>> from onnx.reference import ReferenceEvaluator
        >>> from cvxnn import Network
        >>> hat = Network([[1.0], [1.0], [1.0]], [1.0, 0.0, -1.0], [[1.0], [-2.0], [1.0]], [0.0])
        >>> ReferenceEvaluator(hat.to_onnx()).run(None, {"X": np.array([[0.0], [0.5]])})
        [array([[1. ],
               [0.5]])]
        """
        layers = self.hidden_weights, self.hidden_bias, self.output_weights, self.output_bias
        return onnx_model(layers, self.activation, self.negative_slope)
