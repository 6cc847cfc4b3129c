"""ReLU networks trained by convex optimisation, with certificates."""

from cvxnn.networks._certificate import Certificate
from cvxnn.networks._certify import certify, certify_everywhere
from cvxnn.networks._classifier import ReLUClassifier
from cvxnn.networks._cv import ReLUClassifierCV, ReLURegressorCV
from cvxnn.networks._displays import NetworkDisplay, TrainingDisplay
from cvxnn.networks._gated import GatedReLUClassifier, GatedReLURegressor
from cvxnn.networks._gated_network import GatedNetwork
from cvxnn.networks._interpolation import min_norm_interpolation
from cvxnn.networks._network import Network
from cvxnn.networks._path import beta_max, relu_path
from cvxnn.networks._polish import polish
from cvxnn.networks._regressors import ReLURegressor
from cvxnn.networks.convolutional._conv_network import ConvNetwork
from cvxnn.networks.convolutional._convolutional import ConvReLUClassifier, ConvReLURegressor
from cvxnn.networks.convolutional._pooled_certificate import MaxPoolingCertificate
from cvxnn.networks.hidden_norms._circular_network import CircularNetwork
from cvxnn.networks.hidden_norms._circular_relu import CircularReLUClassifier, CircularReLURegressor
from cvxnn.networks.hidden_norms._norm_certificate import NormCertificate
from cvxnn.networks.hidden_norms._norm_relu import NormReLUClassifier, NormReLURegressor
from cvxnn.networks.linear._conv_linear import ConvLinearCertificate, ConvLinearRegressor
from cvxnn.networks.linear._conv_linear_network import ConvLinearNetwork
from cvxnn.networks.linear._deep_linear import DeepLinearRegressor, LinearCertificate
from cvxnn.networks.linear._linear_network import LinearNetwork
from cvxnn.networks.narrow._narrow import NarrowCertificate, NarrowReLURegressor
from cvxnn.networks.narrow._narrow_network import NarrowNetwork
from cvxnn.networks.optimal._optimal_networks import OptimalSet
from cvxnn.networks.optimal._optimal_set import optimal_set
from cvxnn.networks.parallel._deep_parallel import (
    DeepParallelReLUClassifier,
    DeepParallelReLURegressor,
)
from cvxnn.networks.parallel._deep_parallel_network import DeepParallelNetwork
from cvxnn.networks.parallel._deep_training import DeepParallelCertificate
from cvxnn.networks.parallel._parallel import ParallelReLUClassifier, ParallelReLURegressor
from cvxnn.networks.parallel._parallel_certificate import ParallelCertificate
from cvxnn.networks.parallel._parallel_network import ParallelNetwork

__all__ = [
    "Certificate",
    "CircularNetwork",
    "CircularReLUClassifier",
    "CircularReLURegressor",
    "ConvLinearCertificate",
    "ConvLinearNetwork",
    "ConvLinearRegressor",
    "ConvNetwork",
    "ConvReLUClassifier",
    "ConvReLURegressor",
    "DeepLinearRegressor",
    "DeepParallelCertificate",
    "DeepParallelNetwork",
    "DeepParallelReLUClassifier",
    "DeepParallelReLURegressor",
    "GatedNetwork",
    "GatedReLUClassifier",
    "GatedReLURegressor",
    "LinearCertificate",
    "LinearNetwork",
    "MaxPoolingCertificate",
    "NarrowCertificate",
    "NarrowNetwork",
    "NarrowReLURegressor",
    "Network",
    "NetworkDisplay",
    "NormCertificate",
    "NormReLUClassifier",
    "NormReLURegressor",
    "OptimalSet",
    "ParallelCertificate",
    "ParallelNetwork",
    "ParallelReLUClassifier",
    "ParallelReLURegressor",
    "ReLUClassifier",
    "ReLUClassifierCV",
    "ReLURegressor",
    "ReLURegressorCV",
    "TrainingDisplay",
    "beta_max",
    "certify",
    "certify_everywhere",
    "min_norm_interpolation",
    "optimal_set",
    "polish",
    "relu_path",
]
