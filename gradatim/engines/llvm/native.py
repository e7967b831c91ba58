"""Native: the host's processor, and LLVM's code generator behind two functions.

`object_code` turns IR into the bytes of an object file, `load` puts such bytes into this process
and gives the addresses of its functions.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from gradatim.engines.llvm.emit import Features
from gradatim.graph.errors import ArgumentError

# Processor features to keep for each name that GRADATIM_CPU_FEATURES may have: with it a wide
# machine computes as a narrow one would, which is how the narrow ones are tested.
_LEVELS = ("sse2", "avx2", "avx512")


@functools.cache
def binding() -> Any:
    """llvmlite's binding, with the native target ready."""
    import llvmlite.binding as llvm  # type: ignore[import-untyped]

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


@functools.cache
def level() -> str:
    """The instruction set used: avx512, avx2, sse2, or neon on AArch64."""
    llvm = binding()
    found = llvm.get_host_cpu_features()
    asked = os.environ.get("GRADATIM_CPU_FEATURES", "")
    if asked and asked not in _LEVELS:
        raise ArgumentError(
            f"GRADATIM_CPU_FEATURES is {asked!r}: expected one of {', '.join(_LEVELS)}"
        )
    if llvm.get_process_triple().split("-")[0] in ("aarch64", "arm64"):
        return "neon"
    best = "sse2"
    if found.get("avx2") and found.get("fma"):
        best = "avx2"
        if all(found.get(f) for f in ("avx512f", "avx512dq", "avx512bw", "avx512vl")):
            best = "avx512"
    if asked and _LEVELS.index(asked) < _LEVELS.index(best):
        return asked
    return best


FEATURES: dict[str, Features] = {
    "avx512": Features(64, 32, True, True),
    "avx2": Features(32, 16, True, False),
    "sse2": Features(16, 16, False, False),
    "neon": Features(16, 32, True, False),
}


@functools.cache
def features() -> Features:
    """What the emitters may use on this processor."""
    return FEATURES[level()]


class Target(NamedTuple):
    """What LLVM compiles for: triple, processor name and feature string."""

    triple: str
    cpu: str
    features: str


# Triples of the systems, and what compiled code of each level may take for granted.
SYSTEMS = {
    "linux": "{}-unknown-linux-gnu",
    "macos": "{}-apple-macosx11.0.0",
    "windows": "{}-pc-windows-msvc",
}
_PROCESSORS = {
    "sse2": ("x86_64", "x86-64", ""),
    "avx2": ("x86_64", "haswell", ""),
    "avx512": ("x86_64", "skylake-avx512", "-prefer-256-bit"),
    "neon": ("aarch64", "generic", ""),
}


def cross_target(level: str, system: str) -> Target:
    """A processor that has just what a level of instructions needs, under a system of `SYSTEMS`:
    for `object_code` that another machine runs.

    >>> cross_target("neon", "macos").triple
    'aarch64-apple-macosx11.0.0'
    """
    llvm = binding()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    architecture, cpu, text = _PROCESSORS[level]
    return Target(SYSTEMS[system].format(architecture), cpu, text)


@functools.cache
def target_description() -> Target:
    """This processor, or the part of it that GRADATIM_CPU_FEATURES leaves."""
    llvm = binding()
    triple = llvm.get_process_triple()
    chosen = level()
    if chosen in ("sse2", "avx2"):
        return Target(triple, *_PROCESSORS[chosen][1:])
    found = llvm.get_host_cpu_features()
    # AMX has state of its own that the operating system must grant; nothing here uses it.
    text = ",".join(
        f"{'+' if on and not name.startswith('amx') else '-'}{name}" for name, on in found.items()
    )
    if chosen == "avx512":
        text += ",-prefer-256-bit"
    return Target(triple, llvm.get_host_cpu_name(), text)


@functools.cache
def target_machine(optimize: int = 2, target: Target | None = None, jit: bool = False) -> Any:
    """LLVM's code generator for a target; for this processor without one."""
    llvm = binding()
    chosen = target or target_description()
    return llvm.Target.from_triple(chosen.triple).create_target_machine(
        cpu=chosen.cpu, features=chosen.features, opt=optimize, reloc="pic", codemodel="small",
        jit=jit,
    )  # fmt: skip


def _module(ir: str, machine: Any) -> Any:
    module = binding().parse_assembly(ir)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    return module


def object_code(ir: str, optimize: int = 2, target: Target | None = None) -> bytes:
    """Compile a module's text to an object file in memory.

    Args:
        target: another processor or system to compile for; this one if it is not given.
    """
    machine = target_machine(optimize, target)
    code: bytes = machine.emit_object(_module(ir, machine))
    return code


def assembly(ir: str, optimize: int = 2, target: Target | None = None) -> str:
    """The module as assembly, to be read."""
    machine = target_machine(optimize, target)
    text: str = machine.emit_assembly(_module(ir, machine))
    return text


class Library:
    """Object code in this process. It stays as long as this object lives."""

    def __init__(self, tracker: Any, addresses: dict[str, int]):
        self._tracker = tracker
        self.addresses = addresses

    def __getitem__(self, name: str) -> int:
        return self.addresses[name]


@functools.cache
def _jit() -> Any:
    llvm = binding()
    # (LLJIT wants a machine of its own; it only links here, the code is made already.)
    triple, cpu, text = target_description()
    machine = llvm.Target.from_triple(triple).create_target_machine(
        cpu=cpu, features=text, opt=2, reloc="pic", codemodel="small", jit=True
    )
    jit = llvm.create_lljit_compiler(machine, use_jit_link=True, suppress_errors=False)
    atexit.register(jit.detach)  # never taken apart: a worker may be in its code at the end
    return jit


_loaded = 0
_floats_used = ctypes.c_int(1)


def load(code: bytes, exports: Iterable[str], imports: Mapping[str, int] | None = None) -> Library:
    """Put object code into this process.

    Args:
        exports: names of the functions whose addresses are wanted.
        imports: addresses of the functions it calls that are defined elsewhere.
    """
    global _loaded
    _loaded += 1
    llvm = binding()
    builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
    found = dict(imports or {})
    if "windows" in target_description().triple:
        # Microsoft's linker wants it of whatever computes with floats; nobody reads it.
        found["_fltused"] = ctypes.addressof(_floats_used)
    for name, address in found.items():
        builder.import_symbol(name, address)
    names = list(exports)
    for name in names:
        builder.export_symbol(name)
    tracker = builder.link(_jit(), f"gradatim{_loaded}")
    return Library(tracker, {name: tracker[name] for name in names})
