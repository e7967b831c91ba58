"""Mixed precision: products and activations in bfloat16, everything that adds up in float32.

The weights stay float32 (the *master weights*, which the optimizer updates); each use casts them to
bfloat16, and the gradient of that cast comes back as float32. Layers that normalize, and the loss,
compute in float32. Products of bfloat16 add up in float32 on all engines.

Source: Micikevicius et al., "Mixed Precision Training" (2018), sections 3.1 and 3.3. bfloat16 has
the range of float32, so that no loss scaling (section 3.2) is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim.func.modules import functional_call
from gradatim.graph.dtypes import bfloat16, float32
from gradatim.graph.errors import ArgumentError
from gradatim.nn import Module, normalization, normalization_across
from gradatim.tensor import Tensor
from gradatim.trees import map_leaves

NORMALIZING = tuple(
    found
    for room in (normalization, normalization_across)
    for found in vars(room).values()
    if isinstance(found, type) and issubclass(found, Module) and found.__module__ == room.__name__
)
"""Layers whose sums over many values need float32."""

NAMES = ("float32", "bf16")


def find_precision(name: str | None) -> Callable[[Module], Callable[..., Any]] | None:
    """What makes a model compute in a precision of this name; None for float32.

    Raises:
        ArgumentError: for a name that is not one of `NAMES`.
    """
    if name in (None, "float32"):
        return None
    if name in ("bf16", "bfloat16"):
        return in_bfloat16
    raise ArgumentError(f"there is no precision {name!r}: choose from {', '.join(NAMES)}")


def in_bfloat16(model: Module) -> Callable[..., Any]:
    """The model as a function that computes in bfloat16, and answers in float32.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.Linear(2, 1, bias=False)
        >>> y = in_bfloat16(layer)(gd.ones(1, 2))
        >>> y.dtype, layer.weight.dtype
        (torch.float32, torch.float32)
        >>> y.sum().backward()
        >>> layer.weight.grad.dtype
        torch.float32
    """
    norms = [module for module in model.modules() if isinstance(module, NORMALIZING)]
    kept = {id(parameter) for norm in norms for parameter in norm.parameters()}

    def forward(*inputs: Any) -> Any:
        narrow = {
            name: parameter.to(bfloat16)
            for name, parameter in model.named_parameters()
            if parameter.dtype == float32 and id(parameter) not in kept
        }
        handles = [norm.register_forward_pre_hook(_before) for norm in norms]
        handles += [norm.register_forward_hook(_after) for norm in norms]
        try:
            outputs = functional_call(model, narrow, _cast(inputs, float32, bfloat16))
        finally:
            for handle in handles:
                handle.remove()
        return _cast(outputs, bfloat16, float32)

    return forward


def _before(module: Module, inputs: Any) -> Any:
    return _cast(inputs, bfloat16, float32)


def _after(module: Module, inputs: Any, output: Any) -> Any:
    return _cast(output, float32, bfloat16)


def _cast(tree: Any, old: Any, new: Any) -> Any:
    """The tensors of one dtype as another's."""

    def change(leaf: Any) -> Any:
        return leaf.to(new) if isinstance(leaf, Tensor) and leaf.dtype == old else leaf

    return map_leaves(change, tree)
