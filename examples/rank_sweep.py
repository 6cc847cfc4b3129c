"""What does training on a few singular directions cost, and what can it cost at most?

The wine data has 13 features, too many to price every cell. Trained on its first singular
directions the network is exactly optimal for these; its objective is compared with the ratio
guaranteed before training, by what is left out of the data, and with its certificate.

    python examples/rank_sweep.py [--figure rank.png]

needs cvxnn[plot].
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from cvxnn import ReLUClassifier

BETA = 10.0


def main():
    """Print a line for each rank, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", default="rank.png")
    figure = parser.parse_args().figure
    X, y = load_wine(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    y = y == 0
    best = ReLUClassifier(BETA).fit(X, y).certificate_.objective
    ranks = np.array([1, 2, 3, 13])
    found = np.empty((len(ranks), 3))
    print("rank  objective  lower bound  objective / best found  guaranteed ratio  accuracy")
    for row, rank in zip(found, ranks, strict=True):
        model = ReLUClassifier(BETA, rank=int(rank)).fit(X, y)
        certificate = model.certificate_
        row[:] = certificate.objective, certificate.lower_bound, model.guaranteed_ratio_
        print(
            f"{rank:4}  {row[0]:9.4f}  {row[1]:11.4f}  {row[0] / best:22.4f}  {row[2]:16.2f}"
            f"  {model.score(X, y):8.3f}"
        )
    _, axes = plt.subplots(figsize=(6.0, 4.0), layout="constrained")
    axes.plot(ranks, found[:, 0], "o-", label="objective")
    axes.plot(ranks, found[:, 1], "s-", label="proved lower bound")
    axes.axhline(best, color="grey", linewidth=1.0, label="best found with all features")
    axes.set(xlabel="singular directions", xscale="log", xticks=ranks, xticklabels=ranks)
    axes.legend()
    plt.savefig(figure, dpi=150)


if __name__ == "__main__":
    main()
