"""Operations: how many floating-point operations a training step has to do.

Only multiplications and additions of matrix products and convolutions are counted, and only those
that no program can leave out: forward, the gradient of the weights, and the gradient of the input
except at the first layer, whose input nobody differentiates. Activations, losses and updates are
not counted, so the fraction of peak that is reported is a little lower than the truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradatim.bench.workloads import Layer, Workload

Shape = tuple[int, ...]
# A layer's result: its shape, the products of its forward pass that its input goes into, and those
# that only its state does (2 operations for each product and sum).
Found = tuple[Shape, float, float]


def _linear(shape: Shape, i: int, o: int) -> Found:
    return (*shape[:-1], o), 2.0 * math.prod(shape) * o, 0.0


def _convolution(
    shape: Shape, i: int, o: int, kernel: int, stride: int = 1, padding: int = 0
) -> Found:
    n, _, *spatial = shape
    sides = [(s + 2 * padding - kernel) // stride + 1 for s in spatial]
    return (n, o, *sides), 2.0 * n * math.prod(sides) * o * i * kernel ** len(sides), 0.0


def _pool(shape: Shape, size: int) -> Found:
    return (*shape[:2], *(s // size for s in shape[2:])), 0.0, 0.0


def _recurrent(gates: int) -> Callable[..., Found]:
    def found(shape: Shape, i: int, hidden: int) -> Found:
        batch, steps, _ = shape
        each = 2.0 * batch * steps * gates * hidden
        return (batch, hidden), each * i, each * hidden

    return found


def _same(shape: Shape) -> Found:
    return shape, 0.0, 0.0


LAYERS: dict[str, Callable[..., Found]] = {
    "Linear": _linear,
    "Conv2d": _convolution,
    "MaxPool2d": _pool,
    "AvgPool2d": _pool,
    "Flatten": lambda shape: ((shape[0], math.prod(shape[1:])), 0.0, 0.0),
    "RNN": _recurrent(1),
    "LSTM": _recurrent(4),
    "GRU": _recurrent(3),
    "ReLU": _same,
    "Tanh": _same,
    "Sigmoid": _same,
}


def _apply(layer: Layer, shape: Shape) -> Found:
    name, *arguments = layer
    options: dict[str, Any] = {}
    if arguments and isinstance(arguments[-1], dict):
        options = arguments.pop()
    return LAYERS[name](shape, *arguments, **options)


def output_shape(workload: Workload) -> Shape:
    """The shape of the network's result.

    Example:
        >>> from gradatim.bench.workloads import choose
        >>> output_shape(choose(["lenet5_b128"])[0])
        (128, 10)
    """
    shape = workload.inputs[0]
    for layer in workload.layers:
        shape, _, _ = _apply(layer, shape)
    return shape


def step_operations(workload: Workload) -> float:
    """Floating-point operations of one training step.

    Example: 2-16-16-1 at batch 32; forward, weight gradients, and all but the first input gradient
        >>> from gradatim.bench.workloads import choose
        >>> step_operations(choose(["tiny_xor"])[0]) == 2 * 32 * (2 * 32 + 3 * (256 + 16))
        True
    """
    shape = workload.inputs[0]
    total = 0.0
    first = True
    for layer in workload.layers:
        shape, of_input, of_state = _apply(layer, shape)
        total += (2 if first else 3) * of_input + 3 * of_state
        first = first and not of_input
    return total
