"""The loops of the deck's three small programs, in Gradatim and in PyTorch.

    python benchmarks/deck_loops.py [ROUNDS]

Each program runs up to its loop under both; then turns of the loop take turns, 100 at a time, after
a first ten that count for neither. Prints medians of microseconds a turn of wall-clock time and of
both cores' processor time. Needs PyTorch.
"""

from __future__ import annotations

import ast
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

PROGRAMS = Path(__file__).parent.parent / "tests" / "frontends" / "deck"
TURNS = 100


def loop_of(name: str, modules: dict[str, ModuleType]) -> Callable[[int], None]:
    """Runs a program up to its loop; what is given back runs the body of the loop some times."""
    tree = ast.parse((PROGRAMS / f"{name}.py").read_text())
    place = next(k for k, line in enumerate(tree.body) if isinstance(line, ast.For))
    before = ast.Module([_without_import(line) for line in tree.body[:place]], [])
    loop = tree.body[place]
    assert isinstance(loop, ast.For)
    loop.iter = ast.parse("range(turns)", mode="eval").body
    names: dict[str, object] = dict(modules)
    exec(compile(ast.fix_missing_locations(before), name, "exec"), names)
    code = compile(ast.fix_missing_locations(ast.Module([loop], [])), name, "exec")

    def run(turns: int) -> None:
        names["turns"] = turns
        exec(code, names)

    return run


def _without_import(line: ast.stmt) -> ast.stmt:
    return ast.Pass() if isinstance(line, (ast.Import, ast.ImportFrom)) else line


def main(rounds: int) -> None:
    import torch
    from torch.autograd import Variable

    import gradatim.frontends.torch as ours

    torch.set_num_threads(2)
    theirs = {"torch": torch, "Variable": Variable}
    mine = {"torch": ours, "Variable": ours.autograd.Variable}
    for name in ("tensors", "variables", "modules"):
        loops = {"gradatim": loop_of(name, mine), "torch": loop_of(name, theirs)}
        wall: dict[str, list[float]] = {side: [] for side in loops}
        cores: dict[str, list[float]] = {side: [] for side in loops}
        for loop in loops.values():
            loop(10)
        for _ in range(rounds):
            for side, loop in loops.items():
                started, used = time.perf_counter(), time.process_time()
                loop(TURNS)
                wall[side].append((time.perf_counter() - started) / TURNS * 1e6)
                cores[side].append((time.process_time() - used) / TURNS * 1e6)
        middle = {side: statistics.median(times) for side, times in wall.items()}
        ratio = statistics.median([t / g for g, t in zip(wall["gradatim"], wall["torch"])])
        spent = {side: statistics.median(times) for side, times in cores.items()}
        print(
            f"{name:10s} Gradatim {middle['gradatim']:7.1f} µs, PyTorch {middle['torch']:7.1f} µs "
            f"a turn: {ratio:.2f} times as fast (processor time {spent['gradatim']:.0f} and "
            f"{spent['torch']:.0f} µs)",
            flush=True,
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
