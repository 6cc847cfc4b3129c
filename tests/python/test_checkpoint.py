"""A listing with a checkpoint is continued after any end, and refuses folders it cannot trust."""

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import gaussian_problem, run_python

from cvxnn.arrangements import TooManyCells, _checkpoint, _exploring, _files, enumerate_cells

X = gaussian_problem(20, 4, seed=0)[0]  # 2320 cells
EXPECTED = enumerate_cells(X)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(_exploring, "_BATCH_CELLS", 64)
    monkeypatch.setattr(_checkpoint, "_SHARD_BYTES", 300)


class Stop(Exception):
    pass


def stop_after(n_cells):
    def callback(found):
        if found >= n_cells:
            raise Stop

    return callback


def interrupted(folder, n_cells, **options):
    with pytest.raises(Stop):
        enumerate_cells(X, checkpoint=folder, callback=stop_after(n_cells), **options)
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def shards(folder):
    return sorted(folder.glob("*.npy"))


def records(folder):
    *lines, _unfinished = (folder / "manifest.jsonl").read_text().split("\n")
    return [json.loads(line)["record"] for line in lines]


def assert_complete(folder):
    """Every cell is in the shards once."""
    packed = np.concatenate([np.load(path) for path in shards(folder)])
    assert len(packed) == len(np.unique(packed, axis=0)) == len(EXPECTED)


@pytest.mark.parametrize("method", ["auto", "lowest_vertex", "ray_tree", "reverse_search"])
def test_same_cells(tmp_path, method):
    folder = tmp_path / "new" / "folder"
    assert enumerate_cells(X, method=method, checkpoint=folder) == EXPECTED
    assert len(shards(folder)) > 3
    assert_complete(folder)
    before = contents(folder)
    found = []
    again = enumerate_cells(X, method=method, checkpoint=str(folder), callback=found.append)
    assert again == EXPECTED
    assert found == [len(EXPECTED)]  # read, not listed again
    assert contents(folder) == before


def test_other_options_on_a_finished_folder(tmp_path):
    enumerate_cells(X, checkpoint=tmp_path)
    cells = enumerate_cells(X, checkpoint=tmp_path, witnesses=True, n_jobs=2)
    assert np.array_equal(cells.witnesses @ X.T > 0, EXPECTED.to_dense())
    with pytest.raises(TooManyCells, match="has 2,320 cells, 5 are allowed"):
        enumerate_cells(X, checkpoint=tmp_path, max_cells=5)


def test_affine_and_exact_input(tmp_path):
    rows = [[10**30, 1], [1, 0], [3, 2], [3, 2]]
    offset = [1, -2, 5, 6]
    expected = enumerate_cells(rows, offset=offset)
    assert enumerate_cells(rows, offset=offset, checkpoint=tmp_path) == expected
    doubled = 2 * np.array(rows, dtype=object)
    assert enumerate_cells(doubled, offset=2 * np.array(offset), checkpoint=tmp_path) == expected
    with pytest.raises(ValueError, match="is of other data"):
        enumerate_cells(rows, offset=[1, -2, 5, 7], checkpoint=tmp_path)
    with pytest.raises(ValueError, match="is of other data"):
        enumerate_cells(np.column_stack([doubled, offset]), checkpoint=tmp_path)


@pytest.mark.parametrize("n_cells", [0, 1, 500, 1500, 2300])
def test_continues_after_an_exception(tmp_path, n_cells):
    interrupted(tmp_path, n_cells)
    before = contents(tmp_path)
    found = []
    assert enumerate_cells(X, checkpoint=tmp_path, callback=found.append) == EXPECTED
    assert found[0] >= n_cells  # nothing lost
    assert_complete(tmp_path)  # nothing repeated
    for path in shards(tmp_path):
        assert before.get(path.name, path.read_bytes()) == path.read_bytes()


def test_resumed_many_times(tmp_path):
    found = 0
    while found < len(EXPECTED):  # one more shard each time
        interrupted(tmp_path, found + 1)
        now = sum(len(np.load(path)) for path in shards(tmp_path))
        assert now > found
        found = now
    assert enumerate_cells(X, checkpoint=tmp_path) == EXPECTED
    assert_complete(tmp_path)


def test_auto_takes_over_the_method_of_the_folder(tmp_path):
    interrupted(tmp_path, 300, method="reverse_search")
    assert enumerate_cells(X, checkpoint=tmp_path) == EXPECTED
    assert records(tmp_path)[0]["method"] == "reverse_search"


def test_shards_are_large_enough(tmp_path, monkeypatch):
    monkeypatch.undo()
    enumerate_cells(X, checkpoint=tmp_path)
    assert len(shards(tmp_path)) == 1
    monkeypatch.setattr(_exploring, "_BATCH_CELLS", 64)
    monkeypatch.setattr(_checkpoint, "_SHARD_SECONDS", 0.0)  # slow methods must not wait for bytes
    folder = tmp_path / "slow"
    enumerate_cells(X, checkpoint=folder)
    assert len(shards(folder)) > 3


