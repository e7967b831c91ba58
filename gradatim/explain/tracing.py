"""Tracing: what each layer of a model took and gave, in the order in which they ran.

Hooks on the layers keep handles on what passes through. Each layer's result goes on as a copy, so
that the handle's gradient is that of the layer's own result even if a later layer overwrites it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gradatim.nn import Module
from gradatim.tensor import Tensor


@dataclass
class Call:
    """One call of a layer.

    Attributes:
        path, layer: which.
        input, output: handles, with history.
        handed_on: the copy of the output that the rest of the model saw.
        input_value, output_value: copies without history.
    """

    path: str
    layer: Module
    input: Tensor
    output: Tensor
    handed_on: Tensor
    input_value: Tensor
    output_value: Tensor


@dataclass
class Trace:
    """A forward pass: the calls in order, and the model's output."""

    calls: list[Call]
    output: Any


def trace(model: Module, run: Any) -> Trace:
    """Run `run()`, which calls the model, and note what its layers do.

    Layers are the modules without modules inside. Those that take or give no tensor are passed
    over; of several results the first is noted.
    """
    calls: list[Call] = []

    def note(path: str) -> Any:
        def hook(layer: Module, inputs: tuple[Any, ...], output: Any) -> Any:
            first = output[0] if isinstance(output, tuple) else output
            if not inputs or not isinstance(inputs[0], Tensor) or not isinstance(first, Tensor):
                return None
            handed_on = first.clone()
            calls.append(
                Call(
                    path, layer, inputs[0], first, handed_on,
                    inputs[0].detach().clone(), first.detach().clone(),
                )
            )  # fmt: skip
            return (handed_on, *output[1:]) if isinstance(output, tuple) else handed_on

        return hook

    handles = [
        layer.register_forward_hook(note(path))
        for path, layer in model.named_modules()
        if not list(layer.children())
    ]
    try:
        return Trace(calls, run())
    finally:
        for handle in handles:
            handle.remove()
