"""Device: where a tensor lives."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from gradatim.graph.errors import DeviceError


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
    """Where a tensor lives, `gd.device("cpu")`."""

    type: str
    index: int | None
    __slots__ = ("index", "type")

    def __init__(self, name: Any, index: int | None = None):
        if isinstance(name, Device):
            name, index = str(name), None
        if type(name) is int:  # the number of a GPU
            name = f"cuda:{name}"
        kind, _, number = str(name).partition(":")
        if kind in _STAND_INS:
            kind, number, index = _STAND_INS[kind], "", None
        if kind == "cuda":
            raise DeviceMissing(
                f"there is no GPU for device {str(name)!r}: this installation runs on 'cpu'. "
                f"gradatim run --device cpu SCRIPT  runs a script on the processor"
            )
        if kind != "cpu":
            raise DeviceMissing(
                f"device {name!r} is not available: this installation runs on 'cpu'"
            )
        self.type = kind
        self.index = int(number) if number else index

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


CPU = Device("cpu")
