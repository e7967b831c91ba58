"""What Python costs: µs per graph node of ordinary loops, µs per call of a captured step.

An engine that computes nothing (its executables hand back arrays made beforehand) takes the place
of the compiler, so that what is left is the cost of making Nodes, finding the Program and putting
the results where they belong. The numbers that come out of the loops mean nothing.

python benchmarks/overhead.py [TURNS]
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

import gradatim as gd
from gradatim import engines, realize
from gradatim.graph.program import Program

ROUNDS = 40  # of each loop; the best counts, because others use the machine too


# --- the engine that computes nothing ------------------------------------------------------------


class NothingExecutable:
    """Hands back the buffers it is given, or arrays that it keeps."""

    def __init__(self, program: Program):
        self.kept = [np.ones(node.shape, node.dtype.numpy) for node in program.outputs]

    def __call__(self, inputs: Sequence[Any], into: Sequence[Any]) -> tuple[None, list[Any]]:
        return None, [own if given is None else given for own, given in zip(self.kept, into)]

    def bind(self, inputs: Sequence[Any], into: Sequence[Any]) -> Callable[..., Any]:
        answer = None, [own for own, given in zip(self.kept, into) if given is None]
        return lambda varying: answer


class NothingEngine:
    name = "nothing"

    def compile(self, program: Program, device: str) -> NothingExecutable:
        return NothingExecutable(program)

    def from_host(self, array: Any, device: str, sharding: Any = None) -> Any:
        return array

    def to_host(self, buffer: Any) -> Any:
        return buffer


ENGINE = NothingEngine()


# --- where the time of an uncompiled loop goes ---------------------------------------------------

clock = time.perf_counter
PARTS = ("forward", "backward", "update", "trace", "prepare", "lookup", "call", "put back")


class Stopwatch:
    """Adds up the time of parts. A part that runs inside another is taken from the outer one."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys(PARTS, 0.0)
        self.open: list[str] = []
        self.since = 0.0
        self.nodes = 0

    def switch(self) -> None:
        now = clock()
        if self.open:
            self.spent[self.open[-1]] += now - self.since
        self.since = now

    def part(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            self.switch()
            self.open.append(name)
            try:
                return function(*args, **kwargs)
            finally:
                self.switch()
                self.open.pop()

        return timed


def split(turn: Callable[[Stopwatch], None], turns: int) -> tuple[dict[str, float], int]:
    """Seconds of each part in one turn, and the pending nodes of its Programs."""
    watch = Stopwatch()
    names = {"trace": "trace", "prepare": "_prepare", "lookup": "executable_of"}
    names |= {"put back": "compute"}
    before = {name: getattr(realize, name) for name in names.values()}
    count = before["trace"]

    def trace(nodes: Any) -> Any:
        found = count(nodes)
        watch.nodes += len(found.order)
        return found

    run = NothingExecutable.__call__
    for part, name in names.items():
        setattr(realize, name, watch.part(part, trace if name == "trace" else before[name]))
    NothingExecutable.__call__ = watch.part("call", run)  # type: ignore[method-assign]
    try:
        for _ in range(turns):
            turn(watch)
    finally:
        NothingExecutable.__call__ = run  # type: ignore[method-assign]
        for name, function in before.items():
            setattr(realize, name, function)
    return {name: spent / turns for name, spent in watch.spent.items()}, watch.nodes // turns


# --- uncompiled loops ----------------------------------------------------------------------------


def training(
    sizes: Sequence[int], batch: int, make_optimizer: Callable[..., Any]
) -> Callable[[Stopwatch], None]:
    layers: list[Any] = []
    for before, after in pairwise(sizes):
        layers += [gd.nn.Linear(before, after), gd.nn.ReLU()]
    model = gd.nn.Sequential(*layers[:-1])
    criterion = gd.nn.MSELoss()
    optimizer = make_optimizer(model.parameters())
    x, y = gd.randn(batch, sizes[0]).realize(), gd.randn(batch, sizes[-1]).realize()

    def turn(watch: Stopwatch) -> None:
        def forward() -> Any:
            return criterion(model(x), y)

        def backward(loss: Any) -> None:
            optimizer.zero_grad()
            loss.backward()

        loss = watch.part("forward", forward)()
        watch.part("backward", backward)(loss)
        del loss
        watch.part("update", optimizer.step)()

    return turn


def deep_chain() -> Callable[[Stopwatch], None]:
    x, y = gd.randn(32).realize(), gd.randn(32).realize()

    def turn(watch: Stopwatch) -> None:
        def forward() -> Any:
            h = x
            for _ in range(50):
                h = (h * y + 0.25).tanh() - x
            return h

        h = watch.part("forward", forward)()
        watch.part("put back", gd.synchronize)()
        del h

    return turn


def sgd(parameters: Any) -> Any:
    return gd.optim.SGD(parameters, lr=1e-6)


def momentum(parameters: Any) -> Any:
    return gd.optim.SGD(parameters, lr=1e-6, momentum=0.9)


def adam(parameters: Any) -> Any:
    return gd.optim.Adam(parameters, lr=1e-6)


LOOPS: dict[str, Callable[[], Callable[[Stopwatch], None]]] = {
    "nn & optim, SGD": lambda: training((100, 500, 10), 50, sgd),
    "nn & optim, Adam": lambda: training((100, 500, 10), 50, adam),
    "4 layers, Adam": lambda: training((16, 16, 16, 16, 4), 8, adam),
    "elementwise chain": deep_chain,
}


# --- captured steps ------------------------------------------------------------------------------


def captured(make_optimizer: Callable[..., Any]) -> Callable[[], Any]:
    """A compiled training step with 8 parameters, with its arguments."""
    model = gd.nn.Sequential(*[gd.nn.Linear(8, 8) for _ in range(4)])
    optimizer = make_optimizer(model.parameters())
    x, y = gd.randn(4, 8).realize(), gd.randn(4, 8).realize()

    @gd.compile
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = gd.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    def call() -> Any:
        return step(x, y)

    return call


STEPS = {"SGD": sgd, "SGD, momentum": momentum, "Adam": adam}


def main(turns: int) -> None:
    engines._loaded[ENGINE.name] = ENGINE
    gd.engines.set_engine(ENGINE.name)
    print(f"{'µs a turn':18s}" + "".join(f"{part:>9s}" for part in PARTS), end="")
    print(f"{'sum':>9s}{'whole':>8s}{'nodes':>7s}{'µs/node':>9s}")
    for name, make in LOOPS.items():
        turn = make()
        split(turn, 5)
        gc.collect()
        found, nodes = min(
            (split(turn, turns) for _ in range(ROUNDS)), key=lambda pair: sum(pair[0].values())
        )
        whole = min(_seconds(lambda turn=turn: turn(_SILENT), turns) for _ in range(ROUNDS))
        cells = "".join(f"{found[part] * 1e6:9.1f}" for part in PARTS)
        print(
            f"{name:18s}{cells}{sum(found.values()) * 1e6:9.1f}{whole * 1e6:8.1f}{nodes:7d}"
            f"{whole * 1e6 / nodes:9.2f}"
        )
    for name, make_optimizer in STEPS.items():
        call = captured(make_optimizer)
        _seconds(call, 5)
        best = min(_seconds(call, 10 * turns) for _ in range(ROUNDS))
        print(f"captured step, 8 parameters, {name}: {best * 1e6:.1f} µs a call")


class _Silent(Stopwatch):
    def part(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        return function


_SILENT = _Silent()


def _seconds(run: Callable[[], Any], turns: int) -> float:
    start = clock()
    for _ in range(turns):
        run()
    return (clock() - start) / turns


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
