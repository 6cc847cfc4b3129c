"""The package works without any of its optional dependencies."""

import pytest
from helpers import run_python

OPTIONAL = ["matplotlib", "rich", "torch", "onnx", "onnxruntime", "pandas", "polars", "pyarrow"]
OPTIONAL += ["cvxpy"]

BLOCK = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

blocked = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Block())
"""

WORK = """
import numpy as np
from cvxnn import GatedReLURegressor, ReLUClassifier, ReLURegressor, certify
from cvxnn import NetworkDisplay, TrainingDisplay
from cvxnn.arrangements import enumerate_cells
random = np.random.default_rng(0)
X, y = random.standard_normal((10, 2)), random.standard_normal(10)
for model in (ReLURegressor(0.1), GatedReLURegressor(0.1)):
    assert model.fit(X, y).certificate_.verify(X, y)
ReLUClassifier(0.1).fit(X, y > 0).predict_proba(X)
network = ReLURegressor(0.1).fit(X, y).network_
certify(network, X, y, beta=0.1)
for work, extra in [
    (network.to_onnx, "onnx"),
    (NetworkDisplay(network, X).plot, "plot"),
    (TrainingDisplay(model.history_).plot, "plot"),
]:
    try:
        work()
    except ImportError as error:
        assert f'pip install "cvxnn[{extra}]" brings it' in str(error), error
    else:
        raise AssertionError(extra)
assert not blocked & set(sys.modules)
"""


@pytest.mark.parametrize("names", [",".join(OPTIONAL), *OPTIONAL])
def test_without(names):
    process = run_python(BLOCK + ("import cvxnn" if names in OPTIONAL else WORK), names)
    assert process.returncode == 0, process.stderr
    assert process.stdout == process.stderr == ""


def test_import_loads_no_optional_dependency():
    # scikit-learn itself may load some: its callbacks load rich, and its linear models load them
    code = "import sklearn.linear_model, sys; before = set(sys.modules); import cvxnn; "
    process = run_python(code + f"print(*((set({OPTIONAL}) & set(sys.modules)) - before))")
    assert process.returncode == 0, process.stderr
    assert process.stdout.split() == []
