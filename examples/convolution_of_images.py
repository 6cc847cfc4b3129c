"""A convolutional network on images, its weight decay chosen by validation.

Filters of 3 x 3 pixels over scikit-learn's digits (1,797 images of 8 x 8), or over every third
image of MNIST if FOLDER holds mnist_5k.csv.gz (784 pixels and the digit in a row), made 14 x 14.

    python examples/convolution_of_images.py [--data FOLDER] [--figure filters.png]

needs cvxnn[plot].
"""

import argparse
import warnings
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from cvxnn import ConvReLUClassifier

BETAS = (0.1, 1.0, 10.0)


def images(folder):
    """Return images in rows, pixels between 0 and 1, their shape, and labels."""
    if folder is None:
        X, y = load_digits(return_X_y=True)
        return X / 16.0, (8, 8), y
    rows = np.loadtxt(Path(folder) / "mnist_5k.csv.gz", delimiter=",")[::3]
    pixels = rows[:, :784].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    return pixels.reshape(len(rows), 196) / 255.0, (14, 14), rows[:, 784].astype(int)


def fitted(X, y, shape, beta, max_time):
    """Train, and tell how long it took."""
    model = ConvReLUClassifier(beta, input_shape=shape, tol=1e-3, max_time=max_time)
    begin = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the status is printed
        model.fit(X, y)
    return model, perf_counter() - begin


def main():
    """Print a line for each beta and one for the network on all images; draw its filters."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    parser.add_argument("--figure", default="filters.png")
    arguments = parser.parse_args()
    X, shape, y = images(arguments.data)
    part, held_out, labels, wanted = train_test_split(X, y, stratify=y, random_state=0)
    print("beta  seconds  filters  accuracy held out")
    scores = []
    for beta in BETAS:
        model, seconds = fitted(part, labels, shape, beta, 12.0)
        scores.append(model.score(held_out, wanted))
        print(f"{beta:4}  {seconds:7.1f}  {model.network_.n_neurons:7}  {scores[-1]:17.4f}")
    best = BETAS[int(np.argmax(scores))]
    model, seconds = fitted(X, y, shape, best, 45.0)
    bound = model.certificate_
    print(
        f"beta {best} on all {len(X)} images: {seconds:.1f} s, status {model.status_}, objective "
        f"{bound.objective:.3f}, no network of any width is below {bound.lower_bound:.3f}"
    )
    network = model.network_
    strength = np.abs(network.output_weights).sum(axis=1)
    strength *= np.linalg.norm(network.hidden_weights, axis=1)
    _, panels = plt.subplots(3, 10, figsize=(8.0, 2.6), layout="constrained")
    for axes, j in zip(panels.ravel(), np.argsort(-strength), strict=False):
        axes.imshow(network.filters[j, 0], cmap="RdBu")
        axes.set(title=str(np.abs(network.output_weights[j]).argmax()), xticks=[], yticks=[])
    plt.savefig(arguments.figure, dpi=150)


if __name__ == "__main__":
    main()
