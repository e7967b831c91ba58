"""vmap: a function of one value, done for many at once.

The function runs once, on stand-ins of the size of one value. What it did is a graph, and
`graph/batching.py` makes each of its operations one on all values side by side. So there is no
loop, and nothing that the function does is slower than if it had been written for a batch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradatim.capture import Capture
from gradatim.func.levels import settle
from gradatim.graph import primitives as p
from gradatim.graph.batching import spread as spread_node
from gradatim.graph.batching import vectorize
from gradatim.graph.dtypes import DType
from gradatim.graph.errors import ArgumentError, CaptureError, IndexOutOfRange, VmapError
from gradatim.graph.node import LIVE, Node, Shape
from gradatim.graph.scan import walk
from gradatim.realize import Cell, drawn, line_of, local, state
from gradatim.tensor import Tensor, user_site, wrap
from gradatim.tracing import Tracing
from gradatim.trees import Spec, flatten, spread, unflatten

_RANDOMNESS = ("error", "different", "same")


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that does `func` for every slice of its arguments, at once.

    Args:
        func: takes and gives tensors, or trees of them (tuples, lists, dicts).
        in_dims: for each argument the dimension that is mapped over, or None for one that is the
            same for all values; a tree like the arguments, or an int for all of them.
        out_dims: where the new dimension stands in each output; None for an output that is the
            same for all values.
        randomness: what a random draw inside does: "error", "same" numbers for all values, or
            "different" ones (as if drawn for the whole batch).
        chunk_size: do at most so many values at a time, to save memory.

    Raises:
        ArgumentError: for `in_dims` or `out_dims` that do not fit, for different sizes, and for
            outputs that are no tensors.
        VmapError: if `func` looks at a value (`item`, `if`, `nonzero`), draws random numbers where
            that is an error, or writes into a tensor from outside what differs from value to value.

    Example:
        >>> import gradatim as gd
        >>> rows = gd.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> gd.vmap(gd.dot)(rows, rows)
        tensor([ 5., 25.])
        >>> gd.vmap(gd.func.grad(lambda x: (x ** 3).sum()))(rows)  # a gradient for each row
        tensor([[ 3., 12.],
                [27., 48.]])
    """
    if randomness not in _RANDOMNESS:
        raise ArgumentError(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. "
            f"Got {randomness}"
        )
    if chunk_size is not None and chunk_size < 1:
        raise ArgumentError(
            f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})"
        )

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        name = getattr(func, "__name__", repr(func))
        leaves, spec, dims, size = _mapped(name, in_dims, args)
        draws: list[Node] = []
        if chunk_size is None or chunk_size >= size:
            return _run(func, name, leaves, spec, dims, size, out_dims, randomness, draws, kwargs)
        pieces = []
        for start in range(0, size, chunk_size):
            length = min(chunk_size, size - start)
            part = [
                leaf if dim is None else leaf.narrow(dim, start, length)
                for leaf, dim in zip(leaves, dims)
            ]
            piece = _run(func, name, part, spec, dims, length, out_dims, randomness, draws, kwargs)
            pieces.append(piece)
        return _joined(name, pieces, out_dims)

    return call


def _joined(name: str, pieces: Sequence[Any], out_dims: Any) -> Any:
    from gradatim import ops

    columns = [flatten(piece) for piece in pieces]
    spec = columns[0][1]
    dims = _places(name, out_dims, spec)
    made = [
        parts[0] if dim is None else ops.cat(list(parts), dim)
        for dim, *parts in zip(dims, *(leaves for leaves, _ in columns))
    ]
    return unflatten(spec, made)


# --- what is mapped over -------------------------------------------------------------------------


