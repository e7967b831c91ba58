"""Workloads: the training steps that are timed, as plain data.

A network is a list of layers by the name and the arguments that they have in `torch.nn` and in
`gradatim.nn`, so that one list builds both; JAX's twin is in `sides/in_jax.py`.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradatim.graph.errors import ArgumentError

Array = np.ndarray[Any, Any]
Layer = tuple[Any, ...]  # the name of a module, its arguments, and perhaps a dict of options

RECURRENT = ("RNN", "LSTM", "GRU")


@dataclass(frozen=True)
class Workload:
    """One training step: forward, backward, update, in float32.

    Attributes:
        name: as on the command line.
        layers: of the network. A recurrent layer hands on the output of its last time step.
        loss: the name of the criterion.
        optimizer: its name and options.
        inputs: the shape of a batch, with "uniform" (0 to 1) or "normal" numbers in it.
        targets: "uniform" or "normal" numbers of the output's shape, the input itself ("input"), or
            class numbers below an int.
        bar: how many times faster than the best peer it has to be.
        peak_bar: the fraction of the machine's multiply-add peak that it has to reach.
    """

    name: str
    layers: tuple[Layer, ...]
    loss: str
    optimizer: tuple[str, dict[str, float]]
    inputs: tuple[tuple[int, ...], str]
    targets: str | int
    bar: float = 1.5
    peak_bar: float | None = None

    @property
    def batch(self) -> int:
        return self.inputs[0][0]

    def data(self) -> tuple[Array, Array]:
        """The batch, the same in every process."""
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        x = _numbers(rng, *self.inputs)
        if self.targets == "input":
            return x, x
        if isinstance(self.targets, int):
            return x, rng.integers(0, self.targets, self.batch)
        from gradatim.bench.operations import output_shape

        return x, _numbers(rng, output_shape(self), self.targets)


def _numbers(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> Array:
    made = rng.random(shape) if kind == "uniform" else rng.standard_normal(shape)
    return made.astype(np.float32)


# --- kinds of networks ---------------------------------------------------------------------------


def dense(sizes: Iterable[int], activation: str, last: str | None = None) -> tuple[Layer, ...]:
    """Linear layers with an activation between them, and perhaps one more behind.

    Example:
        >>> dense([2, 16, 1], "Tanh")
        (('Linear', 2, 16), ('Tanh',), ('Linear', 16, 1))
    """
    sizes = list(sizes)
    layers: list[Layer] = []
    for i, o in itertools.pairwise(sizes):
        layers += [("Linear", i, o), (activation,)]
    return (*layers[:-1], (last,)) if last else tuple(layers[:-1])


def conv(i: int, o: int, kernel: int, padding: int = 0, stride: int = 1) -> Layer:
    return ("Conv2d", i, o, kernel, {"stride": stride, "padding": padding})


LENET5 = (
    conv(1, 6, 5, 2), ("Tanh",), ("AvgPool2d", 2), conv(6, 16, 5), ("Tanh",), ("AvgPool2d", 2),
    ("Flatten",), *dense([400, 120, 84, 10], "Tanh"),
)  # fmt: skip


def two_convolutions(i: int, a: int, b: int, kernel: int, side: int) -> tuple[Layer, ...]:
    """Twice convolution, ReLU and max pooling on images of side x side, then 128 units."""
    return (
        conv(i, a, kernel, kernel // 2), ("ReLU",), ("MaxPool2d", 2),
        conv(a, b, kernel, kernel // 2), ("ReLU",), ("MaxPool2d", 2),
        ("Flatten",), *dense([b * (side // 4) ** 2, 128, 10], "ReLU"),
    )  # fmt: skip


def recurrent(kind: str, inputs: int, hidden: int, classes: int) -> tuple[Layer, ...]:
    return ((kind, inputs, hidden), ("Linear", hidden, classes))


def SGD(lr: float) -> tuple[str, dict[str, float]]:
    return "SGD", {"lr": lr}


ADAM = ("Adam", {"lr": 1e-3})
MSE, CROSS_ENTROPY = "MSELoss", "CrossEntropyLoss"
DECK = dense([784, 1000, 500, 100, 10], "ReLU")
AUTOENCODER = dense([784, 256, 32, 256, 784], "ReLU", "Sigmoid")


def _pixels(batch: int, channels: int, side: int) -> tuple[tuple[int, ...], str]:
    return (batch, channels, side, side), "normal"


# --- the tables ----------------------------------------------------------------------------------

PUBLISHED = (
    Workload(
        "deck_mnist_b1000", DECK, MSE, SGD(1.0), ((1000, 784), "uniform"), "uniform",
        bar=1.1, peak_bar=0.8,
    ),
    Workload("deck_mnist_b64", DECK, MSE, SGD(1.0), ((64, 784), "uniform"), "uniform"),
    Workload(
        "deck_modules_n50", dense([100, 500, 10], "ReLU"), MSE, SGD(1e-6),
        ((50, 100), "normal"), "normal",
    ),
    Workload(
        "tiny_xor", dense([2, 16, 16, 1], "Tanh"), MSE, SGD(0.1), ((32, 2), "normal"), "normal"
    ),
    Workload("lenet5_b128", LENET5, CROSS_ENTROPY, SGD(0.1), _pixels(128, 1, 28), 10),
    Workload(
        "cnn_b128", two_convolutions(1, 32, 64, 3, 28), CROSS_ENTROPY, ADAM, _pixels(128, 1, 28), 10
    ),
    *(
        Workload(
            f"{kind.lower()}_har_b64_t128_h128", recurrent(kind, 9, 128, 6), CROSS_ENTROPY, ADAM,
            ((64, 128, 9), "normal"), 6,
        )
        for kind in RECURRENT
    ),
    Workload("ae_b256_adam", AUTOENCODER, MSE, ADAM, ((256, 784), "uniform"), "input"),
)  # fmt: skip
"""The ten whose times are published."""


def _sizes() -> Iterable[Workload]:
    """Other sizes of the same kinds: none may be slower than the best peer."""
    yield Workload(
        "mlp_digits_b256", dense([784, 512, 256, 10], "ReLU"), CROSS_ENTROPY, SGD(0.1),
        ((256, 784), "uniform"), 10,
    )  # fmt: skip
    yield Workload(
        "mlp_wide_b128", dense([256, 2048, 2048, 10], "ReLU"), MSE, SGD(0.01),
        ((128, 256), "normal"), "normal",
    )  # fmt: skip
    yield Workload(
        "mlp_deep_b100", dense([50, *[64] * 8, 10], "Tanh"), CROSS_ENTROPY, ADAM,
        ((100, 50), "normal"), 10,
    )  # fmt: skip
    yield Workload(
        "mlp_table_b32", dense([13, 100, 1], "ReLU"), MSE, ADAM, ((32, 13), "normal"), "normal"
    )
    yield Workload(
        "mlp_digits_b1", dense([784, 100, 10], "Sigmoid"), MSE, SGD(0.1),
        ((1, 784), "uniform"), "uniform",
    )  # fmt: skip
    yield Workload("lenet5_b32", LENET5, CROSS_ENTROPY, SGD(0.1), _pixels(32, 1, 28), 10)
    yield Workload("lenet5_b500", LENET5, CROSS_ENTROPY, SGD(0.1), _pixels(500, 1, 28), 10)
    yield Workload(
        "cnn_color_5x5_b64", two_convolutions(3, 32, 64, 5, 32), CROSS_ENTROPY, SGD(0.01),
        _pixels(64, 3, 32), 10,
    )  # fmt: skip
    yield Workload(
        "cnn_narrow_b32", two_convolutions(1, 8, 16, 3, 28), CROSS_ENTROPY, ADAM,
        _pixels(32, 1, 28), 10,
    )  # fmt: skip
    yield Workload(
        "cnn_strided_b32",
        (
            conv(3, 24, 7, 3, 2), ("ReLU",), conv(24, 48, 3, 1, 2), ("ReLU",),
            conv(48, 96, 3, 1, 2), ("ReLU",), ("Flatten",), ("Linear", 96 * 36, 10),
        ),
        CROSS_ENTROPY, ADAM, _pixels(32, 3, 48), 10,
    )  # fmt: skip
    for kind, batch, steps, hidden in (
        ("RNN", 16, 50, 64), ("LSTM", 32, 28, 256), ("LSTM", 128, 32, 50), ("GRU", 20, 100, 96),
    ):  # fmt: skip
        yield Workload(
            f"{kind.lower()}_b{batch}_t{steps}_h{hidden}", recurrent(kind, 28, hidden, 10),
            CROSS_ENTROPY, ADAM, ((batch, steps, 28), "normal"), 10,
        )  # fmt: skip
    yield Workload(
        "ae_b100_sgd", dense([400, 50, 400], "Sigmoid", "Sigmoid"), MSE, SGD(1.0),
        ((100, 400), "uniform"), "input",
    )  # fmt: skip


SIZES = tuple(Workload(**{**vars(w), "bar": 1.0}) for w in _sizes())
GROUPS = {"published": PUBLISHED, "sizes": SIZES}


def choose(names: Iterable[str]) -> list[Workload]:
    """The workloads of these names, or of these groups; without names the published ones.

    Raises:
        ArgumentError: for a name that there is not.

    Example:
        >>> [w.name for w in choose(["tiny_xor", "mlp_table_b32"])]
        ['tiny_xor', 'mlp_table_b32']
    """
    import difflib

    known = {w.name: w for group in GROUPS.values() for w in group}
    chosen: dict[str, Workload] = {}
    for name in names or ["published"]:
        if name in GROUPS:
            chosen |= {w.name: w for w in GROUPS[name]}
        elif name in known:
            chosen[name] = known[name]
        else:
            near = difflib.get_close_matches(name, [*known, *GROUPS], n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ArgumentError(
                f"there is no workload {name!r}: {hint}choose from {', '.join(known)}, "
                f"or from the groups {' and '.join(GROUPS)}"
            )
    return list(chosen.values())
