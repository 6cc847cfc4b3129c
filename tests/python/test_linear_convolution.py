"""Linear convolutional networks: programs beside cvxpy and L-BFGS, weight maps, certificates."""

import pickle

import numpy as np
import pytest
from scipy.linalg import circulant
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from cvxnn import ConvLinearNetwork, ConvLinearRegressor

MODELS = ("patches", "circular")
SHAPES = {
    "patches": (
        {"input_shape": (7,)},
        {"input_shape": (9,), "kernel_size": 4, "stride": 2, "padding": 1},
        {"input_shape": (3, 4), "kernel_size": 2},
        {"input_shape": (2, 3, 3), "kernel_size": (2, 1), "padding": (0, 1)},
    ),
    "circular": ({}, {"input_shape": (9,)}, {"input_shape": (3, 4)}, {"input_shape": (2, 3, 2)}),
}


def instance(architecture, seed):
    """Return a model, data and weights: signals or images, one target or two."""
    random = np.random.default_rng(seed)
    options = SHAPES[architecture][seed % 4]
    d = int(np.prod(options.get("input_shape", 8)))
    n, n_targets = int(random.integers(5, 16)), 1 + seed % 3 // 2
    if architecture == "circular" and seed % 4 == 3:  # several channels
        n_targets = 1
    X = random.standard_normal((n, d))
    Y = X @ random.standard_normal((d, n_targets)) + random.standard_normal((n, n_targets)) + 1.0
    model = ConvLinearRegressor(
        10 ** random.uniform(-2.0, 0.5),
        architecture=architecture,
        fit_intercept=bool(seed % 2),
        tol=1e-8,
        **options,
    )
    return model, X, Y


def seen(model, X):
    """Return what filters see, one position after the other: shape (n, K, h)."""
    shape = model.input_shape or (X.shape[1],)
    images = X.reshape(len(X), *(1, 1, 1)[len(shape) :], *shape)
    if model.architecture == "circular":
        _, _, height, width = images.shape
        parts = [
            np.roll(images, (-i, -j), axis=(2, 3)) for i in range(height) for j in range(width)
        ]
        return np.stack([part.reshape(len(X), -1) for part in parts], axis=1)
    is_signal = len(shape) == 1
    usual = 3 if model.kernel_size is None else model.kernel_size
    (down, across), (step_down, step_across), (above, beside) = (
        (first, np.ravel(value)[-1]) if is_signal else np.broadcast_to(value, 2)
        for value, first in ((usual, 1), (model.stride, 1), (model.padding, 0))
    )
    images = np.pad(images, ((0, 0), (0, 0), (above, above), (beside, beside)))
    _, _, height, width = images.shape
    parts = [
        images[:, :, i : i + down, j : j + across].reshape(len(X), -1)
        for i in range(0, height - down + 1, step_down)
        for j in range(0, width - across + 1, step_across)
    ]
    return np.stack(parts, axis=1)


def fourier_matrix(shape):
    """Return the unitary transform of flattened images, entry by entry."""
    one_way = [np.exp(-2j * np.pi * np.outer(np.arange(k), np.arange(k)) / k) for k in shape]
    return np.kron(*one_way) / np.sqrt(np.prod(shape))


def optimum_by_cvxpy(model, X, Y):
    cp = pytest.importorskip("cvxpy")
    C = Y.shape[1]
    if model.architecture == "patches":
        parts = seen(model, X)
        _, K, h = parts.shape
        Z = [cp.Variable((h, K)) for _ in range(C)]
        outputs = [sum(parts[:, k] @ z[:, k] for k in range(K)) for z in Z]
        norm = cp.normNuc(cp.hstack(Z))
    else:
        channels, *shape = (1, 1, *(model.input_shape or (X.shape[1],)))[-3:]
        F = fourier_matrix(shape)
        W = [cp.Variable((len(F), C)) for _ in range(channels)]
        outputs = [X @ cp.hstack([w[:, c] for w in W]) for c in range(C)]
        both = cp.hstack([part @ w for part in (F.real, F.imag) for w in W])
        norm = cp.sum(cp.norm(both, axis=1)) / np.sqrt(len(F))
    constants = cp.Variable(C) if model.fit_intercept else np.zeros(C)
    loss = sum(cp.sum_squares(outputs[c] + constants[c] - Y[:, c]) for c in range(C)) / 2
    program = cp.Problem(cp.Minimize(loss + model.beta * norm))
    return program.solve(solver="CLARABEL")


