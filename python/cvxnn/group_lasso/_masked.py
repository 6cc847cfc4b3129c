"""The design [D_1 X, .., D_P X] of gated samples, never stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator
from sklearn.utils import check_array

from cvxnn._native import core
from cvxnn._threads import thread_count
from cvxnn.arrangements import Cells, _bits

__all__ = ["MaskedDesign"]

Array = NDArray[np.float64]

_BATCH_BYTES = 1 << 25  # of intermediate results


class MaskedDesign(LinearOperator):
    """The matrix [D_1 X, .., D_P X] as an operator, where D_i keeps the samples active in cell i.

    Columns ``i * d`` to ``(i + 1) * d - 1`` belong to cell i. It stands for a dense array in
    `GroupLasso`, its relatives, `group_lasso_path` and `alpha_max`, where each cell is a group.
    It takes the memory of X and of one bit per sample and cell. With `gates` these bits are made
    anew whenever they are needed, which is slower (a sweep over 64 columns ten times) and takes the
    memory of the gates alone; other samples, to predict for, are paired with the same gates.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Samples; float32 and float64 are kept as they are. Solvers read float64 with columns first
        in place, and copy anything else.
    cells : Cells, optional
        P activation patterns on these samples.
    gates : array-like of shape (P, d), optional
        Instead of `cells`: cell i has the pattern ``X @ gates[i] > 0``, each sign exact.

    Attributes
    ----------
    X : ndarray of shape (n, d)
        The samples.
    gates : ndarray of shape (P, d), or None
        The gates, if patterns are made from them.
    n_cells : int
        P.
    shape : tuple
        ``(n, P * d)``.
    dtype : dtype
        float64, in which products are computed.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn.arrangements import Cells
    >>> from cvxnn.group_lasso import MaskedDesign
    >>> X = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> design = MaskedDesign(X, Cells.from_dense([[True, False], [True, True]]))
    >>> design.shape
    (2, 4)
    >>> design @ np.eye(4)
    array([[1., 2., 1., 2.],
           [0., 0., 3., 4.]])
    >>> design.T @ np.array([1.0, 1.0])
    array([1., 2., 4., 6.])
    """

    def __init__(
        self, X: ArrayLike, cells: Cells | None = None, *, gates: ArrayLike | None = None
    ) -> None:
        data = check_array(X, dtype=[np.float64, np.float32], input_name="X")
        if not (data.flags.c_contiguous or data.flags.f_contiguous):
            data = np.ascontiguousarray(data)
        if (cells is None) == (gates is None):
            raise ValueError("either cells or gates must be given")
        self.X = data
        self.gates: Array | None = None
        self._cells: Cells | None = None
        if gates is None:
            self._cells = _checked_cells(cells, len(data))
            self.n_cells = self._cells.n_cells
        else:
            self.gates = _checked_gates(gates, data.shape[1])
            self.n_cells = len(self.gates)
        super().__init__(np.float64, (len(data), self.n_cells * data.shape[1]))

    @property
    def cells(self) -> Cells:
        """The patterns; made on every call if there are gates."""
        if self._cells is not None:
            return self._cells
        return Cells(self._packed(np.arange(self.n_cells)), len(self.X))

    def _packed(self, cells: NDArray[np.intp]) -> NDArray[np.uint64]:
        """Return the packed patterns of some cells."""
        if self._cells is not None:
            return self._cells.packed[cells]
        assert self.gates is not None
        samples = np.asfortranarray(self.X, dtype=np.float64)
        gates = np.asfortranarray(self.gates[cells])
        packed: NDArray[np.uint64] = core.locate_cells(samples, gates, thread_count(None))[0]
        return packed

    def _active(self, cells: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return the patterns of some cells, shape (len(cells), n)."""
        return Cells(self._packed(cells), len(self.X)).to_dense()

    def __getitem__(self, rows: Any) -> MaskedDesign:
        """Return the design of some samples, chosen by a slice, positions or truth values."""
        if isinstance(rows, tuple):  # scikit-learn asks for design[rows, ...]
            if len(rows) != 2 or rows[1] is not Ellipsis:
                raise IndexError("a MaskedDesign is indexed by samples only")
            rows = rows[0]
        if np.ndim(rows) != 1 and not isinstance(rows, slice):
            raise IndexError("a MaskedDesign is indexed by a slice or a list of samples")
        data = self.X[rows]
        if self.gates is not None:
            return MaskedDesign(data, gates=self.gates)
        chosen = [
            _bits.pack(self._active(batch)[:, rows])
            for batch in self._batches(np.arange(self.n_cells), 1)
        ]
        return MaskedDesign(data, Cells(np.concatenate(chosen), len(data)))

    def _matmat(self, W: NDArray[Any]) -> Array:
        blocks = W.reshape(self.n_cells, -1, W.shape[1])
        outputs = np.zeros((len(self.X), W.shape[1]), dtype=np.result_type(W, np.float64))
        used = np.flatnonzero(blocks.any(axis=(1, 2)))
        for batch in self._batches(used, 8 * W.shape[1]):
            active = self._active(batch)
            outputs += np.einsum("pn,pnk->nk", active, self.X @ blocks[batch])
        return outputs

    def _matvec(self, w: NDArray[Any]) -> Array:
        return self._matmat(w.reshape(-1, 1))[:, 0]

    def _rmatmat(self, V: NDArray[Any]) -> Array:
        n_cells, d = self.n_cells, self.X.shape[1]
        sums = np.empty((n_cells, d, V.shape[1]), dtype=np.result_type(V, np.float64))
        for batch in self._batches(np.arange(n_cells), 8):
            active = self._active(batch)
            for k in range(V.shape[1]):
                sums[batch, :, k] = np.where(active, V[:, k], 0.0) @ self.X
        return sums.reshape(n_cells * d, V.shape[1])

    def _rmatvec(self, v: NDArray[Any]) -> Array:
        return self._rmatmat(v.reshape(-1, 1))[:, 0]

    def _batches(self, cells: NDArray[np.intp], bytes_per_bit: int) -> Iterator[NDArray[np.intp]]:
        """Yield the numbers of cells in parts whose dense patterns take bounded memory."""
        size = max(1, _BATCH_BYTES // (bytes_per_bit * len(self.X)))
        return (cells[i : i + size] for i in range(0, len(cells), size))


def _checked_cells(cells: Any, n: int) -> Cells:
    if not isinstance(cells, Cells):
        raise ValueError(f"cells must be Cells, got {type(cells).__name__}")
    if cells.n_cells == 0:
        raise ValueError("cells holds no cell")
    if cells.n_hyperplanes != n:
        raise ValueError(f"cells has {cells.n_hyperplanes} hyperplanes, but X has {n} samples")
    return cells


def _checked_gates(gates: ArrayLike, d: int) -> Array:
    checked: Array = check_array(gates, dtype=np.float64, input_name="gates")
    if checked.shape[1] != d:
        raise ValueError(f"gates has {checked.shape[1]} columns, but X has {d}")
    return checked
