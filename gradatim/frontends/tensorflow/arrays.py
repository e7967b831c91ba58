"""TensorFlow's operations on shapes and places: reshape, concat, gather, one_hot, indexing.

Where an operation takes a shape, that may be a node (`tf.shape(x)`). Its value is then an array of
NumPy's, known while the graph is made into a Program, and no part of that Program.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.frontends.names import own_names
from gradatim.frontends.tensorflow import dtypes, shapes
from gradatim.frontends.tensorflow.errors import DTypeMismatch, ShapeMismatch
from gradatim.frontends.tensorflow.graph import (
    Tensor,
    _has_nodes,
    constant,
    convert,
    make,
    together,
)
from gradatim.tensor import Tensor as Value


def whole(value: Any) -> Any:
    """Python's whole numbers of a value that is a shape or a place."""
    if isinstance(value, Value):
        return value.tolist()
    return np.asarray(value).tolist()


def _as_value(value: Any) -> Value:
    return value if isinstance(value, Value) else ops.tensor(np.asarray(value))


def _with_shape(
    kind: str,
    function: Callable[..., Any],
    inputs: Sequence[Tensor],
    shape: Any,
    name: Any,
    **known: Any,
) -> Tensor:
    """A node of a function of tensors and of a shape, which may be a node itself."""
    if isinstance(shape, (shapes.TensorShape, shapes.Dimension)) or not _has_nodes(shape):
        fixed = list(shapes.known(shape) or ())
        fixed = [-1 if size is None else size for size in fixed]
        return make(kind, lambda *values: function(*values, fixed), inputs, name, **known)
    node = convert(shape, dtypes.int32 if not isinstance(shape, Tensor) else None)
    rank = node.sizes[0] if node.sizes else None
    return make(
        kind,
        lambda *values: function(*values[:-1], whole(values[-1])),
        [*inputs, node],
        name,
        **{"sizes": None if rank is None else (None,) * rank, **known},
    )


# --- shapes --------------------------------------------------------------------------------------


