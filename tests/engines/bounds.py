"""Smooth evaluation: the value of each Node in float64, and how far an engine may be from it.

The bound is a running error bound (Higham, *Accuracy and Stability of Numerical Algorithms*,
3.3): each element of each Node carries the largest error that a correct engine can have made so
far, and a Node's error is what its inputs' errors become in it plus its own rounding.

- For what is a sum of products with coefficients 0 and 1 (sums, contractions, add, mul ...), with
  M the primitive itself, `|M(a + da, b + db) - M(a, b)| <= M(|a| + ea, |b| + eb) - M(|a|, |b|)`,
  and a sum of n terms in any order rounds by at most `n u M(|a| + ea, |b| + eb)`.
- For a function of single elements, the error is how much it changes when the inputs are moved by
  their errors, up and down; then come its own ulps (`ULPS`: what an engine promises).
- Movement moves the errors; extremes take the largest; a comparison of two values nearer to each
  other than their errors may come out either way: its error is 1.

u is the unit roundoff of the Node's dtype plus that of float64, in which the yardstick itself is
computed. An infinite error says that the element is not determined at all (near an overflow, or
where a jump may have gone either way). Where the error is finite, an infinity or a NaN of the
float64 value must be found exactly there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradatim.graph.node import Node
from tests.engines.exact import Reject, multiplies_padding
from tests.engines.meaning import is_float, run, run_wide, wide
from tests.engines.unroll import stacked, unroll

FLOAT64 = 2.0**-53
UNIT = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": FLOAT64}
LARGEST = {"float16": 65504.0, "bfloat16": 3.38e38, "float32": 3.4e38, "float64": 1.79e308}
# Results below the normal range are rounded to a multiple of the smallest denormal.
SMALLEST = {"float16": 2.0**-24, "bfloat16": 2.0**-133, "float32": 2.0**-149, "float64": 5e-324}

# In units in the last place. IEEE's own operations are correctly rounded (half an ulp); the vector
# functions promise 2; what falls back to a C library or the reference engine's series gets 4
# (NumPy's float32 sigmoid, three roundings after an exp, as well).
ULPS = (
    dict.fromkeys(
        ["exp", "log", "expm1", "log1p", "tanh", "erf", "sin", "cos", "pow", "rsqrt"], 2.0
    )
    | {"nextafter": 1.0}
    | dict.fromkeys(
        [
            "exp2",
            "log2",
            "log10",
            "tan",
            "asin",
            "acos",
            "atan",
            "sinh",
            "cosh",
            "asinh",
            "acosh",
            "atanh",
            "sigmoid",
            "erfinv",
            "lgamma",
            "digamma",
            "atan2",
        ],
        4.0,
    )
    | {"erfc": 5.0}
)

# What engines promise less of. XLA divides by what is broadcast by multiplying with its reciprocal,
# which rounds twice (1.5 ulps); its float32 tanh is a rational function of 4 to 5 ulps; its expm1,
# erfc, atanh, lgamma and digamma are made of other functions; and on processors it takes numbers
# below the normal range for 0. To all else it is held as every engine is.
LESS: dict[str, dict[str, float]] = {
    "xla": {"div": 1.5, "tanh": 6.0, "expm1": 4.0, "erfc": 8.0, "atanh": 16.0, "lgamma": 16.0}
}
FLUSHES = ("xla",)
_promised = dict(ULPS)
flushes = False


def promise(engine: str) -> None:
    """Draw programs for this engine from now on: with its ulps."""
    global flushes
    ULPS.clear()
    ULPS.update(_promised | LESS.get(engine, {}))
    flushes = engine in FLUSHES


# 1 / (1 + exp(-x)) is 0 as soon as exp overflows, where the sigmoid itself is a denormal number.
NORMAL = {"float16": 2.0**-14, "bfloat16": 2.0**-126, "float32": 2.0**-126, "float64": 2.0**-1022}


@dataclass(slots=True)
class Bounded:
    """A Node's value in float64 (integers as they are) and the error allowed, element by element.

    Both are tuples for a Node with several results.
    """

    array: Any
    error: Any


Rule = Callable[[Node, Sequence[Bounded]], Bounded]


def rounded(node: Node, value: Any, error: Any, ulps: float = 0.5) -> Bounded:
    """The bound after the result has been rounded to the Node's dtype as well."""
    name = node.dtype.name
    if node.dtype.itemsize == 2:  # computed in float32 and rounded once
        own = UNIT[name] + 2 * ulps * UNIT["float32"]
    else:
        own = 2 * ulps * UNIT[name]
    with np.errstate(all="ignore"):
        finite = np.isfinite(value)
        size = np.where(finite, np.abs(value), 0.0) + error
        error = error + (own + 2 * ulps * FLOAT64) * size + 2 * SMALLEST[name]
        error = np.where(finite & (size + error >= LARGEST[name]), np.inf, error)
    return Bounded(value, error)


