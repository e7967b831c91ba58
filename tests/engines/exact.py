"""Exact evaluation: programs with jumps, whose results must agree to the bit.

A jump (floor, argmax, a comparison ...) turns the smallest difference into a large one, so such
programs draw small integers, on which floating-point arithmetic is exact in whatever order and with
whatever fused multiply-add it is done. `evaluate` runs the reference engine's meaning of one Node
and refuses (`Reject`) where a correct engine may give other bits:

- arithmetic whose result is not exact. Values stay multiples of 1/64 and sums small enough that
  every partial sum is exact in the dtype they accumulate in;
- results that the edge cases in primitives.py leave open (a cast outside an integer's range);
- transcendental functions, which are right to within some ulps only.

Correctly rounded results (a quotient, a root, a narrowing cast) are determined too, but a sum of
them is not: they are marked `rounded`, and only what does not round again may read them.

The sign of a zero is determined by IEEE for one operation and not for a sum or a maximum. A value
where it is open is marked `loose`: its zeros are compared without their sign, and what would make
a sign visible (a division, copysign, bitcast) does not read it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradatim.graph.node import Node
from tests.engines.meaning import is_float, run, run_wide, wide
from tests.engines.unroll import stacked, unroll

GRID = 6  # exact values are multiples of 2**-GRID ...
CAP = 2.0**16  # ... and at most this large, so that products are exact in float64


# XLA divides by a number that is broadcast by way of its reciprocal, simplifies x + 0 to x, which
# keeps the sign of a zero that IEEE's sum has not, and on processors takes numbers below the normal
# range for 0.
CARELESS_OF_ZEROS = ("xla",)
careless = False


def promise(engine: str) -> None:
    """Draw programs for this engine from now on."""
    global careless
    careless = engine in CARELESS_OF_ZEROS


class Reject(Exception):
    """This Node's result is not determined to the bit, or not allowed on these values."""


@dataclass(slots=True)
class Exact:
    """What every engine must give for a Node.

    Attributes:
        array: the result; a tuple for several.
        rounded: it was rounded, so arithmetic on it would depend on the order.
        loose: the sign of its zeros is open.
    """

    array: Any
    rounded: bool = False
    loose: bool = False


def mantissa(dtype: Any) -> int:
    """Bits of precision in which a dtype accumulates: the halves do it in float32."""
    return 53 if dtype.itemsize == 8 else 24


def finite_parts(array: Any) -> Any:
    x = wide(array)
    return np.where(np.isfinite(x), x, 0.0)


def on_grid(array: Any) -> bool:
    """Whether all values are exact ones in the sense above (NaN and infinities are)."""
    x = finite_parts(array)
    if not np.all(np.abs(x) <= CAP):
        return False
    scaled = x * 2.0**GRID
    return bool(np.all(scaled == np.rint(scaled)))


def grid_of(array: Any) -> int:
    """The smallest g such that all values are multiples of 2**-g."""
    x = finite_parts(array)
    for g in range(GRID + 1):
        if np.all(x == np.rint(x)):
            return g
        x = x * 2
    raise Reject("not on the grid")


Rule = Callable[[Node, Sequence[Exact]], Exact]


def _has_float(node: Node) -> bool:
    dtypes = node.dtype if isinstance(node.dtype, tuple) else (node.dtype,)
    return any(dtype.is_floating_point for dtype in dtypes)


def passing(node: Node, inputs: Sequence[Exact]) -> Exact:
    """Values that go through as they are."""
    array = run(node, *[x.array for x in inputs])
    rounded = any(x.rounded for x in inputs) and not on_grid(array)
    return Exact(array, rounded, any(x.loose for x in inputs))


def choosing(node: Node, inputs: Sequence[Exact]) -> Exact:
    """Extremes, sorting, relu, sign: which of two equal zeros wins is open."""
    arrays = run(node, *[x.array for x in inputs])
    return Exact(arrays, any(x.rounded for x in inputs), _has_float(node))


def discrete(node: Node, inputs: Sequence[Exact]) -> Exact:
    """Results that are integers or bools: comparisons, places."""
    return Exact(run(node, *[x.array for x in inputs]))


def arithmetic(node: Node, inputs: Sequence[Exact]) -> Exact:
    """One exact operation an element."""
    arrays = [x.array for x in inputs]
    result = run(node, *arrays)
    if not node.dtype.is_floating_point:
        return Exact(result)
    if any(x.rounded for x in inputs) or not on_grid(result):
        raise Reject("rounds")
    twin = run_wide(node, *arrays) if node.dtype.itemsize < 8 else result
    if not np.array_equal(wide(result), wide(twin), equal_nan=True):
        raise Reject("rounds")
    return Exact(result, loose=any(x.loose for x in inputs))


def multiplies_padding(node: Node, arrays: Sequence[Any]) -> bool:
    """Whether a NaN or an infinity meets the zeros around a convolution's input, or between the
    elements of what a stride spreads: some engines multiply them, and some leave them out."""
    if node.primitive.kind != "convolve":
        return False
    return not bool(np.all(np.isfinite(wide(arrays[1]))))


