"""Contractions, compiled and run piece by piece. NumPy's einsum gives the expected values."""

from __future__ import annotations

import ctypes
import itertools
import mmap
import os
import subprocess
import sys

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


# --- any nest against einsum ---------------------------------------------------------------------

LETTERS = "abcdefghijkl"


def random_view(extents, draw):
    """A view with these extents in random order in memory, some axes reversed, some padded."""
    order = list(range(len(extents)))
    draw.shuffle(order)
    padded = [extents[k] + draw.randint(0, 3) for k in order]
    base = draw.randint(-3, 4, size=padded).astype(np.float32)
    view = base[tuple(slice(extents[k]) for k in order)]
    view = view.transpose(np.argsort(order)) if extents else view
    flips = tuple(slice(None, None, draw.choice([1, 1, -1])) for _ in extents)
    return view[(*flips, ...)]


@pytest.mark.parametrize("seed", range(100))
def test_random_nests_against_einsum(seed):
    draw = np.random.RandomState(seed)
    letters = iter(LETTERS)
    groups = [
        [
            (next(letters), int(draw.choice([1, 2, 3, 5, 7, 12, 18])))
            for _ in range(draw.randint(0, 4))
        ]
        for _ in range(4)
    ]
    while np.prod([e for group in groups for _, e in group]) > 4e6:
        groups[draw.randint(4)] = []
    batch, rows, columns, depth = groups
    extents = {name: e for group in groups for name, e in group}
    names = [[name for name, _ in group] for group in groups]
    sides = [names[0] + names[1] + names[3], names[0] + names[3] + names[2]]
    views = [random_view([extents[n] for n in side], draw) for side in sides]
    result = names[0] + names[1] + names[2]
    c = random_view([extents[n] for n in result], draw)
    expected = np.einsum(f"{''.join(sides[0])},{''.join(sides[1])}->{''.join(result)}", *views)
    strides = [dict(zip(side, strides_of(view))) for side, view in zip(sides, views)]
    out = dict(zip(result, strides_of(c)))
    nest = Nest(
        "float", "float",
        tuple((e, strides[0][n], strides[1][n]) for n, e in batch),
        tuple((e, strides[0][n]) for n, e in rows),
        tuple((e, strides[1][n]) for n, e in columns),
        tuple((e, strides[0][n], strides[1][n]) for n, e in depth),
    )  # fmt: skip
    side = Side("float", *(tuple(out[n] for n in group) for group in names[:3]))
    options = {}
    if seed % 3:
        way = [bool(draw.randint(2)) for _ in range(3)]
        tile = {"rows": draw.randint(1, 9), "vectors": draw.randint(1, 4)}
        options["choice"] = Choice(*way, **tile, parts=int(draw.choice([1, 1, 2, 3])))
    Compiled(nest, [], [side], identity, **options)(order=draw, a=views[0], b=views[1], output0=c)
    np.testing.assert_array_equal(c, expected)


DOTS = [(1, 1, 1), (1, 1, 100), (3, 5, 37), (9, 8, 64), (4, 4, 1000), (17, 10, 48)]


@pytest.mark.parametrize("m, n, k", DOTS)
@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dot_tiles(m, n, k, parts, dtype):
    a, b = numbers(m, k, dtype=dtype), numbers(k, n, dtype=dtype, transposed=True)
    c = np.full((m, n), np.nan, dtype)
    nest, side = matrix_nest(a, b, c, NAMES[c.dtype])
    choice = Choice(False, False, False, 3, 4, dot=True, parts=parts)
    Compiled(nest, [], [side], identity, choice=choice)(a=a, b=b, output0=c)
    np.testing.assert_array_equal(c, a @ b)


