"""Convolutional networks: geometry, the convex program beside cvxpy and L-BFGS, estimators."""

import pickle

import cvxpy as cp
import numpy as np
import pytest
from helpers import generic_cells
from scipy.optimize import minimize
from sklearn.datasets import load_digits
from sklearn.utils.estimator_checks import parametrize_with_checks

from cvxnn import ConvNetwork, ConvReLUClassifier, ConvReLURegressor, ReLURegressor
from cvxnn.arrangements import enumerate_cells, sample_cells
from cvxnn.networks._patches import Patches


def signals(n=7, d=4, seed=0, loss="squared"):
    random = np.random.default_rng(seed)
    X, y = random.standard_normal((n, d)), random.standard_normal(n)
    return X, np.where(y > np.median(y), 1.0, -1.0) if loss == "logistic" else y


def patches_by_hand(X, width, bias, pooling="sum"):
    """Return shape (n, K, width or width + 1)."""
    count = X.shape[1] - width + 1
    parts = np.stack([X[:, k : k + width] for k in range(count)], axis=1)
    if bias == "regularized":
        parts = np.concatenate([parts, np.ones((*parts.shape[:2], 1))], axis=2)
    return parts / (count if pooling == "average" else 1)


def program_value(parts, y, beta, loss):
    """Return the optimum over all cells of the patches, by cvxpy."""
    n, K, h = parts.shape
    rows = parts.reshape(n * K, h)
    patterns = generic_cells(rows).T.astype(float)
    plus, minus = cp.Variable((h, patterns.shape[1])), cp.Variable((h, patterns.shape[1]))
    pool = np.kron(np.eye(n), np.ones((1, K)))
    f = pool @ cp.sum(cp.multiply(patterns, rows @ (plus - minus)), axis=1)
    value = {
        "squared": lambda: 0.5 * cp.sum_squares(f - y),
        "absolute": lambda: cp.norm1(f - y),
        "logistic": lambda: cp.sum(cp.logistic(cp.multiply(-y, f))),
    }[loss]()
    penalty = sum(cp.sum(cp.norm(part, axis=0)) for part in (plus, minus))
    cones = [cp.multiply(2.0 * patterns - 1.0, rows @ part) >= 0.0 for part in (plus, minus)]
    program = cp.Problem(cp.Minimize(value + beta * penalty), cones)
    accuracy = {"tol_gap_abs": 1e-9, "tol_gap_rel": 1e-9, "tol_feas": 1e-9}
    program.solve(solver=cp.CLARABEL, **({} if loss == "logistic" else accuracy))
    return program.value


def best_of_descents(parts, y, beta, width=12, runs=4):
    """Return the best objective of weights trained by L-BFGS, squared loss."""
    n, K, h = parts.shape
    rows = parts.reshape(n * K, h)

    def evaluate(weights):
        W, a = weights[: width * h].reshape(width, h), weights[width * h :]
        z = rows @ W.T
        hidden = np.maximum(z, 0.0).reshape(n, K, width).sum(axis=1)
        residual = hidden @ a - y
        slopes = np.repeat(residual, K)[:, None] * a * (z > 0.0)
        gradient = np.concatenate([(slopes.T @ rows).ravel(), hidden.T @ residual])
        value = 0.5 * residual @ residual + 0.5 * beta * weights @ weights
        return value, gradient + beta * weights

    random = np.random.default_rng(0)
    starts = random.standard_normal((runs, width * (h + 1)))
    return min(minimize(evaluate, x, jac=True, method="L-BFGS-B").fun for x in starts)


@pytest.mark.parametrize("loss", ["squared", "absolute", "logistic"])
@pytest.mark.parametrize("bias", ["none", "regularized"])
@pytest.mark.parametrize("pooling", ["sum", "average"])
@pytest.mark.parametrize("seed", [0, 1])
def test_optimum_is_that_of_cvxpy_over_all_cells(loss, bias, pooling, seed):
    n = 5 if loss == "logistic" else 7  # Clarabel fails on more
    X, y = signals(n, seed=seed, loss=loss)
    if loss == "logistic" and bias == "regularized":
        pytest.skip("Clarabel fails")
    expected = program_value(patches_by_hand(X, 2, bias, pooling), y, 0.1, loss)
    kind = ConvReLUClassifier if loss == "logistic" else ConvReLURegressor
    options = {"kernel_size": 2, "pooling": pooling, "bias": bias, "loss": loss, "tol": 1e-8}
    model = kind(0.1, **options).fit(X, y)
    certificate = model.certificate_
    assert certificate.objective == pytest.approx(expected, rel=1e-6)
    assert certificate.lower_bound <= expected * (1 + 1e-7)
    assert certificate.relative_gap <= 1e-7
    assert certificate.scope == "global"
    assert certificate.verify(X, y)
    bound = {**vars(certificate), "lower_bound": 1.001 * expected}
    assert not type(certificate)(**bound).verify(X, y)


