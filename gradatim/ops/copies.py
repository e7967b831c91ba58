"""Views' twins that copy: `view_copy`, `permute_copy` ..., made from a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim.graph import primitives as p
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


_VIEWS: dict[str, Callable[..., Any]] = {
    "alias": lambda input: input,
    "as_strided": as_strided,
    "detach": Tensor.detach,
    "diagonal": diagonal,
    "expand": expand,
    "narrow": narrow,
    "permute": permute,
    "select": select,
    "slice": _slice,
    "split": split,
    "split_with_sizes": split_with_sizes,
    "squeeze": squeeze,
    "t": t,
    "transpose": transpose,
    "unbind": unbind,
    "unfold": METHODS["unfold"],
    "unsqueeze": unsqueeze,
    "view": view,
}


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


for _name, _make in _VIEWS.items():
    globals()[f"{_name}_copy"] = _copying(_name, _make)
method("narrow_copy")(globals()["narrow_copy"])
