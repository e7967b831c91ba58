"""torch.save and torch.load."""

from __future__ import annotations

from typing import Any

import gradatim
from gradatim.device import Device

__all__ = ["load", "save"]


def save(
    obj: Any,
    f: Any,
    pickle_module: Any = None,
    pickle_protocol: int | None = None,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write tensors, numbers and texts, nested in dicts and lists, to a file that PyTorch reads
    too (`torch.load(weights_only=True)`).

    Args:
        obj: what to write: a `state_dict`, or a checkpoint that holds some.
        f: the file's name, or an open file.
        pickle_module, pickle_protocol: accepted, without effect.

    Raises:
        CheckpointError: for anything else, such as a whole module: save its `state_dict`.
    """
    gradatim.save(obj, f)


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Read what `torch.save` wrote, here or in PyTorch. No pickle runs, whatever `weights_only`.

    Args:
        f: the file's name, or an open file.
        map_location: where tensors are to live; everything lives on the CPU.
        pickle_module, weights_only, mmap, pickle_load_args: accepted, without effect.
    """
    if isinstance(map_location, (str, Device)):
        Device(map_location)
    return gradatim.load(f)
