"""Compute the polynomials of the LLVM engine's vector functions, and write their table.

Each entry of `FITS` names a function, an interval and the powers of the polynomial. The best
polynomial in the sense of the largest relative error is found by Remez' exchange algorithm (see
J.-M. Muller, *Elementary Functions*, 3rd ed., ch. 3) in 150 digits. Its coefficients are rounded to
the target precision one after the other, lowest power first, and the remaining ones are fitted
again each time, so that later coefficients make up for what the rounding of earlier ones lost.

    python tools/fit_polynomials.py            writes gradatim/engines/llvm/coefficients.py
    python tools/fit_polynomials.py exp        only prints the fits whose name starts with "exp"
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mpmath import mp, mpf

mp.dps = 150

Real = Callable[[mpf], mpf]


@dataclass(frozen=True)
class Fit:
    """What is to be approximated.

    Attributes:
        function: the function itself.
        low, high: the interval.
        powers: of the variable, in the polynomial; ascending.
        weight: the error is multiplied by it before it is made small: 1 / |the whole result| makes
            it relative. Left out, it is relative to `function` itself.
        precision: "float32" or "float64", in which the coefficients are stored.
        fixed: coefficients that are given, by power.
    """

    function: Real
    low: float
    high: float
    powers: Sequence[int]
    precision: str
    weight: Real | None = None
    fixed: tuple[tuple[int, float], ...] = ()


def rounded(number: mpf, precision: str) -> float:
    if precision == "float64":
        return float(number)
    # (The detour through float64 rounds twice; for a coefficient that does not matter.)
    single: float = struct.unpack("<f", struct.pack("<f", float(number)))[0]
    return single


def remez(
    target: Sequence[mpf], weight: Sequence[mpf], grid: Sequence[mpf], powers: Sequence[int]
) -> tuple[list[mpf], mpf]:
    """Coefficients of the polynomial in `powers` with the smallest largest weighted error."""
    count = len(powers) + 1
    places = [round((len(grid) - 1) * (1 - mp.cos(mp.pi * k / (count - 1))) / 2)
              for k in range(count)]  # fmt: skip
    rows = [[x**p for p in powers] for x in grid]
    coefficients: list[mpf] = []
    worst = mpf(0)
    for _ in range(30):
        matrix = mp.matrix(count, count)
        right = mp.matrix(count, 1)
        for i, place in enumerate(places):
            for j in range(count - 1):
                matrix[i, j] = rows[place][j]
            matrix[i, count - 1] = (-1) ** i / weight[place]
            right[i] = target[place]
        solution = mp.lu_solve(matrix, right)
        coefficients = [solution[j] for j in range(count - 1)]
        levelled = abs(solution[count - 1])
        errors = [(mp.fdot(coefficients, row) - t) * w for row, t, w in zip(rows, target, weight)]
        places = _extremes(errors, count)
        worst = max(abs(e) for e in errors)
        if worst <= levelled * mpf("1.01"):
            break
    return coefficients, worst


def _extremes(errors: Sequence[mpf], count: int) -> list[int]:
    """Places of `count` errors of alternating sign, the largest there are."""
    runs: list[int] = []
    for k, error in enumerate(errors):
        if runs and (errors[runs[-1]] < 0) == (error < 0):
            if abs(error) > abs(errors[runs[-1]]):
                runs[-1] = k
        else:
            runs.append(k)
    while len(runs) > count:
        if len(runs) == count + 1:  # drop the smaller of the two ends
            runs.pop(0 if abs(errors[runs[0]]) < abs(errors[runs[-1]]) else -1)
            continue
        smallest = min(range(len(runs)), key=lambda j: abs(errors[runs[j]]))
        if smallest in (0, len(runs) - 1):
            runs.pop(smallest)
        else:  # drop it with its smaller neighbour: the signs still alternate
            left, right = abs(errors[runs[smallest - 1]]), abs(errors[runs[smallest + 1]])
            first = smallest - 1 if left < right else smallest
            del runs[first : first + 2]
    if len(runs) < count:
        raise ArithmeticError(f"only {len(runs)} of {count} extremes: the grid is too coarse")
    return runs


def fit(task: Fit) -> tuple[list[float], float]:
    """Rounded coefficients, by power (zeros for absent powers), and the weighted error left."""
    size = 60 * (len(task.powers) + 2)
    low, high = mpf(task.low), mpf(task.high)
    grid = [low + (high - low) * (1 - mp.cos(mp.pi * (k + mpf(0.5)) / size)) / 2
            for k in range(size)]  # fmt: skip
    values = [task.function(x) for x in grid]
    weight = [task.weight(x) if task.weight else 1 / abs(v) for x, v in zip(grid, values)]
    known: dict[int, float] = dict(task.fixed)
    rest = [p for p in task.powers if p not in known]
    while rest:
        # Divided by the lowest power, so that what is fitted does not vanish at 0 (with functions
        # that do, the best error need not alternate).
        low_power = rest[0]
        target = [
            (v - mp.fsum(c * x**p for p, c in known.items())) / x**low_power
            for x, v in zip(grid, values)
        ]
        scaled = [w * abs(x) ** low_power for x, w in zip(grid, weight)]
        coefficients, _ = remez(target, scaled, grid, [p - low_power for p in rest])
        known[rest[0]] = rounded(coefficients[0], task.precision)
        rest = rest[1:]
    errors = [
        abs(mp.fsum(c * x**p for p, c in known.items()) - v) * w
        for x, v, w in zip(grid, values, weight)
    ]
    return [known.get(p, 0.0) for p in range(max(task.powers) + 1)], float(max(errors))


# --- what is fitted ------------------------------------------------------------------------------

HALF_LN2 = 0.34658  # a little more than half of ln 2: the reduction rounds
QUARTER_PI = 0.7860  # a little more than pi / 4, likewise


def _tail(function: Real, known: Real, power: int) -> Real:
    """(function - known) / x**power, continued through 0 by nudging x."""

    def ratio(x: mpf) -> mpf:
        with mp.workdps(300):
            x = x or mpf(10) ** -20
            return (function(x) - known(x)) / x**power

    return ratio


def _relative(function: Real, power: int) -> Real:
    """The weight that makes an error of the tail relative to the function."""

    def weight(x: mpf) -> mpf:
        x = x or mpf(10) ** -20
        return abs(x**power / function(x))

    return weight


def tail(
    function: Real, known: Real, power: int, low: float, high: float, count: int, precision: str
) -> Fit:
    """function(x) = known(x) + x**power q(x), with `count` coefficients in q."""
    return Fit(
        _tail(function, known, power), low, high, range(count), precision,
        _relative(function, power),
    )  # fmt: skip


def odd(function: Real, high: float, count: int, precision: str, first: int = 3) -> Fit:
    """function(x) = x + x³ q(x²), or x q(x²) for `first` = 1, with `count` coefficients in q."""

    def of_square(z: mpf) -> mpf:
        with mp.workdps(300):
            x = mp.sqrt(z)
            return (function(x) / x - (1 if first == 3 else 0)) / (z if first == 3 else 1)

    def weight(z: mpf) -> mpf:
        x = mp.sqrt(z)
        return abs(x**first / function(x))

    return Fit(of_square, 1e-20, high * high, range(count), precision, weight)


def _zero(x: mpf) -> mpf:
    return mpf(0)


def _identity(x: mpf) -> mpf:
    return x


def _log2_erfc(x: mpf) -> mpf:
    return -mp.log(mp.erfc(x), 2)


def _cosine_rest(z: mpf) -> mpf:
    with mp.workdps(300):
        return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2


def _artanh_rest(q: mpf) -> mpf:
    s = mp.sqrt(q)
    with mp.workdps(300):
        return (mp.atanh(s) / s - 1 - q / 3) / q**2


def _erfinv_ratio(w: mpf) -> mpf:
    """erfinv(x) / x for w = -log(1 - x²), by Newton's method on 1 - erf."""
    x = mp.sqrt(-mp.expm1(-w))
    complement = mp.exp(-w) / (1 + x)  # 1 - x
    y = mp.erfinv(mpf(float(x))) if w < 30 else mp.sqrt(w)
    for _ in range(8):
        y += (mp.erfc(y) - complement) * mp.sqrt(mp.pi) / 2 * mp.exp(y * y)
    return y / x


