"""Meshes: devices in a grid with named axes, and how an array lies on them.

A mesh is named by what it is, "mesh(data=4,model=2)", which is a place like "gpu:0". An array on it
has a *spec*, a name or None for each dimension: a dimension with a name is cut among the devices
along that axis, the others are whole on each. XLA's partitioner cuts the computation to fit and
makes all communication.

Source: Xu et al., "GSPMD: General and Scalable Parallelization for ML Computation Graphs" (2021).
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Sequence
from typing import Any, cast

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from gradatim.graph.errors import DeviceError

Spec = Sequence[Any]
SMALL = 2**16  # elements; a result up to here is whole on each device, so that any host can read it


def axes_of(place: str) -> dict[str, int]:
    """The axes in a mesh's name, and how many devices each has.

    Example:
        >>> axes_of("mesh(data=4,model=2)")
        {'data': 4, 'model': 2}
    """
    inside = place.removeprefix("mesh(").removesuffix(")")
    return {name: int(n) for name, _, n in (part.partition("=") for part in inside.split(","))}


@functools.cache
def mesh_of(place: str) -> Mesh:
    """The devices of a mesh: the machine's own first, along the last axis first.

    Raises:
        DeviceError: not as many devices as it needs.
    """
    axes = axes_of(place)
    wanted = math.prod(axes.values())
    on_cpu = os.environ.get("GRADATIM_DEVICE", "").startswith("xla:cpu")
    found = jax.devices("cpu") if on_cpu else jax.devices()
    if len(found) < wanted:
        kind = found[0].platform.upper()
        hint = (
            f"; XLA_FLAGS=--xla_force_host_platform_device_count={wanted} in the environment "
            "makes as many of the processor"
            if kind == "CPU"
            else ""
        )
        raise DeviceError(
            f"a mesh of {' × '.join(f'{name} {n}' for name, n in axes.items())} needs {wanted} "
            f"devices, and JAX finds {len(found)} ({kind}){hint}"
        )
    grid = np.array(found[:wanted]).reshape(tuple(axes.values()))
    return Mesh(grid, tuple(axes))


def sharding_of(mesh: Mesh, spec: Spec = ()) -> NamedSharding:
    """How an array of this spec lies on the mesh; without names it is whole on each device."""
    make, spec_of = cast(Any, NamedSharding), cast(Any, PartitionSpec)
    found: NamedSharding = make(mesh, spec_of(*spec))
    return found


def put(array: Any, sharding: NamedSharding) -> Any:
    """An array of this machine on the mesh: each device takes its part. All hosts hold the same."""
    array = np.asarray(array)
    return jax.make_array_from_callback(array.shape, sharding, lambda place: array[place])


def put_share(array: Any, sharding: NamedSharding) -> Any:
    """An array of which each host holds its share, one after the other along the first
    dimension."""
    make: Any = jax.make_array_from_process_local_data
    return make(sharding, np.asarray(array))


def whole(array: Any) -> np.ndarray[Any, Any]:
    """The content of an array on a mesh. Where other hosts hold parts of it, all have to ask."""
    if array.is_fully_addressable or array.is_fully_replicated:
        return np.array(array if array.is_fully_addressable else array.addressable_data(0))
    everywhere = sharding_of(array.sharding.mesh)
    return np.array(jax.jit(lambda x: x, out_shardings=everywhere)(array).addressable_data(0))


def result_sharding(mesh: Mesh, shape: Sequence[int], target: Any) -> Any:
    """Where a Program's result goes: as its place lies; small ones everywhere; or as XLA likes."""
    if target is not None:
        return target.array.sharding
    return sharding_of(mesh) if math.prod(shape) <= SMALL else None


def bytes_on_devices(array: Any) -> dict[str, int]:
    """How many bytes of an array each device of this machine holds."""
    return {str(shard.device): int(shard.data.nbytes) for shard in array.addressable_shards}


def cuts(array: Any) -> list[tuple[tuple[tuple[int, int], ...], bool]]:
    """The different parts that an array lies in.

    Returns:
        For each (start, stop) of each dimension, and whether the first copy is on this host.
    """
    here = {device.id for device in array.sharding.mesh.local_devices}
    found: dict[Any, bool] = {}
    for device, index in array.sharding.devices_indices_map(array.shape).items():
        bounds = tuple(
            (cut.start or 0, extent if cut.stop is None else cut.stop)
            for cut, extent in zip(index, array.shape)
        )
        found.setdefault(bounds, device.id in here)
    return list(found.items())
