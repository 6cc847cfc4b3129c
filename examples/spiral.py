"""Two arms of a spiral told apart by networks of two layers and of three, with their bounds.

Parallel three-layer networks trained by their convex programs, with squares of weights and with
path norms (Ergen and Pilanci, arXiv 2110.06482 and 2110.09548), beside the two-layer network, which
is that of one neuron to a branch under either. All follow both arms, two layers no worse than
three. Three layers cost less, most of all under path norms, where mere copies of a neuron do.

The search for three layers is ended after ten seconds, so that its results depend on the machine.
Its bounds are taken from two-layer networks that contain the branches: they hold, but are loose.

    python examples/spiral.py [--fast] [--figure spiral.png]

needs cvxnn[plot].
"""

import argparse
import warnings
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from cvxnn import ParallelReLUClassifier, ReLUClassifier

BETA = 1e-3
TURNS = 1.5


def spiral(n):
    """Return two arms of n points each, one the other turned by half a turn, and labels."""
    angle = 2.0 * np.pi * TURNS * np.sqrt(np.linspace(0.05, 1.0, n))
    arm = angle[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return np.vstack([arm, -arm]) / (2.0 * np.pi * TURNS), np.repeat([0, 1], n)


def fitted(model, X, y):
    """Train, and tell how long it took."""
    begin = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the gap is printed
        model.fit(X, y)
    return model, perf_counter() - begin


def draw(axes, model, X, y, title):
    """Draw the regions of both classes, and the points."""
    side = np.linspace(-1.2, 1.2, 300)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    probability = model.predict_proba(grid)[:, 1].reshape(300, 300)
    axes.contourf(side, side, probability, [0.0, 0.5, 1.0], colors=["#f4b183", "#9dc3e6"])
    axes.scatter(*X.T, c=np.where(y == 0, "#c55a11", "#1f4e79"), s=4)
    axes.set(title=title, xticks=[], yticks=[], aspect="equal")


def main():
    """Print a line for each network, and draw their regions side by side."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fast", action="store_true", help="fewer points and networks")
    parser.add_argument("--figure", default="spiral.png")
    arguments = parser.parse_args()
    X, y = spiral(10 if arguments.fast else 100)
    widths = (2,) if arguments.fast else (2, 4, 8)
    models = {("two layers", 1): ReLUClassifier(BETA, bias="regularized", tol=1e-3)}
    for kind in ("path", "weight_decay"):
        for m1 in widths:
            models[kind, m1] = ParallelReLUClassifier(
                BETA, regularizer=kind, m1=m1, tol=0.1, max_time=2.0 if arguments.fast else 10.0
            )
    names = [
        ["two layers 1", *(f"{kind} {m1}" for m1 in widths)] for kind in ("path", "weight_decay")
    ]
    _, panels = plt.subplot_mosaic(names, figsize=(3.0 * len(names[0]), 6.2), layout="constrained")
    print(
        "network       m1  objective  lower bound  gap     neurons or branches  accuracy  seconds"
    )
    for (kind, m1), model in models.items():
        model, seconds = fitted(model, X, y)
        bound, network, score = model.certificate_, model.network_, model.score(X, y)
        count = network.n_neurons if m1 == 1 else network.n_branches
        print(
            f"{kind:12}  {m1:2}  {bound.objective:9.4f}  {bound.lower_bound:11.4f}"
            f"  {bound.relative_gap:6.1%}  {count:19}  {score:8.1%}  {seconds:7.1f}"
        )
        draw(panels[f"{kind} {m1}"], model, X, y, f"{kind}, m1 = {m1}, {score:.0%}")
    plt.savefig(arguments.figure, dpi=150)


if __name__ == "__main__":
    main()
