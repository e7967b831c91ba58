"""Module: a part of a model, with its parameters, its state and its submodules.

It is put together from four files: `members.py` (what belongs to it), `state_dict.py` (saving and
loading), `hooks.py` (functions that run around it) and this one (calling it, its modes, its
conversions, its text).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim.autograd import no_grad
from gradatim.capture import guard_module
from gradatim.graph.dtypes import DType
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, Error
from gradatim.nn.blame import name_layer, not_a_tensor
from gradatim.nn.hooks import Hooks
from gradatim.nn.members import Members
from gradatim.nn.state_dict import State
from gradatim.realize import local
from gradatim.tensor import Tensor


class Module(Members, State, Hooks):
    """The base of every layer and model.

    A subclass calls `super().__init__()`, assigns its parameters and submodules to attributes, and
    defines `forward`. Calling the module calls `forward`, with the hooks around it.

    An error raised inside gets the path of its layer in front of its message.

    Attributes:
        training: whether layers such as Dropout behave as in training; `train()` and `eval()` set
            it.

    Example:
        >>> import gradatim as gd
        >>> class Net(gd.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.hidden = gd.nn.Linear(4, 8)
        ...         self.output = gd.nn.Linear(8, 2)
        ...     def forward(self, x):
        ...         return self.output(gd.relu(self.hidden(x)))
        >>> net = Net()
        >>> net(gd.zeros(5, 4)).shape
        torch.Size([5, 2])
        >>> net
        Net(
          (hidden): Linear(in_features=4, out_features=8, bias=True)
          (output): Linear(in_features=8, out_features=2, bias=True)
        )
    """

    training: bool

    def __init__(self) -> None:
        self._init_members()
        self._init_state_hooks()
        self._init_hooks()
        self.__dict__["training"] = True

    # --- calling --------------------------------------------------------------------------------

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes. Every subclass defines it."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function: '
            f"define forward(self, ...) in the class"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if local.capture is not None:
            guard_module(self)
        try:
            if (
                self._forward_hooks
                or self._forward_pre_hooks
                or self._backward_hooks
                or self._backward_pre_hooks
            ):
                return self._call_with_hooks(args, kwargs)
            return self.forward(*args, **kwargs)
        except Error as error:
            name_layer(error, self)
            raise
        except AttributeError as error:
            if (refusal := not_a_tensor(error, self, (*args, *kwargs.values()))) is None:
                raise
            raise refusal from error

    # --- modes ----------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Any:
        """Set this module and all below it to training mode, or with False to evaluation mode."""
        if not isinstance(mode, bool):
            raise ArgumentError(f"training mode is expected to be boolean, got {mode!r}")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Any:
        """Set this module and all below it to evaluation mode."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Say for all parameters whether backward() fills their `.grad`; False freezes them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or with False set them to zero."""
        for parameter in self.parameters():
            if set_to_none:  # said even where there is none, for a step that is being captured
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad.detach_().zero_()

    # --- conversions ----------------------------------------------------------------------------

    def apply(self, fn: Callable[[Any], Any]) -> Any:
        """Call `fn` with every module below this one, children first, then with this one."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Replace every parameter's data, its gradient and every buffer by `fn` of it. Parameters
        stay the same objects, so that an optimizer that holds them goes on working.
        """
        if recurse:
            for module in self.children():
                module._apply(fn)
        for parameter in self._parameters.values():
            if parameter is None:
                continue
            gradient = parameter.grad
            with no_grad():
                parameter.data = fn(parameter.data)
                if gradient is not None:
                    parameter.grad = fn(gradient.detach())
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Move the module to a device, or cast its floating parameters and buffers to a dtype, in
        place: `to(device)`, `to(dtype)`, `to(device, dtype)` or `to(tensor)`, which does both.

        Raises:
            ArgumentTypeError: for a dtype that is not floating.
        """
        device, dtype = _parse_to(args, kwargs)
        if dtype is not None and not dtype.is_floating_point:
            raise ArgumentTypeError(
                f"nn.Module.to only accepts floating point dtypes, but got desired dtype={dtype}"
            )

        def convert(tensor: Tensor) -> Tensor:
            options: dict[str, Any] = {} if device is None else {"device": device}
            if dtype is not None and tensor.is_floating_point():
                options["dtype"] = dtype
            return tensor.to(**options) if options else tensor

        return self._apply(convert)

    def type(self, dst_type: DType) -> Any:
        """Cast all parameters and buffers, those of integers too."""
        return self._apply(lambda tensor: tensor.to(dst_type))

    def float(self) -> Any:
        """Cast all floating parameters and buffers to float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self) -> Any:
        """Cast all floating parameters and buffers to float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self) -> Any:
        """Cast all floating parameters and buffers to float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self) -> Any:
        """Cast all floating parameters and buffers to bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def cpu(self) -> Any:
        """Move all parameters and buffers to the CPU."""
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self, device: Any = None) -> Any:
        """Move all parameters and buffers to the GPU."""
        return self._apply(lambda tensor: tensor.cuda(device))

    def share_memory(self) -> Any:
        """The module itself: worker processes are forked, and read its memory as it is."""
        return self

    def compile(self, *args: Any, **options: Any) -> None:
        """Accepted: what a module computes is compiled anyway, with what follows."""

    # --- copies and text ------------------------------------------------------------------------

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._init_members()
        self._init_state_hooks()
        self._init_hooks()

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the parentheses of the repr, such as the sizes of the layer."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [
            f"({name}): " + repr(module).replace("\n", "\n  ")
            for name, module in self._modules.items()
        ]
        return layout(self._get_name(), lines, children)


def layout(name: str, extra_lines: list[str], children: list[str]) -> str:
    """`Name(extra)` on one line, or each of several lines indented by two."""
    if len(extra_lines) == 1 and not children:
        return f"{name}({extra_lines[0]})"
    lines = extra_lines + children
    if not lines:
        return f"{name}()"
    return "\n  ".join([f"{name}(", *lines]) + "\n)"


def _parse_to(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, DType | None]:
    """The device and the dtype that the arguments of `to` ask for."""
    device, dtype = kwargs.get("device"), kwargs.get("dtype")
    for argument in args:
        if isinstance(argument, Tensor):
            device, dtype = argument.device, argument.dtype
        elif isinstance(argument, DType):
            dtype = argument
        elif argument is not None and not isinstance(argument, bool):  # a bool is non_blocking
            device = argument
    unknown = set(kwargs) - {"device", "dtype", "non_blocking", "memory_format"}
    if unknown:
        raise ArgumentTypeError(f"to() got an unexpected keyword argument {min(unknown)!r}")
    return device, dtype
