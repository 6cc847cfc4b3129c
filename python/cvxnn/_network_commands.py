"""The commands ``python -m cvxnn fit`` and ``certify``: networks for the columns of a file."""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from cvxnn import _arguments
from cvxnn._frame import Frame, read_frame
from cvxnn.networks import (
    Certificate,
    GatedNetwork,
    Network,
    ReLUClassifier,
    ReLURegressor,
    certify,
)
from cvxnn.networks._activations import ACTIVATIONS
from cvxnn.networks._files import load_network, save_network
from cvxnn.networks._layers import BIASES
from cvxnn.networks.convolutional._conv_network import ConvNetwork

__all__ = ["COMMANDS", "add_certify_arguments", "add_fit_arguments", "mistake_in", "run"]

COMMANDS = ("fit", "certify")

Array = NDArray[np.float64]
Result = dict[str, Any]

_REGRESSION = ("squared", "absolute", "huber")
_CLASSIFICATION = ("logistic", "hinge", "squared_hinge")
_SHOWN = {  # in the table: what it is called, and how it is written
    "status": ("status", "{}"),
    "objective": ("objective", "{:#.7g}"),
    "lower_bound": ("lower bound", "{:#.7g}"),
    "relative_gap": ("relative gap", "{:.1e}"),
    "scope": ("scope", "{}"),
    "n_neurons": ("neurons", "{}"),
    "accuracy": ("train accuracy", "{:.4f}"),
    "r2": ("train R^2", "{:.4f}"),
    "output": ("output", "{}"),
}


def add_fit_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``fit``."""
    _add_data(parser)
    parser.add_argument(
        "--classify", action="store_true", help="the target holds labels of classes"
    )
    parser.add_argument(
        "--beta",
        type=_arguments.positive_number,
        default=1e-2,
        help="strength of the weight decay (default: %(default)s)",
    )
    parser.add_argument(
        "--loss",
        choices=(*_REGRESSION, *_CLASSIFICATION),
        help="default: squared, with --classify logistic",
    )
    parser.add_argument(
        "--patterns",
        type=_patterns,
        default="auto",
        metavar="auto|exact|N",
        help="activation patterns that neurons may have: chosen from all, all of them or an error, "
        "or that many sampled ones (default: %(default)s)",
    )
    parser.add_argument(
        "--activation",
        choices=ACTIVATIONS,
        default="relu",
        help="the activation function (default: %(default)s)",
    )
    parser.add_argument(
        "--negative-slope",
        type=_arguments.positive_number,
        default=0.01,
        help="of leaky_relu below zero (default: %(default)s)",
    )
    _add_problem(parser)
    parser.add_argument(
        "--seed",
        type=_arguments.seed,
        default=0,
        metavar="N",
        help="of sampled patterns and local search (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        type=_arguments.writable_file,
        metavar="NPZ",
        help="where to write the network, for certify and cvxnn.Network.load",
    )


def add_certify_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``certify``."""
    parser.add_argument(
        "network", type=Path, metavar="NETWORK", help="written by fit or cvxnn.Network.save"
    )
    _add_data(parser)
    parser.add_argument(
        "--beta",
        type=_arguments.positive_number,
        required=True,
        help="strength of the weight decay that the network was trained with",
    )
    parser.add_argument(
        "--loss",
        choices=(*_REGRESSION, *_CLASSIFICATION),
        help="default: logistic for a network that fit --classify wrote, otherwise squared",
    )
    _add_problem(parser)


def mistake_in(options: argparse.Namespace) -> str | None:
    """Return what is wrong about arguments that do not go together."""
    if options.target in options.drop:
        return f"--drop: {options.target!r} is the target"
    if options.command == "fit":
        losses = _CLASSIFICATION if options.classify else _REGRESSION
        if options.loss not in (None, *losses):
            with_or_without = "without" if options.classify else "with"
            return f"--loss {options.loss} goes {with_or_without} --classify"
    return None


