"""Probe: how fast this machine multiplies and adds at this moment.

Every thread runs a loop of fused multiply-adds on registers alone. The best that it ever reaches is
the machine's peak, of which kernels reach a fraction; when it reaches less, somebody else is using
the machine, and what was timed around it says nothing.
"""

from __future__ import annotations

import ctypes
import functools
import time

import numpy as np

from gradatim.engines.llvm import native, threads
from gradatim.engines.llvm.emit import Module, constant, vector

TURNS = 10_000  # of the loop, in one piece: about 0.1 ms
CHAINS = (
    12  # sums side by side: more than latency times throughput of any processor, all in registers
)


class Probe:
    """The loop, ready to run.

    Attributes:
        operations: floating-point operations of one piece.
    """

    def __init__(self) -> None:
        module = Module(native.features())
        lanes = module.features.lanes("float")
        self.operations = 2 * TURNS * CHAINS * lanes
        f = module.function("probe", ["ptr", "i64", "i64", "ptr"], "i32")
        memory = f.load("ptr", f.params[0])
        x = f.splat(f.load("float", memory), lanes)
        sums = [constant(k / 64, vector("float", lanes)) for k in range(CHAINS)]
        turns = f.mul(f.sub(f.params[2], f.params[1]), TURNS)
        with f.loop(0, turns, carry=sums) as loop:
            loop.next(*(f.fma(x, x, value) for value in loop.carry))
        total = functools.reduce(f.add, loop.results)
        first = f.extract(total, 0)
        with f.if_(f.compare("eq", first, -1.0)):  # never, but the sums have to be computed for it
            f.store(first, memory)
        f.ret(0)
        self._library = native.load(native.object_code(module.text()), ["probe"])
        pool = threads.pool()
        self._share = ctypes.CFUNCTYPE(
            ctypes.c_int32, *[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 2
        )(pool.parallel_for_address)
        self._memory = np.ones(16, np.float32)
        self._arguments = (ctypes.c_void_p * 1)(self._memory.ctypes.data)

    def __call__(self, seconds: float = 0.005) -> float:
        """Operations in a second, of all threads together, over about `seconds`."""
        pool = threads.pool()
        pieces = 4 * pool.threads
        begin = now = time.perf_counter()
        done = 0
        while now < begin + seconds:
            self._share(pool.address, self._library["probe"], self._arguments, pieces, 1)
            done += pieces
            now = time.perf_counter()
        return done * self.operations / (now - begin)

    def peak(self, seconds: float = 0.2) -> float:
        """The best that it reaches in about `seconds`, in operations a second."""
        end = time.perf_counter() + seconds
        best = self()
        while time.perf_counter() < end:
            best = max(best, self())
        return best
