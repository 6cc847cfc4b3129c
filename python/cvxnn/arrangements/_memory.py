"""How much memory there is to use."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["available_memory"]


def available_memory() -> int | None:
    """Return the bytes that this process may still use, or None if the system does not say.

    Linux tells what is free or could be freed, and the limit of a container; elsewhere on POSIX
    only the total is known without further packages.
    """
    known = [_linux_available(), _container_limit()]
    amounts = [amount for amount in known if amount is not None]
    return min(amounts) if amounts else _physical()


def _linux_available() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvail"))
    except (OSError, ValueError, StopIteration):
        return None


def _container_limit() -> int | None:
    folder = Path("/sys/fs/cgroup")
    try:
        limit, used = (int((folder / f"memory.{name}").read_text()) for name in ("max", "current"))
        lines = (folder / "memory.stat").read_text().splitlines()
        cached = next(int(line.split()[1]) for line in lines if line.startswith("file "))
        return max(0, limit - used + cached)
    except (OSError, ValueError, StopIteration):  # no container, or one without a limit ("max")
        return None


def _physical() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not POSIX, or not known there
        return None
