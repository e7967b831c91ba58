"""torch.compile: accepted. Every step is compiled here anyway, with what is around it."""

from __future__ import annotations

from typing import Any

__all__ = ["compile"]


def compile(model: Any = None, **options: Any) -> Any:
    """The function or module itself: what it computes is compiled together with what follows
    (gradients, update), in one program.

    Example:
        >>> import gradatim.frontends.torch as torch
        >>> layer = torch.nn.Linear(2, 3)
        >>> torch.compile(layer) is layer
        True
    """
    if model is None:
        return lambda decorated: decorated
    return model
