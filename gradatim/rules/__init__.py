"""Neurons and learning rules from before backpropagation, each in a file with its paper.

Example:
    >>> import gradatim as gd
    >>> from gradatim.rules import AND, Perceptron
    >>> inputs = gd.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> perceptron = Perceptron(2).fit(inputs, AND(inputs))
    >>> perceptron.converged, perceptron(inputs).tolist()
    (True, [0, 0, 0, 1])
"""

from gradatim.rules.curvature import diagonal_curvature
from gradatim.rules.delta import DeltaRule
from gradatim.rules.elastic import ElasticDeformation
from gradatim.rules.levenberg_marquardt import StochasticDiagonalLevenbergMarquardt
from gradatim.rules.mcculloch_pitts import AND, NOT, OR, XOR, McCullochPitts, find_gate
from gradatim.rules.rosenblatt import Perceptron, Update

__all__ = [
    "AND",
    "NOT",
    "OR",
    "XOR",
    "DeltaRule",
    "ElasticDeformation",
    "McCullochPitts",
    "Perceptron",
    "StochasticDiagonalLevenbergMarquardt",
    "Update",
    "diagonal_curvature",
    "find_gate",
]
