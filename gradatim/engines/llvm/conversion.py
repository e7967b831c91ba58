"""Conversion: numbers in registers from one dtype to another, and the two half types.

In registers float16 and bfloat16 are `float`s whose value the half type has, bool is `i1`. Halves
are taken apart by integer arithmetic where the processor has no instruction: LLVM would call a
library function otherwise. For bfloat16 that is always so: AVX-512's instruction takes denormal
numbers for 0.

    >>> from gradatim.engines.llvm.emit import Module
    >>> from gradatim.graph.dtypes import float32, int8
    >>> f = Module().function("example", ["<16 x float>"], "<16 x i8>")
    >>> convert(f, f.params[0], float32, int8).type
    '<16 x i8>'
"""

from __future__ import annotations

from gradatim.engines.llvm.emit import Function, Type, Value, constant, element, like
from gradatim.engines.llvm.vector_tools import bits, from_bits, sign_bit, with_sign
from gradatim.graph.dtypes import DType, bfloat16, bool_, float16, float64


def register_type(dtype: DType) -> Type:
    """The scalar type in which a register holds elements of a dtype."""
    if dtype is bool_:
        return "i1"
    if dtype.is_floating_point:
        return "double" if dtype is float64 else "float"
    return f"i{8 * dtype.itemsize}"


# --- the half types ------------------------------------------------------------------------------

# LLVM's names of them, for operands of contractions.
HALF_TYPES: dict[DType, Type] = {float16: "half", bfloat16: "bfloat"}
HALF_DTYPES = {type: dtype for dtype, type in HALF_TYPES.items()}


def round_to(f: Function, x: Value, dtype: DType) -> Value:
    """A `float` rounded to the nearest value of float16 or bfloat16, halves to even; of any other
    dtype what it is already.
    """
    if dtype is bfloat16:
        return _round_bfloat16(f, x)
    if dtype is float16:
        if f.module.features.has_fma:  # every processor with the one has the other
            return _by_instruction(f, _by_instruction(f, x, "half"), "float")
        return _round_float16(f, x)
    return x


def _round_bfloat16(f: Function, x: Value) -> Value:
    """Add just under a half of the last place that stays, a half if that place is odd; then cut."""
    raw = bits(f, x)
    odd = f.and_(f.shr(raw, 16), 1)
    near = f.and_(f.add(raw, f.add(odd, 0x7FFF)), -0x10000)
    quiet = f.or_(f.and_(raw, -0x10000), 0x400000)
    return from_bits(f, f.select(f.is_nan(x), quiet, near))


def _round_float16(f: Function, x: Value) -> Value:
    sign, size = sign_bit(f, x), f.unary("fabs", x)
    raw = bits(f, size)
    odd = f.and_(f.shr(raw, 13), 1)
    near = from_bits(f, f.and_(f.add(raw, f.add(odd, 0xFFF)), -0x2000))
    # Denormal halves are multiples of 2^-24, the last place of a float in [0.5, 1).
    tiny = f.sub(f.add(size, 0.5), 0.5)
    near = f.select(f.compare("lt", size, 2.0**-14), tiny, near)
    near = f.select(f.compare("ge", size, 65520.0), constant(float("inf"), x.type), near)
    return f.select(f.is_nan(x), x, with_sign(f, near, sign))


def half_bits(f: Function, x: Value, dtype: DType) -> Value:
    """The `i16` to be stored for a float16 or bfloat16 that a register holds as a `float`."""
    raw = bits(f, x)
    if dtype is bfloat16:
        return f.convert(f.shr(raw, 16), "i16")
    if f.module.features.has_fma:
        return f.bitcast(_by_instruction(f, x, "half"), like(x.type, "i16"))
    sign = f.shr(sign_bit(f, x), 16)
    size = f.unary("fabs", x)
    normal = f.shr(f.sub(bits(f, size), (127 - 15) << 23), 13)
    tiny = f.convert(f.mul(size, 2.0**24), "i32")
    narrow = f.select(f.compare("lt", size, 2.0**-14), tiny, normal)
    narrow = f.select(f.compare("gt", size, 65504.0), constant(0x7C00, raw.type), narrow)
    narrow = f.select(f.is_nan(x), constant(0x7E00, raw.type), narrow)
    return f.convert(f.or_(narrow, sign), "i16")


