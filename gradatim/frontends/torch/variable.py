"""Variable: PyTorch's wrapper around a tensor until 2018, and a tensor itself since."""

from __future__ import annotations

import warnings
from typing import Any

from gradatim.graph.errors import ArgumentTypeError
from gradatim.tensor import Tensor

__all__ = ["Variable"]


class _TensorsAreVariables(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, Tensor)


class Variable(metaclass=_TensorsAreVariables):
    """A tensor on the same memory, which may want a gradient.

    Args:
        data: the tensor.
        requires_grad: whether its gradient is wanted.
        volatile: what `no_grad` was before 2018: accepted, with a warning; the tensor does not
            want a gradient.

    Example:
        >>> import gradatim.frontends.torch as torch
        >>> Variable(torch.ones(2), requires_grad=True)
        tensor([1., 1.], requires_grad=True)
    """

    def __new__(cls, data: Any = None, requires_grad: bool = False, volatile: bool = False) -> Any:
        if data is None:
            data = Tensor()
        if not isinstance(data, Tensor):
            raise ArgumentTypeError(
                f"Variable data has to be a tensor, but got {type(data).__name__}"
            )
        if volatile:
            warnings.warn(
                "volatile was removed from PyTorch in 2018: use  with torch.no_grad():",
                stacklevel=2,
            )
        made = data.detach()
        # The new handle is a leaf of its own: nothing says any more that it was detached.
        made._detached = False
        made._plain = made._base is None
        return made.requires_grad_() if requires_grad and not volatile else made
