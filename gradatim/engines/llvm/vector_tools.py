"""Vector tools: what the vector functions are built of, for any number of lanes.

Polynomials, rounding to integers, exponents taken apart and put together, exact sums and products.
Where the processor has an instruction for it, it is used; every variant gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradatim.engines.llvm import avx512
from gradatim.engines.llvm.emit import (
    Function,
    Value,
    constant,
    element,
    lanes,
    like,
)

BITS = {"float": 32, "double": 64}
MANTISSA = {"float": 23, "double": 52}
BIAS = {"float": 127, "double": 1023}


def integer_type(x: Value) -> str:
    """The type of the bits of a float: `<16 x i32>` for `<16 x float>`."""
    return like(x.type, f"i{BITS[element(x.type)]}")


def bits(f: Function, x: Value) -> Value:
    """A float's bits as an integer."""
    return f.bitcast(x, integer_type(x))


def from_bits(f: Function, x: Value) -> Value:
    """The float with an integer's bits."""
    return f.bitcast(x, like(x.type, "float" if element(x.type) == "i32" else "double"))


def sign_bit(f: Function, x: Value) -> Value:
    """The sign bit of a float, as an integer with all other bits clear."""
    return f.and_(bits(f, x), 1 << (BITS[element(x.type)] - 1))


def with_sign(f: Function, magnitude: Value, sign: Value) -> Value:
    """A float that is not negative, with a sign bit from `sign_bit` put in."""
    return from_bits(f, f.or_(bits(f, magnitude), sign))


def flip_sign(f: Function, x: Value, sign: Value) -> Value:
    """A float, negated where the bit from `sign_bit` is set."""
    return from_bits(f, f.xor(bits(f, x), sign))


def polynomial(f: Function, x: Value, coefficients: Sequence[float]) -> Value:
    """c0 + c1 x + c2 x² + ..., by Horner's rule: the fewest instructions. (A loop over vectors has
    several in flight; shorter chains by Estrin's rule were 10% slower.)
    """
    result = constant(coefficients[-1], x.type)
    for c in reversed(coefficients[:-1]):
        result = f.fma(result, x, constant(c, x.type))
    return result


def at_least(f: Function, x: Value, low: float) -> Value:
    """The larger of `x` and a number; NaN stays (the order of the operands says so)."""
    bound = constant(low, x.type)
    return f.select(f.compare("gt", bound, x), bound, x)


def at_most(f: Function, x: Value, high: float) -> Value:
    """The smaller of `x` and a number; NaN stays."""
    bound = constant(high, x.type)
    return f.select(f.compare("lt", bound, x), bound, x)


def _shifter(size: str) -> float:
    return 1.5 * 2.0 ** MANTISSA[size]


def nearest_multiple(f: Function, x: Value, factor: float) -> tuple[Value, Value]:
    """The integer nearest to x · factor, as a float and in the low bits of an integer.

    Adding 1.5 · 2^mantissa pushes the fraction out of the mantissa, rounding it; |x · factor| has
    to stay below 2^(mantissa - 2). The integer's higher bits are not cleared.
    """
    shifter = constant(_shifter(element(x.type)), x.type)
    shifted = f.fma(x, factor, shifter)
    return f.sub(shifted, shifter), bits(f, shifted)


def reduced(f: Function, x: Value, n: Value, *parts: float) -> Value:
    """x - n · (the sum of the parts), part by part (W. J. Cody and W. Waite, 1980)."""
    for part in parts:
        x = f.fma(n, -part, x)
    return x


def in_registers(f: Function, widest: int, run: Callable[..., Value], *values: Value) -> Value:
    """Apply `run` to pieces of at most `widest` lanes, and put the results together."""
    count = lanes(values[0].type)
    if count <= widest:
        return run(*values)
    half = count // 2
    low = [f.shuffle(v, None, range(half)) for v in values]
    high = [f.shuffle(v, None, range(half, count)) for v in values]
    first = in_registers(f, widest, run, *low)
    second = in_registers(f, widest, run, *high)
    return f.shuffle(first, second, range(count))


def scale(f: Function, x: Value, n: Value, n_bits: Value) -> Value:
    """x · 2^n, rounded once, for 1/2 < |x| < 4 (or NaN) and an integer n of any size that the
    exponent of the type spans twice.

    Args:
        n: the exponent as a float.
        n_bits: the exponent as `nearest_multiple` gives it.
    """
    if f.module.features.has_masks:
        return avx512.scalef(f, x, n)
    size = element(x.type)
    # Two factors, each of which is a normal number: the first product is exact.
    mantissa = MANTISSA[size]
    wide = integer_type(x)
    whole = f.sub(n_bits, bits_of(_shifter(size), wide))
    first = f.shr(whole, 1, signed=True)
    second = f.sub(whole, first)
    one = constant(BIAS[size], wide)
    for part in (first, second):
        x = f.mul(x, from_bits(f, f.shl(f.add(part, one), mantissa)))
    return x


