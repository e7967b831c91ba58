"""Tensors from nothing, from Python values, and from other libraries' arrays."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType, as_dtype
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from gradatim.graph.node import Node
from gradatim.ops.arguments import as_number, is_number, need_numbers, number_node, shape_argument
from gradatim.realize import Cell
from gradatim.tensor import Device, Tensor, from_array, method, wrap


def _finish(result: Tensor, requires_grad: bool, device: Any = None) -> Tensor:
    if device is not None:
        result = result.to(device=device)
    return result.requires_grad_() if requires_grad else result


def _device(device: Any) -> str:
    return "cpu" if device is None else Device(device).place


# --- from values ---------------------------------------------------------------------------------


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor with a copy of the data: a number, nested sequences, an array, a tensor.

    Python floats get the default dtype (float32), ints int64, bools bool; arrays keep theirs.

    Raises:
        ArgumentError: for sequences of different lengths at one level.

    Example:
        >>> import gradatim as gd
        >>> gd.tensor([[1, 2], [3, 4.5]])
        tensor([[1.0000, 2.0000],
                [3.0000, 4.5000]])
    """
    _device(device)
    if isinstance(data, Tensor):
        result = wrap(p.copy(data.detach()._read()))
        if dtype is not None:
            result = result.to(as_dtype(dtype))
        return _finish(result, requires_grad, device)
    wanted = None if dtype is None else as_dtype(dtype)
    return _finish(from_array(_as_array(data, wanted), wanted), requires_grad, device)


def _as_array(data: Any, wanted: DType | None) -> np.ndarray[Any, Any]:
    """A fresh array from anything `tensor` takes."""
    if isinstance(data, np.ndarray):
        if data.dtype.kind in "OUSMmV" and data.dtype.name != "bfloat16":
            raise ArgumentTypeError(
                f"can't convert np.ndarray of type numpy.{data.dtype.name}. The only supported "
                f"types are: float64, float32, float16, bfloat16, int64, int32, int16, int8, "
                f"uint64, uint32, uint16, uint8, and bool."
            )
        return _cast(data, wanted)
    if isinstance(data, np.generic):
        return _cast(np.array(data), wanted)
    if is_number(data):
        return _from_leaves(data, (), [data], wanted)
    if hasattr(data, "__array__") and not isinstance(data, (list, tuple)):
        return _cast(np.asarray(data), wanted)
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        shape = _nested_shape(data)
        leaves: list[Any] = []
        _collect(data, shape, 0, leaves)
        return _from_leaves(data, shape, leaves, wanted)
    error = ArgumentTypeError if isinstance(data, (str, bytes)) else DTypeError  # as PyTorch has it
    raise error(
        f"tensor() expects numbers, nested sequences of them, an array or a tensor, got "
        f"{type(data).__name__}"
    )


def _cast(array: np.ndarray[Any, Any], wanted: DType | None) -> np.ndarray[Any, Any]:
    with np.errstate(all="ignore"):
        return np.array(array, dtype=None if wanted is None else wanted.numpy, order="C")


def _nested_shape(data: Any) -> tuple[int, ...]:
    shape: list[int] = []
    while True:
        if isinstance(data, Tensor | np.ndarray):
            return (*shape, *data.shape)
        if is_number(data):
            return tuple(shape)
        if isinstance(data, (str, bytes)) or not hasattr(data, "__len__"):
            error = DTypeError if data is None else ArgumentTypeError  # as PyTorch has it
            raise error(f"a tensor holds numbers, got {type(data).__name__} {data!r}")
        shape.append(len(data))
        if len(data) == 0:
            return tuple(shape)
        data = data[0]


def _collect(data: Any, shape: tuple[int, ...], depth: int, leaves: list[Any]) -> None:
    if isinstance(data, Tensor):
        data = data._value()
    if isinstance(data, np.ndarray):
        if data.shape != shape[depth:]:
            raise ArgumentError(
                f"expected sequence of length {shape[depth] if depth < len(shape) else 0} at dim "
                f"{depth} (got an array of shape {list(data.shape)})"
            )
        leaves.append(data)
        return
    if depth == len(shape):
        if not is_number(data):
            raise ArgumentTypeError(
                f"a tensor holds numbers of one nesting depth, got {type(data).__name__} at "
                f"depth {depth}"
            )
        leaves.append(data)
        return
    if is_number(data):
        raise ArgumentTypeError(
            f"expected a sequence of length {shape[depth]} at dim {depth}, got the number {data}"
        )
    if len(data) != shape[depth]:
        raise ArgumentError(
            f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})"
        )
    for each in data:
        _collect(each, shape, depth + 1, leaves)


