"""Products of tensors other than `matmul`: outer and inner, Kronecker, cross, chains and powers."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import bool_, int64
from gradatim.graph.errors import ArgumentTypeError, ShapeError
from gradatim.graph.node import Shape
from gradatim.ops.arguments import operands, wrap_dim
from gradatim.ops.linear import matmul, mm, read_pair
from gradatim.tensor import Tensor, method, named, op

__all__ = [
    "chain_matmul",
    "cross",
    "ger",
    "inner",
    "kron",
    "linalg_cross",
    "linalg_multi_dot",
    "matrix_power",
    "outer",
    "tensordot",
    "trace",
]

# --- inner and outer -----------------------------------------------------------------------------


@method("outer", "ger")
def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Each element of a vector times each of another: (n,), (m,) -> (n, m)."""
    for vector, which in ((input, "self"), (vec2, "vec2")):
        if vector.ndim != 1:
            raise ShapeError(f"outer: Expected 1-D argument {which}, but got {vector.ndim}-D")
    a, b = operands(input, vec2, "outer")
    return named(p.mul(p.reshape(a, (a.size, 1)), b), "Mul")


ger = outer


@method()
def inner(input: Tensor, other: Tensor) -> Tensor:
    """The products of the last dimensions: (..., k), (*, k) -> (..., *)."""
    if input.ndim == 0 or other.ndim == 0:
        result: Tensor = input * other
        return result
    a, b = read_pair(input, other, "inner")
    if a.shape[-1] != b.shape[-1]:
        raise ShapeError(
            f"inner() the last dimension must match on both input tensors but got shapes "
            f"{list(a.shape)} and {list(b.shape)}"
        )
    node = p.contract(a, b, (a.ndim - 1,), (b.ndim - 1,))
    return named(node, "View")


def tensordot(a: Tensor, b: Tensor, dims: Any = 2, out: Any = None) -> Tensor:
    """The sum over pairs of dimensions of two tensors.

    Args:
        dims: how many of the last of `a` are paired with the first of `b`, or two lists of
            dimensions.

    Example:
        >>> import gradatim as gd
        >>> gd.tensordot(gd.ones(2, 3, 4), gd.ones(4, 3, 5), dims=([1, 2], [1, 0])).shape
        torch.Size([2, 5])
    """
    x, y = read_pair(a, b, "tensordot")
    a_axes, b_axes = _paired(x.ndim, y.ndim, dims)
    for i, j in zip(a_axes, b_axes):
        if x.shape[i] == y.shape[j]:
            continue
        if x.shape[i] == 1:  # broadcasts: the other's elements are added up
            y = p.reshape(p.sum_(y, (j,)), (*y.shape[:j], 1, *y.shape[j + 1 :]))
        elif y.shape[j] == 1:
            x = p.reshape(p.sum_(x, (i,)), (*x.shape[:i], 1, *x.shape[i + 1 :]))
        else:
            raise ShapeError(
                f"contracted dimensions need to match, but first has size {x.shape[i]} in dim {i} "
                f"and second has size {y.shape[j]} in dim {j}"
            )
    return named(p.contract(x, y, a_axes, b_axes), "View")


def _paired(a_ndim: int, b_ndim: int, dims: Any) -> tuple[Shape, Shape]:
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise ShapeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a_ndim, b_ndim):
            raise ShapeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        return tuple(range(a_ndim - dims, a_ndim)), tuple(range(dims))
    first, second = ([d] if isinstance(d, int) else d for d in dims)
    if len(first) != len(second):
        raise ShapeError("both dimension lists should have same length")
    axes = tuple(wrap_dim(d, a_ndim) for d in first), tuple(wrap_dim(d, b_ndim) for d in second)
    for each in axes:
        for d in each:
            if each.count(d) > 1:
                raise ShapeError(f"dim {d} appears multiple times in the list of dims")
    return axes


# --- Kronecker and cross -------------------------------------------------------------------------


@method()
def kron(input: Tensor, other: Tensor) -> Tensor:
    """Each element of `input` replaced by itself times the whole of `other`."""
    a, b = operands(input, other, "kron")
    ndim = max(a.ndim, b.ndim)
    a_shape = (1,) * (ndim - a.ndim) + a.shape
    b_shape = (1,) * (ndim - b.ndim) + b.shape
    left = p.reshape(a, tuple(n for size in a_shape for n in (size, 1)))
    right = p.reshape(b, tuple(n for size in b_shape for n in (1, size)))
    shape = tuple(n * m for n, m in zip(a_shape, b_shape))
    return named(p.reshape(p.mul(left, right), shape), "UnsafeView")


