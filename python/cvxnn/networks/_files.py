"""Networks in npz files: every field an array, and notes on the data that they were trained on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, fields
from itertools import count, takewhile
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from cvxnn.arrangements import _npz

__all__ = ["SavedInFiles", "load_network", "save_network"]

Notes = dict[str, NDArray[Any]]
T = TypeVar("T")

_FORMAT = 1
_NOTES = ("feature_names", "classes")


class SavedInFiles:
    """Base of the networks: dataclasses of arrays, tuples of arrays, numbers and strings."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to one npz file, replacing what was there only once it is complete.

        Parameters
        ----------
        path : str or path
            The file; no suffix is added.

        Examples
        --------
        >>> import tempfile
        >>> from cvxnn import Network
        >>> hat = Network([[1.0], [1.0], [1.0]], [1.0, 0.0, -1.0], [[1.0], [-2.0], [1.0]], [0.0])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     hat.save(f"{folder}/hat.npz")
        ...     again = Network.load(f"{folder}/hat.npz")
        >>> again.predict([[-1.0], [0.0], [0.5]])
        array([0. , 1. , 0.5])
        """
        save_network(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote: the same weights, to the last bit.

        Nothing in a file is executed: it holds arrays of numbers and strings, no pickles.

        Parameters
        ----------
        path : str or path
            The file.

        Returns
        -------
        Network, GatedNetwork, ConvNetwork or another
            Of the class that this is called on.

        Raises
        ------
        ValueError
            If the file is damaged, or holds something else: say, another kind of network.
        OSError
            If it cannot be read.
        """
        return load_network(path, cls)[0]


def save_network(path: str | os.PathLike[str], network: Any, **notes: Any) -> None:
    """Write a network, and beside it the names of its features and classes if given."""
    arrays = {}
    for field in fields(network):
        value = getattr(network, field.name)
        parts = (
            {f"{field.name}_{i}": part for i, part in enumerate(value)}
            if isinstance(value, tuple)
            else {field.name: value}
        )
        arrays.update({name: np.asarray(part) for name, part in parts.items()})
    told = {name: np.asarray(note) for name, note in notes.items() if note is not None}
    _npz.save(path, _FORMAT, {"kind": np.array(type(network).__name__), **arrays, **told})


def load_network(path: str | os.PathLike[str], kind: type[T]) -> tuple[T, Notes]:
    """Read a network of the kind given, and the notes beside it."""

    def network_of(arrays: _npz.Arrays) -> tuple[T, Notes]:
        written = str(arrays.get("kind", "no network"))
        if written != kind.__name__:
            raise ValueError(f"it holds {written}, expected {kind.__name__}")
        notes = {name: arrays[name] for name in _NOTES if name in arrays}
        return kind(**_values(arrays, kind)), notes

    return _npz.load(path, _FORMAT, "a network", network_of)


def _values(arrays: Mapping[str, NDArray[Any]], kind: Any) -> dict[str, Any]:
    """Return the values of a network's fields; one with a default may be missing."""
    values: dict[str, Any] = {}
    for field in fields(kind):
        name = field.name
        if f"{name}_0" in arrays:  # a tuple of arrays
            parts = (f"{name}_{i}" for i in count())
            values[name] = tuple(
                _value(arrays, part) for part in takewhile(arrays.__contains__, parts)
            )
        elif name in arrays or field.default is MISSING:
            values[name] = _value(arrays, name)
    return values


def _value(arrays: Mapping[str, NDArray[Any]], name: str) -> Any:
    array = arrays[name]
    if array.dtype.kind not in ("f" if array.ndim else "fU"):
        raise ValueError(f"its {name} holds values of type {array.dtype}")
    return array if array.ndim else array.item()
