"""Cells of hyperplane arrangements and their activation patterns.

The rows of X are the normals of hyperplanes ``{u : x_k . u + b_k = 0}``. Without offsets b they cut
the space of first-layer weights into *cells*, on each of which every sample is either active or
inactive for a ReLU neuron.
"""

from __future__ import annotations

from cvxnn.arrangements._cells import Cells
from cvxnn.arrangements._counting import (
    TooManyCells,
    betti_numbers,
    characteristic_polynomial,
    count_bounded_cells,
    count_cells,
)
from cvxnn.arrangements._listing import enumerate_cells, iter_cells
from cvxnn.arrangements._probabilities import cell_probabilities, draws_needed
from cvxnn.arrangements._sampling import sample_cells

__all__ = [
    "Cells",
    "TooManyCells",
    "betti_numbers",
    "cell_probabilities",
    "characteristic_polynomial",
    "count_bounded_cells",
    "count_cells",
    "draws_needed",
    "enumerate_cells",
    "iter_cells",
    "sample_cells",
]
for _public in (Cells, TooManyCells):  # where pickles and messages look for them
    _public.__module__ = __name__
