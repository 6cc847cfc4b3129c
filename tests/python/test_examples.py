"""The scripts of examples/ run, print their table and draw their figure."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def output_of(name, *arguments):
    process = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("branch_sweep.py --fast", "proved: no network is below 0.45729"),
        ("deep_linear_gap.py", "1, 1, 1              3      7.7942      4.5000             4.5000"),
        ("ecg_prediction.py", "proved: no network of any width is below"),
        ("rank_sweep.py", "rank  objective  lower bound"),
        ("ratio_of_sampled_cells.py", "cells  objective / optimum"),
        ("spiral.py --fast", "network       m1  objective  lower bound"),
        pytest.param("convolution_of_images.py", "on all 1797 images", marks=pytest.mark.slow),
    ],
)
def test_a_table_and_a_figure(name, expected, tmp_path):
    assert expected in output_of(*name.split(), "--figure", str(tmp_path / "figure.png"))
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_networks_trained_by_gradients_are_above_their_bounds():
    rows = [line.split() for line in output_of("certify_trained_network.py").splitlines()[1:]]
    assert len(rows) == 6
    assert all(float(row[2]) >= float(row[3]) > 0.0 for row in rows)