def best_of_descents(model, X, Y, width, runs):
    """Return the least objective of filters and weights trained by L-BFGS."""
    parts = seen(model, X)
    (n, K, h), C = parts.shape, Y.shape[1]
    n_filters = width * h

    def evaluate(weights):
        u, a = weights[:n_filters].reshape(width, h), weights[n_filters:].reshape(K * width, C)
        hidden = (parts @ u.T).reshape(n, K * width)
        residual = hidden @ a - Y
        if model.fit_intercept:
            residual = residual - residual.mean(axis=0)
        by_hidden = (residual @ a.T).reshape(n * K, width)
        gradient = [by_hidden.T @ parts.reshape(n * K, h), hidden.T @ residual]
        gradient = np.concatenate([part.ravel() for part in gradient]) + model.beta * weights
        return 0.5 * np.sum(residual**2) + 0.5 * model.beta * weights @ weights, gradient

    random = np.random.default_rng(0)
    starts = 0.5 * random.standard_normal((runs, n_filters + K * width * C))
    options = {"maxiter": 2000, "ftol": 1e-12}
    return min(
        minimize(evaluate, start, jac=True, method="L-BFGS-B", options=options).fun
        for start in starts
    )


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("architecture", MODELS)
def test_program_network_and_bound_are_one_value(architecture, seed):
    model, X, Y = instance(architecture, seed)
    certificate = model.fit(X, Y).certificate_
    assert model.status_ == "converged"
    assert certificate.relative_gap <= 1e-8
    assert certificate.objective == pytest.approx(optimum_by_cvxpy(model, X, Y), rel=1e-6)
    assert certificate.lower_bound <= certificate.objective * (1.0 + 1e-12)
    # the objective by hand, from weights and what filters see
    network = model.network_
    filters = network.filters.reshape(network.n_neurons, -1)
    outputs = np.einsum("nkh,mh,mkc->nc", seen(model, X), filters, network.output_weights)
    outputs += network.output_bias
    squares = np.sum(filters**2) + np.sum(network.output_weights**2)
    by_hand = 0.5 * np.sum((outputs - Y) ** 2) + 0.5 * model.beta * squares
    assert certificate.objective == pytest.approx(by_hand, rel=1e-12)
    assert model.predict(X) == pytest.approx(outputs, rel=1e-9, abs=1e-9)
    assert X @ model.coef_ + model.intercept_ == pytest.approx(outputs, rel=1e-9, abs=1e-9)
    assert certificate.verify(X, Y)
    for change in (
        {"lower_bound": (1.0 + 1e-6) * certificate.objective},
        {"dual": certificate.dual + 1.0},
        {"dual": 0.5 * certificate.dual},
        {"dual": certificate.dual[1:]},
    ):
        assert not type(certificate)(**{**vars(certificate), **change}).verify(X, Y)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("architecture", MODELS)
def test_no_descent_ends_below_the_bound(architecture, seed):
    model, X, Y = instance(architecture, seed)
    certificate = model.fit(X, Y).certificate_
    width = model.network_.n_neurons + 1
    with threadpool_limits(1):  # threads only get into the way of matrices so small
        best = best_of_descents(model, X, Y, width, runs=4)
    assert best >= certificate.lower_bound - 1e-6
    assert best == pytest.approx(certificate.objective, rel=1e-4)  # so the bound is tight


