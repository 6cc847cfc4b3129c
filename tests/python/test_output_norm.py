"""Networks whose neurons serve several outputs at the cost of a Euclidean norm."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.datasets import load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning

from cvxnn import Network, ReLUClassifier, ReLURegressor, certify, certify_everywhere, polish
from cvxnn.arrangements import enumerate_cells
from cvxnn.networks._losses import best_offset, loss_named
from cvxnn.networks.joint._joint_support import joint_support

cp = pytest.importorskip("cvxpy")


def problem(n=6, d=2, n_outputs=2, seed=0):
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, d))
    mixed = np.abs(X) @ random.standard_normal((d, n_outputs))
    return X, mixed + 0.3 * random.standard_normal((n, n_outputs))


def largest_gain(X, V, n_angles=20_000):
    """The maximum of ||V' (X u)_+|| over unit u in the plane, on a grid."""
    angles = np.linspace(0.0, 2.0 * np.pi, n_angles)
    outputs = np.maximum(X @ np.array([np.cos(angles), np.sin(angles)]), 0.0)
    return np.linalg.norm(V.T @ outputs, axis=0).max()


def on_grid(X, Y, beta, n_angles=150):
    """The optimum over output weights of these directions only, for two outputs."""
    patterns = enumerate_cells(X).to_dense()
    angles = np.arange(n_angles) * 2.0 * np.pi / n_angles
    f, penalty, inside = 0.0, 0.0, []
    for pattern in patterns[patterns.any(axis=1)]:
        U = cp.Variable((X.shape[1], n_angles))
        inside.append(cp.multiply(np.where(pattern, 1.0, -1.0)[:, None], X @ U) >= 0)
        f = f + (pattern[:, None] * X) @ U @ np.column_stack([np.cos(angles), np.sin(angles)])
        penalty = penalty + cp.sum(cp.norm(U, 2, axis=0))
    goal = cp.Minimize(0.5 * cp.sum_squares(f - Y) + beta * penalty)
    return cp.Problem(goal, inside).solve(solver="CLARABEL")


def nuclear_relaxation(X, Y, beta):
    """Without cones a cell costs the nuclear norm of its weights (arXiv 2012.13329)."""
    patterns = enumerate_cells(X).to_dense()
    blocks = [cp.Variable((X.shape[1], Y.shape[1])) for _ in patterns]
    f = sum((D[:, None] * X) @ W for D, W in zip(patterns, blocks, strict=True))
    penalty = sum(cp.normNuc(W) for W in blocks)
    return cp.Problem(cp.Minimize(0.5 * cp.sum_squares(f - Y) + beta * penalty)).solve(
        solver="CLARABEL"
    )


def best_of_descents(X, Y, beta, count, width=10, seed=0):
    random = np.random.default_rng(seed)
    d, n_outputs = X.shape[1], Y.shape[1]

    def value(parameters):
        W = parameters[: width * d].reshape(width, d)
        A = parameters[width * d :].reshape(width, n_outputs)
        z = X @ W.T
        h = np.maximum(z, 0.0)
        residual = h @ A - Y
        total = 0.5 * np.sum(residual**2) + 0.5 * beta * np.sum(parameters**2)
        by_W = ((residual @ A.T) * (z > 0.0)).T @ X
        return total, np.concatenate([by_W.ravel(), (h.T @ residual).ravel()]) + beta * parameters

    starts = random.standard_normal((count, width * (d + n_outputs)))
    found = (minimize(value, start, jac=True, method="L-BFGS-B") for start in starts)
    return min(result.fun for result in found)