def _mapped(
    name: str, in_dims: Any, args: tuple[Any, ...]
) -> tuple[list[Any], Spec, list[int | None], int]:
    """The leaves of the arguments, their structure, the mapped dimension of each, and its size."""
    where = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, list, tuple)):
        raise ArgumentError(
            f"{where}: expected `in_dims` to be int or a (potentially nested) tuple matching the "
            f"structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ArgumentError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are "
            f"trying to vmap over a function with no inputs. The latter is unsupported."
        )
    leaves, spec = flatten(args)
    if isinstance(in_dims, list):
        in_dims = tuple(in_dims)
    found = spread(in_dims, spec)
    if found is None:
        raise ArgumentError(
            f"{where}: in_dims is not compatible with the structure of `inputs`. in_dims has "
            f"structure {flatten(in_dims)[1]} but inputs has structure {spec}."
        )
    dims: list[int | None] = []
    for leaf, dim in zip(leaves, found):
        if dim is None:
            dims.append(None)
            continue
        if not isinstance(dim, int):
            raise ArgumentError(
                f"{where}: Got in_dim={dim} for an input but in_dim must be either an integer "
                f"dimension or None."
            )
        if not isinstance(leaf, Tensor):
            raise ArgumentError(
                f"{where}: Got in_dim={dim} for an input but the input is of type {type(leaf)}. We "
                f"cannot vmap over non-Tensor arguments, please use None as the respective in_dim"
            )
        if not -leaf.ndim <= dim < leaf.ndim:
            raise ArgumentError(
                f"{where}: Got in_dim={dim} for some input, but that input is a Tensor of "
                f"dimensionality {leaf.ndim} so expected in_dim to satisfy -{leaf.ndim} <= in_dim "
                f"< {leaf.ndim}."
            )
        dims.append(dim % leaf.ndim)
    sizes = [leaf.shape[dim] for leaf, dim in zip(leaves, dims) if dim is not None]
    if not sizes:
        raise ArgumentError(
            f"{where}: at least one of in_dims must not be None: there is nothing to map over"
        )
    if len(set(sizes)) > 1:
        raise ArgumentError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    return leaves, spec, dims, sizes[0]


# --- running the function ------------------------------------------------------------------------


class _Tracing(Tracing):
    """What stands in for a capture while the function of a vmap runs."""

    escaped = (
        "this tensor was made inside a function that gd.vmap does for many values at once, and has "
        "no value of its own: return it from the function"
    )
    redraws = True

    def __init__(self, outer: Capture | None, count: int, randomness: str, draws: list[Node]):
        super().__init__(outer)
        self.count = count
        self.randomness = randomness
        self.draws = draws  # what was drawn for all values, by this chunk of them or the first one
        self.drawn = 0  # how many of these were asked for
        self.batched: dict[Node, Node] = {}  # stand-ins, and what they stand for
        self.written_outside: dict[Cell, tuple[Node, int]] = {}  # with what they held

    def stand_in(self, wide: Node) -> Tensor:
        """A tensor that stands for one of the values side by side in `wide`."""
        node = p.program_input(0, wide.shape[1:], wide.dtype, wide.device)
        if wide.history:
            node.history = LIVE
        self.batched[node] = wide
        return wrap(node)

    def note_write(self, cell: Cell) -> None:
        if self.outer is not None:
            self.outer.note_write(cell)
        if cell not in self.own:
            self.written_outside.setdefault(cell, (cell.node, cell.version))

    def refuse_look(self) -> None:
        raise VmapError(
            f"vmap: a value is looked at inside the function, at {line_of(user_site())}: .item(), "
            f"`if` on a Tensor and operations whose result's shape depends on values have no "
            f"answer for many values at once; use gd.where(condition, a, b) or other operations"
        )

    def draw(self, shape: Shape, dtype: DType, draw: Callable[[], Any], wider: Any) -> Tensor:
        """A random draw inside the function."""
        if self.randomness == "error":
            raise VmapError(
                "vmap: called random operation while in randomness error mode. Please either use "
                "the 'same' or 'different' randomness flags on vmap or perform the randomness "
                "operation out of vmap"
            )
        local.capture = self.outer
        try:
            if self.randomness == "same":
                if self.drawn == len(self.draws):
                    self.draws.append(drawn(shape, dtype, draw, wider)._read())
                self.drawn += 1
                return wrap(self.draws[self.drawn - 1])
            draws = wider or functools.partial(_one_by_one, draw)
            count = (self.count,)
            wide = drawn(
                (*count, *shape), dtype, lambda: draws(count), lambda lead: draws((*lead, *count))
            )._read()
        finally:
            local.capture = self
        return self.stand_in(wide)

    def note_grad(self, tensor: Tensor, cleared: bool) -> None:
        raise CaptureError(
            f"gd.vmap: `.grad` is set inside the function, at {line_of(user_site())}: use "
            f"gd.func.grad"
        )

    def give_up(self, reason: str) -> None:
        raise CaptureError(f"gd.vmap: {reason} inside the function, at {line_of(user_site())}")

    def put_back(self) -> list[tuple[Cell, Node]]:
        """What was written to cells from outside, which get back what they held."""
        after = []
        for cell, (before, version) in self.written_outside.items():
            after.append((cell, cell.node))
            before.overwritten = None
            cell.node, cell.version = before, version
            cell.variables = None
            cell.written = False
        return after