def _from_leaves(
    data: Any, shape: tuple[int, ...], leaves: list[Any], wanted: DType | None
) -> np.ndarray[Any, Any]:
    if wanted is None:
        wanted = _inferred(leaves)
    if leaves and isinstance(leaves[0], np.ndarray):
        return np.stack(leaves).reshape(shape).astype(wanted.numpy)
    if wanted.is_integer:
        low, high = dtypes.integer_range(wanted)
        for leaf in leaves:
            number = as_number(leaf)
            if isinstance(number, int) and not low <= number <= high:
                if wanted is dtypes.int64:
                    raise ArgumentError(
                        f"Overflow when unpacking long: {number} is outside int64's range, "
                        f"-2**63 to 2**63 - 1; give dtype=gd.float64 to have it rounded"
                    )
                raise DTypeError(
                    f"value cannot be converted to type {wanted.name} without overflow: {number}"
                )
            if isinstance(number, float) and not math.isfinite(number):
                raise DTypeError(
                    f"value cannot be converted to type {wanted.name} without overflow: {number}"
                )
        leaves = [int(leaf) for leaf in leaves]
    with np.errstate(all="ignore"):
        return np.array(leaves, dtype=wanted.numpy).reshape(shape)


def _inferred(leaves: list[Any]) -> DType:
    found: DType | None = None
    kinds = {type(leaf) for leaf in leaves}
    for leaf in (
        leaves
        if kinds - {bool, int, float}
        else (next(leaf for leaf in leaves if type(leaf) is kind) for kind in kinds)
    ):
        if isinstance(leaf, (np.ndarray, np.generic)):
            dtype = dtypes.from_numpy_dtype(leaf.dtype)
        elif isinstance(leaf, bool):
            dtype = dtypes.bool_
        elif isinstance(leaf, int):
            dtype = dtypes.int64
        else:
            dtype = dtypes.get_default_dtype()
        found = dtype if found is None else dtypes.promote(found, dtype)
    return found or dtypes.get_default_dtype()


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """The tensor itself, an array's memory shared, or a tensor of the values."""
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(as_dtype(dtype))
    if isinstance(data, np.ndarray):
        shared = from_numpy(data)
        return shared if dtype is None else shared.to(as_dtype(dtype))
    return tensor(data, dtype=dtype, device=device)


asarray = as_tensor


