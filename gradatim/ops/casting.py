"""Copies, and other dtypes and devices."""

from __future__ import annotations

from typing import Any

from gradatim.graph import dtypes
from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType, as_dtype
from gradatim.graph.errors import (
    ArgumentError,
)
from gradatim.memory_format import order_of
from gradatim.ops.arguments import need_tensors
from gradatim.tensor import Device, Tensor, method, op, wrap


def _copied(input: Tensor, memory_format: Any) -> Tensor:
    """A copy whose elements lie in memory as a format says."""
    order = order_of(memory_format, input.ndim)
    if order is None:
        return wrap(p.copy(input._read()))
    made = wrap(p.copy(p.permute(input._read(), order)))
    back = tuple(order.index(k) for k in range(len(order)))
    shape, strides = tuple(made.shape), made._strides()
    return made._view(
        ("permute", back), tuple(shape[k] for k in back), tuple(strides[k] for k in back), 0
    )


@method()
@op("Clone")
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy in memory of its own, in the order of a memory format; gradients flow through it."""
    return _copied(input, memory_format)


@method()
def contiguous(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself if its memory is in row-major order (or that of a format), else a copy that
    is."""
    if self.is_contiguous(memory_format):
        return self
    return clone(self, memory_format=memory_format)


def _to_dtype(self: Tensor, dtype: DType, copy: bool = False) -> Tensor:
    if self.dtype is dtype:
        return clone(self) if copy else self
    result = wrap(p.cast(self._read(), dtype))
    result._op = "ToCopy"
    return result


@method()
def to(self: Tensor, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False,
       non_blocking: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """The tensor with another dtype, on another device, or like another tensor; itself if it
    already is.
    """
    for arg in args:
        if isinstance(arg, Tensor):
            dtype = arg.dtype
        elif isinstance(arg, Device):
            device = arg
        elif isinstance(arg, bool):
            copy = copy or arg
        elif isinstance(arg, str) and arg not in dtypes.BY_NAME:
            device = arg
        elif arg is not None:
            dtype = arg
    if device is not None:
        Device(device)
    found = _to_dtype(self, self.dtype if dtype is None else as_dtype(dtype), copy)
    if order_of(memory_format, self.ndim) is None or found.is_contiguous(memory_format):
        return found
    return clone(found, memory_format=memory_format)


@method("type")
def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The tensor's type as text, or the tensor cast to a dtype."""
    if dtype is None:
        return f"torch.{_TYPE_NAMES[self.dtype]}"
    if isinstance(dtype, str):
        name = dtype.rsplit(".", 1)[-1]
        found = [d for d, text in _TYPE_NAMES.items() if text == name]
        if found:
            return _to_dtype(self, found[0])
        raise ArgumentError(
            f"invalid type: {dtype!r}, expected one of {', '.join(_TYPE_NAMES.values())}, "
            f"or a dtype"
        )
    return _to_dtype(self, as_dtype(dtype))


_TYPE_NAMES = {
    dtypes.float32: "FloatTensor", dtypes.float64: "DoubleTensor", dtypes.float16: "HalfTensor",
    dtypes.bfloat16: "BFloat16Tensor", dtypes.uint8: "ByteTensor", dtypes.int8: "CharTensor",
    dtypes.int16: "ShortTensor", dtypes.int32: "IntTensor", dtypes.int64: "LongTensor",
    dtypes.bool_: "BoolTensor", dtypes.uint16: "UInt16Tensor", dtypes.uint32: "UInt32Tensor",
    dtypes.uint64: "UInt64Tensor",
}  # fmt: skip


def _caster(name: str, dtype: DType) -> None:
    def function(self: Tensor, memory_format: Any = None) -> Tensor:
        return to(self, dtype, memory_format=memory_format)

    function.__doc__ = f"The tensor as {dtype.name}."
    method(name)(function)


for _name, _dtype in (
    ("float", dtypes.float32), ("double", dtypes.float64), ("half", dtypes.float16),
    ("bfloat16", dtypes.bfloat16), ("byte", dtypes.uint8), ("char", dtypes.int8),
    ("short", dtypes.int16), ("int", dtypes.int32), ("long", dtypes.int64), ("bool", dtypes.bool_),
):  # fmt: skip
    _caster(_name, _dtype)


@method()
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """The tensor with another's dtype."""
    need_tensors("type_as", other=other)
    return _to_dtype(self, other.dtype)


@method()
def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor on the CPU."""
    return self


@method()
def cuda(self: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    """The tensor on a GPU: this installation has none."""
    Device("cuda")
    return self


@method()
def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Whether two tensors are the same memory, read the same way."""
    return (
        self._cell is tensor._cell
        and self.shape == tensor.shape
        and self._strides() == tensor._strides()
        and self.storage_offset() == tensor.storage_offset()
    )


@method()
def is_same_size(self: Tensor, other: Tensor) -> bool:
    """Whether two tensors have one shape."""
    return bool(self.shape == other.shape)


def is_tensor(value: Any) -> bool:
    """Whether a value is a Tensor."""
    return isinstance(value, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether a tensor's dtype is floating."""
    return input.is_floating_point()


def numel(input: Tensor) -> int:
    """Number of elements."""
    return input.numel()
