"""Settings that programs written for PyTorch ask for: devices and threads of the process."""

from __future__ import annotations

import os
from typing import Any

from gradatim.device import CPU, Device
from gradatim.graph.errors import DeviceError, ShapeError
from gradatim.storage import Storage
from gradatim.tensor import Tensor


def get_default_device() -> Device:
    """Where tensors are made: the CPU."""
    return CPU


def set_default_device(device: Any) -> None:
    """Choose where tensors are made.

    Raises:
        DeviceError: for anything but the CPU.
    """
    if device is not None and Device(device).place != "cpu":
        raise DeviceError(
            f"tensors are made on the CPU unless told otherwise, got {str(device)!r}: give device= "
            f"where a tensor is made, or move it with .to({str(device)!r})"
        )


def set_flush_denormal(mode: bool) -> bool:
    """Ask for denormal numbers to be taken for 0: they never are, so the answer is False."""
    return False


def is_storage(obj: Any) -> bool:
    """Whether a value is a tensor's storage."""
    return isinstance(obj, Storage)


def typename(obj: Any) -> str:
    """A value's type as text: of a tensor with its dtype.

    Example:
        >>> import gradatim as gd
        >>> gd.typename(gd.ones(2))
        'torch.FloatTensor'
    """
    if isinstance(obj, Tensor):
        found: str = obj.type()
        return found
    kind = obj if isinstance(obj, type) else type(obj)
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def from_file(
    filename: Any, shared: bool | None = None, size: int = 0, *, dtype: Any = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """A tensor over the bytes of a file, mapped into memory.

    Args:
        shared: write changes to the file, which is made (or made longer) if need be; otherwise
            they stay in memory.
        size: how many elements.

    Raises:
        ShapeError: for a file that is too short, if it is not shared.
    """
    import numpy as np

    from gradatim import ops
    from gradatim.graph.dtypes import as_dtype, get_default_dtype

    kind = get_default_dtype() if dtype is None else as_dtype(dtype)
    wanted, path = size * kind.itemsize, os.fspath(filename)
    there = os.path.getsize(path) if os.path.exists(path) else -1
    if there < wanted:
        if not shared:
            raise ShapeError(f"unable to map {wanted} bytes of file <{path}>: it has {there}")
        with open(path, "ab") as file:
            file.truncate(wanted)
    if not size:
        return ops.zeros(0, dtype=kind)  # type: ignore[no-any-return]
    array = np.memmap(path, kind.numpy, "r+" if shared else "c", shape=(size,))
    result = ops.from_numpy(np.asarray(array))
    return result.requires_grad_() if requires_grad else result  # type: ignore[no-any-return]
