"""Networks for many betas from one another, beside one fit each, and fits at small beta.

python bench/python/betas.py
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from cvxnn import ReLURegressor, beta_max, min_norm_interpolation, relu_path


def plane(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points in the plane with a smooth function and a little noise."""
    random = np.random.default_rng(0)
    X = random.uniform(-2.0, 2.0, (n, 2))
    noise = 0.1 * random.standard_normal(n)
    return X, np.sin(2.0 * X[:, 0]) * np.cos(X[:, 1]) + noise


def noise(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noise at points anywhere."""
    random = np.random.default_rng(0)
    return random.standard_normal((n, d)), random.standard_normal(n)


def compare_paths(n_jobs: int) -> None:
    """Print the times of paths of 20 betas and of 20 fits."""
    print("samples     tol     path   20 fits  (seconds)")
    for n in (300, 1000):
        X, y = plane(n)
        for tol in (1e-4, 1e-6):
            start = time.perf_counter()
            betas, _, _ = relu_path(X, y, n_betas=20, eps=1e-2, tol=tol, n_jobs=n_jobs)
            middle = time.perf_counter()
            for beta in betas:
                ReLURegressor(beta, tol=tol, n_jobs=n_jobs).fit(X, y)
            end = time.perf_counter()
            print(f"{n:7} {tol:7.0e} {middle - start:8.2f} {end - middle:9.2f}")


def small_betas(n_jobs: int, max_time: float) -> None:
    """Print how long fits take as beta becomes small, and the limit."""
    print("\nproblem          beta / beta_max  seconds  status       relative gap")
    for name, (X, y) in {"plane 300": plane(300), "noise 100 x 2": noise(100, 2)}.items():
        largest = beta_max(X, y, n_jobs=n_jobs)
        options = {"tol": 1e-6, "max_time": max_time, "n_jobs": n_jobs}
        for share in (1e-2, 1e-3, 1e-4, 0.0):
            start = time.perf_counter()
            if share > 0.0:
                model = ReLURegressor(share * largest, patterns="exact", **options).fit(X, y)
                status, certificate = model.status_, model.certificate_
            else:
                _, certificate = min_norm_interpolation(X, y, **options)
                status = "interpolates" if np.isfinite(certificate.objective) else "does not"
            seconds = time.perf_counter() - start
            gap = certificate.relative_gap
            print(f"{name:16} {share:15.0e} {seconds:8.2f}  {status:12} {gap:.1e}")


def main() -> None:
    """Read the arguments and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--max-time", type=float, default=30.0, help="seconds a fit, at most")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    compare_paths(arguments.n_jobs)
    small_betas(arguments.n_jobs, arguments.max_time)


if __name__ == "__main__":
    main()
