"""
Private C++ core of cvxnn; its arguments are not checked beyond types and shapes.
"""

from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import typing

__all__: list[str] = [
    "Arrangement",
    "DenseDesign",
    "Design",
    "GatedDesign",
    "MaskedDesign",
    "SparseDesign",
    "block_interiors",
    "bound_support",
    "characteristic_polynomial",
    "choose_method",
    "count_cells",
    "enumerate_cells",
    "explore",
    "find_witnesses",
    "first_tasks",
    "group_lasso_alpha_max",
    "joint_peaks",
    "locate_cells",
    "max_support",
    "nested_interiors",
    "price_blocks",
    "price_nested",
    "project_onto_cell",
    "search_over_all_cells",
    "solve_block_program",
    "solve_cone_program",
    "solve_group_lasso",
    "solve_nested_program",
    "solve_over_all_cells",
    "sort_cells",
    "uniform_cells",
]

class Arrangement:
    """
    Hyperplanes as the exact numbers given.
    """
    @staticmethod
    def from_integers(
        rows: collections.abc.Sequence[collections.abc.Sequence[str]], affine: bool
    ) -> Arrangement:
        """
        Rows of decimal integers; if affine, the last column is the offset.
        """
    def __init__(
        self,
        X: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
        offset: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, 1]"] | None = None,
    ) -> None: ...
    def sources(self) -> list[int]:
        """
        For each hyperplane given, the number of the distinct one it equals; -1 for zero rows.
        """
    @property
    def affine(self) -> bool: ...
    @property
    def dimension(self) -> int: ...
    @property
    def n_distinct(self) -> int: ...
    @property
    def n_hyperplanes(self) -> int: ...
    @property
    def rank(self) -> int: ...

class Design:
    """
    A matrix of groups of columns.
    """

class DenseDesign(Design):
    """
    A float64 or float32 array, not copied.
    """
    def __init__(
        self,
        X: numpy.ndarray,
        columns: numpy.typing.NDArray[numpy.int64],
        starts: numpy.typing.NDArray[numpy.int64],
    ) -> None: ...

class SparseDesign(Design):
    """
    Compressed sparse columns.
    """
    def __init__(
        self,
        data: numpy.typing.NDArray[numpy.float64],
        indices: numpy.typing.NDArray[numpy.int64],
        indptr: numpy.typing.NDArray[numpy.int64],
        n_rows: typing.SupportsInt | typing.SupportsIndex,
        columns: numpy.typing.NDArray[numpy.int64],
        starts: numpy.typing.NDArray[numpy.int64],
    ) -> None: ...

class MaskedDesign(Design):
    """
    [D_1 X, .., D_P X], one group a cell.
    """
    def __init__(
        self, X: numpy.typing.NDArray[numpy.float64], packed: numpy.typing.NDArray[numpy.uint64]
    ) -> None: ...

class GatedDesign(Design):
    """
    The same, its masks made anew from gates.
    """
    def __init__(
        self, X: numpy.typing.NDArray[numpy.float64], gates: numpy.typing.NDArray[numpy.float64]
    ) -> None: ...

def block_interiors(
    cones: numpy.typing.NDArray[numpy.float64],
    *,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
) -> typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]"]:
    """
    Unit vectors strictly inside cones[b] u >= 0, one a row; zeros where rounding leaves nothing.
    """

def bound_support(
    X: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    v: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, 1]"],
    *,
    slope: typing.SupportsFloat | typing.SupportsIndex = 0.0,
    floor: typing.SupportsFloat | typing.SupportsIndex,
    tol: typing.SupportsFloat | typing.SupportsIndex,
    share: typing.SupportsFloat | typing.SupportsIndex = 0.0,
    max_seconds: typing.SupportsFloat | typing.SupportsIndex,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
) -> dict:
    """
    Upper bound on max |v . phi(X u)| over ||u|| <= 1, or floor if that is larger; phi has the given slope below zero.
    """

def characteristic_polynomial(
    arrangement: Arrangement,
    max_seconds: typing.SupportsFloat | typing.SupportsIndex,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 1,
) -> list[str] | None:
    """
    Its coefficients in decimal, highest degree first, or None if it takes longer.
    """

def choose_method(arrangement: Arrangement, method: str) -> str:
    """
    The engine that a name, or 'auto', stands for.
    """

