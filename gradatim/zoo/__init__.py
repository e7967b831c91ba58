"""The twenty systems of the deck's chart, from the perceptron of 1958 to GoogLeNet: each in a file
with its paper, its own learning rule, and a demonstration on real data.

Example:
    >>> from gradatim import zoo
    >>> perceptron = zoo.system("perceptron")
    >>> perceptron.number, perceptron.year
    (1, 1958)
"""

from __future__ import annotations

import difflib
import importlib

from gradatim.graph.errors import ArgumentError
from gradatim.zoo.system import Equation, Measure, Result, Settings, Sizes, System

# Names as they are typed, in the deck's order, and the file of each.
FILES = {
    "perceptron": "perceptron",
    "adaline": "adaline",
    "neocognitron": "neocognitron",
    "back-propagation": "back_propagation",
    "recurrent-speech": "recurrent_speech",
    "mlp-speech": "mlp_speech",
    "sigmoid-belief-network": "sigmoid_belief_network",
    "lenet-5": "lenet5",
    "echo-state-network": "echo_state_network",
    "deep-belief-network": "deep_belief_network",
    "gpu-convolutional": "gpu_convolutional",
    "deep-boltzmann-machine": "deep_boltzmann_machine",
    "gpu-deep-belief-network": "gpu_deep_belief_network",
    "unsupervised-convolutional": "unsupervised_convolutional",
    "gpu-perceptron": "gpu_perceptron",
    "omp-1": "omp1",
    "distributed-autoencoder": "distributed_autoencoder",
    "alexnet": "alexnet",
    "cots-hpc": "cots_hpc",
    "googlenet": "googlenet",
}

__all__ = [
    "FILES", "Equation", "Measure", "Result", "Settings", "Sizes", "System", "system", "systems",
]  # fmt: skip


def system(name: str) -> System:
    """The system of a name ("lenet-5", also "LeNet_5") or of a number ("8").

    Raises:
        ArgumentError: no such system; the message names the nearest.
    """
    wanted = name.lower().replace("_", "-").replace(" ", "-")
    names = list(FILES)
    if wanted.isdigit() and 1 <= int(wanted) <= len(names):
        wanted = names[int(wanted) - 1]
    if wanted not in FILES:
        near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ArgumentError(
            f"the zoo has no system {name!r}: {hint}gradatim zoo lists all {len(names)}"
        )
    return importlib.import_module(f"gradatim.zoo.{FILES[wanted]}").SYSTEM


def systems() -> list[System]:
    """All twenty, in the deck's order."""
    return [system(name) for name in FILES]
