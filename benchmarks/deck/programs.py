"""The deck's seven programs, under `gradatim run` and, where PyTorch is installed, beside it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.deck.section import PROGRAMS, ROOT, Section

EPOCHS = 30
"""Of the MNIST program, which has 100: fewer count the start of the process for more."""

ROUNDS = 15
DIGITS = 5e-5

LOOPS = {
    "tensors": "    loss = (y_pred - y).pow(2).sum()\n",
    "variables": "    loss = (y_pred - y).pow(2).sum()\n",
    "modules": "    loss = criterion(y_pred, y)\n",
}
"""Program: the line behind which its loss is printed."""


def numbers() -> Section:
    """What the programs compute."""
    section = Section("How it is implemented: the deck's programs, unchanged")
    with tempfile.TemporaryDirectory() as name:
        _graphs(section, Path(name))
        _losses(section, Path(name))
    return _with_note(section)


def speed() -> Section:
    """How fast they are, and what the MNIST program prints. Wants a machine with nothing else to
    do: PyTorch's threads wait for each other in a loop, and crawl where others compute."""
    section = Section("The speed of the deck's programs")
    _loops(section)
    with tempfile.TemporaryDirectory() as name:
        _digits(section, Path(name))
    return _with_note(section)


def _with_note(section: Section) -> Section:
    if not _has_torch():
        section.lines.append(
            "PyTorch is not installed here: its side was left out (`pip install gradatim[peers]`)."
        )
    return section


def _has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def _start(folder: Path, text: str, peer: bool) -> tuple[list[str], float]:
    """Lines that a program prints, and the seconds of its whole process."""
    if peer:  # PyTorch of today refuses loss.data[0]
        text = text.replace("loss.data[0]", "loss.item()")
    (folder / "program.py").write_text(text)
    command = [sys.executable] + ([] if peer else ["-m", "gradatim", "run"]) + ["program.py"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{command} failed: {done.stderr[-2000:]}")
    return done.stdout.splitlines(), seconds


def _graphs(section: Section, folder: Path) -> None:
    for name, show in (
        ("graph_numpy", "print(float(c))"),
        ("graph_tensorflow", "print(float(c_val))"),
        ("graph_torch", "print(loss.data[0])"),
    ):
        text = (PROGRAMS / f"{name}.py").read_text()
        if name == "graph_torch":
            text = text.replace("c.backward", "loss = c\nc.backward")
        value = float(_start(folder, f"{text}\n{show}\n", False)[0][-1])
        title = f"`{name}.py`: c is off by"
        if name == "graph_torch":
            if _has_torch():
                other = float(_start(folder, f"{text}\n{show}\n", True)[0][-1])
                off = abs(value - other) / abs(other)
                section.check(title, off, at_most=1e-5, form=".1e", more="relative to PyTorch's")
        else:
            off = abs(value - 8.80812307798) / 8.80812307798
            section.check(
                title, off, at_most=1e-6, form=".1e", more=f"{value:.9f}; relative to the deck's"
            )


def _losses(section: Section, folder: Path) -> None:
    """The first hundred losses beside PyTorch's."""
    if not _has_torch():
        return
    for name, line in LOOPS.items():
        text = (PROGRAMS / f"{name}.py").read_text().replace("range(500)", "range(100)")
        text = text.replace(line, line + "    print('%.9g' % loss.data[0])\n")
        ours, theirs = (_start(folder, text, peer)[0] for peer in (False, True))
        assert len(ours) == len(theirs) == 100
        off = max(abs(float(a) / float(b) - 1) for a, b in zip(ours, theirs))
        section.check(
            f"`{name}.py`: 100 losses are off PyTorch's by", off, at_most=DIGITS, form=".1e"
        )


def _loops(section: Section) -> None:
    """The loops of the small programs, as `benchmarks/deck_loops.py` prints them."""
    if not _has_torch():
        return
    command = [sys.executable, "benchmarks/deck_loops.py", str(ROUNDS)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    for line in done.stdout.splitlines():
        name, said = line.split(maxsplit=1)
        ratio = float(said.split("a turn: ")[1].split()[0])
        section.check(
            f"`{name}.py`: loop, times PyTorch's speed", ratio, at_least=1.5, form=".2f", more=said
        )


def _digits(section: Section, folder: Path) -> None:
    """The MNIST program on 42,000 digits."""
    from gradatim.data import export_mnist

    export_mnist(folder / "train.csv", 42_000)
    text = (PROGRAMS / "mnist.py").read_text().replace("range(100)", f"range({EPOCHS})")
    _start(folder, text.replace(f"range({EPOCHS})", "range(1)"), False)
    ours, seconds = _start(folder, text, False)
    section.lines += ["What `gradatim run mnist.py` prints (the last line):", "", f"    {ours[-1]}"]
    if not _has_torch():
        return
    theirs, their_seconds = _start(folder, text, True)
    values = [[_loss(line) for line in lines] for lines in (ours, theirs)]
    off = max(abs(a / b - 1) for a, b in zip(*values))
    name = f"`mnist.py`: {EPOCHS} epochs' losses are off PyTorch's by"
    section.check(name, off, at_most=DIGITS, form=".1e")
    section.check(
        f"`mnist.py`, {EPOCHS} epochs, whole process: times PyTorch's speed",
        their_seconds / seconds, at_least=1.3, form=".2f",
        more=f"{seconds:.1f} s, PyTorch {their_seconds:.1f} s",
    )  # fmt: skip


def _loss(line: str) -> float:
    return float(line.split("Loss: ")[1].split(",")[0])
