"""What programs set up before they begin: accepted, as far as it means something elsewhere only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from gradatim.device import Device
from gradatim.frontends.names import own_names
from gradatim.frontends.tensorflow.graph import get_default_graph


class Options:
    """Options for sessions (`ConfigProto`, ...): any may be set, and none has an effect."""

    def __init__(self, *args: Any, **options: Any):
        self.__dict__.update(options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.__dict__[name] = made = Options()
        return made


class ConfigProto(Options):
    """How sessions run; without effect."""


class GPUOptions(Options):
    """How GPUs are used; without effect."""


class RunOptions(Options):
    """How one run is watched; without effect."""


class RunMetadata(Options):
    """What was watched: nothing."""


class GraphKeys:
    """The names of collections."""

    GLOBAL_VARIABLES = VARIABLES = "variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    LOCAL_VARIABLES = "local_variables"
    LOSSES = "losses"
    REGULARIZATION_LOSSES = "regularization_losses"
    UPDATE_OPS = "update_ops"
    SUMMARIES = "summaries"


def get_collection(key: str, scope: str | None = None) -> list[Any]:
    """What a collection of the graph holds."""
    return get_default_graph().get_collection(key, scope)


def add_to_collection(name: str, value: Any) -> None:
    """Put something into a collection of the graph."""
    get_default_graph().add_to_collection(name, value)


@contextlib.contextmanager
def device(device_name_or_function: Any) -> Iterator[None]:
    """Where nodes are to run: on the processor. A GPU that is not there is refused."""
    if isinstance(device_name_or_function, str) and "gpu" in device_name_or_function.lower():
        Device("cuda")
    yield


def disable_v2_behavior() -> None:
    """Accepted: this is TensorFlow 1."""


def disable_eager_execution() -> None:
    """Accepted: nothing is computed before a session runs it."""


def executing_eagerly() -> bool:
    """No: nothing is computed before a session runs it."""
    return False


__all__ = [name for name in own_names(__name__) if name != "Options"]
