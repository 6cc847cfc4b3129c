"""Optional dependencies, imported where they are used and never before."""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = ["optional_import"]


def optional_import(module: str, extra: str) -> ModuleType:
    """Import a module that only an extra installs.

    Parameters
    ----------
    module : str
        Dotted name of the module.
    extra : str
        The extra of this package that brings it.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If it is not installed; the message names the extra. A module that is installed but fails to
        import raises its own error.

    Examples
    --------
    >>> from cvxnn._optional import optional_import
    >>> optional_import("matplotlotlib.figure", extra="plot")
    Traceback (most recent call last):
        ...
    ImportError: matplotlotlib is not installed; pip install "cvxnn[plot]" brings it
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise ImportError(
            f'{package} is not installed; pip install "cvxnn[{extra}]" brings it', name=package
        ) from None