def shape(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """The shape, as a vector."""
    node = convert(input)
    wanted = dtypes.as_dtype(out_type)
    sizes = None if node.sizes is None else (len(node.sizes),)
    return make(
        "Shape", lambda x: np.array(np.shape(x), wanted.element.numpy), [node], name,
        dtype=wanted, sizes=sizes,
    )  # fmt: skip


def size(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """The number of elements."""
    wanted = dtypes.as_dtype(out_type)
    return make(
        "Size", lambda x: np.array(np.prod(np.shape(x)), wanted.element.numpy), [convert(input)],
        name, dtype=wanted, sizes=(),
    )  # fmt: skip


def rank(input: Any, name: str | None = None) -> Tensor:
    """The number of axes."""
    return make(
        "Rank", lambda x: np.array(np.ndim(x), np.int32), [convert(input)], name,
        dtype=dtypes.int32, sizes=(),
    )  # fmt: skip


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """The same elements in another shape; -1 is what is left."""
    node = convert(tensor)
    found = _with_shape(
        "Reshape", lambda x, sizes: _as_value(x).reshape(sizes), [node], shape, name,
        dtype=node.dtype,
    )  # fmt: skip
    if found.sizes is None and not _has_nodes(shape):
        found.sizes = shapes.known(shape)
    return found


def expand_dims(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """A new axis of size 1."""
    place = int(dim if axis is None else axis)
    return make("ExpandDims", lambda x: _as_value(x).unsqueeze(place), [convert(input)], name)


def squeeze(
    input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None
) -> Tensor:
    """Without the axes of size 1, or without the given ones."""
    axis = squeeze_dims if axis is None else axis

    def function(x: Value) -> Value:
        if axis is None:
            return x.squeeze()
        return x.squeeze(tuple(int(a) for a in np.atleast_1d(axis)))

    return make("Squeeze", function, [convert(input)], name)


def transpose(a: Any, perm: Any = None, name: str = "transpose", conjugate: bool = False) -> Tensor:
    """The axes in another order; reversed, if none is given."""

    def function(x: Value) -> Value:
        order = builtins.range(x.ndim)[::-1] if perm is None else [int(axis) for axis in perm]
        return x.permute(*order)

    return make("Transpose", function, [convert(a)], name)


def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """The tensor repeated along each axis."""
    return _with_shape(
        "Tile", lambda x, counts: ops.tile(x, counts), [convert(input)], multiples, name
    )


def concat(values: Any, axis: Any = 0, name: str = "concat") -> Tensor:
    """Tensors one after the other along an axis."""
    if isinstance(values, int):  # the order of the arguments before TensorFlow 1.0
        values, axis = axis, values
    return make(
        "ConcatV2", lambda *v: ops.cat([*map(_as_value, v)], int(axis)), together(*values), name
    )


def stack(values: Sequence[Any], axis: int = 0, name: str = "stack") -> Tensor:
    """Tensors of one shape, along a new axis."""

    def function(*found: Any) -> Any:
        if any(isinstance(value, Value) for value in found):
            return ops.stack([*map(_as_value, found)], axis)
        return np.stack(found, axis)

    nodes = together(*values)
    inner = nodes[0].sizes
    known = None
    if inner is not None:
        place = axis % (len(inner) + 1)
        known = (*inner[:place], len(nodes), *inner[place:])
    return make("Pack", function, nodes, name, dtype=nodes[0].dtype, sizes=known)


pack = stack


def unstack(
    value: Any, num: int | None = None, axis: int = 0, name: str = "unstack"
) -> list[Tensor]:
    """The slices along an axis."""
    node = convert(value)
    count = num if num is not None else None if node.sizes is None else node.sizes[axis]
    if count is None:
        raise DTypeMismatch(f"Cannot infer num from shape {node.shape}: give num=")
    return [
        make("Unpack", lambda x, k=k: _as_value(x).select(axis, k), [node], name)
        for k in builtins.range(count)
    ]


def split(
    value: Any, num_or_size_splits: Any, axis: int = 0, num: Any = None, name: str = "split"
) -> list[Tensor]:
    """Pieces along an axis: so many of equal size, or of the given sizes."""
    node = convert(value)
    whole_size = None if node.sizes is None else node.sizes[axis]
    if isinstance(num_or_size_splits, int):
        count = num_or_size_splits
        fits = whole_size is None or whole_size % count == 0

        def piece(x: Value, k: int) -> Value:
            width = x.shape[axis] // count
            return x.narrow(axis, k * width, width)
    else:
        widths = [int(width) for width in num_or_size_splits]
        count = len(widths)
        fits = whole_size is None or whole_size == sum(widths)

        def piece(x: Value, k: int) -> Value:
            return x.narrow(axis, sum(widths[:k]), widths[k])

    if not fits:
        raise ShapeMismatch(
            f"split: the size {whole_size} of axis {axis} cannot be cut into {num_or_size_splits}"
        )
    return [make("Split", lambda x, k=k: piece(x, k), [node], name) for k in builtins.range(count)]


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", name: str | None = None,
    constant_values: Any = 0,
) -> Tensor:  # fmt: skip
    """A border around the tensor: [before, after] for each axis."""
    from gradatim.nn.functional import pad as pad_value

    widths = [int(width) for pair in np.asarray(paddings)[::-1] for width in pair]
    if mode.upper() == "CONSTANT":
        return make(
            "Pad", lambda x: pad_value(x, widths, value=constant_values), [convert(tensor)], name
        )
    return make(
        "MirrorPad", lambda x: _mirrored(x, np.asarray(paddings), mode), [convert(tensor)], name
    )


def _mirrored(x: Value, paddings: np.ndarray, mode: str) -> Value:
    how: Any = "reflect" if mode.upper() == "REFLECT" else "symmetric"
    for axis, (before, after) in enumerate(paddings.tolist()):
        places = np.pad(np.arange(x.shape[axis]), (before, after), mode=how)
        x = x.index_select(axis, ops.tensor(places))
    return x


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    """The elements in reverse order along the given axes."""
    dims = [int(each) for each in np.atleast_1d(axis)]
    return make("ReverseV2", lambda x: x.flip(dims), [convert(tensor)], name)


def identity(input: Any, name: str | None = None) -> Tensor:
    """The same values as a node of their own."""
    return make(
        "Identity", lambda x: x.clone() if isinstance(x, Value) else x, [convert(input)], name
    )


# --- new tensors ---------------------------------------------------------------------------------


def _filled(kind: str, number: float) -> Callable[..., Tensor]:
    def apply(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
        return fill(shape, constant(number, dtype), name or kind)

    return apply


zeros, ones = _filled("zeros", 0), _filled("ones", 1)


def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """A tensor of one value."""
    node = convert(value)
    return _with_shape(
        "Fill", lambda x, sizes: _as_value(x).expand(sizes), [node], dims, name, dtype=node.dtype
    )


def zeros_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Tensor:
    """Zeros in the shape of a tensor."""
    return _like(tensor, dtype, ops.zeros_like, "ZerosLike", name)


def ones_like(
    tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True
) -> Tensor:
    """Ones in the shape of a tensor."""
    return _like(tensor, dtype, ops.ones_like, "OnesLike", name)


def _like(tensor: Any, dtype: Any, function: Callable[..., Any], kind: str, name: Any) -> Tensor:
    element = None if dtype is None else dtypes.as_dtype(dtype).element
    return make(kind, lambda x: function(_as_value(x), dtype=element), [convert(tensor)], name)


def range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str = "range"
) -> Tensor:
    """Numbers from start to before limit."""
    if limit is None:
        start, limit = 0, start
    if not _has_nodes([start, limit, delta]):
        return constant(
            np.asarray(dtypes.as_array(np.arange(start, limit, delta).tolist(), None)),
            dtype,
            name=name,
        )
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    inputs = together(start, limit, delta)

    def function(*values: Any) -> Any:
        found = np.arange(*(whole(value) for value in values))
        return ops.tensor(found, dtype=(wanted or inputs[0].dtype).element)

    return make("Range", function, inputs, name, dtype=wanted or inputs[0].dtype, sizes=(None,))


def linspace(start: Any, stop: Any, num: int, name: str = "LinSpace") -> Tensor:
    """So many numbers from start to stop, equally far from each other."""
    return constant(np.linspace(start, stop, num), dtypes.float32, name=name)


def eye(
    num_rows: int, num_columns: int | None = None, dtype: Any = dtypes.float32, name: str = "eye"
) -> Tensor:
    """The identity matrix."""
    return constant(np.eye(num_rows, num_columns), dtype, name=name)


def one_hot(
    indices: Any, depth: int, on_value: Any = None, off_value: Any = None, axis: int = -1,
    dtype: Any = None, name: str | None = None,
) -> Tensor:  # fmt: skip
    """`on_value` (1) at the place that each index says, `off_value` (0) elsewhere."""
    wanted = dtypes.float32 if dtype is None else dtypes.as_dtype(dtype)
    on, off = (default if x is None else x for x, default in ((on_value, 1), (off_value, 0)))

    def function(places: Value) -> Value:
        spread = places.unsqueeze(axis)
        sizes = [1] * spread.ndim
        sizes[axis] = depth
        here = spread == ops.arange(depth).to(places.dtype).reshape(sizes)
        return ops.where(
            here, ops.tensor(on, dtype=wanted.element), ops.tensor(off, dtype=wanted.element)
        )

    return make("OneHot", function, [convert(indices)], name, dtype=wanted)


# --- places --------------------------------------------------------------------------------------


def gather(
    params: Any, indices: Any, validate_indices: Any = None, name: str | None = None, axis: int = 0
) -> Tensor:
    """The slices along an axis at the given places, in the shape of the places."""

    def function(x: Value, places: Any) -> Value:
        places = _as_value(places)
        found = x.index_select(axis, places.reshape(-1).long())
        dim = axis % x.ndim
        return found.reshape([*x.shape[:dim], *places.shape, *x.shape[dim + 1 :]])

    return make("GatherV2", function, [convert(params), convert(indices)], name)


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """x where the condition is true, else y; without them, the places where it is true."""
    if x is None and y is None:
        return make(
            "Where",
            lambda c: c.nonzero(),
            [convert(condition)],
            name,
            dtype=dtypes.int64,
            sizes=(None, None),
        )
    pair = together(x, y)

    def function(c: Value, a: Value, b: Value) -> Value:
        if c.ndim == 1 and a.ndim > 1:  # a condition for each row
            c = c.reshape([-1] + [1] * (a.ndim - 1))
        return ops.where(c, a, b)

    return make("Select", function, [convert(condition), *pair], name, dtype=pair[0].dtype)


def boolean_mask(tensor: Any, mask: Any, name: str | None = None, axis: Any = None) -> Tensor:
    """The elements where the mask is true."""
    node = convert(tensor)
    return make(
        "BooleanMask", lambda x, m: x[m], [node, convert(mask)], name, dtype=node.dtype, sizes=None
    )


def cond(
    pred: Any,
    true_fn: Any = None,
    false_fn: Any = None,
    name: str | None = None,
    fn1: Any = None,
    fn2: Any = None,
) -> Any:
    """What one of two functions gives. Both are computed, so neither may assign to variables."""
    yes, no = (true_fn or fn1)(), (false_fn or fn2)()
    if isinstance(yes, (list, tuple)):
        return type(yes)(where(pred, a, b) for a, b in zip(yes, no))
    return where(pred, yes, no)


def slice(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """A piece of a tensor: from `begin`, `size` long (-1: to the end)."""
    node = convert(input_)
    pair = [convert(begin, dtypes.int32 if not isinstance(begin, Tensor) else None), size]
    fixed = None if _has_nodes([begin, size]) else (np.atleast_1d(begin), np.atleast_1d(size))

    def cut(x: Any, starts: Any, sizes: Any) -> Any:
        for axis, (start, length) in enumerate(zip(starts, sizes)):
            x = x.narrow(
                axis, int(start), x.shape[axis] - int(start) if length == -1 else int(length)
            )
        return x

    if fixed is not None:
        return make("Slice", lambda x: cut(x, *fixed), [node], name)
    pair[1] = convert(size, dtypes.int32 if not isinstance(size, Tensor) else None)
    unknown = None if node.sizes is None else (None,) * len(node.sizes)
    return make(
        "Slice",
        lambda x, a, b: cut(x, whole(a), whole(b)),
        [node, *pair],
        name,
        dtype=node.dtype,
        sizes=unknown,
    )


def _get_item(self: Tensor, key: Any) -> Tensor:
    """`x[...]` with numbers, slices, None, Ellipsis, and nodes of whole numbers."""
    keys = key if isinstance(key, tuple) else (key,)
    nodes = [part for each in keys for part in _parts(each) if isinstance(part, Tensor)]
    nodes = list(dict.fromkeys(nodes))
    if any(each.dtype is dtypes.bool for each in nodes):
        return boolean_mask(self, key)

    def function(x: Any, *values: Any) -> Any:
        found = dict(zip(nodes, values))
        return x[tuple(_resolved(each, found) for each in keys)]

    if self.kind in ("Shape", "Pack") and not nodes and len(self.sizes or ()) == 1:
        count = () if all(isinstance(each, int) for each in keys) else (None,)
        return make("StridedSlice", function, [self], dtype=self.dtype, sizes=count)
    return make("StridedSlice", function, [self, *nodes])


def _parts(key: Any) -> Sequence[Any]:
    return (key.start, key.stop, key.step) if isinstance(key, builtins.slice) else (key,)


def _resolved(key: Any, values: dict[Tensor, Any]) -> Any:
    if isinstance(key, builtins.slice):
        return builtins.slice(*(_resolved(part, values) for part in _parts(key)))
    if isinstance(key, Tensor):
        value = values[key]
        return value if isinstance(value, Value) and value.ndim else int(whole(value))
    return key.value if isinstance(key, shapes.Dimension) else key


Tensor.__getitem__ = _get_item  # type: ignore[attr-defined]


__all__ = own_names(__name__)
