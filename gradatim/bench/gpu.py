"""`make gpu-check`: the deck's program with `.cuda()`, and times on a GPU beside PyTorch and JAX.

Ten published workloads in float32, and a GPT of 124 million parameters in bf16 (contexts of 1,024
words, AdamW), each as a whole training step. Without a GPU one line says so.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from gradatim.bench import sides
from gradatim.bench.rounds import geometric_mean
from gradatim.bench.workloads import PUBLISHED, Workload
from gradatim.graph.errors import Error

ROUNDS, STEPS = 7, 20
Step = Callable[[], Any]


def main() -> int:
    """Check and time; the exit status is 0 where all went well, or there is no GPU."""
    import gradatim as gd

    try:
        device = gd.device("gpu")
    except Error as error:
        print(f"gpu-check: there is no GPU on this machine, so nothing was timed: {error}")
        return 0
    print(f"Deck's classifier with .cuda(): accuracy {deck(gd):.2%} after 2 epochs")
    ratios = []
    print(f"{'milliseconds of a step':<28}" + "".join(f"{name:>14}" for name in sides.SIDES))
    for workload in PUBLISHED:
        ratios.append(_row(workload.name, {n: _side(n, workload, device) for n in sides.SIDES}))
    ratios.append(_row("gpt_124m_bf16_b8", {n: _gpt(n) for n in sides.SIDES}))
    found = [ratio for ratio in ratios if ratio]
    if found:
        print(f"Geometric mean {geometric_mean(found):.2f} times the best peer (bar 1)")
    return 0


def deck(gd: Any) -> float:
    """The deck's program, with its batches and its model on the GPU: the accuracy at the end."""
    x, y, x_test, y_test = gd.data.mnist()
    model = gd.nn.Sequential(
        gd.nn.Linear(784, 1000), gd.nn.ReLU(), gd.nn.Linear(1000, 500), gd.nn.ReLU(),
        gd.nn.Linear(500, 100), gd.nn.ReLU(), gd.nn.Linear(100, 10),
    ).cuda()  # fmt: skip
    optimizer = gd.optim.SGD(model.parameters(), lr=0.1)
    loss_of = gd.nn.CrossEntropyLoss()
    rows = gd.data.TensorDataset(_rows(gd, x), gd.tensor(y).long())
    for _ in range(2):
        for inputs, targets in gd.data.DataLoader(rows, batch_size=100, shuffle=True):
            optimizer.zero_grad()
            loss_of(model(inputs.cuda()), targets.cuda()).backward()
            optimizer.step()
    right = model(_rows(gd, x_test).cuda()).argmax(1).cpu() == gd.tensor(y_test)
    return float(right.float().mean().item())


def _rows(gd: Any, images: Any) -> Any:
    return (gd.tensor(images).float() / 255).reshape(len(images), 784)


def _side(name: str, workload: Workload, device: Any) -> Step | str:
    """A step on the GPU, or why there is none."""
    if sides.missing(name):
        return "not installed"
    weights = sides.initial_weights(workload)
    x, y = workload.data()
    try:
        if name in ("torch", "compile"):
            import torch

            torch.set_default_device("cuda")
            return sides.prepare(name, workload, weights, x, y, 1)
        if name == sides.OURS:
            from gradatim.bench.sides.ours import prepare

            return prepare(workload, weights, x, y, 1, device=device)
        return sides.prepare(name, workload, weights, x, y, 1)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _row(name: str, steps: dict[str, Step | str]) -> float | None:
    """Time the steps in turn, print a line, and give how many times the best peer we are."""
    ready = {n: s for n, s in steps.items() if not isinstance(s, str)}
    for step in ready.values():
        float(step())
    times: dict[str, list[float]] = {n: [] for n in ready}
    for _ in range(ROUNDS):
        for side, step in ready.items():
            start = time.perf_counter()
            for _ in range(STEPS):
                last = step()
            float(last)
            times[side].append((time.perf_counter() - start) / STEPS)
    medians = {n: statistics.median(t) for n, t in times.items()}
    cells = "".join(f"{1e3 * medians[n]:>14.3f}" if n in medians else f"{'–':>14}" for n in steps)
    print(f"{name:<28}{cells}", flush=True)
    for side, reason in steps.items():
        if isinstance(reason, str):
            print(f"    {side} left out: {reason}")
    peers = [t for n, t in medians.items() if n != sides.OURS]
    return min(peers) / medians[sides.OURS] if peers and sides.OURS in medians else None


def _gpt(name: str) -> Step | str:
    from gradatim.bench.sides import gpt

    if sides.missing(name):
        return "not installed"
    try:
        return gpt.STEPS[name](gpt.Sizes())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main())