def from_half_bits(f: Function, x: Value, dtype: DType) -> Value:
    """The `float` of a float16 or bfloat16 that was loaded as an `i16`."""
    if dtype is bfloat16:
        return from_bits(f, f.shl(f.convert(x, "i32", signed=False), 16))
    if f.module.features.has_fma:
        return _by_instruction(f, f.bitcast(x, like(x.type, "half")), "float")
    wide = f.convert(x, "i32", signed=False)
    sign = f.shl(f.and_(wide, 0x8000), 16)
    rest = f.and_(wide, 0x7FFF)
    normal = from_bits(f, f.add(f.shl(rest, 13), (127 - 15) << 23))
    tiny = f.mul(f.convert(rest, "float"), 2.0**-24)
    edge = from_bits(f, f.or_(f.shl(rest, 13), 0x7F800000))
    size = f.select(f.compare("lt", rest, 0x400), tiny, normal)
    size = f.select(f.compare("ge", rest, 0x7C00), edge, size)
    return with_sign(f, size, sign)


def _by_instruction(f: Function, x: Value, scalar: Type) -> Value:
    """A `float` as a `half`, or the other way round, by the processor."""
    target = like(x.type, scalar)
    return f.emit(f"{'fptrunc' if scalar == 'half' else 'fpext'} {x!r} to {target}", target)


def convert_stored(f: Function, x: Value, scalar: Type, signed: bool) -> Value:
    """`Function.convert` where "half" or "bfloat", the types that memory has, are on either side:
    by way of `float`.
    """
    if element(x.type) in HALF_DTYPES:
        # LLVM 22's code generator looks through the bits of a scalar that was loaded as a
        # `bfloat`, and fails where its sign is copied; it cannot look through a `freeze`.
        raw = _frozen(f, f.bitcast(x, like(x.type, "i16")))
        return f.convert(from_half_bits(f, raw, HALF_DTYPES[element(x.type)]), scalar, signed)
    dtype = HALF_DTYPES[scalar]
    near = round_to(f, f.convert(x, "float", signed), dtype)
    return f.bitcast(half_bits(f, near, dtype), like(x.type, scalar))


def round_to_odd(f: Function, x: Value) -> Value:
    """A `double` as a `float`, in which the last bit says whether anything was cut off. Rounding
    such a float to a shorter type gives what rounding the double at once would.
    """
    near = f.convert(x, "float")
    back = f.convert(near, "double")
    raw = bits(f, near)
    above = f.compare("gt", f.unary("fabs", back), f.unary("fabs", x))
    cut = f.sub(raw, f.convert(above, "i32"))
    inexact = f.compare("ne", back, x)  # NaN too, which it leaves NaN
    return from_bits(f, f.select(inexact, f.or_(cut, 1), raw))


# --- casts ---------------------------------------------------------------------------------------


def convert(f: Function, x: Value, source: DType, target: DType) -> Value:
    """A value of dtype `source` as one of dtype `target`.

    Out of an integer's range a float gives what the processor gives; nothing traps.
    """
    if target is bool_:
        return x if source is bool_ else f.compare("ne", x, 0)
    if source.is_floating_point:
        if target.is_floating_point:
            return _float_to_float(f, x, source, target)
        return _float_to_integer(f, x, 8 * target.itemsize, target.is_signed)
    if target.is_floating_point:
        return round_to(f, f.convert(x, register_type(target), source.is_signed), target)
    return f.convert(x, register_type(target), source.is_signed)


def _float_to_float(f: Function, x: Value, source: DType, target: DType) -> Value:
    if source is float64 and target is float16:
        return round_to(f, round_to_odd(f, x), target)
    wide = f.convert(x, register_type(target))
    return wide if target.itemsize > 2 or source is target else round_to(f, wide, target)


def _float_to_integer(f: Function, x: Value, width: int, signed: bool) -> Value:
    """By the processor's conversion to a signed integer, of which the low bits are kept. The
    `freeze` says that the number out of range is some number: LLVM may not choose another for each
    use.
    """
    if width < 32:
        return f.convert(_frozen(f, f.convert(x, "i32")), f"i{width}")
    if signed:
        return _frozen(f, f.convert(x, f"i{width}"))
    half = 2.0 ** (width - 1)  # from here on the signed conversion of what is above it
    high = f.compare("ge", x, half)
    low = _frozen(f, f.convert(f.select(high, f.sub(x, half), x), f"i{width}"))
    return f.xor(low, f.select(high, constant(-(2 ** (width - 1)), low.type), 0))


def _frozen(f: Function, x: Value) -> Value:
    return f.emit(f"freeze {x!r}", x.type)


def reinterpret(f: Function, x: Value, source: DType, target: DType) -> Value:
    """The bits of a value of dtype `source` as a value of dtype `target` (of the same size)."""
    if source is bool_:
        stored = f.convert(x, "i8")
    elif source.is_floating_point and source.itemsize == 2:
        stored = half_bits(f, x, source)
    else:
        stored = x
    if target is bool_:
        return f.compare("ne", stored, 0)
    if target.is_floating_point and target.itemsize == 2:
        return from_half_bits(f, stored, target)
    wanted = register_type(target)
    return stored if element(stored.type) == wanted else f.bitcast(stored, like(x.type, wanted))
