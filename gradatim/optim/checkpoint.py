"""An optimizer's state as plain data, and back: the layout of PyTorch's checkpoints.

    {"state": {0: {"step": tensor(5.), "exp_avg": tensor([...]), ...}, 1: ...},
     "param_groups": [{"lr": 0.1, ..., "params": [0, 1]}]}

Parameters appear as their running index over all groups. The plain numbers of a parameter's state
(step counts and the like) are 0-d float32 tensors in a checkpoint, and Python floats in memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.graph.dtypes import float32
from gradatim.graph.errors import ArgumentError
from gradatim.structure import Table, TableOfTables
from gradatim.tensor import Tensor

Group = dict[str, Any]
State = TableOfTables


def pack(groups: list[Group], state: State, counts: Collection[str]) -> dict[str, Any]:
    """The checkpoint of `state` and `groups`; its tensors are the live ones, not copies.

    Args:
        counts: the names in a parameter's state that are plain numbers.
    """
    index: dict[int, int] = {}  # of a parameter, by its id
    packed_groups, start = [], 0
    for group in groups:
        for i, param in enumerate(group["params"], start):
            index.setdefault(id(param), i)
        start += len(group["params"])
        packed = {name: option for name, option in group.items() if name != "params"}
        packed["params"] = [index[id(param)] for param in group["params"]]
        packed_groups.append(packed)
    packed_state = {}
    for key, entry in state.items():
        if not isinstance(key, Tensor):
            packed_state[key] = entry
        elif id(key) in index:  # else it was taken out of its group
            packed_state[index[id(key)]] = _pack_one(entry, counts)
    return {"state": packed_state, "param_groups": packed_groups}


def _pack_one(entry: Any, counts: Collection[str]) -> Any:
    if not (counts and isinstance(entry, dict)):
        return entry
    return {
        name: ops.tensor(value, dtype=float32) if name in counts else value
        for name, value in entry.items()
    }


def unpack(
    groups: list[Group], saved: dict[str, Any], counts: Collection[str]
) -> tuple[list[Group], State]:
    """The parameter groups and state that a checkpoint describes, for the parameters in `groups`.

    Tensors are copied, and take the dtype and device of their parameter.

    Raises:
        ArgumentError: the groups differ in number or in size.
    """
    if not isinstance(saved, dict) or not {"state", "param_groups"} <= saved.keys():
        given = f"keys {list(saved)[:3]}" if isinstance(saved, dict) else type(saved).__name__
        raise ArgumentError(
            f"an optimizer's state dict has the keys 'state' and 'param_groups', got {given}: "
            f"is it a model's?"
        )
    saved_groups = deepcopy(saved["param_groups"])
    if len(groups) != len(saved_groups):
        raise ArgumentError(
            "loaded state dict has a different number of parameter groups: "
            f"{len(saved_groups)}, where this optimizer has {len(groups)}"
        )
    for i, (group, saved_group) in enumerate(zip(groups, saved_groups)):
        if len(group["params"]) != len(saved_group["params"]):
            raise ArgumentError(
                "loaded state dict contains a parameter group that doesn't match the size of "
                f"optimizer's group: group {i} has {len(saved_group['params'])} parameters in the "
                f"state dict and {len(group['params'])} here"
            )
    by_index = dict(
        zip(
            chain.from_iterable(group["params"] for group in saved_groups),
            chain.from_iterable(group["params"] for group in groups),
        )
    )
    state = TableOfTables()
    for key, entry in saved["state"].items():
        if key not in by_index:  # not about one parameter: kept as it is
            state[key] = entry
            continue
        param = by_index[key]
        fitted = _fit(entry, param)
        state[param] = Table(fitted) if isinstance(fitted, dict) else fitted
        if isinstance(entry, dict):
            state[param] |= {n: float(entry[n]) for n in counts if entry.get(n) is not None}
    for group, saved_group in zip(groups, saved_groups):
        saved_group["params"] = group["params"]
        if "param_names" in group:
            saved_group.setdefault("param_names", group["param_names"])
    return saved_groups, state


def _fit(value: Any, param: Tensor, name: str | None = None) -> Any:
    """A copy of `value` whose tensors have the dtype and device of `param`.

    NumPy arrays, and other libraries' tensors, become tensors.
    """
    if hasattr(value, "__array__") and not isinstance(value, (Tensor, np.generic)):
        value = ops.tensor(np.asarray(value))
    if isinstance(value, Tensor):
        keeps_dtype = name == "step" or not param.is_floating_point()
        dtype = value.dtype if keeps_dtype else param.dtype
        return value.detach().to(device=param.device, dtype=dtype, copy=True)
    if isinstance(value, dict):
        return {key: _fit(item, param, key) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return type(value)(_fit(item, param) for item in value)
    return value
