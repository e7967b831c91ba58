"""Weight normalization by hooks: a weight's length and direction trained apart (Salimans and
Kingma, 2016). `parametrizations.weight_norm` is the newer way to the same.
"""

from __future__ import annotations

import warnings
from typing import Any

from gradatim.graph.errors import ArgumentError
from gradatim.nn.lazy import is_lazy
from gradatim.nn.parameter import Parameter
from gradatim.nn.utils.norms import norm_except_dim, scaled_to
from gradatim.tensor import Tensor


class WeightNorm:
    """The hook that computes the weight before each forward."""

    def __init__(self, name: str, dim: int | None):
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Any) -> Tensor:
        """The weight from its length and direction."""
        return scaled_to(
            getattr(module, f"{self.name}_v"), getattr(module, f"{self.name}_g"), self.dim
        )

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def hook_of(module: Any, kind: type[Any], name: str) -> tuple[int, Any] | None:
    """A module's forward pre-hook of a kind, for a parameter: its key and itself."""
    for key, (hook, _) in module._forward_pre_hooks.items():
        if isinstance(hook, kind) and hook.name == name:
            return key, hook
    return None


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Replace a parameter by its length `NAME_g` and its direction `NAME_v`.

    Args:
        module: whose parameter it is.
        name: the parameter's.
        dim: each index of it has a length of its own; None: one for all.

    Raises:
        ArgumentError: if the parameter is normalized already, or has no shape yet.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.utils.weight_norm(gd.nn.Linear(4, 3))
        >>> {name: tuple(p.shape) for name, p in layer.named_parameters()}
        {'bias': (3,), 'weight_g': (3, 1), 'weight_v': (3, 4)}
    """
    warnings.warn(
        "nn.utils.weight_norm is deprecated in favor of nn.utils.parametrizations.weight_norm",
        FutureWarning,
        stacklevel=2,
    )
    if hook_of(module, WeightNorm, name) is not None:
        raise ArgumentError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    weight = getattr(module, name)
    if is_lazy(weight):
        raise ArgumentError(
            "weight_norm: the module has uninitialized parameters: call it with an example first"
        )
    hook = WeightNorm(name, dim)
    del module._parameters[name]
    lengths = norm_except_dim(weight.detach(), hook.dim)
    module.register_parameter(f"{name}_g", Parameter(lengths))
    module.register_parameter(f"{name}_v", Parameter(weight.data))
    setattr(module, name, hook.compute_weight(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Any, name: str = "weight") -> Any:
    """Undo `weight_norm`: one parameter again, with the value it has.

    Raises:
        ArgumentError: if the parameter is not normalized.
    """
    found = hook_of(module, WeightNorm, name)
    if found is None:
        raise ArgumentError(f"weight_norm of '{name}' not found in {module}")
    key, hook = found
    weight = hook.compute_weight(module)
    delattr(module, name)
    del module._parameters[f"{name}_g"], module._parameters[f"{name}_v"]
    setattr(module, name, Parameter(weight.detach()))
    del module._forward_pre_hooks[key]
    return module
