"""Published counts at full size, and memory that does not grow: minutes, so all of it is slow."""

import subprocess
import sys
from itertools import product
from math import factorial

import numpy as np
import pytest

from cvxnn.arrangements import count_cells, iter_cells

pytestmark = pytest.mark.slow


def cube(d):
    return np.array(list(product((0, 1), repeat=d)))


def resonance(d):
    return cube(d)[1:]


def threshold(d):
    return np.column_stack([np.ones(2**d, dtype=int), cube(d)])


def demicube(d):
    rows = threshold(d)
    return rows[rows[:, 1:].sum(axis=1) % 2 == 1]


def braid(d):
    unit = np.eye(d, dtype=int)
    return np.array([*unit, *(unit[i] - unit[j] for i in range(d) for j in range(i + 1, d))])


def cross_polytope(d):
    unit = np.eye(d, dtype=int)
    return np.column_stack([np.ones(2 * d, dtype=int), np.vstack([unit, -unit])])


LISTED = [
    *((resonance, d, count) for d, count in enumerate([370, 11292, 1066044], start=4)),
    *((threshold, d, count) for d, count in enumerate([1882, 94572, 15028134], start=4)),
    *((demicube, d, count) for d, count in enumerate([146, 3756, 291558, 74656464], start=4)),
    *((cross_polytope, d, c) for d, c in enumerate([146, 454, 1394, 4246, 12866, 38854], start=4)),
    *((braid, d, factorial(d + 1)) for d in (7, 8, 9)),
]


@pytest.mark.parametrize("family, d, count", LISTED)
def test_every_cell_is_listed_once(family, d, count):
    X = family(d)
    assert count_cells(X) == count
    n_cells = 0
    checksum = np.uint64(0)
    for block in iter_cells(X):
        n_cells += len(block)
        checksum ^= np.bitwise_xor.reduce(block.packed, axis=None)
    assert n_cells == count
    # opposite cells are complements, so that the parity of their number decides each bit
    if len(X) <= 64:
        every_bit = np.uint64((1 << len(X)) - 1)
        assert checksum == (every_bit if count // 2 % 2 else 0)


def test_count_of_resonance_7():
    assert count_cells(resonance(7)) == 347326352


STREAM = """
import resource
from itertools import product
import numpy as np
from cvxnn.arrangements import iter_cells
X = np.array([(1, *c) for c in product((0, 1), repeat=6)])
n_cells = 0
for block in iter_cells(X, method="reverse_search"):
    if n_cells < 100_000:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    n_cells += len(block)
    if n_cells >= 10_000_000:
        break
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(n_cells, grown)
"""


def test_reverse_search_streams_in_constant_memory():
    done = subprocess.run(
        [sys.executable, "-c", STREAM], check=True, capture_output=True, text=True
    )
    n_cells, grown = map(int, done.stdout.split())
    assert n_cells >= 10_000_000
    assert grown < 50_000  # kB