@pytest.mark.parametrize("parts", [1, 4])
@pytest.mark.parametrize("width", [5, 16, 28, 40])
@pytest.mark.parametrize("dot", [False, True])
def test_the_kernel_gradient_of_a_convolution(parts, width, dot):
    """dW[o, i, h, w] = Σ_nyx dY[n, o, y, x] X[n, i, y + h, x + w]: lanes along x, or not."""
    x, y = numbers(3, 2, 9, width + 2), numbers(3, 7, 7, width)
    w = np.zeros((7, 2, 3, 3), np.float32)
    (xn, xc, xh, xw), (yn, yc, yh, yw) = strides_of(x), strides_of(y)
    nest = Nest(
        "float", "float", (), ((7, yc),), ((2, xc), (3, xh), (3, xw)),
        ((3, yn, xn), (7, yh, xh), (width, yw, xw)),
    )  # fmt: skip
    choice = Choice(False, False, not dot, 3, 9 if dot else 2, dot=dot, parts=parts)
    wo, *rest = strides_of(w)
    run = Compiled(nest, [], [Side("float", (), (wo,), tuple(rest))], identity, choice=choice)
    run(a=y, b=x, output0=w, order=np.random.RandomState(0))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(2, 3))
    np.testing.assert_array_equal(w, np.einsum("noyx,niyxhw->oihw", y, windows))


def test_nothing_to_sum_gives_zeros_through_the_epilogue():
    nest = Nest("float", "float", (), ((3, 0),), ((5, 1),), ((0, 1, 5),))
    c = np.full((3, 5), np.nan, np.float32)
    plus_one = lambda f, acc, extras: [f.add(acc, 1)]  # noqa: E731
    Compiled(nest, [], [Side("float", (), (5,), (1,))], plus_one)(
        a=np.zeros(0), b=np.zeros(0), output0=c
    )
    assert (c == 1).all()


@pytest.mark.parametrize("group", ["batch", "rows", "columns"])
def test_no_results_need_no_kernels(group):
    extents = {"batch": ((2, 1, 1),), "rows": ((3, 1),), "columns": ((4, 1),)}
    extents[group] = ((0, *extents[group][0][1:]),)
    nest = Nest("float", "float", depth=((5, 1, 1),), **extents)
    assert Compiled(nest, [], [Side("float", (1,), (1,), (1,))], identity).kernels == []


# --- epilogues -----------------------------------------------------------------------------------


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("m, k, n", [(37, 20, 53), (64, 30, 10), (5, 4, 100)])
def test_bias_relu_and_a_mask_as_second_output(m, k, n, transposed):
    a, b, bias = numbers(m, k), numbers(k, n), numbers(n)
    c, mask = numbers(m, n, transposed=transposed), numbers(m, n, dtype=bool, transposed=transposed)
    nest, side = matrix_nest(a, b, c)
    sides = [side, Side("i8", side.batch, side.rows, side.columns)]

    def epilogue(f, acc, extras):
        total = f.add(acc, extras[0])
        positive = f.compare("gt", total, 0)
        return [f.select(positive, total, 0.0), f.convert(positive, "i8", signed=False)]

    Compiled(nest, [Side("float", (), (0,), (1,))], sides, epilogue)(
        a=a, b=b, extra0=bias, output0=c, output1=mask
    )
    np.testing.assert_array_equal(c, np.maximum(a @ b + bias, 0))
    np.testing.assert_array_equal(mask, a @ b + bias > 0)


@pytest.mark.parametrize("m, k, n", [(37, 20, 53), (10, 64, 30), (100, 3, 7)])
@pytest.mark.parametrize("layout", list(itertools.product((False, True), repeat=2)))
def test_an_update_in_place_happens_once_for_every_element(m, k, n, layout):
    a, b = numbers(m, k, transposed=layout[0]), numbers(k, n, transposed=layout[1])
    w, rate = numbers(m, n), np.array([0.5], np.float32)
    expected = w - rate * (a @ b)
    nest, side = matrix_nest(a, b, w)

    def epilogue(f, acc, extras):
        return [f.sub(extras[0], f.mul(extras[1], acc))]

    Compiled(nest, [side, Side("float", (), (0,), (0,))], [side], epilogue)(
        a=a, b=b, extra0=w, extra1=rate, output0=w
    )
    np.testing.assert_array_equal(w, expected)


def test_a_residual_in_another_layout_and_an_output_in_another_type():
    a, b, residual = numbers(33, 20), numbers(20, 45), numbers(33, 45, transposed=True)
    c, d = np.zeros((33, 45)), np.zeros((33, 45), np.int32)
    nest, side = matrix_nest(a, b, c)
    extra = Side("float", (), *((s,) for s in strides_of(residual)))

    def epilogue(f, acc, extras):
        total = f.add(acc, extras[0])
        return [f.convert(total, "double"), f.convert(total, "i32")]

    Compiled(nest, [extra], [side, Side("i32", (), side.rows, side.columns)], epilogue)(
        a=a, b=b, extra0=residual, output0=c, output1=d
    )
    np.testing.assert_array_equal(c, a @ b + residual)
    np.testing.assert_array_equal(d, a @ b + residual)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "float64"])
