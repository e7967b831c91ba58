"""Modules as functions of their parameters: functional_call, stack_module_state."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gradatim import ops
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, CheckpointError
from gradatim.nn.module import Module
from gradatim.tensor import Tensor


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other tensors in place of its parameters and buffers.

    Args:
        module: the module; afterwards it has its own tensors again.
        parameter_and_buffer_dicts: tensors by the names of `named_parameters()` and
            `named_buffers()`; a tuple of such dicts may not name one twice. What is not named
            stays what it is.
        args: the positional arguments, a tuple; anything else is the one argument.
        kwargs: the arguments by name.
        tie_weights: give a tensor that the module has under several names to all of them.
        strict: refuse names that are missing, or that the module does not have.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.Linear(2, 1, bias=False)
        >>> gd.func.functional_call(layer, {"weight": gd.tensor([[3.0, 4.0]])}, gd.ones(2))
        tensor([7.])
    """
    if isinstance(parameter_and_buffer_dicts, Mapping):
        tensors = dict(parameter_and_buffer_dicts)
    elif isinstance(parameter_and_buffer_dicts, Sequence):
        tensors = {}
        for part in parameter_and_buffer_dicts:
            if not isinstance(part, Mapping):
                raise ArgumentError(
                    "Expected all elements of parameter_and_buffer_dicts to be dictionaries"
                )
            repeated = sorted(tensors.keys() & part.keys())
            if repeated:
                raise ArgumentError(
                    f"{', '.join(repeated)} appeared in multiple dictionaries; behavior of "
                    f"functional call is ambiguous"
                )
            tensors.update(part)
    else:
        raise ArgumentError(
            f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(parameter_and_buffer_dicts)}"
        )
    given = () if args is None else args if isinstance(args, tuple) else (args,)
    with swapped(module, tensors, tie_weights=tie_weights, strict=strict):
        return module(*given, **(kwargs or {}))


@contextlib.contextmanager
def swapped(
    module: Module, tensors: Mapping[str, Tensor], *, tie_weights: bool = True, strict: bool = False
) -> Iterator[None]:
    """Inside, the module has these tensors in place of its own of these names."""
    places = _places(module)
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise ArgumentTypeError(
                f"{tensor!r} is not an instance of gradatim.Tensor: functional_call got it for "
                f"{name!r}"
            )
    unexpected = sorted(name for name in tensors if name not in places)
    wanted = dict(tensors)
    if tie_weights:
        owners = {id(members[key]): tensors[name] for name, (members, key) in places.items()
                  if name in tensors and members[key] is not None}  # fmt: skip
        for name, (members, key) in places.items():
            if name not in wanted and id(members[key]) in owners:
                wanted[name] = owners[id(members[key])]
    if strict:
        missing = sorted(
            name for name, (members, key) in places.items()
            if name not in wanted and members[key] is not None
        )  # fmt: skip
        if unexpected or missing:
            lines = [f"Error(s) in reparametrizing for {type(module).__name__}:"]
            if unexpected:
                lines.append(f"Unexpected key(s): {', '.join(map(repr, unexpected))}.")
            if missing:
                lines.append(f"Missing key(s): {', '.join(map(repr, missing))}.")
            raise CheckpointError("\n\t".join(lines))
    before = []
    try:
        for name, tensor in wanted.items():
            if name in places:
                members, key = places[name]
                before.append((members, key, members[key]))
                members[key] = tensor
        yield
    finally:
        for members, key, old in reversed(before):
            members[key] = old


def _places(module: Module) -> dict[str, tuple[dict[str, Any], str]]:
    """Where each parameter and buffer stands, by its full name."""
    found: dict[str, tuple[dict[str, Any], str]] = {}
    for prefix, part in module.named_modules(remove_duplicate=False):
        for members in (part._parameters, part._buffers):
            for key in members:
                found[f"{prefix}.{key}" if prefix else key] = (members, key)
    return found


def stack_module_state(
    models: Sequence[Module] | Any,
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and buffers of several models of one class, stacked along a new first
    dimension: what `vmap` needs to run them all at once, as an ensemble.

    Returns:
        `(parameters, buffers)`, dicts of tensors by name. The parameters are new leaves.

    Example:
        >>> import gradatim as gd
        >>> models = [gd.nn.Linear(2, 3) for _ in range(4)]
        >>> parameters, buffers = gd.func.stack_module_state(models)
        >>> run = lambda p, x: gd.func.functional_call(models[0], p, x)
        >>> gd.vmap(run, in_dims=(0, None))(parameters, gd.ones(2)).shape
        torch.Size([4, 3])
    """
    models = list(models)
    if not models:
        raise ArgumentError("stack_module_state: Expected at least one model, got 0.")
    if not (all(m.training for m in models) or all(not m.training for m in models)):
        raise ArgumentError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    for model in models:
        if type(model) is not type(models[0]):
            raise ArgumentError(
                f"stack_module_state: Expected all models to be of the same class, got "
                f"{type(models[0]).__name__} and {type(model).__name__}"
            )
    parameters = {}
    for name, first in models[0].named_parameters():
        each = [dict(m.named_parameters())[name] for m in models]
        same = {p.requires_grad for p in each}
        if len(same) > 1:
            raise ArgumentError(f"Expected {name!r} of all models to have the same .requires_grad")
        stack = ops.stack([p.detach() for p in each])
        parameters[name] = stack.requires_grad_(first.requires_grad)
    buffers = {
        name: ops.stack([dict(m.named_buffers())[name].detach() for m in models])
        for name, _ in models[0].named_buffers()
    }
    return parameters, buffers
