"""A listing whose finished parts are kept in a folder, so that it can be killed and continued.

The folder holds shards, ``cells-000000.npy`` and so on, and ``manifest.jsonl``. Each line of the
manifest is a JSON object with a record and its checksum. The first record says what is listed, by
which method, and the tasks to begin with; each further one names a shard and says how the stack of
pending tasks changed: its first `kept` tasks stayed, the others gave way to `added`.

A shard is on the disk under its name before its line is appended, so a listing that is killed loses
at most the shards it had not recorded. A last line without an end was being written when that
happened; it is dropped, and what it would have recorded is done again.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvxnn.arrangements._exploring import BATCH_SECONDS, Tasks, Walk, explore
from cvxnn.arrangements._files import write_whole
from cvxnn.arrangements._input import Hyperplanes
from cvxnn.arrangements._manifest import Manifest

__all__ = ["Shard", "list_into", "read_shards"]

Shard = tuple[Path, int]  # and how many cells it holds

# Of the folder and of the tasks in it: to be raised whenever the core changes what a task means.
_FORMAT = 1

_SHARD_BYTES = 1 << 20  # at least, but for the last one and those of slow methods
_SHARD_SECONDS = 10.0


def list_into(
    folder: str | os.PathLike[str],
    hyperplanes: Hyperplanes,
    walk: Walk,
    method: str,
    n_threads: int,
    callback: Callable[[int], object] | None = None,
) -> list[Shard]:
    """List all cells into a folder, or go on with it, and return the shards.

    Parameters
    ----------
    folder : path
        Made if it does not exist; otherwise empty, or written by this function.
    hyperplanes : Hyperplanes
        What to list.
    walk : Walk
        How to list it.
    method : str
        What the caller asked for: "auto" goes on with whatever method the folder was begun with.
    n_threads : int
        Threads; the cells do not depend on them.
    callback : callable, optional
        Called with the number of cells found.

    Raises
    ------
    ValueError
        If the folder holds something else or is damaged.
    OSError
        If it cannot be written; the finished shards are kept.
    """
    header = {
        "format": _FORMAT,
        "input": hyperplanes.digest(),
        "n_hyperplanes": hyperplanes.n_hyperplanes,
        "method": walk.method,
        "exact": walk.exact,
    }
    folder = Path(folder)
    with Manifest(folder, header, walk.first_tasks) as manifest:
        if method == "auto":
            walk = Walk(walk.arrangement, manifest.header["method"], walk.exact)
        _check_header(folder, manifest.header, {**header, "method": walk.method})
        pending, shards = _replay(folder, manifest.records)
        n_found = sum(rows for _, rows in shards)
        if callback is not None:
            callback(n_found)
        for packed, change in _shards(walk, pending, n_threads):
            name = f"cells-{len(shards):06d}.npy"
            n_found += len(packed)
            try:
                digest = _write_shard(folder / name, packed)
                manifest.append({"shard": name, "rows": len(packed), "sha256": digest, **change})
            except OSError as error:
                raise OSError(
                    error.errno,
                    f"{error.strerror or error}; the {len(shards)} finished shards are kept, and "
                    "the same call goes on from there",
                    str(folder),
                ) from error
            shards.append((folder / name, len(packed)))
            if callback is not None:
                callback(n_found)
    return shards


def read_shards(shards: list[Shard], n_words: int) -> NDArray[np.uint64]:
    """Read all shards into one array."""
    packed = np.empty((sum(rows for _, rows in shards), n_words), dtype=np.uint64)
    start = 0
    for path, rows in shards:
        packed[start : start + rows] = np.load(path, allow_pickle=False)
        start += rows
    return packed


def _shards(
    walk: Walk, pending: Tasks, n_threads: int
) -> Iterator[tuple[NDArray[np.uint64], dict[str, Any]]]:
    """Yield batches together large enough for a file, and how the stack of tasks changed."""
    parts: list[NDArray[np.uint64]] = []
    kept = len(pending)
    n_bytes = 0
    begun = time.monotonic()
    for packed, untouched in explore(walk, pending, n_threads, max_seconds=BATCH_SECONDS):
        parts.append(packed)
        n_bytes += packed.nbytes
        kept = min(kept, untouched)
        large = n_bytes >= _SHARD_BYTES or time.monotonic() - begun > _SHARD_SECONDS
        if large or not pending:
            yield np.concatenate(parts), {"kept": kept, "added": pending[kept:]}
            parts, kept, n_bytes, begun = [], len(pending), 0, time.monotonic()


def _check_header(folder: Path, found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Name what differs."""
    meaning = {
        "format": "was written in format {}, this version reads and writes format {}",
        "input": "is of other data: the digest of its hyperplanes is {}, that of X is {}",
        "n_hyperplanes": "is of {} hyperplanes, X has {}",
        "method": "was begun with method {!r}, not {!r}",
        "exact": "was begun with exact={}, not {}",
    }
    for name, message in meaning.items():
        if found.get(name) != expected[name]:
            difference = message.format(found.get(name), expected[name])
            raise ValueError(f"the checkpoint {folder} {difference}")


def _replay(folder: Path, records: list[dict[str, Any]]) -> tuple[Tasks, list[Shard]]:
    """Check every shard; return the pending tasks and the shards."""
    first, *finished = records
    pending: Tasks = first["pending"]
    shards = []
    for record in finished:
        pending = pending[: record["kept"]] + record["added"]
        path = folder / record["shard"]
        try:
            whole = sha256(path.read_bytes()).hexdigest() == record["sha256"]
        except FileNotFoundError:
            raise ValueError(f"the checkpoint {folder} has lost the shard {path.name}") from None
        if not whole:
            raise ValueError(f"the shard {path.name} of the checkpoint {folder} is damaged")
        shards.append((path, record["rows"]))
    return pending, shards


def _write_shard(path: Path, packed: NDArray[np.uint64]) -> str:
    buffer = io.BytesIO()
    np.save(buffer, packed.astype("<u8", copy=False), allow_pickle=False)
    content = buffer.getbuffer()
    write_whole(path, lambda file: file.write(content))
    return sha256(content).hexdigest()
