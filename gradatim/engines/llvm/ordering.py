"""Ordering: an order of the launches in which failing and writing over inputs are safe."""

from __future__ import annotations

from collections.abc import Sequence

from gradatim.engines.llvm.fusion import Unit
from gradatim.engines.llvm.kernels import (
    INPUT,
    TEMPORARY,
    Contraction,
    Host,
    Launch,
    LoopNest,
    Storage,
    View,
    copy,
)
from gradatim.graph.program import Program


def _in_order(units: Sequence[Unit]) -> list[Unit]:
    """Units before those that read them, otherwise as they came."""
    order: list[Unit] = []
    done: set[Unit] = set()
    begun: set[Unit] = set()
    for first in sorted(units, key=lambda u: u.first):
        stack = [first]
        while stack:
            unit = stack[-1]
            if unit in done:
                stack.pop()
                continue
            waiting = sorted((u for u in unit.before if u not in done), key=lambda u: -u.first)
            if waiting:
                begun.add(unit)
                assert begun.isdisjoint(waiting), f"kernels that wait for each other: {unit}"
                stack.extend(waiting)
                continue
            done.add(unit)
            begun.discard(unit)
            order.append(stack.pop())
    return order


class _Order:
    """Finds an order of the launches in which writing outputs is safe.

    Whatever may fail comes first, with all that it needs; an output that is written among those is
    computed in memory of its own and copied at the end. So is one that takes over an input which
    somebody must read later.
    """

    def __init__(self, program: Program, launches: list[Launch], outputs: list[Storage]):
        self.program = program
        self.launches = launches
        self.outputs = outputs
        self.after: list[set[int]] = [set() for _ in launches]  # what each launch must wait for
        self.before: list[int] = []  # the same, and what those wait for: a set of bits
        self.commits: list[Launch] = []

    def run(self) -> list[Launch]:
        writers: dict[Storage, list[int]] = {}
        place = {id(launch): k for k, launch in enumerate(self.launches)}
        for k, launch in enumerate(self.launches):
            if launch.checked is not None:
                self.after[k].add(place[id(launch.checked)])
            for storage in launch.reads:
                self.after[k].update(writers.get(storage, ()))
            for storage in launch.writes:
                self.after[k].update(w for w in writers.get(storage, ()) if w != k)
                writers.setdefault(storage, []).append(k)
            self.after[k].discard(k)
            self.before.append(0)
            for j in self.after[k]:
                self.before[k] |= self.before[j] | 1 << j
        early = 0  # what may fail and what that needs
        for k, launch in enumerate(self.launches):
            if launch.node is not None or isinstance(launch.code, Host):
                early |= self.before[k] | 1 << k
        replaced = dict(self.program.replaces)
        readers: dict[int, list[int]] = {source: [] for source in replaced.values()}
        for k, launch in enumerate(self.launches):
            for place_ in {s.position for s in launch.reads if s.kind == INPUT}:
                if place_ in readers:
                    readers[place_].append(k)
        for position, storage in enumerate(self.outputs):
            mine = writers.get(storage, [])
            source = replaced.get(position)
            if any(early >> w & 1 for w in mine) or (
                source is not None
                and not self._write_in_place(storage, source, mine, readers[source])
            ):
                self._write_later(storage)
        order = self._sorted()
        first = [k for k in order if early >> k & 1]
        rest = [k for k in order if not early >> k & 1]
        return [*(self.launches[k] for k in (*first, *rest)), *self.commits]

    def _write_in_place(
        self, storage: Storage, source: int, writers: list[int], readers: list[int]
    ) -> bool:
        """Let the writers of an output wait for the readers of the input that it takes over, if
        none of these waits for one of those."""
        edges = []
        for w in writers:
            for r in readers:
                if r != w:
                    edges.append((r, w))
                elif not _same_places(self.launches[w], storage, source) or len(writers) > 1:
                    return False
        if any(self.before[r] >> w & 1 for r, w in edges):
            return False
        for w in writers:
            added = 0
            for r in readers:
                if r != w and not self.before[w] >> r & 1:
                    self.after[w].add(r)
                    added |= self.before[r] | 1 << r
            if added:
                for k, before in enumerate(self.before):
                    if k == w or before >> w & 1:
                        self.before[k] |= added
        return True

    def _write_later(self, storage: Storage) -> None:
        """Compute in memory of its own, and copy when everything else is done."""
        temporary = Storage(TEMPORARY, storage.dtype, storage.size)
        for launch in self.launches:
            if storage not in launch.reads:
                continue
            launch.pointers = [
                View(temporary, v.shape, v.strides, v.offset) if v.storage is storage else v
                for v in launch.pointers
            ]
            launch.writes = [temporary if s is storage else s for s in launch.writes]
        node = self.program.outputs[storage.position]
        line = (storage.size,)
        self.commits.append(copy(View(temporary, line, (1,)), View(storage, line, (1,)), node))

    def _sorted(self) -> list[int]:
        order: list[int] = []
        done: set[int] = set()
        for first in range(len(self.launches)):
            stack = [first]
            while stack:
                k = stack[-1]
                if k in done:
                    stack.pop()
                    continue
                waiting = sorted((j for j in self.after[k] if j not in done), reverse=True)
                if waiting:
                    stack.extend(waiting)
                    continue
                done.add(k)
                order.append(stack.pop())
        return order


def _same_places(launch: Launch, storage: Storage, source: int) -> bool:
    """Whether a launch that reads an input and writes over it does both at the same places, point
    by point."""
    code = launch.code
    if isinstance(code, LoopNest):
        first = 0
        if code.reduced or code.scalars:
            return False
    elif isinstance(code, Contraction):
        first = 2  # the operands of the product are read by other points
    else:
        return False
    target = next(v for v in launch.pointers if v.storage is storage)
    for k, view in enumerate(launch.pointers):
        if view.storage.kind == INPUT and view.storage.position == source:
            if k < first:
                return False
            moves = [(a, b) for n, a, b in zip(view.shape, view.strides, target.strides) if n != 1]
            if view.shape != target.shape or any(a != b for a, b in moves) or view.offset:
                return False
    return True
