"""The training problem as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cvxnn._checks import one_of, positive_number
from cvxnn.arrangements import Cells
from cvxnn.arrangements._input import as_normals
from cvxnn.networks._activations import THRESHOLD, check_activation, slope_of
from cvxnn.networks._conflicts import refuse_conflicts
from cvxnn.networks._design import design_of
from cvxnn.networks._layers import BIASES, OUTPUT_NORMS, midrange
from cvxnn.networks._losses import (
    LossFunctions,
    best_offset,
    best_scale,
    loss_named,
)
from cvxnn.networks._low_rank import Projection
from cvxnn.networks._patches import Patches
from cvxnn.networks._samples import checked_targets, checked_weight, merge_samples

__all__ = ["TrainingProblem", "cells_of_rows", "cells_of_samples", "exponent_of"]

Array = NDArray[np.float64]

_LOWEST, _HIGHEST = 64.0, 4096.0  # column for free biases, over the radius of the data
_LOST = 0.1  # share of the tolerance that its inflation may take
_BALANCED = 1e-9  # the sum of a dual vector that is zero but for rounding


@dataclass(frozen=True, eq=False)
class TrainingProblem:
    """Minimise sum_k w_k loss(f(x_k), y_k) + beta/2 sum_j (||w_j||^2 + a_j^2) over networks f.

    The arrays hold each distinct sample (x, y) once, in lexicographic order, with the sum of its
    weights; samples of weight zero are left out. So a sample given twice is exactly a sample of
    weight two, and the order of the samples does not matter.

    With a projection, first-layer weights lie in the span V of its directions: the design has the
    columns of X V, on which the outputs are those of X, and bounds over all weights are lower by
    what the rest of X can add. Without the projection, but with this design, a problem is that of
    the projected data.

    A convolutional network sees several patches of each input: the design then has a row for each
    of them, those of a sample one below the other, and what a neuron puts out is their sum.

    Biases that are not penalised are those of a column of height h instead of ones: a neuron (w, b)
    then has the norm of (w, b / h). The kinks of a neuron worth having meet the data: |b| <= r
    ||w||, with r the radius of the centred data, so this norm is at most `inflation` = sqrt(1 +
    (r/h)^2) times ||w||, and bounds are lowered by as much. A neuron whose kinks are elsewhere is
    linear, hence as well one of these and a constant. Constants are free, which asks dual vectors
    to sum to zero.

    The gauge of output weights is their l1 norm, or with `output_norm` "l2" the Euclidean one, for
    which neurons add to all outputs at once (Sahiner et al., arXiv 2012.13329).

    Thresholds do not see the scale of hidden weights and biases, so that output weights alone cost
    something, beta sum_j |a_j|, and the column for biases is one of ones.
    """

    inputs: Array  # (n, d)
    design: Array  # (n K, d) or (n K, d + 1), column-major: inputs - centre, a column for biases
    y: Array  # (n,), or (n, C) for several outputs; -1 and 1, or one-hot, for classifiers
    weight: Array  # (n,), positive
    row_of_sample: NDArray[np.intp]  # (n_all,): its row here, -1 for weight zero
    share: Array  # (n_all,): part of the row's weight that the sample brings
    loss: LossFunctions
    beta: float
    bias: str
    activation: str = "relu"
    negative_slope: float = 0.0
    centre: Array | float = 0.0
    height: float = 1.0
    inflation: float = 1.0
    patches: Patches | None = None
    projection: Projection | None = None
    output_norm: str = "l1"

    @property
    def joint(self) -> bool:
        """Whether output weights of a neuron cost their Euclidean norm, in place of their sum."""
        return self.output_norm == "l2" and self.n_outputs > 1

    @property
    def n_patches(self) -> int:
        """The number K of rows of the design that a sample has."""
        return 1 if self.patches is None else self.patches.count

    @property
    def slope(self) -> float:
        """Slope of the activation below zero; ValueError for the threshold, which has none."""
        return slope_of(self.activation, self.negative_slope)

    @property
    def n_all(self) -> int:
        """The number of samples including those of weight zero."""
        return len(self.row_of_sample)

    @property
    def n_outputs(self) -> int:
        """The number C of outputs."""
        return 1 if self.y.ndim == 1 else self.y.shape[1]

    @property
    def weight_like_y(self) -> Array:
        """The weights as losses take them."""
        return self.weight if self.y.ndim == 1 else self.weight[:, None]

    @property
    def y_centre(self) -> Array:
        """What free output biases add to targets without telling anything, per output."""
        moves = self.bias == "free" and self.loss.degree > 0
        return midrange(self.y) if moves else np.zeros(self.y.shape[1:])

    @cached_property
    def centred_y(self) -> Array:
        """The targets without that: dual vectors sum to zero, but for rounding."""
        return self.y - self.y_centre

    @property
    def first_sample(self) -> NDArray[np.intp]:
        """The first sample of each row."""
        rows, samples = np.unique(self.row_of_sample, return_index=True)
        return samples[rows >= 0]

    @classmethod
    def from_arrays(
        cls,
        X: ArrayLike,
        y: ArrayLike,
        *,
        loss: str,
        beta: float,
        bias: str,
        delta: float = 1.0,
        activation: str = "relu",
        negative_slope: float = 0.0,
        sample_weight: ArrayLike | None = None,
        patches: Patches | None = None,
        rank: int | None = None,
        output_norm: str = "l1",
    ) -> TrainingProblem:
        """Check the arguments, each error naming the one at fault."""
        functions = loss_named(loss, delta)
        one_of("bias", bias, BIASES)
        one_of("output_norm", output_norm, OUTPUT_NORMS)
        check_activation(activation, negative_slope)
        if activation == THRESHOLD:
            _check_threshold(loss, bias, patches, rank)
        beta = positive_number("beta", beta)
        X = as_normals(X)
        weight = checked_weight(sample_weight, len(X))
        y = checked_targets(y, functions, weight)
        samples, row_of_sample = merge_samples(X, y, weight)
        used = row_of_sample >= 0
        total = np.bincount(row_of_sample[used], weight[used]).astype(np.float64)
        share = np.where(used, weight / total[row_of_sample], 0.0)
        inputs = X[samples] + 0.0  # turns -0.0 into 0.0
        projection = None
        if rank is not None:
            rows = inputs if patches is None else patches.of(inputs)
            projection = Projection.of(
                rows,
                rank,
                centred=bias == "free",
                slope=slope_of(activation, negative_slope),
                n_patches=len(rows) // len(inputs),
                scale=1.0 if patches is None else patches.scale,
                added=patches is None or patches.pooling != "max",
            )
        columns = "regularized" if activation == THRESHOLD and bias == "free" else bias
        design, centre, height, inflation = design_of(
            inputs, patches, projection, columns, _HIGHEST
        )
        if bias != "free" and patches is None and projection is None:
            inputs = design[:, : inputs.shape[1]]
        problem = cls(
            inputs,
            design,
            y[samples],
            total,
            row_of_sample,
            share,
            functions,
            beta,
            bias,
            activation,
            float(negative_slope),
            centre,
            height,
            inflation,
            patches,
            projection,
            output_norm,
        )
        if problem.joint:
            _check_joint(problem)
        if functions.name == "interpolation":
            refuse_conflicts(problem.inputs, problem.y, problem.first_sample, bias, activation)
        return problem

    def with_beta(self, beta: float) -> TrainingProblem:
        """Return the same problem at another strength of the weight decay."""
        return replace(self, beta=beta)

    def with_height(self, tol: float | None) -> TrainingProblem:
        """Choose the height of the column for free biases: no higher than `tol` asks for.

        Rounding grows with the height. Without `tol`, where the bound is found in another way, the
        lowest serves, because the objective depends on the height to second order only.
        """
        if self.bias != "free" or self.activation == THRESHOLD:
            return self
        height = _LOWEST if tol is None else np.sqrt(0.5 / (_LOST * tol))
        height = float(np.clip(height, _LOWEST, _HIGHEST))
        design, centre, height, inflation = design_of(
            self.inputs, self.patches, self.projection, self.bias, height
        )
        # as a certificate is verified with the highest column, which is short of the limit too
        inflation *= self.inflation
        return replace(self, design=design, centre=centre, height=height, inflation=inflation)

    def on_every_column(self) -> TrainingProblem:
        """Return the same problem without a projection, for biases that are not free."""
        assert self.bias != "free"
        design, *_ = design_of(self.inputs, self.patches, None, self.bias, 1.0)
        return replace(self, design=design, projection=None)

    def over_patterns(self) -> TrainingProblem:
        """Return the Lasso over patterns that training with thresholds is (arXiv 2303.03382).

        Gated networks on a single feature of ones have it as their program: a block of one number
        for each pattern, without a cone.
        """
        ones = np.ones((len(self.design), 1), order="F")
        return replace(self, design=ones, activation="relu")

    def spread(self, v: Array) -> Array:
        """Turn a dual vector over rows into one over samples, shape (n_all, C)."""
        return self.share[:, None] * v.reshape(len(v), -1)[self.row_of_sample]

    def gather(self, v: Array) -> Array:
        """Turn a dual vector over samples, shape (n_all, C), into one over rows."""
        used = self.row_of_sample >= 0
        rows = self.row_of_sample[used]
        sums = [np.bincount(rows, column, len(self.y)) for column in v[used].T]
        return np.column_stack(sums).reshape(self.y.shape).astype(np.float64)

    def scaled_design(self) -> tuple[Array, int]:
        """Return the design times 2^-e, and e: entries near 1, cells unchanged, nothing rounded."""
        exponent = exponent_of(self.design)
        return np.ldexp(self.design, -exponent), exponent

    def low_design(self) -> Array:
        """Return the design with the column for free biases as high as the data are long."""
        low = self.design.copy(order="F")
        low[:, -1] = np.linalg.norm(low[:, :-1], axis=1).max() or 1.0
        return low

    def null_gradient(self) -> Array:
        """Gradient of the loss at the best network without neurons: zero, or a constant."""
        f, y = np.zeros(self.y.shape), self.centred_y
        if self.bias == "free":
            f += best_offset(self.loss, f, y, self.weight)
        v = self.loss.gradient(f, y, self.weight_like_y)
        if self.bias == "free" and v.any() and not self.loss.one_hot:
            v = np.apply_along_axis(_balanced, 0, v)
        return v

    def bound_from(self, v: Array, support: float) -> tuple[float, Array]:
        """Return the lower bound that v proves if max |v . phi(X u)| <= support, and v feasible."""
        sums, sizes = np.abs(v.sum(axis=0)), np.abs(v).sum(axis=0)
        if self.loss.one_hot:  # a class of no weight has nothing but rounding
            sizes = sizes.max()
        if self.bias == "free" and np.any(sums > _BALANCED * sizes):
            return -np.inf, v
        limit = self.beta / support if support > 0.0 else 1.0
        scale = best_scale(self.loss, v, self.centred_y, self.weight_like_y, limit)
        return self.loss.dual_value(scale * v, self.centred_y, self.weight_like_y), scale * v


def cells_of_rows(problem: TrainingProblem, cells: Cells) -> Cells:
    """Restrict patterns over all samples to the rows of the problem."""
    expected = problem.n_all * problem.n_patches
    if cells.n_hyperplanes != expected:
        of = f" with {problem.n_patches} patches each" if problem.patches else ""
        raise ValueError(
            f"patterns has {cells.n_hyperplanes} hyperplanes, but X has {problem.n_all} samples{of}"
        )
    rows = Cells.from_dense(cells.to_dense()[:, _rows_of(problem, problem.first_sample)])
    return Cells(rows.packed, rows.n_hyperplanes, cells.witnesses)


def cells_of_samples(problem: TrainingProblem, cells: Cells) -> Cells:
    """Extend patterns over the rows of the problem to all samples, 0 where the weight is zero."""
    used = np.repeat(problem.row_of_sample >= 0, problem.n_patches)
    return Cells.from_dense(cells.to_dense()[:, _rows_of(problem, problem.row_of_sample)] & used)


def _rows_of(problem: TrainingProblem, samples: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the rows of the design that belong to samples."""
    K = problem.n_patches
    return (K * samples[:, None] + np.arange(K)).ravel()


