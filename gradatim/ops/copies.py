"""Views' twins that copy: `view_copy`, `permute_copy` ..."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentError
from gradatim.graph.node import Node
from gradatim.ops.diagonals import diagonal
from gradatim.ops.indexing import narrow, select
from gradatim.ops.movement import (
    expand,
    permute,
    split,
    squeeze,
    t,
    transpose,
    unbind,
    unsqueeze,
    view,
)
from gradatim.ops.splitting import split_with_sizes
from gradatim.ops.strided import as_strided
from gradatim.tensor import METHODS, Tensor, method, wrap

__all__ = [
    "alias_copy", "as_strided_copy", "detach_copy", "diagonal_copy", "expand_copy", "narrow_copy",
    "permute_copy", "select_copy", "slice_copy", "split_copy", "split_with_sizes_copy",
    "squeeze_copy", "t_copy", "transpose_copy", "unbind_copy", "unfold_copy", "unsqueeze_copy",
    "view_copy",
]  # fmt: skip


def _slice(
    input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    from gradatim.ops.view_scatter import cut

    return cut(input, dim, start, end, step)


def _fresh(x: Node, name: str) -> Tensor:
    return wrap(p.copy(x), name)


def _copying(name: str, make: Callable[..., Any]) -> Callable[..., Any]:
    title = "".join(part.title() for part in name.split("_")) + "Copy"

    def function(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        found = make(input, *args, **kwargs)
        if isinstance(found, tuple):
            return tuple(_fresh(piece._read(), title) for piece in found)
        return _fresh(found._read(), title)

    function.__name__ = function.__qualname__ = f"{name}_copy"
    function.__doc__ = f"What `{name}` gives, as a copy with memory of its own."
    return function


alias_copy = _copying("alias", lambda input: input)
as_strided_copy = _copying("as_strided", as_strided)
detach_copy = _copying("detach", Tensor.detach)
diagonal_copy = _copying("diagonal", diagonal)
expand_copy = _copying("expand", expand)
permute_copy = _copying("permute", permute)
select_copy = _copying("select", select)
slice_copy = _copying("slice", _slice)
split_copy = _copying("split", split)
split_with_sizes_copy = _copying("split_with_sizes", split_with_sizes)
squeeze_copy = _copying("squeeze", squeeze)
t_copy = _copying("t", t)
transpose_copy = _copying("transpose", transpose)
unbind_copy = _copying("unbind", unbind)
unfold_copy = _copying("unfold", METHODS["unfold"])
unsqueeze_copy = _copying("unsqueeze", unsqueeze)
view_copy = _copying("view", view)


@method()
def narrow_copy(input: Tensor, dim: int, start: Any, length: Any) -> Tensor:
    """What `narrow` gives, as a copy with memory of its own.

    Raises:
        ArgumentError: for a dimension that is not there (IndexOutOfRange for one below 0).
    """
    if dim >= max(input.ndim, 1):
        raise ArgumentError(
            f"narrow_copy(): Expected dim < {input.ndim}, the number of dimensions, but got {dim}"
        )
    return _fresh(narrow(input, dim, start, length)._read(), "NarrowCopy")
