"""What the names in a `state_dict` file mean: storages of a dtype, and tensors that look at them.

A storage is a flat run of numbers. A tensor is an offset, a shape and strides into one, and two
tensors may look at the same storage (tied weights). That is kept: they share memory here, too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.device import Device
from gradatim.graph import dtypes
from gradatim.graph.dtypes import DType
from gradatim.nn.parameter import Parameter
from gradatim.nn.state_dict import StateDict
from gradatim.size import Size
from gradatim.tensor import Tensor
from gradatim.weights.unpickling import Call, Damaged, Fixed, Name, Refused, checked_key

STORAGES = {
    "DoubleStorage": dtypes.float64,
    "FloatStorage": dtypes.float32,
    "HalfStorage": dtypes.float16,
    "BFloat16Storage": dtypes.bfloat16,
    "LongStorage": dtypes.int64,
    "IntStorage": dtypes.int32,
    "ShortStorage": dtypes.int16,
    "CharStorage": dtypes.int8,
    "ByteStorage": dtypes.uint8,
    "BoolStorage": dtypes.bool_,
}
"""The dtype of each of PyTorch's storage classes. uint16, uint32 and uint64 have none: their
tensors are of an `UntypedStorage`, and say their dtype themselves."""

UNTYPED = "UntypedStorage"

MOST_REPEATED = 16
"""A tensor whose strides overlap has to be copied out. One with more elements than this many times
its storage's is taken for an attack on the memory."""


class StorageClass:
    """One of PyTorch's storage classes: a dtype, or None where the tensor says it."""

    def __init__(self, dtype: DType | None):
        self.dtype = dtype


