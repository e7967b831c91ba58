"""What programs ask of a tensor: what it is, where it lives, what its memory is; and calls that
change nothing on one kind of device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradatim.graph.dtypes import as_dtype
from gradatim.graph.errors import ArgumentTypeError, DTypeError, ShapeError
from gradatim.ops.creation import empty, from_numpy, tensor
from gradatim.size import Size
from gradatim.storage import Storage
from gradatim.tensor import Tensor, from_array, method

__all__ = [
    "can_cast", "get_device", "is_complex", "is_conj", "is_inference", "is_neg", "is_nonzero",
    "is_signed", "to_dlpack",
]  # fmt: skip

# Attributes that say which of the kinds of tensor that PyTorch has this is.
_FACTS = {
    "is_ipu": False,
    "is_maia": False,
    "is_meta": False,
    "is_mkldnn": False,
    "is_mps": False,
    "is_mtia": False,
    "is_nested": False,
    "is_quantized": False,
    "is_sparse_csr": False,
    "is_vulkan": False,
    "is_xla": False,
    "is_xpu": False,
    "name": None,
    "output_nr": 0,
}

for _name, _fact in _FACTS.items():
    setattr(Tensor, _name, property(lambda self, fact=_fact: fact))

Tensor.is_cpu = property(lambda self: self.device.type == "cpu")  # type: ignore[attr-defined]


@method()
def get_device(input: Tensor) -> int:
    """The index of the tensor's GPU, or other device; -1 on the CPU."""
    place = input.device
    return -1 if place.type == "cpu" else place.index or 0


@method()
def is_complex(input: Tensor) -> bool:
    """Whether the dtype is complex: none is."""
    return False


@method()
def is_conj(input: Tensor) -> bool:
    """Whether the tensor waits to be conjugated: none does."""
    return False


@method()
def is_neg(input: Tensor) -> bool:
    """Whether the tensor waits to be negated: none does."""
    return False


@method()
def is_inference(input: Tensor) -> bool:
    """Whether the tensor can never have a gradient: any floating one can."""
    return False


@method()
def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers."""
    return input.dtype.is_signed


@method()
def is_nonzero(input: Tensor) -> bool:
    """Whether the one element is not 0.

    Raises:
        ShapeError: for a tensor of another number of elements.
    """
    return bool(input)


@method()
def is_coalesced(self: Tensor) -> bool:
    """Of sparse tensors only.

    Raises:
        DTypeError: always.
    """
    raise DTypeError("is_coalesced expected sparse coordinate tensor layout but got Strided")


@method()
def is_shared(self: Tensor) -> bool:
    """Whether other processes can see the memory; it is this process's own."""
    return False


@method()
def share_memory_(self: Tensor) -> Tensor:
    """The tensor itself. Worker processes get copies of what they are given."""
    return self


@method()
def is_pinned(self: Tensor, device: Any = None) -> bool:
    """Whether the memory is locked for copies to a GPU."""
    return False


@method()
def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """The tensor itself: without a GPU there is nothing to lock memory for."""
    return self


@method()
def record_stream(self: Tensor, stream: Any) -> None:
    """Nothing: there are no streams on the CPU."""


