"""Arrays from nothing, from values, and from other libraries' arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.array_api._array import Array, function, need_array, need_cpu
from gradatim.graph import dtypes
from gradatim.graph.dtypes import as_dtype
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.tensor import Tensor

__all__ = [
    "arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like",
    "linspace", "meshgrid", "ones", "ones_like", "tril", "triu", "zeros", "zeros_like",
]  # fmt: skip


def _shape(shape: Any) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape)


@function
def asarray(
    obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None
) -> Tensor:
    """An array of a number, nested sequences, an array, or anything with a buffer.

    Args:
        dtype: by default that of an array; of Python values bool, int64 or the default dtype.
        copy: True for memory of its own, False for the same memory, None for what is cheaper.

    Raises:
        ArgumentError: with `copy=False`, where a copy is needed.
    """
    need_cpu(device)
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(obj, complex) and not obj.imag:
        obj = obj.real  # (all there is of it)
    if not isinstance(obj, Tensor) and not isinstance(obj, (bool, int, float, list, tuple, range)):
        obj = _shared(obj, copy)
    if isinstance(obj, Tensor):
        if copy is False and wanted is not None and obj.dtype is not wanted:
            raise ArgumentError(
                f"copy=False: a cast from {obj.dtype.name} to {wanted.name} needs a copy"
            )
        found: Tensor = obj.to(obj.dtype if wanted is None else wanted, copy=bool(copy))
        if found is obj:
            return obj if type(obj) is Array else obj.view_as(obj)
        return found
    if copy is False:
        raise ArgumentError(f"copy=False: {type(obj).__name__} can only be copied")
    return ops.tensor(obj, dtype=wanted)


def _shared(obj: Any, copy: bool | None) -> Any:
    """The memory of another library's array, or of a buffer."""
    if isinstance(obj, np.generic):
        obj = np.asarray(obj)
    if not isinstance(obj, np.ndarray):
        if hasattr(obj, "__dlpack__"):
            try:
                obj = np.from_dlpack(obj)
            except (BufferError, RuntimeError, TypeError):
                obj = np.asarray(obj)
        else:
            obj = np.asarray(obj)
    fits = obj.dtype.isnative and not any(stride < 0 for stride in obj.strides)
    if copy is False and not fits:
        raise ArgumentError("copy=False: this array's memory cannot be read as it is")
    return ops.from_numpy(obj) if fits and copy is not True else ops.tensor(np.array(obj))


@function
def arange(
    start: float, /, stop: float | None = None, step: float = 1, *, dtype: Any = None,
    device: Any = None,
) -> Tensor:  # fmt: skip
    """`start`, `start + step` ... before `stop`; `arange(n)` counts from 0. Empty if there are
    none."""
    need_cpu(device)
    if stop is None:
        start, stop = 0, start
    if step == 0:
        raise ArgumentError("arange(): step must not be 0")
    whole = all(isinstance(v, int) for v in (start, stop, step))
    kind = None if dtype is None else as_dtype(dtype)
    if (stop - start) / step <= 0:
        return ops.zeros(0, dtype=kind or (dtypes.int64 if whole else dtypes.get_default_dtype()))
    if kind is not None and kind.is_integer and not whole:
        count = math.ceil((stop - start) / step)
        return ops.tensor(start + step * np.arange(count), dtype=dtypes.float64).to(kind)
    return ops.arange(start, stop, step, dtype=kind)


@function
def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array whose content is not promised."""
    need_cpu(device)
    result: Tensor = ops.zeros(_shape(shape), dtype=dtype, device=device)
    return result


@function
def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array of zeros."""
    need_cpu(device)
    result: Tensor = ops.zeros(_shape(shape), dtype=dtype, device=device)
    return result


@function
def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array of ones."""
    need_cpu(device)
    result: Tensor = ops.ones(_shape(shape), dtype=dtype, device=device)
    return result


@function
def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array of one value."""
    need_cpu(device)
    return ops.full(_shape(shape), fill_value, dtype=dtype, device=device)


@function
def empty_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """`empty` of another array's shape and dtype."""
    return empty(tuple(x.shape), dtype=dtype or x.dtype, device=device)


@function
def zeros_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """`zeros` of another array's shape and dtype."""
    return zeros(tuple(x.shape), dtype=dtype or x.dtype, device=device)


@function
def ones_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """`ones` of another array's shape and dtype."""
    return ones(tuple(x.shape), dtype=dtype or x.dtype, device=device)


@function
def full_like(x: Tensor, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """`full` of another array's shape and dtype."""
    return full(tuple(x.shape), fill_value, dtype=dtype or x.dtype, device=device)


@function
def eye(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None,
    device: Any = None,
) -> Tensor:  # fmt: skip
    """A matrix with ones on the diagonal `k` places above the main one, and 0 elsewhere."""
    need_cpu(device)
    kind = dtypes.get_default_dtype() if dtype is None else as_dtype(dtype)
    columns = n_rows if n_cols is None else n_cols
    return ops.tensor(np.eye(n_rows, columns, k), dtype=kind)


@function
def linspace(
    start: float, stop: float, /, num: int, *, dtype: Any = None, device: Any = None,
    endpoint: bool = True,
) -> Tensor:  # fmt: skip
    """`num` numbers from `start` to `stop`, evenly spaced; without `stop` if not `endpoint`."""
    need_cpu(device)
    kind = dtypes.get_default_dtype() if dtype is None else as_dtype(dtype)
    line = np.linspace(start, stop, num, endpoint=endpoint)
    return ops.tensor(line, dtype=kind)


@function
def meshgrid(*arrays: Tensor, indexing: str = "xy") -> tuple[Tensor, ...]:
    """Coordinate grids of 1-d arrays; `indexing` "xy" (Cartesian) or "ij" (matrix).

    Raises:
        ArgumentError: for another indexing, or arrays of several dtypes.
        ShapeError: for an array of two or more dimensions.
    """
    for x in arrays:
        if need_array(x, "meshgrid").ndim > 1:
            raise ShapeError(f"meshgrid expects 1-d arrays, got shape {tuple(x.shape)}")
        if x.dtype is not arrays[0].dtype:
            raise ArgumentError(
                f"meshgrid expects arrays of one dtype, got {arrays[0].dtype.name} and "
                f"{x.dtype.name}"
            )
    return ops.meshgrid(*arrays, indexing=indexing) if arrays else ()


@function
def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """Matrices with 0 above the diagonal `k` places above the main one."""
    return ops.tril(x, k)


@function
def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """Matrices with 0 below the diagonal `k` places above the main one."""
    return ops.triu(x, k)


@function
def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """An array in the memory of another library's, through DLPack; with `copy` in its own."""
    need_cpu(device)
    found = ops.from_dlpack(x)
    result: Tensor = found.clone() if copy else found
    return result
