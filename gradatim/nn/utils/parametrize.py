"""Parametrizations: a parameter computed from others, by modules, whenever it is read.

A parametrized module becomes one of a class of its own, on which the tensor's name is a property:
reading it calls the parametrizations one after the other, on what is stored; assigning to it goes
the other way, through their `right_inverse`. What is stored lives in the submodule
`parametrizations.NAME`, as `original`, or `original0`, `original1` ... if there are several.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from gradatim.autograd import no_grad
from gradatim.graph.errors import ArgumentError, Error
from gradatim.nn.containers import ModuleDict, ModuleList
from gradatim.nn.module import Module
from gradatim.nn.parameter import Parameter
from gradatim.tensor import Tensor

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]


class NoInverse(Error, NotImplementedError, RuntimeError):
    """A parametrized tensor assigned to, whose parametrization cannot be inverted."""


class _Cache:
    """Values read inside `cached()`, by module and name."""

    depth = 0
    values: ClassVar[dict[tuple[int, str], Tensor]] = {}


@contextlib.contextmanager
def cached() -> Iterator[None]:
    """Inside, each parametrized tensor is computed at its first reading only.

    Example:
        >>> import gradatim as gd
        >>> P = gd.nn.utils.parametrize
        >>> class Double(gd.nn.Module):
        ...     def forward(self, x):
        ...         print("computed")
        ...         return 2 * x
        >>> layer = P.register_parametrization(gd.nn.Linear(2, 2), "weight", Double(), unsafe=True)
        >>> with P.cached():
        ...     same = layer.weight is layer.weight
        computed
        >>> same
        True
    """
    _Cache.depth += 1
    try:
        yield
    finally:
        _Cache.depth -= 1
        if not _Cache.depth:
            _Cache.values = {}


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _need_alike(found: Any, expected: tuple[Any, Any], what: str) -> None:
    """Refuse what is no tensor of this dtype and shape."""
    dtype, shape = expected
    if not isinstance(found, Tensor):
        raise ArgumentError(f"{what} must return a tensor. Got {type(found).__name__}.")
    if found.dtype is not dtype:
        raise ArgumentError(
            f"{what} may not change the dtype of the tensor, unless the `unsafe` flag is enabled: "
            f"it was {dtype.name}, and became {found.dtype.name}"
        )
    if tuple(found.shape) != tuple(shape):
        raise ArgumentError(
            f"{what} may not change the shape of the tensor, unless the `unsafe` flag is enabled: "
            f"it was {list(shape)}, and became {list(found.shape)}"
        )


def _need_dtype(found: Tensor, wanted: Tensor, what: str) -> None:
    if found.dtype is not wanted.dtype:
        raise ArgumentError(
            f"The tensor returned by `right_inverse` has dtype {found.dtype.name} while `{what}` "
            f"has dtype {wanted.dtype.name}"
        )


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, in order, and what they compute it from.

    Attributes:
        original, or original0, original1 ...: what is stored.
        unsafe: whether they may change dtype and shape.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False):
        if not len(modules):
            raise ArgumentError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        kind = (original.dtype, tuple(original.shape))
        new: Any = original
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    with contextlib.suppress(NotImplementedError):
                        new = module.right_inverse(new)
        self.is_tensor = isinstance(new, Tensor)
        if not self.is_tensor and not isinstance(new, Sequence):
            raise ArgumentError(
                f"'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            if new.dtype is not original.dtype:
                raise ArgumentError(
                    f"When `right_inverse` outputs one tensor, it may not change the dtype: it was "
                    f"{original.dtype.name}, and became {new.dtype.name}"
                )
            if new is not original:
                original.data = new.detach()
            _register(self, "original", original)
        else:
            for k, tensor in enumerate(new):
                if not isinstance(tensor, Tensor):
                    raise ArgumentError(
                        f"'right_inverse' must return a Tensor or a Sequence of tensors (list, "
                        f"tuple...). Got element {k} of the sequence with type "
                        f"{type(tensor).__name__}."
                    )
                if isinstance(original, Parameter):
                    tensor = Parameter(tensor, original.requires_grad)
                _register(self, f"original{k}", tensor.requires_grad_(original.requires_grad))
        if not unsafe:
            _need_alike(self(), kind, "Registering a parametrization: it")

    def right_inverse(self, value: Any) -> None:
        """Store what makes the tensor have this value.

        Raises:
            NoInverse: if a parametrization has no `right_inverse`.
            ArgumentError: for a result that does not fit what is stored.
        """
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise NoInverse(
                        f"parametrization {type(module).__name__} does not implement right_inverse."
                    )
                value = module.right_inverse(value)
            if self.is_tensor:
                if not isinstance(value, Tensor):
                    raise ArgumentError(
                        f"`right_inverse` should return a tensor. Got {type(value).__name__}"
                    )
                _need_dtype(value, self.original, "original")
                self.original.data = value.detach()
                return
            if not isinstance(value, Sequence) or len(value) != self.ntensors:
                found = len(value) if isinstance(value, Sequence) else type(value).__name__
                raise ArgumentError(
                    f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. "
                    f"Got {found}."
                )
            for k, tensor in enumerate(value):
                stored = getattr(self, f"original{k}")
                _need_dtype(tensor, stored, f"original{k}")
                stored.data = tensor.detach()

    def forward(self) -> Any:
        """The tensor."""
        first, *rest = list(self)
        if self.is_tensor:
            x = first(self.original)
        else:
            x = first(*(getattr(self, f"original{k}") for k in range(self.ntensors)))
        for module in rest:
            x = module(x)
        return x


# --- the class of a parametrized module ----------------------------------------------------------


def _deepcopy(self: Any, memo: dict[int, Any]) -> Any:
    if id(self) not in memo:
        replica = memo[id(self)] = self.__new__(type(self))
        replica.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return memo[id(self)]


def _refuse_pickle(self: Any) -> Any:
    raise ArgumentError(
        "Serialization of parametrized modules is only supported through state_dict()."
    )


def _give_class(module: Module) -> None:
    """Make the module one of a class of its own, for properties to be put on."""
    cls = type(module)
    members = {"__getstate__": _refuse_pickle}
    if not hasattr(cls, "__deepcopy__"):
        members["__deepcopy__"] = _deepcopy
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), members)


def _give_property(cls: type[Any], name: str) -> None:
    def read(self: Any) -> Any:
        if not _Cache.depth:
            return self.parametrizations[name]()
        key = (id(self), name)
        if key not in _Cache.values:
            _Cache.values[key] = self.parametrizations[name]()
        return _Cache.values[key]

    def write(self: Any, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(cls, name, property(read, write))


# --- the functions -------------------------------------------------------------------------------


def register_parametrization(
    module: Any, tensor_name: str, parametrization: Any, *, unsafe: bool = False
) -> Any:
    """Compute a module's parameter or buffer by a parametrization from now on.

    Args:
        module: whose tensor it is.
        tensor_name: the tensor's name. If it is parametrized already, this one comes after.
        parametrization: a module whose forward gives the tensor. If it has `right_inverse`, the
            tensor can be assigned to, and what is stored at first is that of its value; it may be
            several tensors, which forward then gets.
        unsafe: allow that shape or dtype change, and check nothing.

    Raises:
        ArgumentError: for a name that is not there, or a result that does not fit.

    Example:
        >>> import gradatim as gd
        >>> class Symmetric(gd.nn.Module):
        ...     def forward(self, x):
        ...         return x.triu() + x.triu(1).T
        >>> P = gd.nn.utils.parametrize
        >>> layer = P.register_parametrization(gd.nn.Linear(3, 3), "weight", Symmetric())
        >>> bool((layer.weight == layer.weight.T).all())
        True
        >>> list(layer.state_dict())
        ['bias', 'parametrizations.weight.original']
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            before = getattr(module, tensor_name)
            kind = (before.dtype, tuple(before.shape))
            after = parametrization(before)
            _need_alike(after, kind, "Registering a parametrization: it")
            if hasattr(parametrization, "right_inverse"):
                with contextlib.suppress(NotImplementedError):
                    stored = parametrization.right_inverse(after)
                    _need_alike(stored, kind, "parametrization.right_inverse")
        chain = module.parametrizations[tensor_name]
        chain.append(parametrization)
        chain.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        chain = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _give_class(module)
            module.parametrizations = ModuleDict()
        _give_property(type(module), tensor_name)
        module.parametrizations[tensor_name] = chain
    else:
        raise ArgumentError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    return module


