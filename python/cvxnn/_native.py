"""Choose the build of the C++ core that fits this processor.

The core is compiled once per instruction-set level. The best level that the processor supports
and that is installed is imported; the environment variable ``CVXNN_ISA`` caps it.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

from cvxnn import _cpu

__all__ = ["core", "level"]

# From the slowest to the fastest. Other processors than x86-64 have the first only.
_MODULES = {"x86-64": "_core", "x86-64-v3": "_core_v3", "x86-64-v4": "_core_v4"}


def _candidates() -> list[str]:
    """Return the levels that may run here, the best first."""
    levels = list(_MODULES)
    cap = os.environ.get("CVXNN_ISA") or levels[-1]
    if cap not in levels:
        raise ImportError(
            f"the environment variable CVXNN_ISA is {cap!r}, expected one of {', '.join(levels)}"
        )
    machine = _cpu.level()
    best = 0 if machine == "generic" else levels.index(machine)
    return levels[min(best, levels.index(cap)) :: -1]


if TYPE_CHECKING:
    from cvxnn import _core as core

    level: str
else:
    for level in _candidates():
        name = f"cvxnn.{_MODULES[level]}"
        try:
            core = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
        else:
            break
    else:
        raise ImportError(
            f"no build of the cvxnn core is installed for {' or '.join(_candidates())}; "
            "reinstall cvxnn, or unset the environment variable CVXNN_ISA"
        )
    if _cpu.level() == "generic":
        level = "generic"
    del name
