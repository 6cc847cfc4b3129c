"""When do deep linear networks have a duality gap?

Under the regulariser sum ||W_l||_F^L / 2, one branch of L layers costs L/2 (sum s^(2/L))^(L/2) for
a map with singular values s, and the dual problem L/2 sum s. Many parallel branches reach the
latter (Wang, Ergen and Pilanci, arXiv 2110.06482).

    python examples/deep_linear_gap.py [--figure gap.png]

needs cvxnn[plot].
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np

from cvxnn import DeepLinearRegressor

DEPTHS = (2, 3, 4, 5, 6)


def main():
    """Print a line for each depth and spectrum, and draw the gaps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figure", default="gap.png")
    figure = parser.parse_args().figure
    random = np.random.default_rng(0)
    X = random.standard_normal((50, 4))
    left, _, right = np.linalg.svd(random.standard_normal((4, 3)), full_matrices=False)
    spectra = {"1, 1, 1": [1, 1, 1], "1, 0.3, 0.1": [1, 0.3, 0.1], "1, 0, 0": [1, 0, 0]}
    print("singular values  depth  one branch  dual value  parallel branches")
    _, axes = plt.subplots(figsize=(6.0, 4.0), layout="constrained")
    for name, values in spectra.items():
        Y = X @ left @ np.diag(values) @ right
        gaps = []
        for depth in DEPTHS:
            found = {
                kind: DeepLinearRegressor(depth, beta=0.0, architecture=kind).fit(X, Y).certificate_
                for kind in ("standard", "parallel")
            }
            single, parallel = found["standard"], found["parallel"]
            gaps.append(single.gap)
            print(
                f"{name:15}  {depth:5}  {single.objective:10.4f}  {single.lower_bound:10.4f}"
                f"  {parallel.objective:17.4f}"
            )
        axes.plot(DEPTHS, gaps, "o-", label=f"singular values {name}")
    axes.set(xlabel="layers", ylabel="duality gap of one branch", xticks=DEPTHS)
    axes.legend()
    plt.savefig(figure, dpi=150)


if __name__ == "__main__":
    main()
