"""Networks in files: what is written is what is read, and nothing else is."""

import numpy as np
import pytest
from helpers import gaussian_problem
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cvxnn import GatedNetwork, Network, ReLURegressor
from cvxnn.arrangements import enumerate_cells
from cvxnn.networks._files import load_network, save_network

HAT = Network([[1.0], [1.0], [1.0]], [1.0, 0.0, -1.0], [[1.0], [-2.0], [1.0]], [0.5])
GATED = GatedNetwork([[1.0], [2.0]], [0.0, -0.5], [[1.0], [2.0]], [0.5, -0.25], [[2.0], [-3.0]])
FIELDS = ("hidden_weights", "hidden_bias", "output_weights")

numbers = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def networks(draw):
    m, d, n_outputs = (draw(st.integers(low, 4)) for low in (0, 1, 1))
    shapes = [(m, d), (m,), (m, n_outputs)]
    if draw(st.booleans()):
        return Network(
            *(draw(arrays(float, shape, elements=numbers)) for shape in [*shapes, n_outputs])
        )
    shapes = [(m, d), (m,), *shapes]
    return GatedNetwork(*(draw(arrays(float, shape, elements=numbers)) for shape in shapes))


@given(networks())
def test_any_network_is_read_to_the_last_bit(tmp_path_factory, network):
    path = tmp_path_factory.mktemp("networks") / "network"  # no suffix is added
    network.save(path)
    network.save(str(path))
    again = type(network).load(path)
    assert type(again) is type(network)
    for name in (*FIELDS, "output_bias", "gates", "gate_bias"):
        if hasattr(network, name):
            assert getattr(again, name).tobytes() == getattr(network, name).tobytes()
            assert getattr(again, name).shape == getattr(network, name).shape
            assert not getattr(again, name).flags.writeable
    assert [file.name for file in path.parent.iterdir()] == ["network"]


def test_a_trained_network_predicts_the_same(tmp_path):
    X, y = gaussian_problem(20, 2, seed=0)
    network = ReLURegressor(0.1, n_jobs=1).fit(X, y).network_
    network.save(tmp_path / "net.npz")
    assert Network.load(tmp_path / "net.npz").predict(X).tolist() == network.predict(X).tolist()


def test_notes(tmp_path):
    path = tmp_path / "net.npz"
    save_network(path, HAT, feature_names=["höhe"], classes=None)
    network, notes = load_network(path, Network)
    assert network.output_bias == [0.5]
    assert {name: note.tolist() for name, note in notes.items()} == {"feature_names": ["höhe"]}
    assert Network.load(path).activation == "relu"


def test_the_kinds_are_told_apart(tmp_path):
    path = tmp_path / "net.npz"
    HAT.save(path)
    with pytest.raises(
        ValueError, match=r"from .*net.npz: it holds Network, expected GatedNetwork"
    ):
        GatedNetwork.load(path)
    GATED.save(path)
    with pytest.raises(ValueError, match="it holds GatedNetwork, expected Network"):
        Network.load(path)
    enumerate_cells(np.eye(2)).save(path)
    with pytest.raises(ValueError, match="it holds no network, expected Network"):
        Network.load(path)


@pytest.mark.parametrize(
    "content", [b"", b"not an archive at all", b"PK\x03\x04 broken", b"\x80\x04N."]
)
def test_other_files(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot load a network from .*file: "):
        Network.load(path)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError):
        Network.load(tmp_path / "none.npz")
    with pytest.raises(FileNotFoundError):
        HAT.save(tmp_path / "none" / "net.npz")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"format": 2}, "it has format 2, this version reads format 1"),
        ({"format": np.inf}, "cannot load a network"),
        ({"format": None}, "it has no 'format'"),
        ({"hidden_bias": None}, "it has no 'hidden_bias'"),
        ({"hidden_bias": np.zeros(2)}, r"hidden_bias has shape \(2,\)|hidden_weights has shape"),
        ({"hidden_bias": np.full(3, np.nan)}, "hidden_bias holds NaN"),
        ({"hidden_bias": np.zeros(3, complex)}, "hidden_bias holds values of type complex128"),
        ({"hidden_bias": np.array(["1", "2", "3"])}, "hidden_bias holds values of type <U1"),
        ({"hidden_bias": np.array([{}, {}, {}])}, "cannot load .*pickle"),
        ({"activation": np.array("tanh")}, "activation must be one of .* got 'tanh'"),
        ({"kind": np.array(["Network", "Network"])}, "expected Network"),
    ],
)
def test_altered_contents(tmp_path, change, message):
    path = tmp_path / "net.npz"
    HAT.save(path)
    with np.load(path) as archive:
        content = {**archive, **change}
    np.savez(path, **{name: array for name, array in content.items() if array is not None})
    with pytest.raises(ValueError, match=message):
        Network.load(path)


def test_a_field_with_a_default_may_be_missing(tmp_path):
    path = tmp_path / "net.npz"
    HAT.save(path)
    with np.load(path) as archive:
        content = dict(archive)
    assert content.pop("activation") == "relu"
    np.savez(path, **content)
    assert Network.load(path).activation == "relu"


def test_truncated_and_altered_files_are_refused(tmp_path):
    path = tmp_path / "net.npz"
    HAT.save(path)
    content = path.read_bytes()
    for length in range(0, len(content), 61):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="cannot load a network"):
            Network.load(path)
    place = content.index(HAT.output_weights.tobytes())
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    with pytest.raises(ValueError, match="cannot load a network"):
        Network.load(path)


@given(st.data())
def test_damage_anywhere_raises_value_errors_only(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "net.npz"
    HAT.save(path)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        again = Network.load(path)
    except ValueError as error:
        assert str(error).startswith("cannot load a network from ")
    else:  # a byte that says nothing of the arrays
        assert all((getattr(again, name) == getattr(HAT, name)).all() for name in FIELDS)
