"""AVX-512: instructions that take floats apart, put them together, and guess reciprocals.

LLVM has no portable words for them. Each exists for registers of 128, 256 and 512 bits: wider
values are done in pieces and narrower ones (scalars too) in the low lanes of a register, so that
the bits of a result do not depend on how many lanes were computed at once.
"""

from __future__ import annotations

from collections.abc import Callable

from gradatim.engines.llvm.emit import SIZES, Function, Value, constant, element, lanes

_LETTERS = {"float": "ps", "double": "pd"}


def scalef(f: Function, x: Value, n: Value) -> Value:
    """x · 2^floor(n), rounded once."""
    return _apply(f, "mask.scalef", (x, n))


def get_exponent(f: Function, x: Value) -> Value:
    """floor(log2 |x|) as a float; -inf for 0, inf for infinities."""
    return _apply(f, "mask.getexp", (x,))


def get_mantissa(f: Function, x: Value) -> Value:
    """x divided by the power of two that brings it to [3/4, 3/2); 1 for 0 and for inf; NaN for
    negative numbers.
    """
    interval, negative_is_nan = 3, 2
    return _apply(f, "mask.getmant", (x,), interval | negative_is_nan << 2)


def reciprocal_guess(f: Function, x: Value) -> Value:
    """1 / x to 14 bits (float only)."""
    return _apply(f, "rcp14", (x,), rounding=False)


def rsqrt_guess(f: Function, x: Value) -> Value:
    """1 / sqrt(x) to 14 bits (float only)."""
    return _apply(f, "rsqrt14", (x,), rounding=False)


def _apply(
    f: Function, name: str, values: tuple[Value, ...], immediate: int | None = None,
    *, rounding: bool = True,
) -> Value:  # fmt: skip
    def run(*values: Value) -> Value:
        x = values[0]
        width = 8 * SIZES[element(x.type)] * lanes(x.type)
        arguments = list(values)
        if immediate is not None:
            arguments.append(constant(immediate, "i32"))
        mask = "i16" if lanes(x.type) == 16 else "i8"
        arguments += [constant(0.0, x.type), constant(-1, mask)]
        if rounding and width == 512:
            arguments.append(constant(4, "i32"))  # as the processor is set
        letters = _LETTERS[element(x.type)]
        return f.intrinsic(f"llvm.x86.avx512.{name}.{letters}.{width}", x.type, *arguments)

    return _in_registers(f, run, *values)


def _in_registers(f: Function, run: Callable[..., Value], *values: Value) -> Value:
    count = lanes(values[0].type)
    size = 8 * SIZES[element(values[0].type)]
    if count * size > 512:
        half = count // 2
        low = [f.shuffle(v, None, range(half)) for v in values]
        high = [f.shuffle(v, None, range(half, count)) for v in values]
        return f.shuffle(
            _in_registers(f, run, *low), _in_registers(f, run, *high), list(range(count))
        )
    if count * size >= 128:
        return run(*values)
    wide = 128 // size
    if count == 1:
        return f.extract(run(*(f.splat(v, wide) for v in values)), 0)
    places = [*range(count), *[0] * (wide - count)]
    return f.shuffle(run(*(f.shuffle(v, None, places) for v in values)), None, range(count))
