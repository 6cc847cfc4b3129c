"""The design [D_1 X, .., D_P X] of gated samples, never stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator
from sklearn.utils import check_array

from cvxnn.arrangements import Cells, _bits

__all__ = ["MaskedDesign"]

Array = NDArray[np.float64]

_BATCH_BYTES = 1 << 25  # of intermediate results


class MaskedDesign(LinearOperator):
    """The matrix [D_1 X, .., D_P X] as an operator, where D_i keeps the samples active in cell i.

    Columns ``i * d`` to ``(i + 1) * d - 1`` belong to cell i. It stands for a dense array in
    `GroupLasso`, its relatives, `group_lasso_path` and `alpha_max`, where each cell is a group.
    It takes the memory of X and of one bit per sample and cell. To predict for other samples, pair
    them with the patterns that the same gates have on them.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Samples; float32 and float64 are kept as they are. Solvers read float64 with columns first
        in place, and copy anything else.
    cells : Cells
        P activation patterns on these samples.

    Attributes
    ----------
    X : ndarray of shape (n, d)
        The samples.
    cells : Cells
        The patterns.
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

    def __init__(self, X: ArrayLike, cells: Cells) -> None:
        data = check_array(X, dtype=[np.float64, np.float32], input_name="X")
        if not isinstance(cells, Cells):
            raise ValueError(f"cells must be Cells, got {type(cells).__name__}")
        if cells.n_cells == 0:
            raise ValueError("cells holds no cell")
        if cells.n_hyperplanes != len(data):
            raise ValueError(
                f"cells has {cells.n_hyperplanes} hyperplanes, but X has {len(data)} samples"
            )
        if not (data.flags.c_contiguous or data.flags.f_contiguous):
            data = np.ascontiguousarray(data)
        self.X = data
        self.cells = cells
        super().__init__(np.float64, (len(data), cells.n_cells * data.shape[1]))

    def __getitem__(self, rows: Any) -> MaskedDesign:
        """Return the design of some samples, chosen by a slice, positions or truth values."""
        if isinstance(rows, tuple):  # scikit-learn asks for design[rows, ...]
            if len(rows) != 2 or rows[1] is not Ellipsis:
                raise IndexError("a MaskedDesign is indexed by samples only")
            rows = rows[0]
        if np.ndim(rows) != 1 and not isinstance(rows, slice):
            raise IndexError("a MaskedDesign is indexed by a slice or a list of samples")
        chosen = [
            _bits.pack(self.cells[batch].to_dense()[:, rows])
            for batch in self._batches(np.arange(self.cells.n_cells), 1)
        ]
        data = self.X[rows]
        return MaskedDesign(data, Cells(np.concatenate(chosen), len(data)))

    def _matmat(self, W: NDArray[Any]) -> Array:
        blocks = W.reshape(self.cells.n_cells, -1, W.shape[1])
        outputs = np.zeros((len(self.X), W.shape[1]), dtype=np.result_type(W, np.float64))
        used = np.flatnonzero(blocks.any(axis=(1, 2)))
        for batch in self._batches(used, 8 * W.shape[1]):
            active = self.cells[batch].to_dense()
            outputs += np.einsum("pn,pnk->nk", active, self.X @ blocks[batch])
        return outputs

    def _matvec(self, w: NDArray[Any]) -> Array:
        return self._matmat(w.reshape(-1, 1))[:, 0]

    def _rmatmat(self, V: NDArray[Any]) -> Array:
        n_cells, d = self.cells.n_cells, self.X.shape[1]
        sums = np.empty((n_cells, d, V.shape[1]), dtype=np.result_type(V, np.float64))
        for batch in self._batches(np.arange(n_cells), 8):
            active = self.cells[batch].to_dense()
            for k in range(V.shape[1]):
                sums[batch, :, k] = np.where(active, V[:, k], 0.0) @ self.X
        return sums.reshape(n_cells * d, V.shape[1])

    def _rmatvec(self, v: NDArray[Any]) -> Array:
        return self._rmatmat(v.reshape(-1, 1))[:, 0]

    def _batches(self, cells: NDArray[np.intp], bytes_per_bit: int) -> Iterator[NDArray[np.intp]]:
        """Yield the numbers of cells in parts whose dense patterns take bounded memory."""
        size = max(1, _BATCH_BYTES // (bytes_per_bit * len(self.X)))
        return (cells[i : i + size] for i in range(0, len(cells), size))
