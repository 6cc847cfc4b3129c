"""Train ReLU networks to certified global optimality by convex optimisation."""

from __future__ import annotations

from importlib.metadata import version

from cvxnn import arrangements, group_lasso
from cvxnn.networks import (
    Certificate,
    ConvNetwork,
    ConvReLUClassifier,
    ConvReLURegressor,
    DeepLinearRegressor,
    GatedNetwork,
    GatedReLUClassifier,
    GatedReLURegressor,
    LinearCertificate,
    LinearNetwork,
    Network,
    NetworkDisplay,
    OptimalSet,
    ReLUClassifier,
    ReLUClassifierCV,
    ReLURegressor,
    ReLURegressorCV,
    TrainingDisplay,
    beta_max,
    certify,
    certify_everywhere,
    min_norm_interpolation,
    optimal_set,
    polish,
    relu_path,
)

__all__ = [
    "Certificate",
    "ConvNetwork",
    "ConvReLUClassifier",
    "ConvReLURegressor",
    "DeepLinearRegressor",
    "GatedNetwork",
    "GatedReLUClassifier",
    "GatedReLURegressor",
    "LinearCertificate",
    "LinearNetwork",
    "Network",
    "NetworkDisplay",
    "OptimalSet",
    "ReLUClassifier",
    "ReLUClassifierCV",
    "ReLURegressor",
    "ReLURegressorCV",
    "TrainingDisplay",
    "arrangements",
    "beta_max",
    "certify",
    "certify_everywhere",
    "group_lasso",
    "min_norm_interpolation",
    "optimal_set",
    "polish",
    "relu_path",
]

__version__ = version("cvxnn")
