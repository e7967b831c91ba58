"""The reference engine: what each primitive means, as one line of NumPy.

Slow, obvious and right. Every other engine is tested against this table.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradatim.engines import Failure, Stop, deferred_interrupts, special
from gradatim.engines.reference_linalg import LINALG_MEANING
from gradatim.engines.reference_windows import WINDOW_MEANING
from gradatim.graph.errors import DivisionByZero, ElementOutOfRange
from gradatim.graph.node import Node
from gradatim.graph.primitives import PRIMITIVES, Primitive
from gradatim.graph.program import Program
from gradatim.graph.rewrite import simplify
from gradatim.graph.scan import Body

Array = np.ndarray[Any, Any]
Meaning = Callable[..., Any]  # (node, *input arrays) -> array, or a tuple for several results

MEANING: dict[str, Meaning] = {**WINDOW_MEANING, **LINALG_MEANING}


def means(name: str) -> Callable[[Meaning], Meaning]:
    """Register what a primitive computes."""

    def register(function: Meaning) -> Meaning:
        MEANING[name] = function
        return function

    return register


# --- elementwise: float16 and bfloat16 compute in float32 and round once -------------------------

HALF = (2,)  # itemsize of the two


def _elementwise(ufunc: Callable[..., Any]) -> Meaning:
    def run(node: Node, *arrays: Array) -> Any:
        dtype = node.inputs[0].dtype
        if dtype.is_floating_point and dtype.itemsize == 2:
            result = ufunc(*(a.astype(np.float32) for a in arrays))
            return result.astype(node.dtype.numpy)
        return ufunc(*arrays)

    return run


UNARY: dict[str, Callable[..., Any]] = {
    "neg": np.negative,
    "abs": np.abs,
    "sign": special.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "round": np.rint,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0, dtype=x.dtype),
    "erf": special.erf,
    "erfc": special.erfc,
    "erfinv": special.erfinv,
    "lgamma": special.lgamma,
    "digamma": special.digamma,
    "not": np.invert,
}

BINARY: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": special.power,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "atan2": np.arctan2,
    "copysign": np.copysign,
    "nextafter": np.nextafter,
    "gcd": np.gcd,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "shl": special.shift_left,
    "shr": special.shift_right,
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}

for _name, _ufunc in {**UNARY, **BINARY}.items():
    MEANING[_name] = _elementwise(_ufunc)


def _checked_division(ufunc: Callable[..., Any]) -> Meaning:
    run = _elementwise(ufunc)

    def checked(node: Node, a: Array, b: Array) -> Any:
        if node.dtype.is_integer and not np.all(b):
            raise Stop(DivisionByZero, "ZeroDivisionError: integer division or modulo by zero")
        return run(node, a, b)

    return checked


MEANING["floor_divide"] = _checked_division(special.floor_divide)
MEANING["remainder"] = _checked_division(special.remainder)
MEANING["fmod"] = _checked_division(np.fmod)

MEANING["select"] = lambda node, condition, a, b: np.where(condition, a, b)
MEANING["cast"] = lambda node, x: x.astype(node.dtype.numpy)
MEANING["bitcast"] = lambda node, x: np.array(x, order="C").view(node.dtype.numpy)

# --- leaves --------------------------------------------------------------------------------------

MEANING["constant"] = lambda node: np.asarray(node.params[0]).astype(node.dtype.numpy)


@means("iota")
def _iota(node: Node) -> Array:
    (axis,) = node.params
    line = np.arange(node.shape[axis]).astype(node.dtype.numpy)
    column = line.reshape([-1 if k == axis else 1 for k in range(len(node.shape))])
    return np.broadcast_to(column, node.shape)


# --- reductions ----------------------------------------------------------------------------------


def _accumulated(reduce: Callable[..., Any]) -> Meaning:
    def run(node: Node, x: Array) -> Any:
        (axis,) = node.params
        if node.dtype.is_floating_point and node.dtype.itemsize == 2:
            return reduce(x.astype(np.float32), axis=axis).astype(node.dtype.numpy)
        return reduce(x, axis=axis, dtype=x.dtype)

    return run


def _running(accumulate: Callable[..., Any]) -> Meaning:
    wider = {2: np.float32, 4: np.float64}

    def run(node: Node, x: Array) -> Any:
        dtype = wider.get(x.itemsize, x.dtype) if node.dtype.is_floating_point else x.dtype
        return accumulate(x.astype(dtype), axis=node.params[0], dtype=dtype).astype(x.dtype)

    return run


def _running_place(extreme: np.ufunc) -> Meaning:
    def run(node: Node, x: Array) -> Any:
        (axis,) = node.params
        line = np.arange(x.shape[axis]).reshape([-1 if k == axis else 1 for k in range(x.ndim)])
        holds = (x == extreme.accumulate(x, axis=axis)) | (x != x)
        return np.maximum.accumulate(np.where(holds, line, 0), axis=axis)

    return run


def _extreme(reduce: Callable[..., Any]) -> Meaning:
    return lambda node, x: reduce(x, axis=node.params[0])


MEANING["sum"] = _accumulated(np.sum)
MEANING["prod"] = _accumulated(np.prod)
MEANING["cumsum"] = _running(np.cumsum)
MEANING["cumprod"] = _running(np.cumprod)
MEANING["cumargmax"] = _running_place(np.maximum)
MEANING["cumargmin"] = _running_place(np.minimum)
MEANING["max"] = _extreme(np.max)
MEANING["min"] = _extreme(np.min)
MEANING["argmax"] = _extreme(np.argmax)
MEANING["argmin"] = _extreme(np.argmin)

# --- movement ------------------------------------------------------------------------------------

MEANING["reshape"] = lambda node, x: x.reshape(node.shape)
MEANING["permute"] = lambda node, x: x.transpose(node.params[0])
MEANING["expand"] = lambda node, x: np.broadcast_to(x, node.shape)
MEANING["flip"] = lambda node, x: np.flip(x, node.params[0])
MEANING["concatenate"] = lambda node, *xs: np.concatenate(xs, axis=node.params[0])
MEANING["slice"] = lambda node, x: x[tuple(map(slice, *node.params))]


@means("pad")
def _pad(node: Node, x: Array, fill: Array) -> Array:
    low, high = node.params
    x = x[tuple(slice(max(0, -a), max(0, n + min(0, b))) for n, a, b in zip(x.shape, low, high))]
    result = np.full(node.shape, fill, dtype=x.dtype)
    result[tuple(slice(max(0, a), max(0, a) + n) for n, a in zip(x.shape, low))] = x
    return result


def _window(x: Array, starts: Sequence[Array], sizes: Sequence[int], steps: Sequence[int]) -> Any:
    """The slice that starts where it is told, or as near as it fits."""
    window = []
    for n, start, size, step in zip(x.shape, starts, sizes, steps):
        span = (size - 1) * step + 1 if size else 0
        first = min(max(int(start), 0), n - span)
        window.append(slice(first, first + span, step))
    return tuple(window)


@means("dynamic_slice")
def _dynamic_slice(node: Node, x: Array, *starts: Array) -> Any:
    sizes, steps = node.params
    return x[_window(x, starts, sizes, steps)]


@means("update_slice")
def _update_slice(node: Node, x: Array, update: Array, *starts: Array) -> Any:
    result = x.copy()
    result[_window(x, starts, update.shape, node.params[0])] = update
    return result


# --- indexing ------------------------------------------------------------------------------------


def _checked_index(index: Array, size: int, dim: int = 0) -> Array:
    outside = (index < 0) | (index >= size)
    if outside.any():
        bad = int(index[outside].ravel()[0])
        raise Stop(
            ElementOutOfRange, f"index {bad} is out of bounds for dimension {dim} with size {size}"
        )
    return index


MEANING["gather"] = lambda node, x, index: x[_checked_index(index, x.shape[0], *node.params)]


@means("scatter_add")
def _scatter_add(node: Node, x: Array, index: Array, updates: Array) -> Any:
    half = node.dtype.is_floating_point and node.dtype.itemsize == 2
    result = x.astype(np.float32) if half else x.copy()
    np.add.at(result, _checked_index(index, x.shape[0]), updates)
    return result.astype(x.dtype, copy=False)


@means("scatter_set")
def _scatter_set(node: Node, x: Array, index: Array, updates: Array) -> Any:
    result = x.copy()
    result[_checked_index(index, x.shape[0])] = updates
    return result


# --- contraction and sorting ---------------------------------------------------------------------


@means("contract")
def _contract(node: Node, a: Array, b: Array) -> Any:
    a_axes, b_axes, a_batch, b_batch = node.params
    a_free = [k for k in range(a.ndim) if k not in a_axes and k not in a_batch]
    b_free = [k for k in range(b.ndim) if k not in b_axes and k not in b_batch]
    left = a.transpose(*a_batch, *a_free, *a_axes)
    right = b.transpose(*b_batch, *b_axes, *b_free)
    if node.dtype.is_floating_point and node.dtype.itemsize == 2:
        left, right = left.astype(np.float32), right.astype(np.float32)
    if len(a_free) == len(b_free) == len(a_axes) == 1:
        return np.matmul(left, right).astype(node.dtype.numpy, copy=False)
    batch = left.shape[: len(a_batch)]
    inner = int(np.prod([a.shape[k] for k in a_axes], dtype=int))
    rows = int(np.prod([a.shape[k] for k in a_free], dtype=int))
    columns = int(np.prod([b.shape[k] for k in b_free], dtype=int))
    product = np.matmul(left.reshape(*batch, rows, inner), right.reshape(*batch, inner, columns))
    return product.reshape(node.shape).astype(node.dtype.numpy, copy=False)


@means("sort")
def _sort(node: Node, x: Array) -> Any:
    axis, descending = node.params
    if x.ndim == 0:
        return x, np.zeros((), np.int64)
    key = x.astype(np.float32) if x.dtype.kind == "V" else x  # bfloat16: NumPy knows no NaN in it
    if descending:  # stable: sort backwards what was turned around, and turn it around again
        places = np.flip(np.argsort(np.flip(key, axis), axis=axis, kind="stable"), axis)
        places = x.shape[axis] - 1 - places
    else:
        places = np.argsort(key, axis=axis, kind="stable")
    return np.take_along_axis(x, places, axis), places


MEANING["pick"] = lambda node, results: results[node.params[0]]

# --- loops ---------------------------------------------------------------------------------------


class _Step:
    """The Nodes of a scan's body, to be run one after the other."""

    def __init__(self, body: Body):
        nodes = body.nodes
        slot = {node: k for k, node in enumerate(nodes)}
        self.slots = len(nodes)
        self.outputs = [slot[node] for node in body.outputs]
        self.steps = [
            (MEANING[node.primitive.name], node, [slot[n] for n in node.inputs], k)
            for k, node in enumerate(nodes)
            if k >= len(body.inputs)
        ]

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        values: list[Any] = [*inputs, *[None] * (self.slots - len(inputs))]
        for run, node, reads, k in self.steps:
            result = run(node, *[values[j] for j in reads])
            values[k] = result if type(result) in (np.ndarray, tuple) else np.asarray(result)
        return [values[k] for k in self.outputs]


