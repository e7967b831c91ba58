"""An ordinary loop, not compiled: the deck's "nn & optim" program in Gradatim and in PyTorch.

    python benchmarks/uncompiled_loop.py [ROUNDS]

Both take turns in one process, 200 turns of the loop each time, after a first ten that count for
neither (they are when Programs are compiled). Prints the median of microseconds a turn, and the
largest difference of the losses. Needs PyTorch.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

TURNS = 200


def program(torch: Any) -> tuple[Callable[[], None], list[float]]:
    """The deck's program: a function that does one turn of its loop, and its first ten losses."""
    torch.manual_seed(0)
    n, in_dim, hid_dim, out_dim = 50, 100, 500, 10
    x, y = torch.randn(n, in_dim), torch.randn(n, out_dim)
    model = torch.nn.Sequential(
        torch.nn.Linear(in_dim, hid_dim), torch.nn.ReLU(), torch.nn.Linear(hid_dim, out_dim)
    )
    criterion = torch.nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), 1e-6)
    losses: list[float] = []

    def turn() -> None:
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if len(losses) < 10:
            losses.append(loss.item())

    return turn, losses


def main(rounds: int) -> None:
    import torch

    import gradatim

    sides = {"Gradatim": program(gradatim), "PyTorch": program(torch)}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn, _ in sides.values():
        for _ in range(10):
            turn()
    for _ in range(rounds):
        for name, (turn, _) in sides.items():
            time.sleep(0.05)  # until the other side's threads have stopped spinning
            turn()
            start = time.perf_counter()
            for _ in range(TURNS):
                turn()
            times[name].append((time.perf_counter() - start) / TURNS * 1e6)
    ours, theirs = (statistics.median(times[name]) for name in sides)
    difference = np.max(np.abs(np.subtract(*(losses for _, losses in sides.values()))))
    print(f"Gradatim {ours:.0f} µs a turn, PyTorch {theirs:.0f}: {theirs / ours:.2f} times faster")
    print(f"medians of {rounds} rounds in turns; losses differ by at most {difference:.1e}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