def accumulating(node: Node, inputs: Sequence[Exact]) -> Exact:
    """Sums of products: every partial sum, in any order, is exact if the sum of the absolute
    values is."""
    arrays = [x.array for x in inputs]
    result = run(node, *arrays)
    if not node.dtype.is_floating_point:
        return Exact(result)
    if any(x.rounded for x in inputs):
        raise Reject("sums rounded values")
    if multiplies_padding(node, arrays):
        raise Reject("an infinity times what is outside")
    floats = [x for x in arrays if is_float(x)]
    grid = sum(map(grid_of, floats))
    sizes = [np.abs(finite_parts(x)) if is_float(x) else x for x in arrays]
    total = run_wide(node, *sizes)
    if total.size and float(total.max()) * 2.0**grid >= 2.0 ** mantissa(node.dtype):
        raise Reject("sums too much")
    if not on_grid(result):
        raise Reject("off the grid")
    twin = run_wide(node, *arrays) if node.dtype.itemsize == 2 else result
    if not np.array_equal(wide(result), wide(twin), equal_nan=True):
        raise Reject("rounds")
    return Exact(result, loose=True)


def multiplying(node: Node, inputs: Sequence[Exact]) -> Exact:
    """prod, cumprod: partial products of integers are bounded by the product of those over 1."""
    (x,) = inputs
    result = run(node, x.array)
    if not node.dtype.is_floating_point:
        return Exact(result)
    whole = finite_parts(x.array)
    if x.rounded or not np.all(whole == np.rint(whole)):
        raise Reject("multiplies fractions")
    most = run_wide(node, np.maximum(np.abs(whole), 1.0))
    limit = 2.0 ** (mantissa(node.dtype) if node.dtype.itemsize > 2 else 8)
    if most.size and float(most.max()) >= min(limit, CAP):
        raise Reject("multiplies too much")
    return Exact(result, loose=True)


def rounding_once(node: Node, inputs: Sequence[Exact]) -> Exact:
    """sqrt, div: correctly rounded, as IEEE demands."""
    if any(x.loose for x in inputs[-1:]) and node.primitive.name == "div":
        raise Reject("divides by a zero of open sign")
    if careless and node.primitive.name == "div" and not _powers_of_two(inputs[1].array):
        raise Reject("divides by way of the reciprocal, which rounds")
    found = passing(node, inputs)
    found.rounded = found.rounded or not on_grid(found.array)
    return found


def _powers_of_two(array: Any) -> bool:
    """Whether every number is one, or 0, or not finite."""
    x = finite_parts(array)
    return bool(np.all(np.isin(np.abs(np.frexp(x)[0]), (0.0, 0.5))))


def reciprocal_root(node: Node, inputs: Sequence[Exact]) -> Exact:
    """Two roundings in the reference: determined only where neither rounds."""
    (x,) = inputs
    if x.loose:
        raise Reject("a root of a zero of open sign")
    root = np.sqrt(np.abs(finite_parts(x.array)))
    result = run(node, x.array)
    if not np.all(root == np.rint(root)) or not on_grid(result):
        raise Reject("rounds")
    return Exact(result, x.rounded)


def integers_only(node: Node, inputs: Sequence[Exact]) -> Exact:
    if node.dtype.is_floating_point:
        raise Reject("not determined to the bit")
    return Exact(run(node, *[x.array for x in inputs]))


def smooth_only(node: Node, inputs: Sequence[Exact]) -> Exact:
    raise Reject("not determined to the bit")


def dividing(node: Node, inputs: Sequence[Exact]) -> Exact:
    """floor_divide, remainder, fmod: exact on small integers. Zeros' signs and division by a
    floating zero of open sign stay out."""
    if node.dtype.is_floating_point and any(x.rounded or x.loose for x in inputs):
        raise Reject("rounds")
    found = passing(node, inputs)
    if node.dtype.is_floating_point:
        if not on_grid(found.array):
            raise Reject("rounds")
        found.loose = True
    return found


def sign_sensitive(node: Node, inputs: Sequence[Exact]) -> Exact:
    last = inputs[-1].array
    if any(x.loose for x in inputs) or (is_float(last) and np.isnan(wide(last)).any()):
        raise Reject("reads a sign that is open: a zero's or a NaN's")
    found = passing(node, inputs)
    found.rounded = found.rounded or (_has_float(node) and not on_grid(found.array))
    return found


def next_number(node: Node, inputs: Sequence[Exact]) -> Exact:
    if node.dtype.itemsize == 2:
        raise Reject("the reference engine steps in float32")
    return sign_sensitive(node, inputs)


def bits(node: Node, inputs: Sequence[Exact]) -> Exact:
    (x,) = inputs
    if is_float(x.array) and np.isnan(wide(x.array)).any():
        raise Reject("a NaN has many bit patterns")
    return sign_sensitive(node, inputs)