@pytest.mark.parametrize("n_filters", [1, 3])
def test_circular_networks_are_products_of_circulant_matrices(n_filters):
    random = np.random.default_rng(0)
    X = random.standard_normal((6, 5))
    u, a = random.standard_normal((n_filters, 5)), random.standard_normal((n_filters, 5, 2))
    network = ConvLinearNetwork(u[:, None, None], a, [1.0, 2.0], (1, 1, 5), architecture="circular")
    coef = sum(circulant(u[j]) @ a[j] for j in range(n_filters))
    assert network.coef == pytest.approx(coef, rel=1e-12)
    assert network.predict(X) == pytest.approx(X @ coef + np.array([1.0, 2.0]), rel=1e-12)


@pytest.mark.parametrize("shape", [(6,), (7,), (4, 3), (4, 6), (1, 1), (3, 2, 4)])
def test_one_circular_filter_has_the_weight_decay_of_the_norm(shape):
    random = np.random.default_rng(0)
    d, channels = int(np.prod(shape)), (1, 1, *shape)[-3]
    n_targets = 1 if channels > 1 else 2
    X, Y = random.standard_normal((3 * d, d)), random.standard_normal((3 * d, n_targets))
    options = {"input_shape": shape, "fit_intercept": False}
    model = ConvLinearRegressor(0.5, architecture="circular", **options).fit(X, Y)
    network = model.network_
    by_channel = model.coef_.reshape(channels, -1, n_targets)
    spectrum = fourier_matrix((1, *shape)[-2:]) @ by_channel
    norm = np.linalg.norm(spectrum, axis=(0, 2)).sum() / np.sqrt(d / channels)
    assert network.n_neurons == 1
    assert network.penalty() == pytest.approx(norm, rel=1e-12)
    assert np.sum(network.filters**2) == pytest.approx(np.sum(network.output_weights**2))


def test_circular_filters_are_patches_that_go_round():
    # the general program on the same data, each signal once more after its end
    model, X, Y = instance("circular", 0)
    again = np.hstack([X, X[:, :-1]])
    patches = ConvLinearRegressor(
        model.beta, kernel_size=8, fit_intercept=model.fit_intercept, tol=1e-8
    )
    expected = patches.fit(again, Y).certificate_.objective
    assert model.fit(X, Y).certificate_.objective == pytest.approx(expected, rel=1e-7)
    assert patches.network_.n_neurons > model.network_.n_neurons == 1


@pytest.mark.parametrize("architecture", MODELS)
def test_weights_as_repetition(architecture):
    model, X, Y = instance(architecture, 1)
    weight = np.arange(len(X)) % 3
    rows = np.repeat(np.arange(len(X)), weight)
    weighted = model.fit(X, Y, sample_weight=weight)
    coef, certificate = weighted.coef_, weighted.certificate_
    assert certificate.verify(X, Y, sample_weight=weight)
    assert not certificate.verify(X, Y)
    repeated = model.fit(X[rows], Y[rows])
    assert certificate.objective == pytest.approx(repeated.certificate_.objective, rel=1e-7)
    assert coef == pytest.approx(repeated.coef_, abs=1e-3)


@pytest.mark.parametrize("architecture", MODELS)
def test_intercepts_do_not_see_a_shift(architecture):
    model, X, Y = instance(architecture, 3)
    plain = model.fit(X, Y).certificate_
    moved = model.fit(X + 1e3, Y + 1e6).certificate_
    assert moved.verify(X + 1e3, Y + 1e6)
    assert moved.objective == pytest.approx(plain.objective, rel=1e-6)


@pytest.mark.parametrize("architecture", MODELS)
def test_large_beta_gives_the_mean(architecture):
    model, X, Y = instance(architecture, 1)
    model.set_params(beta=1e4).fit(X, Y)
    assert not model.coef_.any()
    assert model.network_.n_neurons == 0
    assert model.predict(X) == pytest.approx(np.tile(Y.mean(axis=0), (len(X), 1)))
    assert model.certificate_.relative_gap <= 1e-8
    assert model.certificate_.verify(X, Y)


