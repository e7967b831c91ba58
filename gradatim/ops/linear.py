"""Products of matrices and vectors.

All of them are one contraction. `matmul` pairs batch dimensions that have the same size and leaves
the others free, so that nothing is spread out in memory before it is multiplied.

A product never promotes: both operands have one dtype.
"""

from __future__ import annotations

import math
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType, bool_
from gradatim.graph.errors import DTypeError, ShapeError, UnsupportedDType
from gradatim.graph.node import Node, Shape
from gradatim.ops.arguments import as_number, as_tensor_operand, number_node
from gradatim.tensor import Tensor, method, named

__all__ = [
    "addbmm",
    "addmm",
    "addmv",
    "addr",
    "baddbmm",
    "bilinear",
    "bmm",
    "dot",
    "linear",
    "matmul",
    "mm",
    "mv",
    "vdot",
]

# --- matmul --------------------------------------------------------------------------------------


def read_pair(input: Any, other: Any, where: str) -> tuple[Node, Node]:
    """Two operands that a contraction takes."""
    a = (input if isinstance(input, Tensor) else as_tensor_operand(input, where))._read()
    b = (other if isinstance(other, Tensor) else as_tensor_operand(other, where))._read()
    if a.dtype is bool_ and b.dtype is bool_:
        raise UnsupportedDType(
            f'"{where}" is not implemented for bool: cast it with .int() or .float()'
        )
    return a, b


def cannot_multiply(rows: int, inner: int, other_inner: int, columns: int) -> ShapeError:
    return ShapeError(
        f"mat1 and mat2 shapes cannot be multiplied ({rows}x{inner} and {other_inner}x{columns})"
    )


def _check_pair(a: Node, b: Node) -> None:
    """That the last axis of `a` meets the axis of `b` it is summed with."""
    if a.ndim == 0 or b.ndim == 0:
        raise ShapeError(
            f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D"
        )
    inner = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] == inner:
        return
    if a.ndim == b.ndim == 1:
        raise ShapeError(
            f"inconsistent tensor size, expected tensor {list(a.shape)} and src {list(b.shape)} to "
            f"have the same number of elements, but got {a.shape[0]} and {b.shape[0]} elements "
            f"respectively"
        )
    rows = math.prod(a.shape[:-1])
    if b.ndim == 1:
        raise ShapeError(
            f"size mismatch, got input ({rows}), mat ({rows}x{a.shape[-1]}), vec ({inner})"
        )
    if b.ndim == 2:
        raise cannot_multiply(rows, a.shape[-1], *b.shape)
    batch = math.prod(p.broadcast(a.shape[:-2], b.shape[:-2]))
    raise ShapeError(
        f"Expected size for first two dimensions of batch2 tensor to be: [{batch}, {a.shape[-1]}] "
        f"but got: [{batch}, {inner}]."
    )


@method("matmul", "__matmul__")
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product, of matrices in the last two dimensions.

    A 1-d `input` is a row, a 1-d `other` a column, whose dimension is not in the result. All other
    dimensions are batch dimensions, which broadcast.

    Args:
        input: (..., n, k) or (k,).
        other: (..., k, m) or (k,), of the same dtype.

    Returns:
        (..., n, m), without n or m for a 1-d operand.

    Raises:
        ShapeError: if the inner sizes differ, or the batch dimensions do not broadcast.
        DTypeError: for two dtypes, and for bools.

    Example:
        >>> import gradatim as gd
        >>> (gd.ones(2, 1, 3, 4) @ gd.ones(5, 4, 6)).shape
        torch.Size([2, 5, 3, 6])
    """
    a, b = read_pair(input, other, "matmul")
    _check_pair(a, b)
    if b.ndim <= 2:
        node = p.contract(a, b, (a.ndim - 1,), (0,))
        return named(node, _NAMES.get((a.ndim, b.ndim), "UnsafeView"))
    name = "Clone" if a.ndim == 2 else "UnsafeView"  # what PyTorch's folding ends with
    return named(_batched_matmul(a, b), name)


_NAMES = {(1, 1): "Dot", (2, 1): "Mv", (2, 2): "Mm", (1, 2): "Squeeze:4"}


def _batched_matmul(a: Node, b: Node) -> Node:
    """`matmul` where `b` has batch dimensions."""
    if a.ndim == 1:
        return p.contract(a, b, (0,), (b.ndim - 2,))
    a_lead, b_lead = a.shape[:-2], b.shape[:-2]
    count = len(p.broadcast(a_lead, b_lead))
    a_sizes = (*[None] * (count - len(a_lead)), *a_lead)
    b_sizes = (*[None] * (count - len(b_lead)), *b_lead)
    # Dimensions of equal size are paired. Of a pair with a 1, the other stays free.
    paired = [k for k in range(count) if a_sizes[k] == b_sizes[k]]
    rest = [k for k in range(count) if k not in paired]
    b_lone = [k for k in rest if a_sizes[k] is None or (a_sizes[k] == 1 and b_sizes[k] is not None)]
    a_lone = [k for k in rest if k not in b_lone]
    a_kept, b_kept = sorted(paired + a_lone), sorted(paired + b_lone)
    a = p.reshape(a, (*[a.shape[k - count + len(a_lead)] for k in a_kept], *a.shape[-2:]))
    b = p.reshape(b, (*[b.shape[k - count + len(b_lead)] for k in b_kept], *b.shape[-2:]))
    product = p.contract(
        a,
        b,
        (a.ndim - 1,),
        (b.ndim - 2,),
        tuple(a_kept.index(k) for k in paired),
        tuple(b_kept.index(k) for k in paired),
    )
    rows, columns = count, count + 1
    stands = [*paired, *a_lone, rows, *b_lone, columns]  # what each axis of the product is
    return p.permute(product, tuple(stands.index(k) for k in range(count + 2)))


@method("__rmatmul__")
def _rmatmul(self: Tensor, other: Any) -> Tensor:
    """`other @ self`, for an array on the left."""
    return matmul(other, self)


# --- products of given dimensions ----------------------------------------------------------------


@method()
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices, (n, k) and (k, m)."""
    a, b = read_pair(input, mat2, "mm")
    for node, which in ((a, "self"), (b, "mat2")):
        if node.ndim != 2:
            raise ShapeError(f"{which} must be a matrix, got {node.ndim}-D tensor")
    _check_pair(a, b)
    return named(p.contract(a, b, (1,), (0,)), "Mm")


