"""Spectral normalization by hooks: a weight divided by its largest singular value (Miyato et al.,
2018). `parametrizations.spectral_norm` is the newer way to the same.
"""

from __future__ import annotations

from typing import Any

from gradatim import ops
from gradatim.autograd import no_grad
from gradatim.graph.errors import ArgumentError
from gradatim.nn.lazy import is_lazy
from gradatim.nn.parameter import Parameter
from gradatim.nn.utils.norms import as_matrix, output_dim, random_unit, unit
from gradatim.nn.utils.weight_norm import hook_of
from gradatim.tensor import Tensor


class SpectralNorm:
    """The hook that computes the weight before each forward."""

    _version = 1

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float):
        if n_power_iterations <= 0:
            raise ArgumentError(
                f"Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.name = name
        self.n_power_iterations = n_power_iterations
        self.dim = dim
        self.eps = eps

    def compute_weight(self, module: Any, do_power_iteration: bool) -> Tensor:
        """The weight over its largest singular value, which the singular vectors `NAME_u` and
        `NAME_v` give; power iteration brings these nearer to the weight's."""
        weight = getattr(module, f"{self.name}_orig")
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(unit(ops.mv(matrix.t(), u), self.eps))
                    u.copy_(unit(ops.mv(matrix, v), self.eps))
                u, v = u.clone(), v.clone()  # later calls write to the buffers
        return weight / ops.dot(u, ops.mv(matrix, v))

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))

    def say_version(self, module: Any, state_dict: Any, prefix: str, metadata: Any) -> None:
        """After saving: what a later version needs to know."""
        metadata.setdefault("spectral_norm", {})[f"{self.name}.version"] = self._version


def spectral_norm(
    module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
    dim: int | None = None,
) -> Any:  # fmt: skip
    """Replace a parameter by `NAME_orig`, which is divided by its largest singular value before
    each forward. In training, power iteration keeps the buffers `NAME_u` and `NAME_v` near to the
    singular vectors.

    Args:
        module: whose parameter it is.
        name: the parameter's.
        n_power_iterations: how many at each forward.
        eps: the least length that vectors are divided by.
        dim: that of the outputs; by default 0, and 1 of transposed convolutions.

    Raises:
        ArgumentError: if the parameter is normalized already, or has no shape yet.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.utils.spectral_norm(gd.nn.Linear(4, 3))
        >>> list(layer.state_dict())
        ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    if hook_of(module, SpectralNorm, name) is not None:
        raise ArgumentError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
    hook = SpectralNorm(name, n_power_iterations, output_dim(module) if dim is None else dim, eps)
    weight = module._parameters[name]
    if weight is None:
        raise ArgumentError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
    if is_lazy(weight):
        raise ArgumentError(
            "spectral_norm: the module has uninitialized parameters: call it with an example first"
        )
    rows, columns = as_matrix(weight.detach(), hook.dim).shape
    u, v = random_unit(weight, rows, eps), random_unit(weight, columns, eps)
    delattr(module, name)
    module.register_parameter(f"{name}_orig", weight)
    setattr(module, name, weight.data)
    module.register_buffer(f"{name}_u", u)
    module.register_buffer(f"{name}_v", v)
    module.register_forward_pre_hook(hook)
    module.register_state_dict_post_hook(hook.say_version)
    return module


def remove_spectral_norm(module: Any, name: str = "weight") -> Any:
    """Undo `spectral_norm`: one parameter again, with the value it has.

    Raises:
        ArgumentError: if the parameter is not normalized.
    """
    found = hook_of(module, SpectralNorm, name)
    if found is None:
        raise ArgumentError(f"spectral_norm of '{name}' not found in {module}")
    key, hook = found
    with no_grad():
        weight = hook.compute_weight(module, do_power_iteration=False)
    for suffix in ("", "_u", "_v", "_orig"):
        delattr(module, name + suffix)
    module.register_parameter(name, Parameter(weight.detach()))
    del module._forward_pre_hooks[key]
    for place, saved in list(module._state_dict_hooks.items()):
        if getattr(saved, "__self__", None) is hook:
            del module._state_dict_hooks[place]
    return module