def _difference(a: Any, b: Any) -> Any:
    """|a - b|, where equal infinities and two NaNs are no difference."""
    gap = np.abs(a - b)
    return np.where(
        (a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.where(np.isnan(gap), np.inf, gap)
    )


def elementwise(node: Node, inputs: Sequence[Bounded]) -> Bounded:
    """A function of single elements, moved by the error of each input."""
    values = [x.array for x in inputs]
    value = run_wide(node, *values)
    if not node.dtype.is_floating_point:
        return _integers(node, inputs, value)
    error: Any = np.zeros(node.shape)
    with np.errstate(all="ignore"):
        moved = [
            (x.array + x.error, x.array - x.error) if np.any(x.error) else (x.array,)
            for x in inputs
        ]
        if any(len(ends) > 1 for ends in moved):
            for corner in itertools.product(*moved):
                error = np.maximum(error, _difference(run_wide(node, *corner), value))
            extra = NOT_MONOTONE.get(node.primitive.name)
            if extra is not None:
                error = np.maximum(error, extra(error, *inputs))
        for x in inputs:  # what is not determined stays so
            error = np.where(np.isinf(x.error), np.inf, error)
        if node.primitive.name == "copysign":  # the sign of a NaN is open
            error = np.where(np.isnan(values[1]), np.inf, error)
        if node.primitive.name == "sigmoid":
            error = error + NORMAL[node.dtype.name]
        if node.primitive.name == "lgamma":  # around 1 and 2 terms of about 1 cancel
            error = error + (32 if flushes else 8) * FLOAT64
        if node.primitive.name == "digamma" and flushes:
            error = error + 8 * FLOAT64
        if node.primitive.name == "remainder":  # a result just below b may become b itself
            error = error + 2 * UNIT[node.dtype.name] * np.abs(values[1])
    return rounded(node, value, error, ULPS.get(node.primitive.name, 0.5))


def _waves(error: Any, x: Bounded) -> Any:
    """sin, cos: at most e steep, and near a peak the ends say nothing of it."""
    return np.minimum(error + x.error * x.error, np.minimum(x.error, 2.0))


def _saw(error: Any, a: Bounded, b: Bounded) -> Any:
    """remainder, fmod: linear up to a jump by b; between the ends there may be one."""
    height = np.abs(b.array) + b.error
    reach = a.error + (np.abs(a.array) + a.error) / np.abs(b.array) * b.error
    return np.where((error > height / 4) | (reach > height / 4), 2 * height, error)


def _between_poles(error: Any, x: Bounded) -> Any:
    """tan: undetermined across a pole."""
    branch = [np.floor(end / np.pi - 0.5) for end in (x.array - x.error, x.array + x.error)]
    return np.where(branch[0] != branch[1], np.inf, error)


def _right_of_poles(error: Any, x: Bounded) -> Any:
    """lgamma, digamma: from 0 to the left there is a pole at every integer, and a valley between
    two of them."""
    low, high = x.array - x.error, x.array + x.error
    pole = (x.error > 0) & (np.ceil(low) <= np.minimum(np.floor(high), 0))
    return np.where(pole | (low <= 0) & (x.error > 1e-3), np.inf, error)


def _over_zero(error: Any, a: Bounded, b: Bounded) -> Any:
    """div: unbounded where the divisor may be 0."""
    return np.where((b.error > 0) & (np.abs(b.array) <= b.error), np.inf, error)


def _real_powers(error: Any, a: Bounded, b: Bounded) -> Any:
    """pow: a negative base has a power only at whole exponents."""
    return np.where((a.array - a.error < 0) & (b.error > 0), np.inf, error)


# What the ends of an interval do not bound: how much more the function may move in between.
NOT_MONOTONE: dict[str, Callable[..., Any]] = {
    "sin": _waves, "cos": _waves, "tan": _between_poles, "remainder": _saw, "fmod": _saw,
    "div": _over_zero, "floor_divide": _over_zero, "pow": _real_powers,
    "lgamma": _right_of_poles, "digamma": _right_of_poles,
}  # fmt: skip


def _integers(node: Node, inputs: Sequence[Bounded], value: Any) -> Bounded:
    """Integer operations are exact; on something undetermined they are undetermined."""
    error: Any = np.zeros(node.shape)
    for x in inputs:
        if np.any(x.error):
            error = error + np.where(x.error > 0, np.inf, 0.0)
    if node.dtype.name == "bool":
        error = np.minimum(error, 1.0)
    return Bounded(value, error)


def comparison(node: Node, inputs: Sequence[Bounded]) -> Bounded:
    a, b = inputs
    value = run_wide(node, a.array, b.array)
    with np.errstate(all="ignore"):
        both = a.error + b.error
        if is_float(a.array):
            near = (np.abs(a.array - b.array) <= both) & (both > 0) | np.isinf(both)
        else:
            near = both > 0
    return Bounded(value, np.broadcast_to(near, node.shape).astype(np.float64))


def selection(node: Node, inputs: Sequence[Bounded]) -> Bounded:
    condition, a, b = inputs
    value = run_wide(node, condition.array, a.array, b.array)
    error = np.where(condition.array, a.error, b.error)
    if np.any(condition.error):
        with np.errstate(all="ignore"):
            if is_float(a.array):
                either = _difference(a.array, b.array) + a.error + b.error
            else:
                either = np.where((a.array != b.array) | (a.error + b.error > 0), np.inf, 0.0)
        error = np.where(condition.error > 0, either, error)
    return Bounded(value, np.broadcast_to(error, node.shape))


def cast(node: Node, inputs: Sequence[Bounded]) -> Bounded:
    (x,) = inputs
    value = run_wide(node, x.array)
    if node.dtype.is_floating_point:
        return rounded(node, value, x.error)
    if not is_float(x.array):
        return _integers(node, inputs, value)
    if node.dtype.name == "bool":
        near = (np.abs(x.array) <= x.error) & (x.error > 0)
        return Bounded(value, near.astype(np.float64))
    info = np.iinfo(node.dtype.numpy)
    with np.errstate(all="ignore"):
        low, high = np.floor(x.array - x.error), np.ceil(x.array + x.error)
        inside = (low >= float(info.min)) & (high < float(info.max))
        jumps = np.trunc(x.array - x.error) != np.trunc(x.array + x.error)
    return Bounded(value, np.where(inside & ~jumps, 0.0, np.inf))


# Which inputs hold data; the others are indices.
DATA = {
    "dynamic_slice": (0,),
    "update_slice": (0, 1),
    "gather": (0,),
    "scatter_add": (0, 2),
    "scatter_set": (0, 2),
    "window_gather": (0,),
    "window_scatter": (0,),
}


def _data(node: Node) -> Sequence[int]:
    return DATA.get(node.primitive.name, range(len(node.inputs)))


def _undetermined(node: Node, inputs: Sequence[Bounded]) -> bool:
    """Whether an index is not known."""
    data = _data(node)
    return any(np.any(x.error) for k, x in enumerate(inputs) if k not in data)


def movement(node: Node, inputs: Sequence[Bounded]) -> Bounded:
    data = _data(node)
    value = run_wide(node, *[x.array for x in inputs])
    if _undetermined(node, inputs):
        return Bounded(value, np.full(node.shape, np.inf))
    error = run(node, *[x.error if k in data else x.array for k, x in enumerate(inputs)])
    return Bounded(value, error)


def _terms(node: Node) -> int:
    """How many terms one element of the result adds up (or multiplies)."""
    x = node.inputs[0]
    name = node.primitive.name
    if name in ("sum", "prod"):
        return math.prod(x.shape[k] for k in node.params[0])
    if name in ("cumsum", "cumprod"):
        return int(x.shape[node.params[0]]) if x.shape else 1
    if name == "contract":
        return math.prod(x.shape[k] for k in node.params[0])
    if name == "scatter_add":
        return node.inputs[1].size + 1
    if name in ("convolve", "convolve_input"):
        return math.prod(node.inputs[1].shape) // max(node.shape[1], 1) or 1
    if name == "convolve_kernel":
        return x.shape[0] * math.prod(node.inputs[1].shape[2:])
    if name in ("window_sum", "window_spread"):
        return math.prod(node.params[0])
    if name == "window_scatter":
        return math.prod(x.shape[x.ndim - len(node.params[0]) :])
    return 0


def sum_of_products(node: Node, inputs: Sequence[Bounded]) -> Bounded:
    """Anything made of sums and products (see the head of this file)."""
    data = _data(node)
    values = [x.array for x in inputs]
    value = run_wide(node, *values)
    if not node.dtype.is_floating_point:
        unknown = any(np.any(x.error) for x in inputs)
        if unknown and node.primitive.kind == "binary":
            return _integers(node, inputs, value)
        return Bounded(value, np.full(node.shape, np.inf if unknown else 0.0))
    if _undetermined(node, inputs) or multiplies_padding(node, values):
        return Bounded(value, np.full(node.shape, np.inf))
    name = node.primitive.name
    positive = np.add if name == "sub" else lambda *arrays: run_wide(node, *arrays)
    sizes, grown, unknown = list(values), list(values), list(values)
    with np.errstate(all="ignore"):
        for k in data:
            x = inputs[k]
            sizes[k] = np.where(np.isfinite(x.array), np.abs(x.array), 1.0)
            unknown[k] = np.isinf(x.error).astype(np.float64)
            grown[k] = sizes[k] + np.where(unknown[k], 0.0, x.error)
        most = positive(*grown)
        if any(np.any(inputs[k].error) for k in data):
            error = np.maximum(most - positive(*sizes), 0.0)
        else:
            error = np.zeros(node.shape)
        # An infinity or a NaN made from something that is not exact may be another one.
        error = np.where(np.isfinite(value) | (error == 0), error, np.inf)
        inside = "float32" if node.dtype.itemsize == 2 else node.dtype.name  # accumulated in
        terms = 1.02 * _terms(node)
        # Partial products come in any order, and may be larger or smaller than all of it.
        peak = positive(np.maximum(grown[0], 1.0)) if name in ("prod", "cumprod") else most
        error = error + terms * (UNIT[inside] + FLOAT64) * most
        error = error + terms * SMALLEST[inside] * np.maximum(peak, 1.0)
        error = np.where(peak >= LARGEST[inside], np.inf, error)
        if any(np.any(unknown[k]) for k in data):
            error = np.where(_reached(node, unknown, data) > 0, np.inf, error)
    return rounded(node, value, np.where(np.isnan(error), np.inf, error))


def _reached(node: Node, unknown: Sequence[Any], data: Sequence[int]) -> Any:
    """Positive where a result reads something undetermined (1 in `unknown`)."""
    if node.primitive.kind == "binary":
        return sum(np.broadcast_to(x, node.shape) for x in unknown)
    if node.primitive.name == "prod":
        return np.max(unknown[0], axis=node.params[0], initial=0.0)
    if node.primitive.name == "cumprod":
        return np.maximum.accumulate(unknown[0], axis=node.params[0])
    if node.primitive.name in MULTIPLIES:
        a, b = unknown
        return run_wide(node, a, np.ones_like(b)) + run_wide(node, np.ones_like(a), b)
    return run_wide(node, *unknown)


MULTIPLIES = ("contract", "convolve", "convolve_input", "convolve_kernel")


def extreme(node: Node, inputs: Sequence[Bounded]) -> Bounded:
    """max, min: none moves by more than the largest error."""
    (x,) = inputs
    value = run_wide(node, x.array)
    return Bounded(value, np.max(x.error, axis=node.params[0], initial=0.0))


def places(node: Node, inputs: Sequence[Bounded]) -> Bounded:
    """argmax, argmin: known where nothing on the line can move."""
    (x,) = inputs
    moved = np.max(x.error, axis=node.params[0], initial=0.0)
    return Bounded(run_wide(node, x.array), np.where(moved > 0, np.inf, 0.0))


def window_places(node: Node, inputs: Sequence[Bounded]) -> Bounded:
    """window_argmax, permutation: known where nothing can move."""
    (x,) = inputs
    error = np.inf if np.any(x.error) else 0.0
    return Bounded(run_wide(node, x.array), np.full(node.shape, error))


def sorting(node: Node, inputs: Sequence[Bounded]) -> Bounded:
    """No sorted value moves by more than the largest error on its line."""
    (x,) = inputs
    value = run_wide(node, x.array)
    if not node.shape[0]:
        return Bounded(value, (x.error, np.where(x.error > 0, np.inf, 0.0)))
    moved = np.max(x.error, axis=node.params[0], keepdims=True, initial=0.0)
    moved = np.broadcast_to(moved, node.shape[0])
    return Bounded(value, (moved, np.where(moved > 0, np.inf, 0.0)))


def fresh(node: Node, inputs: Sequence[Bounded]) -> Bounded:
    value = wide(run(node))
    return Bounded(value, np.zeros(node.shape))


def bits(node: Node, inputs: Sequence[Bounded]) -> Bounded:
    (x,) = inputs
    if is_float(x.array) or node.dtype.is_floating_point:
        raise Reject("bits of a rounded value")
    return _integers(node, inputs, run(node, x.array))


def looping(node: Node, inputs: Sequence[Bounded]) -> Bounded:
    """A scan, step by step."""

    def part(x: Bounded, place: int) -> Bounded:
        return Bounded(np.asarray(x.array[place]), np.asarray(x.error[place]))

    carries, *results = unroll(node, inputs, evaluate, leaf, part)
    arrays, errors = [x.array for x in carries], [x.error for x in carries]
    for k, steps in enumerate(results, len(carries)):
        dtype = np.float64 if node.dtype[k].is_floating_point else node.dtype[k].numpy
        arrays.append(stacked([x.array for x in steps], node.shape[k], dtype))
        errors.append(stacked([x.error for x in steps], node.shape[k], np.float64))
    return Bounded(tuple(arrays), tuple(errors))


def matrices(node: Node, inputs: Sequence[Bounded]) -> Bounded:
    """Linear algebra on exact matrices: a stable algorithm is off by a small multiple of n u times
    the condition of the matrix, in units of the largest element of its result."""
    if any(np.any(x.error) or not np.all(np.isfinite(wide(x.array))) for x in inputs):
        raise Reject("a matrix that is not exact")
    a = inputs[0].array
    found = run_wide(node, *[x.array for x in inputs])
    largest = max(a.shape[-2:], default=0)
    condition = 1.0
    if a.size and node.primitive.name != "matrix_exp":
        condition = float(np.linalg.cond(a).max())
    several = isinstance(found, tuple)
    values, kinds = (found, node.dtype) if several else ((found,), (node.dtype,))
    errors = []
    for value, dtype in zip(values, kinds):
        error = 0.0
        if dtype.is_floating_point:
            size = float(np.abs(value).max(initial=0.0))
            unit = UNIT[dtype.name] + FLOAT64
            error = 8 * largest * unit * condition * size + 2 * SMALLEST[dtype.name]
        errors.append(np.full(value.shape, error))
    return Bounded(tuple(values), tuple(errors)) if several else Bounded(found, errors[0])


_RULES: dict[Rule, str] = {
    matrices: "cholesky lu ldl ldl_solve qr geqrf svdvals eigvalsh inv solve triangular_solve pinv"
    " det slogdet cofactors matrix_exp",
    fresh: "constant iota",
    comparison: "eq ne lt le gt ge",
    selection: "select",
    cast: "cast",
    bits: "bitcast",
    movement: "reshape permute expand pad slice dynamic_slice update_slice flip concatenate gather"
    " scatter_set window_gather",
    sum_of_products: "add sub mul sum prod cumsum cumprod contract scatter_add convolve"
    " convolve_input convolve_kernel window_sum window_spread window_scatter",
    extreme: "max min",
    places: "argmax argmin",
    window_places: "window_argmax permutation cumargmax cumargmin",
    sorting: "sort",
    looping: "scan",
    elementwise: "neg abs sign floor ceil trunc round sqrt rsqrt exp exp2 expm1 log log2 log10"
    " log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sigmoid relu erf erfc"
    " erfinv lgamma digamma not div floor_divide remainder fmod pow maximum minimum atan2 copysign"
    " nextafter and or xor shl shr gcd",
}
RULES: dict[str, Rule] = {name: rule for rule, names in _RULES.items() for name in names.split()}


def leaf(array: Any) -> Bounded:
    return Bounded(wide(array), np.zeros(array.shape))


def evaluate(node: Node, inputs: Sequence[Bounded]) -> Bounded:
    """The value of `node` in float64 and its error."""
    name, kind = node.primitive.name, node.primitive.kind
    if kind == "marker":
        if name in ("custom_gradient", "barrier"):
            kept = inputs[: node.params[0]]
            return Bounded(tuple(x.array for x in kept), tuple(x.error for x in kept))
        return inputs[0]
    if kind == "pick":
        k = node.params[0]
        return Bounded(inputs[0].array[k], inputs[0].error[k])
    found = RULES[name](node, inputs)
    return _flushed(node, found) if flushes and not isinstance(node.dtype, tuple) else found


def _flushed(node: Node, found: Bounded) -> Bounded:
    """The bound where what is below the normal range may be 0."""
    if not node.dtype.is_floating_point:
        return found
    size = np.abs(found.array)
    below = (size > 0) & (size < NORMAL[node.dtype.name])
    return Bounded(found.array, np.where(below, found.error + size, found.error))


def same(result: Any, expected: Bounded) -> Any:
    """Where a result is within its bound."""
    a, b = wide(result), expected.array
    error = expected.error
    if not is_float(b):
        return (a == b) | (error > 0)
    with np.errstate(all="ignore"):
        near = np.abs(a - b) <= error
    return (error == np.inf) | near | (a == b) | (np.isnan(a) & np.isnan(b))