@pytest.mark.parametrize("seed", range(20))
def test_optimum(seed):
    X, Y = problem(seed=seed)
    beta = 0.1 + 0.1 * seed
    model = ReLURegressor(beta, output_norm="l2", bias="none", tol=1e-7, n_jobs=1).fit(X, Y)
    certificate = model.certificate_
    assert model.status_ == "converged"
    assert certificate.scope == "global"
    assert certificate.relative_gap <= 1e-7
    assert certificate.verify(X, Y)
    objective = model.network_.objective(X, Y, beta=beta, bias="none", output_norm="l2")
    assert objective == pytest.approx(certificate.objective, rel=1e-13)
    assert largest_gain(X, certificate.dual) <= beta * (1.0 + 1e-12)
    grid = on_grid(X, Y, beta)
    assert objective <= grid * (1.0 + 1e-6)
    assert objective >= grid * np.cos(np.pi / 150) * (1.0 - 1e-6)
    assert nuclear_relaxation(X, Y, beta) <= objective * (1.0 + 1e-6)
    assert best_of_descents(X, Y, beta, 10) >= certificate.lower_bound * (1.0 - 1e-9)
    separate = ReLURegressor(beta, bias="none", n_jobs=1).fit(X, Y)
    assert certificate.lower_bound <= separate.certificate_.objective
    assert model.network_.n_neurons <= Y.size


@pytest.mark.parametrize(
    ("options", "d", "n_outputs"),
    [
        ({"bias": "regularized"}, 2, 3),
        ({"bias": "free", "tol": 1e-5}, 1, 2),
        ({"activation": "leaky_relu", "negative_slope": 0.2}, 2, 2),
        ({"activation": "abs", "bias": "none"}, 3, 2),
        ({"loss": "huber", "delta": 0.4}, 2, 2),
        ({"patterns": 40, "random_state": 0}, 5, 3),
        ({"rank": 2, "tol": 1e-5}, 4, 2),
    ],
)
def test_options(options, d, n_outputs):
    X, Y = problem(14, d, n_outputs, seed=3)
    model = ReLURegressor(0.3, output_norm="l2", **{"tol": 1e-6, "n_jobs": 1} | options)
    certificate = model.fit(X, Y).certificate_
    assert certificate.verify(X, Y)
    if "rank" in options:
        assert model.guaranteed_ratio_ >= 1.0
        assert model.network_.hidden_weights.shape[1] == d
    else:
        assert model.status_ == "converged"
        assert certificate.relative_gap <= model.tol
    tampered = replace(certificate, dual=1.01 * certificate.dual, lower_bound=np.inf)
    assert not tampered.verify(X, Y)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict(X), model.predict(X))
    assert model.predict(X).shape == Y.shape


def test_classes_where_cells_are_searched():
    X, y = load_wine(return_X_y=True)
    X = ((X - X.mean(axis=0)) / X.std(axis=0))[::3]
    model = ReLUClassifier(1.0, output_norm="l2", tol=1e-3, n_jobs=1).fit(X, y[::3])
    certificate = model.certificate_
    assert certificate.method == "relaxation"
    assert certificate.verify(X, 1.0 * (y[::3, None] == model.classes_))
    separate = ReLUClassifier(1.0, n_jobs=1).fit(X, y[::3])
    assert certificate.objective <= separate.certificate_.objective


@pytest.mark.parametrize("bias", ["regularized", "none"])
def test_turning_the_outputs_changes_nothing(bias):
    X, Y = problem(15, 2, 3, seed=1)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    options = {"output_norm": "l2", "bias": bias, "tol": 1e-7, "n_jobs": 1}
    one = ReLURegressor(0.5, **options).fit(X, Y)
    other = ReLURegressor(0.5, **options).fit(X, Y @ turn)
    assert one.certificate_.objective == pytest.approx(other.certificate_.objective, rel=3e-7)
    assert one.predict(X) @ turn == pytest.approx(other.predict(X), abs=2e-3)


def test_several_outputs_alike_are_one():
    X, Y = problem(20, 2, 1, seed=2)
    alone = ReLURegressor(0.5, tol=1e-7, n_jobs=1).fit(X, Y[:, 0] * np.sqrt(3.0))
    together = ReLURegressor(0.5, output_norm="l2", tol=1e-7, n_jobs=1)
    together.fit(X, np.repeat(Y, 3, axis=1))
    assert together.certificate_.objective == pytest.approx(alone.certificate_.objective, rel=3e-7)