def _scaled_erfc(t: mpf) -> mpf:
    x = 4 * (1 + t) / (1 - t)
    return mp.exp(x * x) * mp.erfc(x) * (1 + 2 * x)


FITS: dict[str, Fit] = {
    # exp(r) = 1 + r + r² q(r)
    "EXP": tail(mp.exp, lambda x: 1 + x, 2, -HALF_LN2, HALF_LN2, 5, "float32"),
    # exp(r) - 1 = r + r² q(r)
    "EXPM1": tail(mp.expm1, _identity, 2, -HALF_LN2, HALF_LN2, 6, "float32"),
    # 2^r = 1 + r q(r)
    "EXP2": tail(lambda x: mpf(2) ** x, lambda x: mpf(1), 1, -0.5, 0.5, 6, "float32"),
    # 2^r, for what is added to a larger number
    "EXP2_SHORT": Fit(
        lambda r: mpf(2) ** r, -0.501, 0.501, range(6), "float32", fixed=((0, 1.0),)
    ),
    # log(1 + m) = m + m² q(m), for 1 + m from 3/4 to 3/2
    "LOG": tail(mp.log1p, _identity, 2, -0.25, 0.5, 9, "float32"),
    # tanh(x) = x + x³ q(x²)
    "TANH": odd(mp.tanh, 0.7001, 5, "float32"),
    # sin(r) = r + r³ q(r²), cos(r) = 1 - r²/2 + r⁴ q(r²)
    "SIN": odd(mp.sin, QUARTER_PI, 3, "float32"),
    "COS": Fit(
        _cosine_rest, 1e-16, QUARTER_PI**2, range(3), "float32",
        lambda z: z**2 / mp.cos(mp.sqrt(z)),
    ),
    # erf(x) = x + x q(x²); 1 - erf(x) = 2^-g(x)
    "ERF": Fit(
        lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1, 1e-20, 0.9201**2, range(6), "float32",
        lambda z: mp.sqrt(z) / mp.erf(mp.sqrt(z)),
    ),
    "LOG2_ERFC": Fit(
        _log2_erfc, 0.9199, 4.0, range(8), "float32",
        lambda x: mp.erfc(x) / mp.erf(x),
    ),
    # tan(r) = r + r³ q(r²), asin and atan alike
    "TAN": odd(mp.tan, QUARTER_PI, 7, "float32"),
    "ASIN": odd(mp.asin, 0.5, 5, "float32"),
    "ATAN": odd(mp.atan, 0.4143, 5, "float32"),
    # erfc(x) = exp(-x²) q(t) / (1 + 2 x), t = (x - 4) / (x + 4), from 1/2 to where erfc is 0
    "ERFC": Fit(
        _scaled_erfc, (0.5 - 4) / (0.5 + 4), (10.1 - 4) / (10.1 + 4), range(12), "float32",
    ),
    # The same in float64.
    "EXP_64": tail(mp.exp, lambda x: 1 + x, 2, -HALF_LN2, HALF_LN2, 10, "float64"),
    "EXPM1_64": tail(mp.expm1, _identity, 2, -HALF_LN2, HALF_LN2, 11, "float64"),
    "EXP2_64": tail(lambda x: mpf(2) ** x, lambda x: mpf(1), 1, -0.501, 0.501, 12, "float64"),
    "LOG_64": tail(mp.log1p, _identity, 2, -0.25, 0.5, 20, "float64"),
    "TANH_64": odd(mp.tanh, 0.7001, 12, "float64"),
    "SIN_64": odd(mp.sin, QUARTER_PI, 6, "float64"),
    "COS_64": Fit(
        _cosine_rest, 1e-16, QUARTER_PI**2, range(6), "float64",
        lambda z: z**2 / mp.cos(mp.sqrt(z)),
    ),
    "SINH_64": odd(mp.sinh, 1.0, 7, "float64"),
    "ASINH_64": odd(mp.asinh, 0.5, 13, "float64"),
    "ATANH_64": odd(mp.atanh, 0.5, 14, "float64"),
    "ASIN_64": odd(mp.asin, 0.5, 13, "float64"),
    "ATAN_64": odd(mp.atan, 0.4143, 12, "float64"),
    "ERF_64": Fit(
        lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1, 1e-20, 1.0, range(14), "float64",
        lambda z: mp.sqrt(z) / mp.erf(mp.sqrt(z)),
    ),
    # For powers in float32: log2(1 + m) = m q(m) and 2^r, to more than float32's precision.
    "LOG2_POWER": tail(
        lambda x: mp.log1p(x) / mp.log(2), _zero, 1, -0.25, 0.5, 16, "float64"
    ),
    "EXP2_POWER": Fit(lambda r: mpf(2) ** r, -0.501, 0.501, range(8), "float64"),
    # and in float64: artanh(s) = s + s³ / 3 + s⁵ q(s²)
    "ARTANH_POWER": Fit(
        _artanh_rest, 1e-20, 0.2001**2, range(8), "float64", lambda q: q**2 / (1 + q / 3)
    ),
    # erfinv(x) = x p(w - 2.5) for w = -log(1 - x²), and x q(sqrt(w) - 3.2)
    "ERFINV": Fit(
        lambda t: _erfinv_ratio(t + mpf(2.5)), -2.5 + 1e-12, 2.5001, range(13), "float64"
    ),
    "ERFINV_TAIL": Fit(
        lambda t: _erfinv_ratio((t + mpf("3.2")) ** 2),
        math.sqrt(5) - 3.2, 0.81, range(13), "float64",
    ),
    # erfc(x) = exp(-x²) q(t) / (1 + 2 x), t = (x - 4) / (x + 4), from 1/2 to where erfc is 0
    "ERFC_64": Fit(
        _scaled_erfc, (0.5 - 4) / (0.5 + 4), (27.3 - 4) / (27.3 + 4), range(22), "float64",
    ),
}  # fmt: skip