_step = functools.lru_cache(maxsize=256)(_Step)


@means("scan")
def _scan(node: Node, *arrays: Array) -> Any:
    body, n_carries, n_sequences, length, reverse = node.params
    step = _step(body)
    carries = list(arrays[:n_carries])
    sequences = arrays[n_carries : n_carries + n_sequences]
    constants = arrays[n_carries + n_sequences :]
    stacked = [
        np.empty(shape, dtype.numpy)
        for shape, dtype in zip(node.shape[n_carries:], node.dtype[n_carries:])
    ]
    for t in reversed(range(length)) if reverse else range(length):
        results = step([*carries, *(x[t] for x in sequences), *constants])
        carries = results[:n_carries]
        for y, result in zip(stacked, results[n_carries:]):
            y[t] = result
    return *carries, *stacked


# --- the engine ----------------------------------------------------------------------------------


# The results of these are new memory, which no other value shares.
_VIEWS = ("movement", "marker", "pick", "leaf", "sort")


def _is_fresh(primitive: Primitive) -> bool:
    return primitive.kind not in _VIEWS or primitive.name in ("pad", "concatenate", "update_slice")


class ReferenceExecutable:
    """Runs the Nodes of a Program one after the other."""

    def __init__(self, program: Program):
        self.program = program
        nodes = program.nodes
        slot = {node: k for k, node in enumerate(nodes)}
        self.outputs = [slot[node] for node in program.outputs]
        self.slots = len(nodes)
        last_use = {slot[n]: k for k, node in enumerate(nodes) for n in node.inputs}
        for k in self.outputs:
            last_use.pop(k, None)
        ends: dict[int, list[int]] = {}
        for value, reader in last_use.items():
            ends.setdefault(reader, []).append(value)
        self.steps = [
            (MEANING[node.primitive.name], node, [slot[n] for n in node.inputs], k, ends.get(k, []))
            for k, node in enumerate(nodes)
            if k >= len(program.inputs)
        ]
        seen: set[int] = set()
        self.copied = []  # outputs that would share memory otherwise
        for k in self.outputs:
            self.copied.append(k in seen or not _is_fresh(nodes[k].primitive))
            seen.add(k)

    def __call__(
        self, inputs: Sequence[Array], into: Sequence[Array | None]
    ) -> tuple[Failure | None, list[Array]]:
        values: list[Any] = [*inputs, *[None] * (self.slots - len(inputs))]
        with np.errstate(all="ignore"):
            for run, node, reads, k, ends in self.steps:
                try:
                    result = run(node, *[values[j] for j in reads])
                except Stop as stop:
                    position = node.site[1] if node.site else None
                    return Failure(stop.error, str(stop), position), []
                values[k] = result if type(result) in (np.ndarray, tuple) else np.asarray(result)
                for j in ends:
                    values[j] = None
        for k, copied, target in zip(self.outputs, self.copied, into):
            if copied and target is not None:  # it may lie in memory that is about to be written
                values[k] = np.array(values[k])
        results = []
        for k, copied, target in zip(self.outputs, self.copied, into):
            array = values[k]
            if target is not None:
                results.append(target)
            elif copied or not array.flags.c_contiguous:
                results.append(np.array(array, order="C"))
            else:
                results.append(array)
        given = [(target, values[k]) for k, target in zip(self.outputs, into) if target is not None]
        if given:  # every value has been read by now
            with deferred_interrupts():
                for target, value in given:
                    np.copyto(target, value)
        return None, results


class ReferenceEngine:
    """NumPy, one primitive at a time."""

    name = "reference"

    def compile(self, program: Program, device: str) -> ReferenceExecutable:
        return ReferenceExecutable(simplify(program))

    def from_host(self, array: Array, device: str, sharding: Any = None) -> Array:
        return array

    def to_host(self, buffer: Array) -> Array:
        return buffer


ENGINE = ReferenceEngine()
COMPLETE = all(
    name in MEANING
    for name, primitive in PRIMITIVES.items()
    if primitive.kind != "marker" and name not in ("value", "input")
)
