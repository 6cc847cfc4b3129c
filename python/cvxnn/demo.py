"""The demonstration behind ``python -m cvxnn demo``: three data sets, one table, one figure."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from cvxnn._optional import optional_import
from cvxnn.networks import Certificate, ReLUClassifier, ReLURegressor

__all__ = ["Result", "Study", "draw", "format_table", "run", "studies", "train"]

Array = NDArray[np.float64]

_SEED = 0
_SAMPLED = 500  # cells for data whose rank is too high to list them all
_LEGEND = """\
scope: no network of any width (global), or none with the sampled patterns (patterns), is below the
lower bound. held-out: accuracy for breast cancer, R^2 otherwise. linear: ridge or logistic
regression, penalty cross-validated. MLP: scikit-learn's, 100 neurons, same weight decay, L-BFGS."""


@dataclass(frozen=True, eq=False)
class Study:
    """A data set split in two and the three models to fit to its first part."""

    name: str
    X: Array
    y: Array
    X_held: Array
    y_held: Array
    model: ReLURegressor | ReLUClassifier
    linear: Any
    mlp: Any


@dataclass(frozen=True, eq=False)
class Result:
    """What a study showed."""

    name: str
    n_samples: int
    n_features: int
    n_neurons: int
    certificate: Certificate
    seconds: float
    score: float
    linear_score: float
    mlp_score: float
    history: NDArray[np.void]


def run(output: Path, *, n_jobs: int | None = None) -> None:
    """Train on every data set, print the table and draw the figure.

    Parameters
    ----------
    output : Path
        Where the figure goes, if matplotlib is installed.
    n_jobs : int, optional
        Threads; None means all processors. The result does not depend on it.
    """
    every = studies(n_jobs)
    with _progress(3 * len(every)) as advance:
        results = [train(study, advance) for study in every]
    print(format_table(results))
    print(f"\n{_LEGEND}")
    try:
        figure_module = optional_import("matplotlib.figure", extra="plot")
    except ImportError:
        print('\npip install "cvxnn[plot]" would also draw objective and lower bound over time.')
        return
    draw(results, output, figure_module)
    print(f"\nObjective and lower bound over time: {output}")


def studies(n_jobs: int | None = None) -> list[Study]:
    """Load the data sets, split them and set the models up.

    Each beta is the largest one of .., 0.1, 0.2, 0.5, 1, 2, 5, 10, .. whose mean score in five-fold
    cross-validation on the training part is within one standard error of the best.

    Parameters
    ----------
    n_jobs : int, optional
        Threads of the convex solver.

    Returns
    -------
    list of Study

    Examples
    --------
    >>> from cvxnn.demo import studies
    >>> [study.name for study in studies()]
    ['diabetes', 'breast cancer', 'plane']
    """
    options: dict[str, Any] = {"n_jobs": n_jobs, "random_state": _SEED}
    diabetes: tuple[Array, Array] = load_diabetes(return_X_y=True)
    cancer: tuple[Array, Array] = load_breast_cancer(return_X_y=True)
    return [
        _regression("diabetes", *diabetes, 0.75, ReLURegressor(20.0, patterns=_SAMPLED, **options)),
        _classification(
            "breast cancer", *cancer, ReLUClassifier(2.0, patterns=_SAMPLED, **options)
        ),
        _regression("plane", *_plane(400), 0.25, ReLURegressor(0.5, patterns="exact", **options)),
    ]


def train(study: Study, advance: Callable[[str], None] = lambda _: None) -> Result:
    """Fit the three models of a study and score them on the held-out part.

    Parameters
    ----------
    study : Study
        The data and the models.
    advance : callable, optional
        Told what comes next before each fit.

    Returns
    -------
    Result
    """
    advance(f"{study.name}: convex program")
    start = time.perf_counter()
    model = study.model.fit(study.X, study.y)
    seconds = time.perf_counter() - start
    # One thread: these problems are too small for more, and the rounding stays the same.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        advance(f"{study.name}: linear model")
        linear = study.linear.fit(study.X, study.y)
        advance(f"{study.name}: MLP")
        mlp = study.mlp.fit(study.X, study.y)
    n_samples, n_features = study.X.shape
    return Result(
        name=study.name,
        n_samples=n_samples,
        n_features=n_features,
        n_neurons=model.network_.n_neurons,
        certificate=model.certificate_,
        seconds=seconds,
        score=model.score(study.X_held, study.y_held),
        linear_score=linear.score(study.X_held, study.y_held),
        mlp_score=mlp.score(study.X_held, study.y_held),
        history=model.history_,
    )


