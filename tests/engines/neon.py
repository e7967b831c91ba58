"""NEON: Programs compiled for AArch64 and run by an emulator, as an engine like the others.

    python -m tests.engines.fuzz --engine neon --programs 200

Needs `qemu-aarch64` and `aarch64-linux-gnu-gcc` (Debian and Ubuntu: packages qemu-user,
gcc-aarch64-linux-gnu and libc6-dev-arm64-cross). Each native segment becomes a small program of
its own (tests/engines/neon.c around it), which gets all memory by a pipe and gives it back.
"""

from __future__ import annotations

import ctypes
import functools
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from gradatim.engines.llvm import native
from gradatim.engines.llvm.driver import REPORT, data_offset, emit_schedule
from gradatim.engines.llvm.emit import Module
from gradatim.engines.llvm.executable import LLVMExecutable
from gradatim.engines.llvm.schedule import schedule
from gradatim.graph.program import Program
from gradatim.graph.rewrite import simplify
from tests.engines.guard import span

COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"
SECONDS = 100


def missing() -> list[str]:
    """The tools that are not installed."""
    return [tool for tool in (COMPILER, EMULATOR) if shutil.which(tool) is None]


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="gradatim-neon-")


class NeonExecutable(LLVMExecutable):
    """A Program whose native segments an emulator runs."""

    def __init__(self, program: Program):
        made = self.schedule = schedule(program)
        self.outputs = [(shape, dtype.numpy) for shape, dtype in made.outputs]
        module = Module(native.FEATURES["neon"])
        plan = emit_schedule(made, module)
        self.arena_bytes = plan.arena
        self.vector = ctypes.c_void_p * (len(program.inputs) + len(made.outputs))
        self.report = (ctypes.c_int64 * REPORT)()
        self.folder = Path(tempfile.mkdtemp(dir=_folder().name))
        names = [segment for segment in plan.segments if isinstance(segment, str)]
        if names:
            target = native.cross_target("neon", "linux")
            (self.folder / "code.o").write_bytes(native.object_code(module.text(), target=target))
        self.steps = [
            functools.partial(self._emulate, self._link(segment))
            if isinstance(segment, str)
            else made.launches[segment]
            for segment in plan.segments
        ]
        self.single = None

    def _link(self, segment: str) -> Path:
        source, result = Path(__file__).with_suffix(".c"), self.folder / segment
        subprocess.run(
            [COMPILER, "-O1", "-static", f"-DSEGMENT={segment}", "-o", result, source,
             self.folder / "code.o"],
            check=True,
        )  # fmt: skip
        return result

    def _emulate(self, binary: Path, objects: Any, address: int, pool: Any, report: Any) -> int:
        arrays = [ctypes.cast(place, ctypes.py_object).value for place in objects]
        # An output that takes over an input's memory is the same array twice.
        once = list({id(array): array for array in arrays}.values())
        numbers = {id(array): k for k, array in enumerate(once)}
        spans = [span(array) for array in once]
        places = [(x.ctypes.data + low, high - low) for x, (low, high) in zip(once, spans)]
        before = [ctypes.string_at(*place) for place in places]
        parts = [struct.pack("<4q", len(once), len(arrays), data_offset(), self.arena_bytes)]
        for content, (low, _) in zip(before, spans):
            parts += [struct.pack("<2q", len(content), -low), content]
        parts += [struct.pack("<q", numbers[id(array)]) for array in arrays]
        parts.append(ctypes.string_at(address, self.arena_bytes))
        done = subprocess.run(
            [EMULATOR, binary], input=b"".join(parts), stdout=subprocess.PIPE, timeout=SECONDS
        )
        if done.returncode:
            raise RuntimeError(f"the emulated program ended with status {done.returncode}")
        status, *words = struct.unpack_from(f"<{1 + REPORT}q", done.stdout)
        report[:] = words
        at = 8 * (1 + REPORT)
        for (start, size), old in zip(places, before):
            content = done.stdout[at : at + size]
            if content != old:
                ctypes.memmove(start, content, size)
            at += size
        ctypes.memmove(address, done.stdout[at:], self.arena_bytes)
        return int(status)


class NeonEngine:
    """The llvm engine for AArch64, emulated."""

    name = "neon"

    def __init__(self) -> None:
        if missing():
            raise RuntimeError(f"not installed: {', '.join(missing())} (see {__file__})")
        _folder()  # of this process, not of a fork that ends without cleaning up

    def compile(self, program: Program, device: str) -> NeonExecutable:
        return NeonExecutable(simplify(program))

    def from_host(self, array: Any, device: str, sharding: Any = None) -> Any:
        return array

    def to_host(self, buffer: Any) -> Any:
        return np.asarray(buffer)