# Numbers as sums of floats: name, value, precision, bits of each part but the last. The product of
# such a part with an integer of the remaining bits is exact without fused multiply-add.
SPLITS: dict[str, tuple[mpf, str, tuple[int, ...]]] = {
    "LN2": (mp.log(2), "float32", (15,)),
    "LN2_64": (mp.log(2), "float64", (41,)),
    "LOG2_E": (1 / mp.log(2), "float32", (24,)),
    "LOG2_E_64": (1 / mp.log(2), "float64", (53,)),
    "LOG10_E_64": (1 / mp.log(10), "float64", (53,)),
    "LOG10_2_64": (mp.log(2, 10), "float64", (41,)),
    "THIRD": (mpf(1) / 3, "float64", (53,)),
    "TWO_LOG2_E": (2 / mp.log(2), "float64", (53,)),
    "LOG10_E": (1 / mp.log(10), "float32", (24,)),
    "LOG10_2": (mp.log(2, 10), "float32", (15,)),
    "HALF_PI": (mp.pi / 2, "float32", (24, 24)),
    "HALF_PI_64": (mp.pi / 2, "float64", (53, 53)),
    "HALF_PI_SHORT": (mp.pi / 2, "float64", (33, 33, 33)),
}


def split(number: mpf, precision: str, keep: Sequence[int]) -> list[float]:
    parts = []
    for bits in (*keep, 24 if precision == "float32" else 53):
        shift = bits - mp.frexp(number)[1]
        part = mp.floor(mp.ldexp(number, shift))  # (all parts positive: inf times them is inf)
        parts.append(float(mp.ldexp(part, -shift)))
        number -= mpf(parts[-1])
    return parts


