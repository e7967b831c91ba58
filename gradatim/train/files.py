"""Files that are whole or not there at all, and tensors on disk.

A file is written under a temporary name in the same folder, flushed to the disk, and renamed over
the old one: whoever looks, at any moment, after any kill, finds the old file or the new one.
Tensors are stored as safetensors, whose metadata carries one JSON text with everything that is not
a tensor.
"""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

import gradatim
from gradatim.data.files import replacing
from gradatim.graph.errors import CheckpointError

FORMAT = 1
"""The version of everything that this file writes. A reader refuses what is newer than itself."""

METADATA_KEY = "gradatim"


def write_file(path: str | os.PathLike, data: bytes) -> None:
    """Put `data` at `path`: all of it, or nothing and a `DataError` that says why.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "note.txt"
        >>> write_file(path, b"whole")
        >>> path.read_bytes()
        b'whole'
    """
    path = Path(path)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    """Flush the rename itself, where the system lets a folder be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_unfinished(folder: Path) -> None:
    """Delete the temporary files that a killed process left in `folder`."""
    for leftover in folder.glob(".*.unfinished"):
        with contextlib.suppress(OSError):
            leftover.unlink()


def write_tensors(path: Path, kind: str, arrays: Mapping[str, np.ndarray], about: dict) -> None:
    """Write named arrays and a JSON-able description as one safetensors file.

    The same content gives the same bytes: there is no time in it, and only one metadata entry,
    because safetensors writes several in any order.
    """
    from safetensors.numpy import save

    arrays = {name: np.asarray(arrays[name], order="C") for name in sorted(arrays)}
    about = {"format": FORMAT, "gradatim": gradatim.__version__, "kind": kind, **about}
    text = json.dumps({"crc32": _checksum(arrays, about), **about})
    write_file(path, save(arrays, metadata={METADATA_KEY: text}))


def read_tensors(path: Path, kind: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the description that `write_tensors` wrote.

    Raises:
        CheckpointError: the file is missing, truncated, damaged, foreign, of another kind, or newer
            than this version.
    """
    from safetensors import SafetensorError, deserialize

    if path.is_dir():
        raise CheckpointError(f"{path} is a folder, not a {kind} file")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"there is no {kind} file at {path}") from None
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    if not data:
        raise CheckpointError(f"{path} is empty: expected a {kind} file (safetensors)")
    header = _read_header(path, data)
    about = _read_about(path, header)
    try:
        entries = deserialize(data)
    except SafetensorError as error:
        raise CheckpointError(_damaged(path, str(error))) from None
    arrays = {name: as_array(path, name, entry).copy() for name, entry in entries}
    if about.get("kind") != kind:
        raise CheckpointError(f"{path} holds a {about.get('kind')}, not a {kind}")
    checksum = about.pop("crc32", None)
    if checksum != _checksum(dict(sorted(arrays.items())), about):
        raise CheckpointError(_damaged(path, "its checksum does not match"))
    return arrays, about


def as_array(path: Path, name: str, entry: Mapping[str, Any]) -> np.ndarray:
    """One entry of a safetensors file as an array, which shares the file's memory."""
    dtype = _numpy_dtype(path, name, entry["dtype"])
    return np.frombuffer(entry["data"], dtype=dtype).reshape(entry["shape"])


def holds_plain_tensors(file: BinaryIO) -> bool:
    """Whether this is a safetensors file that says nothing of Gradatim's own."""
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if length > os.fstat(file.fileno()).st_size:
        return False
    try:
        header = json.loads(file.read(length))
        return METADATA_KEY not in header.get("__metadata__", {})
    except (ValueError, TypeError, AttributeError, RecursionError):
        return False


def check_format(path: Path, about: Mapping[str, Any]) -> None:
    """Refuse what a newer Gradatim wrote, saying which version can read it."""
    version = about.get("format") if isinstance(about, dict) else None
    if not isinstance(version, int):
        raise CheckpointError(_foreign(path))
    if version > FORMAT:
        raise CheckpointError(
            f"{path} was made by Gradatim {about.get('gradatim', '?')} (file format {version}); "
            f"this is {gradatim.__version__}, which reads format {FORMAT} and older: "
            "upgrade with  pip install --upgrade gradatim"
        )


def _read_header(path: Path, data: bytes) -> dict[str, Any]:
    """The JSON header of a safetensors file: its length in 8 bytes, then the text."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or data[8:9] != b"{":
        raise CheckpointError(_foreign(path))
    if len(data) < 8 + length:
        raise CheckpointError(_damaged(path, "it ends in the middle of its header"))
    try:
        header = json.loads(data[8 : 8 + length])
        ends = [entry["data_offsets"][1] for key, entry in header.items() if key[:2] != "__"]
        expected = 8 + length + max(ends, default=0)
    except (ValueError, LookupError, TypeError, AttributeError):
        raise CheckpointError(_damaged(path, "its header cannot be read")) from None
    if len(data) != expected:
        found = f"it has {len(data):,} bytes where its header says {expected:,}"
        raise CheckpointError(_damaged(path, found))
    return header


def _read_about(path: Path, header: dict[str, Any]) -> dict[str, Any]:
    try:
        about = json.loads(header["__metadata__"][METADATA_KEY])
    except (LookupError, TypeError, ValueError):
        raise CheckpointError(_foreign(path)) from None
    check_format(path, about)
    return about


def _checksum(arrays: Mapping[str, np.ndarray], about: dict[str, Any]) -> str:
    """CRC-32 of all that the file says."""
    total = zlib.crc32(json.dumps(about).encode())
    for name, array in arrays.items():
        total = zlib.crc32(f"{name} {array.dtype} {array.shape}".encode(), total)
        total = zlib.crc32(array.reshape(-1).view(np.uint8), total)
    return f"{total:08x}"


def _numpy_dtype(path: Path, name: str, stored: str) -> np.dtype:
    if stored == "BF16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    kinds = {"F": "float", "I": "int", "U": "uint"}
    if stored == "BOOL":
        return np.dtype(bool)
    if stored[:1] in kinds and stored[1:] in ("8", "16", "32", "64"):
        return np.dtype(kinds[stored[0]] + stored[1:])
    raise CheckpointError(f"{path}: {name} has the dtype {stored}, which Gradatim does not have")


def _foreign(path: Path) -> str:
    return (
        f"{path} was not written by Gradatim: expected a run's folder, or a file of "
        "gradatim.save_model"
    )


def _damaged(path: Path, how: str) -> str:
    return f"{path} is damaged: {how}; use another copy, or train again"