def run(options: argparse.Namespace) -> None:
    """Do what the arguments ask for and print the result.

    Raises
    ------
    ValueError, OSError
        With a message for the user.
    """
    result = _fit(options) if options.command == "fit" else _certify(options)
    print(json.dumps(result) if options.json else _table_of(result))


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "data",
        type=Path,
        metavar="DATA",
        help="one sample a row: csv whose first line names the columns, or parquet",
    )
    parser.add_argument("--target", required=True, metavar="COLUMN", help="what to predict")
    parser.add_argument(
        "--drop",
        nargs="+",
        action="extend",
        default=[],
        metavar="COLUMN",
        help="columns that are no features",
    )


def _add_problem(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bias",
        choices=BIASES,
        default="regularized",
        help="hidden biases, penalised like weights; hidden and output biases, free; or none "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--delta",
        type=_arguments.positive_number,
        default=1.0,
        help="where the Huber loss turns linear (default: %(default)s)",
    )
    parser.add_argument(
        "--tol",
        type=_arguments.positive_number,
        default=1e-4,
        help="relative gap at which to stop (default: %(default)s)",
    )
    parser.add_argument(
        "--max-time",
        type=_arguments.positive_number,
        metavar="SECONDS",
        help="stop then, with the best so far",
    )
    _arguments.add_jobs(parser)
    _arguments.add_json(parser)


def _fit(options: argparse.Namespace) -> Result:
    frame = read_frame(options.data)
    names = _features(frame, options)
    X, classes = frame.numbers(names), None
    kind = ReLUClassifier if options.classify else ReLURegressor
    loss = options.loss or ("logistic" if options.classify else "squared")
    model = kind(
        options.beta,
        loss=loss,
        activation=options.activation,
        negative_slope=options.negative_slope if options.activation == "leaky_relu" else 0.0,
        **({} if options.classify else {"delta": options.delta}),
        patterns=options.patterns,
        bias=options.bias,
        tol=options.tol,
        max_time=options.max_time,
        n_jobs=options.n_jobs,
        random_state=options.seed,
    )
    if options.classify:
        y, classes = _class_targets(frame.labels(options.target), options)
        labels = classes[_chosen(y)]
    else:
        y = labels = frame.numbers([options.target])[:, 0]
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the status says it
        model.fit(X, labels)
    seconds = time.perf_counter() - start
    network = model.network_
    if options.output is not None:
        save_network(options.output, network, feature_names=names, classes=classes)
    return {
        "status": model.status_,
        **_facts(network, model.certificate_, X, y),
        "features": names,
        "classes": None if classes is None else classes.tolist(),
        "seconds": seconds,
        "output": None if options.output is None else str(options.output),
    }


def _certify(options: argparse.Namespace) -> Result:
    network, notes = load_network(options.network, Network)
    frame = read_frame(options.data)
    names = _features_of(network, notes.get("feature_names"), _features(frame, options), options)
    X, classes = frame.numbers(names), notes.get("classes")
    loss = options.loss or ("squared" if classes is None else "logistic")
    if loss in _CLASSIFICATION:
        as_text = classes is not None and classes.dtype.kind == "U"
        labels = frame.labels(options.target, as_text=as_text)
        y, classes = _class_targets(labels, options, classes)
        if y.ndim == 2:
            loss = _loss_of_many(loss, options)
    else:
        y, classes = frame.numbers([options.target])[:, 0], None
    start = time.perf_counter()
    certificate = certify(
        network,
        X,
        y,
        beta=options.beta,
        loss=loss,
        delta=options.delta,
        bias=options.bias,
        tol=options.tol,
        max_time=options.max_time,
        n_jobs=options.n_jobs,
    )
    return {
        **_facts(network, certificate, X, y),
        "features": names,
        "classes": None if classes is None else classes.tolist(),
        "seconds": time.perf_counter() - start,
    }