def count_cells(
    arrangement: Arrangement,
    max_seconds: typing.SupportsFloat | typing.SupportsIndex,
    n_threads: typing.SupportsInt | typing.SupportsIndex = 1,
) -> str | None:
    """
    The exact number of cells in decimal, or None if it takes longer.
    """

def enumerate_cells(
    arrangement: Arrangement,
    method: str,
    exact: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.uint64]:
    """
    All cells, packed, in canonical order.
    """

def explore(
    arrangement: Arrangement,
    method: str,
    exact: bool,
    tasks: collections.abc.Sequence[
        collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]
    ],
    budget: typing.SupportsInt | typing.SupportsIndex,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[numpy.typing.NDArray[numpy.uint64], list[list[list[int]]]]:
    """
    The cells of the tasks in their order, packed, about `budget` for each, and for each the tasks that are left.
    """

def find_witnesses(
    X: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    packed: numpy.typing.NDArray[numpy.uint64],
    n_threads: typing.SupportsInt | typing.SupportsIndex,
) -> typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]"]:
    """
    (P, d) unit vectors in the widest direction of each cell, zero where there is none.
    """

def first_tasks(arrangement: Arrangement, method: str, exact: bool) -> list[list[int]]:
    """
    Tasks that together list every cell once.
    """

def group_lasso_alpha_max(
    design: Design,
    y: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    *,
    group_weights: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, 1]"],
    loss: str,
    delta: typing.SupportsFloat | typing.SupportsIndex,
    sample_weight: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, 1]"],
    offset: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"]
    | None = None,
    l1: typing.SupportsFloat | typing.SupportsIndex,
    positive: bool,
    fit_intercept: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
) -> float:
    """
    The smallest alpha at which all coefficients are zero.
    """

def joint_peaks(
    X: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    packed: numpy.typing.NDArray[numpy.uint64],
    V: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    starts: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    *,
    slope: typing.SupportsFloat | typing.SupportsIndex = 0.0,
    patches: typing.SupportsInt | typing.SupportsIndex = 1,
    floor: typing.SupportsFloat | typing.SupportsIndex,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
) -> dict:
    """
    Local maxima, above floor, of (V g) . (A_i X u) over unit g and unit u in each cell.
    """

def locate_cells(
    X: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    points: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    n_threads: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[numpy.typing.NDArray[numpy.uint64], numpy.typing.NDArray[numpy.bool]]:
    """
    (packed patterns of the points, whether each lies strictly inside its cell), exact.
    """

def max_support(
    X: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    packed: numpy.typing.NDArray[numpy.uint64],
    v: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, 1]"],
    *,
    slope: typing.SupportsFloat | typing.SupportsIndex = 0.0,
    patches: typing.SupportsInt | typing.SupportsIndex = 1,
    threshold: typing.SupportsFloat | typing.SupportsIndex,
    cones: bool,
    both_signs: bool = True,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
) -> float:
    """
    Upper bound on max |v . (A_i X u)|, rows of a sample added up, over ||u|| <= 1 in the given cells, or threshold if that is larger.
    """

def nested_interiors(
    X: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    first: numpy.typing.NDArray[numpy.uint64],
    members: numpy.typing.NDArray[numpy.int64],
    signs: numpy.typing.NDArray[numpy.float64],
    second: numpy.typing.NDArray[numpy.uint64],
    *,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
) -> typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]"]:
    """
    Unit vectors strictly inside nested cells, one a row; zeros where rounding leaves nothing.
    """

def price_blocks(
    outputs: numpy.typing.NDArray[numpy.float64],
    cones: numpy.typing.NDArray[numpy.float64],
    v: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, 1]"],
    *,
    threshold: typing.SupportsFloat | typing.SupportsIndex,
    parts: typing.SupportsInt | typing.SupportsIndex = 1,
    n_free: typing.SupportsInt | typing.SupportsIndex = 0,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
) -> typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, 1]"]:
    """
    Upper bounds on max -v . outputs[b] u over N(u) <= 1 in each cone; not resolved below the threshold.
    """

