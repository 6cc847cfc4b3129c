"""How far from the best network of any width does gradient training end?

Trains networks of three widths with L-BFGS from random starts and bounds, for each, how much of its
training objective a better network could still save. Needs nothing beyond cvxnn itself.
"""

import numpy as np
from scipy.optimize import minimize

from cvxnn import Network, certify

BETA = 0.1


def train_by_lbfgs(X, y, n_neurons, seed):
    """Minimise sum (f(x) - y)^2 / 2 + BETA / 2 * sum (||w_j||^2 + b_j^2 + a_j^2)."""
    n, d = X.shape
    ones = np.column_stack([X, np.ones(n)])  # the last first-layer weight is the bias

    def objective(parameters):
        hidden, outputs = np.split(parameters.reshape(d + 2, n_neurons), [d + 1])
        activations = ones @ hidden
        features = np.maximum(activations, 0.0)
        residual = features @ outputs[0] - y
        back = np.outer(residual, outputs[0]) * (activations > 0.0)
        gradient = np.vstack([ones.T @ back, residual @ features]).ravel()
        value = 0.5 * residual @ residual + 0.5 * BETA * parameters @ parameters
        return value, gradient + BETA * parameters

    start = np.random.default_rng(seed).normal(size=(d + 2) * n_neurons) / n_neurons**0.25
    found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 5000})
    weights = found.x.reshape(d + 2, n_neurons)
    return Network(weights[:d].T, weights[d], weights[d + 1 :].T, np.zeros(1))


def main():
    """Print one line per trained network."""
    random = np.random.default_rng(0)
    X = random.uniform(-2.0, 2.0, (60, 2))
    y = np.sin(2.0 * X[:, 0]) * np.cos(X[:, 1])
    print("neurons  seed  objective  lower bound  a better network saves at most")
    for n_neurons in (5, 20, 100):
        for seed in range(2):
            network = train_by_lbfgs(X, y, n_neurons, seed)
            bound = certify(network, X, y, beta=BETA)
            print(
                f"{n_neurons:7}  {seed:4}  {bound.objective:9.4f}  {bound.lower_bound:11.4f}"
                f"  {bound.relative_gap:30.1%}"
            )


if __name__ == "__main__":
    main()
