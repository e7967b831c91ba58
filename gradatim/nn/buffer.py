"""Buffer: a tensor that is part of a Module's state but not trained."""

from __future__ import annotations

from typing import Any

from gradatim import ops
from gradatim.tensor import Tensor


class Buffer(Tensor):
    """A tensor that becomes a buffer of the Module it is assigned to, as by `register_buffer`.

    It shares the memory of `data`.

    Args:
        data: any tensor; none means an empty one.
        persistent: whether it is part of `state_dict`.

    Example:
        >>> import gradatim as gd
        >>> module = gd.nn.Module()
        >>> module.steps = gd.nn.Buffer(gd.zeros(2))
        >>> list(module.state_dict())
        ['steps']
    """

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        buffer: Buffer = super().__new__(cls)
        given = ops.empty(0) if data is None else data
        computed = not given.is_leaf or given._cell.node.history
        buffer.data = given.detach().clone() if computed else given.detach()
        buffer.persistent = persistent
        return buffer.requires_grad_(given.requires_grad)

    def __init__(self, data: Tensor | None = None, *, persistent: bool = True):
        """Nothing is left to do: `__new__` has done it."""

    def __repr__(self) -> str:
        return repr(self.data.requires_grad_(self.requires_grad))  # which prints as tensor(...)

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), persistent=self.persistent)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return _again, (self.data, self.persistent)


def _again(data: Tensor, persistent: bool) -> Buffer:
    return Buffer(data, persistent=persistent)