@pytest.mark.parametrize("seed", range(20))
def test_descents_stay_above_the_bound(seed):
    X, y = signals(n=10, d=6, seed=seed)
    bias = ("none", "regularized")[seed % 2]
    model = ConvReLURegressor(0.1, kernel_size=2, bias=bias, tol=1e-7).fit(X, y)
    parts = patches_by_hand(X, 2, bias)
    best = best_of_descents(parts, y, 0.1)
    assert model.status_ == "converged"
    assert model.certificate_.objective <= best * (1.0 + 1e-6)
    assert model.certificate_.lower_bound >= model.certificate_.objective * (1.0 - 1e-6)


def test_a_filter_as_large_as_the_input_is_a_neuron():
    X, y = signals(n=14, d=2)
    for bias in ("none", "regularized", "free"):
        dense = ReLURegressor(0.05, bias=bias, tol=1e-6).fit(X, y)
        conv = ConvReLURegressor(0.05, kernel_size=2, bias=bias, tol=1e-6).fit(X, y)
        assert conv.certificate_.objective == dense.certificate_.objective
        assert (conv.predict(X) == dense.predict(X)).all()


def test_free_biases_do_not_see_a_shift():
    X, y = signals(n=10)
    model = ConvReLURegressor(0.1, kernel_size=2, bias="free", tol=1e-6).fit(X, y)
    moved = ConvReLURegressor(0.1, kernel_size=2, bias="free", tol=1e-6).fit(X + 5.0, y + 1e3)
    assert model.certificate_.relative_gap <= 1e-6
    assert moved.certificate_.objective == pytest.approx(model.certificate_.objective, rel=1e-5)
    assert model.certificate_.verify(X, y)
    assert moved.certificate_.verify(X + 5.0, y + 1e3)


def test_many_samples_of_small_filters_are_priced_exactly():
    images, digits = load_digits(return_X_y=True)
    rows = digits < 2
    model = ConvReLUClassifier(
        10.0, input_shape=(8, 8), kernel_size=(1, 2), bias="none", tol=1e-4
    ).fit(images[rows] / 16.0, digits[rows])
    assert model.certificate_.scope == "global"
    assert model.certificate_.relative_gap <= 1e-4
    assert model.score(images[rows] / 16.0, digits[rows]) > 0.8


def test_search_with_several_classes():
    X, digits = load_digits(return_X_y=True)
    X, digits = X[:150] / 16.0, digits[:150]
    model = ConvReLUClassifier(1.0, input_shape=(8, 8), tol=0.05).fit(X, digits)
    certificate = model.certificate_
    assert certificate.method == "relaxation"
    assert model.score(X, digits) > 0.98
    assert 0.0 < certificate.lower_bound < certificate.objective
    targets = 1.0 * (digits[:, None] == np.arange(10))
    assert certificate.verify(X, targets)
    found = model.network_.objective(X, targets, beta=1.0, loss="multinomial")
    assert found == certificate.objective


def test_given_and_sampled_cells():
    X, y = signals(n=9)
    parts = patches_by_hand(X, 2, "none").reshape(-1, 2)
    every = enumerate_cells(parts)
    best = ConvReLURegressor(0.1, kernel_size=2, bias="none", tol=1e-7).fit(X, y)
    listed = ConvReLURegressor(0.1, kernel_size=2, bias="none", patterns=every, tol=1e-7)
    assert listed.fit(X, y).certificate_.objective == pytest.approx(
        best.certificate_.objective, rel=1e-6
    )
    assert listed.certificate_.scope == "patterns"
    assert listed.certificate_.verify(X, y)
    some = ConvReLURegressor(0.1, kernel_size=2, bias="none", patterns=5, random_state=0)
    assert some.fit(X, y).certificate_.objective >= best.certificate_.objective * (1 - 1e-9)
    assert some.certificate_.verify(X, y)
    weight = np.array([1.0, 0.0, 2.0] * 3)
    weighted = ConvReLURegressor(0.1, kernel_size=2, bias="none", patterns=every)
    assert weighted.fit(X, y, sample_weight=weight).certificate_.verify(X, y, sample_weight=weight)
    with pytest.raises(ValueError, match=r"patterns has 9 hyperplanes, .* 3 patches each"):
        ConvReLURegressor(kernel_size=2, patterns=sample_cells(X, 4)).fit(X, y)


def test_several_targets():
    X, y = signals(n=10)
    Y = np.column_stack([y, -y, 0.5 * y**2])
    model = ConvReLURegressor(0.1, kernel_size=2, tol=1e-7).fit(X, Y)
    single = [ConvReLURegressor(0.1, kernel_size=2, tol=1e-7).fit(X, column) for column in Y.T]
    total = sum(one.certificate_.objective for one in single)
    assert model.certificate_.objective == pytest.approx(total, rel=1e-6)
    assert model.predict(X).shape == (10, 3)


