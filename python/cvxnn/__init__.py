"""Train ReLU networks to certified global optimality by convex optimisation."""

from __future__ import annotations

from importlib.metadata import version

from cvxnn import arrangements, group_lasso
from cvxnn.networks import (
    Certificate,
    ConvLinearCertificate,
    ConvLinearNetwork,
    ConvLinearRegressor,
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
    ReLUClassifier,
    ReLUClassifierCV,
    ReLURegressor,
    ReLURegressorCV,
    TrainingDisplay,
    beta_max,
    certify,
    certify_everywhere,
    min_norm_interpolation,
    polish,
    relu_path,
)

__all__ = [
    "Certificate",
    "ConvLinearCertificate",
    "ConvLinearNetwork",
    "ConvLinearRegressor",
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
    "polish",
    "relu_path",
]

__version__ = version("cvxnn")
