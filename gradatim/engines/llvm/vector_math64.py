"""Vector math in float64."""

from collections.abc import Callable

from gradatim.engines.llvm.emit import Value

FUNCTIONS: dict[str, Callable[..., Value]] = {}
