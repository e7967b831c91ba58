"""Where the numbers of `gradatim/ops/_special_tables.py` come from: Chebyshev coefficients,
computed by mpmath with 40 digits.

    python -m tests.conformance.special_tables > gradatim/ops/_special_tables.py

A test compares the file with what this makes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mpmath import mp, mpf

mp.dps = 40
DROPPED = mpf(10) ** -18  # coefficients below this part of the largest are left out


def chebyshev(f: Callable[[Any], Any], nodes: int = 64) -> list[float]:
    """The coefficients c of f(t) = c0/2 + Σ c_k T_k(t) on [-1, 1], to the last that counts."""
    angles = [mp.pi * (k + mpf(1) / 2) / nodes for k in range(nodes)]
    values = [f(mp.cos(a)) for a in angles]
    series = [2 * sum(v * mp.cos(j * a) for v, a in zip(values, angles)) / nodes
              for j in range(nodes)]  # fmt: skip
    least = DROPPED * max(abs(c) for c in series)
    while abs(series[-1]) < least:
        series.pop()
    return [float(c) for c in series]


def _up_to(f: Callable[[Any], Any], end: Any) -> Callable[[Any], Any]:
    """f on [0, end]; t = 2 x / end - 1."""
    return lambda t: f(end * (t + 1) / 2)


def _up_to_squared(f: Callable[[Any], Any], end: Any) -> Callable[[Any], Any]:
    """f on [0, end], even; t = 2 x² / end² - 1."""
    return lambda t: f(end * mp.sqrt((t + 1) / 2))


def _from(f: Callable[[Any], Any], start: Any) -> Callable[[Any], Any]:
    """f on [start, ∞); t = 2 start / x - 1."""
    return lambda t: f(2 * start / (t + 1))


def _from_squared(f: Callable[[Any], Any], start: Any) -> Callable[[Any], Any]:
    """f on [start, ∞), even in 1/x; t = 2 start² / x² - 1."""
    return lambda t: f(start * mp.sqrt(2 / (t + 1)))


def _without_zeros(order: int) -> Callable[[Any], Any]:
    first, second = (mp.besseljzero(order, k) for k in (1, 2))
    power = order
    return lambda x: mp.besselj(order, x) / x**power / ((x * x - first**2) * (x * x - second**2))


def _hankel(order: int, part: int) -> Callable[[Any], Any]:
    """P and x Q of H(x) = √(2 / πx) exp(i (x - order π/2 - π/4)) (P + iQ) (DLMF 10.17)."""

    def f(x: Any) -> Any:
        angle = x - order * mp.pi / 2 - mp.pi / 4
        scaled = mp.hankel1(order, x) * mp.sqrt(mp.pi * x / 2) * mp.expj(-angle)
        return x * scaled.imag if part else scaled.real

    return f


def _airy_phase(part: int) -> Callable[[Any], Any]:
    """P and ζ Q of Ai(-x) = (P cos(ζ - π/4) + Q sin(ζ - π/4)) / (√π x^¼) (DLMF 9.7.9)."""

    def f(zeta: Any) -> Any:
        x = (zeta * 3 / 2) ** (mpf(2) / 3)
        cosine, sine = mp.cos(zeta - mp.pi / 4), mp.sin(zeta - mp.pi / 4)
        ai, bi = mp.airyai(-x), mp.airybi(-x)
        found = sine * ai + cosine * bi if part else cosine * ai - sine * bi
        return found * mp.sqrt(mp.pi) * mp.sqrt(mp.sqrt(x)) * (zeta if part else 1)

    return f


def _airy_decay(zeta: Any) -> Any:
    x = (zeta * 3 / 2) ** (mpf(2) / 3)
    return mp.airyai(x) * mp.exp(zeta) * 2 * mp.sqrt(mp.pi) * mp.sqrt(mp.sqrt(x))


def _erfcx(t: Any) -> Any:
    x = mpf(15) / 4 * (1 + t) / (1 - t)
    if x > 1000:  # the asymptotic series (DLMF 7.12.1) ends at once
        scaled = sum((-1) ** k * mp.fac2(2 * k - 1) / (2 * x * x) ** k for k in range(8))
        return (1 + 2 * x) * scaled / (x * mp.sqrt(mp.pi))
    return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)


def _quantile(p: Any) -> Any:
    """The x with Φ(x) = p, for p < ½."""
    z = mp.sqrt(-2 * mp.log(p))
    guess = -(z - mp.log(z * mp.sqrt(2 * mp.pi)) / z) if z > 2 else (p - mpf(1) / 2) * 2.5
    for _ in range(60):
        below = mp.erfc(-guess / mp.sqrt(2)) / 2
        step = (below - p) / mp.npdf(guess)
        step = step / (1 + guess * step / 2)  # Halley's
        guess -= step
        if abs(step) < mpf(10) ** -36 * abs(guess):
            break
    return guess


def _quantile_middle(y: Any) -> Any:
    return _quantile(mpf(1) / 2 - y) / -y


def _quantile_tail(low: int, high: int) -> Callable[[Any], Any]:
    """(z - log(z)/z - |x|) z at p = exp(-z²/2); t goes over 1/z from 1/high to 1/low."""

    def f(t: Any) -> Any:
        w = (mpf(1) / low + mpf(1) / high) / 2 + t * (mpf(1) / low - mpf(1) / high) / 2
        z = 1 / w
        return (z - mp.log(z) / z + _quantile(mp.exp(-z * z / 2))) * z

    return f


def tables() -> dict[str, tuple[str, list[float]]]:
    """Every table: a line that says what it is, and the coefficients."""
    e = mp.exp
    y_max = mpf(1) / 2 - e(-2)
    made: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "I0E_BELOW_8": ("exp(-x) I0(x); t = x/4 - 1",
                        _up_to(lambda x: e(-x) * mp.besseli(0, x), 8)),
        "I0E_FROM_8": ("√x exp(-x) I0(x); t = 16/x - 1",
                       _from(lambda x: mp.sqrt(x) * e(-x) * mp.besseli(0, x), 8)),
        "I1E_BELOW_8": ("exp(-x) I1(x) / x; t = x/4 - 1",
                        _up_to(lambda x: e(-x) * mp.besseli(1, x) / x, 8)),
        "I1E_FROM_8": ("√x exp(-x) I1(x); t = 16/x - 1",
                       _from(lambda x: mp.sqrt(x) * e(-x) * mp.besseli(1, x), 8)),
        "K0_BELOW_2": ("K0(x) + log(x/2) I0(x); t = x²/2 - 1",
                       _up_to_squared(
                           lambda x: mp.besselk(0, x) + mp.log(x / 2) * mp.besseli(0, x), 2)),
        "K0_FROM_2": ("√x exp(x) K0(x); t = 4/x - 1",
                      _from(lambda x: mp.sqrt(x) * e(x) * mp.besselk(0, x), 2)),
        "K1_BELOW_2": ("x (K1(x) - log(x/2) I1(x)); t = x²/2 - 1",
                       _up_to_squared(
                           lambda x: x * (mp.besselk(1, x) - mp.log(x / 2) * mp.besseli(1, x)), 2)),
        "K1_FROM_2": ("√x exp(x) K1(x); t = 4/x - 1",
                      _from(lambda x: mp.sqrt(x) * e(x) * mp.besselk(1, x), 2)),
        "J0_BELOW_8": ("J0(x) / ((x² - a²) (x² - b²)), a and b its zeros; t = x²/32 - 1",
                       _up_to_squared(_without_zeros(0), 8)),
        "J0_P": ("P of the Hankel function of order 0; t = 128/x² - 1",
                 _from_squared(_hankel(0, 0), 8)),
        "J0_Q": ("x Q", _from_squared(_hankel(0, 1), 8)),
        "J1_BELOW_8": ("J1(x) / (x (x² - a²) (x² - b²)), a and b its zeros; t = x²/32 - 1",
                       _up_to_squared(_without_zeros(1), 8)),
        "J1_P": ("P of the Hankel function of order 1; t = 128/x² - 1",
                 _from_squared(_hankel(1, 0), 8)),
        "J1_Q": ("x Q", _from_squared(_hankel(1, 1), 8)),
        "Y0_BELOW_8": ("Y0(x) - (2/π) log(x) J0(x); t = x²/32 - 1",
                       _up_to_squared(
                           lambda x: mp.bessely(0, x) - 2 / mp.pi * mp.log(x) * mp.besselj(0, x),
                           8)),
        "Y1_BELOW_8": ("(Y1(x) - (2/π) (log(x) J1(x) - 1/x)) / x; t = x²/32 - 1",
                       _up_to_squared(
                           lambda x: (mp.bessely(1, x)
                                      - 2 / mp.pi * (mp.log(x) * mp.besselj(1, x) - 1 / x)) / x,
                           8)),
        "ERFCX": ("(1 + 2x) exp(x²) erfc(x); t = (x - 3.75) / (x + 3.75)", _erfcx),
        "NDTRI_MIDDLE": ("x / y at Φ(x) = y + ½; t = 2 y² / (½ - exp(-2))² - 1",
                         _up_to_squared(_quantile_middle, y_max)),
        "NDTRI_BELOW_8": ("(z - log(z)/z - |x|) z at Φ(x) = exp(-z²/2); t = (16/z - 5) / 3",
                          _quantile_tail(2, 8)),
        "NDTRI_FROM_8": ("the same; t = (80/z - 6) / 4", _quantile_tail(8, 40)),
        "AIRY_MIDDLE": ("Ai(x); t = (x + 1.125) / 3.375",
                        lambda t: mp.airyai(t * mpf(27) / 8 - mpf(9) / 8)),
        "AIRY_ABOVE": ("2 √π x^¼ exp(ζ) Ai(x), ζ = ⅔ x^1.5; t = 4.5/ζ - 1",
                       _from(_airy_decay, mpf(9) / 4)),
        "AIRY_P": ("P of Ai(-x); t = 78.125/ζ² - 1", _from_squared(_airy_phase(0), mpf(25) / 4)),
        "AIRY_Q": ("ζ Q", _from_squared(_airy_phase(1), mpf(25) / 4)),
    }  # fmt: skip
    return {name: (text, chebyshev(f)) for name, (text, f) in made.items()}


HEADER = '''"""Chebyshev series of special functions: the numbers behind `ops/special`.

Each is the c of f(t) = c0/2 + Σ c_k T_k(t) on [-1, 1], to be summed by Clenshaw's recurrence. They
were computed with 40 digits by `tests/conformance/special_tables.py`; edit that, not this.
"""

from __future__ import annotations
'''


def text() -> str:
    lines = [HEADER]
    for name, (what, series) in tables().items():
        lines += [f"# {what}", f"{name} = ("]
        row = "   "
        for c in series:
            if len(row) + len(repr(c)) + 2 > 100:
                lines.append(row)
                row = "   "
            row += f" {c!r},"
        lines += [row, ")  # fmt: skip", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    print(text(), end="")