@pytest.mark.parametrize("layout", list(itertools.product((False, True), repeat=3)))
def test_other_types(dtype, layout):
    a = numbers(21, 30, dtype=dtype, transposed=layout[0]) * 9
    b = numbers(30, 37, dtype=dtype, transposed=layout[1]) * 9
    c = numbers(21, 37, dtype=dtype, transposed=layout[2])
    nest, side = matrix_nest(a, b, c, NAMES[np.dtype(dtype)])
    Compiled(nest, [], [side], identity)(a=a, b=b, output0=c)
    np.testing.assert_array_equal(c, a @ b)  # integers wrap around in both


@pytest.mark.parametrize("dtype", ["half", "bfloat"])
@pytest.mark.parametrize("layout", list(itertools.product((False, True), repeat=2)))
def test_half_precision_sums_in_float(dtype, layout):
    import ml_dtypes

    stored = {"half": np.float16, "bfloat": ml_dtypes.bfloat16}[dtype]
    a, b = numbers(21, 300, transposed=layout[0]), numbers(300, 37, transposed=layout[1])
    x, y, c = a.astype(stored), b.astype(stored), np.zeros((21, 37), np.float32)
    nest, side = matrix_nest(x, y, c, dtype, "float")
    Compiled(nest, [], [side], identity)(a=x, b=y, output0=c)
    np.testing.assert_array_equal(c, a @ b)


# --- pieces --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "m, k, n", [(300, 200, 500), (20, 5000, 30), (1, 3000, 1), (1000, 300, 10)]
)
def test_bits_do_not_depend_on_who_does_which_piece(m, k, n):
    a, b = rng.rand(m, k).astype(np.float32), rng.rand(k, n).astype(np.float32)
    c, d = np.zeros((m, n), np.float32), np.zeros((m, n), np.float32)
    nest, side = matrix_nest(a, b, c)
    run = Compiled(nest, [], [side], identity)
    run(a=a, b=b, output0=c)
    run(a=a, b=b, output0=d, order=np.random.RandomState(1))
    np.testing.assert_array_equal(c, d)
    np.testing.assert_allclose(c, a @ b, rtol=1e-4)


