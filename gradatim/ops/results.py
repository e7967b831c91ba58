"""Results with names: what `max(dim)`, `sort` and `topk` give, `(values, indices)` and the like."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

_TYPES: dict[str, type] = {}


def result_type(name: str, *fields: str) -> type:
    """The named tuple that the operation `name` gives: made once, then always the same.

    Its repr is that of PyTorch's `torch.return_types`. It pickles by its name.

    Example:
        >>> from gradatim.ops.results import result_type
        >>> result_type("max", "values", "indices")(3.0, 1)
        torch.return_types.max(
        values=3.0,
        indices=1)
    """
    found = _TYPES.get(name)
    if found is None:
        base = namedtuple(name, fields)  # type: ignore[misc]

        def text(self: Any) -> str:
            inside = ",\n".join(f"{field}={value!r}" for field, value in zip(fields, self))
            return f"torch.return_types.{name}(\n{inside})"

        def reduce(self: Any) -> Any:
            return _rebuild, (name, fields, tuple(self))

        methods = {"__slots__": (), "__repr__": text, "__reduce__": reduce}
        found = _TYPES[name] = type(name, (base,), methods)
    return found


def _rebuild(name: str, fields: tuple[str, ...], values: tuple[Any, ...]) -> Any:
    return result_type(name, *fields)(*values)
