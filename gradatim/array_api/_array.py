"""Array: a Tensor that computes by the standard's rules, and how results become one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from gradatim.device import CPU, Device
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, ShapeError
from gradatim.tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])


class Count(int):
    """A number of elements that can be called as well: `x.size` is the standard's, `x.size(0)`
    PyTorch's."""

    shape: Any

    def __call__(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]


class Array(Tensor):
    """A Tensor with the semantics of the array API standard; made by its functions.

    Example:
        >>> import gradatim.array_api as xp
        >>> x = xp.asarray([[1, 2], [3, 4]], dtype=xp.uint8)
        >>> x.size, (x + xp.asarray(1, dtype=xp.uint16)).dtype
        (4, torch.uint16)
    """

    __hash__ = Tensor.__hash__

    @property
    def size(self) -> Count:  # type: ignore[override]
        """Number of elements."""
        shape = self.shape
        found = Count(shape.numel())
        found.shape = shape
        return found

    @property
    def T(self) -> Array:
        """The transpose of a matrix."""
        if self.ndim != 2:
            raise ArgumentError(
                f"x.T is only defined for 2-dimensional arrays, got {self.ndim} dimensions: use "
                f"x.mT for a stack of matrices, or permute_dims"
            )
        return as_array(self.permute(1, 0))

    @property
    def mT(self) -> Array:
        """The transpose of each matrix of a stack."""
        if self.ndim < 2:
            raise ArgumentError(f"x.mT needs at least 2 dimensions, got {self.ndim}")
        return as_array(self.transpose(-2, -1))

    def __getitem__(self, key: Any, /) -> Array:
        plain, reversed_axes = _forwards(key, tuple(self.shape))
        found: Tensor = Tensor.__getitem__(self, plain)  # type: ignore[attr-defined]
        return as_array(found.flip(*reversed_axes) if reversed_axes else found)

    def __setitem__(self, key: Any, value: Any, /) -> None:
        plain, reversed_axes = _forwards(key, tuple(self.shape))
        if reversed_axes and isinstance(value, Tensor) and value.ndim:
            target: Tensor = Tensor.__getitem__(self, plain)  # type: ignore[attr-defined]
            value = value.expand(target.shape).flip(*reversed_axes)
        Tensor.__setitem__(self, plain, value)  # type: ignore[attr-defined]

    def to_device(self, device: Any, /, *, stream: Any = None) -> Array:
        """The array on another device: there is the CPU."""
        if stream is not None:
            raise ArgumentError("stream: the CPU has no streams")
        need_cpu(device)
        return self


