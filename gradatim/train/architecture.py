"""A network as plain data, so that a model file can say how to build what it holds.

Layers are described by their class's name and the arguments that make another one. Only the layers
in the table are: a file never names code to run.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from gradatim import nn
from gradatim.graph.errors import CheckpointError
from gradatim.nn import Module
from gradatim.train.types.last_state import LastState


def _settings(*names: str) -> Callable[[Module], dict[str, Any]]:
    """For layers that keep their arguments under the arguments' names."""
    return lambda layer: {name: getattr(layer, name) for name in names}


LAYERS: dict[str, Callable[[Module], dict[str, Any]]] = {
    "Linear": lambda layer: {
        "in_features": layer.in_features,
        "out_features": layer.out_features,
        "bias": layer.bias is not None,
    },
    "Flatten": _settings("start_dim", "end_dim"),
    "Unflatten": lambda layer: {"dim": layer.dim, "unflattened_size": list(layer.unflattened_size)},
    "Dropout": _settings("p"),
    "Conv2d": lambda layer: {
        **_settings("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation")(
            layer
        ),
        "groups": layer.groups,
        "bias": layer.bias is not None,
        "padding_mode": layer.padding_mode,
    },
    "BatchNorm1d": _settings("num_features", "eps", "momentum", "affine", "track_running_stats"),
    "BatchNorm2d": _settings("num_features", "eps", "momentum", "affine", "track_running_stats"),
    "MaxPool2d": _settings("kernel_size", "stride", "padding", "dilation"),
    "AdaptiveMaxPool2d": _settings("output_size"),
    "LastState": _settings("kind", "input_size", "hidden_sizes", "masked", "dropout"),
    "ReLU": _settings(),
    "Sigmoid": _settings(),
    "Tanh": _settings(),
    "LeakyReLU": _settings("negative_slope"),
    "GELU": _settings("approximate"),
    "SiLU": _settings(),
    "Softmax": _settings("dim"),
    "LogSoftmax": _settings("dim"),
}
"""For each layer that a model file can describe: its constructor's arguments, read from a layer."""


def describe(module: Module) -> dict[str, Any] | None:
    """The architecture as JSON-able data, or None if a part is not in the table (a class of yours).

    Example:
        >>> describe(nn.Sequential(nn.Linear(2, 3), nn.ReLU()))["layers"][0]
        ['0', {'layer': 'Linear', 'in_features': 2, 'out_features': 3, 'bias': True}]
    """
    name = type(module).__name__
    if type(module) is nn.Sequential:
        layers = [[key, describe(child)] for key, child in module.named_children()]
        if any(description is None for _, description in layers):
            return None
        return {"layer": "Sequential", "layers": layers}
    if name in LAYERS and type(module) is _layer_class(name):
        return {"layer": name, **LAYERS[name](module)}
    return None


def build(description: dict[str, Any]) -> Module:
    """The network that `describe` described, newly initialized (which draws random numbers).

    Example:
        >>> build({"layer": "Sequential", "layers": [["0", {"layer": "Tanh"}]]})
        Sequential(
          (0): Tanh()
        )
    """
    settings = dict(description)
    name = settings.pop("layer", None)
    if name == "Sequential":
        return nn.Sequential(OrderedDict((key, build(layer)) for key, layer in settings["layers"]))
    if name not in LAYERS:
        raise CheckpointError(
            f"the file describes a layer {name!r}, which this version of Gradatim cannot build: "
            "upgrade with  pip install --upgrade gradatim"
        )
    try:
        return _layer_class(name)(**{key: _as_tuple(value) for key, value in settings.items()})
    except TypeError as error:
        raise CheckpointError(f"the file describes a layer {name} wrongly: {error}") from None


def _layer_class(name: str) -> type[Module]:
    return LastState if name == "LastState" else getattr(nn, name)


def _as_tuple(value: Any) -> Any:
    """A list in the file was a tuple, such as a kernel's size."""
    return tuple(value) if isinstance(value, list) else value