@method()
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two batches of matrices, (b, n, k) and (b, k, m)."""
    return named(_batch_product(input, mat2), "Bmm")


def _batch_product(batch1: Any, batch2: Any) -> Node:
    a, b = read_pair(batch1, batch2, "bmm")
    for node, which in ((a, "batch1"), (b, "batch2")):
        if node.ndim != 3:
            raise ShapeError(f"{which} must be a 3D tensor, got {node.ndim}-D")
    if a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1]:
        raise ShapeError(
            f"Expected size for first two dimensions of batch2 tensor to be: "
            f"[{a.shape[0]}, {a.shape[2]}] but got: [{b.shape[0]}, {b.shape[1]}]."
        )
    return p.contract(a, b, (2,), (1,), (0,), (0,))


@method()
def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix (n, k) and a vector (k,)."""
    a, b = read_pair(input, vec, "mv")
    if a.ndim != 2 or b.ndim != 1:
        raise ShapeError(f"vector + matrix @ vector expected, got 1, {a.ndim}, {b.ndim}")
    _check_pair(a, b)
    return named(p.contract(a, b, (1,), (0,)), "Mv")


def _vector_product(input: Any, other: Any, name: str) -> Tensor:
    a, b = read_pair(input, other, name.lower())
    if a.ndim != 1 or b.ndim != 1:
        raise ShapeError(f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors")
    if a.dtype is not b.dtype:
        raise DTypeError(
            f"dot : expected both vectors to have same dtype, but found {a.dtype.name} and "
            f"{b.dtype.name}"
        )
    _check_pair(a, b)
    return named(p.contract(a, b, (0,), (0,)), name)


@method()
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Σ input · tensor, of two vectors of one size."""
    return _vector_product(input, tensor, "Dot")


@method()
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """Σ input · other, of two vectors of one size."""
    return _vector_product(input, other, "Vdot")


# --- products that are added to something --------------------------------------------------------


def _factor(given: Any, dtype: DType) -> Any:
    """A factor as PyTorch's products take it: for integers its fraction is cut off."""
    number = as_number(given)
    return number if dtype.is_floating_point else int(number)


def _scaled(x: Node, number: Any) -> Node:
    return x if number == 1 else p.mul(x, number_node(number, x.dtype))


def _added(input: Any, product: Node, beta: Any, alpha: Any, name: str) -> Tensor:
    """`beta * input + alpha * product`; with beta 0 the input counts for nothing, NaN or not."""
    x = as_tensor_operand(input, name.lower())._read()
    if x.dtype is not product.dtype:
        raise DTypeError(
            f"self and mat2 must have the same dtype, but got {x.dtype.name} and "
            f"{product.dtype.name}"
        )
    _check_expands(x.shape, product.shape)
    product = _scaled(product, _factor(alpha, x.dtype))
    beta = _factor(beta, x.dtype)
    return named(product if beta == 0 else p.add(_scaled(x, beta), product), name)


def _check_expands(shape: Shape, wanted: Shape) -> None:
    """That something of `shape` can be added to something of `wanted` without making it larger."""
    if len(shape) > len(wanted):
        raise ShapeError(
            f"The number of sizes provided ({len(wanted)}) must be greater or equal to the number "
            f"of dimensions in the tensor ({len(shape)}): {list(shape)} does not expand to "
            f"{list(wanted)}"
        )
    lead = len(wanted) - len(shape)
    for k, size in enumerate(shape):
        if size not in (1, wanted[lead + k]):
            raise ShapeError(
                f"The expanded size of the tensor ({wanted[lead + k]}) must match the existing "
                f"size ({size}) at non-singleton dimension {lead + k}.  Target sizes: "
                f"{list(wanted)}.  Tensor sizes: {list(shape)}"
            )


@method()
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """`beta * input + alpha * (mat1 @ mat2)`."""
    return _added(input, mm(mat1, mat2)._read(), beta, alpha, "Addmm")


@method()
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """`beta * input + alpha * (mat @ vec)`."""
    return _added(input, mv(mat, vec)._read(), beta, alpha, "Addmv")


@method()
def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """`beta * input + alpha * (batch1 @ batch2)`, of batches of matrices."""
    return _added(input, _batch_product(batch1, batch2), beta, alpha, "Baddbmm")


@method()
def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1
) -> Tensor:
    """`beta * input + alpha * Σ (batch1 @ batch2)`, added up over the batch."""
    a, b = batch1._read(), batch2._read()
    _batch_product(batch1, batch2)  # for its checks
    return _added(input, p.contract(a, b, (0, 2), (0, 1)), beta, alpha, "Addbmm")