def _features(frame: Frame, options: argparse.Namespace) -> list[str]:
    """Return the columns that are neither the target nor dropped."""
    for name in (options.target, *options.drop):
        frame.check_column(name)
    names = [name for name in frame.columns if name not in (options.target, *options.drop)]
    if not names:
        raise ValueError(f"{frame.path} has no column left for a feature")
    return names


def _features_of(
    network: Network,
    known: NDArray[Any] | None,
    available: list[str],
    options: argparse.Namespace,
) -> list[str]:
    """Return the columns that a network takes: by the names in its file, otherwise all."""
    there = f"besides the target, {options.data} has {', '.join(available)}"
    names = available if known is None else [str(name) for name in known]
    for name in names:
        if name not in available:
            raise ValueError(f"{options.network} takes a feature {name!r}; {there}")
    if len(names) != (d := network.hidden_weights.shape[1]):
        raise ValueError(f"{options.network} takes {d} features; {there}")
    return names


def _class_targets(
    labels: NDArray[Any], options: argparse.Namespace, classes: NDArray[Any] | None = None
) -> tuple[Array, NDArray[Any]]:
    """Map labels of two sorted classes to -1 and 1, of more to one-hot rows."""
    found = np.unique(labels)
    where = f"{options.data}, column {options.target!r}"
    if classes is None:
        classes = found
        if len(classes) < 2:
            raise ValueError(f"{where}: expected two classes or more, got {_listed(found)}")
    elif not set(found.tolist()) <= set(classes.tolist()):
        raise ValueError(
            f"{where}: the network tells {_listed(classes)} apart, got {_listed(found)}"
        )
    if len(classes) > 2:
        return 1.0 * (labels[:, None] == classes), classes
    return np.where(labels == classes[1], 1.0, -1.0), classes


def _chosen(outputs: Array) -> NDArray[np.intp]:
    """Return the class of each row of outputs, or of targets."""
    if outputs.ndim == 2:
        return np.asarray(outputs.argmax(axis=1))
    return (outputs > 0.0).astype(np.intp)


def _loss_of_many(loss: str, options: argparse.Namespace) -> str:
    if loss != "logistic":
        raise ValueError(f"--loss {loss} is for two classes, {options.network} tells more apart")
    return "multinomial"


def _listed(labels: NDArray[Any]) -> str:
    shown = [label if isinstance(label, str) else f"{label:g}" for label in labels[:5].tolist()]
    return ", ".join(shown) + (", .." if len(labels) > 5 else "")


def _facts(
    network: Network | ConvNetwork | GatedNetwork, certificate: Certificate, X: Array, y: Array
) -> Result:
    """Return what both commands tell about a network."""
    outputs = network.predict(X)
    score: dict[str, float | None]
    if certificate.loss in (*_CLASSIFICATION, "multinomial"):
        score = {"accuracy": float(np.mean(_chosen(outputs) == _chosen(y)))}
    else:
        spread = float(np.sum((y - y.mean()) ** 2))
        score = {"r2": 1.0 - float(np.sum((y - outputs) ** 2)) / spread if spread else None}
    return {
        "objective": certificate.objective,
        "lower_bound": certificate.lower_bound,
        "relative_gap": certificate.relative_gap,
        "scope": certificate.scope,
        "method": certificate.method,
        "beta": certificate.beta,
        "loss": certificate.loss,
        "bias": certificate.bias,
        "activation": certificate.activation,
        "n_samples": len(X),
        "n_features": X.shape[1],
        "n_cells": certificate.n_cells,
        "n_neurons": network.n_neurons,
        **score,
    }


def _table_of(result: Result) -> str:
    rows = [
        (title, form.format(result[name]))
        for name, (title, form) in _SHOWN.items()
        if result.get(name) is not None
    ]
    width = max(len(title) for title, _ in rows)
    return "\n".join(f"{title.ljust(width)}  {text}" for title, text in rows)


def _patterns(text: str) -> str | int:
    if text in ("auto", "exact"):
        return text
    if text.isdigit() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected auto, exact or a positive integer, got {text!r}")