def price_nested(
    X: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    first: numpy.typing.NDArray[numpy.uint64],
    members: numpy.typing.NDArray[numpy.int64],
    signs: numpy.typing.NDArray[numpy.float64],
    second: numpy.typing.NDArray[numpy.uint64],
    v: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, 1]"],
    *,
    threshold: typing.SupportsFloat | typing.SupportsIndex,
    separate_norms: bool,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
) -> typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, 1]"]:
    """
    Upper bounds on max -s v . D_l F u over N(u) <= 1 in each nested cell, for s = 1 and -1 one after the other; not resolved below the threshold.
    """

def project_onto_cell(
    X: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    packed: numpy.typing.NDArray[numpy.uint64],
    z: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, 1]"],
) -> tuple[typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, 1]"], list[int], bool]:
    """
    (projection of z onto the closure of the first cell, rows that hold with equality, done).
    """

def search_over_all_cells(
    X: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    y: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    sample_weight: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, 1]"],
    *,
    loss: str,
    delta: typing.SupportsFloat | typing.SupportsIndex = 1.0,
    free_offset: bool = False,
    slope: typing.SupportsFloat | typing.SupportsIndex = 0.0,
    patches: typing.SupportsInt | typing.SupportsIndex = 1,
    beta: typing.SupportsFloat | typing.SupportsIndex,
    seed: typing.SupportsInt | typing.SupportsIndex,
    start: tuple[
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64, "[m, n]"],
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64, "[m, 1]"],
        collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
        collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
        typing.Annotated[numpy.typing.ArrayLike, numpy.uint64],
    ]
    | None = None,
    tol: typing.SupportsFloat | typing.SupportsIndex,
    max_rounds: typing.SupportsInt | typing.SupportsIndex,
    max_seconds: typing.SupportsFloat | typing.SupportsIndex,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
    on_round: collections.abc.Callable[[dict], bool] | None = None,
) -> dict:
    """
    The same for any number of columns, by local search from the neurons of start, if there are any, or random ones; nothing is proved, 'dual' is the gradient of the loss.
    """

def solve_block_program(
    outputs: numpy.typing.NDArray[numpy.float64],
    cones: numpy.typing.NDArray[numpy.float64],
    interiors: typing.Annotated[
        numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"
    ],
    y: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    sample_weight: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, 1]"],
    *,
    loss: str,
    delta: typing.SupportsFloat | typing.SupportsIndex = 1.0,
    free_offset: bool = False,
    beta: typing.SupportsFloat | typing.SupportsIndex,
    parts: typing.SupportsInt | typing.SupportsIndex = 1,
    n_free: typing.SupportsInt | typing.SupportsIndex = 0,
    tol: typing.SupportsFloat | typing.SupportsIndex,
    max_rounds: typing.SupportsInt | typing.SupportsIndex,
    max_seconds: typing.SupportsFloat | typing.SupportsIndex,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
    on_round: collections.abc.Callable[[dict], bool] | None = None,
) -> dict:
    """
    Minimise loss(sum_b outputs[b] u_b) + beta sum_b N(u_b) over cones[b] u_b >= 0, with the targets of outputs one below the other. N is the sum of the norms of that many parts of u_b; the last entries may be free of it, where the cone keeps them at most N in modulus.
    """

def solve_cone_program(
    X: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    packed: numpy.typing.NDArray[numpy.uint64],
    y: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    sample_weight: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, 1]"],
    *,
    loss: str,
    delta: typing.SupportsFloat | typing.SupportsIndex = 1.0,
    free_offset: bool = False,
    slope: typing.SupportsFloat | typing.SupportsIndex = 0.0,
    patches: typing.SupportsInt | typing.SupportsIndex = 1,
    beta: typing.SupportsFloat | typing.SupportsIndex,
    cones: bool,
    both_signs: bool = True,
    start: tuple[
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64, "[m, n]"],
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64, "[m, 1]"],
        collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
        collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
        typing.Annotated[numpy.typing.ArrayLike, numpy.uint64],
    ]
    | None = None,
    tol: typing.SupportsFloat | typing.SupportsIndex,
    max_rounds: typing.SupportsInt | typing.SupportsIndex,
    max_seconds: typing.SupportsFloat | typing.SupportsIndex,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
    on_round: collections.abc.Callable[[dict], bool] | None = None,
) -> dict:
    """
    Minimise loss(sum_b s_b A_b X u_b) + beta sum_b ||u_b|| over the given cells; A_b is 1 on the pattern and slope elsewhere, and the rows of a sample, `patches` one after the other, are added up. Each block adds to one target, a column of y. With cones, s_b is 1 or -1, without both_signs only 1. With free_offset the best constants are added to the predictions, one a target.
    """

