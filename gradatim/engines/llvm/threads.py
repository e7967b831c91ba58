"""The pool of threads that share the work of a kernel, in native code.

A kernel is a native function `i32 fn(ptr args, i64 begin, i64 end, ptr scratch)` that does pieces
[begin, end) of its work. The pool's one function shares the pieces out:

    i32 gradatim_parallel_for(ptr pool, ptr fn, ptr args, i64 pieces, i64 grain)

The caller and the workers take `grain` pieces at a time until none are left; the statuses that `fn`
returned come back combined by bitwise or. It can be called from any thread, with or without the
GIL (with it, `fn` must not want it), many times within one native program, and from inside a
piece. The workers are only ever
*help*: a caller that finds the pool busy, or empty, or too slow to wake, does every piece itself.
So threads may come and go at any time (`set_num_threads`, fork, exit of the interpreter) and the
worst that happens is that a call runs on one.

The pool is LLVM IR, below, because a call costs about a microsecond there and a hundred in Python.
Workers are Python threads that enter `gradatim_work` once, which lets the GIL go for good.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import threading
import time

import llvmlite.binding as llvm  # type: ignore[import-untyped]

from gradatim.engines.llvm.cores import MOST_THREADS, default_threads
from gradatim.engines.llvm.pool_code import FIELDS, pool_ir
from gradatim.graph.errors import ArgumentError, ArgumentTypeError

SCRATCH_BYTES = 8 << 20
# Longer than what Python does between two steps of an uncompiled loop (0.15 to 0.3 ms for small
# networks, measured: 302 µs a turn with 100, 250 with 300), shorter than anyone would notice.
SPIN_MICROSECONDS = 300

EXPORTS = {
    "gradatim_new_pool": ctypes.CFUNCTYPE(ctypes.c_void_p),
    "gradatim_work": ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64),
    "gradatim_dismiss": ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p),
    "gradatim_pause": ctypes.CFUNCTYPE(None, ctypes.c_int64),
}
PARALLEL_FOR = "gradatim_parallel_for"


class _Native:
    """The compiled pool: its functions, to call from Python, and the address of the one that
    other native code calls. Compiled once in a process; a forked child inherits it."""

    def __init__(self) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        triple = llvm.get_process_triple()
        target = llvm.Target.from_triple(triple)
        module = llvm.parse_assembly(pool_ir(triple))
        code = target.create_target_machine(opt=2).emit_object(module)
        # The linker's own machine too: LLJIT takes ownership of the one that it is given.
        jit = llvm.create_lljit_compiler(target.create_target_machine(opt=2))
        builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name in (*EXPORTS, PARALLEL_FOR):
            builder.export_symbol(name)
        linked = builder.link(jit, "gradatim_threads")
        self.parallel_for_address = int(linked[PARALLEL_FOR])
        self.new_pool, self.work, self.dismiss, self.pause = (
            prototype(linked[name]) for name, prototype in EXPORTS.items()
        )
        # The code stays for as long as the process: a worker that is still inside a kernel when
        # the interpreter ends must not have it taken away.
        linked.detach()
        jit.detach()


# --- the pool, from Python -----------------------------------------------------------------------


class Pool:
    """The pool of this process, as native code needs it. `pool()` gives it.

    Attributes:
        address: of the native pool, the first argument of `parallel_for`.
        parallel_for_address: of `i32 (ptr pool, ptr fn, ptr args, i64 pieces, i64 grain)`, which
            other native code imports as `gradatim_parallel_for`.
        threads: how many threads share the work, the caller among them.
    """

    def __init__(self, native: _Native, threads: int, scratch_bytes: int) -> None:
        address = native.new_pool()
        if not address:
            raise MemoryError("no memory for the pool of threads")
        # Never freed (3 KB): whoever still holds the address may use it.
        self.address: int = address
        self.parallel_for_address = native.parallel_for_address
        self._native = native
        self._workers: list[threading.Thread] = []
        self._field("scratch_bytes").value = scratch_bytes
        self.spin_microseconds = SPIN_MICROSECONDS
        self.threads = self._start(threads, generation=0)

    def __repr__(self) -> str:
        return f"Pool(threads={self.threads}, scratch_bytes={self.scratch_bytes})"

    def _field(self, name: str) -> ctypes.c_int64:
        return ctypes.c_int64.from_address(self.address + FIELDS[name])

    @property
    def scratch_bytes(self) -> int:
        """The size of each thread's scratch memory (`reserve_scratch` makes it larger)."""
        return self._field("scratch_bytes").value

    @property
    def spin_microseconds(self) -> float:
        """How long a worker looks for the next job before it sleeps."""
        return self._field("spins").value * _pause_microseconds(self._native)

    @spin_microseconds.setter
    def spin_microseconds(self, duration: float) -> None:
        self._field("spins").value = round(duration / _pause_microseconds(self._native))

    def resize(self, threads: int) -> None:
        """Other workers for the calls that come. Those that are in a job finish it first."""
        self._workers = [worker for worker in self._workers if worker.is_alive()]
        generation = self._native.dismiss(self.address)
        self.threads = self._start(threads, generation)

    def _start(self, threads: int, generation: int) -> int:
        """Start the workers. Returns how many threads there are, with the caller."""
        for number in range(1, threads):
            worker = threading.Thread(
                target=_work,
                args=(self._native, self.address, generation, number),
                name=f"gradatim-{number}",
                daemon=True,
            )
            try:
                worker.start()
            except RuntimeError:  # no more threads can be had, or the interpreter is ending
                return number
            self._workers.append(worker)
        return threads

    def close(self, timeout: float = 0.3) -> None:
        """Send the workers away and wait for them, for at most `timeout` seconds. The pool can
        still be used: each caller runs alone."""
        self._native.dismiss(self.address)
        deadline = time.monotonic() + timeout
        for worker in self._workers:
            worker.join(max(0.0, deadline - time.monotonic()))