class Storage:
    """Numbers of a file, as a flat tensor for each dtype in which they are looked at."""

    def __init__(self, content: bytes, dtype: DType | None, big_endian: bool):
        self.content = content
        self.dtype = dtype
        self.big_endian = big_endian
        self.flat: dict[DType, Tensor] = {}

    def as_tensor(self, dtype: DType) -> Tensor:
        if dtype not in self.flat:
            array = np.frombuffer(self.content, np.uint8)
            if dtype is dtypes.bool_:
                array = array != 0
            else:
                array = array[: len(array) // dtype.itemsize * dtype.itemsize].view(dtype.numpy)
                if self.big_endian:
                    array = array.byteswap()
            self.flat[dtype] = ops.tensor(array)
            self.content = self.content if self.dtype is None else b""
        return self.flat[dtype]


def rebuild_tensor(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False, hooks: Any = (),
    metadata: Any = None,
) -> Tensor:  # fmt: skip
    """`torch._utils._rebuild_tensor_v2`: a tensor of shape `size` that looks at a typed storage."""
    if not isinstance(storage, Storage) or storage.dtype is None:
        raise Damaged("a tensor in it has no storage")
    tensor = _look_at(storage.as_tensor(storage.dtype), offset, size, stride)
    return tensor.requires_grad_() if requires_grad is True else tensor


def rebuild_untyped_tensor(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, dtype: Any,
    metadata: Any = None,
) -> Tensor:  # fmt: skip
    """`torch._utils._rebuild_tensor_v3`: the same, of an untyped storage."""
    if not isinstance(storage, Storage) or not isinstance(dtype, DType):
        raise Damaged("a tensor in it has no storage")
    tensor = _look_at(storage.as_tensor(dtype), offset, size, stride)
    return tensor.requires_grad_() if requires_grad is True else tensor


def _look_at(flat: Tensor, offset: Any, size: Any, stride: Any) -> Tensor:
    """The elements of `flat` at `offset` + index · `stride`, sharing its memory where possible."""
    for extents in (size, stride):
        if not isinstance(extents, tuple) or not all(_is_count(n) for n in extents):
            raise Damaged("a tensor in it has no proper shape or strides")
    if not _is_count(offset) or len(size) != len(stride) or len(size) > 64:
        raise Damaged("a tensor in it has no proper shape or strides")
    if 0 in size:
        return ops.empty(size, dtype=flat.dtype)
    stored = flat.numel()
    if offset + sum((n - 1) * step for n, step in zip(size, stride)) >= stored:
        raise Damaged(f"a tensor of shape {size} in it reaches beyond its storage")
    # A dimension of stride 0 is one element, expanded; the rest in the order of memory.
    once = tuple(1 if step == 0 else n for n, step in zip(size, stride))
    order = sorted(range(len(size)), key=lambda d: (-stride[d], d))
    in_memory = [once[d] for d in order]
    count = math.prod(once)
    dense = all(
        once[d] == 1 or stride[d] == math.prod(in_memory[k + 1 :]) for k, d in enumerate(order)
    )
    if not dense:
        if count > MOST_REPEATED * stored:
            raise Refused(f"has a tensor of {count:,} elements that looks at {stored:,} numbers")
        array = flat._value()[offset:]
        steps = tuple(step * array.itemsize for step in stride)
        flat = ops.tensor(np.lib.stride_tricks.as_strided(array, once, steps))
        return flat.expand(size) if once != size else flat
    if (offset, count) != (0, stored):
        flat = flat[offset : offset + count]
    if order != list(range(len(size))):
        places = [order.index(d) for d in range(len(size))]
        view = flat.view(in_memory).permute(places)
    else:
        view = flat.view(once)
    return view.expand(size) if once != size else view


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def rebuild_parameter(data: Any, requires_grad: Any, hooks: Any = (), state: Any = None) -> Any:
    """`torch._utils._rebuild_parameter`, also with a state, which is left out."""
    if not isinstance(data, Tensor):
        raise Damaged("a parameter in it is no tensor")
    return Parameter(data, requires_grad is True)


def rebuild_from_type(function: Any, kind: Any, arguments: Any, state: Any) -> Any:
    """`torch._tensor._rebuild_from_type_v2`: a tensor to which Python attributes were given."""
    if not isinstance(function, Call) or not isinstance(arguments, tuple):
        raise Damaged("a tensor in it has no storage")
    return function.function(*arguments)


def ordered_dict(pairs: Any = ()) -> StateDict:
    return StateDict((checked_key(key), value) for key, value in pairs)


def size(extents: Any = ()) -> Size:
    if not isinstance(extents, tuple) or not all(_is_count(n) for n in extents):
        raise Damaged("a torch.Size in it holds no sizes")
    return Size(extents)


def device(*place: Any) -> Device:
    return Device("cpu")  # wherever it was: it is read here


def encode(text: Any, encoding: Any = "latin1") -> bytes:
    """`_codecs.encode`, the way in which old pickle protocols write bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise Refused(f"encodes text as {encoding!r}")
    return text.encode("latin1")


def as_set(values: Any = ()) -> set[Any]:
    return set(map(checked_key, values))


NAMES: dict[Name, Call | Fixed] = {
    ("collections", "OrderedDict"): Call(ordered_dict),
    ("torch._utils", "_rebuild_tensor"): Call(rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): Call(rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v3"): Call(rebuild_untyped_tensor),
    ("torch._utils", "_rebuild_parameter"): Call(rebuild_parameter),
    ("torch._utils", "_rebuild_parameter_with_state"): Call(rebuild_parameter),
    ("torch._tensor", "_rebuild_from_type_v2"): Call(rebuild_from_type),
    ("torch", "Tensor"): Fixed("torch.Tensor"),
    ("torch.nn.parameter", "Parameter"): Fixed("torch.nn.Parameter"),
    ("torch", "Size"): Call(size),
    ("torch", "device"): Call(device),
    ("_codecs", "encode"): Call(encode),
    ("__builtin__", "set"): Call(as_set),
    ("builtins", "set"): Call(as_set),
    ("torch.storage", UNTYPED): Fixed(StorageClass(None)),
    **{("torch", name): Fixed(StorageClass(dtype)) for name, dtype in STORAGES.items()},
    **{("torch", name): Fixed(dtype) for name, dtype in dtypes.BY_NAME.items()},
}
"""All that a file may name."""

NO_SUCH_DTYPE = {
    "ComplexFloatStorage", "ComplexDoubleStorage", "QInt8Storage", "QUInt8Storage", "QInt32Storage",
    "complex32", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz",
    "float8_e5m2fnuz", "float8_e8m0fnu", "qint8", "quint8", "qint32",
}  # fmt: skip


def find(name: Name) -> Call | Fixed:
    """The meaning of a name, or the reason why it has none."""
    found = NAMES.get(name)
    if found is not None:
        return found
    module, attribute = name
    if module == "torch" and attribute in NO_SUCH_DTYPE:
        raise Refused(f"holds a tensor of torch.{attribute}, a dtype that Gradatim does not have")
    shown = f"{module}.{attribute}"
    shown = shown if shown.isprintable() else repr(shown)
    raise Refused(
        f"names {shown}, which is no tensor and no plain data: it was not loaded, and "
        "nothing of it was run; if the file holds a whole model, save its state_dict instead: "
        "torch.save(model.state_dict(), path)"
    )