@pytest.mark.parametrize("n_outputs", [2, 3])
def test_verification_under_free_biases_ends(n_outputs):
    X, Y = problem(12, 2, n_outputs, seed=4)
    model = ReLURegressor(0.3, output_norm="l2", bias="free", n_jobs=1).fit(X, Y)
    assert model.certificate_.method == "branch_and_bound"
    assert model.certificate_.verify(X, Y)


def test_one_output():
    X, Y = problem(20, 2, 1)
    models = [ReLURegressor(0.5, output_norm=norm, n_jobs=1).fit(X, Y) for norm in ("l1", "l2")]
    assert np.array_equal(models[0].predict(X), models[1].predict(X))


def test_whitened_one_hot():
    random = np.random.default_rng(0)
    X = np.linalg.qr(random.standard_normal((9, 9)))[0][:6]
    Y = np.eye(3)[[0, 0, 1, 2, 2, 2]] * random.uniform(0.5, 2.0, 6)[:, None]
    beta = 0.8
    sizes = np.linalg.norm(Y, axis=0)
    expected = np.sum(np.where(sizes <= beta, sizes**2 / 2, beta * sizes - beta**2 / 2))
    options = {"output_norm": "l2", "bias": "none", "n_jobs": 1}
    model = ReLURegressor(beta, **options).fit(X, Y)
    assert model.certificate_.method == "spectral"
    assert model.certificate_.objective == pytest.approx(expected, rel=1e-12)
    assert model.certificate_.relative_gap < 1e-12
    assert model.certificate_.verify(X, Y)
    # every mixture of the outputs gains as much, which is the hardest case of branch and bound
    general = ReLURegressor(beta, patterns=enumerate_cells(X), tol=1e-3, **options).fit(X, Y)
    assert general.certificate_.objective == pytest.approx(expected, rel=1e-4)
    assert general.certificate_.verify(X, Y)


def test_classes():
    X, y = load_iris(return_X_y=True)
    X = ((X - X.mean(axis=0)) / X.std(axis=0))[::3, 2:]
    model = ReLUClassifier(1.0, output_norm="l2", n_jobs=1).fit(X, y[::3])
    one_hot = 1.0 * (y[::3, None] == model.classes_)
    assert model.status_ == "converged"
    assert model.certificate_.scope == "global"
    assert model.certificate_.verify(X, one_hot)
    assert model.score(X, y[::3]) > 0.9
    separate = ReLUClassifier(1.0, n_jobs=1).fit(X, y[::3])
    assert model.certificate_.objective <= separate.certificate_.objective


def test_where_cells_are_searched():
    X, Y = problem(25, 9, 3, seed=1)
    model = ReLURegressor(4.0, output_norm="l2", tol=1e-3, n_jobs=1).fit(X, Y)
    certificate = model.certificate_
    assert (certificate.scope, certificate.method) == ("global", "relaxation")
    assert certificate.verify(X, Y)
    assert certificate.lower_bound > 0.3 * certificate.objective
    design = np.column_stack([X, np.ones(len(X))])
    assert best_of_descents(design, Y, 4.0, 5, width=40) >= 0.999 * certificate.objective


def test_the_result_depends_neither_on_threads_nor_on_order():
    X, Y = problem(30, 2, 2, seed=5)
    options = {"output_norm": "l2", "tol": 1e-5}
    one = ReLURegressor(0.5, n_jobs=1, **options).fit(X, Y)
    two = ReLURegressor(0.5, n_jobs=2, **options).fit(X[::-1], Y[::-1])
    assert np.array_equal(one.predict(X), two.predict(X))


def test_weights_count_samples():
    X, Y = problem(10, 2, 2, seed=6)
    options = {"output_norm": "l2", "tol": 1e-6, "n_jobs": 1}
    twice = ReLURegressor(0.5, **options).fit(np.tile(X, (2, 1)), np.tile(Y, (2, 1)))
    weighted = ReLURegressor(0.5, **options).fit(X, Y, sample_weight=np.full(10, 2.0))
    assert np.array_equal(twice.predict(X), weighted.predict(X))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("beta", [1e-5, 1e200])
