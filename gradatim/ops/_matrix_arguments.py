"""What the functions of linear algebra have in common: how they read matrices and give results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradatim.graph import matrices as m
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import float32, float64
from gradatim.graph.errors import ArgumentTypeError, DTypeError, ShapeError
from gradatim.graph.node import Node
from gradatim.realize import compute, local
from gradatim.tensor import Tensor, named


def matrices(A: Any, where: str, *, square: bool = False, argument: str = "A") -> Node:
    """Matrices in the last two dimensions, float32 or float64.

    Raises:
        ArgumentTypeError, ShapeError, DTypeError: for anything else.
    """
    x = floats(A, where, argument)
    if x.ndim < 2:
        raise ShapeError(
            f"{where}: The input tensor {argument} must have at least 2 dimensions, got shape "
            f"{list(x.shape)}"
        )
    if square:
        need_square(x, where, argument)
    return x


def floats(A: Any, where: str, argument: str = "A") -> Node:
    """A tensor of float32 or float64."""
    if not isinstance(A, Tensor):
        raise ArgumentTypeError(f"{where}: {argument} must be a Tensor, got {type(A).__name__}")
    x = A._read()
    if x.dtype is not float32 and x.dtype is not float64:
        what = (
            "Low precision dtypes not supported"
            if x.dtype.is_floating_point
            else "Expected a floating point tensor as input"
        )
        raise DTypeError(
            f"{where}: {what}. Got {argument} of {x.dtype.name}: cast it with .float()"
        )
    return x


def need_square(x: Node, where: str, argument: str = "A") -> None:
    if x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"{where}: {argument} must be batches of square matrices, but they are {x.shape[-2]} "
            f"by {x.shape[-1]} matrices"
        )


def same_dtype(a: Node, b: Node, where: str, names: str = "A and B") -> None:
    if a.dtype is not b.dtype:
        raise DTypeError(
            f"{where}: Expected {names} to have the same dtype, but found {a.dtype.name} and "
            f"{b.dtype.name} instead: cast one of them with .to(...)"
        )


def same_batch(*operands: Node) -> tuple[Node, ...]:
    """Matrices whose batch dimensions have been broadcast."""
    batch = p.broadcast(*(x.shape[:-2] for x in operands))
    return tuple(m.widen_batch(x, batch) for x in operands)


def is_vector(a: Node, b: Node) -> bool:
    """Whether the right-hand side is one vector for each matrix, as PyTorch decides it."""
    return b.ndim == 1 or (a.ndim - 1 == b.ndim and b.shape == a.shape[:-1])


def as_column(b: Node) -> Node:
    return p.reshape(b, (*b.shape, 1))


def without_column(x: Node) -> Node:
    return p.reshape(x, x.shape[:-1])


# --- results -------------------------------------------------------------------------------------


def finished(nodes: Sequence[Node], title: str) -> list[Tensor]:
    """Tensors of the results of one primitive, computed now: an error depends on their values.

    In a compiled step they are computed when it runs. Where backward() will want them, the Node of
    the factorization keeps them.
    """
    tensors = [named(node, title) for node in nodes]
    if local.capture is None:
        compute(nodes)
        if nodes[0].primitive is p.PICK and nodes[0].inputs:
            source = nodes[0].inputs[0]
            if source.history:  # copies: the user may overwrite the memory of a result
                source.buffer = tuple(np.array(node.buffer) for node in nodes)
    return tensors


def moved_last(x: Node, first: int, second: int) -> Node:
    """Two dimensions made the last ones."""
    others = (k for k in range(x.ndim) if k not in (first, second))
    return p.permute(x, (*others, first, second))
