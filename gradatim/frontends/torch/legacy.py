"""The types of 2018 (`torch.FloatTensor`, `torch.LongTensor`, `torch.cuda.FloatTensor`), and the
number that `loss.data[0]` was.
"""

from __future__ import annotations

import sys
import types
from typing import Any

from gradatim import ops
from gradatim.device import Device
from gradatim.frontends import running
from gradatim.graph import dtypes
from gradatim.graph.dtypes import DType
from gradatim.ops import indexing
from gradatim.tensor import Tensor, _is_outside

NAMES: dict[str, DType] = {
    "FloatTensor": dtypes.float32, "DoubleTensor": dtypes.float64, "HalfTensor": dtypes.float16,
    "BFloat16Tensor": dtypes.bfloat16, "ByteTensor": dtypes.uint8, "CharTensor": dtypes.int8,
    "ShortTensor": dtypes.int16, "IntTensor": dtypes.int32, "LongTensor": dtypes.int64,
    "BoolTensor": dtypes.bool_,
}  # fmt: skip


class _TensorType(type):
    """The type of a type such as `torch.FloatTensor`: what is an instance of it is said by dtype
    and device."""

    _element: DType
    _device: str

    @property
    def dtype(cls) -> DType:
        Device(cls._device)  # which refuses a GPU that is not there
        return cls._element

    def __instancecheck__(cls, instance: Any) -> bool:
        return (
            isinstance(instance, Tensor)
            and instance.dtype is cls._element
            and instance.device.type == cls._device
        )

    def __call__(cls, *args: Any) -> Tensor:
        """`FloatTensor(2, 3)` has that shape, `FloatTensor([2, 3])` those elements."""
        if not args:
            return ops.empty(0, dtype=cls.dtype)
        first = args[0]
        if isinstance(first, tuple) and type(first) is not tuple:  # a torch.Size
            return ops.empty(*first, dtype=cls.dtype)
        if all(isinstance(size, int) for size in args):
            return ops.empty(*args, dtype=cls.dtype)
        if isinstance(first, Tensor):
            return first.detach().to(cls.dtype)
        return ops.tensor(first, dtype=cls.dtype)

    def __repr__(cls) -> str:
        return f"<class '{cls.__module__}.{cls.__name__}'>"


def tensor_type(name: str, module: str, device: str = "cpu") -> type:
    """The type of a name in `NAMES`."""
    members = {"_element": NAMES[name], "_device": device, "__module__": module}
    return _TensorType(name, (), members)


globals().update({name: tensor_type(name, "torch") for name in NAMES})


__all__ = [*NAMES]


# --- loss.data[0] --------------------------------------------------------------------------------

_HOME = __name__.rpartition(".")[0]


def _number(tensor: Tensor, index: int) -> Any:
    """The number in a 0-d tensor, for a program that speaks PyTorch: in Gradatim's own names, and
    in PyTorch of today, `loss[0]` is a mistake."""
    if index not in (0, -1) or not _speaks_torch():
        return None
    return tensor.item()


def _speaks_torch() -> bool:
    """Whether the line that is running is a script's, or in a file that uses this front end."""
    if running.is_running:
        return True
    frame: Any = sys._getframe(2)
    while frame is not None and not _is_outside[frame.f_code.co_filename]:
        frame = frame.f_back
    return frame is not None and any(map(_is_ours, list(frame.f_globals.values())))


def _is_ours(value: Any) -> bool:
    if isinstance(value, types.ModuleType):
        return value.__name__.startswith(_HOME)
    return isinstance(value, type) and value.__module__.startswith(_HOME)


indexing.OF_A_SCALAR.append(_number)
