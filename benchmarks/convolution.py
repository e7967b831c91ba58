"""Convolutions alone, ours against PyTorch's (oneDNN): forward and both gradients, layer by layer.

    python benchmarks/convolution.py [NAME ...] [--rounds 7] [--threads 2]

The layers are those of LeNet-5 and of `cnn_b128` (batch 128), AlexNet (batch 16) and ResNet-18
(batch 8). Several convolutions with inputs of their own are in one call of an Executable, and as
many in a loop over PyTorch's operators. Both take turns; the probe tells which rounds count; the
results are checked to be equal. Needs the `peers` extra.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from gradatim.bench.machine import prepare_threads
from gradatim.bench.rounds import geometric_mean, measure
from gradatim.engines import current_engine
from gradatim.graph import primitives as p
from gradatim.graph import window_primitives as windows
from gradatim.graph.dtypes import float32
from gradatim.graph.node import Node
from gradatim.graph.program import Program

IN_A_CALL = 3


@dataclass(frozen=True)
class Layer:
    """A convolution of square images with square kernels.

    Attributes:
        first: whether it reads the data, whose gradient nobody wants.
    """

    network: str
    batch: int
    inputs: int
    outputs: int
    side: int
    kernel: int
    stride: int = 1
    padding: int = 0
    first: bool = False

    @property
    def out(self) -> int:
        return (self.side + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def operations(self) -> float:
        each = self.inputs * self.kernel**2
        return 2.0 * self.batch * self.outputs * self.out**2 * each

    def __str__(self) -> str:
        return (
            f"{self.network} {self.inputs}-{self.outputs} {self.kernel}x{self.kernel}"
            f"{f'/{self.stride}' * (self.stride > 1)} on {self.side}"
        )


LAYERS = (
    Layer("lenet5", 128, 1, 6, 28, 5, padding=2, first=True),
    Layer("lenet5", 128, 6, 16, 14, 5),
    Layer("cnn", 128, 1, 32, 28, 3, padding=1, first=True),
    Layer("cnn", 128, 32, 64, 14, 3, padding=1),
    Layer("alexnet", 16, 3, 64, 224, 11, 4, 2, first=True),
    Layer("alexnet", 16, 64, 192, 27, 5, padding=2),
    Layer("alexnet", 16, 192, 384, 13, 3, padding=1),
    Layer("alexnet", 16, 384, 256, 13, 3, padding=1),
    Layer("alexnet", 16, 256, 256, 13, 3, padding=1),
    Layer("resnet18", 8, 3, 64, 224, 7, 2, 3, first=True),
    Layer("resnet18", 8, 64, 64, 56, 3, padding=1),
    Layer("resnet18", 8, 64, 128, 56, 3, 2, 1),
    Layer("resnet18", 8, 64, 128, 56, 1, 2),
    Layer("resnet18", 8, 128, 128, 28, 3, padding=1),
    Layer("resnet18", 8, 128, 256, 28, 3, 2, 1),
    Layer("resnet18", 8, 128, 256, 28, 1, 2),
    Layer("resnet18", 8, 256, 256, 14, 3, padding=1),
    Layer("resnet18", 8, 256, 512, 14, 3, 2, 1),
    Layer("resnet18", 8, 256, 512, 14, 1, 2),
    Layer("resnet18", 8, 512, 512, 7, 3, padding=1),
)


@dataclass(frozen=True)
class Face:
    """One of the three convolutions that a layer needs.

    Attributes:
        operands: the two that it reads: "image", "kernel" or "result".
        node: makes the primitive of two Nodes.
        peer: PyTorch's operator, of two tensors.
    """

    operands: tuple[str, str]
    node: Callable[[Layer, Node, Node], Node]
    peer: Callable[[Layer, Any, Any], Any]


def _form(layer: Layer) -> tuple[Any, ...]:
    return ((layer.stride,) * 2, (layer.padding,) * 2, (layer.padding,) * 2, (1, 1), 1)


def _backward(layer: Layer, g: Any, x: Any, w: Any, mask: list[bool]) -> Any:
    import torch

    return torch.ops.aten.convolution_backward(
        g, x, w, None, [layer.stride] * 2, [layer.padding] * 2, [1, 1], False, [0, 0], 1, mask
    )[mask.index(True)]


def _peer_forward(layer: Layer, x: Any, w: Any) -> Any:
    import torch

    return torch.nn.functional.conv2d(x, w, None, layer.stride, layer.padding)


def _peer_input(layer: Layer, g: Any, w: Any) -> Any:
    return _backward(layer, g, _unread(layer, "image"), w, [True, False, False])


def _peer_kernel(layer: Layer, x: Any, g: Any) -> Any:
    return _backward(layer, g, x, _unread(layer, "kernel"), [False, True, False])


def _unread(layer: Layer, what: str) -> Any:
    """An operand that PyTorch wants to see the shape of."""
    import torch

    return torch.empty(*_shape(layer, what))


FACES = {
    "forward": Face(
        ("image", "kernel"),
        lambda layer, x, w: windows.convolve(x, w, *_form(layer)),
        _peer_forward,
    ),
    "kernel gradient": Face(
        ("image", "result"),
        lambda layer, x, g: windows.convolve_kernel(x, g, *_form(layer), (layer.kernel,) * 2),
        _peer_kernel,
    ),
    "input gradient": Face(
        ("result", "kernel"),
        lambda layer, g, w: windows.convolve_input(g, w, *_form(layer), (layer.side,) * 2),
        _peer_input,
    ),
}


def _shape(layer: Layer, what: str) -> tuple[int, ...]:
    return {
        "image": (layer.batch, layer.inputs, layer.side, layer.side),
        "kernel": (layer.outputs, layer.inputs, layer.kernel, layer.kernel),
        "result": (layer.batch, layer.outputs, layer.out, layer.out),
    }[what]


def sides(layer: Layer, face: Face) -> dict[str, Callable[[], float]]:
    """A call of ours and of PyTorch's, with equal results."""
    import torch

    rng = np.random.default_rng(0)
    pairs = [
        [rng.standard_normal(_shape(layer, what), np.float32) for what in face.operands]
        for _ in range(IN_A_CALL)
    ]
    arrays = [array for pair in pairs for array in pair]
    nodes = [p.program_input(k, array.shape, float32) for k, array in enumerate(arrays)]
    outputs = tuple(face.node(layer, *nodes[2 * k : 2 * k + 2]) for k in range(IN_A_CALL))
    key = ("benchmark", str(layer), layer.batch, outputs[0].primitive.name, "step")
    program = Program(tuple(nodes), outputs, (None,) * len(nodes), key)
    executable = current_engine().compile(program, "cpu")
    into = [np.empty(node.shape, np.float32) for node in outputs]
    tensors = [[torch.from_numpy(array) for array in pair] for pair in pairs]

    def ours() -> float:
        executable(arrays, into)
        return 0.0

    def theirs() -> float:
        for a, b in tensors:
            face.peer(layer, a, b)
        return 0.0

    ours()
    for found, (a, b) in zip(into, tensors):
        expected = face.peer(layer, a, b).numpy()
        # Sums of up to 100,000 products in another order.
        assert np.allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    return {"ours": ours, "torch": theirs}


