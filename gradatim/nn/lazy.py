"""Parameters without a shape, and the modules that find it out from their first input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from gradatim import ops
from gradatim.autograd import no_grad
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.nn.buffer import Buffer
from gradatim.nn.parameter import Parameter
from gradatim.tensor import Tensor


class _Uninitialized:
    """What parameters and buffers without a shape share: a dtype, a device, and no value."""

    cls_to_become: type[Any]
    data: Any

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become an ordinary parameter or buffer of this shape, whose values are still to be set.

        Args:
            device, dtype: if not those it was made with.
        """
        known = self.data
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        self.data = ops.empty(
            *shape, device=known.device if device is None else device,
            dtype=known.dtype if dtype is None else dtype,
        )  # fmt: skip

    @property
    def shape(self) -> NoReturn:
        raise ShapeError(
            "Can't access the shape of an uninitialized parameter or buffer. This happens in "
            "`load_state_dict` when an uninitialized parameter is loaded into an initialized one. "
            "Call `forward` with an example to initialize it first."
        )

    def _read(self) -> NoReturn:
        raise ArgumentError(
            "Attempted to use an uninitialized parameter: call the lazy module with an example "
            "input first, which gives its parameters their shapes"
        )

    _value = _read

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = self._again()
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), (self.requires_grad,)  # type: ignore[attr-defined]

    def _again(self) -> Any:
        known = self.data
        return type(self)(self.requires_grad, known.device, known.dtype)  # type: ignore[attr-defined, call-arg]


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter without a shape.

    Args:
        requires_grad: whether backward() will fill its `.grad`.
        device, dtype: what it will have.

    Raises:
        ShapeError: when its shape is asked for.
        ArgumentError: when it is used.
    """

    cls_to_become = Parameter

    def __new__(  # type: ignore[misc]
        cls, requires_grad: bool = True, device: Any = None, dtype: Any = None
    ) -> UninitializedParameter:
        return Parameter.__new__(cls, ops.empty(0, device=device, dtype=dtype), requires_grad)  # type: ignore[return-value]

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None):
        """Nothing is left to do: `__new__` has done it."""


class UninitializedBuffer(_Uninitialized, Buffer):
    """A buffer without a shape; arguments and errors as of `UninitializedParameter`."""

    cls_to_become = Buffer

    def __new__(  # type: ignore[misc]
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> UninitializedBuffer:
        empty = ops.empty(0, device=device, dtype=dtype)
        return Buffer.__new__(cls, empty, persistent=persistent)  # type: ignore[return-value]

    def __init__(
        self,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ):
        """Nothing is left to do: `__new__` has done it."""


def is_lazy(value: Any) -> bool:
    """Whether a value is a parameter or buffer without a shape."""
    return isinstance(value, _Uninitialized)


class LazyModuleMixin:
    """Stands before a Module among the bases of one whose parameters are uninitialized at first.

    The first call looks at its input, calls `initialize_parameters` with it, and from then on the
    module is one of the class `cls_to_become`. A state_dict with shapes does the same to the
    parameters. Random initial values are drawn at the first call, so after those of modules that
    are not lazy.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.LazyLinear(2)
        >>> layer
        LazyLinear(in_features=0, out_features=2, bias=True)
        >>> layer(gd.zeros(5, 3)).shape
        torch.Size([5, 2])
        >>> layer
        Linear(in_features=3, out_features=2, bias=True)
    """

    cls_to_become: type[Any] | None = None
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        module: Any = self
        module._load_hook = module.register_load_state_dict_pre_hook(_take_shapes)
        module._initialize_hook = module.register_forward_pre_hook(
            _infer_parameters, with_kwargs=True
        )

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give the parameters shapes and values, with the arguments of the first call."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer has no shape yet."""
        return any(map(is_lazy, (*self._parameters.values(), *self._buffers.values())))

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        for name, member in self._local_state().items():  # type: ignore[attr-defined]
            kept = keep_vars or is_lazy(member)
            destination[prefix + name] = member if kept else member.detach()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        lazy = {name: buffer for name, buffer in self._buffers.items() if is_lazy(buffer)}
        self._buffers.update(dict.fromkeys(lazy))
        result = super()._apply(fn, recurse)  # type: ignore[misc]
        for name, buffer in lazy.items():
            buffer.data = fn(buffer.data)
            self._buffers[name] = buffer
        return result


def _take_shapes(module: Any, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
    """Before loading: the parameters get the shapes of what is loaded."""
    for name, member in (*module._parameters.items(), *module._buffers.items()):
        given = state_dict.get(prefix + name)
        if is_lazy(member) and given is not None and not is_lazy(given):
            with no_grad():
                member.materialize(given.shape)


def _infer_parameters(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Before the first forward."""
    module.initialize_parameters(*args, **kwargs)
    if module.has_uninitialized_params():
        raise ShapeError(f"module {module._get_name()} has not been fully initialized")
    module._initialize_hook.remove()
    module._load_hook.remove()
    del module._initialize_hook, module._load_hook
    if module.cls_to_become is not None:
        module.__class__ = module.cls_to_become
