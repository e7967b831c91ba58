"""The zip file around PyTorch's weights: which records it has, reading it, and writing it.

NAME/data.pkl      the structure, a pickle; storages are mentioned by number
NAME/byteorder     "little" or "big"
NAME/data/0, ...   the bytes of each storage, uncompressed, at a multiple of 64 bytes
NAME/version       "3"
"""

from __future__ import annotations

import io
import zipfile
from typing import Any, BinaryIO

from gradatim.weights.rebuilding import Storage, StorageClass, find
from gradatim.weights.unpickling import Damaged, Machine, Refused

ALIGNMENT = 64
LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""How files of PyTorch before 1.6 begin: a pickle of a number that stands for the format."""


def read_archive(file: BinaryIO) -> Any:
    """What a file of `torch.save` holds.

    Raises:
        Refused: it is a file of another kind, or asks for what is no data.
        Damaged: it is not whole.
    """
    try:
        archive = zipfile.ZipFile(file)
    except Exception as error:  # there is no list of what zipfile raises for broken files
        raise Damaged(f"it is no whole zip file ({error})") from None
    with archive:
        names = archive.namelist()
        roots = [name[: -len("data.pkl")] for name in names if name.endswith("/data.pkl")]
        if any("/code/" in name or name.endswith("/constants.pkl") for name in names):
            raise Refused(
                "is a TorchScript program: save the weights of the model instead, with "
                "torch.save(model.state_dict(), path)"
            )
        if len(roots) != 1:
            raise Refused("is a zip file, but none that torch.save wrote: it has no data.pkl")
        return _Reader(archive, roots[0], set(names)).read()


class _Reader:
    """One archive being read; each storage is read once."""

    def __init__(self, archive: zipfile.ZipFile, root: str, names: set[str]):
        self.archive = archive
        self.root = root
        self.names = names
        self.storages: dict[str, Storage] = {}
        self.big_endian = f"{root}byteorder" in names and self.record("byteorder").strip() == b"big"

    def read(self) -> Any:
        return Machine(self.record("data.pkl"), find, self.storage).run()

    def record(self, name: str) -> bytes:
        path = self.root + name
        if path not in self.names:
            raise Damaged(f"it has no record {name!r}")
        if self.archive.getinfo(path).compress_type != zipfile.ZIP_STORED:
            raise Refused(f"has its record {name!r} compressed, which torch.save never does")
        try:
            return self.archive.read(path)
        except Exception as error:
            raise Damaged(f"its record {name!r} cannot be read ({error})") from None

    def storage(self, identity: Any) -> Storage:
        """The storage that `("storage", class, key, location, element count)` stands for."""
        match identity:
            case ("storage", StorageClass() as kind, str() as key, str(), int() as count):
                pass
            case _:
                raise Damaged("its pickle mentions a storage in an unknown way")
        found = self.storages.get(key)
        if found is None:
            content = self.record(f"data/{key}")
            found = self.storages[key] = Storage(content, kind.dtype, self.big_endian)
            expected = count * (1 if kind.dtype is None else kind.dtype.itemsize)
            if len(content) != expected:
                raise Damaged(
                    f"its record {key!r} has {len(content):,} bytes where {expected:,} were "
                    "expected"
                )
        if found.dtype is not kind.dtype:
            raise Damaged(f"its record {key!r} is of two dtypes")
        return found


def write_archive(name: str, pickle: bytes, storages: list[bytes | memoryview]) -> bytes:
    """The bytes of a file that `torch.load` reads.

    Args:
        name: the folder in the archive; PyTorch takes the file's name.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        records: list[tuple[str, Any]] = [
            ("data.pkl", pickle),
            (".format_version", b"1"),
            (".storage_alignment", str(ALIGNMENT).encode()),
            ("byteorder", b"little"),
            *((f"data/{key}", content) for key, content in enumerate(storages)),
            ("version", b"3\n"),
        ]
        for record, content in records:
            info = zipfile.ZipInfo(f"{name}/{record}", (1980, 1, 1, 0, 0, 0))
            info.extra = _padding(out.tell() + 30 + len(info.filename.encode()))
            archive.writestr(info, content)
    return out.getvalue()


def _padding(start: int) -> bytes:
    """A header field that says nothing, so long that what follows it is aligned."""
    length = -(start + 4) % ALIGNMENT
    return b"FB" + length.to_bytes(2, "little") + b"Z" * length