WORKER = """
import os, sys
import numpy as np
from cvxnn.arrangements import _checkpoint, _exploring, enumerate_cells
_exploring._BATCH_CELLS, _checkpoint._SHARD_BYTES = 64, 300
X = np.random.default_rng(0).standard_normal((20, 4))
folder, point, step = sys.argv[1], sys.argv[2], int(sys.argv[3])
n_calls = 0

def dying(function):
    def wrapped(*arguments, **options):
        global n_calls
        n_calls += 1
        if n_calls == step:
            if point == "half a line":
                arguments[0].write(b'{"crc32":')
            os._exit(9)
        return function(*arguments, **options)
    return wrapped

import cvxnn.arrangements._files as files, cvxnn.arrangements._manifest as manifest
if point == "before the rename":
    os.replace = dying(os.replace)
elif point == "before the flush":
    os.fsync = dying(os.fsync)
elif point == "half a line":
    manifest.flush_to_disk = dying(manifest.flush_to_disk)
elif point == "after the shard":
    _checkpoint.sha256 = dying(_checkpoint.sha256)
print("started", flush=True)
enumerate_cells(X, checkpoint=folder, n_jobs=1)
print("done", flush=True)
"""


@pytest.mark.parametrize("step", [1, 2, 5])
@pytest.mark.parametrize(
    "point", ["before the rename", "before the flush", "half a line", "after the shard"]
)
def test_a_process_that_ends_at_a_bad_moment(tmp_path, point, step):
    folder = tmp_path / "checkpoint"
    process = run_python(WORKER, folder, point, step)
    assert process.returncode == 9, process.stderr
    n_shards = len(records(folder)) - 1 if (folder / "manifest.jsonl").exists() else 0
    before = contents(folder)
    assert enumerate_cells(X, checkpoint=folder) == EXPECTED
    assert_complete(folder)
    assert not list(folder.glob("*.tmp"))
    for path in shards(folder)[:n_shards]:
        assert before[path.name] == path.read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_moments(tmp_path, seed):
    moments = random.Random(seed)
    for _ in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", WORKER, tmp_path, "never", "0"],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout.readline() == "started\n"
            time.sleep(moments.uniform(0.0, 0.03))
            process.send_signal(signal.SIGKILL)
            if process.stdout.read() == "done\n":
                break
    assert enumerate_cells(X, checkpoint=tmp_path) == EXPECTED
    assert_complete(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_keyboard_interrupt(tmp_path):
    code = WORKER.replace("_BATCH_CELLS, _checkpoint._SHARD_BYTES = 64, 300", "_BATCH_CELLS = 64")
    code = code.replace("(20, 4)", "(150, 5)")  # half a minute of work
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path, "never", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "started\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert output == ""
    assert "KeyboardInterrupt" in errors
    assert process.returncode != 0


@pytest.mark.parametrize(
    "options, message",
    [
        ({"method": "lowest_vertex"}, "begun with method 'ray_tree', not 'lowest_vertex'"),
        ({"method": "ray_tree", "exact": False}, "begun with exact=True, not False"),
    ],
)
def test_other_options_are_refused(tmp_path, options, message):
    interrupted(tmp_path, 300, method="ray_tree")
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=f"the checkpoint .* was {message}"):
        enumerate_cells(X, checkpoint=tmp_path, **options)
    assert contents(tmp_path) == before


def test_other_data_is_refused(tmp_path):
    interrupted(tmp_path, 300)
    other = X.copy()
    other[7, 2] = np.nextafter(other[7, 2], 1.0)
    for data in (other, X[::-1], -X, X[:-1], X[:, :-1]):
        with pytest.raises(ValueError, match=r"the checkpoint .* is of other data"):
            enumerate_cells(data, checkpoint=tmp_path)
    with pytest.raises(ValueError, match="is of other data"):
        enumerate_cells(X, offset=np.zeros(20), checkpoint=tmp_path)
    assert enumerate_cells(X, checkpoint=tmp_path) == EXPECTED


def test_another_version_is_refused(tmp_path, monkeypatch):
    interrupted(tmp_path, 300)
    monkeypatch.setattr(_checkpoint, "_FORMAT", _checkpoint._FORMAT + 1)
    with pytest.raises(ValueError, match=r"was written in format 1, this version .* format 2"):
        enumerate_cells(X, checkpoint=tmp_path)


