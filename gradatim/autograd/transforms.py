"""grad and value_and_grad: the derivative of a function, nested at will, and of tensors."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from gradatim.autograd.reverse import grad_of_tensors
from gradatim.graph.errors import ArgumentTypeError, GradientError
from gradatim.tensor import Tensor


def value_and_grad(
    function: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives `function`'s value and its gradient: `gd.func.grad_and_value` the other
    way round, which also takes a value of one element that has dimensions.

    Args:
        function: gives a tensor with one element (with `has_aux`, a pair of it and anything).
        argnums: which arguments to differentiate with respect to; each a Tensor, or a tuple, list
            or dict of Tensors.

    Example:
        >>> import gradatim as gd
        >>> gd.value_and_grad(lambda x: (x * x).sum())(gd.tensor([1.0, 3.0]))
        (tensor(10.), tensor([2., 6.]))
    """
    from gradatim.func.reverse import grad_and_value

    def scalar(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        value, aux = result if has_aux else (result, None)
        if not isinstance(value, Tensor) or value.numel() != 1:
            got = (
                f"shape {list(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            )
            raise GradientError(f"grad expects the function to give one number, got {got}")
        return value.reshape(()), (value, aux)

    both = grad_and_value(scalar, argnums, has_aux=True)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        gradient, (_, (value, aux)) = both(*args, **kwargs)
        return ((value, aux), gradient) if has_aux else (value, gradient)

    return call


def grad(function: Any = None, *args: Any, **kwargs: Any) -> Any:
    """A function that gives the gradient of `function`; of tensors, as `torch.autograd.grad`.

    Args:
        function: a function of tensors, with `argnums=0, has_aux=False`; or tensors (outputs), then
            the arguments of `torch.autograd.grad`.

    Example:
        >>> import gradatim as gd
        >>> cube = lambda x: x ** 3
        >>> gd.grad(gd.grad(cube))(gd.tensor(2.0))
        tensor(12.)
    """
    if function is None and "outputs" in kwargs:
        return grad_of_tensors(*args, **kwargs)
    if not callable(function) or isinstance(function, Tensor):
        if not isinstance(function, (Tensor, list, tuple)):
            raise ArgumentTypeError(
                f"grad expects a function, or tensors and inputs, got {type(function).__name__}"
            )
        return grad_of_tensors(function, *args, **kwargs)
    has_aux = kwargs.get("has_aux", False)
    both = value_and_grad(function, *args, **kwargs)

    @functools.wraps(function)
    def call(*a: Any, **k: Any) -> Any:
        value, result = both(*a, **k)
        return (result, value[1]) if has_aux else result

    return call
