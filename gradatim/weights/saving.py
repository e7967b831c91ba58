"""`gd.save`: tensors, and plain data around them, to a file that PyTorch reads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from gradatim.graph.errors import ArgumentError, ArgumentTypeError, WrongKind
from gradatim.tensor import Tensor
from gradatim.weights.archive import write_archive
from gradatim.weights.pickling import Pickler


def save(obj: Any, f: str | os.PathLike[str] | BinaryIO) -> None:
    """Write tensors to a file: `.safetensors`, or in PyTorch's format under any other name.

    The file is written under a temporary name and renamed: whoever looks finds the old file or
    the whole new one.

    Args:
        obj: for `.safetensors`, a flat dict of tensors by name (a model's `state_dict()`). Else
            tensors, numbers, text, None, and dicts, lists and tuples of them to any depth, such as
            `{"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}`;
            `torch.load(weights_only=True)` and `gd.load` read them.
        f: the path, or a binary file open for writing (PyTorch's format).

    Raises:
        ArgumentTypeError: something in `obj` is of another type, such as a whole module; its place
            is named.
        DataError: the file cannot be written.

    Example:
        >>> import tempfile, gradatim as gd
        >>> path = Path(tempfile.mkdtemp()) / "checkpoint.pt"
        >>> save({"weight": gd.ones(2), "epoch": 3}, path)
        >>> gd.load(path)
        {'weight': tensor([1., 1.]), 'epoch': 3}
    """
    from gradatim.train.files import write_file

    if hasattr(f, "write"):
        f.write(_as_archive(obj, "archive"))
        return
    if not isinstance(f, str | os.PathLike):
        raise WrongKind(
            f"gd.save(obj, f): f is a path or a file open for writing, got {type(f).__name__}"
        )
    path = Path(f)
    if path.suffix == ".safetensors":
        write_file(path, _as_safetensors(obj))
    else:
        write_file(path, _as_archive(obj, path.stem or "archive"))


def _as_archive(obj: Any, name: str) -> bytes:
    pickler = Pickler()
    pickle = pickler.pickle(obj)
    return write_archive(name, pickle, list(pickler.storages))


def _as_safetensors(obj: Any) -> bytes:
    import numpy as np
    from safetensors.numpy import save as to_bytes

    if not isinstance(obj, Mapping):
        advice = "; give its state_dict()" if hasattr(obj, "state_dict") else ""
        raise ArgumentTypeError(
            f"a .safetensors file holds a dict of tensors by name, got {type(obj).__name__}{advice}"
        )
    arrays = {}
    for name, value in obj.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise ArgumentTypeError(
                f"a .safetensors file holds tensors by name, and {name!r} is a "
                f"{type(value).__name__}: leave it out, or save to a .pt file, which also takes "
                "numbers, text and nested dicts"
            )
        if name == "__metadata__":
            raise ArgumentError("a .safetensors file cannot hold a tensor named '__metadata__'")
        arrays[name] = np.ascontiguousarray(value._value())
    return to_bytes(arrays, metadata={"format": "pt"})