def _run(
    func: Callable[..., Any], name: str, leaves: Sequence[Any], spec: Spec,
    dims: Sequence[int | None], count: int, out_dims: Any, randomness: str, draws: list[Node],
    kwargs: Any,
) -> Any:  # fmt: skip
    views = [
        leaf if dim is None else leaf.movedim(dim, 0) if dim else leaf
        for leaf, dim in zip(leaves, dims)
    ]
    wide = [None if dim is None else view._read() for view, dim in zip(views, dims)]
    tracing = _Tracing(state.capture, count, randomness, draws)
    written: list[tuple[Cell, Node]] = []
    with tracing.running():
        try:
            inside = [
                view if node is None else tracing.stand_in(node) for view, node in zip(views, wide)
            ]
            entered = [each._cell.node for each in inside if isinstance(each, Tensor)]
            output = func(*unflatten(spec, inside), **kwargs)
            outs, out_spec = flatten(output)
            for out in outs:
                if not isinstance(out, Tensor):
                    raise ArgumentError(
                        f"vmap({name}, ...): `{name}` must only return Tensors, got type "
                        f"{type(out)}. Did you mean to set out_dims= to None for output?"
                    )
            places = _places(name, out_dims, out_spec)
            nodes = [out._read() for out in outs]
            changed = [
                (view, each._cell.node)
                for view, each, node, before in zip(views, inside, wide, _by_leaf(inside, entered))
                if node is not None and each._cell.node is not before
            ]
        finally:
            written = tracing.put_back()
        unknown = tracing.dependents([node for _, node in written])
        if any(node in unknown for _, node in written):
            raise VmapError(
                "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists "
                "a Tensor `other` in extra_args that has more elements than `self`: a tensor from "
                "outside of the function, which is the same for all values, would get what differs "
                "from value to value. Use out-of-place operators instead"
            )
        for node in walk(nodes, (), tracing.start):
            if node.primitive is p.CUSTOM_GRADIENT and not hasattr(node.meta, "takes_inputs"):
                node.meta = tracing.reopening(node.meta)
        found = vectorize(
            [*nodes, *(node for _, node in changed)], tracing.batched, count, tracing.start
        )
        del inside, output, outs
    results = [_placed(name, one, many, dim, count) for one, many, dim in zip(nodes, found, places)]
    settle(results)
    made = [wrap(node) for node in results]
    for (view, one), many in zip(changed, found[len(nodes) :]):
        view._write(many if many is not None else spread_node(one, False, count))
    for cell, node in written:
        _handle(cell)._write(node)
    return unflatten(out_spec, made)


def _by_leaf(inside: Sequence[Any], entered: Sequence[Node]) -> list[Node | None]:
    nodes = iter(entered)
    return [next(nodes) if isinstance(each, Tensor) else None for each in inside]


def _handle(cell: Cell) -> Tensor:
    made = Tensor.__new__(Tensor)
    made._cell = cell
    return made


def _places(name: str, out_dims: Any, spec: Spec) -> list[Any]:
    if not isinstance(out_dims, (int, tuple, list, dict, type(None))):
        raise ArgumentError(
            f"vmap({name}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a tree of "
            f"these like the outputs"
        )
    if isinstance(out_dims, list) and spec.kind is tuple:
        out_dims = tuple(out_dims)
    if isinstance(out_dims, tuple) and len(out_dims) == 1 and spec.kind is None:
        out_dims = out_dims[0]
    found = spread(out_dims, spec)
    if found is None:
        raise ArgumentError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with "
            f"the structure of `outputs`. out_dims has structure {flatten(out_dims)[1]} but "
            f"outputs has structure {spec}."
        )
    return found


def _placed(name: str, one: Node, many: Node | None, dim: int | None, count: int) -> Node:
    """An output, with the new dimension where it is wanted."""
    if dim is None:
        if many is not None:
            raise ArgumentError(
                f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None: "
                f"the output differs from value to value"
            )
        return one
    node = spread_node(one, False, count) if many is None else many
    ndim = node.ndim
    if not -ndim <= dim < ndim:
        raise IndexOutOfRange(
            f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got "
            f"{dim})"
        )
    order = list(range(1, ndim))
    order.insert(dim % ndim, 0)
    return p.permute(node, tuple(order))


def _one_by_one(draw: Callable[[], Any], lead: Shape) -> Any:
    """Draws one after the other, for every index of `lead`."""
    many = [draw() for _ in range(int(np.prod(lead)))]
    return np.stack(many).reshape(*lead, *many[0].shape)
