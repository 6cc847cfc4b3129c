"""Figures of trainings and networks."""

import numpy as np
import pytest
from helpers import gaussian_problem
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge

from cvxnn import (
    GatedNetwork,
    GatedReLURegressor,
    Network,
    NetworkDisplay,
    ReLUClassifier,
    ReLURegressor,
    TrainingDisplay,
)

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

LINE = np.linspace(-2.0, 2.0, 9)[:, None]
HAT = Network([[1.0], [1.0], [1.0]], [1.0, 0.0, -1.0], [[1.0], [-2.0], [1.0]], [0.0])


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    pyplot.close("all")


def draw(display):
    """Render, which raises what plotting only prepared."""
    display.figure_.canvas.draw()


@pytest.mark.parametrize("estimator", [ReLURegressor, ReLUClassifier, GatedReLURegressor])
def test_training(estimator):
    loss = "logistic" if estimator is ReLUClassifier else "squared"
    X, y = gaussian_problem(20, 2, seed=0, loss=loss)
    model = estimator(0.1, n_jobs=1).fit(X, y)
    display = TrainingDisplay.from_estimator(model)
    draw(display)
    assert display.figure_ is display.ax_.figure
    for line, field in [(display.line_, "objective"), (display.lower_bound_line_, "lower_bound")]:
        assert line.get_xdata().tolist() == model.history_["seconds"].tolist()
        assert line.get_ydata().tolist() == model.history_[field].tolist()
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["objective", "lower bound"]
    assert display.ax_.get_title() == estimator.__name__
    assert display.ax_.get_xlabel() == "seconds"


def test_training_on_given_axes_and_again():
    history = ReLURegressor(0.1, n_jobs=1).fit(LINE, LINE[:, 0] ** 2).history_
    _, (left, right) = pyplot.subplots(1, 2)
    display = TrainingDisplay(history)
    assert display.plot(left, linewidth=3.0) is display
    assert display.ax_ is left
    assert display.line_.get_linewidth() == display.lower_bound_line_.get_linewidth() == 3.0
    assert display.plot(ax=right).ax_ is right
    assert len(pyplot.get_fignums()) == 1


def test_training_leaves_bounds_out_that_say_nothing():
    history = ReLURegressor(0.1, n_jobs=1).fit(LINE, LINE[:, 0] ** 2).history_.copy()
    history["lower_bound"][0] = -np.inf
    display = TrainingDisplay(history).plot()
    draw(display)
    assert np.isnan(display.lower_bound_line_.get_ydata()[0])
    assert np.isfinite(display.lower_bound_line_.get_ydata()[1:]).all()


@pytest.mark.parametrize("display", [TrainingDisplay, NetworkDisplay])
def test_estimators_that_have_nothing_to_draw(display):
    more = [LINE] if display is NetworkDisplay else []
    with pytest.raises(NotFittedError):
        display.from_estimator(ReLURegressor(), *more)
    with pytest.raises(NotFittedError):
        display.from_estimator(Ridge().fit(LINE, LINE[:, 0]), *more)
    assert not pyplot.get_fignums()


def test_function_of_one_feature():
    display = NetworkDisplay(HAT, LINE, feature_names=["depth"]).plot(resolution=2, color="red")
    draw(display)
    assert display.kinks.tolist() == [-1.0, 0.0, 1.0]
    x, outputs = display.line_.get_data()
    assert (x[0], x[-1]) == (-2.0, 2.0)
    assert outputs == pytest.approx(np.maximum(0.0, 1.0 - np.abs(x)), abs=1e-12)
    assert display.kinks_.get_xdata().tolist() == [-1.0, 0.0, 1.0]
    assert display.kinks_.get_ydata().tolist() == [0.0, 1.0, 0.0]
    assert display.line_.get_color() == display.kinks_.get_color() == "red"
    assert display.ax_.get_xlabel() == "depth"
    assert display.samples_ is None


def test_kinks_within_the_data_of_neurons_of_use():
    network = Network(
        [[1.0], [-2.0], [0.0], [1.0], [1.0]],
        [0.5, 1.0, 1.0, -3.0, 0.0],  # at -0.5, 0.5, none, 3
        [[1.0], [1.0], [1.0], [1.0], [0.0]],  # the last is of no use
        [0.0],
    )
    assert NetworkDisplay(network, LINE).kinks.tolist() == [-0.5, 0.5]
    assert NetworkDisplay(network, LINE[:4]).kinks.tolist() == [-0.5]
    assert NetworkDisplay(network, [[3.0]]).kinks.tolist() == [3.0]  # one point, a range around it


def test_jumps_of_gated_networks():
    network = GatedNetwork([[1.0]], [-0.25], [[0.0]], [1.0], [[1.0]])  # one where x > 0.25
    display = NetworkDisplay(network, LINE).plot(resolution=2)
    draw(display)
    assert display.kinks.tolist() == [0.25]
    x, outputs = display.line_.get_data()
    assert outputs.tolist() == (x > 0.25).astype(float).tolist()
    (jump,) = np.flatnonzero(np.diff(outputs))
    assert x[jump + 1] - x[jump] < 1e-8