def is_parametrized(module: Any, tensor_name: str | None = None) -> bool:
    """Whether a module has a parametrized tensor (of this name)."""
    found = getattr(module, "parametrizations", None)
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def remove_parametrizations(module: Any, tensor_name: str, leave_parametrized: bool = True) -> Any:
    """Undo all parametrizations of a tensor.

    Args:
        leave_parametrized: the tensor keeps the value it has; else it becomes what was stored.

    Raises:
        ArgumentError: if it is not parametrized; and without `leave_parametrized` if several
            tensors are stored.
    """
    if not is_parametrized(module, tensor_name):
        raise ArgumentError(f"Module {module} does not have a parametrization on {tensor_name}")
    chain = module.parametrizations[tensor_name]
    if chain.is_tensor:
        original = chain.original
        if leave_parametrized:
            with no_grad():
                original.data = getattr(module, tensor_name).detach()
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ArgumentError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
            "parametrized in terms of a sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Any) -> type[Any]:
    """The class of a module as if nothing of it were parametrized."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Any, to_module: Any, tensor_name: str | None = None
) -> Any:
    """Give the parametrizations of one module, and what they store, to another too.

    Args:
        tensor_name: of this tensor; None: of all.
    """
    if not is_parametrized(from_module):
        return to_module
    names = list(from_module.parametrizations) if tensor_name is None else [tensor_name]
    for name in names:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach()))
        source = from_module.parametrizations[name]
        for parametrization in source:
            register_parametrization(to_module, name, parametrization)
        target = to_module.parametrizations[name]
        for stored in source._parameters:
            setattr(target, stored, getattr(source, stored))
    return to_module
