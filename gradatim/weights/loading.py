"""Reading weight files that others wrote: PyTorch's, and plain safetensors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

from gradatim.graph.errors import CheckpointError, CheckpointNotFound, ForeignPickle
from gradatim.nn.state_dict import StateDict
from gradatim.weights.archive import LEGACY, read_archive
from gradatim.weights.unpickling import Damaged, Refused

ZIP = b"PK\x03\x04"


def is_foreign_pickle(start: bytes) -> bool:
    """Whether a file that begins so is PyTorch's (a zip file, or a bare pickle)."""
    return start[:4] == ZIP or (start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05")


def load_weights(file: BinaryIO, name: str) -> Any:
    """What a file of `torch.save` (zip format) or `gd.save` holds; no code of the file is run.

    Args:
        file: open for reading; it must be able to seek.
        name: what messages call it.

    Raises:
        CheckpointError: in one line, why it cannot be read.

    Example:
        >>> import io, gradatim as gd
        >>> file = io.BytesIO()
        >>> gd.save([gd.zeros(2), "text"], file)
        >>> load_weights(file, "buffer")
        [tensor([0., 0.]), 'text']
    """
    file.seek(0)
    start = file.read(64)
    if start[:1] == b"\x80":
        raise ForeignPickle(f"{name} {_bare_pickle(start)}")
    file.seek(0)
    try:
        return read_archive(file)
    except Refused as error:
        raise ForeignPickle(f"{name} {error}") from None
    except Damaged as error:
        raise CheckpointError(f"{name} is damaged: {error}; use another copy") from None
    except MemoryError:
        raise CheckpointError(f"{name} holds more than fits in memory") from None


def _bare_pickle(start: bytes) -> str:
    if start.startswith(LEGACY):
        return (
            "is in PyTorch's format from before version 1.6: write it anew, with PyTorch, as "
            "torch.save(torch.load(path, weights_only=True), path)"
        )
    return (
        "is a pickle, which could run any code: it was not loaded; save tensors with "
        "torch.save(model.state_dict(), path) or gd.save"
    )


def load_safetensors(data: bytes, name: str) -> StateDict:
    """The tensors of a safetensors file, by name, in the order of the file.

    Raises:
        CheckpointError: the file is damaged, or has a dtype that Gradatim does not have.
    """
    from safetensors import SafetensorError, deserialize

    from gradatim.train.files import as_array
    from gradatim.train.packing import to_tensor

    try:
        entries = deserialize(data)
    except SafetensorError as error:
        raise CheckpointError(f"{name} is damaged: {error}; use another copy") from None
    by_place = StateDict()
    for key, entry in entries:
        by_place[key] = to_tensor(as_array(Path(name), key, entry))
    return by_place


def open_binary(path: str | os.PathLike[str]) -> BinaryIO:
    """A file open for reading, or one line that says why not."""
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise CheckpointNotFound(f"there is no model file at {path}") from None
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