def casting(node: Node, inputs: Sequence[Exact]) -> Exact:
    (x,) = inputs
    source, target = node.inputs[0].dtype, node.dtype
    if source.is_floating_point and target.is_integer:
        info = np.iinfo(target.numpy)
        values = wide(x.array)
        inside = np.isfinite(values) & (values > float(info.min) - 1) & (values < float(info.max))
        if not inside.all():
            raise Reject("unspecified")
    if target.is_floating_point and target.itemsize == 2:  # some go by way of float32
        large = source.is_integer and np.any(np.abs(x.array.astype(np.float64)) > 2**24)
        if large or (source.name == "float64" and x.rounded):
            raise Reject("rounds twice")
    found = Exact(run(node, x.array), x.rounded, x.loose)
    if target.is_floating_point:
        found.rounded = found.rounded or not on_grid(found.array)
        if not source.is_floating_point:
            found.loose = False
    else:
        found.rounded = found.loose = False
    return found


def looping(node: Node, inputs: Sequence[Exact]) -> Exact:
    """A scan, step by step."""

    def part(x: Exact, place: int) -> Exact:
        return Exact(np.asarray(x.array[place]), x.rounded, x.loose)

    carries, *results = unroll(node, inputs, evaluate, leaf, part)
    count = len(carries)
    arrays = [x.array for x in carries]
    for k, steps in enumerate(results, count):
        arrays.append(stacked([x.array for x in steps], node.shape[k], node.dtype[k].numpy))
    made = [*carries, *(x for steps in results for x in steps)]
    return Exact(tuple(arrays), any(x.rounded for x in made), any(x.loose for x in made))


_RULES: dict[Rule, str] = {
    passing: "neg abs floor ceil trunc round select reshape permute expand pad slice dynamic_slice"
    " update_slice flip concatenate gather scatter_set window_gather iota constant",
    choosing: "sign relu maximum minimum max min sort",
    discrete: "permutation eq ne lt le gt ge argmax argmin cumargmax cumargmin window_argmax"
    " not and or xor shl shr gcd",
    arithmetic: "add sub mul",
    accumulating: "sum cumsum contract scatter_add convolve convolve_input convolve_kernel"
    " window_sum window_spread window_scatter",
    multiplying: "prod cumprod",
    rounding_once: "sqrt div",
    reciprocal_root: "rsqrt",
    dividing: "floor_divide remainder fmod",
    integers_only: "pow",
    sign_sensitive: "copysign",
    next_number: "nextafter",
    bits: "bitcast",
    casting: "cast",
    looping: "scan",
    smooth_only: "exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh"
    " asinh acosh atanh sigmoid erf erfc erfinv lgamma digamma atan2 cholesky lu ldl ldl_solve qr"
    " geqrf svdvals eigvalsh inv solve triangular_solve pinv det slogdet cofactors matrix_exp",
}
RULES: dict[str, Rule] = {name: rule for rule, names in _RULES.items() for name in names.split()}


def leaf(array: Any) -> Exact:
    return Exact(array, rounded=is_float(array) and not on_grid(array))


def evaluate(node: Node, inputs: Sequence[Exact]) -> Exact:
    """What every engine must give for `node` on these inputs.

    Raises:
        Reject: if engines may differ.
    """
    name, kind = node.primitive.name, node.primitive.kind
    if kind == "marker":
        if name in ("custom_gradient", "barrier"):
            (count,) = node.params
            return Exact(
                tuple(x.array for x in inputs[:count]),
                any(x.rounded for x in inputs[:count]),
                any(x.loose for x in inputs[:count]),
            )
        return inputs[0]
    if kind == "pick":
        array = inputs[0].array[node.params[0]]
        floating = is_float(array)
        return Exact(array, inputs[0].rounded and floating, inputs[0].loose and floating)
    found = RULES[name](node, inputs)
    return _without_signs(found) if careless and not isinstance(node.dtype, tuple) else found


def _without_signs(found: Exact) -> Exact:
    """The same with zeros of open sign.

    Raises:
        Reject: for numbers below the normal range.
    """
    if not is_float(found.array):
        return found
    size = np.abs(finite_parts(found.array))
    smallest = 2.0**-14 if found.array.dtype == np.float16 else 2.0**-126
    smallest = 2.0**-1022 if found.array.dtype == np.float64 else smallest
    if np.any((size > 0) & (size < smallest)):
        raise Reject("below the normal range")
    return Exact(found.array, found.rounded, found.loose or bool(np.any(size == 0)))


def same(result: Any, expected: Exact) -> Any:
    """Where a result agrees with what was expected: equal bits, but any NaN is a NaN."""
    a, b = wide(result), wide(expected.array)
    if a.dtype.kind != "f":
        return a == b
    equal = (a == b) | (np.isnan(a) & np.isnan(b))
    if not expected.loose:
        equal &= np.isnan(b) | (np.signbit(a) == np.signbit(b))
    return equal
