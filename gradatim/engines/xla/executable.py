"""The engine: a Program as one function compiled by `jax.jit`.

On device "cpu" buffers are NumPy arrays, as everywhere else in the project, and a run reads and
writes them. On XLA's devices they are `DeviceBuffer`s: nothing is copied, replaced inputs are
donated, and the call returns before the device is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradatim.engines import Failure, deferred_interrupts
from gradatim.engines.xla import (
    devices,
    elementwise,
    hosts,
    loops,
    matrices,
    meshes,
    shapes,
    table,
    windows,
)
from gradatim.engines.xla.buffers import DeviceBuffer
from gradatim.graph.node import Node
from gradatim.graph.primitives import PRIMITIVES
from gradatim.graph.program import Program
from gradatim.graph.rewrite import simplify

assert elementwise and matrices and shapes and windows  # imported for what they register

# Rounding where the Program says so, and nowhere else.
OPTIONS: dict[str, Any] = {"xla_allow_excess_precision": False}
CPU_OPTIONS: dict[str, Any] = {
    "xla_cpu_enable_fast_math": False,
    "xla_cpu_enable_fast_min_max": False,
}


class XlaExecutable:
    """A Program on one device or one mesh, compiled at its first run for each choice of donated
    inputs (on a mesh: and for how inputs and results lie)."""

    def __init__(self, program: Program, device: str):
        self.program = program
        self.on_host = device == "cpu"
        self.mesh = meshes.mesh_of(device) if device.startswith("mesh(") else None
        self.device = self.mesh.devices.flat[0] if self.mesh is not None else devices.find(device)
        self.known: list[table.Check] = []
        self.replaces = dict(program.replaces)
        self.compiled: dict[Any, Any] = {}
        self.latest: Any = None  # what ran last

    def _function(self, *arrays: Any) -> Any:
        """The whole Program, to be traced."""
        program = self.program
        values: dict[Node, Any] = dict(zip(program.inputs, arrays))
        with table.collecting() as checks:
            for node in program.nodes[len(program.inputs) :]:
                table.at(node.site[1] if node.site else None)
                loops.run_nodes((node,), values)
            self.known = checks.known
            rows = checks.array()
        seen: list[Any] = list(arrays)
        results = []
        for node in program.outputs:
            result = values[node]
            if any(result is other for other in seen):  # no two buffers share memory
                result = jnp.copy(result)
            seen.append(result)
            results.append(result)
        if self.known:  # what replaces an input stays as it was when the run fails
            failed = jnp.any(rows[:, 0] != 0)
            for k, j in self.replaces.items():
                results[k] = jnp.where(failed, arrays[j], results[k])
        return results, rows

    def _compile(self, donated: tuple[int, ...], places: Sequence[Any], results: Any) -> Any:
        """The Program for inputs that lie at `places`, and results that go to `results`."""
        kinds = [(node.shape, node.dtype.numpy) for node in self.program.inputs]
        make: Any = jax.ShapeDtypeStruct
        types = [make(*kind, sharding=place) for kind, place in zip(kinds, places)]
        # Inputs that nothing reads stay parameters: buffers are counted by position.
        function = jax.jit(
            self._function,
            donate_argnums=donated,
            keep_unused=True,
            out_shardings=results,
        )
        options = OPTIONS | (CPU_OPTIONS if self.device.platform == "cpu" else {})
        return function.lower(*types).compile(compiler_options=options)

    def __call__(
        self, inputs: Sequence[Any], into: Sequence[Any]
    ) -> tuple[Failure | None, list[Any]]:
        with jax.enable_x64(True):
            donated = () if self.on_host else self._donated(inputs, into)
            if self.mesh is not None:
                run, arrays = self._on_mesh(donated, inputs, into)
            else:
                run = self.compiled.get(donated)
                if run is None:
                    place = jax.sharding.SingleDeviceSharding(self.device)
                    places = [place] * len(self.program.inputs)
                    run = self.compiled[donated] = self._compile(donated, places, place)
                arrays = [
                    x.array if type(x) is DeviceBuffer else jax.device_put(x, self.device)
                    for x in inputs
                ]
            self.latest = run
            results, rows = run(*arrays)
            del arrays
            if self.on_host:
                return self._to_host(results, rows, into)
            return self._on_device(results, rows, inputs, into, donated)

    def _on_mesh(
        self, donated: tuple[int, ...], inputs: Sequence[Any], into: Sequence[Any]
    ) -> tuple[Any, list[Any]]:
        """What to run, and its inputs: numbers of the host's are made whole on each device."""
        assert self.mesh is not None
        everywhere = meshes.sharding_of(self.mesh)
        arrays = [x.array if type(x) is DeviceBuffer else meshes.put(x, everywhere) for x in inputs]
        places = tuple(array.sharding for array in arrays)
        results = tuple(
            meshes.result_sharding(self.mesh, node.shape, target)
            for node, target in zip(self.program.outputs, into)
        )
        key = (donated, places, results)
        run = self.compiled.get(key)
        if run is None:
            run = self._compile(donated, places, (list(results), everywhere))
            self.compiled[key] = run
        return run, arrays

    def memory(self) -> dict[str, int]:
        """What XLA says that the Program of the last run needs on each device, in bytes."""
        found = self.latest.memory_analysis()
        return {
            "arguments": int(found.argument_size_in_bytes),
            "results": int(found.output_size_in_bytes),
            "temporaries": int(found.temp_size_in_bytes),
            "shared": int(found.alias_size_in_bytes),
        }

    def _donated(self, inputs: Sequence[Any], into: Sequence[Any]) -> tuple[int, ...]:
        """The inputs whose memory the outputs may take: those that are handed in for them."""
        found = []
        for k, j in self.replaces.items():
            target = into[k]
            given = sum(x is target for x in inputs)
            if target is not None and target is inputs[j] and given == 1:
                found.append(j)
        return tuple(sorted(found))

    def _failure(self, rows: Any) -> Failure | None:
        if not self.known:
            return None
        found = np.asarray(rows)
        for check, (failed, *details) in zip(self.known, found.tolist()):
            if failed:
                return Failure(check.error, check.message(*details), check.position)
        return None

    def _to_host(
        self, results: list[Any], rows: Any, into: Sequence[Any]
    ) -> tuple[Failure | None, list[Any]]:
        failure = self._failure(rows)
        for result in results:
            result.block_until_ready()
        if failure is not None:
            return failure, []
        outputs = []
        with deferred_interrupts():
            for result, target in zip(results, into):
                if target is None:
                    outputs.append(np.array(result))
                else:
                    np.copyto(target, np.asarray(result))
                    outputs.append(target)
        return None, outputs

    def _on_device(
        self,
        results: list[Any],
        rows: Any,
        inputs: Sequence[Any],
        into: Sequence[Any],
        donated: tuple[int, ...],
    ) -> tuple[Failure | None, list[Any]]:
        with deferred_interrupts():
            failure = self._failure(rows)
            if failure is not None:  # of the donated ones, the content lives on in the results
                for k, j in self.replaces.items():
                    if j in donated:
                        inputs[j].array = results[k]
                return failure, []
            outputs = []
            for result, target in zip(results, into):
                if target is None:
                    target = DeviceBuffer(result)
                else:
                    target.array = result
                outputs.append(target)
        return None, outputs


