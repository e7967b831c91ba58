"""Neurons and learning rules, each in a file with its paper: those from before back-propagation,
and those that go without it.

Example:
    >>> import gradatim as gd
    >>> from gradatim.rules import AND, Perceptron
    >>> inputs = gd.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> perceptron = Perceptron(2).fit(inputs, AND(inputs))
    >>> perceptron.converged, perceptron(inputs).tolist()
    (True, [0, 0, 0, 1])
"""

from gradatim.rules.annealed_importance import PartitionEstimate, annealed_importance_sampling
from gradatim.rules.contrastive_divergence import ContrastiveDivergence
from gradatim.rules.curvature import diagonal_curvature
from gradatim.rules.deep_boltzmann import DeepBoltzmannMachine, MeanFieldLearning
from gradatim.rules.delta import DeltaRule
from gradatim.rules.dictionary_learning import DictionaryLearning
from gradatim.rules.elastic import ElasticDeformation
from gradatim.rules.levenberg_marquardt import StochasticDiagonalLevenbergMarquardt
from gradatim.rules.matching_pursuit import orthogonal_matching_pursuit
from gradatim.rules.mcculloch_pitts import AND, NOT, OR, XOR, McCullochPitts, find_gate
from gradatim.rules.parameter_server import ParameterServer, downpour
from gradatim.rules.persistent_chains import PersistentChains
from gradatim.rules.reconstruction_ica import ReconstructionICA, reconstruction_ica_loss
from gradatim.rules.reservoir import Reservoir
from gradatim.rules.restricted_boltzmann import RestrictedBoltzmannMachine
from gradatim.rules.rosenblatt import Perceptron, Update
from gradatim.rules.sigmoid_mean_field import SigmoidMeanField
from gradatim.rules.svm import L2SVM
from gradatim.rules.wake_sleep import ContrastiveWakeSleep
from gradatim.rules.whitening import ZCA, normalize_contrast

__all__ = [
    "AND",
    "L2SVM",
    "NOT",
    "OR",
    "XOR",
    "ZCA",
    "ContrastiveDivergence",
    "ContrastiveWakeSleep",
    "DeepBoltzmannMachine",
    "DeltaRule",
    "DictionaryLearning",
    "ElasticDeformation",
    "McCullochPitts",
    "MeanFieldLearning",
    "ParameterServer",
    "PartitionEstimate",
    "Perceptron",
    "PersistentChains",
    "ReconstructionICA",
    "Reservoir",
    "RestrictedBoltzmannMachine",
    "SigmoidMeanField",
    "StochasticDiagonalLevenbergMarquardt",
    "Update",
    "annealed_importance_sampling",
    "diagonal_curvature",
    "downpour",
    "find_gate",
    "normalize_contrast",
    "orthogonal_matching_pursuit",
    "reconstruction_ica_loss",
]
