"""Figures of trainings and networks, as displays in scikit-learn's sense."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted, validate_data

from cvxnn._checks import positive_integer
from cvxnn._optional import optional_import
from cvxnn.networks._gated_network import GatedNetwork
from cvxnn.networks._network import Network

__all__ = ["NetworkDisplay", "TrainingDisplay"]

Array = NDArray[np.float64]


class TrainingDisplay:
    """Objective and proved lower bound over the seconds of a training.

    Parameters
    ----------
    history : structured ndarray
        Fields seconds, objective and lower_bound, as in ``history_`` of `ReLURegressor`.
    estimator_name : str, optional
        Title of the axes.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure around it.
    line_, lower_bound_line_ : matplotlib Line2D
        The objective and the lower bound.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn import ReLURegressor, TrainingDisplay
    >>> X = np.linspace(-1, 1, 9)[:, None]
    >>> model = ReLURegressor(beta=1e-3).fit(X, np.abs(X[:, 0]))
    >>> display = TrainingDisplay.from_estimator(model)
    >>> display.ax_.get_ylabel()
    'training objective'
    """

    def __init__(self, history: NDArray[np.void], *, estimator_name: str | None = None) -> None:
        self.history = history
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, name: str | None = None, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Draw the training of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator of cvxnn.
        name : str, optional
            Title of the axes; the estimator's class by default.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            Passed to `plot`.

        Returns
        -------
        TrainingDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted, or not one of cvxnn.
        ImportError
            If matplotlib is not installed; ``pip install "cvxnn[plot]"`` brings it.
        """
        check_is_fitted(estimator, "history_")
        display = cls(estimator.history_, estimator_name=name or type(estimator).__name__)
        return display.plot(ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            Passed to ``Axes.step`` for both lines; but for their labels.

        Returns
        -------
        TrainingDisplay
            This one, with the attributes set.
        """
        self.ax_, self.figure_ = _axes(ax)
        style = {"where": "post", "marker": "o", "markersize": 3.0, **kwargs}
        history = self.history
        bound = np.where(np.isfinite(history["lower_bound"]), history["lower_bound"], np.nan)
        seconds, objective = history["seconds"], history["objective"]
        (self.line_,) = self.ax_.step(seconds, objective, **style, label="objective")
        (self.lower_bound_line_,) = self.ax_.step(seconds, bound, **style, label="lower bound")
        self.ax_.set(xlabel="seconds", ylabel="training objective", title=self.estimator_name)
        self.ax_.legend()
        return self


class NetworkDisplay:
    """The outputs of a network of one or two features, and where its neurons switch.

    For one feature: the function, and its kinks as dots. For two: the outputs as filled contours,
    and the line of each neuron. Both within the range of the data.

    Parameters
    ----------
    network : Network or GatedNetwork
        With one output.
    X : array-like of shape (n, 1) or (n, 2)
        Samples, whose range is drawn.
    y : array-like of shape (n,), optional
        Targets, drawn as dots.
    feature_names : sequence of str, optional
        Labels of the axes; x0 and x1 by default.
    estimator_name : str, optional
        Title of the axes.

    Attributes
    ----------
    kinks : ndarray of shape (k,) or (k, 2, 2)
        For one feature where the neurons of use switch within the range. For two features the
        ends of each one's line.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure around it.
    line_ : matplotlib Line2D
        The function of one feature.
    surface_ : matplotlib QuadContourSet
        The function of two features.
    kinks_ : matplotlib Line2D or LineCollection
        The kinks.
    samples_ : matplotlib PathCollection or None
        The samples, if there is a `y`.

    Examples
    --------
    >>> from cvxnn import Network, NetworkDisplay
    >>> hat = Network([[1.0], [1.0], [1.0]], [1.0, 0.0, -1.0], [[1.0], [-2.0], [1.0]], [0.0])
    >>> display = NetworkDisplay(hat, [[-2.0], [2.0]]).plot()
    >>> display.kinks
    array([-1.,  0.,  1.])
    >>> display.line_.get_ydata().max()
    np.float64(1.0)
    """

    def __init__(
        self,
        network: Network | GatedNetwork,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        feature_names: Any = None,
        estimator_name: str | None = None,
    ) -> None:
        self.network = network
        self.X, self.y = _samples(network, X, y)
        self.feature_names = feature_names
        self.estimator_name = estimator_name
        self.low, self.high = _range(self.X)
        on_line = self.X.shape[1] == 1
        self.kinks = (_kinks if on_line else _kink_lines)(network, self.low, self.high)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        name: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the network of a fitted estimator; for a classifier its decision function.

        Parameters
        ----------
        estimator : estimator
            A fitted estimator of cvxnn.
        X : array-like of shape (n, 1) or (n, 2)
            Samples, whose range is drawn.
        y : array-like of shape (n,), optional
            Targets or labels, drawn as dots.
        name : str, optional
            Title of the axes; the estimator's class by default.
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        **kwargs
            Passed to `plot`.

        Returns
        -------
        NetworkDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted, or not one of cvxnn.
        ValueError
            If it has other features than X, or more than two.
        ImportError
            If matplotlib is not installed; ``pip install "cvxnn[plot]"`` brings it.
        """
        check_is_fitted(estimator, "network_")
        names = getattr(estimator, "feature_names_in_", None)
        inputs = validate_data(estimator, X, dtype=np.float64, reset=False)
        if y is not None and hasattr(estimator, "classes_"):
            y = np.where(np.asarray(y) == estimator.classes_[-1], 1.0, -1.0)
        display = cls(
            estimator.network_,
            inputs,
            y,
            feature_names=names,
            estimator_name=name or type(estimator).__name__,
        )
        return display.plot(ax, **kwargs)

    def plot(self, ax: Any = None, *, resolution: int = 200, **kwargs: Any) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure by default.
        resolution : int, default=200
            Points of the grid in each direction; for one feature the kinks are added.
        **kwargs
            Passed to ``Axes.plot`` for one feature and ``Axes.contourf`` for two.

        Returns
        -------
        NetworkDisplay
            This one, with the attributes set.

        Raises
        ------
        ValueError
            If `resolution` is not an integer above one.
        """
        if positive_integer("resolution", resolution) < 2:
            raise ValueError(f"resolution must be at least 2, got {resolution}")
        self.ax_, self.figure_ = _axes(ax)
        self.ax_.set(title=self.estimator_name)
        names = [f"x{k}" for k in range(2)] if self.feature_names is None else self.feature_names
        self.ax_.set_xlabel(names[0])
        self.samples_ = None
        if self.X.shape[1] == 1:
            self._plot_line(resolution, kwargs)
            self.ax_.set_ylabel("output")
        else:
            self._plot_surface(resolution, kwargs)
            self.ax_.set_ylabel(names[1])
        return self

    def _plot_line(self, resolution: int, kwargs: dict[str, Any]) -> None:
        # a gated network jumps at its kinks, so it is evaluated on both sides of them
        width = 1e-9 * (self.high[0] - self.low[0])
        grid = np.linspace(self.low[0], self.high[0], resolution)
        sides = [self.kinks - width, self.kinks, self.kinks + width]
        grid = np.unique(np.clip(np.concatenate([grid, *sides]), self.low[0], self.high[0]))
        (self.line_,) = self.ax_.plot(grid, self.network.predict(grid[:, None]), **kwargs)
        (self.kinks_,) = self.ax_.plot(
            self.kinks,
            self.network.predict(self.kinks[:, None]),
            "o",
            markersize=4.0,
            color=self.line_.get_color(),
        )
        if self.y is not None:
            self.samples_ = self.ax_.scatter(self.X[:, 0], self.y, s=8.0, color="gray", zorder=1)

    def _plot_surface(self, resolution: int, kwargs: dict[str, Any]) -> None:
        across, up = (np.linspace(self.low[k], self.high[k], resolution) for k in range(2))
        grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
        outputs = self.network.predict(grid).reshape(resolution, resolution)
        self.surface_ = self.ax_.contourf(across, up, outputs, **{"levels": 20, **kwargs})
        self.figure_.colorbar(self.surface_, ax=self.ax_, label="output")
        lines = optional_import("matplotlib.collections", extra="plot").LineCollection
        style = {"colors": "black", "linewidths": 0.8, "alpha": 0.6}
        self.kinks_ = self.ax_.add_collection(lines(self.kinks, **style), autolim=False)
        if self.y is not None:
            colours = {"cmap": self.surface_.cmap, "norm": self.surface_.norm}
            if np.isin(self.y, (-1.0, 1.0)).all():  # labels: the two ends of the colours
                colours = {"cmap": self.surface_.cmap, "vmin": -1.0, "vmax": 1.0}
            outline = {"edgecolors": "black", "linewidths": 0.4}
            self.samples_ = self.ax_.scatter(*self.X.T, c=self.y, s=14.0, **colours, **outline)
        self.ax_.set_xlim(self.low[0], self.high[0])
        self.ax_.set_ylim(self.low[1], self.high[1])


def _axes(ax: Any) -> tuple[Any, Any]:
    if ax is None:
        _, ax = optional_import("matplotlib.pyplot", extra="plot").subplots()
    return ax, ax.figure


def _samples(
    network: Network | GatedNetwork, X: ArrayLike, y: ArrayLike | None
) -> tuple[Array, Array | None]:
    """Check that the network and its samples can be drawn."""
    if not isinstance(network, (Network, GatedNetwork)):
        raise ValueError(f"network must be a cvxnn network, got {type(network).__name__}")
    d, n_outputs = network.hidden_weights.shape[1], network.output_weights.shape[1]
    if d not in (1, 2) or n_outputs != 1:
        raise ValueError(
            "network must have one or two features and one output to be drawn, "
            f"got {d} and {n_outputs}"
        )
    X = np.asarray(X, dtype=np.float64)
    if X.ndim != 2 or X.shape[1] != d or len(X) == 0:
        raise ValueError(f"X must have shape (n, {d}) with n > 0, got {X.shape}")
    if not np.isfinite(X).all():
        raise ValueError("X holds NaN or infinity")
    if y is None:
        return X, None
    y = np.asarray(y, dtype=np.float64)
    if y.shape != (len(X),):
        raise ValueError(f"y has shape {y.shape}, but X has {len(X)} samples")
    return X, y


def _range(X: Array) -> tuple[Array, Array]:
    """Return the least and largest of each feature, pulled apart where they are equal."""
    low, high = X.min(axis=0), X.max(axis=0)
    half = np.where(low == high, np.maximum(0.5, 0.5 * np.abs(low)), 0.0)
    return low - half, high + half


def _switches(network: Network | GatedNetwork) -> tuple[Array, Array]:
    """Return w and b of the lines w . x + b = 0 at which neurons of use switch."""
    if isinstance(network, GatedNetwork):
        weights, bias = network.gates, network.gate_bias
    else:
        weights, bias = network.hidden_weights, network.hidden_bias
    used = network.output_weights.any(axis=1) & weights.any(axis=1)
    size = np.abs(weights[used]).max(axis=1)
    with np.errstate(over="ignore"):  # lines too far away to be seen
        return weights[used] / size[:, None], bias[used] / size


def _kinks(network: Network | GatedNetwork, low: Array, high: Array) -> Array:
    weights, bias = _switches(network)
    kinks = np.unique(-bias / weights[:, 0]) + 0.0  # turns -0.0 into 0.0
    inside: Array = kinks[(kinks >= low) & (kinks <= high)]
    return inside


def _kink_lines(network: Network | GatedNetwork, low: Array, high: Array) -> Array:
    """Return the part of each neuron's line within the range, as its two ends."""
    weights, bias = _switches(network)
    squares = np.sum(weights**2, axis=1)
    feet = weights * (-bias / squares)[:, None]
    along = np.column_stack([-weights[:, 1], weights[:, 0]])
    # x = foot + t along lies between low and high for t between the largest start and least end
    with np.errstate(divide="ignore", invalid="ignore"):
        walls = np.stack([(low - feet) / along, (high - feet) / along])
    start = np.fmax.reduce(walls.min(axis=0), axis=1)
    end = np.fmin.reduce(walls.max(axis=0), axis=1)
    inside = start < end
    times = np.stack([start, end], axis=1)[inside, :, None]
    ends: Array = feet[inside, None, :] + times * along[inside, None, :]
    return ends