def solve_group_lasso(
    design: Design,
    y: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    *,
    group_weights: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, 1]"],
    loss: str,
    delta: typing.SupportsFloat | typing.SupportsIndex,
    sample_weight: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, 1]"],
    offset: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"]
    | None = None,
    alphas: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
    l1: typing.SupportsFloat | typing.SupportsIndex,
    l2: typing.SupportsFloat | typing.SupportsIndex,
    positive: bool,
    fit_intercept: bool,
    tol: typing.SupportsFloat | typing.SupportsIndex,
    max_iter: typing.SupportsInt | typing.SupportsIndex,
    max_seconds: typing.SupportsFloat | typing.SupportsIndex,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
    start: tuple[
        typing.Annotated[numpy.typing.ArrayLike, numpy.int64],
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64, "[m, n]"],
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64, "[m, 1]"],
    ]
    | None = None,
    on_progress: collections.abc.Callable[[dict], typing.Any] | None = None,
) -> list:
    """
    The group lasso for each of the alphas.
    """

def solve_nested_program(
    X: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    first: numpy.typing.NDArray[numpy.uint64],
    members: numpy.typing.NDArray[numpy.int64],
    signs: numpy.typing.NDArray[numpy.float64],
    second: numpy.typing.NDArray[numpy.uint64],
    interiors: typing.Annotated[
        numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"
    ],
    y: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    sample_weight: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, 1]"],
    *,
    loss: str,
    delta: typing.SupportsFloat | typing.SupportsIndex = 1.0,
    beta: typing.SupportsFloat | typing.SupportsIndex,
    separate_norms: bool,
    tol: typing.SupportsFloat | typing.SupportsIndex,
    max_rounds: typing.SupportsInt | typing.SupportsIndex,
    max_seconds: typing.SupportsFloat | typing.SupportsIndex,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
    on_round: collections.abc.Callable[[dict], bool] | None = None,
) -> dict:
    """
    Minimise loss(sum_b s_b D_b F_b u_b) + beta sum_b N(u_b) over nested cells: row i of members are the patterns of first that branch i adds up with signs, row i of second is its own. N is the norm, or with separate_norms the sum of the norms of the parts of u_b. Each block adds to one target, a column of y.
    """

def solve_over_all_cells(
    X: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    y: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, n]", "flags.f_contiguous"],
    sample_weight: typing.Annotated[numpy.typing.NDArray[numpy.float64], "[m, 1]"],
    *,
    loss: str,
    delta: typing.SupportsFloat | typing.SupportsIndex = 1.0,
    free_offset: bool = False,
    slope: typing.SupportsFloat | typing.SupportsIndex = 0.0,
    patches: typing.SupportsInt | typing.SupportsIndex = 1,
    beta: typing.SupportsFloat | typing.SupportsIndex,
    start: tuple[
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64, "[m, n]"],
        typing.Annotated[numpy.typing.ArrayLike, numpy.float64, "[m, 1]"],
        collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
        collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
        typing.Annotated[numpy.typing.ArrayLike, numpy.uint64],
    ]
    | None = None,
    tol: typing.SupportsFloat | typing.SupportsIndex,
    max_rounds: typing.SupportsInt | typing.SupportsIndex,
    max_seconds: typing.SupportsFloat | typing.SupportsIndex,
    n_threads: typing.SupportsInt | typing.SupportsIndex,
    on_round: collections.abc.Callable[[dict], bool] | None = None,
) -> dict:
    """
    The same over every cell of X, none of them listed; 'packed' are those that 'cells' name.
    """

def sort_cells(
    packed: numpy.typing.NDArray[numpy.uint64],
    n_hyperplanes: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.uint64]:
    """
    In canonical order, without repetitions.
    """

def uniform_cells(
    arrangement: Arrangement,
    n_cells: typing.SupportsInt | typing.SupportsIndex,
    seed: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.uint64]:
    """
    Distinct cells, packed, drawn with equal probabilities.
    """
