"""Networks that look at a game: two layers over numbers, a convolution below them over pictures."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradatim import nn
from gradatim.autograd import no_grad
from gradatim.compile import compile
from gradatim.nn import Module
from gradatim.tensor import Tensor, from_array


def make_network(
    shape: tuple[int, ...], outputs: int, hidden: int, activation: type[Module] = nn.ReLU
) -> Module:
    """From an observation (N, *shape) to (N, outputs).

    Pictures, (channels, height, width), go through 16 kernels of 3 × 3 first, as in Young & Tian
    2019, *MinAtar*.
    """
    if len(shape) == 3:
        channels, height, width = shape
        size = 16 * (height - 2) * (width - 2)
        below = [nn.Conv2d(channels, 16, 3), nn.ReLU(), nn.Flatten()]
        return nn.Sequential(
            *below, nn.Linear(size, hidden), activation(), nn.Linear(hidden, outputs)
        )
    return nn.Sequential(
        nn.Linear(math.prod(shape), hidden),
        activation(),
        nn.Linear(hidden, hidden),
        activation(),
        nn.Linear(hidden, outputs),
    )


def viewer(network: Module) -> Callable[[np.ndarray], np.ndarray]:
    """The network as a compiled function of arrays."""

    @compile
    def look(observations: Tensor) -> Tensor:
        with no_grad():
            return network(observations)

    def run(observations: np.ndarray) -> Any:
        return look(from_array(observations)).numpy()

    return run
