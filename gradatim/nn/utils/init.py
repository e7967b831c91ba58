"""Modules whose first values do not matter, because others will be loaded."""

from __future__ import annotations

import inspect
from typing import Any

from gradatim.graph.errors import ArgumentError, ArgumentTypeError
from gradatim.nn.module import Module
from gradatim.random import fork_rng

__all__ = ["skip_init"]


def skip_init(module_cls: type[Any], *args: Any, **kwargs: Any) -> Any:
    """`module_cls(*args, **kwargs)` that leaves the random stream as it is. What its parameters
    hold is not said.

    Raises:
        ArgumentError: for a class that is no Module, or takes no `device`.
        ArgumentTypeError: for what is no class.

    Example:
        >>> import gradatim as gd
        >>> _ = gd.manual_seed(0)
        >>> layer = gd.nn.utils.skip_init(gd.nn.Linear, 3, 2)
        >>> layer.weight.shape, gd.rand(1)
        (torch.Size([2, 3]), tensor([0.4963]))
    """
    if not isinstance(module_cls, type):
        raise ArgumentTypeError(f"skip_init expects a class of Modules, got {module_cls!r}")
    if not issubclass(module_cls, Module):
        raise ArgumentError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise ArgumentError("Module must support a 'device' arg to skip initialization")
    with fork_rng():
        return module_cls(*args, **kwargs)
