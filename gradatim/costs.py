"""A model of cost: how long a training step takes on a mesh, and how much memory each device needs.

Per step, on `data × model` devices, with r = rows / data on each:

    compute     3 · operations · rows / (devices · rate)          forward, and twice that backward
    memory      bytes that have to be moved / bandwidth           weights, state, activations
    reduce      2 (d − 1)/d · gradient bytes / link               a ring adds up the gradients
    gather      4 (m − 1)/m · r · width · bytes / link, per cut layer

    step = max(compute, memory) + reduce + gather + launch

Sources: the ring's bytes are those of Patarasu & Yuan, "Bandwidth optimal all-reduce algorithms for
clusters of workstations" (2009); the roofline max(compute, memory) is Williams et al. (2009).
`HARDWARE` has the makers' figures; "here" is measured when it is asked for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gradatim.bench.workloads import DECK, GROUPS, Layer, dense
from gradatim.graph.errors import ArgumentError
from gradatim.mesh import DATA, LARGE, MODEL


@dataclass(frozen=True)
class Part:
    """A layer's weight matrix, as far as costs go.

    Attributes:
        name: of the layer.
        shape: of its weight.
        operations: for one row of the batch, forward.
        inputs, outputs: numbers that go in and come out, for one row.
    """

    name: str
    shape: tuple[int, ...]
    operations: float
    inputs: int
    outputs: int

    @property
    def parameters(self) -> int:
        return math.prod(self.shape) + self.shape[0]


@dataclass(frozen=True)
class Hardware:
    """What a device can do, by its maker.

    Attributes:
        rates: operations a second, by precision.
        bandwidth: bytes a second between the device and its memory.
        memory: bytes.
        link: bytes a second to another device, in one direction.
        launch: seconds that a step takes whatever its size.
        reached: the share of the rate that matrix products of useful sizes reach.
        measured: whether the figures were taken on this machine.
    """

    name: str
    rates: Mapping[str, float]
    bandwidth: float
    memory: float
    link: float
    launch: float = 50e-6
    reached: float = 0.5
    measured: bool = False


def _made(
    name: str, fp32: float, bf16: float, bandwidth: float, memory: float, link: float
) -> tuple[str, Hardware]:
    rates = {"float32": fp32 * 1e12, "bf16": bf16 * 1e12}
    return name, Hardware(name, rates, bandwidth * 1e12, memory * 1e9, link * 1e9)


HARDWARE = dict(
    (
        # TFLOP/s in float32 and dense bfloat16, TB/s, GB, GB/s of the link in one direction
        _made("h200", 67, 989, 4.8, 141, 450),
        _made("h100", 67, 989, 3.35, 80, 450),
        _made("a100", 19.5, 312, 2.04, 80, 300),
        _made("rtx-4090", 82.6, 165, 1.01, 24, 32),
        _made("tpu-v5e", 98, 197, 0.82, 16, 100),
    )
)
"""By the makers' data sheets."""


@dataclass(frozen=True)
class Cost:
    """What is predicted of one training step, in seconds, and of each device, in bytes."""

    compute: float
    moved: float
    reduce: float
    gather: float
    launch: float
    parameters: float
    gradients: float
    state: float
    activations: float

    @property
    def step(self) -> float:
        return max(self.compute, self.moved) + self.reduce + self.gather + self.launch

    @property
    def memory(self) -> float:
        return self.parameters + self.gradients + self.state + self.activations


def predict(
    parts: list[Part],
    rows: int,
    mesh: Mapping[str, int],
    hardware: Hardware,
    precision: str = "float32",
    slots: int = 2,
) -> Cost:
    """The cost of a step.

    Args:
        parts: of the network: see `network`.
        rows: of the whole batch.
        mesh: devices along "data" and "model".
        slots: tensors that the optimizer keeps for each parameter: 2 for Adam, 0 for SGD.

    Example:
        >>> cost = predict(network("784-1000-10"), 1000, {"data": 4}, HARDWARE["h100"])
        >>> cost.compute == 3 * 2 * (784 * 1000 + 1000 * 10) * 1000 / (4 * 67e12 * 0.5)
        True
        >>> cost.reduce == 2 * 3 / 4 * 4 * (784 * 1000 + 1000 + 1000 * 10 + 10) / 450e9
        True
    """
    d, m = mesh.get(DATA, 1), mesh.get(MODEL, 1)
    width = 2 if precision == "bf16" else 4
    rate = hardware.rates[precision] * hardware.reached
    each = rows / d
    compute = 3 * sum(part.operations for part in parts) * rows / (d * m * rate)
    parameters = gather = state = 0.0
    for part in parts:
        is_cut = m > 1 and math.prod(part.shape) >= LARGE and any(n % m == 0 for n in part.shape)
        own = 4 * part.parameters / (m if is_cut else 1)
        parameters += own
        cut_state = d > 1 and math.prod(part.shape) >= LARGE
        state += slots * own / (d if cut_state else 1)
        if (
            is_cut
        ):  # outputs forward, gradients of the inputs backward: a gather or a reduction each
            numbers = part.outputs + part.inputs
            gather += 2 * (m - 1) / m * each * numbers * width / hardware.link
    activations = each * sum(part.outputs for part in parts) * width / (m if m > 1 else 1)
    moved = (3 * parameters + 2 * state + 4 * activations) / hardware.bandwidth
    reduce = 2 * (d - 1) / d * parameters / hardware.link
    return Cost(
        compute, moved, reduce, gather, hardware.launch, parameters, parameters, state, activations
    )


