"""Timed: an executable that notes when each of its kernels began and ended.

Kernels are stamped from within the driver, by the processor's counter of cycles, which takes 10 to
20 nanoseconds to read. How long a count is, is found out beside the system's clock.
"""

from __future__ import annotations

import ctypes
import time
from typing import Any

from gradatim.engines import Failure
from gradatim.engines.llvm.describe import describe
from gradatim.engines.llvm.driver import REPORT
from gradatim.engines.llvm.executable import LLVMExecutable
from gradatim.engines.llvm.stamps import NOW
from gradatim.graph.program import Program


class TimedExecutable(LLVMExecutable):
    """As an ordinary one, a little slower, and compiled anew each time.

    Attributes:
        facts: of its kernels, in order.
        ticks: of the last call, for each kernel.
    """

    def __init__(self, program: Program):
        super().__init__(program, stamps=True)
        kernels = self.whole_plan.kernels
        self.facts = describe(self.schedule, self.whole_plan)
        self.report = (ctypes.c_int64 * (REPORT + 2 * len(kernels)))()
        self._places = {id(k.launch): n for n, k in enumerate(kernels) if not k.function}
        self._by_host: dict[int, float] = {}
        self._clock = None
        if self.library is not None:
            self._clock = ctypes.CFUNCTYPE(ctypes.c_int64)(self.library[NOW])
            self._start = self._clock(), time.perf_counter()

    def _host(self, launch: Any, arrays: Any, inputs: int, arena: Any) -> Failure | None:
        begin = time.perf_counter()
        failure = super()._host(launch, arrays, inputs, arena)
        self._by_host[self._places[id(launch)]] = time.perf_counter() - begin
        return failure

    @property
    def ticks(self) -> list[float]:
        """For `seconds`: what each kernel of the last call took, negative where it is seconds."""
        stamps = self.report[REPORT:]
        return [
            -self._by_host[k] if k in self._by_host else stamps[2 * k + 1] - stamps[2 * k]
            for k in range(len(self.facts.kernels))
        ]

    def seconds(self, ticks: list[float]) -> list[float]:
        """Ticks as seconds; the longer the executable has lived, the more exactly."""
        scale = 0.0
        if self._clock is not None:
            while time.perf_counter() - self._start[1] < 0.02:
                time.sleep(0.005)
            counted = self._clock() - self._start[0]
            scale = (time.perf_counter() - self._start[1]) / counted
        return [-t if t < 0 else t * scale for t in ticks]
