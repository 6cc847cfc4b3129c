"""The command line."""

import subprocess
import sys
from pathlib import Path

import pytest

import cvxnn


def run_main(*arguments, cwd=None, timeout=30):
    return subprocess.run(
        [sys.executable, "-m", "cvxnn", *arguments],
        cwd=cwd,
        timeout=timeout,
        capture_output=True,
        text=True,
        check=False,
    )


def test_version():
    process = run_main("--version")
    assert process.returncode == 0, process.stderr
    assert cvxnn.__version__ in process.stdout.split()
    assert process.stderr == ""


def test_includes_names_the_folder_of_the_headers():
    process = run_main("--includes")
    assert process.returncode == 0, process.stderr
    folder = Path(process.stdout.strip().removeprefix("-I"))
    assert (folder / "cvxnn" / "cone_program.hpp").is_file()
    assert (folder / "cvxnn" / "version.hpp").is_file()


def test_cmakedir_names_the_folder_of_the_config():
    process = run_main("--cmakedir")
    assert process.returncode == 0, process.stderr
    folder = Path(process.stdout.strip())
    assert (folder / "cvxnnConfig.cmake").is_file()
    assert (folder / "cvxnnConfigVersion.cmake").is_file()


@pytest.mark.parametrize("arguments", [["--bogus"], ["bogus"]])
def test_unknown_arguments(arguments):
    process = run_main(*arguments)
    assert process.returncode == 2
    assert "bogus" in process.stderr
    assert "usage" in process.stderr
    assert process.stdout == ""


def test_help():
    process = run_main("--help")
    assert process.returncode == 0
    assert "demo" in process.stdout


def test_demo_into_a_pipe(tmp_path):
    pytest.importorskip("matplotlib")
    process = run_main("demo", cwd=tmp_path, timeout=90)
    assert process.returncode == 0, process.stderr
    table = process.stdout.lower()
    for word in ("diabetes", "breast", "plane", "global", "patterns", "cells", "lower bound"):
        assert word in table
    for character in "\r\x1b█━":  # no progress bar and no colours in a pipe
        assert character not in process.stdout + process.stderr
    (picture,) = tmp_path.glob("*.png")
    assert picture.read_bytes().startswith(b"\x89PNG")
