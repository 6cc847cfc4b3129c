"""Deep narrow networks on one feature: a Lasso over ramps, exact and certified."""

import pickle
from dataclasses import replace
from itertools import combinations, product

import cvxpy as cp
import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from cvxnn import NarrowNetwork, NarrowReLURegressor, ReLURegressor
from cvxnn.networks.narrow._ramps import matched

SEEDS = range(20)


def problem(seed, n=9):
    """Return data with steps and noise, some x equal, and a strength of some use."""
    random = np.random.default_rng(seed)
    x = np.round(random.uniform(-2.0, 2.0, n), 1)
    y = np.clip(2.0 * x, -1.0, 1.0) * random.choice([-1.0, 1.0]) + 0.5 * random.standard_normal(n)
    return x[:, None], y, float(random.choice([0.02, 0.1, 0.3]))


def relu(values):
    return np.maximum(values, 0.0)


def listed_columns(x, depth):
    """Return the outputs of branches with weights +-1 whose kinks are at samples."""
    first = [relu(sign * (x - t)) for sign, t in product((1.0, -1.0), x)]
    if depth == 2:
        return np.array(first).T
    kinks = product((1.0, -1.0), (1.0, -1.0), x, x)
    return np.array([relu(b * (relu(a * (x - t)) - relu(a * (u - t)))) for a, b, t, u in kinks]).T


def lasso(columns, y, beta, *, constant=True):
    z, c = cp.Variable(columns.shape[1]), cp.Variable()
    outputs = columns @ z + (c if constant else 0.0)
    value = 0.5 * cp.sum_squares(outputs - y) + beta * cp.norm1(z)
    return cp.Problem(cp.Minimize(value)).solve(solver="CLARABEL")


def best_of_lbfgs(x, y, beta, depth, starts, branches=10):
    """Train networks by L-BFGS from random weights; return the least objective found."""
    shapes = (depth, branches), (depth - 1, branches)
    split = shapes[0][0] * branches

    def objective(parameters):
        weights = parameters[:split].reshape(shapes[0])
        biases = parameters[split:-1].reshape(shapes[1])
        inputs, before = [np.tile(x[:, None], branches)], []
        for weight, bias in zip(weights[:-1], biases, strict=True):
            before.append(weight * inputs[-1] + bias)
            inputs.append(relu(before[-1]))
        residual = inputs[-1] @ weights[-1] + parameters[-1] - y
        value = 0.5 * residual @ residual + beta / depth * np.sum(np.abs(weights) ** depth)
        slopes = beta * np.sign(weights) * np.abs(weights) ** (depth - 1)
        slopes[-1] += inputs[-1].T @ residual
        back, bias_slopes = np.outer(residual, weights[-1]), np.zeros(shapes[1])
        for k in reversed(range(depth - 1)):
            back = back * (before[k] > 0.0)
            bias_slopes[k] = back.sum(axis=0)
            slopes[k] += np.sum(back * inputs[k], axis=0)
            back = back * weights[k]
        return value, np.concatenate([slopes.ravel(), bias_slopes.ravel(), [residual.sum()]])

    random = np.random.default_rng(0)
    size = split + shapes[1][0] * branches + 1
    runs = [
        minimize(
            objective,
            random.standard_normal(size),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 500},
        )
        for _ in range(starts)
    ]
    return min(run.fun for run in runs)


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_optimum_is_that_of_the_lasso_and_of_no_run_of_lbfgs(seed, depth):
    X, y, beta = problem(seed)
    model = NarrowReLURegressor(depth, beta=beta, tol=1e-8).fit(X, y)
    certificate = model.certificate_
    assert certificate.scope == "global"
    assert certificate.relative_gap <= 1e-6
    assert certificate.verify(X, y)
    own = model.network_.objective(X, y, beta=beta)
    assert own == certificate.objective
    reference = lasso(listed_columns(X[:, 0], depth), y, beta)
    assert own == pytest.approx(reference, rel=1e-6)
    found = best_of_lbfgs(X[:, 0], y, beta, depth, starts=4)
    assert found >= certificate.lower_bound - 1e-6
    if depth == 2:
        assert found <= 1.1 * own  # so that the runs say something


@pytest.mark.parametrize("seed", SEEDS)
def test_two_layers_are_those_of_relu_regressor(seed):
    X, y, beta = problem(seed)
    other = ReLURegressor(beta, bias="free", tol=1e-7).fit(X, y).certificate_
    own = NarrowReLURegressor(2, beta=beta, tol=1e-8).fit(X, y).certificate_
    assert own.objective == pytest.approx(other.objective, rel=1e-6)
    rounding = 1e-12 * own.objective
    assert own.lower_bound <= other.objective + rounding
    assert other.lower_bound <= own.objective + rounding


