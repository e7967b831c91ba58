"""Parameter: a tensor that a Module trains."""

from __future__ import annotations

from typing import Any

from gradatim import ops
from gradatim.graph.errors import WrongKind
from gradatim.tensor import Tensor


class Parameter(Tensor):
    """A tensor that becomes a parameter of the Module it is assigned to.

    It shares the memory of `data`. Operations on it give plain tensors.

    Args:
        data: any tensor; none means an empty one.
        requires_grad: whether backward() fills its `.grad`.

    Raises:
        DTypeError: for data of integers, unless `requires_grad=False`.

    Example:
        >>> import gradatim as gd
        >>> gd.nn.Parameter(gd.zeros(2))
        Parameter containing:
        tensor([0., 0.], requires_grad=True)
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        parameter = super().__new__(cls)
        if data is None:
            data = ops.empty(0)
        if not isinstance(data, Tensor):
            raise WrongKind(
                f"Parameter expects a Tensor, got {type(data).__name__}: make one with "
                f"gd.tensor(...)"
            )
        computed = not data.is_leaf or data._cell.node.history  # (by a detached handle, perhaps)
        parameter.data = data.detach().clone() if computed else data.detach()
        return parameter.requires_grad_(requires_grad)

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True):
        """Nothing is left to do: `__new__` has done it."""

    def __repr__(self) -> str:
        plain = self.data.requires_grad_(self.requires_grad)  # which prints as tensor(...)
        return f"Parameter containing:\n{plain!r}"

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:
            copy = type(self)(self.data.clone(), self.requires_grad)
            memo[id(self)] = copy
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), (self.data, self.requires_grad)