@pytest.mark.parametrize("beta", [1e-5, 1e-9])
@pytest.mark.parametrize("architecture", MODELS)
def test_nearly_interpolated_samples(architecture, beta):
    random = np.random.default_rng(0)
    X, y = random.standard_normal((5, 10)), random.standard_normal(5)
    model = ConvLinearRegressor(beta, architecture=architecture, tol=1e-5).fit(X, y)
    assert model.predict(X) == pytest.approx(y, abs=10 * beta)
    assert model.certificate_.relative_gap <= 1e-5
    assert model.certificate_.verify(X, y)


@pytest.mark.parametrize("architecture", MODELS)
def test_constant_features(architecture):
    y = np.random.default_rng(0).standard_normal(6)
    model = ConvLinearRegressor(architecture=architecture).fit(np.ones((6, 4)), y)
    assert model.network_.n_neurons == 0
    assert model.predict(np.ones((1, 4))) == pytest.approx([y.mean()])


@pytest.mark.parametrize("architecture", MODELS)
def test_constant_targets_and_shapes(architecture):
    model, X, Y = instance(architecture, 1)
    model.fit(X, np.ones(len(X)))
    assert model.certificate_.objective == model.certificate_.gap == 0.0
    assert model.fit(X, Y[:, 0]).coef_.shape == (X.shape[1],)
    assert isinstance(model.intercept_, float)
    assert model.predict(X).shape == (len(X),)
    assert model.fit(X, Y[:, :1]).predict(X).shape == (len(X), 1)


def test_features_that_no_filter_sees():
    random = np.random.default_rng(0)
    X, y = random.standard_normal((12, 8)), random.standard_normal(12)
    model = ConvLinearRegressor(0.1, kernel_size=2, stride=3, tol=1e-8).fit(X, y)
    assert np.flatnonzero(model.coef_).tolist() == [0, 1, 3, 4, 6, 7]
    assert model.certificate_.verify(X, y)
    other = X.copy()
    other[:, [2, 5]] = random.standard_normal((12, 2))
    assert model.predict(other) == pytest.approx(model.predict(X))


@pytest.mark.parametrize("architecture", MODELS)
def test_iteration_limit_is_told(architecture):
    random = np.random.default_rng(0)
    X, y = random.standard_normal((40, 30)), random.standard_normal(40)
    model = ConvLinearRegressor(0.1, architecture=architecture, max_iter=1)
    with pytest.warns(ConvergenceWarning, match="iteration_limit"):
        model.fit(X, y)
    assert model.certificate_.relative_gap > 1e-6
    assert model.certificate_.verify(X, y)


@pytest.mark.parametrize("architecture", MODELS)
def test_files_and_pickles(architecture, tmp_path):
    model, X, Y = instance(architecture, 2)
    model.fit(X, Y)
    model.network_.save(tmp_path / "network.npz")
    network = ConvLinearNetwork.load(tmp_path / "network.npz")
    again = pickle.loads(pickle.dumps(model))
    assert (network.predict(X) == model.predict(X)).all()
    assert (again.predict(X) == model.predict(X)).all()
    assert again.certificate_.verify(X, Y)
    assert network.predict(X[:0]).shape == (0, 2)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("architecture", MODELS)