@method()
def to_dense(self: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """The tensor itself, or in another dtype: it is not sparse."""
    result: Tensor = self if dtype is None else self.to(dtype)
    return result


@method()
def as_subclass(self: Tensor, cls: type[Tensor]) -> Tensor:
    """The same memory as an instance of a subclass of Tensor."""
    if not isinstance(cls, type) or not issubclass(cls, Tensor):
        raise ArgumentTypeError(f"as_subclass expects a subclass of Tensor, got {cls!r}")
    new = cls.__new__(cls)
    new.__dict__.update(self._alias().__dict__)
    if self.requires_grad:
        new._plain, new._base = False, self
        new._from_base, new._path = (), self._path
        new._layout = self._layout or (tuple(self.shape), self._strides(), 0)
    return new


@method()
def dim_order(self: Tensor, *, ambiguity_check: Any = False) -> tuple[int, ...]:
    """The dimensions in the order in which they lie in memory, the outermost first.

    Raises:
        ShapeError: with `ambiguity_check`, if several orders would do.
    """
    strides, shape = self._strides(), tuple(self.shape)
    order = tuple(sorted(range(self.ndim), key=lambda k: (-strides[k], k)))
    if ambiguity_check:
        decided = [strides[k] for k in range(self.ndim) if shape[k] > 1]
        if len(decided) != self.ndim or len(set(decided)) != len(decided):
            raise ShapeError(
                f"The tensor does not have unique dim order, or cannot map to exact one of the "
                f"given memory formats: sizes {list(shape)}, strides {list(strides)}"
            )
    return order


@method()
def new(self: Tensor, *args: Any) -> Tensor:
    """A tensor of this one's dtype: of the given sizes, or with the given values."""
    if not args:
        return empty(0, dtype=self.dtype)
    if isinstance(args[0], (int, Size)):
        return empty(*args, dtype=self.dtype)
    return tensor(args[0], dtype=self.dtype)


# --- element by element, in Python ---------------------------------------------------------------


def _mapped(self: Tensor, others: tuple[Tensor, ...], function: Callable[..., Any]) -> Tensor:
    for other in others:
        if other.dtype is not self.dtype:
            raise ArgumentTypeError(
                f"map_: expected a tensor of {self.dtype.name}, got {other.dtype.name}"
            )
    arrays = np.broadcast_arrays(self._value(), *(other._value() for other in others))
    if arrays[0].shape != tuple(self.shape):
        raise ShapeError(
            f"map_: a tensor of shape {list(self.shape)} cannot hold {list(arrays[0].shape)}"
        )
    values = [function(*each) for each in zip(*(array.ravel().tolist() for array in arrays))]
    made = np.array(values, dtype=self.dtype.numpy).reshape(arrays[0].shape)
    self._prepare_write(fresh=True)
    return self._write(from_array(made, self.dtype)._read(), fresh=True)


@method()
def apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Each element replaced by what a Python function gives for it, in place; slow.

    Raises:
        ArgumentTypeError: for a tensor that requires a gradient.
    """
    if self.requires_grad:
        raise ArgumentTypeError("Can't call apply_() on Variable that requires grad: detach() it")
    return _mapped(self, (), callable)


@method()
def map_(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Each element replaced by what a Python function gives for it and another tensor's, in place;
    slow."""
    if self.requires_grad or tensor.requires_grad:
        raise ArgumentTypeError("Can't call map_() on Variable that requires grad: detach() it")
    return _mapped(self, (tensor,), callable)


@method()
def map2_(self: Tensor, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
    """`map_` with two other tensors."""
    if self.requires_grad or x.requires_grad or y.requires_grad:
        raise ArgumentTypeError("Can't call map2_() on Variable that requires grad: detach() it")
    return _mapped(self, (x, y), callable)


# --- memory, and other libraries -----------------------------------------------------------------


@method()
def storage(self: Tensor) -> Storage:
    """The memory that the tensor lies in, shared with every view of it, counted in elements."""
    return Storage(self)


@method()
def untyped_storage(self: Tensor) -> Storage:
    """The memory that the tensor lies in, shared with every view of it, counted in bytes."""
    return Storage(self, untyped=True)


@method()
def const_data_ptr(self: Tensor) -> int:
    """`data_ptr`, for memory that will not be written to."""
    return self.data_ptr()


def to_dlpack(tensor: Tensor) -> Any:
    """The tensor's memory as a DLPack capsule, for another library's `from_dlpack`."""
    return tensor.__dlpack__()


def can_cast(from_: Any, to: Any) -> bool:
    """Whether values of one dtype may become another's without leaving its kind: not floats to
    integers, nor anything but bool to bool."""
    source, target = as_dtype(from_), as_dtype(to)
    return source.category <= target.category


@method("__array_wrap__")
def _wrap_array(self: Tensor, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
    """What NumPy's functions give for a tensor: a tensor (bools as uint8, as PyTorch has it)."""
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    return from_numpy(np.asarray(array))


@method("__reversed__")
def _reversed(self: Tensor) -> Tensor:
    """`reversed(x)`: the first dimension from its end."""
    result: Tensor = self.flip(0) if self.ndim else self
    return result


@method("__delitem__")
def _delete(self: Tensor, key: Any) -> None:
    raise ArgumentTypeError("Tensor does not support deleting items: select what is to stay")