@pytest.mark.parametrize("seed", range(5))
def test_three_layers_are_no_worse_than_two_and_as_good_as_more(seed):
    X, y, beta = problem(seed)
    models = [NarrowReLURegressor(depth, beta=beta, tol=1e-9).fit(X, y) for depth in (2, 3, 4, 7)]
    two, three, *more = [model.certificate_ for model in models]
    assert three.objective <= two.objective * (1.0 + 1e-8)
    for model, certificate in zip(models[2:], more, strict=True):
        assert certificate.objective == pytest.approx(three.objective, rel=1e-8)
        assert certificate.verify(X, y)
        assert model.network_.depth == certificate.depth
        assert model.predict(X) == pytest.approx(models[1].predict(X), abs=1e-4)


def test_a_second_knot_is_of_use():
    x = np.linspace(-2.0, 2.0, 21)
    y = np.clip(x, -1.0, 1.0)
    two, three = (NarrowReLURegressor(depth, beta=0.1).fit(x[:, None], y) for depth in (2, 3))
    assert three.certificate_.objective < 0.9 * two.certificate_.lower_bound


@pytest.mark.parametrize("seed", range(4))
def test_knots_elsewhere_and_more_layers_are_of_no_use(seed):
    """Biases on grids beyond the data, reflections of samples among them, in four layers."""
    X, y, beta = problem(seed, n=6)
    x, random = X[:, 0], np.random.default_rng(seed)
    mirrored = (2.0 * x[:, None] - x).ravel()
    grid = np.unique(np.concatenate([np.linspace(-4.0, 4.0, 33), x, mirrored]))
    first = np.array([relu(sign * (x - t)) for sign, t in product((1.0, -1.0), grid)])
    steps = np.unique(np.concatenate([np.linspace(-5.0, 5.0, 41), grid]))
    outputs = first
    for depth in (3, 4):
        more = np.array([relu(sign * outputs + c) for sign, c in product((1.0, -1.0), steps)])
        outputs = np.unique(np.round(more.reshape(-1, len(x)), 9), axis=0)
        if len(outputs) > 4000:
            outputs = outputs[random.permutation(len(outputs))[:4000]]
        model = NarrowReLURegressor(depth, beta=beta).fit(X, y)
        dual = model.certificate_.dual[:, 0]
        assert np.max(np.abs(outputs @ dual)) <= beta * (1.0 + 1e-6)
        columns = np.column_stack([outputs.T, listed_columns(x, 3)])
        assert lasso(columns, y, beta) >= model.certificate_.lower_bound - 1e-6


def test_the_constant_is_needed():
    X, y, beta = problem(0)
    columns = listed_columns(X[:, 0], 2)
    assert lasso(columns, y + 1.0, beta, constant=False) > 1.05 * lasso(columns, y + 1.0, beta)


@pytest.mark.parametrize("depth", [2, 3])
def test_certificates_that_were_tampered_with(depth):
    X, y, beta = problem(3)
    weight = np.arange(len(y)) % 3 + 0.5
    model = NarrowReLURegressor(depth, beta=beta).fit(X, y, sample_weight=weight)
    certificate = pickle.loads(pickle.dumps(model.certificate_))
    assert certificate.verify(X, y, sample_weight=weight)
    assert not certificate.verify(X, y, sample_weight=0.9 * weight)
    assert not certificate.verify(2.0 * X, y, sample_weight=weight)
    assert not certificate.verify(X, 0.9 * y, sample_weight=weight)
    assert not certificate.verify(np.column_stack([X, X]), y, sample_weight=weight)
    for change in (
        {"lower_bound": 1.01 * certificate.lower_bound},
        {"dual": 0.9 * certificate.dual},
        {"dual": certificate.dual + 1.0},
        {"dual": certificate.dual[:-1]},
        {"beta": 0.9 * beta},
    ):
        assert not replace(certificate, **change).verify(X, y, sample_weight=weight)
    if depth == 3:  # more networks are below a bound for two layers
        two = NarrowReLURegressor(2, beta=beta).fit(X, y, sample_weight=weight).certificate_
        assert not replace(two, depth=3).verify(X, y, sample_weight=weight)


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_weights_are_repetitions_and_order_is_of_no_matter(depth):
    X, y, beta = problem(4, n=12)
    weight = np.arange(12) % 4
    options = {"beta": beta, "tol": 1e-10}
    weighted = NarrowReLURegressor(depth, **options).fit(X, y, sample_weight=weight)
    rows = np.random.default_rng(0).permutation(np.repeat(np.arange(12), weight))
    repeated = NarrowReLURegressor(depth, **options).fit(X[rows], y[rows])
    assert weighted.predict(X[rows]) == pytest.approx(repeated.predict(X[rows]), abs=1e-5)
    objectives = weighted.certificate_.objective, repeated.certificate_.objective
    assert objectives[0] == pytest.approx(objectives[1], rel=1e-9)
    assert weighted.certificate_.verify(X, y, sample_weight=weight)


