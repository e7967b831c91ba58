"""torch.jit: accepted. Every step is compiled here anyway."""

from __future__ import annotations

from typing import Any, TypeVar

from gradatim.frontends.names import look_in

F = TypeVar("F")


def script(obj: F, *args: Any, **kwargs: Any) -> F:
    """The function or module itself."""
    return obj


def trace(func: F, example_inputs: Any = None, *args: Any, **kwargs: Any) -> F:
    """The function or module itself."""
    return func


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """The method itself."""
    return drop if callable(drop) else lambda method: method


def export(fn: F) -> F:
    """The method itself."""
    return fn


unused = export


def is_scripting() -> bool:
    """No: Python runs."""
    return False


is_tracing = is_scripting

__getattr__, __dir__ = look_in(
    "torch.jit", globals(), hints={"save": "use torch.save(model.state_dict(), file)"}
)
