"""What other libraries must be told about tensors.

Most find out by themselves: they read `__array__`, `__dlpack__`, `__array_namespace__` or NumPy's
protocols. einops knows frameworks by name, and asks each that is loaded whether a tensor is its;
so a class that speaks for this one is defined as soon as somebody imports einops, and not before:
`import gradatim` imports nothing for it.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_EINOPS = "einops._backends"
_SPEAKER = "_gradatim"


def register_with_einops(backends: ModuleType) -> None:
    """Define the class by which einops knows tensors.

    Args:
        backends: the module `einops._backends`, which finds every subclass of its base class.
    """
    if _SPEAKER in backends.__dict__:
        return
    base: Any = backends.AbstractBackend

    class GradatimBackend(base):  # type: ignore[misc]
        """einops' operations, on tensors."""

        framework_name = "gradatim"

        def __init__(self) -> None:
            import gradatim

            self.gradatim = gradatim

        def is_appropriate_type(self, tensor: Any) -> bool:
            return isinstance(tensor, self.gradatim.Tensor)

        def from_numpy(self, x: Any) -> Any:
            return self.gradatim.from_numpy(x)

        def to_numpy(self, x: Any) -> Any:
            return x.detach().numpy()

        def arange(self, start: int, stop: int) -> Any:
            return self.gradatim.arange(start, stop)

        def shape(self, x: Any) -> tuple[int, ...]:
            return tuple(x.shape)

        def reshape(self, x: Any, shape: Sequence[int]) -> Any:
            return x.reshape(tuple(shape))

        def transpose(self, x: Any, axes: Sequence[int]) -> Any:
            return x.permute(*axes)

        def reduce(self, x: Any, operation: str, axes: Sequence[int]) -> Any:
            if operation in ("min", "max"):
                return getattr(x, f"a{operation}")(tuple(axes))
            if operation in ("sum", "mean"):
                return getattr(x, operation)(tuple(axes))
            for axis in sorted(axes, reverse=True):  # these take one dimension at a time
                x = getattr(x, operation)(axis)
            return x

        def stack_on_zeroth_dimension(self, tensors: list[Any]) -> Any:
            return self.gradatim.stack(tensors)

        def add_axis(self, x: Any, new_position: int) -> Any:
            return x.unsqueeze(new_position)

        def add_axes(self, x: Any, n_axes: int, pos2len: dict[int, int]) -> Any:
            sizes = [-1] * n_axes
            for position, length in pos2len.items():
                x = x.unsqueeze(position)
                sizes[position] = length
            return x.expand(*sizes)

        def tile(self, x: Any, repeats: Sequence[int]) -> Any:
            return x.repeat(*repeats)

        def concat(self, tensors: list[Any], axis: int) -> Any:
            return self.gradatim.cat(tensors, axis)

        def is_float_type(self, x: Any) -> bool:
            return bool(x.is_floating_point())

        def einsum(self, pattern: str, *x: Any) -> Any:
            return self.gradatim.einsum(pattern, *x)

    backends.__dict__[_SPEAKER] = GradatimBackend  # a subclass is found as long as it lives


class _WhenImported(MetaPathFinder):
    """Calls `register_with_einops` once einops has been imported; then it is gone."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != _EINOPS:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        loader: Any = spec.loader if spec is not None else None
        if loader is None:
            return spec
        execute = loader.exec_module

        def execute_and_register(module: ModuleType) -> None:
            execute(module)
            register_with_einops(module)

        loader.exec_module = execute_and_register
        return spec


def install() -> None:
    """Tell einops of tensors: now if it is there already, else when it is imported."""
    loaded = sys.modules.get(_EINOPS)
    if loaded is None:
        sys.meta_path.insert(0, _WhenImported())
    else:
        register_with_einops(loaded)