@pytest.mark.parametrize("depth", [2, 3])
def test_shifts_and_scales(depth):
    X, y, beta = problem(5, n=30)
    plain = NarrowReLURegressor(depth, beta=beta).fit(X, y)
    moved = NarrowReLURegressor(depth, beta=beta).fit(X + 1e3, y + 1e5)
    assert moved.certificate_.verify(X + 1e3, y + 1e5)
    assert moved.certificate_.objective == pytest.approx(plain.certificate_.objective, rel=1e-5)
    scaled = NarrowReLURegressor(depth, beta=1e9 * beta).fit(1e3 * X, 1e6 * y).certificate_
    assert scaled.objective == pytest.approx(1e12 * plain.certificate_.objective, rel=1e-5)


@pytest.mark.parametrize("depth", [2, 3])
def test_nothing_to_learn(depth):
    X, y, _ = problem(6)
    large = NarrowReLURegressor(depth, beta=1e4).fit(X, y)
    assert large.network_.n_branches == 0
    assert large.predict(X) == pytest.approx(np.full(len(y), y.mean()))
    one = NarrowReLURegressor(depth).fit(np.ones((3, 1)), [1.0, 2.0, 6.0])
    assert one.predict([[5.0]]) == pytest.approx([3.0])
    assert one.certificate_.objective == pytest.approx(7.0)
    assert one.certificate_.verify(np.ones((3, 1)), [1.0, 2.0, 6.0])
    flat = NarrowReLURegressor(depth).fit(X, np.full(len(y), 2.0))
    assert flat.certificate_.objective == 0.0 and flat.status_ == "converged"


def test_few_samples_and_rounding():
    one = NarrowReLURegressor().fit([[0.3]], [0.1], sample_weight=[0.7])
    assert one.status_ == "converged" and one.predict([[7.0]]) == pytest.approx([0.1])
    two = NarrowReLURegressor(beta=0.1).fit([[0.0], [2.0]], [-1.0, 1.0])
    # the slope s of least (2 s - 2)^2 / 4 + 0.1 s
    assert two.predict([[0.0], [1.0], [2.0]]) == pytest.approx([-0.95, 0.0, 0.95])
    random = np.random.default_rng(0)
    for _ in range(20):
        x, y, weight = (
            random.standard_normal(12),
            random.standard_normal(12),
            random.uniform(size=12),
        )
        data = x[:, None], y
        model = NarrowReLURegressor(beta=1e-3).fit(*data, sample_weight=weight**20 + 1e-9)
        assert model.certificate_.verify(*data, sample_weight=weight**20 + 1e-9)
    with pytest.warns(ConvergenceWarning, match="stalled"):  # kinks are lost in the inputs
        far = NarrowReLURegressor(beta=1e-9).fit(1e6 + 1e-6 * x[:, None], y)
    assert far.certificate_.verify(1e6 + 1e-6 * x[:, None], y)
    assert far.certificate_.relative_gap > 1e-6


@pytest.mark.parametrize("depth", [2, 3])
def test_many_samples(depth):
    random = np.random.default_rng(0)
    x = random.uniform(-3.0, 3.0, 20_000)
    y = np.sin(2.0 * x) + 0.3 * random.standard_normal(len(x))
    model = NarrowReLURegressor(depth, beta=20.0).fit(x[:, None], y)
    assert model.status_ == "converged" and model.certificate_.relative_gap <= 1e-6
    assert model.certificate_.verify(x[:, None], y)