def test_torch_module_has_the_same_outputs(architecture, seed):
    torch = pytest.importorskip("torch")
    model, X, Y = instance(architecture, seed)
    found = model.fit(X, Y).network_.to_torch()(torch.from_numpy(X)).detach().numpy()
    assert found == pytest.approx(model.predict(X), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": 0.0}, "beta must be a positive finite number, got 0.0"),
        ({"beta": -1.0}, "beta must be a positive finite number, got -1.0"),
        ({"beta": np.nan}, "beta must be a positive finite number, got nan"),
        ({"architecture": "dense"}, "architecture must be one of 'patches', 'circular', got"),
        ({"tol": 0.0}, "tol must be a positive finite number"),
        ({"max_iter": 0}, "max_iter must be a positive integer, got 0"),
        ({"kernel_size": 9}, "kernel_size=9 is larger than the input, which is 8"),
        ({"kernel_size": 0}, "kernel_size must be at least 1, got 0"),
        ({"stride": 0}, "stride must be at least 1, got 0"),
        ({"padding": -1}, "padding must be at least 0, got -1"),
        ({"input_shape": (3, 2)}, "has 6 entries, but X has 8 features"),
        ({"architecture": "circular", "kernel_size": 3}, "kernel_size must be None for arch"),
        ({"architecture": "circular", "stride": 2}, "stride must be 1 for architecture="),
        ({"architecture": "circular", "padding": 1}, "padding must be 0 for architecture="),
        ({"architecture": "circular", "input_shape": 3}, "has 3 entries, but X has 8 features"),
    ],
)
def test_bad_input(options, message):
    X = np.random.default_rng(0).standard_normal((5, 8))
    with pytest.raises(ValueError, match=message):
        ConvLinearRegressor(**options).fit(X, X[:, 0])


def test_several_channels_and_targets_do_not_go_round():
    model = ConvLinearRegressor(architecture="circular", input_shape=(2, 2, 2))
    with pytest.raises(ValueError, match=r"y must be one target .* got shape \(8, 2\)"):
        model.fit(np.eye(8), np.eye(8)[:, :2])


def test_bad_networks():
    network = ConvLinearNetwork(np.ones((2, 1, 1, 2)), np.ones((2, 3, 1)), [0.0], (1, 1, 4))
    fields = {name: getattr(network, name) for name in network.__dataclass_fields__}
    for name, value, message in (
        ("filters", np.ones((2, 2)), "filters has shape"),
        ("filters", np.ones((2, 2, 1, 2)), "filters has 2 channels, expected 1"),
        ("filters", np.ones((2, 1, 1, 5)), "kernel_size=.* is larger than the input"),
        ("output_weights", np.ones((2, 4, 1)), "output_weights has shape .* expected"),
        ("output_weights", np.full((2, 3, 1), np.nan), "output_weights holds NaN"),
        ("output_bias", [0.0, 1.0], "output_weights has shape"),
        ("stride", (0, 1), "stride must be at least 1"),
        ("architecture", "circular", "must be as large as the input"),
        ("architecture", "dense", "architecture must be one of"),
    ):
        with pytest.raises(ValueError, match=message):
            ConvLinearNetwork(**{**fields, name: value})
    with pytest.raises(ValueError, match=r"X must have shape \(n, 4\)"):
        network.predict(np.ones((3, 5)))
    with pytest.raises(ValueError, match="beta must be"):
        network.objective(np.ones((3, 4)), np.ones(3), beta=-1.0)


@parametrize_with_checks(
    [
        ConvLinearRegressor(),
        ConvLinearRegressor(1.0, fit_intercept=False),
        ConvLinearRegressor(architecture="circular"),
    ]
)
def test_estimator(estimator, check):
    check(estimator)


@pytest.mark.parametrize("architecture", ["patches", "circular"])
@pytest.mark.parametrize(("scale", "unit"), [(1e-100, 1e-90), (1e-100, 1e90), (1e100, 1e-90)])
def test_bounds_hold_where_squares_are_out_of_range(architecture, scale, unit):
    random = np.random.default_rng(0)
    X, y = random.standard_normal((8, 5)), random.standard_normal(8)
    best = ConvLinearRegressor(0.1, architecture=architecture).fit(X, y).certificate_
    model = ConvLinearRegressor(0.1 * scale * unit, architecture=architecture)
    c = model.fit(X * scale, y * unit).certificate_
    assert c.objective == pytest.approx(best.objective * unit**2, rel=1e-5)
    assert c.lower_bound <= c.objective * (1.0 + 1e-12)
    assert c.relative_gap <= 1e-5
    assert c.verify(X * scale, y * unit)