@given(st.integers(0, 10**6))
def test_lines_of_two_features_end_at_the_range(seed):
    random = np.random.default_rng(seed)
    weights = random.integers(-3, 4, (6, 2)) * 2.0 ** random.integers(-20, 20, (6, 1))
    bias = random.integers(-4, 5, 6) * np.abs(weights).max(axis=1) / 2.0
    X = random.integers(-3, 4, (5, 2)).astype(float)
    network = Network(weights, bias, np.ones((6, 1)), [0.0])
    display = NetworkDisplay(network, X)
    low, high = display.low, display.high
    assert (display.kinks >= low - 1e-9).all()
    assert (display.kinks <= high + 1e-9).all()
    # which neurons switch within: some corner of the range on either side
    corners = np.array([[x, y] for x in (low[0], high[0]) for y in (low[1], high[1])])
    sides = corners @ weights.T + bias
    used = np.flatnonzero(weights.any(axis=1))
    crossing = [j for j in used if (sides[:, j] > 0.0).any() and (sides[:, j] < 0.0).any()]
    lines = [j for j in used if j in crossing or (sides[:, j] == 0.0).sum() == 2]
    assert len(crossing) <= len(display.kinks) <= len(lines)
    for ends in display.kinks:
        on = np.abs(ends @ weights[used].T + bias[used]) <= 1e-9 * np.abs(weights[used]).max(axis=1)
        assert on.all(axis=0).any()
        at_border = np.isclose(ends, low, atol=1e-9) | np.isclose(ends, high, atol=1e-9)
        assert at_border.any(axis=1).all()


def test_function_of_two_features():
    network = Network([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]], [0.0, -1.0, 9.0], [[1.0]] * 3, [0.0])
    X = np.array([[-1.0, 0.0], [1.0, 2.0]])
    display = NetworkDisplay(network, X, [1.0, 2.0]).plot(resolution=3, levels=[0.0, 5.0, 20.0])
    draw(display)
    assert sorted(display.kinks.tolist()) == [[[0.0, 0.0], [0.0, 2.0]], [[1.0, 0.5], [-1.0, 0.5]]]
    assert len(display.kinks_.get_segments()) == 2
    assert display.surface_.levels.tolist() == [0.0, 5.0, 20.0]
    assert display.samples_.get_offsets().tolist() == X.tolist()
    assert display.ax_.get_xlim() == (-1.0, 1.0)
    assert display.ax_.get_ylim() == (0.0, 2.0)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("x0", "x1")


def test_networks_that_are_constant():
    for d in (1, 2):
        empty = Network(np.zeros((0, d)), [], np.zeros((0, 1)), [0.5])
        display = NetworkDisplay(empty, np.ones((3, d))).plot()
        draw(display)
        assert len(display.kinks) == 0


def test_from_estimators():
    pandas = pytest.importorskip("pandas")
    X, y = gaussian_problem(20, 2, seed=0, loss="logistic")
    frame = pandas.DataFrame(X, columns=["width", "height"])
    labels = np.where(y > 0.0, "yes", "no")
    model = ReLUClassifier(0.5, n_jobs=1).fit(frame, labels)
    _, ax = pyplot.subplots()
    display = NetworkDisplay.from_estimator(model, frame, labels, ax=ax, cmap="coolwarm")
    draw(display)
    assert display.ax_ is ax
    assert display.network is model.network_
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("width", "height")
    assert ax.get_title() == "ReLUClassifier"
    assert display.samples_.get_array().tolist() == y.tolist()
    assert display.samples_.get_clim() == (-1.0, 1.0)
    assert display.surface_.get_cmap().name == "coolwarm"
    with pytest.raises(ValueError, match="feature names"):
        NetworkDisplay.from_estimator(model, frame[["height", "width"]])


@pytest.mark.parametrize("estimator", [ReLURegressor, GatedReLURegressor])
def test_from_regressors_of_one_feature(estimator):
    y = np.abs(LINE[:, 0])
    model = estimator(0.1, n_jobs=1).fit(LINE, y)
    with pytest.raises(ValueError, match="X has 2 features"):
        NetworkDisplay.from_estimator(model, np.ones((3, 2)))
    display = NetworkDisplay.from_estimator(model, LINE, y, name="hinge")
    draw(display)
    x, outputs = display.line_.get_data()
    assert outputs.tolist() == model.predict(x[:, None]).tolist()
    assert display.samples_.get_offsets().tolist() == np.column_stack([LINE, y]).tolist()
    assert display.ax_.get_title() == "hinge"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("net", LINE), "network must be a cvxnn network, got str"),
        ((HAT, np.ones((3, 2))), r"X must have shape \(n, 1\) with n > 0, got \(3, 2\)"),
        ((HAT, np.ones((0, 1))), "with n > 0"),
        ((HAT, [[np.nan]]), "X holds NaN"),
        ((HAT, LINE, [1.0]), r"y has shape \(1,\), but X has 9 samples"),
        (
            (Network(np.ones((1, 3)), [0.0], [[1.0]], [0.0]), np.ones((3, 3))),
            "one or two features and one output to be drawn, got 3 and 1",
        ),
        (
            (Network(np.ones((1, 1)), [0.0], [[1.0, 2.0]], [0.0, 0.0]), LINE),
            "one output to be drawn, got 1 and 2",
        ),
    ],
)
def test_what_cannot_be_drawn(arguments, message):
    with pytest.raises(ValueError, match=message):
        NetworkDisplay(*arguments)


@pytest.mark.parametrize("resolution", [1, 0, 2.5, "fine"])
def test_bad_resolutions(resolution):
    with pytest.raises(ValueError, match="resolution"):
        NetworkDisplay(HAT, LINE).plot(resolution=resolution)
    assert not pyplot.get_fignums()
