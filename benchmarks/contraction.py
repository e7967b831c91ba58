"""Contractions on one core, ours against NumPy's OpenBLAS and PyTorch's MKL and oneDNN.

python benchmarks/contraction.py [GROUP ...]       GROUP: square, skinny, deck, convolution

All take turns in one process with one thread each; the figure is the best of many short runs,
in GFLOP/s, beside the best that a loop of multiply-adds alone reaches at the same moment.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import ctypes
import itertools
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from gradatim.engines.llvm import native
from gradatim.engines.llvm.contraction import Nest, Side, emit_contraction
from gradatim.engines.llvm.emit import Module, constant, vector

Layout = tuple[bool, bool]


def aligned(nbytes: int) -> np.ndarray:
    raw = np.zeros(nbytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + nbytes]


def strides(array: np.ndarray) -> tuple[int, ...]:
    return tuple(s // array.itemsize for s in array.strides)


class Ours:
    """All kernels of a contraction, called from one native loop."""

    def __init__(
        self, nest: Nest, a: np.ndarray, b: np.ndarray, c: np.ndarray, side: Side, **options: Any
    ):
        start = time.thread_time()
        module = Module(native.features())
        kernels = emit_contraction(
            module, "kernel", nest, [], [side], lambda f, acc, _: [acc], **options
        )
        f = module.function("repeat", ["ptr", "i64", "ptr"], "void")
        args, count, scratch = f.params
        with f.loop(0, count):
            for k, kernel in enumerate(kernels):
                own = f.load("ptr", f.at(args, k, "ptr"))
                f.call(
                    kernel.name,
                    "i32",
                    own,
                    constant(0, "i64"),
                    constant(kernel.pieces, "i64"),
                    scratch,
                )
        f.ret()
        text = module.text()
        emitted = time.thread_time()
        self.text = text
        self.library = native.load(native.object_code(text), ["repeat"])
        self.compile_ms = (time.thread_time() - start) * 1e3
        self.emit_ms = (emitted - start) * 1e3
        memory = {"a": a.ctypes.data, "b": b.ctypes.data, "output0": c.ctypes.data}
        self.kept: list[Any] = [a, b, c, aligned(8 << 20)]
        pointers = []
        for kernel in kernels:
            for name, nbytes in kernel.writes.items():
                self.kept.append(aligned(nbytes))
                memory[name] = self.kept[-1].ctypes.data
            own = (ctypes.c_void_p * len(kernel.arguments))(*(memory[n] for n in kernel.arguments))
            self.kept.append(own)
            pointers.append(ctypes.addressof(own))
        self.args = (ctypes.c_void_p * len(pointers))(*pointers)
        self.run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)(
            self.library["repeat"]
        )
        self.kernels = kernels

    def __call__(self, count: int) -> None:
        self.run(self.args, count, self.kept[3].ctypes.data)


def probe() -> Callable[[int], None]:
    """Multiply-adds on registers, 10,000 turns of 24 vectors a count."""
    module = Module(native.features())
    width = module.features.lanes("float")
    f = module.function("probe", ["i64", "ptr"], "void")
    tile = [constant(k / 64, vector("float", width)) for k in range(24)]
    x = f.splat(f.load("float", f.params[1]), width)
    with f.loop(0, f.params[0], carry=tile) as loop:
        loop.next(*(f.fma(x, x, value) for value in loop.carry))
    total = loop.results[0]
    for value in loop.results[1:]:
        total = f.add(total, value)
    f.store(total, f.params[1])
    f.ret()
    library = native.load(native.object_code(module.text()), ["probe"])
    memory = aligned(64)
    run = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p)(library["probe"])
    probe.flops = 10_000 * 24 * width * 2  # type: ignore[attr-defined]
    probe.kept = library, memory  # type: ignore[attr-defined]
    return lambda count: run(count * 10_000, memory.ctypes.data)


def loop(function: Callable[[], Any]) -> Callable[[int], None]:
    def run(count: int) -> None:
        for _ in range(count):
            function()

    return run


def rates(
    flops: dict[str, int], runs: dict[str, Callable[[int], None]], rounds: int = 25
) -> dict[str, float]:
    """GFLOP/s of each, best of `rounds` short runs in turn."""
    counts = {}
    for name, run in runs.items():
        run(1)
        start = time.thread_time()
        run(1)
        once = time.thread_time() - start
        counts[name] = max(1, int(0.004 / max(once, 1e-7)))
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.thread_time()
            run(counts[name])
            best[name] = min(best[name], (time.thread_time() - start) / counts[name])
    return {name: flops[name] / seconds / 1e9 for name, seconds in best.items()}


def product(m: int, k: int, n: int, layout: Layout) -> dict[str, Any]:
    """C[m, n] = A[m, k] B[k, n], either stored transposed."""
    import torch

    rng = np.random.RandomState(0)
    a = rng.rand(k, m).astype(np.float32).T if layout[0] else rng.rand(m, k).astype(np.float32)
    b = rng.rand(n, k).astype(np.float32).T if layout[1] else rng.rand(k, n).astype(np.float32)
    c, d = np.zeros((m, n), np.float32), np.zeros((m, n), np.float32)
    (am, ak), (bk, bn) = strides(a), strides(b)
    nest = Nest("float", "float", (), ((m, am),), ((n, bn),), ((k, ak, bk),))
    ours = Ours(nest, a, b, c, Side("float", (), (n,), (1,)))
    x, y, z = torch.from_numpy(a), torch.from_numpy(b), torch.from_numpy(np.zeros_like(d))
    ours(1)
    assert np.allclose(c, a @ b, rtol=1e-3)
    return {
        "flops": 2 * m * k * n,
        "ours": ours,
        "numpy": loop(lambda: np.matmul(a, b, out=d)),
        "torch": loop(lambda: torch.mm(x, y, out=z)),
    }


def convolution(n: int, ic: int, oc: int, size: int, kernel: int, what: str) -> dict[str, Any]:
    """One of the three nests of a convolution with stride 1 on a padded input."""
    import torch

    out = size - kernel + 1
    rng = np.random.RandomState(0)
    x = rng.rand(n, ic, size, size).astype(np.float32)
    w = rng.rand(oc, ic, kernel, kernel).astype(np.float32)
    y = rng.rand(n, oc, out, out).astype(np.float32)
    xn, xc, xh, xw = strides(x)
    wo, wc, wh, ww = strides(w)
    yn, yc, yh, yw = strides(y)
    tx, tw, ty = (torch.from_numpy(v) for v in (x, w, y))
    flops = 2 * y.size * ic * kernel * kernel
    if what == "forward":
        nest = Nest(
            "float", "float", ((n, 0, xn),), ((oc, wo),), ((out, xh), (out, xw)),
            ((ic, wc, xc), (kernel, wh, xh), (kernel, ww, xw)),
        )  # fmt: skip
        result = np.zeros_like(y)
        ours = Ours(nest, w, x, result, Side("float", (yn,), (yc,), (yh, yw)))
        peer = lambda: torch.nn.functional.conv2d(tx, tw)  # noqa: E731
    elif what == "kernel gradient":
        nest = Nest(
            "float", "float", (), ((oc, yc),), ((ic, xc), (kernel, xh), (kernel, xw)),
            ((n, yn, xn), (out, yh, xh), (out, yw, xw)),
        )  # fmt: skip
        result = np.zeros_like(w)
        ours = Ours(nest, y, x, result, Side("float", (), (wo,), (wc, wh, ww)))
        peer = lambda: torch.ops.aten.convolution_backward(  # noqa: E731
            ty, tx, tw, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [False, True, False]
        )[1]
    else:
        p = kernel - 1
        padded = np.pad(y, ((0, 0), (0, 0), (p, p), (p, p)))
        pn, pc, ph, pw = strides(padded)
        last = w[:, :, -1:, -1:]
        nest = Nest(
            "float", "float", ((n, 0, pn),), ((ic, wc),), ((size, ph), (size, pw)),
            ((oc, wo, pc), (kernel, -wh, ph), (kernel, -ww, pw)),
        )  # fmt: skip
        result = np.zeros_like(x)
        xs = strides(x)
        ours = Ours(nest, last, padded, result, Side("float", (xs[0],), (xs[1],), (xs[2], xs[3])))
        flops = 2 * x.size * oc * kernel * kernel
        peer = lambda: torch.ops.aten.convolution_backward(  # noqa: E731
            ty, tx, tw, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [True, False, False]
        )[0]
    ours(1)
    expected = peer().numpy()
    assert np.allclose(result, expected, rtol=1e-3, atol=1e-3 * abs(expected).max())
    return {
        "flops": flops,
        "peer_flops": 2 * y.size * ic * kernel**2,
        "ours": ours,
        "torch": loop(peer),
    }


def cases() -> dict[str, list[tuple[str, Callable[[], dict[str, Any]]]]]:
    layouts: list[Layout] = list(itertools.product((False, True), repeat=2))
    name = {False: "N", True: "T"}

    def products(*shapes: tuple[int, int, int]) -> list[tuple[str, Callable[[], dict[str, Any]]]]:
        return [
            (
                f"{m}x{k}x{n} {name[p]}{name[q]}",
                lambda m=m, k=k, n=n, p=p, q=q: product(m, k, n, (p, q)),
            )
            for m, k, n in shapes
            for p, q in layouts
        ]

    deck = []
    for batch in (1000, 64):
        for i, o in ((784, 1000), (1000, 500), (500, 100), (100, 10)):
            for what, shape, layout in (
                ("forward", (batch, i, o), (False, True)),
                ("input gradient", (batch, o, i), (False, False)),
                ("weight gradient", (o, batch, i), (True, False)),
            ):
                if (i, what) != (784, "input gradient"):
                    deck.append(
                        (f"b{batch} {i}-{o} {what}", lambda s=shape, y=layout: product(*s, y))
                    )
    layers = {
        "LeNet 1-6 5x5": (128, 1, 6, 32, 5), "LeNet 6-16 5x5": (128, 6, 16, 14, 5),
        "CNN 1-32 3x3": (128, 1, 32, 30, 3), "CNN 32-64 3x3": (128, 32, 64, 16, 3),
        "ResNet 64-64 3x3 b8": (8, 64, 64, 58, 3),
    }  # fmt: skip
    convolutions = [
        (f"{layer} {what}", lambda s=shape, w=what: convolution(*s, w))
        for layer, shape in layers.items()
        for what in ("forward", "kernel gradient", "input gradient")
    ]
    return {
        "square": products((128,) * 3, (512,) * 3, (1000,) * 3, (2048,) * 3, (1000, 784, 1000)),
        "skinny": products((1000, 100, 10), (50, 500, 10), (64, 128, 512), (1, 1000, 1000)),
        "deck": deck,
        "convolution": convolutions,
    }


def main(groups: list[str]) -> None:
    import torch

    torch.set_num_threads(1)
    peak = probe()
    heads = ("peak", "ours", "numpy", "torch")
    print(" " * 34 + "".join(f"{head:>8}" for head in heads) + "   of peak  of best  ms to compile")
    for group, entries in cases().items():
        wanted = [g for g in groups if g in group or not g] if groups else [group]
        for label, make in entries:
            if not wanted and not any(g in label for g in groups):
                continue
            case = make()
            runs = {"peak": peak}
            runs |= {k: v for k, v in case.items() if callable(v)}
            flops = {k: case["flops"] for k in runs} | {"peak": probe.flops}  # type: ignore[attr-defined]
            if "peer_flops" in case:
                flops["torch"] = case["peer_flops"]
            heavy = case["flops"] > 3e9
            speed = rates(flops, runs, 8 if heavy else 25)
            ours: Ours = case["ours"]
            seconds = {k: flops[k] / speed[k] for k in speed if k != "peak"}
            best = min(v for k, v in seconds.items() if k != "ours") / seconds["ours"]
            cells = "".join(
                f"{speed[k]:8.1f}" if k in speed else " " * 8
                for k in ("peak", "ours", "numpy", "torch")
            )
            print(
                f"{label:34}{cells}{speed['ours'] / speed['peak']:10.2f}{best:9.2f}"
                f"{ours.emit_ms:7.1f}/{ours.compile_ms:5.1f}   {ours.kernels[-1].note}",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:])
