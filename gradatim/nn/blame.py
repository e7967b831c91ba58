"""Naming the layer in which an error happened.

An error raised inside a model passes outward through one `Module.__call__` after another. Each
that it passes calls `name_layer`, and each knows the attribute names of its children, so the dotted
path grows from the inside out. When nothing goes wrong this costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradatim.graph.errors import Error, WrongKind
from gradatim.tensor import Tensor

if TYPE_CHECKING:
    from gradatim.nn.module import Module


class _Place:
    """Where an error happened, as far as it has come outward.

    Attributes:
        message: the error's own.
        description: the innermost module, for people.
        path: from `outermost` to the innermost.
    """

    def __init__(self, error: Error, module: Module):
        self.message = str(error)
        self.outermost = module
        self.path = ""
        # The repr of a module with children has many lines, and an error has one.
        self.description = type(module).__name__ if module._modules else repr(module)

    def __str__(self) -> str:
        if not self.path:
            return f"{self.description}: {self.message}"
        return f"layer '{self.path}' ({self.description}): {self.message}"


def name_layer(error: Error, module: Module) -> None:
    """Put the path of the layer in front of the error's message, as seen from `module`."""
    place = error.__dict__.get("_place")
    if place is None:
        place = error.__dict__["_place"] = _Place(error, module)
    elif place.outermost is not module:
        step = _name_of(place.outermost, module)
        place.path = f"{step}.{place.path}" if place.path else step
        place.outermost = module
    error.args = (str(place),)


def not_a_tensor(error: AttributeError, module: Module, given: tuple[Any, ...]) -> WrongKind | None:
    """What to say of an attribute that an argument of one of our layers lacks: a None, say, where a
    Tensor is expected. The layers of others may take what they like."""
    value = getattr(error, "obj", None)
    ours = type(module).__module__.startswith("gradatim.nn")
    if not ours or not any(value is argument for argument in given):
        return None
    if isinstance(value, Tensor) or type(value).__name__ == "PackedSequence":
        return None
    refusal = WrongKind(f"expected a Tensor, got {type(value).__name__}")
    name_layer(refusal, module)
    return refusal


def _name_of(child: Module, parent: Module) -> str:
    for name, module in parent.named_modules(remove_duplicate=False):
        if module is child:
            return name
    return f"<{type(child).__name__}>"  # called, but not registered
