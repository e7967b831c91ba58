"""Device: where a tensor lives, and what the devices are called.

"cpu" is the ordinary one: NumPy's memory, and the compiler of this project. All others run on the
engine "xla": "gpu" (also called "cuda"), "tpu", and "xla:cpu", the same processor by way of XLA. A
Node holds the *place*, the one name that a device has there: "cpu", "gpu:0", "xla:cpu".
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from gradatim.graph.errors import DeviceError, MissingExtra

KINDS = ("gpu", "cuda", "tpu", "xla:cpu")
_found: set[str] = set()  # places that are known to be there


class DeviceMissing(DeviceError):
    """A kind of device that this machine, or this installation, does not have."""


_STAND_INS: dict[str, str] = {}
"""Kinds of devices, and the one that does their work (`gradatim run --device cpu`)."""


@contextlib.contextmanager
def stand_in(kind: str, other: str | None) -> Iterator[None]:
    """Inside, `other` does the work of the devices of a kind that is not there. None changes
    nothing.

    Example:
        >>> with stand_in("cuda", "cpu"):
        ...     Device("cuda:0")
        device(type='cpu')
    """
    before = dict(_STAND_INS)
    if other is not None:
        _STAND_INS[kind] = other
    try:
        yield
    finally:
        _STAND_INS.clear()
        _STAND_INS.update(before)


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
        if type(name) is int:  # the number of a GPU
            name = f"cuda:{name}"
        given = str(name)
        kind, number = _parts(given)
        if kind in ("gpu", "cuda"):
            other = _STAND_INS.get("cuda") or os.environ.get("GRADATIM_DEVICE")
            if other:
                kind, number = _parts(other)
                index = None
            else:
                kind = "gpu"
        self.type = kind
        self.index = number if number is not None else index
        if kind != "cpu":
            _find(given, self.place)

    @property
    def place(self) -> str:
        """The one name of the device in the graph."""
        is_mesh = self.type.startswith("mesh(")
        if self.type == "cpu" or is_mesh or (self.type == "xla:cpu" and not self.index):
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
    if name.startswith("mesh("):
        return name, None
    kind, _, number = name.rpartition(":")
    if not number.isdigit():
        kind, number = name, ""
    if kind != "cpu" and kind not in KINDS:
        raise DeviceMissing(
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
        what = "there is no GPU for device" if place.startswith("gpu") else "there is no device"
        raise DeviceMissing(
            f"{what} {name!r}: this installation runs on 'cpu'; gradatim run --device cpu SCRIPT "
            f"runs a script on the processor; {error}"
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
