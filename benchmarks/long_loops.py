"""100,000 turns of loops that never look at a value: memory, Programs and time of each.

python benchmarks/long_loops.py [TURNS]
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable

import gradatim as gd
from gradatim.realize import flush, state


def update(turns: int) -> None:
    """`w.data -= lr * w.grad.data`, as the deck's Variable program does it."""
    w = gd.ones(100, 50, requires_grad=True)
    x = gd.ones(20, 100).realize()
    for _ in range(turns):
        loss = x.mm(w).clamp(min=0).pow(2).sum()
        if w.grad is not None:
            w.grad.data.zero_()
        loss.backward()
        w.data -= 1e-7 * w.grad.data


def chain(turns: int) -> None:
    """`s = f(s)`."""
    s = gd.ones(1000).realize()
    for _ in range(turns):
        s = (s * 0.999).tanh() + 0.001


def running_sum(turns: int) -> None:
    """`total += f(x)`."""
    total = gd.zeros(()).realize()
    x = gd.ones(1000).realize()
    for _ in range(turns):
        total += (x * 0.5).sum()


def adam_with_schedule(turns: int) -> None:
    """Adam's step count, a learning-rate schedule, and `x[i:i+64]`."""
    x = gd.rand(60_000, 10).realize()
    model = gd.nn.Linear(10, 1)
    optimizer = gd.optim.Adam(model.parameters(), lr=1e-3)
    schedule = gd.optim.lr_scheduler.CosineAnnealingLR(optimizer, turns)
    for turn in range(turns):
        i = (turn * 64) % 59_000
        loss = (model(x[i : i + 64]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def measure(run: Callable[[int], None], turns: int) -> None:
    run(50)  # the first turns differ: no gradient yet, nothing pending
    flush()
    run(turns // 20)
    flush()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    programs = state.compiled
    start = time.perf_counter()
    run(turns)
    spent = time.perf_counter() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
    print(
        f"{run.__name__:20s} {turns:7d} turns  {spent / turns * 1e6:8.1f} µs a turn  "
        f"{grown:6.1f} MB more at the peak  {state.compiled - programs} new programs"
    )
    flush()


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    for loop in (update, chain, running_sum, adam_with_schedule):
        measure(loop, count)
