"""One answer whatever the number of threads, the order of samples, the processor."""

import importlib.util
import json

import numpy as np
import pytest
from helpers import gaussian_problem, run_python

from cvxnn import GatedReLURegressor, ReLUClassifier, ReLURegressor, _cpu, certify
from cvxnn.arrangements import sample_cells

LEVELS = {"x86-64": "_core", "x86-64-v3": "_core_v3", "x86-64-v4": "_core_v4"}
every_estimator = pytest.mark.parametrize(
    "estimator", [ReLURegressor, ReLUClassifier, GatedReLURegressor]
)
# large enough for threads to be used: cells are priced and enumerated in parallel
every_problem = pytest.mark.parametrize(
    "n, d, patterns", [(30, 2, "exact"), (100, 6, 200), (120, 15, 100)]
)


def fit(estimator, n, d, patterns, order=slice(None), **options):
    loss = "logistic" if estimator is ReLUClassifier else "squared"
    X, y = gaussian_problem(n, d, seed=n, loss=loss)
    options = {"n_jobs": 1, "random_state": 5, "tol": 1e-5} | options
    return estimator(1.0, patterns=patterns, **options).fit(X[order], y[order])


def assert_bitwise_equal(model, other):
    for name in ("hidden_weights", "hidden_bias", "output_weights"):
        mine, theirs = getattr(model.network_, name), getattr(other.network_, name)
        assert mine.tobytes() == theirs.tobytes()
    assert model.certificate_.objective == other.certificate_.objective
    assert model.certificate_.lower_bound == other.certificate_.lower_bound
    assert model.certificate_.dual.tobytes() == other.certificate_.dual.tobytes()
    assert model.n_iter_ == other.n_iter_


@every_estimator
@every_problem
def test_threads_and_repetition(estimator, n, d, patterns):
    model = fit(estimator, n, d, patterns)
    assert_bitwise_equal(model, fit(estimator, n, d, patterns))
    assert_bitwise_equal(model, fit(estimator, n, d, patterns, n_jobs=2))
    assert_bitwise_equal(model, fit(estimator, n, d, patterns, n_jobs=None))


@every_estimator
@pytest.mark.parametrize("n, d, patterns", [(30, 2, "exact"), (100, 6, 200)])
def test_order_of_samples(estimator, n, d, patterns):
    model = fit(estimator, n, d, patterns)
    order = np.random.default_rng(0).permutation(n)
    shuffled = fit(estimator, n, d, patterns, order=order)
    assert model.certificate_.objective == shuffled.certificate_.objective
    assert model.certificate_.lower_bound == shuffled.certificate_.lower_bound
    weights = model.network_.hidden_weights
    assert weights.tobytes() == shuffled.network_.hidden_weights.tobytes()


def test_another_random_state_samples_other_cells():
    model = fit(ReLURegressor, 100, 6, 50)
    other = fit(ReLURegressor, 100, 6, 50, random_state=6)
    assert model.certificate_.objective != other.certificate_.objective


def test_certify_threads():
    model = fit(ReLURegressor, 30, 2, "exact")
    X, y = gaussian_problem(30, 2, seed=30)
    one, two = (certify(model.network_, X, y, beta=1.0, n_jobs=n_jobs) for n_jobs in (1, 2))
    assert one.lower_bound == two.lower_bound
    assert one.dual.tobytes() == two.dual.tobytes()


def test_sampling_threads():
    X, _ = gaussian_problem(500, 30, seed=0)
    one, two = (sample_cells(X, 500, random_state=1, n_jobs=n_jobs) for n_jobs in (1, 2))
    assert one == two
    assert one.witnesses.tobytes() == two.witnesses.tobytes()


REPORT = """
import hashlib, json
import numpy as np
from cvxnn import GatedReLURegressor, ReLUClassifier, ReLURegressor, _native
from cvxnn.arrangements import enumerate_cells, sample_cells
from cvxnn.group_lasso import MaskedDesign, group_lasso_path
random = np.random.default_rng(0)
X, y = random.standard_normal((24, 3)), random.standard_normal(24)
cells = [enumerate_cells(X), enumerate_cells(np.round(X)), sample_cells(X, 50, random_state=0)]
models = [
    ReLURegressor(0.1, patterns="exact", bias="none", tol=1e-11),
    ReLURegressor(0.1, patterns=60, tol=1e-11, random_state=0),
    ReLUClassifier(0.1, patterns="exact", bias="none", tol=1e-11),
    GatedReLURegressor(0.1, patterns="exact", bias="none", tol=1e-11),
]
objectives = [
    model.set_params(n_jobs=1).fit(X, y > 0 if "Class" in str(model) else y).certificate_.objective
    for model in models
]
digests = [hashlib.sha256(c.packed.tobytes()).hexdigest() for c in cells]
wide = random.standard_normal((24, 60))
designs = [wide, wide.astype(np.float32), MaskedDesign(X, cells[0][::20])]
paths = [group_lasso_path(D, y, l2=1e-2, n_alphas=4, eps=1e-2, tol=1e-12)[1] for D in designs]
report = {"level": _native.level, "cells": digests, "objectives": objectives}
print(json.dumps(report | {"paths": [coefs.tolist() for coefs in paths]}))
"""


@pytest.fixture(scope="module")
def available_levels():
    """The levels that this machine can run and that are installed."""
    if _cpu.level() == "generic":
        pytest.skip("one level only on this processor")
    levels = list(LEVELS)[: list(LEVELS).index(_cpu.level()) + 1]
    levels = [level for level in levels if importlib.util.find_spec(f"cvxnn.{LEVELS[level]}")]
    if len(levels) < 2:
        pytest.skip("one level only is installed or can run")
    return levels


def test_instruction_sets(available_levels):
    reports = []
    for level in available_levels:
        process = run_python(
            "import warnings; warnings.simplefilter('ignore')" + REPORT, CVXNN_ISA=level
        )
        assert process.returncode == 0, process.stderr
        reports.append(json.loads(process.stdout))
    assert [report["level"] for report in reports] == available_levels
    for report in reports[1:]:
        assert report["cells"] == reports[0]["cells"]
        assert report["objectives"] == pytest.approx(reports[0]["objectives"], rel=1e-9)
        for mine, theirs in zip(report["paths"], reports[0]["paths"], strict=True):
            assert np.array(mine) == pytest.approx(np.array(theirs), abs=1e-8)


def test_unknown_instruction_set():
    process = run_python("import cvxnn", CVXNN_ISA="bogus")
    assert process.returncode != 0
    last = process.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: ")
    assert "the environment variable CVXNN_ISA is 'bogus'" in last
    assert "x86-64, x86-64-v3, x86-64-v4" in last


def test_empty_variable_means_no_cap():
    process = run_python("from cvxnn._native import level; print(level)", CVXNN_ISA="")
    assert process.returncode == 0, process.stderr