def from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """A tensor that shares an array's memory: writing to one writes to both.

    Raises:
        ArgumentTypeError: for a dtype that tensors do not have, and for negative strides.
    """
    if not isinstance(array, np.ndarray):
        raise ArgumentTypeError(f"expected np.ndarray (got {type(array).__name__})")
    try:
        dtype = dtypes.from_numpy_dtype(array.dtype)
    except DTypeError as error:
        raise ArgumentTypeError(str(error)) from None
    if any(stride < 0 for stride in array.strides):
        raise ArgumentError(
            "At least one stride in the given numpy array is negative, and tensors with negative "
            "strides are not currently supported: make a copy with array.copy()"
        )
    if not array.dtype.isnative:
        raise ArgumentError(
            "given numpy array has byte order different from the native byte order: convert it "
            "with array.astype(array.dtype.newbyteorder('='))"
        )
    result = Tensor.__new__(Tensor)
    cell = Cell(p.value(array, array.shape, dtype))
    cell.memory = array
    cell.exposure = lambda: array  # for ever: who else holds the array is not for us to know
    if not array.flags.c_contiguous:
        cell.strides = tuple(stride // array.itemsize for stride in array.strides)
    result._cell = cell
    return result


def from_dlpack(source: Any) -> Tensor:
    """A tensor that shares the memory of another library's array, through DLPack."""
    if not hasattr(source, "__dlpack__"):
        raise ArgumentTypeError(
            f"from_dlpack expects an object with __dlpack__, got {type(source).__name__}"
        )
    return from_numpy(np.from_dlpack(source))


def frombuffer(
    buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """A tensor over the bytes of a buffer, which it shares."""
    array = np.frombuffer(buffer, dtype=as_dtype(dtype).numpy, count=count, offset=offset)
    return _finish(from_numpy(array), requires_grad)


# --- filled --------------------------------------------------------------------------------------


def full(
    size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False, out: Any = None, layout: Any = None,
) -> Tensor:  # fmt: skip
    """A tensor of one value.

    Example:
        >>> import gradatim as gd
        >>> gd.full((2, 2), 7)
        tensor([[7, 7],
                [7, 7]])
    """
    shape = shape_argument((size,) if isinstance(size, int) else tuple(size))
    if isinstance(fill_value, Tensor):
        fill_value = fill_value.item()
    if not is_number(fill_value):
        raise ArgumentTypeError(
            f"full(): argument 'fill_value' must be Number, not {type(fill_value).__name__}"
        )
    number = as_number(fill_value)
    if dtype is None:
        kind = _inferred([number])
    else:
        kind = as_dtype(dtype)
    node = p.expand(number_node(number, kind, _device(device)), shape)
    return _finish(wrap(p.copy(node) if not shape else node), requires_grad)


def _filled(number: int) -> Any:
    def function(
        *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False,
        out: Any = None, layout: Any = None, **named: Any,
    ) -> Tensor:  # fmt: skip
        size = (named.pop("size"),) if "size" in named else size
        if named:
            raise ArgumentTypeError(
                f"{'ones' if number else 'zeros'}() got an unexpected keyword argument "
                f"{next(iter(named))!r}"
            )
        kind = dtypes.get_default_dtype() if dtype is None else as_dtype(dtype)
        return full(shape_argument(size), number, dtype=kind, device=device,
                    requires_grad=requires_grad)  # fmt: skip

    return function


zeros = _filled(0)
zeros.__name__, zeros.__doc__ = "zeros", "A tensor of zeros: `zeros(2, 3)` or `zeros((2, 3))`."
ones = _filled(1)
ones.__name__, ones.__doc__ = "ones", "A tensor of ones: `ones(2, 3)` or `ones((2, 3))`."


def empty(
    *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    pin_memory: bool = False, memory_format: Any = None, layout: Any = None,
) -> Tensor:  # fmt: skip
    """A tensor whose content is not promised (it is zeros)."""
    return zeros(*size, dtype=dtype, device=device, requires_grad=requires_grad)


def _like(number: int | None) -> Any:
    def function(
        input: Tensor, *args: Any, dtype: Any = None, device: Any = None,
        requires_grad: bool = False, memory_format: Any = None, layout: Any = None,
    ) -> Tensor:  # fmt: skip
        if not isinstance(input, Tensor):
            raise ArgumentTypeError(f"expected a Tensor to be like, got {type(input).__name__}")
        fill = args[0] if number is None else number
        kind = input.dtype if dtype is None else as_dtype(dtype)
        place = input._cell.node.device if device is None else device
        return full(input.shape, fill, dtype=kind, device=place or None,
                    requires_grad=requires_grad)  # fmt: skip

    return function


zeros_like = _like(0)
ones_like = _like(1)
empty_like = _like(0)
full_like = _like(None)
for _name in ("zeros", "ones", "empty", "full"):
    _function = globals()[f"{_name}_like"]
    _function.__name__ = f"{_name}_like"
    _function.__doc__ = f"`{_name}` of another tensor's shape and dtype."


def _new(name: str) -> None:
    make = globals()[name]

    def function(
        self: Tensor, *args: Any, dtype: Any = None, device: Any = None,
        requires_grad: bool = False, size: Any = None, fill_value: Any = None,
        layout: Any = None, pin_memory: bool = False,
    ) -> Tensor:  # fmt: skip
        if size is not None:
            args = (size, *args)
        if fill_value is not None:
            args = (*args, fill_value)
        kind = self.dtype if dtype is None else as_dtype(dtype)
        place = (self._cell.node.device or None) if device is None else device
        result: Tensor = make(*args, dtype=kind, device=place, requires_grad=requires_grad)
        return result

    function.__doc__ = f"`{name}` with this tensor's dtype."
    method(f"new_{name}")(function)


for _name in ("zeros", "ones", "empty", "full"):
    _new(_name)


@method()
def new_tensor(
    self: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """`tensor(data)` with this tensor's dtype."""
    return tensor(data, dtype=dtype or self.dtype, requires_grad=requires_grad)


# --- sequences -----------------------------------------------------------------------------------


def arange(
    start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False, out: Any = None, layout: Any = None,
) -> Tensor:  # fmt: skip
    """`start`, `start + step` ... below `end`; `arange(n)` counts from 0.

    Example:
        >>> import gradatim as gd
        >>> gd.arange(1, 2.5, 0.5)
        tensor([1.0000, 1.5000, 2.0000])
    """
    start, end, step = _ends_and_step("arange", start, end, step, dtype)
    integers = all(isinstance(v, int) for v in (start, end, step))
    if dtype is None:
        kind = dtypes.int64 if integers else dtypes.get_default_dtype()
    else:
        kind = as_dtype(dtype)
    if integers:
        count = -(-(end - start) // step)
    else:
        count = max(0, math.ceil((end - start) / step))
    if kind.is_integer:
        first, step = int(start), int(step)
        if kind is dtypes.int64 and count >= _LONG:
            places = p.iota((count,), 0, kind)
            if step != 1:
                places = p.mul(places, p.constant(step, kind))
            if first:
                places = p.add(places, p.constant(first, kind))
            return _finish(wrap(places), requires_grad, device)
        line = np.arange(first, first + count * step, step, dtype=np.int64)
        line = line.astype(kind.numpy, copy=False)
    else:
        line = np.empty(count, kind.numpy)
        _fill_line(line, start, step, 0, np.float64 if kind is dtypes.float64 else np.float32)
    return _finish(from_array(line, kind), requires_grad, device)


def _ends_and_step(where: str, start: Any, end: Any, step: Any, dtype: Any) -> tuple[Any, Any, Any]:
    """The arguments of `arange` and `range` as numbers: whole ones for integer dtypes."""
    if end is None:
        start, end = 0, start
    start, end, step = (v.item() if isinstance(v, Tensor) else as_number(v)
                        for v in (start, end, step))  # fmt: skip
    need_numbers(where, start=start, end=end, step=step)
    for bound in (start, end):
        if bound != bound or abs(bound) == math.inf:
            raise ArgumentError(f"unsupported range: {start} -> {end}")
    if dtype is not None and as_dtype(dtype).is_integer:
        start, end, step = int(start), int(end), int(step)
    if step == 0:
        raise ArgumentError("step must be nonzero")
    if (step > 0 and start > end) or (step < 0 and start < end):
        raise ArgumentError(
            f"upper bound and lower bound inconsistent with step sign: "
            f"start {start}, end {end}, step {step}"
        )
    if abs(end - start) / abs(step) >= 2**60:
        raise ArgumentError(
            f"{where} from {start} to {end} in steps of {step} has more elements than fit in memory"
        )
    return start, end, step


def _line_arguments(
    where: str, start: Any, end: Any, steps: Any, kind: DType
) -> tuple[Any, Any, int]:
    """Ends of a line as numbers, and how many there are to be: whole ones for integers."""
    for bound in (start, end):
        if isinstance(bound, Tensor) and bound.ndim:
            raise ShapeError(
                f"{where} only supports 0-dimensional start and end tensors, but got shape "
                f"{list(bound.shape)}"
            )
    start, end = (v.item() if isinstance(v, Tensor) else as_number(v) for v in (start, end))
    if isinstance(steps, bool) or not hasattr(steps, "__index__"):
        raise ArgumentTypeError(f"{where}(): steps must be an int, got {type(steps).__name__}")
    steps = operator.index(steps)
    if steps < 0:
        raise ArgumentError(f"number of steps must be non-negative, got {steps}")
    return (int(start), int(end), steps) if kind.is_integer else (start, end, steps)


def range(
    start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False, out: Any = None, layout: Any = None,
) -> Tensor:  # fmt: skip
    """`start`, `start + step` ... up to and with `end`: `arange` is what is used otherwise.

    Example:
        >>> import gradatim as gd
        >>> gd.range(1, 3)
        tensor([1., 2., 3.])
    """
    start, end, step = _ends_and_step("range", start, end, step, dtype)
    kind = dtypes.get_default_dtype() if dtype is None else as_dtype(dtype)
    line = start + np.arange(math.floor((end - start) / step) + 1) * step
    return _finish(from_array(line.astype(kind.numpy), kind), requires_grad, device)


def scalar_tensor(
    s: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
    layout: Any = None, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """A 0-d tensor of a number, in the default dtype unless told otherwise."""
    return full((), s, dtype=dtype or dtypes.get_default_dtype(), device=device,
                requires_grad=requires_grad)  # fmt: skip


def linspace(
    start: Any, end: Any, steps: int, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False, out: Any = None, layout: Any = None,
) -> Tensor:  # fmt: skip
    """`steps` numbers from `start` to `end`, both included, evenly spaced."""
    kind = dtypes.get_default_dtype() if dtype is None else as_dtype(dtype)
    start, end, steps = _line_arguments("linspace", start, end, steps, kind)
    work = kind.numpy.type if kind.is_floating_point and kind.itemsize >= 4 else np.float32
    if kind.is_integer:
        work = np.float64
    step = work((end - start) / (steps - 1)) if steps > 1 else work(0)
    half = steps // 2
    if kind is dtypes.float32 and steps >= _LONG:
        up = _long_line(steps, float(work(start)), float(step), 0)
        down = _long_line(steps, float(work(end)), float(step), 1 - steps)
        below = p.lt(p.iota((steps,), 0, dtypes.int64), p.fixed(half, dtypes.int64))
        return _finish(wrap(p.cast(p.select(below, up, down), kind)), requires_grad, device)
    line = np.empty(steps, kind.numpy)
    # From either end, so that both are exact.
    _fill_line(line[:half], work(start), step, 0, work)
    if steps == 1:
        line[:] = work(start)
    else:
        _fill_line(line[half:], work(end), step, half - (steps - 1), work)
    return _finish(from_array(line, kind), requires_grad, device)


_LONG = 1 << 16  # elements from which on a line is made by the engine, on every core


def _long_line(count: int, start: float, step: float, first: int) -> Node:
    """What `_fill_line` says, in float64 and not rounded yet."""
    places = p.cast(p.iota((count,), 0, dtypes.int64), dtypes.float64)
    if first:
        places = p.add(places, p.fixed(float(first), dtypes.float64))
    scaled = p.mul(places, p.constant(step, dtypes.float64))
    return p.add(scaled, p.constant(start, dtypes.float64))


_PIECE = 1 << 13  # elements at a time, so that temporaries stay in the cache


def _fill_line(
    line: np.ndarray[Any, Any], start: float, step: float, first: int, work: Any = np.float64
) -> None:
    """`start + step * k`, for k from `first` on, computed in float64 and rounded to `work`: for
    float32, whose products are exact there, that is one fused multiply-add, as PyTorch has it."""
    places = np.arange(first, first + min(_PIECE, line.size), dtype=np.float64)
    piece = np.empty_like(places)
    for at in builtins.range(0, line.size, _PIECE):
        target = line[at : at + _PIECE]
        rest = piece[: target.size]
        np.multiply(places[: target.size], float(step), out=rest)
        if target.dtype == work:
            np.add(rest, float(start), out=target, casting="same_kind")
        else:
            rest += float(start)
            target[:] = np.trunc(rest) if target.dtype.kind in "iu" else rest.astype(work)
        places += _PIECE


def logspace(
    start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: Any = None,
    device: Any = None, requires_grad: bool = False, out: Any = None, layout: Any = None,
) -> Tensor:  # fmt: skip
    """`base` to the powers of `linspace(start, end, steps)`."""
    kind = dtypes.get_default_dtype() if dtype is None else as_dtype(dtype)
    start, end, steps = _line_arguments("logspace", start, end, steps, kind)
    exponents = linspace(start, end, steps, dtype=dtypes.float64)._value()
    return _finish(from_array((base**exponents).astype(kind.numpy), kind), requires_grad, device)


def eye(
    n: int, m: int | None = None, *, dtype: Any = None, device: Any = None,
    requires_grad: bool = False, out: Any = None, layout: Any = None,
) -> Tensor:  # fmt: skip
    """The identity matrix of n rows and m columns."""
    kind = dtypes.get_default_dtype() if dtype is None else as_dtype(dtype)
    shape = shape_argument((n, n if m is None else m))
    return _finish(from_array(np.eye(*shape, dtype=kind.numpy), kind), requires_grad, device)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinate grids of 1-d tensors; `indexing` "ij" (matrix) or "xy" (Cartesian)."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if indexing not in ("ij", "xy"):
        raise ArgumentError(f'meshgrid: indexing must be one of "xy" or "ij", got {indexing!r}')
    swap = indexing == "xy" and len(tensors) >= 2
    if swap:
        tensors = (tensors[1], tensors[0], *tensors[2:])
    for position, t in enumerate(tensors):
        if t.ndim > 1:
            raise ShapeError(
                f"meshgrid: expected tensors of 0 or 1 dimension, got shape {list(t.shape)} at "
                f"position {position}: flatten it with .reshape(-1)"
            )
    shape = tuple(t.numel() for t in tensors)
    grids = [
        t.reshape([n if j == k else 1 for j, n in enumerate(shape)]).expand(shape)
        for k, t in enumerate(tensors)
    ]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)
