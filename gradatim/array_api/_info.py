"""What the namespace can do, for programs that ask."""

from __future__ import annotations

from typing import Any

from gradatim.array_api._dtypes import isdtype
from gradatim.device import CPU, Device
from gradatim.graph import dtypes
from gradatim.graph.dtypes import DType

__all__ = ["__array_namespace_info__"]

_DTYPES = (
    dtypes.bool_, dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64, dtypes.uint8,
    dtypes.uint16, dtypes.uint32, dtypes.uint64, dtypes.float32, dtypes.float64,
)  # fmt: skip


class Info:
    """Capabilities, devices and dtypes.

    Example:
        >>> import gradatim.array_api as xp
        >>> xp.__array_namespace_info__().dtypes(kind="bool")
        {'bool': torch.bool}
    """

    def capabilities(self) -> dict[str, Any]:
        """What is optional in the standard, and whether it is here."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> Device:
        """Where arrays are made."""
        return CPU

    def devices(self) -> list[Device]:
        """All there are."""
        return [CPU]

    def default_dtypes(self, *, device: Any = None) -> dict[str, DType]:
        """The dtypes of arrays made from Python's numbers, and of indices."""
        return {
            "real floating": dtypes.get_default_dtype(),
            "integral": dtypes.int64,
            "indexing": dtypes.int64,
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, DType]:
        """All dtypes by name, or those of a kind, or of one of a tuple of kinds."""
        return {d.name: d for d in _DTYPES if kind is None or isdtype(d, kind)}


def __array_namespace_info__() -> Info:
    """What the namespace can do."""
    return Info()
