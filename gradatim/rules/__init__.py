"""Neurons and learning rules from before backpropagation, each in a file with its paper.

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
from gradatim.rules.deep_boltzmann import DeepBoltzmannMachine, MeanFieldLearning
from gradatim.rules.delta import DeltaRule
from gradatim.rules.mcculloch_pitts import AND, NOT, OR, XOR, McCullochPitts, find_gate
from gradatim.rules.persistent_chains import PersistentChains
from gradatim.rules.restricted_boltzmann import RestrictedBoltzmannMachine
from gradatim.rules.rosenblatt import Perceptron, Update
from gradatim.rules.sparse_coding import SparseCoding
from gradatim.rules.wake_sleep import ContrastiveWakeSleep

__all__ = [
    "AND",
    "NOT",
    "OR",
    "XOR",
    "ContrastiveDivergence",
    "ContrastiveWakeSleep",
    "DeepBoltzmannMachine",
    "DeltaRule",
    "McCullochPitts",
    "MeanFieldLearning",
    "PartitionEstimate",
    "Perceptron",
    "PersistentChains",
    "RestrictedBoltzmannMachine",
    "SparseCoding",
    "Update",
    "annealed_importance_sampling",
    "find_gate",
]
