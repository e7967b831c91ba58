"""Jacobians and Hessians: one derivative for each unit vector, all at once by vmap."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gradatim import ops
from gradatim.func.forward import walk_ahead
from gradatim.func.levels import Level, chosen, recording
from gradatim.func.reverse import close_tree, split_aux, tensors_of, walk_back
from gradatim.func.vmap import vmap
from gradatim.graph.node import Node
from gradatim.tensor import Tensor, wrap
from gradatim.trees import flatten, unflatten


class _Evaluated:
    """A function evaluated where its Jacobian is wanted: its opened arguments and its outputs."""

    def __init__(
        self, where: str, func: Callable[..., Any], argnums: Any, has_aux: bool, args: Any,
        kwargs: Any,
    ):  # fmt: skip
        self.single = isinstance(argnums, int)
        places = chosen(argnums, len(args))
        leaves, self.in_spec = flatten(tuple(args[k] for k in places))
        self.level = Level(leaves)
        arguments = list(args)
        for k, opened in zip(places, unflatten(self.in_spec, self.level.opened())):
            arguments[k] = opened
        with recording():
            result = func(*arguments, **kwargs)
            output, aux = split_aux(result, where) if has_aux else (result, None)
            outs, self.out_spec = tensors_of(output, where, "f(*args) to return")
            self.nodes = [out._read() for out in outs]
        self.aux = close_tree(self.level, aux) if has_aux else None

    def answer(self, columns: Sequence[Sequence[Node]]) -> Any:
        """For each output and each input a Jacobian, in the structure of the output, and within it
        of the arguments."""
        made = []
        for row in columns:
            inner = unflatten(self.in_spec, self.level.close_all(row))
            made.append(inner[0] if self.single else inner)
        return unflatten(self.out_spec, made)


def _units(nodes: Sequence[Node]) -> list[Tensor]:
    """Every unit vector of all the Nodes' elements together: for each Node (total, *shape)."""
    total = sum(node.size for node in nodes)
    made, start = [], 0
    for node in nodes:
        block = ops.eye(total, dtype=node.dtype).narrow(1, start, node.size)
        made.append(block.reshape(total, *node.shape))
        start += node.size
    return made


def _parts(x: Tensor, dim: int, nodes: Sequence[Node]) -> Iterator[Tensor]:
    """`x` cut along `dim` into a part for each Node's elements."""
    start = 0
    for node in nodes:
        yield x.narrow(dim, start, node.size)
        start += node.size


def jacrev(
    func: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that gives the Jacobian of `func`, by reverse mode: good where there are fewer
    outputs than inputs.

    Args:
        func: gives a tensor or a tree of tensors; with `has_aux` a pair of it and anything.
        argnums: which positional arguments to differentiate with respect to.
        chunk_size: how many rows to compute at a time, to save memory; None for all.

    Returns:
        For an output of shape `out` and an argument of shape `in`: a tensor of shape
        `(*out, *in)`, in the structure of the output and, within it, of the arguments. With
        `has_aux` a pair of it and aux.

    Example:
        >>> import gradatim as gd
        >>> gd.func.jacrev(lambda x: x * x.sum())(gd.tensor([1.0, 2.0]))
        tensor([[4., 1.],
                [2., 5.]])
    """

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        at = _Evaluated("jacrev(f)(*args)", func, argnums, has_aux, args, kwargs)

        def pull(*cotangents: Tensor) -> Any:
            found = walk_back(at.level, at.nodes, [g._read() for g in cotangents])
            return tuple(wrap(node) for node in found)

        with recording():
            rows = vmap(pull, chunk_size=chunk_size)(*_units(at.nodes))
            columns: list[list[Node]] = [[] for _ in at.nodes]
            for row, node in zip(rows, at.level.nodes):
                for column, part, out in zip(columns, _parts(row, 0, at.nodes), at.nodes):
                    column.append(part.reshape(*out.shape, *node.shape)._read())
        found = at.answer(columns)
        return (found, at.aux) if has_aux else found

    return call


def jacfwd(
    func: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Callable[..., Any]:
    """A function that gives the Jacobian of `func`, by forward mode: good where there are fewer
    inputs than outputs. Arguments and result as for `jacrev`. (`func` runs once, so that its random
    numbers are the same for all columns, whatever `randomness` says.)

    Example:
        >>> import gradatim as gd
        >>> gd.func.jacfwd(gd.sin)(gd.zeros(2))
        tensor([[1., 0.],
                [0., 1.]])
    """

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        at = _Evaluated("jacfwd(f)(*args)", func, argnums, has_aux, args, kwargs)

        def push(*changes: Tensor) -> Any:
            found = walk_ahead(at.level, at.nodes, [t._read() for t in changes])
            return tuple(wrap(node) for node in found)

        with recording():
            columns = vmap(push, out_dims=-1)(*_units(at.level.nodes))
            rows = []
            for column, out in zip(columns, at.nodes):
                parts = _parts(column, -1, at.level.nodes)
                rows.append(
                    [
                        part.reshape(*out.shape, *node.shape)._read()
                        for part, node in zip(parts, at.level.nodes)
                    ]
                )
        found = at.answer(rows)
        return (found, at.aux) if has_aux else found

    return call


def hessian(func: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that gives the second derivatives of `func`: forward mode over reverse mode.

    Returns:
        For a 0-d output and an argument of shape `in`: a tensor of shape `(*in, *in)`.

    Example:
        >>> import gradatim as gd
        >>> gd.func.hessian(lambda x: (x ** 3).sum())(gd.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
