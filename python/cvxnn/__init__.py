"""Train ReLU networks to certified global optimality by convex optimisation."""

from __future__ import annotations

from importlib.metadata import version

from cvxnn import arrangements, group_lasso
from cvxnn.networks import (
    Certificate,
    GatedNetwork,
    GatedReLURegressor,
    Network,
    ReLUClassifier,
    ReLURegressor,
    certify,
    polish,
)

__all__ = [
    "Certificate",
    "GatedNetwork",
    "GatedReLURegressor",
    "Network",
    "ReLUClassifier",
    "ReLURegressor",
    "arrangements",
    "certify",
    "group_lasso",
    "polish",
]

__version__ = version("cvxnn")