def power_of_two(f: Function, n_bits: Value, size: str) -> Value:
    """2^n for an integer n in the low bits whose power is a normal number."""
    return from_bits(f, f.add(f.shl(n_bits, MANTISSA[size]), bits_of(1.0, n_bits.type)))


def bits_of(number: float, type: str) -> Value:
    """The bits of a float constant, as a constant of an integer type."""
    import numpy as np

    single = element(type) == "i32"
    return constant(
        int(
            np.array(number, np.float32 if single else np.float64).view(
                np.int32 if single else np.int64
            )
        ),
        type,
    )


def quotient(f: Function, a: Value, b: Value) -> Value:
    """a / b with an error of 1.5 ulp at most, for floats with 2^-100 < |b| < 2^100: faster than the
    division where a guess of the reciprocal can be had.
    """
    if not f.module.features.has_masks or element(a.type) == "double":
        return f.div(a, b)
    guess = avx512.reciprocal_guess(f, b)
    error = f.fma(f.neg(b), guess, constant(1.0, b.type))
    return f.mul(a, f.fma(guess, error, guess))


# --- exact sums and products ---------------------------------------------------------------------


def two_sum(f: Function, a: Value, b: Value) -> tuple[Value, Value]:
    """a + b as the rounded sum and its error (D. E. Knuth, TAOCP 4.2.2, theorem B)."""
    total = f.add(a, b)
    kept = f.sub(total, a)
    return total, f.add(f.sub(a, f.sub(total, kept)), f.sub(b, kept))


def fast_two_sum(f: Function, a: Value, b: Value) -> tuple[Value, Value]:
    """The same for |a| >= |b| (T. J. Dekker, 1971)."""
    total = f.add(a, b)
    return total, f.sub(b, f.sub(total, a))


def two_product(f: Function, a: Value, b: Value) -> tuple[Value, Value]:
    """a · b as the rounded product and its error (without fused multiply-add by halves of the
    mantissas, and then the error itself may be rounded in its last place).
    """
    product = f.mul(a, b)
    if f.module.features.has_fma:
        return product, f.fma(a, b, f.neg(product))
    size = element(a.type)
    cut = constant(-(1 << (MANTISSA[size] // 2 + 1)), integer_type(a))
    a_high, b_high = (from_bits(f, f.and_(bits(f, v), cut)) for v in (a, b))
    a_low, b_low = f.sub(a, a_high), f.sub(b, b_high)
    error = f.add(f.sub(f.mul(a_high, b_high), product), f.mul(a_high, b_low))
    return product, f.add(f.add(error, f.mul(a_low, b_high)), f.mul(a_low, b_low))


# --- control -------------------------------------------------------------------------------------


def any_lane(f: Function, mask: Value) -> Value:
    """Whether any lane of a mask is on, as a scalar."""
    count = lanes(mask.type)
    return mask if count == 1 else f.compare("ne", f.bitcast(mask, f"i{count}"), 0)


def repeat(
    f: Function, start: list[Value], body: Callable[..., tuple[Value, list[Value]]]
) -> list[Value]:
    """Write a loop that runs once, and again while any lane asks for it.

    Args:
        start: the carried values of the first turn.
        body: writes a turn, given the carried values; gives the mask of the lanes that need another
            turn, and the next values.
    """
    before, head, behind = f.block, f.label("repeat"), f.label("done")
    f.jump(head)
    f.start(head)
    carried = [f.emit(f"phi {v.type} [ {v.name}, %{before} ]", v.type) for v in start]
    place = len(f.lines)
    again, following = body(*carried)
    for k, value in enumerate(following):
        f.lines[place - len(start) + k] += f", [ {value.name}, %{f.block} ]"
    f.branch(any_lane(f, again), head, behind)
    f.start(behind)
    return following


def where_any(
    f: Function, mask: Value, ordinary: list[Value], rare: Callable[[], list[Value]]
) -> list[Value]:
    """`ordinary`, or what `rare` writes behind a branch that is taken if any lane asks for it."""
    before, unusual, behind = f.block, f.label("rare"), f.label("after")
    f.branch(any_lane(f, mask), unusual, behind)
    f.start(unusual)
    others = rare()
    last = f.block
    f.jump(behind)
    f.start(behind)
    return [
        f.emit(f"phi {a.type} [ {a.name}, %{before} ], [ {b.name}, %{last} ]", a.type)
        for a, b in zip(ordinary, others)
    ]
