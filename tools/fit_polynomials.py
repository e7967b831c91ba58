"""Compute the polynomials of the LLVM engine's vector functions, and write their table.

Each entry of `FITS` names a function, an interval and the powers of the polynomial. The best
polynomial in the sense of the largest relative error is found by Remez' exchange algorithm (see
J.-M. Muller, *Elementary Functions*, 3rd ed., ch. 3) in 60 digits. Its coefficients are rounded to
the target precision one after the other, lowest power first, and the remaining ones are fitted
again each time, so that later coefficients make up for what the rounding of earlier ones lost.

    python tools/fit_polynomials.py            writes gradatim/engines/llvm/coefficients.py
    python tools/fit_polynomials.py exp        only prints the fits whose name starts with "exp"
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mpmath import mp, mpf

mp.dps = 60

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
    worst = mpf(0)
    while rest:
        # Divided by the lowest power, so that what is fitted does not vanish at 0 (with functions
        # that do, the best error need not alternate).
        low_power = rest[0]
        target = [
            (v - mp.fsum(c * x**p for p, c in known.items())) / x**low_power
            for x, v in zip(grid, values)
        ]
        scaled = [w * abs(x) ** low_power for x, w in zip(grid, weight)]
        coefficients, worst = remez(target, scaled, grid, [p - low_power for p in rest])
        known[rest[0]] = rounded(coefficients[0], task.precision)
        rest = rest[1:]
    errors = [
        abs(mp.fsum(c * x**p for p, c in known.items()) - v) * w
        for x, v, w in zip(grid, values, weight)
    ]
    return [known.get(p, 0.0) for p in range(max(task.powers) + 1)], float(max(errors))


# --- what is fitted ------------------------------------------------------------------------------

HALF_LN2 = 0.34658  # a little more than half of ln 2: the reduction rounds


def _tail(function: Real, known: Real, power: int) -> Real:
    """(function - known) / x**power, continued through 0 by nudging x."""

    def ratio(x: mpf) -> mpf:
        with mp.workdps(120):
            x = x or mpf(10) ** -40
            return (function(x) - known(x)) / x**power

    return ratio


FITS: dict[str, Fit] = {
    # exp(r) = 1 + r + r² q(r)
    "EXP": Fit(
        _tail(mp.exp, lambda x: 1 + x, 2), -HALF_LN2, HALF_LN2, range(5), "float32",
        lambda x: x * x / mp.exp(x) if x else mpf(0),
    ),
    # exp(r) - 1 = r + r² q(r)
    "EXPM1": Fit(
        _tail(mp.expm1, lambda x: x, 2), -HALF_LN2, HALF_LN2, range(6), "float32",
        lambda x: abs(x * x / mp.expm1(x)) if x else mpf(0),
    ),
    # log(1 + f) = f + f² q(f), for 1 + f from 2/3 to 4/3
    "LOG": Fit(
        _tail(mp.log1p, lambda x: x, 2), -1 / 3, 1 / 3, range(9), "float32",
        lambda x: abs(x * x / mp.log1p(x)) if x else mpf(0),
    ),
    # tanh(x) = x + x³ q(x²)
    "TANH": Fit(
        lambda z: (mp.tanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, 1e-20, 0.7001**2, range(5), "float32",
        lambda z: z * mp.sqrt(z) / mp.tanh(mp.sqrt(z)),
    ),
    # 2^r, for what is added to a larger number
    "EXP2_SHORT": Fit(lambda r: mpf(2) ** r, -0.501, 0.501, range(6), "float32",
        fixed=((0, 1.0),),
    ),
}  # fmt: skip

# Numbers as sums of floats: name, value, precision, bits of each part but the last. Products of such
# a part with an integer of the remaining bits are exact without fused multiply-add.
SPLITS: dict[str, tuple[mpf, str, tuple[int, ...]]] = {
    "LN2": (mp.log(2), "float32", (15,)),
    "LN2_64": (mp.log(2), "float64", (41,)),
}


def split(number: mpf, precision: str, keep: Sequence[int]) -> list[float]:
    parts = []
    for bits in (*keep, 24 if precision == "float32" else 53):
        shift = bits - mp.frexp(number)[1]
        part = mp.nint(mp.ldexp(number, shift))
        parts.append(float(mp.ldexp(part, -shift)))
        number -= mpf(parts[-1])
    return parts


HEADER = '''"""Coefficients of polynomials, lowest power first. Written by tools/fit_polynomials.py, which says
what each approximates; the comment gives the largest weighted error, as a power of two.
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
        text += f"{name} = ({', '.join(map(repr, split(number, precision, keep)))})\n"
    if not wanted:
        path = Path(__file__).parent.parent / "gradatim" / "engines" / "llvm" / "coefficients.py"
        path.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