class XlaEngine:
    """JAX, a Program at a time."""

    name = "xla"

    def compile(self, program: Program, device: str) -> XlaExecutable:
        return XlaExecutable(simplify(program), device)

    def from_host(self, array: np.ndarray[Any, Any], device: str, sharding: Any = None) -> Any:
        """A buffer on the device with the array's content; the array itself for "cpu".

        Args:
            sharding: on a mesh, the name of an axis or None for each dimension.
        """
        if device == "cpu":
            return array
        with jax.enable_x64(True):
            if device.startswith("mesh("):
                place = meshes.sharding_of(meshes.mesh_of(device), sharding or ())
                return DeviceBuffer(meshes.put(array, place))
            target = devices.find(device)
            return DeviceBuffer(jax.device_put(np.asarray(array), target, may_alias=False))

    def to_host(self, buffer: Any) -> np.ndarray[Any, Any]:
        """The content as an array; of a buffer on a device a copy."""
        if type(buffer) is not DeviceBuffer:
            found: np.ndarray[Any, Any] = buffer
            return found
        with jax.enable_x64(True):
            return meshes.whole(buffer.array)

    # Many devices, many hosts

    def from_share(self, array: np.ndarray[Any, Any], device: str, sharding: Any) -> Any:
        """A buffer on a mesh of which each host brings its share of the first dimension."""
        with jax.enable_x64(True):
            place = meshes.sharding_of(meshes.mesh_of(device), sharding)
            return DeviceBuffer(meshes.put_share(array, place))

    def shard(self, buffer: DeviceBuffer, sharding: Any) -> None:
        """Lay the content of a buffer on a mesh anew, in its place."""
        with jax.enable_x64(True):
            now: Any = buffer.array.sharding
            place = meshes.sharding_of(now.mesh, sharding)
            buffer.array = jax.device_put(buffer.array, place)

    def spec(self, buffer: DeviceBuffer) -> tuple[Any, ...]:
        """The name of the axis, or None, for each dimension."""
        lies: Any = buffer.array.sharding
        names = tuple(lies.spec)
        return names + (None,) * (buffer.ndim - len(names))

    def cuts(self, buffer: DeviceBuffer) -> Any:
        """The parts that it lies in: see `meshes.cuts`."""
        return meshes.cuts(buffer.array)

    def bytes_on_devices(self, buffer: DeviceBuffer) -> dict[str, int]:
        """How much of it each device of this machine holds."""
        return meshes.bytes_on_devices(buffer.array)

    connect = staticmethod(hosts.connect)
    meet = staticmethod(hosts.meet)
    leader = staticmethod(hosts.leader)
    process = staticmethod(hosts.process)
    say = staticmethod(hosts.say)
    heard = staticmethod(hosts.heard)

    def check_device(self, device: str) -> None:
        """Raise a DeviceError for one that is not there."""
        meshes.mesh_of(device) if device.startswith("mesh(") else devices.find(device)

    def devices(self) -> list[str]:
        """The names of the devices that it runs on."""
        return devices.names()


ENGINE = XlaEngine()
COMPLETE = all(
    name in table.MEANING
    for name, primitive in PRIMITIVES.items()
    if primitive.kind != "marker" and name not in ("value", "input")
)
