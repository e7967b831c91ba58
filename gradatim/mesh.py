"""Many devices: a mesh with named axes, and which tensors are cut along which axis.

    data     batches are cut along it; each device computes its rows, gradients are added up
    model    large matrices are cut along it, where a mesh has it

`Trainer(..., mesh={"data": 4, "model": 2})` does all of this. `gd.shard(weight, ("model", None))`
says of one parameter how it is cut; parameters that nobody spoke of follow `default_spec`. What an
optimizer remembers of a parameter is cut like it, and along "data" as well.

Source: Rajbhandari et al., "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models"
(2020), stage 1, for the optimizer's state.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gradatim import hosts
from gradatim.device import Device
from gradatim.engines import get_engine
from gradatim.graph import primitives as p
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.realize import compute
from gradatim.tensor import Tensor, wrap

DATA, MODEL = "data", "model"

LARGE = 2**12
"""Elements from which on a tensor is cut by default: the communication for smaller ones costs more
than their memory."""

Spec = Sequence[str | None]


class Mesh:
    """Devices in a grid with named axes.

    Args:
        axes: the axes and how many devices each has, as `{"data": 4, "model": 2}`.

    Raises:
        ArgumentError: no axes; an axis that is not a name, or has no devices.
        DeviceError: there are not as many devices.
    """

    def __init__(self, axes: Mapping[str, int]) -> None:
        self.axes = check_axes(axes)
        hosts.join()
        inside = ",".join(f"{name}={count}" for name, count in self.axes.items())
        self.device = Device(f"mesh({inside})")
        self.engine: Any = get_engine("xla")

    def __repr__(self) -> str:
        return f"Mesh({self.axes})"

    def size(self, axis: str) -> int:
        """How many devices an axis has; 1 for one that is not there."""
        return self.axes.get(axis, 1)

    # Tensors

    def place(self, tensors: Iterable[Tensor]) -> None:
        """Cut parameters as they ask for, or as `default_spec` says. They are on the mesh."""
        for tensor in tensors:
            asked = getattr(tensor, "mesh_spec", None)
            self.lay(tensor, asked or default_spec(tensor.shape, self.axes))

    def lay(self, tensor: Tensor, spec: Spec) -> None:
        """Cut one tensor, in place. An axis that the mesh does not have cuts nothing."""
        spec = tuple(axis if axis in self.axes else None for axis in spec)
        for extent, axis in zip(tensor.shape, spec):
            if axis is not None and extent % self.axes[axis]:
                raise ShapeError(
                    f"a dimension of {extent} in shape {list(tensor.shape)} cannot be cut along "
                    f"{axis!r}, which has {self.axes[axis]} devices: shard another dimension"
                )
        node = tensor._read()
        compute([node])
        self.engine.shard(node.buffer, spec)

    def batch(self, tensor: Tensor, is_share: bool = False) -> Tensor:
        """A batch of the host's on the mesh, cut along "data" where its rows divide; else whole on
        each device.

        Args:
            is_share: each host brings its own rows of a batch.
        """
        if tensor.device == self.device:
            return tensor
        array = tensor._value()
        count = self.size(DATA)
        place = self.device.place
        if is_share:
            buffer = self.engine.from_share(array, place, (DATA,))
        else:
            cut = DATA in self.axes and array.ndim > 0 and array.shape[0] % count == 0
            buffer = self.engine.from_host(array, place, (DATA,) if cut else ())
        return wrap(p.value(buffer, tuple(buffer.shape), tensor.dtype, place))

    def place_state(self, optimizer: Any) -> None:
        """Lay all that an optimizer remembers beside its parameters."""
        for parameter, entry in optimizer.state.items():
            for value in entry.values() if isinstance(parameter, Tensor) else ():
                if isinstance(value, Tensor):
                    beside(value, parameter)

    # Looking

    def cuts(self, tensor: Tensor) -> list[tuple[tuple[tuple[int, int], ...], bool]]:
        """The parts that a tensor lies in, as (start, stop) of each dimension, and whether this
        host is the one to write it."""
        node = tensor._read()
        if node.device != self.device.place:
            return []
        compute([node])
        found: list[Any] = self.engine.cuts(node.buffer)
        return found

    def bytes_per_device(self, tensors: Iterable[Tensor]) -> dict[str, int]:
        """How much of these tensors each device of this machine holds, as XLA says."""
        total: dict[str, int] = {}
        for tensor in tensors:
            for device, count in self.engine.bytes_on_devices(tensor._read().buffer).items():
                total[device] = total.get(device, 0) + count
        return total


def shard(tensor: Tensor, spec: Spec) -> Tensor:
    """Say how a parameter is cut among the devices of a mesh.

    Args:
        tensor: any shape.
        spec: for each dimension the axis that it is cut along, or None.

    Returns:
        The tensor.

    Raises:
        ShapeError: as many names as dimensions are expected.

    Example:
        >>> import gradatim as gd
        >>> layer = gd.nn.Linear(512, 1024)
        >>> _ = shard(layer.weight, ("model", None))  # each device has some of the 1024 outputs
    """
    if len(spec) != len(tensor.shape):
        raise ShapeError(
            f"shard: {len(spec)} names for a tensor of shape {list(tensor.shape)}: give the name "
            f"of an axis or None for each of its {len(tensor.shape)} dimensions"
        )
    tensor.mesh_spec = tuple(spec)  # for the time when it comes to a mesh
    place = tensor._read().device or ""
    if place.startswith("mesh("):
        mesh_of(place).lay(tensor, spec)
    return tensor


def default_spec(shape: Sequence[int], axes: Mapping[str, int]) -> tuple[Any, ...]:
    """Large tensors of two and more dimensions are cut along "model": the first dimension that
    divides (of a weight, its outputs).

    Example:
        >>> default_spec((1000, 784), {"data": 4, "model": 2})
        ('model', None)
        >>> default_spec((1000,), {"data": 4, "model": 2}), default_spec((1000, 784), {"data": 8})
        ((None,), (None, None))
    """
    spec: list[Any] = [None] * len(shape)
    count = axes.get(MODEL, 1)
    if len(shape) > 1 and count > 1 and math.prod(shape) >= LARGE:
        place = next((k for k, extent in enumerate(shape) if extent % count == 0), None)
        if place is not None:
            spec[place] = MODEL
    return tuple(spec)


def state_spec(
    shape: Sequence[int], parameter: Sequence[Any], axes: Mapping[str, int]
) -> tuple[Any, ...]:
    """What an optimizer remembers lies like its parameter, and large tensors are cut along "data"
    as well.

    Example:
        >>> state_spec((1000, 784), ("model", None), {"data": 4, "model": 2})
        ('model', 'data')
    """
    spec = list(parameter)
    count = axes.get(DATA, 1)
    if count > 1 and math.prod(shape) >= LARGE and DATA not in spec:
        free = (k for k, n in enumerate(shape) if spec[k] is None and n % count == 0)
        place = next(free, None)
        if place is not None:
            spec[place] = DATA
    return tuple(spec)


def beside(slot: Tensor, parameter: Tensor) -> Tensor:
    """Lay what an optimizer remembers where its parameter lies; off a mesh that is nothing."""
    place = parameter._cell.node.device or ""
    if place.startswith("mesh(") and slot._cell.node.device == place:
        mesh = mesh_of(place)
        compute([parameter._read()])
        own = mesh.engine.spec(parameter._read().buffer)
        if slot.shape == parameter.shape:
            mesh.lay(slot, state_spec(tuple(slot.shape), own, mesh.axes))
    return slot


def mesh_of(place: str) -> Mesh:
    """The mesh of a place's name."""
    inside = place.removeprefix("mesh(").removesuffix(")")
    parts = (part.partition("=") for part in inside.split(","))
    return Mesh({name: int(count) for name, _, count in parts})


def check_axes(axes: Any) -> dict[str, int]:
    """The axes of a mesh, checked."""
    if isinstance(axes, Mapping) and axes:
        good = all(
            isinstance(name, str)
            and name.isidentifier()
            and isinstance(count, int)
            and not isinstance(count, bool)
            and count > 0
            for name, count in axes.items()
        )
        if good:
            return dict(axes)
    raise ArgumentError(
        f"a mesh is given by its axes and the devices along each, as {{'data': 4, 'model': 2}}; "
        f"got {axes!r}"
    )
