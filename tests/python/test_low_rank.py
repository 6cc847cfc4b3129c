"""Training on a few singular directions: the same network on all of the data, honest bounds."""

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from cvxnn import ReLUClassifier, ReLUClassifierCV, ReLURegressor, ReLURegressorCV
from cvxnn.arrangements import sample_cells


def nearly_plane(n=30, d=6, noise=1e-3, seed=0):
    """Data close to a plane, and a target."""
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, 2)) @ random.standard_normal((2, d))
    y = np.maximum(X[:, 0], 0.0) - 0.3 * X[:, 1] + 0.1 * random.standard_normal(n)
    return X + noise * random.standard_normal((n, d)), y


def projected(X, k):
    basis = np.linalg.svd(X, full_matrices=False)[2][:k].T
    return X @ basis, np.linalg.svd(X, compute_uv=False)[k] if k < X.shape[1] else 0.0


@pytest.mark.parametrize("loss", ["squared", "absolute", "huber"])
@pytest.mark.parametrize("seed", range(4))
def test_optimum_is_that_of_the_projected_data(loss, seed):
    X, y = nearly_plane(seed=seed)
    options = {"loss": loss, "delta": 0.2, "bias": "none", "tol": 1e-7}
    model = ReLURegressor(0.1, rank=2, **options).fit(X, y)
    Z, sigma = projected(X, 2)
    plain = ReLURegressor(0.1, **options).fit(Z, y).certificate_
    certificate = model.certificate_
    assert certificate.objective == pytest.approx(plain.objective, rel=1e-6)
    assert certificate.lower_bound < plain.lower_bound
    assert certificate.verify(X, y)
    assert not certificate.verify(X + 1e-2 * np.random.default_rng(0).standard_normal(X.shape), y)
    # the bound lost as much as the part that was left out can add
    support = 0.1 + np.linalg.norm(certificate.dual) * sigma
    assert certificate.lower_bound == pytest.approx(
        plain.lower_bound, rel=3.0 * support / 0.1 - 3.0
    )
    assert certificate.objective / certificate.lower_bound <= model.guaranteed_ratio_ * (1 + 1e-6)
    assert model.network_.hidden_weights.shape[1] == 6


@pytest.mark.parametrize("bias", ["none", "regularized", "free"])
def test_no_network_is_below_the_bound(bias):
    X, y = nearly_plane(noise=0.02)
    low = ReLURegressor(0.1, rank=2, bias=bias, tol=1e-6).fit(X, y)
    full = ReLURegressor(0.1, rank=6, bias=bias, tol=1e-6).fit(X, y)
    assert low.status_ == "converged"
    assert low.certificate_.scope == "global"
    assert low.certificate_.lower_bound <= full.certificate_.objective
    assert full.certificate_.objective <= low.certificate_.objective * (1 + 1e-6)
    assert low.certificate_.objective <= low.guaranteed_ratio_ * full.certificate_.objective
    assert low.certificate_.verify(X, y)
    weight = np.linspace(0.0, 2.0, len(y))
    weighted = ReLURegressor(0.1, rank=2, bias=bias).fit(X, y, sample_weight=weight)
    assert weighted.certificate_.verify(X, y, sample_weight=weight)


def test_all_directions_lose_nothing():
    X, y = nearly_plane(d=2, noise=0.1)
    plain = ReLURegressor(0.1, tol=1e-7).fit(X, y)
    turned = ReLURegressor(0.1, rank=2, tol=1e-7).fit(X, y)
    assert turned.certificate_.objective == pytest.approx(plain.certificate_.objective, rel=1e-6)
    assert turned.certificate_.relative_gap <= 2e-7
    assert turned.guaranteed_ratio_ == pytest.approx(1.0, abs=2e-7)  # its gap


def test_free_biases_take_a_shift():
    X, y = nearly_plane()
    model = ReLURegressor(0.1, rank=2, bias="free", tol=1e-6).fit(X, y)
    moved = ReLURegressor(0.1, rank=2, bias="free", tol=1e-6).fit(X + 10.0, y)
    assert moved.certificate_.objective == pytest.approx(model.certificate_.objective, rel=1e-5)
    assert moved.certificate_.verify(X + 10.0, y)


def test_classes():
    X, y = load_wine(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    model = ReLUClassifier(1.0, rank=2).fit(X, y)
    assert model.status_ == "converged"
    assert model.score(X, y) > 0.95
    assert model.certificate_.rank == 2
    assert model.certificate_.method == "branch_and_bound"
    assert model.certificate_.verify(X, 1.0 * (y[:, None] == np.arange(3)))
    several = ReLURegressor(1.0, rank=1).fit(X, np.column_stack([y, -y]))
    assert several.certificate_.verify(X, np.column_stack([y, -y]))
    search = ReLUClassifierCV(rank=1, n_betas=3, cv=3).fit(X, y)
    assert search.certificate_.rank == 1


def test_many_directions():
    X, y = nearly_plane(d=12, noise=0.5)
    model = ReLURegressor(1.0, rank=8).fit(X, y)
    assert model.certificate_.method == "relaxation"
    assert model.certificate_.verify(X, y)
    assert 0.0 <= model.certificate_.lower_bound <= model.certificate_.objective
    best = ReLURegressor(1.0).fit(X, y).certificate_.objective
    assert model.certificate_.objective <= model.guaranteed_ratio_ * best


def test_the_ratio_is_of_what_was_reached():
    X, y = nearly_plane(d=2, noise=0.1)
    rough = ReLURegressor(0.1, rank=2, tol=0.05, loss="absolute").fit(X, y)
    gap = rough.certificate_.objective / rough.certificate_.lower_bound
    assert rough.guaranteed_ratio_ >= gap * (1 - 1e-9)
    rough.set_params(rank=None).fit(X, y)
    assert not hasattr(rough, "guaranteed_ratio_")


def test_huge_numbers():
    X, y = nearly_plane()
    with pytest.warns(ConvergenceWarning):
        model = ReLURegressor(0.1, rank=2, max_time=1.0).fit(1e200 * X, y)
    assert model.guaranteed_ratio_ >= 1.0


@pytest.mark.parametrize("rank", [0, 7, 1.5, True])
def test_bad_rank(rank):
    with pytest.raises(ValueError, match="rank must be"):
        ReLURegressor(rank=rank).fit(*nearly_plane())


def test_sampled_and_given_cells_are_refused():
    X, y = nearly_plane()
    for patterns in (20, sample_cells(X, 5)):
        with pytest.raises(ValueError, match="patterns must be 'auto' or 'exact' where rank"):
            ReLURegressor(rank=2, patterns=patterns).fit(X, y)


def test_largest_beta_is_that_of_the_directions():
    X, y = nearly_plane(noise=0.5)
    search = ReLURegressorCV(rank=2, n_betas=4, cv=3).fit(X, y)
    assert search.guaranteed_ratio_ >= 1.0
    below = ReLURegressor(0.99 * search.betas_[0], rank=2, tol=1e-9).fit(X, y)
    above = ReLURegressor(1.01 * search.betas_[0], rank=2).fit(X, y)
    assert below.network_.n_neurons > 0
    assert above.network_.n_neurons == 0