def test_matched_ramps_have_the_same_sum_and_the_least_norm():
    random = np.random.default_rng(0)
    pairs = np.array(list(combinations(range(8), 2)))
    heights = random.standard_normal(len(pairs))
    fewer, least = matched(pairs, heights)
    assert len(fewer) < 8 and np.all(fewer[:, 0] < fewer[:, 1])
    slopes = [np.zeros(7), np.zeros(7)]
    for total, ramps, sizes in ((slopes[0], pairs, heights), (slopes[1], fewer, least)):
        for (i, j), size in zip(ramps, sizes, strict=True):
            total[i:j] += size
    assert slopes[1] == pytest.approx(slopes[0])
    padded = np.concatenate([[0.0], slopes[0], [0.0]])
    assert np.abs(least).sum() == pytest.approx(0.5 * np.abs(np.diff(padded)).sum())


def test_networks_as_values(tmp_path):
    X, y, beta = problem(7)
    for depth in (2, 3, 5):
        network = NarrowReLURegressor(depth, beta=beta).fit(X, y).network_
        path = tmp_path / "narrow.npz"
        network.save(path)
        for again in (NarrowNetwork.load(path), pickle.loads(pickle.dumps(network))):
            assert np.array_equal(again.predict(X), network.predict(X))
        assert network.penalty() == pytest.approx(np.sum(np.abs(np.prod(network.weights, axis=1))))


def test_to_torch():
    torch = pytest.importorskip("torch")
    X, y, beta = problem(7)
    for depth in (2, 3, 5):
        network = NarrowReLURegressor(depth, beta=beta).fit(X, y).network_
        outputs = network.to_torch()(torch.from_numpy(X)).detach().numpy()[:, 0]
        assert outputs == pytest.approx(network.predict(X), rel=1e-9)


def test_limits_are_told():
    random = np.random.default_rng(0)
    x = np.sort(random.uniform(-1.0, 1.0, 200))
    y = random.standard_normal(200)
    for limit in ({"max_iter": 2}, {"max_time": 1e-9}):
        with pytest.warns(ConvergenceWarning, match=r"iteration_limit|time_limit"):
            model = NarrowReLURegressor(beta=1e-2, **limit).fit(x[:, None], y)
        assert model.certificate_.verify(x[:, None], y)
        assert model.certificate_.relative_gap > 1e-6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 1}, "depth must be at least 2, got 1"),
        ({"depth": 2.5}, "depth must be a positive integer"),
        ({"beta": 0.0}, "beta must be a positive finite number, got 0.0"),
        ({"beta": -1.0}, "beta must be"),
        ({"tol": 0.0}, "tol must be"),
        ({"max_iter": 0}, "max_iter must be"),
        ({"max_time": -1.0}, "max_time must be"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        NarrowReLURegressor(**options).fit(*problem(0)[:2])


def test_bad_data():
    X, y, _ = problem(0)
    with pytest.raises(ValueError, match="X must have one feature, got 2 features"):
        NarrowReLURegressor().fit(np.column_stack([X, X]), y)
    with pytest.raises(ValueError, match="y is too large"):
        NarrowReLURegressor().fit(X, np.full(len(y), 1e200))
    with pytest.raises(ValueError, match="NaN"):
        NarrowReLURegressor().fit(np.where(X == X[0], np.nan, X), y)
    with pytest.raises(ValueError, match=r"(?i)sample.weight"):
        NarrowReLURegressor().fit(X, y, sample_weight=np.zeros(len(y)))
    with pytest.raises(ValueError, match="X must have shape"):
        NarrowNetwork([[1.0, 1.0]], [[0.0]]).predict([[1.0, 2.0]])
    with pytest.raises(ValueError, match="weights must have shape"):
        NarrowNetwork([[1.0]], [[]])
    with pytest.raises(ValueError, match="biases has shape"):
        NarrowNetwork([[1.0, 1.0]], [[0.0, 1.0]])
    with pytest.raises(ValueError, match="output_bias"):
        NarrowNetwork([[1.0, 1.0]], [[0.0]], np.nan)


class OnFirstFeature(NarrowReLURegressor):
    """The estimator on the first feature of scikit-learn's data, most of which have several."""

    def fit(self, X, y, sample_weight=None):
        inputs, targets = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        super().fit(inputs[:, :1], targets, sample_weight)
        validate_data(self, X, skip_check_array=True)  # how many features there are, and names
        return self

    def predict(self, X):
        check_is_fitted(self)
        inputs = validate_data(self, X, dtype=np.float64, reset=False)
        return self.network_.predict(inputs[:, :1])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # other features matter
        return tags


@parametrize_with_checks([OnFirstFeature(beta=1.0), OnFirstFeature(2, beta=1.0)])
def test_estimator(estimator, check):
    check(estimator)