HEADER = '''"""Coefficients of polynomials, lowest power first, and constants as sums of floats.

Written by tools/fit_polynomials.py, which says what each polynomial approximates. The comment above
it is the largest weighted error.
"""

'''


def main(wanted: Sequence[str]) -> None:
    text = HEADER
    for name, task in FITS.items():
        if wanted and not any(name.startswith(prefix.upper()) for prefix in wanted):
            continue
        coefficients, error = fit(task)
        entry = f"# 2^{float(mp.log(error, 2)):.1f}\n{name} = (\n"
        entry += "".join(f"    {c!r},\n" for c in coefficients) + ")\n"
        print(entry, flush=True)
        text += entry
    for name, (number, precision, keep) in SPLITS.items():
        parts = split(number, precision, keep)
        text += f"{name} = (\n" + "".join(f"    {part!r},\n" for part in parts) + ")\n"
    mp.dps = 400
    # 2 / pi in words of 64 bits, with one of zeros in front: enough for the largest float64.
    digits = int(mp.floor(mp.ldexp(2 / mp.pi, 64 * 19)))
    words = [(digits >> (64 * k)) & (2**64 - 1) for k in reversed(range(20))]
    text += "TWO_OVER_PI = (\n" + "".join(f"    0x{w:016X},\n" for w in words) + ")\n"
    if not wanted:
        path = Path(__file__).parent.parent / "gradatim" / "engines" / "llvm" / "coefficients.py"
        path.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