@pytest.mark.parametrize("stride", [1, (2, 1)])
@pytest.mark.parametrize("padding", [0, (1, 2)])
def test_patches_of_images(stride, padding):
    random = np.random.default_rng(0)
    shape, kernel = (3, 5, 6), (2, 3)
    X = random.standard_normal((4, 90))
    geometry = {"input_shape": shape, "kernel_size": kernel, "stride": stride, "padding": padding}
    patches = Patches.from_arguments(90, **geometry)
    down, across = np.broadcast_to(stride, 2)
    above, beside = np.broadcast_to(padding, 2)
    images = np.zeros((4, 3, 5 + 2 * above, 6 + 2 * beside))
    images[:, :, above : above + 5, beside : beside + 6] = X.reshape(4, *shape)
    expected = [
        [
            image[:, i : i + 2, j : j + 3].ravel()
            for i in range(0, image.shape[1] - 1, down)
            for j in range(0, image.shape[2] - 2, across)
        ]
        for image in images
    ]
    assert patches.count == len(expected[0])
    assert (patches.of(X) == np.reshape(expected, (-1, 18))).all()


def random_network(pooling="sum", **options):
    random = np.random.default_rng(1)
    layers = (random.standard_normal((5, 2, 2, 3)), *map(random.standard_normal, (5, (5, 3), 3)))
    return ConvNetwork(*layers, (2, 4, 6), (1, 2), (1, 0), pooling, **options)


@pytest.mark.parametrize("pooling", ["sum", "average", "max"])
def test_network_files_and_pickles(pooling, tmp_path):
    network = random_network(pooling)
    X = np.random.default_rng(2).standard_normal((7, 48))
    network.save(tmp_path / "network.npz")
    for again in (ConvNetwork.load(tmp_path / "network.npz"), pickle.loads(pickle.dumps(network))):
        assert (again.predict(X) == network.predict(X)).all()
        assert not again.filters.flags.writeable
    assert network.predict(X[:0]).shape == (0, 3)
    assert network.predict(np.tile(X, (3, 1)))[7:14] == pytest.approx(network.predict(X))


@pytest.mark.parametrize("pooling", ["sum", "average", "max"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_torch_module_has_the_same_outputs(pooling, activation):
    torch = pytest.importorskip("torch")
    network = random_network(pooling, activation=activation, negative_slope=0.1)
    if activation == "relu":
        network = random_network(pooling)
    X = np.random.default_rng(2).standard_normal((7, 48))
    found = network.to_torch()(torch.tensor(X)).detach().numpy()
    assert found == pytest.approx(network.predict(X), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("pooling", ["sum", "max"])
def test_torch_module_without_filters(pooling):
    torch = pytest.importorskip("torch")
    layers = np.zeros((0, 1, 1, 2)), np.zeros(0), np.zeros((0, 2)), [1.0, -1.0]
    module = ConvNetwork(*layers, (1, 1, 4), pooling=pooling).to_torch()
    assert module(torch.ones((3, 4), dtype=torch.float64)).tolist() == [[1.0, -1.0]] * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel_size": 5}, "kernel_size=5 is larger than the input, which is 4"),
        ({"kernel_size": 0}, "kernel_size must be at least 1, got 0"),
        ({"kernel_size": 1.5}, "kernel_size must be an integer, got 1.5"),
        ({"kernel_size": (2, 2)}, "kernel_size must be an integer, got"),
        ({"stride": 0}, "stride must be at least 1, got 0"),
        ({"padding": -1}, "padding must be at least 0, got -1"),
        ({"pooling": "median"}, "pooling must be one of"),
        ({"input_shape": (3, 2)}, "has 6 entries, but X has 4 features"),
        ({"input_shape": (1, 1, 2, 2)}, "input_shape must be None"),
        ({"input_shape": (2, 2), "kernel_size": (3, 1)}, "which is 2 x 2 with padding=0"),
        ({"activation": "tanh"}, "activation must be"),
    ],
)
def test_bad_geometry(options, message):
    with pytest.raises(ValueError, match=message):
        ConvReLURegressor(**options).fit(*signals())


def test_bad_networks():
    network = random_network()
    fields = {name: getattr(network, name) for name in network.__dataclass_fields__}
    for name, value, message in (
        ("filters", np.ones((5, 2, 2)), "filters has shape"),
        ("filters", np.ones((5, 1, 2, 3)), "filters has 1 entries, expected 2"),
        ("hidden_bias", np.ones(4), "hidden_bias has 4 entries, expected 5"),
        ("output_bias", np.ones(2), "output_bias has 2 entries, expected 3"),
        ("output_weights", np.full((5, 3), np.nan), "output_weights holds NaN"),
        ("input_shape", (4, 6), r"input_shape has shape \(2,\), expected 3"),
        ("stride", (0, 1), "stride must be at least 1"),
        ("stride", (1, 1.5), "stride must hold integers"),
    ):
        with pytest.raises(ValueError, match=message):
            ConvNetwork(**{**fields, name: value})
    with pytest.raises(ValueError, match=r"X must have shape \(n, 48\)"):
        network.predict(np.ones((3, 47)))
    with pytest.raises(ValueError, match="PyTorch has no module"):
        random_network(activation="abs").to_torch()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([ConvReLURegressor(1000.0), ConvReLUClassifier(1.0)])
def test_estimator(estimator, check):
    check(estimator)