def _forwards(key: Any, shape: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """An index in which no slice runs backwards, and the dimensions of the result to turn round."""
    parts = key if isinstance(key, tuple) else (key,)
    if not any(isinstance(part, slice) and (part.step or 1) < 0 for part in parts):
        return key, ()
    if any(isinstance(part, (Tensor, list)) for part in parts):
        raise ArgumentTypeError(
            "slices that run backwards cannot stand beside arrays in one index: index twice"
        )
    given = sum(1 for part in parts if part is not None and part is not Ellipsis)
    plain: list[Any] = []
    turned: list[int] = []
    axis = place = 0  # of the array, of the result
    for part in parts:
        if part is Ellipsis:
            axis += len(shape) - given
            place += len(shape) - given
        elif part is None:
            place += 1
        else:
            if isinstance(part, slice):
                if part.step is not None and part.step < 0 and axis < len(shape):
                    part = _turned(part, shape[axis])
                    turned.append(place)
                place += 1
            axis += 1
        plain.append(part)
    return tuple(plain), tuple(turned)


def _turned(part: slice, extent: int) -> slice:
    """The places of a slice that runs backwards, in ascending order."""
    places = range(*part.indices(extent))
    if not places:
        return slice(0, 0)
    return slice(places[-1], places[0] + 1, -places.step)


def as_array(tensor: Tensor) -> Array:
    """The same tensor as an Array: the handle's attributes are taken over."""
    if type(tensor) is Array:
        return tensor
    if tensor._requires_grad:
        tensor = tensor.view_as(tensor)  # a leaf stays where it is
    new: Array = Array.__new__(Array)
    new.__dict__.update(tensor.__dict__)
    return new


def wrapped(result: Any) -> Any:
    """Tensors in a result as Arrays."""
    if isinstance(result, Tensor):
        return as_array(result)
    if isinstance(result, tuple):
        made = [wrapped(each) for each in result]
        return type(result)(*made) if hasattr(result, "_fields") else tuple(made)
    return result


def function(call: F) -> F:
    """Mark a function of the namespace: it gives Arrays."""

    @functools.wraps(call)
    def run(*args: Any, **kwargs: Any) -> Any:
        return wrapped(call(*args, **kwargs))

    return run  # type: ignore[return-value]


def need_array(x: Any, where: str) -> Tensor:
    """Refuse what is no array.

    Raises:
        ArgumentTypeError: for anything but a Tensor.
    """
    if not isinstance(x, Tensor):
        raise ArgumentTypeError(
            f"{where}() expects an array, got {type(x).__name__}: make one with asarray(...)"
        )
    return x


def need_cpu(device: Any) -> None:
    """Refuse any device but the CPU, where the namespace's arrays are.

    Raises:
        ArgumentError: for another one.
        DeviceError: for one that is not there.
    """
    if device is not None and Device(device) != CPU:
        raise ArgumentError(
            f"arrays of this namespace are on the CPU, got device={str(device)!r}: tensors, made "
            f"with gradatim's own functions, can be on {device}"
        )


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """The dimensions that `axis` names: all for None.

    Raises:
        ShapeError: for one that is not there, or that comes twice.
    """
    if axis is None:
        return tuple(range(ndim))
    given = axis if isinstance(axis, tuple) else (axis,)
    found = []
    for k in given:
        if not -ndim <= k < ndim:
            raise ShapeError(f"axis {k} is out of bounds for an array of {ndim} dimensions")
        found.append(k % ndim)
    if len(set(found)) != len(found):
        raise ShapeError(f"axis {given} names a dimension twice")
    return tuple(sorted(found))


# --- operators -----------------------------------------------------------------------------------

_BINARY = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide",
    "floordiv": "floor_divide", "mod": "remainder", "pow": "pow", "matmul": "matmul",
    "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift",
}  # fmt: skip
_ON_BOOLS = {
    "bitwise_and": "logical_and", "bitwise_or": "logical_or", "bitwise_xor": "logical_xor",
}  # fmt: skip
_COMPARISONS = {
    "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater",
    "ge": "greater_equal",
}  # fmt: skip
_UNARY = {"neg": "negative", "pos": "positive", "invert": "bitwise_invert", "abs": "abs"}


def install(names: dict[str, Any]) -> None:
    """Give Array its operators, which are the namespace's functions."""
    for symbol, name in {**_BINARY, **_COMPARISONS}.items():
        setattr(Array, f"__{symbol}__", _operator(names[name], False))
        if symbol in _BINARY:
            setattr(Array, f"__r{symbol}__", _operator(names[name], True))
            setattr(Array, f"__i{symbol}__", _in_place(names[name]))
    for symbol, name in _UNARY.items():
        setattr(Array, f"__{symbol}__", _unary(names[name]))


def _operator(call: Callable[..., Any], swapped: bool) -> Callable[..., Any]:
    def run(self: Array, other: Any, /) -> Any:
        if not isinstance(other, (Tensor, bool, int, float)):
            return NotImplemented
        return call(other, self) if swapped else call(self, other)

    return run


def _in_place(call: Callable[..., Any]) -> Callable[..., Any]:
    def run(self: Array, other: Any, /) -> Any:
        if not isinstance(other, (Tensor, bool, int, float)):
            return NotImplemented
        result = call(self, other)
        if result.dtype is not self.dtype:
            raise ArgumentTypeError(
                f"an array of {self.dtype.name} cannot hold a result of {result.dtype.name} in "
                f"place: cast with astype(...)"
            )
        if result.shape != self.shape:
            raise ShapeError(
                f"an array of shape {tuple(self.shape)} cannot hold a result of shape "
                f"{tuple(result.shape)} in place"
            )
        self._write(result._read())
        self._op = result._op
        return self

    return run


def _unary(call: Callable[..., Any]) -> Callable[..., Any]:
    def run(self: Array, /) -> Any:
        return call(self)

    return run
