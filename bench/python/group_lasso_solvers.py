"""The solvers of group_lasso_peers.py behind one contract, each with the best settings found.

    solve = SOLVERS[name](design, y, loss, alphas, n_threads)
    solution = solve(tol)

The first call imports the package and brings the data into the form it wants, the second is timed.
`tol` is relative, in the sense nearest to the gap that the package has:

    cvxnn, celer   the relative gap (celer's is relative to twice the objective at zero)
    skglm          the distance to the subdifferential is at most tol * alpha
    adelie         the squared change of the predictions is at most tol^2

Settings that were tried and gained little or nothing on these problems: for adelie the strong rule,
larger first screening sets, other ratios of its two tolerances for the logistic loss, and a path
that leads down to a single alpha (a sixth faster on digits, slower on smaller data); for skglm the
fixpoint working sets and larger first ones; for celer larger first working sets, and no pruning (up
to twice as slow). Three packages need help:

    celer   looks at the first coefficient of a group to tell whether the group is active, and
            stalls where that column is zero: it gets each group's columns by decreasing length
    skglm   divides by zero at a group of zeros, which it is not given; its block descent takes the
            constants of columns for those of groups in the logistic loss, for which prox-Newton is
            right; and it is told the constants of the squared loss once for a whole path
    adelie  in single precision often does not get to the gap, but is faster where it does, and so
            counts as a solver of its own
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from group_lasso_problems import Array, Dense, Masked
from scipy.sparse import csr_matrix

Design = Dense | Masked


class Unsupported(ValueError):
    """The package has no solver for this problem."""


@dataclass(frozen=True)
class Solution:
    coefs: Array | csr_matrix  # one row per alpha; fewer rows if the solver gave up
    duals: Array | None = None  # one row per alpha, gradients of the mean loss


Solve = Callable[[float], Solution]


def cvxnn(design: Design, y: Array, loss: str, alphas: Array, n_threads: int) -> Solve:
    from cvxnn.arrangements import Cells
    from cvxnn.group_lasso import MaskedDesign, group_lasso_path

    if isinstance(design, Masked):
        X = MaskedDesign(design.Z, Cells(design.packed, len(y)))
    else:
        X = design.X
    # one group per cell is the default of a masked design
    groups = None if isinstance(design, Masked) else design.group_size

    def solve(tol: float) -> Solution:
        _, coefs, _ = group_lasso_path(
            X,
            y,
            groups=groups,
            weights=np.ones(design.n_groups),
            alphas=alphas,
            loss=loss,
            fit_intercept=False,
            tol=tol,
            n_jobs=n_threads,
        )
        return Solution(coefs.T)

    return solve


def adelie(
    design: Design, y: Array, loss: str, alphas: Array, n_threads: int, *, dtype: type = np.float64
) -> Solve:
    import adelie as ad

    y = y.astype(dtype, copy=False)
    if isinstance(design, Masked):
        masks = np.asfortranarray(design.masks(slice(None)).view(np.bool_).T)
        Z = np.asfortranarray(design.Z, dtype=dtype)
        X = ad.matrix.convex_relu(Z, masks, gated=True, n_threads=n_threads)
    else:
        columns = np.asfortranarray(design.X, dtype=dtype)
        X = ad.matrix.dense(columns, method="naive", n_threads=n_threads)
    glm = ad.glm.gaussian(y) if loss == "squared" else ad.glm.binomial((y + 1.0) / 2.0)

    def solve(tol: float) -> Solution:
        state = ad.grpnet(
            X,
            glm,
            groups=design.group_size * np.arange(design.n_groups),
            penalty=np.ones(design.n_groups, dtype=dtype),
            lmda_path=alphas,
            intercept=False,
            tol=tol**2,
            irls_tol=tol**2,
            newton_tol=1e-12 if dtype is np.float64 else 1e-6,
            max_iters=10**9,
            early_exit=False,
            n_threads=n_threads,
            progress_bar=False,
        )
        return Solution(state.betas)

    return solve


def squared_lengths(X: Array) -> Array:
    return np.einsum("ij,ij->j", X, X)


@cache
def quadratic_with_constants() -> type:
    """skglm's squared loss, told the groups' Lipschitz constants.

    Its own takes one singular value decomposition per group at every alpha, most of the time of a
    path.
    """
    import numba
    from skglm.datafits import QuadraticGroup

    class QuadraticWithConstants(QuadraticGroup):
        def __init__(self, grp_ptr, grp_indices, constants):
            self.grp_ptr, self.grp_indices, self.constants = grp_ptr, grp_indices, constants

        def get_spec(self):
            return (*super().get_spec(), ("constants", numba.float64[:]))

        def params_to_dict(self):
            return super().params_to_dict() | {"constants": self.constants}

        def get_lipschitz(self, X, y):
            return self.constants

    return QuadraticWithConstants


def skglm(design: Design, y: Array, loss: str, alphas: Array, n_threads: int) -> Solve:
    from skglm.datafits import LogisticGroup, QuadraticGroup
    from skglm.penalties import WeightedGroupL2
    from skglm.solvers import GroupBCD, GroupProxNewton
    from skglm.utils.jit_compilation import compiled_clone

    X = design.dense()
    groups = np.arange(X.shape[1], dtype=np.int32).reshape(design.n_groups, -1)
    groups = groups[squared_lengths(X)[groups].any(axis=1)]
    columns = groups.ravel()
    starts = design.group_size * np.arange(len(groups) + 1, dtype=np.int32)
    weights = np.ones(len(groups))

    def prepared():
        if loss == "logistic":
            return LogisticGroup(starts, columns), GroupProxNewton(max_iter=10_000)
        constants = compiled_clone(QuadraticGroup(starts, columns)).get_lipschitz(X, y)
        datafit = quadratic_with_constants()(starts, columns, constants)
        return datafit, GroupBCD(max_iter=10_000, max_epochs=1000)

    def solve(tol: float) -> Solution:
        datafit, solver = prepared()
        coefs = np.zeros((len(alphas), X.shape[1]))
        w = np.zeros(X.shape[1])
        for alpha, row in zip(alphas, coefs, strict=True):
            solver.tol = tol * alpha
            penalty = WeightedGroupL2(alpha, weights, starts, columns)
            support = np.flatnonzero(w)
            w, _, _ = solver.solve(X, y, datafit, penalty, w, X[:, support] @ w[support])
            row[:] = w
        return Solution(coefs)

    return solve


def celer(design: Design, y: Array, loss: str, alphas: Array, n_threads: int) -> Solve:
    from celer.homotopy import celer_path

    if loss != "squared":
        raise Unsupported
    X = design.dense()
    columns = np.arange(X.shape[1]).reshape(design.n_groups, -1)
    longest_first = np.argsort(-squared_lengths(X)[columns], axis=1)
    groups = np.take_along_axis(columns, longest_first, axis=1).tolist()

    def solve(tol: float) -> Solution:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _, coefs, _, duals = celer_path(
                X,
                y,
                "grouplasso",
                alphas=alphas,
                groups=groups,
                tol=tol,
                max_iter=200,
                prune=1,
                return_thetas=True,
            )
        return Solution(coefs.T, -duals)

    return solve


SOLVERS: dict[str, Callable[[Design, Array, str, Array, int], Solve]] = {
    "cvxnn": cvxnn,
    "adelie": adelie,
    "adelie-float32": partial(adelie, dtype=np.float32),
    "skglm": skglm,
    "celer": celer,
}
