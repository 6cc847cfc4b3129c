"""Solutions for many strengths of the penalty."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning

from cvxnn._checks import nonnegative_number, positive_integer, positive_number
from cvxnn._threads import thread_count
from cvxnn.group_lasso._options import Options
from cvxnn.group_lasso._problem import Problem, as_design
from cvxnn.group_lasso._solving import Solution, critical_alpha, solve_path

__all__ = ["alpha_grid", "alpha_max", "group_lasso_path", "warn_unless_converged"]

Array = NDArray[np.float64]


def alpha_max(
    X: Any,
    y: ArrayLike,
    *,
    groups: Any = None,
    weights: ArrayLike | None = None,
    loss: str = "squared",
    delta: float = 1.0,
    l1: float = 0.0,
    positive: bool = False,
    cones: bool = False,
    fit_intercept: bool = True,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    n_jobs: int | None = None,
) -> float:
    """Return the smallest `alpha` for which all coefficients are zero.

    Parameters
    ----------
    X : array-like, sparse matrix or MaskedDesign of shape (n, d)
        Samples.
    y : array-like of shape (n,) or (n, K)
        Targets, as in `group_lasso_path`.
    groups, weights, loss, delta, l1, positive, cones, fit_intercept, sample_weight, offset
        The problem, as in `group_lasso_path`.
    n_jobs : int, optional
        Threads; None means all processors. The result does not depend on it.

    Returns
    -------
    float
        Infinite if no alpha does, because a group that matters has weight zero.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn.group_lasso import alpha_max
    >>> X = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> alpha_max(X, [4.0, -4.0, 1.0, -1.0])
    2.0
    """
    problem = Problem.from_arrays(
        as_design(X),
        y,
        groups=groups,
        weights=weights,
        loss=loss,
        delta=delta,
        l1=l1,
        positive=positive,
        cones=cones,
        fit_intercept=fit_intercept,
        sample_weight=sample_weight,
        offset=offset,
    )
    return critical_alpha(problem, thread_count(n_jobs))


def group_lasso_path(
    X: Any,
    y: ArrayLike,
    *,
    groups: Any = None,
    weights: ArrayLike | None = None,
    alphas: ArrayLike | None = None,
    n_alphas: int = 100,
    eps: float = 1e-3,
    loss: str = "squared",
    delta: float = 1.0,
    l1: float = 0.0,
    l2: float = 0.0,
    positive: bool = False,
    cones: bool = False,
    fit_intercept: bool = True,
    sample_weight: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    tol: float = 1e-6,
    max_iter: int = 1000,
    max_time: float | None = None,
    n_jobs: int | None = None,
    return_intercepts: bool = False,
) -> tuple[Array, ...]:
    """Solve the group lasso for a decreasing sequence of strengths.

    Minimises ``mean loss + alpha * sum_g weight_g ||W_g|| + l1 ||W||_1 + l2/2 ||W||^2``, where the
    loss is that of the outputs ``offset + X W + b`` and the intercepts b are not penalised.

    Parameters
    ----------
    X : array-like, sparse matrix or MaskedDesign of shape (n, d)
        Samples. Dense float32 and float64 arrays, memory-mapped ones too, are not copied.
    y : array-like of shape (n,) or (n, K)
        Targets; -1 and 1 for the logistic loss and the squared hinge, one column per class with a
        single 1 in each row for the multinomial loss.
    groups : int, list of index lists, or array-like of shape (d,), optional
        Size of consecutive groups, the columns of each group, or one label per column (groups then
        come in the order of the sorted labels). None: one group per column, or per cell. With many
        targets a group is a set of whole rows of W.
    weights : array-like of shape (n_groups,), optional
        Weights of the groups in the penalty; None means the square roots of their sizes.
    alphas : array-like of shape (A,), optional
        Strengths. None: `n_alphas` of them, evenly spaced in logarithm between `alpha_max` and
        ``eps * alpha_max``.
    n_alphas, eps
        See `alphas`.
    loss : str, default="squared"
        "squared" (1/2 (f - y)^2), "huber", "poisson" (exp(f) - y f), "logistic", "squared_hinge"
        (1/2 max(0, 1 - y f)^2), or "multinomial".
    delta : float, default=1.0
        Residual beyond which the Huber loss is linear.
    l1 : float, default=0.0
        Strength of the penalty on single coefficients (sparse-group lasso).
    l2 : float, default=0.0
        Strength of the ridge penalty.
    positive : bool, default=False
        Whether coefficients must not be negative.
    cones : bool, default=False
        Whether the coefficients u of a cell stay in its closure, {u : (2 D - I) X u >= 0} on
        the samples of positive weight: one target, X a `MaskedDesign`, equal weights and no other
        penalty.
    fit_intercept : bool, default=True
        Whether there are intercepts.
    sample_weight : array-like of shape (n,), optional
        Non-negative weights of the samples in the mean.
    offset : array-like of the shape of y, optional
        What is added to the outputs, for example the logarithm of an exposure.
    tol : float, default=1e-6
        Duality gap at which to stop, relative to the objective at W = 0 with the best intercept
        (for the Poisson loss: to how far that is above the least possible loss).
    max_iter : int, default=1000
        Most iterations of the solver for each alpha.
    max_time : float, optional
        Seconds for the whole path.
    n_jobs : int, optional
        Threads; None means all processors. The result does not depend on it.
    return_intercepts : bool, default=False
        Whether to return the intercepts too.

    Returns
    -------
    alphas : ndarray of shape (A,)
        The strengths, decreasing.
    coefs : ndarray of shape (d, A) or (K, d, A)
        Coefficients.
    dual_gaps : ndarray of shape (A,)
        Upper bounds on how far the objectives are from their optima.
    intercepts : ndarray of shape (A,) or (K, A)
        Only if `return_intercepts`.

    Warns
    -----
    ConvergenceWarning
        If `tol` is not reached for some alpha.

    Examples
    --------
    >>> import numpy as np
    >>> from cvxnn.group_lasso import group_lasso_path
    >>> X = np.random.default_rng(0).standard_normal((50, 6))
    >>> y = X[:, 0] - X[:, 1] + 0.1 * X[:, 5]
    >>> alphas, coefs, gaps = group_lasso_path(X, y, groups=2, n_alphas=5)
    >>> np.count_nonzero(coefs, axis=0).tolist()
    [0, 2, 4, 4, 4]
    """
    problem = Problem.from_arrays(
        as_design(X),
        y,
        groups=groups,
        weights=weights,
        loss=loss,
        delta=delta,
        l1=l1,
        l2=l2,
        positive=positive,
        cones=cones,
        fit_intercept=fit_intercept,
        sample_weight=sample_weight,
        offset=offset,
    )
    options = Options.checked(tol, max_iter, max_time, thread_count(n_jobs))
    strengths = alpha_grid(problem, alphas, n_alphas, eps, options.n_threads)
    solutions = solve_path(problem, strengths, options)
    warn_unless_converged("group_lasso_path", solutions, options.tol)
    coefs = np.stack([solution.coefficients(problem.X.shape[1]) for solution in solutions], axis=-1)
    intercepts = np.stack([solution.intercept for solution in solutions], axis=-1)
    if np.ndim(y) == 1:
        coefs, intercepts = coefs[0], intercepts[0]
    gaps = np.array([solution.dual_gap for solution in solutions])
    return (strengths, coefs, gaps, intercepts) if return_intercepts else (strengths, coefs, gaps)


def alpha_grid(
    problem: Problem, alphas: ArrayLike | None, n_alphas: int, eps: float, n_threads: int
) -> Array:
    """Return decreasing strengths: those given, or a logarithmic grid down from `alpha_max`."""
    if alphas is not None:
        given = np.asarray(alphas, dtype=np.float64)
        if given.ndim != 1 or given.size == 0:
            raise ValueError(f"alphas must be a non-empty list of numbers, got shape {given.shape}")
        for value in given.tolist():
            nonnegative_number("alphas", value)
        return np.sort(given)[::-1].copy()
    count = positive_integer("n_alphas", n_alphas)
    ratio = positive_number("eps", eps)
    if ratio >= 1.0:
        raise ValueError(f"eps must be below 1, got {eps!r}")
    largest = critical_alpha(problem, n_threads)
    if not np.isfinite(largest):
        raise ValueError("alphas must be given: groups of weight zero stay at every alpha")
    if largest == 0.0:  # nothing to explain: every alpha gives zeros
        largest = 1.0
    return np.geomspace(largest, ratio * largest, count)


def warn_unless_converged(
    name: str, solutions: list[Solution], tol: float, *, stacklevel: int = 3
) -> None:
    """Warn of the worst solution, if one did not reach the tolerance."""
    expected = ("converged", "stopped")  # a callback that stops a fit knows what it does
    failed = [solution for solution in solutions if solution.status not in expected]
    if not failed:
        return
    worst = max(failed, key=lambda solution: solution.relative_gap)
    others = f" ({len(failed)} of {len(solutions)} did)" if len(solutions) > 1 else ""
    warnings.warn(
        f"{name} stopped with status {worst.status!r} at a relative gap of "
        f"{worst.relative_gap:.1e} for alpha={worst.alpha:g}, tol={tol:g}{others}",
        ConvergenceWarning,
        stacklevel=stacklevel,
    )
