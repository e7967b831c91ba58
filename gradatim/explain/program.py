"""gd.explain_program: the kernels of a step, as a numbered list."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from gradatim.engines.facts import KernelFacts, ProgramFacts
from gradatim.explain.watching import watch


def explain_program(
    function: Callable[..., Any], *args: Any, file: TextIO | None = None, **kwargs: Any
) -> list[ProgramFacts]:
    """Print the kernels that a function's computation becomes: what was fused into each, tile
    shapes, operations, bytes, memory, and what fell back to the reference engine and why.

    The function is called once, with all that it does: a training step trains.

    Args:
        function: one under `gd.compile` shows as one Program; any other as one for each time that
            it computes.
        file: where to print; standard output by default.

    Returns:
        what was printed, as data.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.Linear(3, 4)
        >>> step = gd.compile(lambda x: layer(x).relu().detach())
        >>> facts = gd.explain_program(step, gd.ones(2, 3))  # doctest: +ELLIPSIS
        program ...
        >>> facts[0].kernels[-1].fused
        ('add', 'relu')
    """
    with watch() as watcher:
        function(*args, **kwargs)
    explain = getattr(watcher.engine, "explain", None)
    found = []
    for program, _ in watcher.programs:
        if explain is None:
            print(f"the engine {watcher.engine.name} has no kernels to show", file=file)
            print(program, file=file)
            continue
        facts = explain(program)
        found.append(facts)
        print("\n".join(lines(facts)), file=file or sys.stdout)
    return found


def lines(facts: ProgramFacts) -> Iterator[str]:
    """A Program's kernels for a reader."""
    kernels = facts.kernels
    operations, moved = sum(k.operations for k in kernels), sum(k.bytes for k in kernels)
    yield (
        f"program {facts.name}: {facts.nodes} operations in {len(kernels)} kernels, "
        f"{quantity(operations, 'FLOP')}, {quantity(moved, 'B')} read and written"
    )
    own = f" ({quantity(facts.workspace, 'B')} of it workspace)" if facts.workspace else ""
    yield f"temporaries {quantity(facts.arena, 'B')}{own}"
    fallen = [k for k in kernels if k.fallback]
    if fallen:
        yield f"{len(fallen)} on the reference engine, marked with !"
    width = len(str(len(kernels)))
    for number, kernel in enumerate(kernels, 1):
        mark = "!" if kernel.fallback else " "
        yield from _kernel(kernel, f"{mark}{number:>{width}}  ", " " * (width + 3))


def _kernel(kernel: KernelFacts, head: str, indent: str) -> Iterator[str]:
    yield f"{head}{kernel.title}"
    if kernel.fallback:
        yield f"{indent}falls back: {kernel.fallback}"
        return
    if kernel.fused:
        yield from _wrapped("then " * kernel.title.startswith("contract"), kernel.fused, indent)
    for line in kernel.body:
        yield f"{indent}each step: {line}"
    facts = [quantity(kernel.operations, "FLOP")] if kernel.operations else []
    facts.append(quantity(kernel.bytes, "B"))
    if kernel.pieces > 1:
        facts.append(f"{kernel.pieces} pieces{'' if kernel.shared else ' on one thread'}")
    if kernel.how:
        facts.append(kernel.how)
    yield f"{indent}{', '.join(facts)}"


def _wrapped(first: str, names: tuple[str, ...], indent: str, width: int = 90) -> Iterator[str]:
    """Names in lines of bounded length."""
    line = indent + first
    for k, name in enumerate(names):
        part = name + (", " if k < len(names) - 1 else "")
        if len(line) + len(part) > width and line.strip():
            yield line.rstrip()
            line = indent
        line += part
    yield line


PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def quantity(number: float, unit: str) -> str:
    """
    Example:
        >>> quantity(1_568_000_000, "FLOP"), quantity(640, "B"), quantity(2_000, "B")
        ('1.57 GFLOP', '640 B', '2 kB')
    """
    for size, prefix in PREFIXES:
        if number >= size:
            return f"{number / size:.3g} {prefix}{unit}"
    return f"{number:.3g} {unit}"
