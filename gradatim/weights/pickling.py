"""The structure of a `state_dict` as a pickle, written opcode by opcode.

Python's pickler writes the name of a function only after importing it, and the names in PyTorch's
files are PyTorch's own. Protocol 2 is what `torch.save` writes, and all that
`torch.load(weights_only=True)` takes without a warning.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradatim.device import Device
from gradatim.graph.dtypes import DType
from gradatim.graph.errors import ArgumentError, Unpicklable
from gradatim.nn.parameter import Parameter
from gradatim.size import Size
from gradatim.tensor import Tensor
from gradatim.weights.rebuilding import STORAGES, UNTYPED

CLASS_OF = {dtype: name for name, dtype in STORAGES.items()}

Path = tuple[Any, ...]
"""The keys that lead to a value, for messages."""


class Pickler:
    """Writes one tree of dicts, lists, tuples, sets, numbers, text, None, tensors, sizes, dtypes.

    Attributes:
        storages: the numbers that were met; the pickle mentions them by their place here.

    Example:
        >>> pickler = Pickler()
        >>> pickler.pickle({"lr": 0.5})[:6], pickler.storages
        (b'\\x80\\x02}(X\\x02', [])
    """

    def __init__(self) -> None:
        self.out = bytearray()
        self.storages: list[memoryview] = []
        self._keys: dict[Any, int] = {}  # of storages, by where their numbers are
        self._alive: list[np.ndarray] = []  # so that no two arrays get one address
        self._open: set[int] = set()  # containers around what is being written

    def pickle(self, tree: Any) -> bytes:
        self.out += b"\x80\x02"
        self.write(tree, ())
        self.out += b"."
        return bytes(self.out)

    def write(self, value: Any, path: Path) -> None:
        """Write one value.

        Raises:
            ArgumentTypeError: it, or something in it, is of a type that weights have no place for.
        """
        for kind, writer in WRITERS:
            if isinstance(value, kind):
                return writer(self, value, path)
        raise Unpicklable(
            f"gd.save cannot write {_named(path)}, a {type(value).__name__}: it takes tensors, "
            "numbers, text, None, and dicts, lists and tuples of them" + _advice(value)
        )

    # --- one kind each --------------------------------------------------------------------------

    def name(self, module: str, name: str) -> None:
        self.out += f"c{module}\n{name}\n".encode()

    def whole(self, value: Any, path: Path) -> None:
        value = int(value)
        if -(2**31) <= value < 2**31:
            self.out += b"J" + struct.pack("<i", value)
            return
        octets = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        if len(octets) > 255:
            raise ArgumentError(f"gd.save cannot write {_named(path)}: the number is too long")
        self.out += b"\x8a" + bytes([len(octets)]) + octets

    def text(self, value: str, path: Path) -> None:
        octets = value.encode("utf-8", "surrogatepass")
        self.out += b"X" + struct.pack("<I", len(octets)) + octets

    def octets(self, value: bytes, path: Path) -> None:
        self.name("_codecs", "encode")
        self.text(value.decode("latin1"), path)
        self.text("latin1", path)
        self.out += b"\x86R"

    def items(self, value: Mapping[Any, Any], path: Path) -> None:
        self.out += b"("
        for key, entry in value.items():
            self.write(key, path)
            self.write(entry, (*path, key))
        self.out += b"u"

    def mapping(self, value: Mapping[Any, Any], path: Path) -> None:
        from collections import OrderedDict

        if isinstance(value, OrderedDict):
            self.name("collections", "OrderedDict")
            self.out += b")R"
        else:
            self.out += b"}"
        with _Inside(self, value, path):
            self.items(value, path)
        metadata = getattr(value, "_metadata", None)
        if metadata is not None:
            self.write({"_metadata": metadata}, (*path, "_metadata"))
            self.out += b"b"

    def sequence(self, value: Any, path: Path) -> None:
        is_list = isinstance(value, list)
        self.out += b"](" if is_list else b"("
        with _Inside(self, value, path):
            for place, entry in enumerate(value):
                self.write(entry, (*path, place))
        self.out += b"e" if is_list else b"t"

    def size(self, value: Size, path: Path) -> None:
        self.name("torch", "Size")
        self.sequence(tuple(value), path)
        self.out += b"\x85R"

    def members(self, value: Any, path: Path) -> None:
        self.name("__builtin__", "set")
        self.sequence(list(value), path)
        self.out += b"\x85R"

    def device(self, value: Device, path: Path) -> None:
        self.name("torch", "device")
        self.text(value.type, path)
        self.out += b"\x85R"

    def tensor(self, value: Tensor, path: Path) -> None:
        """`_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, no hooks)`."""
        array = np.ascontiguousarray(value._value())
        storage_class = CLASS_OF.get(value.dtype)
        untyped = storage_class is None
        self.name("torch._utils", "_rebuild_tensor_v3" if untyped else "_rebuild_tensor_v2")
        self.out += b"(("
        self.text("storage", path)
        self.name("torch.storage" if untyped else "torch", storage_class or UNTYPED)
        self.text(str(self.storage(array)), path)
        self.text("cpu", path)
        self.whole(array.nbytes if untyped else array.size, path)
        self.out += b"tQ"
        self.whole(0, path)
        self.sequence(value.shape, path)
        self.sequence(_strides(value.shape), path)
        self.flag(value.requires_grad and value.is_leaf, path)
        self.name("collections", "OrderedDict")
        self.out += b")R"
        if untyped:
            self.name("torch", value.dtype.name)
        self.out += b"tR"

    def parameter(self, value: Parameter, path: Path) -> None:
        self.name("torch._utils", "_rebuild_parameter")
        self.tensor(value.detach(), path)
        self.flag(value.requires_grad, path)
        self.name("collections", "OrderedDict")
        self.out += b")R\x87R"

    def flag(self, value: Any, path: Path) -> None:
        self.out += b"\x88" if value else b"\x89"

    def nothing(self, value: None, path: Path) -> None:
        self.out += b"N"

    def real(self, value: float, path: Path) -> None:
        self.out += b"G" + struct.pack(">d", value)

    def dtype(self, value: DType, path: Path) -> None:
        self.name("torch", value.name)

    def storage(self, array: np.ndarray) -> int:
        """The number of the storage with these elements; the same memory has the same number."""
        place = (array.ctypes.data, array.dtype, array.size) if array.size else id(array)
        if place not in self._keys:
            self._keys[place] = len(self.storages)
            self._alive.append(array)
            self.storages.append(memoryview(array.reshape(-1).view(np.uint8)))
        return self._keys[place]


WRITERS: list[tuple[Any, Callable[[Pickler, Any, Path], None]]] = [
    (Parameter, Pickler.parameter),
    (Tensor, Pickler.tensor),
    (str, Pickler.text),
    (bool | np.bool_, Pickler.flag),
    (int | np.integer, Pickler.whole),
    (float | np.floating, Pickler.real),
    (type(None), Pickler.nothing),
    (Size, Pickler.size),
    (dict, Pickler.mapping),
    (list | tuple, Pickler.sequence),
    (bytes, Pickler.octets),
    (set, Pickler.members),
    (DType, Pickler.dtype),
    (Device, Pickler.device),
]
"""What writes a value of each type; the first that fits counts."""


class _Inside:
    """While the content of a container is written: it must not contain itself."""

    def __init__(self, pickler: Pickler, container: Any, path: Path):
        if id(container) in pickler._open:
            raise ArgumentError(f"gd.save cannot write {_named(path)}: it contains itself")
        if len(path) > 200:
            raise ArgumentError("gd.save cannot write a structure of more than 200 levels")
        self.pickler, self.container = pickler, container

    def __enter__(self) -> None:
        self.pickler._open.add(id(self.container))

    def __exit__(self, *error: Any) -> None:
        self.pickler._open.discard(id(self.container))


def _strides(shape: Any) -> tuple[int, ...]:
    strides, step = [], 1
    for extent in reversed(shape):
        strides.append(step)
        step *= max(extent, 1)
    return tuple(reversed(strides))


def _named(path: Path) -> str:
    return "the object" + "".join(f"[{key!r}]" for key in path)


def _advice(value: Any) -> str:
    if hasattr(value, "state_dict"):
        return "; give its state_dict()"
    if isinstance(value, np.ndarray):
        return "; make it a tensor with gd.tensor(...)"
    return ""
