"""Device: where a tensor lives."""

from __future__ import annotations

from typing import Any

from gradatim.graph.errors import DeviceError


class Device:
    """Where a tensor lives, `gd.device("cpu")`."""

    type: str
    index: int | None
    __slots__ = ("index", "type")

    def __init__(self, name: Any, index: int | None = None):
        if isinstance(name, Device):
            name, index = str(name), None
        kind, _, number = str(name).partition(":")
        if kind != "cpu":
            raise DeviceError(f"device {name!r} is not available: this installation runs on 'cpu'")
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