def exponent_of(values: Array) -> int:
    """Return the e with largest magnitude in [2^(e-1), 2^e), 0 for zeros."""
    return int(np.frexp(np.abs(values).max())[1])


def _balanced(v: Array) -> Array:
    """Make the positive and the negative entries weigh the same, by making one side smaller."""
    up, down = v[v > 0.0].sum(), -v[v < 0.0].sum()
    least = min(up, down)
    return np.where(v > 0.0, v * (least / up if up else 0.0), v * (least / down if down else 0.0))


def _check_threshold(loss: str, bias: str, patches: Patches | None, rank: int | None) -> None:
    """Refuse what networks with thresholds cannot be trained with."""
    others = {
        "convolutional networks": patches is not None,
        "rank": rank is not None,
        "loss='interpolation' and bias='none'": loss == "interpolation" and bias == "none",
    }
    for name, given in others.items():
        if given:
            raise ValueError(f"activation={THRESHOLD!r} does not go with {name}")


def _check_joint(problem: TrainingProblem) -> None:
    """Refuse what networks whose output weights cost their Euclidean norm are not trained with."""
    if problem.activation == THRESHOLD:
        raise ValueError(f"activation={THRESHOLD!r} does not go with output_norm='l2'")
    if problem.loss.name not in ("squared", "huber", "multinomial"):
        raise ValueError(f"loss={problem.loss.name!r} does not go with output_norm='l2'")
