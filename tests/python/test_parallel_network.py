"""Parallel three-layer networks as values: outputs, penalties, files, PyTorch."""

import pickle

import numpy as np
import pytest

from cvxnn import ParallelNetwork


def network(seed=0, m2=2, n_outputs=2):
    random = np.random.default_rng(seed)
    shapes = (3, 4, 5), (3, 4), (3, 4, m2), (3, m2, n_outputs)
    return ParallelNetwork(*(random.standard_normal(shape) for shape in shapes))


def test_network_is_what_it_says(tmp_path):
    net, X = network(), np.random.default_rng(1).standard_normal((6, 5))
    expected = np.zeros((6, 2))
    for b in range(3):
        first = np.maximum(X @ net.first_weights[b].T + net.first_bias[b], 0.0)
        second = np.maximum(first @ net.second_weights[b], 0.0)
        expected += second @ net.output_weights[b]
    np.testing.assert_allclose(net.predict(X), expected, rtol=1e-12)
    net.save(tmp_path / "network.npz")
    for again in (ParallelNetwork.load(tmp_path / "network.npz"), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(again.predict(X), net.predict(X))
    assert not net.first_weights.flags.writeable


def test_penalties_are_as_written():
    net = network(n_outputs=1)
    W = np.concatenate([net.first_weights, net.first_bias[:, :, None]], axis=2)
    paths = cubes = 0.0
    for b in range(3):
        layers = W[b], net.second_weights[b], net.output_weights[b]
        cubes += 0.5 * sum(np.linalg.norm(layer) ** 3 for layer in layers)
        weights = np.einsum("jd,jk,kc->djkc", *layers)
        paths += np.sqrt(np.sum(weights**2))
    assert net.penalty("power") == pytest.approx(cubes, rel=1e-12)
    assert net.penalty("path") == pytest.approx(paths, rel=1e-12)
    assert net.penalty("weight_decay") == np.inf
    small = ParallelNetwork(
        W[:, :, :-1] / 9.0, W[:, :, -1] / 9.0, net.second_weights, net.output_weights
    )
    squares = 0.5 * (np.sum(net.second_weights**2) + np.sum(net.output_weights**2))
    assert small.penalty("weight_decay") == pytest.approx(squares, rel=1e-12)
    assert small.penalty("unit_columns") == pytest.approx(squares, rel=1e-12)
    with pytest.raises(ValueError, match="biases"):
        net.penalty("path", bias="none")


def test_torch_module_has_the_same_outputs():
    torch = pytest.importorskip("torch")
    X = np.random.default_rng(2).standard_normal((6, 5))
    net = network()
    outputs = net.to_torch()(torch.tensor(X)).detach().numpy()
    np.testing.assert_allclose(outputs, net.predict(X), rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "value"),
    [("first_weights", np.zeros((3, 4))), ("first_bias", np.zeros((3, 3)))],
)
def test_networks_refuse_what_does_not_fit(name, value):
    net = network()
    fields = {
        name: getattr(net, name)
        for name in ("first_weights", "first_bias", "second_weights", "output_weights")
    }
    with pytest.raises(ValueError, match=name):
        ParallelNetwork(**{**fields, name: value})
    with pytest.raises(ValueError, match="NaN"):
        ParallelNetwork(**{**fields, "first_bias": np.full((3, 4), np.nan)})
