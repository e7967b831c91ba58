"""Checkpoints in parts: arrays that are cut among many devices are written as they lie.

`checkpoint.safetensors`                   all that is whole on each device, the state, and what the
                                           parts are called; written last
`checkpoint-3-0.1-of-4.safetensors`        what host 1 of 4 holds, after epoch 3 and batch 0

A part's entries are named `NAME@0:500,0:784`, by the rows and columns that they hold. So a
checkpoint comes together on one device or on any other mesh. Hosts share the folder.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradatim import hosts
from gradatim.graph.errors import CheckpointError
from gradatim.train.files import read_tensors, write_tensors

PARTS = "parts"
"""The key of a checkpoint's state under which the parts are described."""

Cuts = Mapping[str, list[tuple[tuple[tuple[int, int], ...], bool]]]


@dataclass(frozen=True)
class Snapshot:
    """A trainer's state: arrays by name, and JSON-able data that refers to them."""

    arrays: dict[str, np.ndarray]
    state: dict[str, Any]


def split(folder: Path, snapshot: Snapshot, cuts: Cuts, leads: bool) -> Snapshot:
    """Write what this host holds of the arrays that are cut, and give the rest of the snapshot.

    Args:
        cuts: of an array's name, its parts, and whether this host writes them.
        leads: whether this host makes the folder.
    """
    cuts = {name: parts for name, parts in cuts.items() if name in snapshot.arrays}
    if not cuts:
        return snapshot
    host, count = hosts.process()
    position = snapshot.state["position"]
    stem = f"checkpoint-{position['epoch']}-{position['batch']}"
    mine = {
        _entry(name, bounds): snapshot.arrays[name][tuple(slice(*cut) for cut in bounds)]
        for name, parts in cuts.items()
        for bounds, is_here in parts
        if is_here
    }
    write_tensors(_part(folder, stem, host, count), "part of a checkpoint", mine, {})
    whole = {name: array for name, array in snapshot.arrays.items() if name not in cuts}
    shapes = {
        name: {"shape": list(snapshot.arrays[name].shape), "parts": len(parts)}
        for name, parts in cuts.items()
    }
    return Snapshot(whole, {**snapshot.state, PARTS: {"of": stem, "n": count, "arrays": shapes}})


def join(
    folder: Path, arrays: dict[str, np.ndarray], state: dict[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the state of a checkpoint with its parts put together.

    Raises:
        CheckpointError: a part is missing or damaged.
    """
    described = state.pop(PARTS, None)
    if described is None:
        return arrays, state
    seen = dict.fromkeys(described["arrays"], 0)
    for host in range(described["n"]):
        part, _ = read_tensors(
            _part(folder, described["of"], host, described["n"]), "part of a checkpoint"
        )
        for entry, values in part.items():
            name, _, place = entry.rpartition("@")
            if name not in arrays:
                arrays[name] = np.empty(described["arrays"][name]["shape"], values.dtype)
            arrays[name][_slices(place)] = values
            seen[name] += 1
    for name, count in seen.items():
        if count != described["arrays"][name]["parts"]:
            raise CheckpointError(
                f"{folder}: the checkpoint has {count} of {described['arrays'][name]['parts']} "
                f"parts of {name}; use another copy, or train again"
            )
    return arrays, state


def remove_parts(folder: Path, keep: Mapping[str, Any] | None) -> None:
    """Delete the parts of checkpoints but those of the last."""
    for file in folder.glob("checkpoint-*-of-*.safetensors"):
        if keep is None or not file.name.startswith(keep["of"] + "."):
            with contextlib.suppress(OSError):
                file.unlink()


def _part(folder: Path, stem: str, host: int, count: int) -> Path:
    return folder / f"{stem}.{host}-of-{count}.safetensors"


def _entry(name: str, bounds: tuple[tuple[int, int], ...]) -> str:
    """An entry's name.

    Example:
        >>> _entry("model.0.weight", ((0, 500), (0, 784)))
        'model.0.weight@0:500,0:784'
    """
    return f"{name}@" + ",".join(f"{start}:{stop}" for start, stop in bounds)


def _slices(place: str) -> tuple[slice, ...]:
    """Where an entry belongs.

    Example:
        >>> _slices("0:500,0:784")
        (slice(0, 500, None), slice(0, 784, None))
    """
    pairs = (cut.split(":") for cut in place.split(","))
    return tuple(slice(int(start), int(stop)) for start, stop in pairs)
