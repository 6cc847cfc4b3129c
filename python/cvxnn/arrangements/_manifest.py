"""The manifest of a checkpoint: checked lines of JSON, the last of which may be cut off."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from zlib import crc32

from cvxnn.arrangements._files import TEMPORARY, flush_to_disk, write_whole

__all__ = ["NAME", "Manifest"]

NAME = "manifest.jsonl"

Record = dict[str, Any]


class Manifest:
    """The records in a folder, open for more.

    Parameters
    ----------
    folder : Path
        Where it is, or will be.
    header : dict
        First record of a new manifest.
    first_tasks : callable
        Returns what is pending in a new manifest, in the order in which it is to be done.

    Attributes
    ----------
    records : list of dict
        Those found and those appended. The checksum of each covers those before it.
    """

    def __init__(self, folder: Path, header: Record, first_tasks: Callable[[], Any]) -> None:
        self.path = folder / NAME
        folder.mkdir(parents=True, exist_ok=True)
        if not self.path.exists():
            _refuse_other_files(folder)
            line = _line({**header, "pending": first_tasks()[::-1]}, previous=0)
            write_whole(self.path, lambda file: file.write(line))
        # unbuffered: what a full disk refused must not be tried again when the file is closed
        self._file = open(self.path, "r+b", buffering=0)
        try:
            _lock(self._file, folder)
            self._checksum = 0
            self.records = self._read()
        except BaseException:
            self._file.close()
            raise

    @property
    def header(self) -> Record:
        return self.records[0]

    def append(self, record: Record) -> None:
        """Write one more record and wait for the disk."""
        end = self._file.tell()
        try:
            line = _line(record, self._checksum)
            while line:  # a disk that is nearly full takes a part
                line = line[self._file.write(line) :]
            flush_to_disk(self._file)
        except BaseException:
            self._cut(end)
            raise
        self._checksum = _checksum(record, self._checksum)
        self.records.append(record)

    def __enter__(self) -> Manifest:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def _read(self) -> list[Record]:
        content = self._file.read()
        lines = content.split(b"\n")
        unfinished = lines.pop()
        self._cut(len(content) - len(unfinished))
        if not lines:
            raise ValueError(f"{self.path} is damaged: it has no complete line")
        return [self._record(number, line) for number, line in enumerate(lines, start=1)]

    def _record(self, number: int, line: bytes) -> Record:
        try:
            parsed = json.loads(line)
            record: Record = parsed["record"]
            self._checksum = _checksum(record, self._checksum)
            whole = parsed["crc32"] == self._checksum
        except (ValueError, TypeError, KeyError):
            whole = False
        if not whole:
            raise ValueError(f"{self.path} is damaged: line {number} does not match its checksum")
        return record

    def _cut(self, length: int) -> None:
        """Drop what was not written completely; the next run does it if the disk refuses."""
        try:
            self._file.truncate(length)
            self._file.seek(length)
        except OSError:
            pass


def _encoded(record: Record) -> bytes:
    return json.dumps(record, sort_keys=True, separators=(",", ":")).encode()


def _checksum(record: Record, previous: int) -> int:
    return crc32(_encoded(record), previous)


def _line(record: Record, previous: int) -> bytes:
    return b'{"crc32":%d,"record":%b}\n' % (_checksum(record, previous), _encoded(record))


def _refuse_other_files(folder: Path) -> None:
    """Let only what a killed run may have left before it had a manifest be overwritten."""
    others = sorted(name for name in os.listdir(folder) if not name.endswith(TEMPORARY))
    if others:
        raise ValueError(
            f"the checkpoint {folder} is damaged, or is another kind of folder: it holds "
            f"{others[0]} but no {NAME}"
        )


def _lock(file: IO[bytes], folder: Path) -> None:
    """Keep a second process out; the system gives the lock up when this one ends."""
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        message = "the checkpoint is in use by another process"
        raise OSError(error.errno, message, str(folder)) from None