def test_beta_far_from_the_targets(beta):
    X, Y = problem(12, 2, 3)
    model = ReLURegressor(beta, output_norm="l2", max_time=0.5, tol=1e-2, n_jobs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, Y)
    # also where time runs out while the solver has nothing: the best network so far
    assert model.certificate_.objective == pytest.approx(model.history_["objective"].min(), rel=0.1)


@pytest.mark.parametrize("scale", [1e-100, 1e100])
def test_scale(scale):
    X, Y = problem(10, 2, 2, seed=7)
    plain = ReLURegressor(0.5, output_norm="l2", n_jobs=1).fit(X, Y)
    scaled = ReLURegressor(0.5 * scale, output_norm="l2", n_jobs=1).fit(X, scale * Y)
    ratio = scaled.certificate_.objective / scale / scale
    assert ratio == pytest.approx(plain.certificate_.objective, rel=2e-4)
    assert scaled.certificate_.verify(X, scale * Y)


@pytest.mark.parametrize("seed", [0, 4])
def test_outliers_of_the_huber_loss(seed):
    """Newton steps stall where almost every sample is an outlier."""
    X, Y = problem(8, 2, 2, seed)
    options = {"output_norm": "l2", "loss": "huber", "delta": 0.2}
    model = ReLURegressor(0.02, n_jobs=1, **options).fit(X, 5.0 * Y)
    assert model.status_ == "converged"
    assert model.certificate_.relative_gap <= 1e-4
    assert model.certificate_.verify(X, 5.0 * Y)


@pytest.mark.parametrize("seed", range(20))
def test_best_logits(seed):
    random = np.random.default_rng(seed)
    f = random.standard_normal((12, 4)) + 500.0 * random.standard_normal(4)
    y = np.eye(4)[random.integers(0, 3, 12)]  # nothing in the last class
    weight = random.uniform(0.1, 3.0, (12, 1))
    loss = loss_named("multinomial")
    v = loss.gradient(f + best_offset(loss, f, y, weight[:, 0]), y, weight)
    assert np.abs(v.sum(axis=0)) == pytest.approx(0.0, abs=1e-12)
    assert not v[:, 3].any()


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_a_class_of_no_weight_under_free_biases(norm):
    X = np.array([[-1.0], [0.0], [1.0], [2.0], [3.0]])
    y = np.array([0, 1, 0, 2, 1])
    weight = np.array([1.0, 2.0, 1.0, 0.0, 1.0])
    model = ReLUClassifier(0.1, output_norm=norm, bias="free", n_jobs=1)
    certificate = model.fit(X, y, sample_weight=weight).certificate_
    assert model.status_ == "converged"
    assert certificate.verify(X, np.eye(3)[y], sample_weight=weight)
    assert 2 not in model.predict(X)


def test_nothing_to_learn():
    X, Y = problem(10, 2, 2, seed=8)
    model = ReLURegressor(1e4, output_norm="l2", n_jobs=1).fit(X, Y)
    assert model.network_.n_neurons == 0
    assert model.certificate_.objective == 0.5 * np.sum(Y**2)
    assert model.certificate_.relative_gap < 1e-14


def test_time_limit():
    X, Y = problem(60, 3, 3, seed=9)
    model = ReLURegressor(0.1, output_norm="l2", max_time=0.05, tol=1e-8, n_jobs=1)
    with pytest.warns(UserWarning, match="time_limit"):
        model.fit(X, Y)
    assert model.status_ == "time_limit"
    assert model.certificate_.verify(X, Y)
    assert model.certificate_.lower_bound <= model.certificate_.objective