# What a thread does to itself, and no other should get (SIGSEGV and the like).
OWN_SIGNALS = {"SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGABRT", "SIGSYS"}


def _work(native: _Native, address: int, generation: int, number: int) -> None:
    """The life of a worker: in native code, where it can do nothing about a signal. Ctrl-C must
    reach a thread that it interrupts."""
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        others = {s for s in signal.valid_signals() if getattr(s, "name", "") not in OWN_SIGNALS}
        signal.pthread_sigmask(signal.SIG_BLOCK, others)
    native.work(address, generation, number)


_pause: float | None = None


def _pause_microseconds(native: _Native) -> float:
    """How long a turn of a spinning thread takes here: 0.01 to 0.06 µs, by the processor."""
    global _pause
    if _pause is None:
        turns = 1000
        times = []
        for _ in range(5):
            start = time.perf_counter()
            native.pause(turns)
            times.append(time.perf_counter() - start)
        _pause = min(times) * 1e6 / turns
    return _pause


_lock = threading.RLock()
_native: _Native | None = None
_pool: Pool | None = None
_threads: int | None = None  # as set, or as found at first use
_scratch_bytes = SCRATCH_BYTES


def pool() -> Pool:
    """The pool of this process, made when it is first asked for, and again in a forked child.

    Ask for it at each call rather than keep it: its address differs after a fork.

    Raises:
        ArgumentError: `GRADATIM_NUM_THREADS` is not a number of threads.
    """
    global _pool, _native
    if _pool is None:
        with _lock:
            if _pool is None:
                threads = get_num_threads()
                _native = _native or _Native()
                _pool = Pool(_native, threads, _scratch_bytes)
    return _pool


def reserve_scratch(count: int) -> None:
    """Give every piece that runs from now on at least `count` bytes of scratch memory (8 MiB
    otherwise), in this process and in children forked from it. What is never touched costs
    nothing."""
    global _scratch_bytes
    with _lock:
        _scratch_bytes = max(_scratch_bytes, count)
        if _pool is not None:
            _pool._field("scratch_bytes").value = _scratch_bytes


def get_num_threads() -> int:
    """How many threads a computation may use.

    Raises:
        ArgumentError: `GRADATIM_NUM_THREADS` is not a number of threads.
    """
    global _threads
    if _threads is None:
        _threads = default_threads()
    return _threads


def set_num_threads(threads: int) -> None:
    """Use that many threads from now on. Results do not depend on it, to the bit.

    Args:
        threads: from 1 to 1024. More than there are cores only costs time.

    Raises:
        ArgumentTypeError: not a whole number.
        ArgumentError: out of range.

    Example:

        >>> before = get_num_threads()
        >>> set_num_threads(2)
        >>> get_num_threads()
        2
        >>> set_num_threads(before)
    """
    global _threads
    if not isinstance(threads, int) or isinstance(threads, bool):
        kind = type(threads).__name__
        raise ArgumentTypeError(f"set_num_threads takes a whole number, not {kind}")
    if not 1 <= threads <= MOST_THREADS:
        raise ArgumentError(f"set_num_threads takes 1 to {MOST_THREADS} threads, not {threads}")
    with _lock:
        _threads = threads
        if _pool is not None and _pool.threads != threads:
            _pool.resize(threads)


# --- fork and exit -------------------------------------------------------------------------------

# A child has none of the workers, and a copy of the pool in whatever state it was: it forgets the
# pool, and makes one when it needs one. The lock is held across the fork, so that no other thread
# is in the middle of compiling or starting.


def _after_fork_in_child() -> None:
    global _pool, _lock
    _pool = None
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(
        before=lambda: _lock.acquire(),
        after_in_parent=lambda: _lock.release(),
        after_in_child=_after_fork_in_child,
    )


@atexit.register
def _at_exit() -> None:
    if _pool is not None:
        _pool.close()
