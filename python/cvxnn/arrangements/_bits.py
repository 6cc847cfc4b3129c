"""Packed patterns as keys that sort, as numbers of bits, and as what is met first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "bit_counts",
    "contains",
    "first_met",
    "hamming",
    "pack",
    "sort_keys",
    "stray_bits",
    "words_for",
]

Words = NDArray[np.uint64]

_REVERSED = np.packbits(
    np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1), axis=1, bitorder="little"
).ravel()
_COUNTS = np.array([number.bit_count() for number in range(1 << 16)], dtype=np.uint8)
_BLOCK_BYTES = 1 << 24  # of intermediate results
_MIXER = np.uint64(0xFF51AFD7ED558CCD)


def words_for(n_hyperplanes: int) -> int:
    """Return the number of words that hold one pattern."""
    return (n_hyperplanes + 63) // 64


def pack(dense: NDArray[np.bool_]) -> Words:
    """Pack a (P, n) boolean array into (P, ceil(n / 64)) words."""
    n_cells, n = dense.shape
    padded = np.zeros((n_cells, 64 * words_for(n)), dtype=np.bool_)
    padded[:, :n] = dense
    return np.packbits(padded, axis=1, bitorder="little").view("<u8").astype(np.uint64)


def stray_bits(packed: Words, n_hyperplanes: int) -> bool:
    """Tell whether a bit beyond the last hyperplane is set."""
    used = n_hyperplanes % 64
    return used != 0 and bool(np.any(packed[:, -1] >> np.uint64(used)))


def sort_keys(packed: Words) -> NDArray[Any]:
    """Return one key per pattern; keys compare as the patterns do in the canonical order."""
    n_cells, n_words = packed.shape
    if n_words == 0:
        return np.zeros(n_cells, dtype=np.uint64)
    # The first hyperplane has the lowest bit of the first octet but counts most. With the bits of
    # each octet turned round, patterns compare like strings of octets.
    octets = _REVERSED[np.ascontiguousarray(packed, dtype="<u8").view(np.uint8)]
    if n_words == 1:
        return octets.view(">u8").ravel().astype(np.uint64)
    return octets.view(f"V{8 * n_words}").ravel()


def contains(keys: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which of the wanted keys are among `keys`."""
    if len(keys) == 0:
        return np.zeros(len(wanted), dtype=np.bool_)
    ordered = np.sort(keys)
    places = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    found: NDArray[np.bool_] = ordered[places] == wanted
    return found


def first_met(packed: Words) -> NDArray[np.intp]:
    """Return where each different pattern comes first, ascending."""
    # words mixed into one sort faster than long rows; rows of equal mixtures are compared
    mixed = np.zeros(len(packed), dtype=np.uint64)
    for word in packed.T:
        mixed = (mixed ^ word) * _MIXER
        mixed ^= mixed >> np.uint64(32)
    _, first, group = np.unique(mixed, return_index=True, return_inverse=True)
    if not np.array_equal(packed, packed[first[group.ravel()]]):
        _, first = np.unique(sort_keys(packed), return_index=True)
    return np.sort(first)


def bit_counts(words: Words) -> NDArray[np.uint8]:
    """Count the ones of each word."""
    if hasattr(np, "bitwise_count"):  # NumPy 2
        counts: NDArray[np.uint8] = np.bitwise_count(words)
        return counts
    return bit_counts_by_table(words)


def bit_counts_by_table(words: Words) -> NDArray[np.uint8]:
    """Do the same for NumPy 1, sixteen bits at a time."""
    parts = _COUNTS[np.ascontiguousarray(words).view(np.uint16)]
    counts: NDArray[np.uint8] = parts.reshape(*words.shape, 4).sum(axis=-1, dtype=np.uint8)
    return counts


def hamming(packed: Words, others: Words) -> NDArray[np.int32]:
    """Count the bits in which each pattern of one array differs from each of the other."""
    distances = np.zeros((len(packed), len(others)), dtype=np.int32)
    step = max(1, _BLOCK_BYTES // (8 * max(1, len(others))))
    for start in range(0, len(packed), step):
        block = slice(start, start + step)
        for mine, theirs in zip(packed[block].T, others.T, strict=True):
            distances[block] += bit_counts(mine[:, None] ^ theirs)
    return distances