# --- networks ------------------------------------------------------------------------------------

GPT_124M = {"width": 768, "blocks": 12, "context": 1024, "words": 50257}
"""Radford et al. 2019, the smallest GPT-2. A row of its batch is a whole context."""


def gpt(width: int, blocks: int, context: int, words: int) -> list[Part]:
    """The parts of a GPT; the output shares the embedding's matrix."""
    t, c = context, width
    parts = [Part("embedding", (words + t, c), 0.0, t, t * c)]
    for k in range(blocks):
        attention = 2.0 * t * t * c * 2 / 2  # scores and values; half of them are masked
        parts += [
            Part(f"block {k} qkv", (3 * c, c), 2.0 * t * c * 3 * c, t * c, 3 * t * c),
            Part(f"block {k} attention", (c, c), 2.0 * t * c * c + attention, t * c, t * c),
            Part(f"block {k} up", (4 * c, c), 2.0 * t * c * 4 * c, t * c, 4 * t * c),
            Part(f"block {k} down", (c, 4 * c), 2.0 * t * c * 4 * c, 4 * t * c, t * c),
        ]
    return [*parts, Part("output", (0, c), 2.0 * t * c * words, t * c, t * words)]


def network(name: str) -> list[Part]:
    """The parts of a network: "784-1000-10", "deck", "gpt-124m", or a workload of `gradatim bench`.

    Raises:
        ArgumentError: no such network.

    Example:
        >>> [part.shape for part in network("784-1000-10")]
        [(1000, 784), (10, 1000)]
        >>> sum(part.parameters for part in network("gpt-124m")) // 10**6
        124
    """
    if name == "gpt-124m":
        return gpt(**GPT_124M)
    if name == "deck":
        return _of_layers(DECK, (1, 784))
    sizes = name.split("-")
    if len(sizes) > 1 and all(size.isdigit() and int(size) > 0 for size in sizes):
        return _of_layers(dense([int(size) for size in sizes], "ReLU"), (1, int(sizes[0])))
    known = {w.name: w for group in GROUPS.values() for w in group}
    if name not in known:
        raise ArgumentError(
            f"there is no network {name!r} to plan: give sizes as 784-1000-10, deck, gpt-124m, or "
            f"one of {', '.join(known)}"
        )
    return _of_layers(known[name].layers, (1, *known[name].inputs[0][1:]))


def _of_layers(layers: tuple[Layer, ...], shape: tuple[int, ...]) -> list[Part]:
    from gradatim.bench.operations import LAYERS

    parts = []
    for name, *arguments in layers:
        options = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
        before = math.prod(shape[1:])
        find = LAYERS.get(name)
        if find is None:  # activations
            continue
        shape, of_input, of_state = find(shape, *arguments, **options)
        if of_input:
            parts.append(
                Part(
                    name,
                    _weight(name, *arguments),
                    of_input + of_state,
                    before,
                    math.prod(shape[1:]),
                )
            )
    return parts


def _weight(name: str, i: int, o: int, kernel: int = 1) -> tuple[int, ...]:
    """The shape of a layer's weight; of a recurrent one, both of its matrices side by side."""
    gates = {"RNN": 1, "LSTM": 4, "GRU": 3}.get(name)
    if gates is not None:
        return gates * o, i + o
    return (o, i) if name == "Linear" else (o, i, kernel, kernel)


# --- this machine --------------------------------------------------------------------------------


def measure(devices: int = 1) -> Hardware:
    """This machine's figures, by way of XLA: a product of 1024 × 1024 matrices, a copy of 64 MB,
    and a step that does nothing. Its `devices` virtual ones share them.
    """
    import gradatim as gd

    a = gd.rand(1024, 1024, device="xla:cpu")
    big = gd.rand(2**24, device="xla:cpu")
    one = gd.rand(1, device="xla:cpu")
    product = gd.compile(lambda x: x @ x)
    add = gd.compile(lambda x: x + 1)
    seconds = _best(lambda: product(a)[0, 0].item())
    copying = _best(lambda: add(big)[0].item())
    launch = _best(lambda: add(one).item())
    rate = 2 * 1024**3 / seconds / devices
    bandwidth = 2 * 4 * 2**24 / copying / devices
    return Hardware(
        "here", {"float32": rate, "bf16": rate / 4}, bandwidth, _memory() / devices, bandwidth / 2,
        launch=launch, reached=1.0, measured=True,
    )  # fmt: skip


def _best(call: object) -> float:
    times = []
    for _ in range(7):
        start = time.perf_counter()
        call()  # type: ignore[operator]
        times.append(time.perf_counter() - start)
    return min(times)


def _memory() -> float:
    import os

    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def find_hardware(name: str, devices: int, link: float | None = None) -> Hardware:
    """The hardware of a name; "here" is measured.

    Args:
        link: bytes a second between two devices, where it is not the maker's.

    Raises:
        ArgumentError: for a name that is not in `HARDWARE`.
    """
    if name != "here" and name not in HARDWARE:
        raise ArgumentError(
            f"there is no hardware {name!r}: choose from {', '.join(HARDWARE)}, or here"
        )
    found = measure(devices) if name == "here" else HARDWARE[name]
    return found if link is None else replace(found, link=link)