@op("LinalgCross")
def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross product of vectors of three along `dim`, which stand at right angles to both."""
    a, b = operands(input, other, "cross")
    if a.ndim != b.ndim:
        raise ShapeError(
            f"linalg.cross: inputs must have the same number of dimensions, got {a.ndim} and "
            f"{b.ndim}"
        )
    axis = wrap_dim(dim, a.ndim)
    if a.shape[axis] != 3 or b.shape[axis] != 3:
        raise ShapeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {a.shape[axis]} and "
            f"{b.shape[axis]}"
        )
    x, y = named(a, "Cross"), named(b, "Cross")
    first = x.roll(-1, axis) * y.roll(-2, axis)
    result: Tensor = first - x.roll(-2, axis) * y.roll(-1, axis)
    return result


@method()
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The cross product along `dim`, or along the first dimension of size 3."""
    if dim is None:
        found = [k for k, size in enumerate(input.shape) if size == 3]
        if not found:
            raise ShapeError(f"no dimension of size 3 in input of shape {list(input.shape)}")
        dim = found[0]
    result: Tensor = linalg_cross(input, other, dim=dim)
    return result


# --- powers and chains ---------------------------------------------------------------------------


@method()
def matrix_power(input: Tensor, n: int) -> Tensor:
    """The product of `n` copies of a square matrix, or of each of a batch (..., m, m); of its
    inverse if `n` is negative.
    """
    try:
        n = operator.index(n)
    except TypeError:
        raise ArgumentTypeError(f"matrix_power: n must be int, not {type(n).__name__}") from None
    if input.ndim < 2 or input.shape[-1] != input.shape[-2]:
        raise ShapeError(
            f"linalg.matrix_power: A must be batches of square matrices, but they are "
            f"{' by '.join(map(str, input.shape[-2:]))} matrices"
        )
    if n < 0:
        from gradatim.ops.solving import linalg_inv

        return matrix_power(linalg_inv(input), -n)
    if n == 0:
        x = input._read()
        size = x.shape[-1]
        row, column = (p.iota((size, size), axis, int64) for axis in (0, 1))
        unit = p.expand(p.cast(p.eq(row, column), x.dtype), x.shape)
        always = p.full(x.shape, True, bool_)
        return named(p.select(always, unit, x) if x.history else unit, "Copy")
    if n == 1:
        result: Tensor = input.clone()
        return result
    power, square = None, input
    while True:
        if n % 2:
            power = square if power is None else matmul(power, square)
        n //= 2
        if n == 0:
            break
        square = matmul(square, square)
    assert power is not None
    return power


def chain_matmul(*matrices: Any) -> Tensor:
    """The product of matrices, in the order that costs least."""
    if len(matrices) == 1 and not isinstance(matrices[0], Tensor):
        matrices = tuple(matrices[0])
    for matrix in matrices:
        if matrix.ndim != 2:
            raise ShapeError(f"Tensor dimension is {matrix.ndim}, expected 2 instead.")
    return matrices[0] if len(matrices) == 1 else linalg_multi_dot(matrices)


def linalg_multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of matrices, in the order that costs least; the first and the last may be
    vectors.
    """
    if len(tensors) < 2:
        raise ShapeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    first, last = tensors[0], tensors[-1]
    matrices = list(tensors)
    if first.ndim == 1:
        matrices[0] = first.unsqueeze(0)
    if last.ndim == 1:
        matrices[-1] = last.unsqueeze(1)
    for k, matrix in enumerate(matrices):
        if matrix.ndim != 2:
            raise ShapeError(f"multi_dot(): tensor {k} must be 2D but got {matrix.ndim}D")
        if k and matrices[k - 1].shape[1] != matrix.shape[0]:
            raise ShapeError(
                f"multi_dot(): tensors {k - 1} and {k} with shapes "
                f"{list(matrices[k - 1].shape)} and {list(matrix.shape)} cannot be multiplied"
            )
    sizes = [matrices[0].shape[0], *[matrix.shape[1] for matrix in matrices]]
    result = _multiply(matrices, _cuts(sizes), 0, len(matrices) - 1)
    kept = [n for n, vector in ((sizes[0], first.ndim == 1), (sizes[-1], last.ndim == 1))
            if not vector]  # fmt: skip
    return named(p.reshape(result._read(), tuple(kept)), "View")


def _cuts(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """Where to cut each stretch of the chain in two (Cormen et al., *Introduction to Algorithms*,
    matrix-chain multiplication). Matrix k is `sizes[k]` by `sizes[k + 1]`.
    """
    count = len(sizes) - 1
    cost = {(k, k): 0 for k in range(count)}
    cut = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            best = math.inf
            for k in range(i, j):
                price = cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                if price < best:
                    best, cut[i, j] = price, k
            cost[i, j] = int(best)
    return cut


def _multiply(
    matrices: Sequence[Tensor], cut: dict[tuple[int, int], int], i: int, j: int
) -> Tensor:
    if i == j:
        return matrices[i]
    k = cut[i, j]
    return mm(_multiply(matrices, cut, i, k), _multiply(matrices, cut, k + 1, j))


@method()
def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix; of integers int64."""
    if input.ndim != 2:
        raise ShapeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    x = input._read()
    rows, columns = x.shape
    count = min(rows, columns)
    line = p.reshape(x, (x.size,))
    stop = (count - 1) * (columns + 1) + 1 if count else 0
    diagonal = p.slice_(line, (0,), (stop,), (columns + 1,))
    if not x.dtype.is_floating_point:
        diagonal = p.cast(diagonal, int64)
    return named(p.sum_(diagonal, (0,)), "Trace")
