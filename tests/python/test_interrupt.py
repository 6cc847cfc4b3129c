"""Ctrl-C stops a long call within half a second and leaves the process usable."""

import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

SCRIPT = """
import time
import numpy as np
from cvxnn import ReLURegressor, certify
from cvxnn.arrangements import count_cells, enumerate_cells, sample_cells
random = np.random.default_rng(0)
def data(n, d):
    return random.standard_normal((n, d)), random.standard_normal(n)
def again():
    return ReLURegressor(0.1, n_jobs=2).fit(*data(10, 2)).status_
again()
print("started", flush=True)
try:
    {call}
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
    print(again(), flush=True)
"""

CALLS = {
    "fit": "ReLURegressor(1e-4, patterns=3000, tol=1e-12, n_jobs=2).fit(*data(600, 20))",
    "fit over every cell": "ReLURegressor(1e-3, tol=1e-12, n_jobs=2).fit(*data(80, 3))",
    "enumerate_cells": "enumerate_cells(data(120, 5)[0], n_jobs=2)",
    "one thread": "enumerate_cells(data(120, 5)[0], n_jobs=1)",
    "witnesses": "enumerate_cells(data(60, 4)[0], witnesses=True, n_jobs=1)",
    "count_cells": "count_cells(data(80, 12)[0])",
    "sample_cells": "sample_cells(data(2000, 50)[0], 500_000)",
}


@pytest.mark.parametrize("name", CALLS)
def test_keyboard_interrupt(name):
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(call=CALLS[name])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout.readline() == "started\n"
            time.sleep(0.7)
            assert process.poll() is None
            sent = time.monotonic()
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert output, f"the call ended before the signal came, or crashed: {errors}"
    caught, status = output.split()
    assert float(caught) - sent < 0.5
    assert status == "converged"
    assert process.returncode == 0, errors
