"""Dual numbers under the names of `torch.autograd.forward_ad`: forward mode step by step.

A dual tensor is a value with a tangent, and what is computed from it has a tangent too.

Example:
    >>> import gradatim as gd
    >>> from gradatim.autograd import forward_ad
    >>> with forward_ad.dual_level():
    ...     x = forward_ad.make_dual(gd.tensor(2.0), gd.tensor(1.0))
    ...     forward_ad.unpack_dual(x ** 3).tangent
    tensor(12.)

A dual tensor has history, which is how its tangent is found: it says `requires_grad`, and under
`no_grad` no tangent goes on.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

from gradatim.func.levels import Level, recording
from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentError, GradientError, ShapeError
from gradatim.graph.node import LIVE, Node
from gradatim.graph.tangents import tangents
from gradatim.tensor import Tensor, wrap

__all__ = [
    "UnpackedDualTensor",
    "dual_level",
    "enter_dual_level",
    "exit_dual_level",
    "make_dual",
    "unpack_dual",
]


class _Levels(threading.local):
    """Of the level that is open: the tangent of each Node that was made dual; or None."""

    seeds: dict[Node, Node] | None = None


_levels = _Levels()


class UnpackedDualTensor(NamedTuple):
    """A value, and its tangent or None."""

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level() -> int:
    """Open a level; gives its number.

    Raises:
        GradientError: if one is open already: use `gd.func.jvp`, which can be nested.
    """
    if _levels.seeds is not None:
        raise GradientError(
            "Nested forward mode AD is not supported at the moment: nest gd.func.jvp instead"
        )
    _levels.seeds = {}
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """Close the level: its tangents are gone."""
    if _levels.seeds is None or level not in (None, 0):
        raise GradientError("Trying to exit a forward AD level that was not the last one created.")
    _levels.seeds = None


class dual_level:
    """A level for the length of a `with` block."""

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *error: Any) -> None:
        exit_dual_level()


def _open_seeds() -> dict[Node, Node]:
    if _levels.seeds is None:
        raise GradientError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to "
            "enter_dual_level() first."
        )
    return _levels.seeds


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """A tensor of the same value, with a tangent of its shape.

    Raises:
        GradientError: outside of a level.
        ArgumentError: for a tensor that is not floating.
        ShapeError: for a tangent of another shape.
    """
    seeds = _open_seeds()
    for name, each in (("tensor", tensor), ("tangent", tangent)):
        if not each.dtype.is_floating_point:
            raise ArgumentError(
                f"Expected {name} to be floating point or complex, but got: {each.dtype.name}"
            )
    if tensor.shape != tangent.shape:
        raise ShapeError(
            f"Trying to set a forward gradient that has a different size than that of the original "
            f"Tensor, this is not supported. Tensor is of size {list(tensor.shape)} while the "
            f"given forward gradient is of size {list(tangent.shape)}."
        )
    with recording():
        node = p.copy(tensor._read())
        node.history = LIVE
        seeds[node] = p.cast(tangent._read(), node.dtype)
    return wrap(node)


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The value and the tangent of a tensor; None in place of the tangent if it has none, or the
    level is closed."""
    seeds = _levels.seeds
    if not seeds:
        return UnpackedDualTensor(tensor, None)
    with recording():
        node = tensor._read()
        (found,) = tangents([node], seeds)
    if found is None:
        return UnpackedDualTensor(tensor, None)
    outside = Level(())
    outside.own = set(seeds)
    return UnpackedDualTensor(outside.close(node), outside.close(found))