def format_table(results: Sequence[Result]) -> str:
    """Lay the results out, one line each.

    Parameters
    ----------
    results : sequence of Result
        What to show.

    Returns
    -------
    str

    Examples
    --------
    >>> from cvxnn.demo import format_table
    >>> print(format_table([]))
    data  n  d  cells  neurons  objective  lower bound  relative gap  scope  seconds  ...
    ----  -  -  -----  -------  ---------  -----------  ------------  -----  -------  ...
    """
    header = (
        *("data", "n", "d", "cells", "neurons", "objective", "lower bound", "relative gap"),
        *("scope", "seconds", "held-out", "linear", "MLP"),
    )
    rows = [header, *(_cells_of_row(result) for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def draw(results: Sequence[Result], output: Path, figure_module: Any) -> None:
    """Draw objective and proved lower bound over time, one panel a data set.

    Parameters
    ----------
    results : sequence of Result
        What to draw.
    output : Path
        The PNG file to write.
    figure_module : module
        ``matplotlib.figure``.
    """
    figure = figure_module.Figure(figsize=(4.0 * len(results), 3.4), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(results)))
    for panel, result in zip(panels, results, strict=True):
        history, certificate = result.history, result.certificate
        style: dict[str, Any] = {"where": "post", "marker": "o", "markersize": 3.0}
        panel.step(history["seconds"], history["objective"], label="objective", **style)
        panel.step(history["seconds"], history["lower_bound"], label="lower bound", **style)
        # The first rounds are far off; leave them outside the panel rather than flatten the rest.
        panel.set_ylim(0.0, 2.0 * certificate.objective)
        panel.set_title(f"{result.name}: relative gap {certificate.relative_gap:.0e}")
        panel.set_xlim(left=0.0)
        panel.set_xlabel("seconds")
    panels[0].set_ylabel("training objective")
    panels[0].legend(loc="lower right")
    figure.savefig(output, format="png", dpi=150)


def _regression(name: str, X: Array, y: Array, train_size: float, model: ReLURegressor) -> Study:
    X, X_held, y, y_held = train_test_split(X, y, train_size=train_size, random_state=_SEED)
    X, X_held = _standardised(X, X_held)
    y, y_held = (part[:, 0] for part in _standardised(y[:, None], y_held[:, None]))
    ridge = RidgeCV(np.logspace(-3, 4, 29))
    mlp = MLPRegressor(**_mlp_options(model.beta))
    return Study(name, X, y, X_held, y_held, model, ridge, mlp)


def _classification(name: str, X: Array, y: Array, model: ReLUClassifier) -> Study:
    X, X_held, y, y_held = train_test_split(X, y, train_size=0.75, random_state=_SEED, stratify=y)
    X, X_held = _standardised(X, X_held)
    logistic = GridSearchCV(LogisticRegression(max_iter=1000), {"C": np.logspace(-3, 2, 11)})
    mlp = MLPClassifier(**_mlp_options(model.beta))
    return Study(name, X, y, X_held, y_held, model, logistic, mlp)


def _plane(n: int) -> tuple[Array, Array]:
    random = np.random.default_rng(_SEED)
    X = random.uniform(-2.0, 2.0, (n, 2))
    return X, np.sin(2.0 * X[:, 0]) * np.cos(X[:, 1]) + 0.1 * random.standard_normal(n)


def _mlp_options(beta: float) -> dict[str, Any]:
    """Options with which scikit-learn minimises the same objective, divided by n, from a start."""
    return {"alpha": beta, "solver": "lbfgs", "max_iter": 1000, "random_state": _SEED}


def _standardised(train: Array, held: Array) -> tuple[Array, Array]:
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(held)


def _cells_of_row(result: Result) -> tuple[str, ...]:
    certificate = result.certificate
    return (
        result.name,
        f"{result.n_samples}",
        f"{result.n_features}",
        f"{certificate.n_cells:,}",
        f"{result.n_neurons}",
        f"{certificate.objective:.5f}",
        f"{certificate.lower_bound:.5f}",
        f"{certificate.relative_gap:.1e}",
        certificate.scope,
        f"{result.seconds:.2f}",
        f"{result.score:.3f}",
        f"{result.linear_score:.3f}",
        f"{result.mlp_score:.3f}",
    )


def _aligned(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """Words to the left, numbers to the right."""
    for text, width, column in zip(row, widths, range(len(row)), strict=True):
        yield text.ljust(width) if column in (0, 8) else text.rjust(width)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[str], None]]:
    """Show a bar on a terminal if rich is installed, nothing otherwise."""
    rich: Any = None
    if sys.stdout.isatty():
        try:
            rich = optional_import("rich.progress", extra="plot")
        except ImportError:
            pass
    if rich is None:
        yield lambda description: None
        return
    columns = (rich.SpinnerColumn(), rich.BarColumn(), rich.TextColumn("{task.description}"))
    with rich.Progress(*columns, transient=True) as bar:
        task = bar.add_task("", total=total)
        started = 0

        def advance(description: str) -> None:
            nonlocal started
            bar.update(task, completed=started, description=description)
            started += 1

        yield advance
