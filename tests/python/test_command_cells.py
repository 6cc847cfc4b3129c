"""The command `cells`."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers import gaussian_problem

from cvxnn.__main__ import main
from cvxnn._table import read_table
from cvxnn.arrangements import enumerate_cells

X, OFFSET = gaussian_problem(9, 3, seed=0)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("X.npy", X)
    return tmp_path


def run(capsys, *arguments):
    """Exit code, standard output and error stream of the command."""
    try:
        code = main(["cells", *map(str, arguments)])
    except SystemExit as error:
        code = error.code
    return code, *capsys.readouterr()


def write_csv(name, header=None, delimiter=","):
    np.savetxt(
        name, np.column_stack([X, OFFSET]), "%.17g", delimiter, header=header or "", comments=""
    )


def test_count(capsys):
    assert run(capsys, "X.npy", "--count") == (0, "74\n", "")
    code, output, _ = run(capsys, "X.npy", "--count", "--json")
    assert code == 0
    expected = {"n_hyperplanes": 9, "dimension": 3, "affine": False, "n_cells": 74}
    assert json.loads(output) == expected


def test_characteristic_polynomial(capsys):
    arguments = ["X.npy", "--characteristic-polynomial"]
    assert run(capsys, *arguments) == (0, "1 -9 36 -28\n", "")
    _, output, _ = run(capsys, *arguments, "--json")
    assert json.loads(output)["characteristic_polynomial"] == [1, -9, 36, -28]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    "header, column", [(None, "3"), (None, "-1"), ("a,b,c,shift", "shift"), ("a,b,3,shift", "-1")]
)
def test_csv(capsys, delimiter, header, column):
    write_csv("data.csv", header and header.replace(",", delimiter), delimiter)
    arguments = ["data.csv", "--offset-column", column, "--count", "--json"]
    code, output, errors = run(capsys, *arguments)
    assert code == 0, errors
    found = json.loads(output)
    assert found == {"n_hyperplanes": 9, "dimension": 3, "affine": True, "n_cells": 130}
    assert np.array_equal(read_table_floats("data.csv"), np.column_stack([X, OFFSET]))


def read_table_floats(name):
    from pathlib import Path

    return read_table(Path(name)).values.astype(float)


def test_csv_details(capsys, folder):
    # a byte order mark, quotes, blank lines, a column named 1, integers beyond doubles
    text = '\ufeff"x", 1\r\n\r\n9007199254740992, 9007199254740992\r\n'
    text += "9007199254740992,9007199254740993\n\n"
    (folder / "data.csv").write_text(text, encoding="utf-8")
    assert run(capsys, "data.csv", "--count")[:2] == (0, "4\n")
    assert run(capsys, "data.csv", "--offset-column", "1", "--count")[:2] == (0, "3\n")
    (folder / "one.txt").write_text("1\n-2\n")
    assert run(capsys, "one.txt", "--count")[:2] == (0, "2\n")


def test_npz(capsys):
    np.savez("both.npz", X=X, offset=OFFSET)
    assert run(capsys, "both.npz", "--count")[1] == "130\n"
    np.savez("one.npz", data=X)
    assert run(capsys, "one.npz", "--count")[1] == "74\n"
    np.savez("two.npz", a=X, b=X)
    assert run(capsys, "two.npz", "--count")[2] == "error: two.npz has no array X, but a, b\n"


@pytest.mark.parametrize("arguments", [[], ["--output", "new/cells"]])
@pytest.mark.parametrize("method", ["auto", "lowest_vertex", "ray_tree", "reverse_search"])
def test_listing(capsys, folder, arguments, method):
    code, output, errors = run(capsys, "X.npy", *arguments, "--method", method, "--json")
    assert (code, errors) == (0, "")
    found = json.loads(output)
    where = folder / (arguments[1] if arguments else "X-cells")
    assert found["n_cells"] == 74
    assert folder / found["output"] == where
    assert found["n_shards"] == len(list(where.glob("*.npy")))
    cells = np.concatenate([np.load(path) for path in where.glob("*.npy")])
    assert len(np.unique(cells)) == len(cells) == 74
    assert enumerate_cells(X, method=method, checkpoint=where) == enumerate_cells(X)


def test_resume(capsys, folder):
    assert run(capsys, "X.npy", "--output", "out", "--resume") == (
        *(1, "", "error: out holds no listing to go on with\n"),
    )
    code, output, _ = run(capsys, "X.npy", "--output", "out")
    assert code == 0
    assert output.startswith("74 cells in out, ")
    before = {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
    code, output, errors = run(capsys, "X.npy", "--output", "out")
    assert (code, output) == (1, "")
    assert errors == "error: out is there already; --resume goes on with a listing in it\n"
    assert run(capsys, "X.npy", "--output", "out", "--resume")[0] == 0
    assert before == {path.name: path.read_bytes() for path in (folder / "out").iterdir()}
    np.save("X.npy", X[::-1])
    code, _, errors = run(capsys, "X.npy", "--output", "out", "--resume")
    assert code == 1
    assert errors.startswith("error: the checkpoint out is of other data")


def test_max_cells(capsys, folder):
    assert run(capsys, "X.npy", "--max-cells", "74", "--output", "out")[0] == 0
    code, output, errors = run(capsys, "X.npy", "--max-cells", "73")
    assert (code, output) == (1, "")
    assert errors == "error: the arrangement of X has 74 cells, 73 are allowed\n"
    assert not (folder / "X-cells").exists()


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "holds no numbers"),
        ("a,b\n", "holds no numbers"),
        ("1,2\n3\n", "line 2: expected 2 fields, got 1"),
        ("1,2\n3,x\n", "line 2: 'x' is not a number"),
        ("1,2\n3,\n", "line 2: '' is not a number"),
        ("1,2\nnan,1\n", "X must be finite, but row 1 holds NaN or infinity"),
        ("0,0\n0,0\n", "X has only zero rows"),
        (b"\xff\xfe\x00\n", "is not a text of numbers"),
    ],
)
def test_bad_texts(capsys, folder, content, message):
    (folder / "bad.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    code, output, errors = run(capsys, "bad.csv", "--count")
    assert (code, output) == (1, "")
    assert errors.startswith("error: ")
    assert message in errors
    assert errors.count("\n") == 1


def test_bad_files(capsys, folder):
    assert "No such file" in run(capsys, "missing.csv", "--count")[2]
    for name in ("bad.npy", "bad.npz"):
        (folder / name).write_bytes(b"not an array")
        code, _, errors = run(capsys, name, "--count")
        assert code == 1
        assert errors.startswith(f"error: {name} is not a file of arrays")
    np.save("flat.npy", np.ones(3))
    assert "X must be a non-empty 2-D array" in run(capsys, "flat.npy", "--count")[2]
    assert "expected a table" in run(capsys, "flat.npy", "--offset-column", "0", "--count")[2]
    np.save("pickled.npy", np.array([{}]), allow_pickle=True)
    assert run(capsys, "pickled.npy", "--count")[0] == 1
    code, _, errors = run(capsys, "X.npy", "--offset-column", "3", "--count")
    assert (code, errors) == (1, "error: there is no column '3': expected 0 to 2\n")
    write_csv("data.csv", "a,b,c,d")
    _, _, errors = run(capsys, "data.csv", "--offset-column", "e", "--count")
    assert errors == "error: there is no column 'e': expected a, b, c, d, or 0 to 3\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["X.npy", "--method", "fast"],
        ["X.npy", "--n-jobs", "0"],
        ["X.npy", "--max-cells", "0"],
        ["X.npy", "--max-cells", "many"],
        ["X.npy", "--count", "--output", "out"],
        ["X.npy", "--count", "--characteristic-polynomial"],
        ["X.npy", "--count", "--resume"],
        ["X.npy", "--bogus"],
    ],
)
def test_usage(capsys, folder, arguments):
    code, output, errors = run(capsys, *arguments)
    assert code == 2
    assert output == ""
    assert "usage:" in errors
    assert [path.name for path in folder.iterdir()] == ["X.npy"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_keyboard_interrupt_and_resume(folder):
    np.save("large.npy", gaussian_problem(150, 5, seed=0)[0])
    command = [sys.executable, "-m", "cvxnn", "cells", "large.npy"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 30.0
        while not (folder / "large-cells").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors) == (130, "", "interrupted\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")
def test_progress_on_a_terminal_only(folder):
    import os
    import pty

    pytest.importorskip("rich")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "cvxnn", "cells", "X.npy", "--json"]
    process = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, timeout=60, check=True)
    os.close(theirs)
    shown = os.read(ours, 10**6).decode()
    os.close(ours)
    assert json.loads(process.stdout)["n_cells"] == 74
    assert "74 cells" in shown
    assert "100%" in shown  # of the count known beforehand
    process = subprocess.run([*command, "--resume"], capture_output=True, timeout=60, check=True)
    assert process.stderr == b""
