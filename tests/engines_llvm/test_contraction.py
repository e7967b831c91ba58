"""Contractions, compiled and run piece by piece. NumPy's einsum gives the expected values."""

from __future__ import annotations

import ctypes
import itertools

import numpy as np
import pytest

from gradatim.engines.llvm import native
from gradatim.engines.llvm.contraction import Choice, Nest, Side, emit_contraction
from gradatim.engines.llvm.emit import Module

rng = np.random.RandomState(0)
KERNEL = ctypes.CFUNCTYPE(
    ctypes.c_int32, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p
)
NAMES = {np.dtype(np.float32): "float", np.dtype(np.float64): "double", np.dtype(bool): "i8"}
NAMES |= {np.dtype(f"int{n}"): f"i{n}" for n in (8, 16, 32, 64)}


def aligned(nbytes):
    raw = np.zeros(nbytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + nbytes]


class Compiled:
    """The kernels of one contraction in this process."""

    def __init__(self, nest, extras, outputs, epilogue, **options):
        module = Module(native.features())
        self.kernels = emit_contraction(
            module, "kernel", nest, extras, outputs, epilogue, **options
        )
        self.text = module.text()
        if self.kernels:
            code = native.object_code(self.text)
            self.library = native.load(code, [kernel.name for kernel in self.kernels])
        self.scratch = aligned(8 << 20)

    def __call__(self, order=None, **arrays):
        """Run all pieces, in an order of their own where `order` is a RandomState."""
        memory = {name: array.ctypes.data for name, array in arrays.items()}
        kept = []
        for kernel in self.kernels:
            for name, nbytes in kernel.writes.items():
                kept.append(aligned(nbytes))
                kept[-1][:] = 0xFF
                memory[name] = kept[-1].ctypes.data
            args = (ctypes.c_void_p * len(kernel.arguments))(
                *(memory[name] for name in kernel.arguments)
            )
            run = KERNEL(self.library[kernel.name])
            pieces = [(p, p + 1) for p in range(kernel.pieces)]
            if order is None:
                pieces = [(0, kernel.pieces)]
            else:
                order.shuffle(pieces)
            for begin, end in pieces:
                assert run(args, begin, end, self.scratch.ctypes.data) == 0


def identity(f, acc, extras):
    return [acc]


def strides_of(array):
    return [s // array.itemsize for s in array.strides]


def matrix_nest(a, b, c, dtype="float", accumulate=None):
    """C[m, n] = Σ A[m, k] B[k, n] of two-dimensional views."""
    (am, ak), (bk, bn), (cm, cn) = strides_of(a), strides_of(b), strides_of(c)
    (m, k), n = a.shape, b.shape[1]
    nest = Nest(dtype, accumulate or dtype, (), ((m, am),), ((n, bn),), ((k, ak, bk),))
    return nest, Side(NAMES[c.dtype], (), (cm,), (cn,))


def numbers(*shape, dtype=np.float32, transposed=False):
    """Small integers: products and sums are exact, whatever the order."""
    array = rng.randint(-4, 5, size=shape[::-1] if transposed else shape).astype(dtype)
    return array.T if transposed else array


SIZES = [
    (1, 1, 1), (1, 7, 1), (3, 1, 5), (5, 3, 2), (8, 16, 48), (17, 33, 49), (50, 100, 10),
    (64, 20, 130), (100, 37, 63), (1, 100, 50), (50, 100, 1), (33, 65, 31), (14, 200, 32),
]  # fmt: skip
LAYOUTS = list(itertools.product((False, True), repeat=3))


@pytest.mark.parametrize("m, k, n", SIZES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_matrix_products_in_all_layouts(m, k, n, layout):
    a, b = numbers(m, k, transposed=layout[0]), numbers(k, n, transposed=layout[1])
    c = np.full((n, m) if layout[2] else (m, n), np.nan, np.float32)
    view = c.T if layout[2] else c
    nest, side = matrix_nest(a, b, view)
    Compiled(nest, [], [side], identity)(a=a, b=b, output0=view)
    np.testing.assert_array_equal(view, a @ b)


@pytest.mark.parametrize("m, k, n", [(17, 33, 49), (50, 70, 10), (5, 3, 2), (1, 20, 7), (9, 1, 70)])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("way", list(itertools.product((False, True), repeat=3)))
def test_every_way_of_computing(m, k, n, layout, way):
    a, b = numbers(m, k, transposed=layout[0]), numbers(k, n, transposed=layout[1])
    c = np.full((n, m) if layout[2] else (m, n), np.nan, np.float32)
    view = c.T if layout[2] else c
    nest, side = matrix_nest(a, b, view)
    run = Compiled(nest, [], [side], identity, choice=Choice(*way, rows=4, vectors=2))
    run(a=a, b=b, output0=view)
    np.testing.assert_array_equal(view, a @ b)
