"""Device: where a tensor lives, and what the devices are called.

"cpu" is the ordinary one: NumPy's memory, and the compiler of this project. All others run on the
engine "xla": "gpu" (also called "cuda"), "tpu", and "xla:cpu", the same processor by way of XLA. A
Node holds the *place*, the one name that a device has there: "cpu", "gpu:0", "xla:cpu".
"""

from __future__ import annotations

import os
from typing import Any

from gradatim.graph.errors import DeviceError, MissingExtra

KINDS = ("gpu", "cuda", "tpu", "xla:cpu")
_found: set[str] = set()  # places that are known to be there


class Device:
    """Where a tensor lives: `gd.device("cpu")`, `"gpu"`, `"gpu:1"`, `"tpu"`, `"xla:cpu"`.

    Where the environment variable GRADATIM_DEVICE names a device, "gpu" and "cuda" mean that one:
    the same script then runs without a GPU.

    Raises:
        DeviceError: for a device that is not there, saying how to get one.
    """

    type: str
    index: int | None
    __slots__ = ("index", "type")

    def __init__(self, name: Any, index: int | None = None):
        if isinstance(name, Device):
            name, index = str(name), name.index
        elif isinstance(name, int) and not isinstance(name, bool):
            name = f"gpu:{name}"
        given = str(name)
        kind, number = _parts(given)
        if kind in ("gpu", "cuda"):
            stand_in = os.environ.get("GRADATIM_DEVICE")
            kind, number = _parts(stand_in) if stand_in else ("gpu", number)
        self.type = kind
        self.index = number if number is not None else index
        if kind != "cpu":
            _find(given, self.place)

    @property
    def place(self) -> str:
        """The one name of the device in the graph."""
        if self.type == "cpu" or (self.type == "xla:cpu" and not self.index):
            return self.type
        return f"{self.type}:{self.index or 0}"

    def __repr__(self) -> str:
        inside = f"type='{self.type}'" + ("" if self.index is None else f", index={self.index}")
        return f"device({inside})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and str(other) == str(self)

    def __hash__(self) -> int:
        return hash(str(self))

    def __reduce__(self) -> Any:
        return Device, (str(self),)


def _parts(name: str) -> tuple[str, int | None]:
    """The kind and the number of a device's name."""
    kind, _, number = name.rpartition(":")
    if not number.isdigit():
        kind, number = name, ""
    if kind != "cpu" and kind not in KINDS:
        raise DeviceError(
            f"device {name!r} is not available: this installation runs on 'cpu'; with "
            f"pip install 'gradatim[xla]' there are 'gpu' ('cuda'), 'tpu' and 'xla:cpu' as well"
        )
    return kind, int(number) if number else None


def _find(name: str, place: str) -> None:
    """Refuse a device that is not there."""
    if place in _found:
        return
    from gradatim.engines import get_engine

    try:
        engine: Any = get_engine("xla")
        engine.check_device(place)
    except (DeviceError, MissingExtra) as error:
        raise DeviceError(
            f"device {name!r} is not available: this installation runs on 'cpu'. {error}"
        ) from None
    _found.add(place)


def devices() -> list[Device]:
    """Every device that tensors can live on here, the CPU first.

    Example:
        >>> import gradatim as gd
        >>> gd.devices()[0]
        device(type='cpu')
    """
    from gradatim.engines import get_engine

    try:
        engine: Any = get_engine("xla")
    except MissingExtra:
        return [CPU]
    return [CPU, *map(Device, engine.devices())]


CPU = Device("cpu")