@pytest.mark.parametrize("rows, each", [(64, 16), (50, 7), (10, 10), (9, 4), (5, 8)])
@pytest.mark.parametrize("transposed", [False, True])
def test_rows_per_piece(rows, each, transposed):
    a, b = numbers(rows, 30), numbers(30, 20)
    c = np.full((20, rows) if transposed else (rows, 20), np.nan, np.float32)
    view = c.T if transposed else c
    nest, side = matrix_nest(a, b, view)
    run = Compiled(nest, [], [side], identity, rows_per_piece=each)
    blocks = -(-rows // each)
    *before, kernel = run.kernels
    assert all("a" not in packing.arguments for packing in before)  # A may change on the way
    assert kernel.pieces % blocks == 0
    per_block = kernel.pieces // blocks
    run(a=a, b=b, output0=view)
    np.testing.assert_array_equal(view, a @ b)
    view[:] = np.nan
    full, kernel.pieces = kernel.pieces, 2 * per_block  # the first two blocks alone
    run(a=a, b=b, output0=view)
    kernel.pieces = full
    np.testing.assert_array_equal(view[: 2 * each], (a @ b)[: 2 * each])
    assert np.isnan(view[2 * each :]).all()


# --- memory --------------------------------------------------------------------------------------


class Guarded:
    """Copies of arrays between inaccessible pages, flush left or flush right: a read or a write
    outside ends the process."""

    def __init__(self, right):
        self.right = right
        self.kept = []
        libc = ctypes.CDLL(None, use_errno=True)
        self.protect = libc.mprotect
        self.protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

    def __call__(self, array):
        """The same numbers with the same strides (of an array without gaps)."""
        page = mmap.PAGESIZE
        room = -(-array.nbytes // page) * page
        memory = mmap.mmap(-1, room + 2 * page)
        base = np.frombuffer(memory, np.uint8)
        self.kept.append(memory)
        for start in (0, page + room):
            assert self.protect(base.ctypes.data + start, page, 0) == 0
        start = page + (room - array.nbytes if self.right else 0)
        order = np.argsort([-abs(s) for s in array.strides], kind="stable")
        inner = base[start : start + array.nbytes].view(array.dtype)
        copy = inner.reshape([array.shape[k] for k in order]).transpose(np.argsort(order))
        copy[...] = array
        return copy


GUARDED = [(1, 1, 1), (5, 3, 2), (17, 33, 49), (50, 100, 10), (1, 100, 50), (130, 300, 75)]
GUARDED += [(3, 3000, 2)]


@pytest.mark.skipif(os.name != "posix", reason="mprotect")
@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("m, k, n", GUARDED)
def test_nothing_outside_of_the_operands_is_touched(m, k, n, right):
    place = Guarded(right)
    bias = place(numbers(n))
    for left, top, out in LAYOUTS:
        a, b = numbers(m, k, transposed=left), numbers(k, n, transposed=top)
        a, b, c = place(a), place(b), place(numbers(m, n, transposed=out))
        nest, side = matrix_nest(a, b, c)
        ways = [Choice(*(bool(w) for w in rng.randint(2, size=3)), 5, 2) for _ in range(3)]
        if not left and top:
            ways += [Choice(False, False, False, 3, 4, True, parts) for parts in (1, 2)]
        for choice in (None, *ways):
            run = Compiled(
                nest, [Side("float", (), (0,), (1,))], [side],
                lambda f, acc, extras: [f.add(acc, extras[0])], choice=choice,
            )  # fmt: skip
            c[...] = -1
            run(a=a, b=b, extra0=bias, output0=c)
            np.testing.assert_array_equal(c, a @ b + bias)


@pytest.mark.skipif(os.name != "posix", reason="mprotect")
@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize(
    "size, kernel, inside, outside", [(9, 3, 5, 7), (20, 5, 1, 6), (34, 3, 2, 17)]
)
def test_convolutions_read_only_their_padded_input(size, kernel, inside, outside, right):
    place = Guarded(right)
    x, w = place(numbers(2, inside, size, size)), place(numbers(outside, inside, kernel, kernel))
    out = size - kernel + 1
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), axis=(2, 3))
    y = place(np.einsum("niyxhw,oihw->noyx", windows, w))
    dw = place(np.einsum("noyx,niyxhw->oihw", y, windows))
    (xn, xc, xh, xw), (yn, yc, yh, yw), (wo, wc, wh, ww) = map(strides_of, (x, y, w))
    forward = Nest(
        "float", "float", ((2, 0, xn),), ((outside, wo),), ((out, xh), (out, xw)),
        ((inside, wc, xc), (kernel, wh, xh), (kernel, ww, xw)),
    )  # fmt: skip
    backward = Nest(
        "float", "float", (), ((outside, yc),), ((inside, xc), (kernel, xh), (kernel, xw)),
        ((2, yn, xn), (out, yh, xh), (out, yw, xw)),
    )  # fmt: skip
    ways = [Choice(*way, 5, 2) for way in itertools.product((False, True), repeat=3)]
    for choice in (None, *ways):
        c = place(np.zeros_like(y))
        run = Compiled(
            forward, [], [Side("float", (yn,), (yc,), (yh, yw))], identity, choice=choice
        )
        run(a=w, b=x, output0=c)
        np.testing.assert_array_equal(c, y)
    for choice in (None, *ways, Choice(False, False, False, 3, 3, True, 2)):
        c = place(np.zeros_like(dw))
        run = Compiled(
            backward, [], [Side("float", (), (wo,), (wc, wh, ww))], identity, choice=choice
        )
        run(a=y, b=x, output0=c)
        np.testing.assert_array_equal(c, dw)


@pytest.mark.parametrize("level", ["avx2", "sse2"])
@pytest.mark.timeout(900)
def test_narrower_processors(level):
    """The same tests, with instructions that a narrower processor has."""
    if "GRADATIM_CPU_FEATURES" in os.environ:
        pytest.skip("already on one")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", __file__]
    environment = {**os.environ, "GRADATIM_CPU_FEATURES": level}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
