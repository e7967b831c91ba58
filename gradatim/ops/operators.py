"""Python's operators on tensors: `+`, `<`, `~` ..."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradatim.graph.errors import ArgumentTypeError
from gradatim.ops.arithmetic import add, div, floor_divide, mul, pow, remainder, rsub, sub
from gradatim.ops.comparison import (
    bitwise_and,
    bitwise_left_shift,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    eq,
    ge,
    gt,
    le,
    lt,
    ne,
)
from gradatim.ops.elementwise import reciprocal
from gradatim.tensor import Tensor, method


def _operator(function: Callable[[Any, Any], Tensor], swapped: bool = False) -> Any:
    """A function as an operator: for operands it does not know, Python asks the other side."""

    known = (Tensor, float, int, np.ndarray, np.generic)

    def call(self: Tensor, other: Any) -> Any:
        if not isinstance(other, known):
            return NotImplemented
        return function(self, other)

    def swapped_call(self: Tensor, other: Any) -> Any:
        if not isinstance(self, Tensor):
            raise ArgumentTypeError(
                f"a reflected operator expects a Tensor, got {type(self).__name__}"
            )
        if not isinstance(other, known):
            return NotImplemented
        return function(other, self)

    return swapped_call if swapped else call


for _symbol, _function in (
    ("add", add), ("sub", sub), ("mul", mul), ("truediv", div), ("floordiv", floor_divide),
    ("mod", remainder), ("pow", pow), ("and", bitwise_and), ("or", bitwise_or),
    ("xor", bitwise_xor), ("lshift", bitwise_left_shift), ("rshift", bitwise_right_shift),
):  # fmt: skip
    method(f"__{_symbol}__")(_operator(_function))
    method(f"__r{_symbol}__")(_operator(_function, swapped=True))
method("__rsub__")(_operator(rsub))


@method("__rtruediv__", "__rdiv__")
def _divides(self: Tensor, other: Any) -> Any:
    """`other / self` for a number: `other * (1 / self)`, rounded twice as in PyTorch."""
    if not isinstance(other, (Tensor, float, int, np.ndarray, np.generic)):
        return NotImplemented
    return mul(reciprocal(self), other)


for _symbol, _function in (("eq", eq), ("ne", ne), ("lt", lt), ("le", le), ("gt", gt), ("ge", ge)):
    method(f"__{_symbol}__")(_operator(_function))
