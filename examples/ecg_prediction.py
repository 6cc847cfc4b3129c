"""An electrocardiogram predicted by a network that is proved to be the best of any width.

The next sample is predicted from the last two. With FOLDER, which holds ecg/ecg.npz (as SciPy ships
it), the signal is real; without it, pulses of a similar shape.

    python examples/ecg_prediction.py [--data FOLDER] [--figure ecg.png]

needs cvxnn[plot].
"""

import argparse
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from cvxnn import ReLURegressor, beta_max

N_TRAINED, N_HELD_OUT = 2000, 400


def signal(folder):
    """Return a signal of unit variance."""
    if folder is not None:
        with np.load(Path(folder) / "ecg" / "ecg.npz") as file:
            values = file["ecg"][: N_TRAINED + N_HELD_OUT + 2].astype(float)
    else:
        time = np.arange(N_TRAINED + N_HELD_OUT + 2) / 360.0 % 0.8
        waves = [(0.2, 0.025, 0.15), (0.3, 0.008, 1.2), (0.33, 0.01, -0.3), (0.5, 0.04, 0.3)]
        values = sum(h * np.exp(-0.5 * ((time - at) / width) ** 2) for at, width, h in waves)
        values += 0.01 * np.random.default_rng(0).standard_normal(len(time))
    return (values - values.mean()) / values.std()


def main():
    """Print the errors on samples held out, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    parser.add_argument("--figure", default="ecg.png")
    arguments = parser.parse_args()
    values = signal(arguments.data)
    X, y = np.column_stack([values[:-2], values[1:-1]]), values[2:]
    X = StandardScaler().fit_transform(X)
    past, future = slice(N_TRAINED), slice(N_TRAINED, None)
    begin = perf_counter()
    beta = 1e-4 * beta_max(X[past], y[past])
    model = ReLURegressor(beta, patterns="exact").fit(X[past], y[past])
    bound = model.certificate_
    print(
        f"{perf_counter() - begin:.1f} s, {model.network_.n_neurons} neurons, objective "
        f"{bound.objective:.5f}; proved: no network of any width is below {bound.lower_bound:.5f}"
    )
    line = LinearRegression().fit(X[past], y[past])
    print("                 mean squared error held out")
    print(f"linear           {np.mean((line.predict(X[future]) - y[future]) ** 2):.5f}")
    print(f"optimal network  {np.mean((model.predict(X[future]) - y[future]) ** 2):.5f}")
    _, (above, below) = plt.subplots(2, figsize=(8.0, 5.0), sharex=True, layout="constrained")
    above.plot(y[future], label="signal")
    above.plot(model.predict(X[future]), "--", label="predicted")
    above.legend()
    below.plot(np.abs(line.predict(X[future]) - y[future]), label="linear")
    below.plot(np.abs(model.predict(X[future]) - y[future]), label="optimal network")
    below.set(xlabel="sample", ylabel="error")
    below.legend()
    plt.savefig(arguments.figure, dpi=150)


if __name__ == "__main__":
    main()