def cases(names: list[str]) -> Iterator[tuple[Layer, str, Face]]:
    for layer in LAYERS:
        for what, face in FACES.items():
            label = f"{layer} {what}"
            if (what == "input gradient" and layer.first) or (
                names and not any(name in label for name in names)
            ):
                continue
            yield layer, what, face


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="parts of labels, such as resnet18 or forward")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    threads, probe = prepare_threads(arguments.threads)
    import torch

    torch.set_num_threads(threads)
    best = probe.peak() if probe else 0.0
    ratios = []
    print(
        f"{'GFLOP/s, ' + str(threads) + ' threads':46}{'ours':>9}{'torch':>9}{'faster':>8}  rounds"
    )
    for layer, what, face in cases(arguments.names):
        found, best = measure(sides(layer, face), arguments.rounds, probe, best)
        seconds = found.medians(best)
        speed = {name: IN_A_CALL * layer.operations / each / 1e9 for name, each in seconds.items()}
        ratios.append(seconds["torch"] / seconds["ours"])
        print(
            f"{f'{layer} {what}':46}{speed['ours']:9.1f}{speed['torch']:9.1f}{ratios[-1]:8.2f}"
            f"  {len(found.quiet(best))}/{len(found.probes)}",
            flush=True,
        )
    print(
        f"{sum(r >= 1 for r in ratios)} of {len(ratios)} at least as fast, geometric mean "
        f"{geometric_mean(ratios):.2f}; peak {best / 1e9:.0f} GFLOP/s"
    )


if __name__ == "__main__":
    main()