def test_networks_from_elsewhere():
    X, Y = problem(20, 2, 2, seed=10)
    random = np.random.default_rng(0)
    wide = Network(*map(random.standard_normal, [(60, 2), 60, (60, 2)]), [0.0, 0.0])
    options = {"beta": 0.5, "output_norm": "l2"}
    certificate = certify(wide, X, Y, **options)
    assert certificate.objective == wide.objective(X, Y, **options)
    better, bound = polish(wide, X, Y, **options)
    assert bound.relative_gap <= 1e-4
    assert better.objective(X, Y, **options) == pytest.approx(bound.objective, rel=1e-13)
    assert certificate.lower_bound == pytest.approx(bound.lower_bound, rel=2e-4)
    small = wide.prune(X, output_norm="l2")
    assert small.n_neurons <= 40
    assert small.predict(X) == pytest.approx(wide.predict(X), abs=1e-9)
    assert small.objective(X, Y, **options) <= wide.objective(X, Y, **options) * (1.0 + 1e-9)


def test_everywhere():
    X, Y = problem(20, 2, 2, seed=11)
    model = ReLURegressor(0.5, output_norm="l2", patterns=20, random_state=0, n_jobs=1).fit(X, Y)
    assert model.certificate_.scope == "patterns"
    assert not replace(model.certificate_, scope="global").verify(X, Y)
    assert not replace(model.certificate_, cells=None).verify(X, Y)
    bound = certify_everywhere(model.certificate_, X, Y)
    assert bound.scope == "global"
    assert bound.verify(X, Y)
    best = ReLURegressor(0.5, output_norm="l2", n_jobs=1).fit(X, Y)
    assert bound.lower_bound <= best.certificate_.objective


def test_singular_values_prove_nothing_for_other_activations():
    X, y = np.array([[1.0], [-1.0]]), np.array([1.0, -1.0])  # where v . phi(X u) = 1.9 > sqrt(2)
    options = {"activation": "leaky_relu", "negative_slope": 0.9, "bias": "none", "n_jobs": 1}
    certificate = ReLURegressor(0.1, **options).fit(X, y).certificate_
    assert certificate.verify(X, y)
    assert not replace(certificate, method="spectral").verify(X, y)
    assert not replace(certificate, method="none").verify(X, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output_norm": "l3"}, "output_norm must be"),
        ({"output_norm": "l2", "loss": "absolute"}, "loss='absolute' does not go with"),
        ({"output_norm": "l2", "activation": "threshold"}, "activation='threshold' does not go"),
    ],
)
def test_refuses(options, message):
    X, Y = problem()
    with pytest.raises(ValueError, match=message):
        ReLURegressor(0.5, **options).fit(X, Y)


@pytest.mark.parametrize("n_outputs", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("seed", range(5))
def test_bound_from_supports_of_single_outputs(n_outputs, seed):
    """For neurons with outputs of unit norm, all of them, the maximum is the spectral norm."""
    random = np.random.default_rng(seed)
    V = random.standard_normal((12, n_outputs)) * 10.0 ** random.uniform(-3, 3, n_outputs)
    found = joint_support(
        lambda v, floor: max(floor, float(np.linalg.norm(v))),
        V,
        0.0,
        reach=1.0,
        tol=1e-6,
        most=4000,
    )
    largest = np.linalg.norm(V, 2)
    assert largest <= found.upper
    assert found.upper <= largest * (1.0 + 1e-5 if n_outputs < 4 else np.sqrt(n_outputs))
    assert np.linalg.norm(V @ found.direction) <= largest * (1.0 + 1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_bound_from_a_few_neurons(seed):
    """With finitely many neurons of outputs h the maximum of ||V' h|| is known."""
    random = np.random.default_rng(seed)
    n_outputs = 2 + seed % 3
    V, outputs = random.standard_normal((10, n_outputs)), random.standard_normal((10, 30))
    expected = np.linalg.norm(V.T @ outputs, axis=0).max()
    for floor in (0.0, 0.9 * expected, 2.0 * expected):
        found = joint_support(
            lambda v, least: max(least, float(np.abs(v @ outputs).max())),
            V,
            floor,
            reach=float(np.linalg.norm(outputs, axis=0).max()),
            tol=1e-6,
            most=4000,
        )
        assert found.upper >= max(floor, expected)
        assert found.upper <= max(floor, expected) * (1.0 + 2e-6)