def test_damaged_shards_are_refused(tmp_path):
    source = interrupted(tmp_path / "source", 1000)
    for number, path in enumerate(shards(source)):
        folder = shutil.copytree(source, tmp_path / f"copy{number}")
        content = bytearray(path.read_bytes())
        content[len(content) * 3 // 4] ^= 1
        (folder / path.name).write_bytes(content)
        with pytest.raises(ValueError, match=f"the shard {path.name} of .* is damaged"):
            enumerate_cells(X, checkpoint=folder)
        (folder / path.name).write_bytes(content[: len(content) // 2])
        with pytest.raises(ValueError, match=f"the shard {path.name} of .* is damaged"):
            enumerate_cells(X, checkpoint=folder)
        (folder / path.name).unlink()
        with pytest.raises(ValueError, match=f"has lost the shard {path.name}"):
            enumerate_cells(X, checkpoint=folder)


def test_damaged_manifests_are_refused_or_continued(tmp_path):
    source = interrupted(tmp_path / "source", 600)
    content = (source / "manifest.jsonl").read_bytes()
    folder = shutil.copytree(source, tmp_path / "copy")
    manifest = folder / "manifest.jsonl"
    moments = random.Random(0)
    for place in [*range(0, 60, 7), *(moments.randrange(len(content) - 1) for _ in range(60))]:
        altered = bytes([content[place] ^ 2])
        manifest.write_bytes(content[:place] + altered + content[place + 1 :])
        with pytest.raises(ValueError, match=r"manifest\.jsonl is damaged: line"):
            enumerate_cells(X, checkpoint=folder)
    first = content.index(b"\n") + 1
    second = content.index(b"\n", first) + 1
    lines = content[:first], content[first:second], content[second:]
    for order in ((1, 2), (0, 2), (0, 2, 1), (0, 1, 1, 2)):  # whole lines, but not these
        manifest.write_bytes(b"".join(lines[i] for i in order))
        with pytest.raises(ValueError, match="is damaged"):
            enumerate_cells(X, checkpoint=folder)
    for length in range(first, len(content), 41):  # what a power cut may leave
        shutil.rmtree(folder)
        shutil.copytree(source, folder)
        manifest.write_bytes(content[:length])
        assert enumerate_cells(X, checkpoint=folder) == EXPECTED
        assert_complete(folder)
    for length in (0, 1, first - 1):
        manifest.write_bytes(content[:length])
        with pytest.raises(ValueError, match="is damaged: it has no complete line"):
            enumerate_cells(X, checkpoint=folder)


def test_folders_of_other_things_are_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(ValueError, match=r"holds thesis.tex but no manifest.jsonl"):
        enumerate_cells(X, checkpoint=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    finished = tmp_path / "finished"
    enumerate_cells(X, checkpoint=finished)
    (finished / "manifest.jsonl").unlink()
    with pytest.raises(ValueError, match=r"holds cells-000000.npy but no manifest"):
        enumerate_cells(X, checkpoint=finished)


@pytest.mark.parametrize("n_writes", [1, 2, 5, 8])
@pytest.mark.parametrize("where", ["flush_to_disk", "replace", "manifest"])
def test_a_full_disk(tmp_path, monkeypatch, n_writes, where):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    left = n_writes

    def failing(function):
        def wrapped(*arguments):
            nonlocal left
            left -= 1
            if left < 0:
                raise full
            return function(*arguments)

        return wrapped

    with monkeypatch.context() as patch:
        if where == "replace":
            patch.setattr(os, "replace", failing(os.replace))
        elif where == "manifest":
            from cvxnn.arrangements import _manifest

            patch.setattr(_manifest, "flush_to_disk", failing(_manifest.flush_to_disk))
        else:
            patch.setattr(_files, "flush_to_disk", failing(_files.flush_to_disk))
        with pytest.raises(
            OSError, match=r"No space left on device; .* finished shards are kept"
        ) as e:
            enumerate_cells(X, checkpoint=tmp_path)
    assert e.value.errno == errno.ENOSPC
    assert e.value.filename == str(tmp_path)
    assert not list(tmp_path.glob("*.tmp"))
    n_shards = len(records(tmp_path)) - 1
    assert f"the {n_shards} finished shards" in str(e.value)
    before = contents(tmp_path)
    assert enumerate_cells(X, checkpoint=tmp_path) == EXPECTED
    assert_complete(tmp_path)
    for path in shards(tmp_path)[:n_shards]:
        assert before[path.name] == path.read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_really_full_device(tmp_path):
    (tmp_path / "manifest.jsonl.tmp").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        enumerate_cells(X, checkpoint=tmp_path)
    assert enumerate_cells(X, checkpoint=tmp_path) == EXPECTED


def test_a_file_in_the_way(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(OSError, match="file"):
        enumerate_cells(X, checkpoint=path)


@pytest.mark.skipif(sys.platform == "win32", reason="no such locks there")
def test_a_folder_in_use(tmp_path):
    from cvxnn.arrangements._manifest import Manifest

    interrupted(tmp_path, 300)
    with Manifest(tmp_path, {}, list):
        process = run_python(WORKER, tmp_path, "never", 0)
    assert process.returncode == 1
    assert "the checkpoint is in use by another process" in process.stderr
    assert enumerate_cells(X, checkpoint=tmp_path) == EXPECTED
