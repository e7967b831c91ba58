"""The cache on disk: object code that was compiled before, by this compiler for this processor.

An entry is named by everything its code depends on, and holds a checksum of its content. What is
damaged, incomplete, or could have been written by somebody else is passed over, for what is in it
will run. Entries are written under another name and renamed, so that processes can share the
folder; the longest unused ones go when it grows beyond its bound. Without a folder that can be
written to, everything works, only slower.

`GRADATIM_CACHE` names another folder; `GRADATIM_COMPILE_CACHE=0` switches the cache off.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from gradatim.folders import cache_dir

MOST_BYTES = 512 * 2**20
_MAGIC = b"gradatim object 1\n"


@functools.cache
def compiler_digest() -> str:
    """A short name of all that decides which code a Program becomes, the Program aside."""
    import llvmlite  # type: ignore[import-untyped]
    import numpy as np

    from gradatim.engines.llvm import native
    from gradatim.engines.llvm.driver import data_offset

    digest = hashlib.sha256()
    root = Path(__file__).resolve().parents[2]
    for room in ("engines", "engines/llvm", "graph"):
        for path in sorted((root / room).glob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    # (Where an array keeps its pointer is written into the code, and differs between Pythons.)
    facts = (
        native.target_description(), native.features(), np.__version__, llvmlite.__version__,
        data_offset(),
    )  # fmt: skip
    digest.update(repr(facts).encode())
    return digest.hexdigest()


def entry_name(program_digest: str, options: str = "") -> str:
    """The name under which a Program's code is kept."""
    text = f"{compiler_digest()} {program_digest} {options}"
    return hashlib.sha256(text.encode()).hexdigest()[:40]


@functools.cache
def folder() -> Path | None:
    """The cache's folder, made if it is not there; None if it cannot be trusted or made."""
    if os.environ.get("GRADATIM_COMPILE_CACHE") == "0":
        return None
    place = cache_dir() / "code"
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _is_private(os.stat(place), folder=True):
            return None
    except OSError:
        return None
    return place


def _is_private(found: os.stat_result, folder: bool = False) -> bool:
    """Whether nobody else can have written what is there."""
    if not hasattr(os, "geteuid"):  # Windows: the user's own profile
        return True
    kind = stat.S_ISDIR(found.st_mode) if folder else stat.S_ISREG(found.st_mode)
    return kind and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def read(name: str) -> tuple[dict[str, Any], bytes] | None:
    """An entry's description and object code, or None."""
    place = folder()
    if place is None:
        return None
    path = place / name
    try:
        with open(path, "rb") as file:
            if not _is_private(os.fstat(file.fileno())):
                return None
            content = file.read()
        with contextlib.suppress(OSError):
            os.utime(path)  # used: it goes last
    except OSError:
        return None
    head = len(_MAGIC)
    if content[:head] != _MAGIC or content[head : head + 32] != _checksum(content[head + 32 :]):
        return None
    payload = content[head + 32 :]
    length = int.from_bytes(payload[:8], "little")
    description: dict[str, Any] = json.loads(payload[8 : 8 + length])
    return description, payload[8 + length :]


def write(name: str, description: dict[str, Any], code: bytes) -> None:
    """Keep an entry. Nothing happens where that cannot be done."""
    place = folder()
    if place is None:
        return
    text = json.dumps(description).encode()
    payload = len(text).to_bytes(8, "little") + text + code
    try:
        handle, temporary = tempfile.mkstemp(dir=place, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC + _checksum(payload) + payload)
            os.replace(temporary, place / name)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        _shrink(place)
    except OSError:
        return


def _checksum(payload: bytes) -> bytes:
    return hashlib.sha256(payload).digest()


_written = 0


def _shrink(place: Path) -> None:
    """Now and then: remove the longest unused entries beyond the bound."""
    global _written
    _written += 1
    if _written % 64 != 1:
        return
    entries = []
    for entry in os.scandir(place):
        with contextlib.suppress(OSError):
            found = entry.stat()
            entries.append((found.st_mtime, found.st_size, entry.path))
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if total <= MOST_BYTES:
            break
        with contextlib.suppress(OSError):
            os.unlink(path)
        total -= size
