"""Systems of the deck's chart of sixty years of networks, from the perceptron of 1958 to GoogLeNet:
each in a file with its paper, its own learning rule, and a demonstration on real data.

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

# Names as they are typed, in the deck's order: its number there, and the file.
FILES = {
    "perceptron": (1, "perceptron"),
    "adaline": (2, "adaline"),
    "neocognitron": (3, "neocognitron"),
    "back-propagation": (4, "back_propagation"),
    "sigmoid-belief-network": (7, "sigmoid_belief_network"),
    "lenet-5": (8, "lenet5"),
    "echo-state-network": (9, "echo_state_network"),
    "deep-belief-network": (10, "deep_belief_network"),
    "deep-boltzmann-machine": (12, "deep_boltzmann_machine"),
    "omp-1": (16, "omp1"),
    "distributed-autoencoder": (17, "distributed_autoencoder"),
    "alexnet": (18, "alexnet"),
    "googlenet": (20, "googlenet"),
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
    by_number = {str(number): known for known, (number, _) in FILES.items()}
    wanted = by_number.get(wanted, wanted)
    if wanted not in FILES:
        near = difflib.get_close_matches(wanted, FILES, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ArgumentError(
            f"the zoo has no system {name!r}: {hint}gradatim zoo lists all {len(FILES)}"
        )
    return importlib.import_module(f"gradatim.zoo.{FILES[wanted][1]}").SYSTEM


def systems() -> list[System]:
    """All, in the deck's order."""
    return [system(name) for name in FILES]
