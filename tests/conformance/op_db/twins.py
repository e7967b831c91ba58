"""From PyTorch's objects to ours: tensors, dtypes, and the operators themselves."""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import gradatim as gd
from gradatim.graph.errors import Error

DTYPES = {
    getattr(torch, name): getattr(gd, name)
    for name in (
        "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
        "float16", "bfloat16", "float32", "float64",
    )
}  # fmt: skip


MOST_DIMENSIONS = 64  # of NumPy's arrays


class OutOfScope(Exception):
    """A sample that needs what Gradatim leaves out: complex, sparse or quantized tensors."""


class NotTaken(Exception):
    """A sample that PyTorch itself refuses, in the form in which it was to be compared."""


def to_array(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    plain = tensor.detach()
    if plain.dtype == torch.bfloat16:
        import ml_dtypes

        return plain.float().numpy().astype(ml_dtypes.bfloat16)
    return plain.numpy(force=True)


def _whole(tensor: torch.Tensor, known: dict[int, gd.Tensor]) -> gd.Tensor | None:
    """Our twin of all the memory of a view, if it shows only a part of it, or if another argument
    lies in it too."""
    if tensor._base is None:
        return None
    address = -tensor.untyped_storage().data_ptr()  # (no id of an object is negative)
    if address not in known:
        size = tensor.untyped_storage().nbytes() // tensor.itemsize
        shows_a_part = tensor.is_contiguous() and size > tensor.numel()
        if not shows_a_part and 0 not in tensor.stride():
            return None
        known[address] = gd.tensor(to_array(tensor.detach().as_strided((size,), (1,), 0)).copy())
    return known[address]


def our_tensor(tensor: torch.Tensor, known: dict[int, gd.Tensor] | None = None) -> gd.Tensor:
    """A copy with the same order of strides."""
    if tensor.device.type == "meta" or tensor.ndim > MOST_DIMENSIONS:
        raise OutOfScope(f"{tensor.device}, {tensor.ndim} dimensions")
    if tensor.is_complex() or tensor.layout != torch.strided or tensor.is_quantized:
        raise OutOfScope(f"{tensor.dtype}, {tensor.layout}")
    whole = None if known is None else _whole(tensor, known)
    if whole is not None:
        view = whole.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())
        return view.requires_grad_() if tensor.requires_grad else view
    order = sorted(range(tensor.ndim), key=lambda k: -tensor.stride(k))
    back = sorted(range(tensor.ndim), key=order.__getitem__)
    made = gd.tensor(np.array(to_array(tensor.permute(order)), order="C"))
    if back != list(range(tensor.ndim)):
        made = made.permute(back)
    if not tensor.requires_grad:
        return made
    if tensor.is_leaf:
        made = made.detach()
    return made.requires_grad_()


def to_ours(value: Any, known: dict[int, gd.Tensor] | None = None) -> Any:
    """The same arguments in Gradatim. `known` collects our tensors by the id of PyTorch's."""
    if isinstance(value, torch.Tensor):
        if known is not None and id(value) in known:
            return known[id(value)]
        made = our_tensor(value, known)
        if known is not None:
            known[id(value)] = made
            if value._base is None and value.is_contiguous() and not value.requires_grad:
                known.setdefault(-value.untyped_storage().data_ptr(), made)
        return made
    if isinstance(value, torch.dtype):
        if value not in DTYPES:
            raise OutOfScope(str(value))
        return DTYPES[value]
    if isinstance(value, torch.device):
        return gd.device(str(value))
    if isinstance(value, torch.layout):
        if value is not torch.strided:
            raise OutOfScope(str(value))
        return getattr(gd, "strided", None)
    if isinstance(value, torch.memory_format):
        return getattr(gd, str(value).removeprefix("torch."), None)
    if isinstance(value, torch.Size):
        return tuple(value)
    if isinstance(value, complex):
        raise OutOfScope("complex number")
    if isinstance(value, torch.nn.LinearCrossEntropyOptions):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return gd.nn.LinearCrossEntropyOptions(**to_ours(fields, known))
    if isinstance(value, torch.nn.PairwiseDistance):  # in place of a function
        return gd.nn.PairwiseDistance(value.norm, value.eps, value.keepdim)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(to_ours(v, known) for v in value))
    if isinstance(value, (tuple, list)):
        return type(value)(to_ours(v, known) for v in value)
    if isinstance(value, dict):
        return {k: to_ours(v, known) for k, v in value.items()}
    if isinstance(value, types.FunctionType) and _says_torch(value):
        return rebound(value)
    return value


# --- operators -----------------------------------------------------------------------------------


class Missing(Exception):
    """Gradatim has no such name."""


def _with_seed(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The twin of PyTorch's `wrapper_set_seed`: draws start from seed 42."""
    state = gd.get_rng_state()
    gd.manual_seed(42)
    try:
        return function(*args, **kwargs)
    finally:
        gd.set_rng_state(state)


def _says_torch(function: types.FunctionType) -> bool:
    return "torch" in function.__globals__ and function.__module__.startswith("torch.testing")


def rebound(function: types.FunctionType) -> Callable[..., Any]:
    """A function of PyTorch's tests (`lambda x, n: torch.polygamma(n, x)`) that means our names."""
    names = {**function.__globals__, "torch": gd, "np": np, "wrapper_set_seed": _with_seed}
    twin = types.FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )
    twin.__kwdefaults__ = function.__kwdefaults__
    return twin


def resolve(name: str) -> Callable[..., Any]:
    """`linalg.norm`, or the method of that name."""
    place: Any = gd
    *rooms, last = name.split(".")
    for room in rooms:
        place = getattr(place, room, None)
    found = getattr(place, last, None)
    if found is None and not rooms:
        found = getattr(gd.Tensor, last, None)
    if found is None:
        raise Missing(f"there is no gradatim.{name}")
    return found


def our_operator(op: Any) -> Callable[..., Any]:
    """Our twin of an operator of the database."""
    if inspect.isfunction(op.op) and _says_torch(op.op):
        return rebound(op.op)
    return resolve(op.name)


def is_ours(error: BaseException) -> bool:
    return isinstance(error, (Error, TypeError))