@method()
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """`beta * input + alpha * outer(vec1, vec2)`."""
    result: Tensor = vec1.unsqueeze(1) * vec2
    if result.dtype is bool_ is input.dtype:
        for name, given in (("alpha", alpha), ("beta", beta)):
            if isinstance(given, float):
                raise DTypeError(
                    f"For integral input tensors, argument {name} must not be a floating point "
                    f"number, got {given}"
                )
        alpha, beta = bool(alpha), bool(beta)
    if alpha != 1:
        result = result * alpha
    if beta != 0:
        result = (input if beta == 1 else input * beta) + result
    result._op = "Addr"
    return result


# --- linear layers -------------------------------------------------------------------------------


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`input @ weight.T + bias`, a linear layer.

    Args:
        input: (..., in_features).
        weight: (out_features, in_features), or (in_features,) for a result without that dimension.
        bias: (out_features,).

    Raises:
        ShapeError, DTypeError: for operands that do not fit.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.functional.linear(gd.ones(2, 3), gd.ones(1, 3), gd.tensor([0.5]))
        tensor([[3.5000],
                [3.5000]])
    """
    x, w = read_pair(input, weight, "linear")
    ndim, w_ndim = len(x.shape), len(w.shape)
    if ndim == 0 or w_ndim not in (1, 2):
        raise ShapeError(
            f"linear expects input (..., in_features) and weight (out_features, in_features), got "
            f"{list(x.shape)} and {list(w.shape)}"
        )
    if x.shape[-1] != w.shape[-1]:
        columns = w.shape[0] if w.ndim == 2 else 1
        raise cannot_multiply(math.prod(x.shape[:-1]), x.shape[-1], w.shape[-1], columns)
    if bias is None:
        node = p.contract(x, w, (ndim - 1,), (w_ndim - 1,))
        return named(node, _LINEAR_NAMES.get((ndim, w_ndim), "UnsafeView"))
    if x.dtype is not w.dtype:
        raise DTypeError(
            f"mat1 and mat2 must have the same dtype, but got {x.dtype.name} and {w.dtype.name}: "
            f"cast one of them with .to(...)"
        )
    product = p.contract(x, w, (ndim - 1,), (w_ndim - 1,))
    name = "Addmm" if ndim == 2 else "Add"
    b = as_tensor_operand(bias, name.lower())._read()
    if b.dtype is product.dtype and b.shape == product.shape[-1:]:
        return named(p.add(b, product), name)
    return _added(bias, product, 1, 1, name)


_LINEAR_NAMES = {(2, 2): "Mm", (2, 1): "Mv", (1, 2): "Squeeze:4", (1, 1): "Dot"}


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`input1 @ weight[k] @ input2` for each k, plus bias.

    Args:
        input1: (..., in1).
        input2: (..., in2).
        weight: (out, in1, in2).
        bias: (out,).
    """
    x, w = read_pair(input1, weight, "bilinear")
    y = as_tensor_operand(input2, "bilinear")._read()
    if (
        w.ndim != 3 or x.shape[:-1] != y.shape[:-1]
        or x.shape[-1:] != w.shape[1:2] or y.shape[-1:] != w.shape[2:]
    ):  # fmt: skip
        raise ShapeError(
            f"bilinear expects (..., in1), (..., in2) and weight (out, in1, in2), got "
            f"{list(x.shape)}, {list(y.shape)} and {list(w.shape)}"
        )
    lead = x.ndim - 1
    batch = tuple(range(lead))
    half = p.contract(x, w, (lead,), (1,))  # (..., out, in2)
    node = p.contract(half, y, (lead + 1,), (lead,), batch, batch)
    return named(node, "Bilinear") if bias is None else _added(bias, node, 1, 1, "Add")
