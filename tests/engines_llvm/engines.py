"""Both engines on the same small Program, for tests."""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys

import numpy as np

from gradatim.engines import reference
from gradatim.engines.llvm.executable import LLVMExecutable
from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.program import close, trace
from gradatim.graph.rewrite import simplify

PAGE = mmap.PAGESIZE


def value(array):
    """A Node with an array's content."""
    return p.value(array, array.shape, dtypes.from_numpy_dtype(array.dtype))


def numbers(rng, shape, dtype, special=True):
    """Small whole numbers, of which sums are exact; some NaN and Inf in floating dtypes."""
    array = np.asarray(rng.integers(-4, 5, shape))
    if dtype is dtypes.bool_:
        array = np.asarray(array > 0)
    elif not dtype.is_signed:
        array = np.asarray(abs(array))
    array = array.astype(dtype.numpy)
    if special and dtype.is_floating_point and array.size:
        some = rng.integers(0, array.size, 1 + array.size // 8)
        array.reshape(-1)[some] = rng.choice([np.nan, np.inf, -np.inf, -0.0], len(some))
    return p.value(array, shape, dtype)


def program(outputs):
    """The Program of some Nodes, and the arrays of its inputs."""
    found = trace(outputs)
    arrays = [
        np.array(n.params[0], n.dtype.numpy) if n.buffer is None else n.buffer for n in found.leaves
    ]
    return simplify(close(found)), arrays


def run(outputs, place=lambda array: array):
    """Results of the reference engine, of the native one, and the kernels of that."""
    closed, arrays = program(outputs)
    nothing = [None] * len(outputs)
    failure, expected = reference.ReferenceExecutable(closed)(arrays, nothing)
    assert failure is None
    executable = LLVMExecutable(closed)
    into = [place(np.empty(node.shape, node.dtype.numpy)) for node in closed.outputs]
    failure, got = executable([place(array) for array in arrays], into)
    assert failure is None
    return expected, got, [launch.code for launch in executable.schedule.launches]


def same_bits(a, b):
    """Whether two arrays are equal to the bit, but that any NaN is as good as another."""
    if a.dtype.name == "bfloat16":
        a, b = a.astype(np.float32), b.astype(np.float32)
    if a.dtype.kind != "f":
        return np.array_equal(a, b)
    number = ~np.isnan(a)
    return np.array_equal(a, b, equal_nan=True) and np.array_equal(
        np.signbit(a[number]), np.signbit(b[number])
    )


class Guarded:
    """Memory that ends, or begins, at a page that cannot be touched."""

    def __init__(self, array, side):
        whole = -(-max(1, array.nbytes) // PAGE) * PAGE
        self.map = mmap.mmap(-1, whole + 2 * PAGE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        libc = ctypes.CDLL(None)
        libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        for page in (start, start + PAGE + whole):
            assert libc.mprotect(page, PAGE, 0) == 0
        offset = PAGE if side == "left" else PAGE + whole - array.nbytes
        self.array = np.ndarray(array.shape, array.dtype, self.map, offset)
        self.array[...] = array


def guarded(side):
    """A `place` for `run`: every array in such memory."""
    kept = []

    def place(array):
        kept.append(Guarded(array, side))
        return kept[-1].array

    return place


def run_tests_elsewhere(file, choice, **environment):
    """Run some tests of a file in a process with another environment."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", file, "-k", choice]
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def digest_elsewhere(file, **environment):
    """What a file prints when it is run as a script in a process with another environment."""
    paths = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, file],
        env=os.environ | {"PYTHONPATH": paths} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
