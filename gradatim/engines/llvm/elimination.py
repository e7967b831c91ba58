"""Elimination: linear systems, inverses and determinants of matrices that fit in a cache.

Each matrix stands in memory of its own, padded to whole panels, the right-hand side beside it:

    [ A 0 | B ]        rows: a multiple of PANEL, with ones on the diagonal behind A
    [ 0 1 | 0 ]        both parts begin at a whole vector

Gauss's elimination with the largest pivot of each column goes over both, a panel of columns at a
time, so that each row is read and written once for PANEL steps. What is left of B is then solved
from below. One piece is one matrix: results have the same bits whichever thread does what.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from gradatim.engines.llvm.kernels import TEMPORARY, Launch, Storage, View, contiguous
from gradatim.graph import dtypes
from gradatim.graph.dtypes import DType
from gradatim.graph.node import Node

PANEL = 4
LARGEST = 512  # rows from which on LAPACK's blocks pay
ALIGNED = 16  # elements: both parts of a row begin at a multiple
NAMES = ("solve", "inv", "det", "slogdet", "triangular_solve")


@dataclass(frozen=True, slots=True)
class Elimination:
    """`how` is one of NAMES. Pointers: the padded matrices, then what there is beside a solution
    (which is left in B's place): `info` (int32) of "solve" and "inv", the determinants, or their
    signs and the logarithms of their sizes.

    Attributes:
        count: of matrices.
        rows: of a matrix.
        columns: of its right-hand side.
        unit: whether the diagonal of a triangle is all ones.
    """

    how: str
    dtype: DType
    count: int
    rows: int
    columns: int
    unit: bool = False

    @property
    def padded(self) -> int:
        return -(-self.rows // PANEL) * PANEL

    @property
    def beside(self) -> int:
        """Where in a row the right-hand side begins."""
        return -(-self.padded // ALIGNED) * ALIGNED

    @property
    def length(self) -> int:
        return self.beside + -(-self.columns // ALIGNED) * ALIGNED

    @property
    def results(self) -> int:
        return {"slogdet": 2, "triangular_solve": 0}.get(self.how, 1)

    def __repr__(self) -> str:
        beside = f", {self.columns} beside" * bool(self.columns)
        return f"{self.how} {self.dtype.name} {self.count} x {self.rows} x {self.rows}{beside}"


@dataclass(frozen=True, slots=True)
class Singular:
    """Fails for the first matrix whose `info` is not 0. Pointers: info.

    Attributes:
        name: of the function, for the error; `batched` says whether that names the matrix.
    """

    name: str
    batched: bool
    count: int

    def __repr__(self) -> str:
        return f"whether one of {self.count} matrices is singular"


def can_eliminate(node: Node) -> bool:
    """Whether a Node of this kind is done here."""
    a = node.inputs[0]
    return (
        node.primitive.name in NAMES
        and a.dtype in (dtypes.float32, dtypes.float64)
        and 0 < a.shape[-1] <= LARGEST
        and all(0 not in n.shape for n in node.inputs)
    )


def schedule_elimination(scheduler: Any, node: Node) -> None:
    """Append the launches of a Node for which `can_eliminate` holds."""
    how, source = node.primitive.name, node.inputs[0]
    *batch, n, _ = source.shape
    a = scheduler.view(source)
    b = scheduler.view(node.inputs[1]) if len(node.inputs) > 1 else None
    columns = b.shape[-1] if b is not None else n if how == "inv" else 0
    upper, unit = node.params if how == "triangular_solve" else (True, False)
    both, rows = (len(batch), len(batch) + 1), (len(batch),)
    if not upper and b is not None:  # a lower triangle is an upper one from behind
        a, b = a.flip(both), b.flip(rows)
    code = Elimination(how, source.dtype, math.prod(batch), n, columns, bool(unit))
    shape = (*batch, code.padded, code.length)
    whole = View(
        Storage(TEMPORARY, source.dtype, math.prod(shape)), shape, contiguous(shape)
    )  # fmt: skip
    scheduler._copy(a, _part(whole, n, 0, n), node)
    if b is not None:
        scheduler._copy(b, _part(whole, n, code.beside, columns), node)
    picks = {k: t for t in _results(scheduler.program, node) for k in t.params[:1]}
    solution: Node | None = node
    said: list[Any] = [dtypes.int32]
    if how in ("solve", "inv"):
        solution, wanted = picks.get(0), [picks.get(1)]
    elif how == "triangular_solve":
        wanted, said = [], []
    else:
        solution = None
        wanted = [picks.get(k) for k in range(2)] if how == "slogdet" else [node]
        said = [source.dtype] * len(wanted)
    views = []
    for target, dtype in zip(wanted, said):
        line = Storage(TEMPORARY, dtype, code.count)
        views.append(
            View(line, tuple(batch), contiguous(tuple(batch)))
            if target is None
            else View(scheduler._storage_of(target), tuple(batch), contiguous(tuple(batch)))
        )
    written = [whole.storage, *(view.storage for view in views)]
    done = [t for t in (solution, *wanted) if t is not None]
    scheduler.launches.append(Launch(code, [whole, *views], written, done))
    name = node.params[0] if how in ("solve", "inv") else None
    if name is not None:
        check = Singular(name, bool(batch), code.count)
        scheduler.launches.append(Launch(check, views, [], [node], node))
    if solution is not None:
        found = _part(whole, n, code.beside, columns)
        into = View(
            scheduler._storage_of(solution), solution.shape, contiguous(solution.shape)
        )  # fmt: skip
        scheduler._copy(found if upper else found.flip(rows), into, solution)


def _part(whole: View, rows: int, start: int, columns: int) -> View:
    """Some columns of the first rows of every padded matrix."""
    *batch, _, _ = whole.shape
    lead = (0,) * len(batch)
    return whole.slice((*lead, 0, start), (*batch, rows, start + columns), (1,) * (len(batch) + 2))


def _results(program: Any, node: Node) -> list[Node]:
    return [n for n in program.nodes if n.primitive.name == "pick" and n.inputs[0] is node]
