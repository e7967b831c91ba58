"""Stamps: the time, read within native code."""

from __future__ import annotations

import sys

from gradatim.engines.llvm.emit import Function, Module, Value, constant
from gradatim.engines.llvm.native import level

NOW = "gradatim_now"
_MONOTONIC = 6 if sys.platform == "darwin" else 1


def now(f: Function) -> Value:
    """A count that goes up evenly, as an i64."""
    if NOW not in f.module.functions:
        _define(f.module)
    return f.call(NOW, "i64")


def _define(module: Module) -> None:
    f = module.function(NOW, [], "i64")
    if level() != "neon":
        f.ret(f.intrinsic("llvm.readcyclecounter", "i64"))
        return
    # The counter of cycles of AArch64 is not for user programs: the system's clock instead.
    spec = f.alloca("i64", 2)
    module.declare("clock_gettime", "i32", ["i32", "ptr"])
    f.call("clock_gettime", "i32", constant(_MONOTONIC, "i32"), spec)
    whole = f.mul(f.load("i64", spec), 1_000_000_000)
    f.ret(f.add(whole, f.load("i64", f.at(spec, 1, "i64"))))
