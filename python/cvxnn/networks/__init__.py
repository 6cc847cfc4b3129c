"""ReLU networks trained by convex optimisation, with certificates."""

from cvxnn.networks._certificate import Certificate
from cvxnn.networks._certify import certify, certify_everywhere
from cvxnn.networks._circular_network import CircularNetwork
from cvxnn.networks._circular_relu import CircularReLUClassifier, CircularReLURegressor
from cvxnn.networks._classifier import ReLUClassifier
from cvxnn.networks._conv_linear import ConvLinearCertificate, ConvLinearRegressor
from cvxnn.networks._conv_linear_network import ConvLinearNetwork
from cvxnn.networks._conv_network import ConvNetwork
from cvxnn.networks._convolutional import ConvReLUClassifier, ConvReLURegressor
from cvxnn.networks._cv import ReLUClassifierCV, ReLURegressorCV
from cvxnn.networks._deep_linear import DeepLinearRegressor, LinearCertificate
from cvxnn.networks._deep_parallel import DeepParallelReLUClassifier, DeepParallelReLURegressor
from cvxnn.networks._deep_parallel_network import DeepParallelNetwork
from cvxnn.networks._deep_training import DeepParallelCertificate
from cvxnn.networks._displays import NetworkDisplay, TrainingDisplay
from cvxnn.networks._gated import GatedReLUClassifier, GatedReLURegressor
from cvxnn.networks._gated_network import GatedNetwork
from cvxnn.networks._interpolation import min_norm_interpolation
from cvxnn.networks._linear_network import LinearNetwork
from cvxnn.networks._narrow import NarrowCertificate, NarrowReLURegressor
from cvxnn.networks._narrow_network import NarrowNetwork
from cvxnn.networks._network import Network
from cvxnn.networks._norm_certificate import NormCertificate
from cvxnn.networks._norm_relu import NormReLUClassifier, NormReLURegressor
from cvxnn.networks._optimal_networks import OptimalSet
from cvxnn.networks._optimal_set import optimal_set
from cvxnn.networks._parallel import ParallelReLUClassifier, ParallelReLURegressor
from cvxnn.networks._parallel_certificate import ParallelCertificate
from cvxnn.networks._parallel_network import ParallelNetwork
from cvxnn.networks._path import beta_max, relu_path
from cvxnn.networks._polish import polish
from cvxnn.networks._pooled_certificate import MaxPoolingCertificate
from cvxnn.networks._regressors import ReLURegressor

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
