"""Notation: formulas are written in LaTeX, and this shows them elsewhere: as a line of text for a
terminal, and as MathML, which browsers and notebooks draw without help.

It reads the part of LaTeX that worksheets use: scripts, `\\frac`, sums, brackets, Greek letters,
upright names, and `cases`.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from gradatim.graph.errors import ArgumentError


@dataclass(frozen=True)
class Atom:
    """A name, a number or an operator: what MathML calls mi, mn and mo."""

    text: str
    kind: str = "mi"
    upright: bool = False


@dataclass(frozen=True)
class Row:
    """Parts side by side."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Fraction:
    above: Part
    below: Part


@dataclass(frozen=True)
class Script:
    """A base with what stands below and above it."""

    base: Part
    below: Part | None
    above: Part | None


@dataclass(frozen=True)
class Accent:
    """A hat or a bar on a letter."""

    base: Part
    mark: str


@dataclass(frozen=True)
class Cases:
    """Values, each with the condition under which it holds."""

    rows: tuple[tuple[Part, Part], ...]


Part = Atom | Row | Fraction | Script | Accent | Cases

NAMES = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "lambda": "λ", "sigma": "σ",
    "partial": "∂", "phi": "φ", "Phi": "Φ", "theta": "θ", "varepsilon": "ε", "pi": "π",
    "mu": "μ", "infty": "∞",
}  # fmt: skip
OPERATORS = {
    "cdot": "·", "leftarrow": "←", "le": "≤", "ge": "≥", "ne": "≠", "times": "×", "dots": "…",
    "sum": "∑", "approx": "≈", "circ": "∘", "in": "∈", "notin": "∉", "odot": "⊙", "vdots": "⋮",
    "to": "→", "prod": "∏", "lbrace": "{", "rbrace": "}", "colon": ":",
}  # fmt: skip
FUNCTIONS = ("exp", "log", "ln", "max", "min", "tanh", "cos", "sin", "arctan")
SPACES = {"quad": "  ", ",": " ", ";": " ", " ": " ", "!": ""}
MARKS = {"hat": "\u0302", "bar": "\u0304"}
TOKEN = re.compile(r"\s+|\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|.", re.DOTALL)


def parse(latex: str) -> Part:
    """The formula as a tree.

    Raises:
        ArgumentError: for a command outside the part of LaTeX that is known here.

    Example:
        >>> parse(r"w^2")
        Script(base=Atom(text='w', kind='mi', upright=False), below=None, \
above=Atom(text='2', kind='mn', upright=False))
    """
    return _Reader([t for t in TOKEN.findall(latex) if not t.isspace()], latex).row("")


class _Reader:
    """Goes through the tokens once."""

    def __init__(self, tokens: list[str], source: str) -> None:
        self.tokens, self.place, self.source = tokens, 0, source

    def next(self) -> str:
        if self.place == len(self.tokens):
            raise ArgumentError(f"the formula {self.source!r} ends too early")
        self.place += 1
        return self.tokens[self.place - 1]

    @property
    def ahead(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def row(self, *ends: str) -> Part:
        """Parts until one of `ends`, which is left to the caller."""
        parts: list[Part] = []
        while self.ahead not in ends:
            parts.append(self.scripted())
        return parts[0] if len(parts) == 1 else Row(tuple(parts))

    def scripted(self) -> Part:
        base = self.part()
        scripts: dict[str, Part] = {}
        while self.ahead in ("_", "^"):
            where = self.next()
            scripts[where] = self.part()
        return Script(base, scripts.get("_"), scripts.get("^")) if scripts else base

    def part(self) -> Part:
        token = self.next()
        if token == "{":
            inside = self.row("}")
            self.next()
            return inside
        if token.startswith("\\"):
            return self.command(token[1:])
        if token[0].isdigit():
            return Atom(token, "mn")
        if token == "'":
            return Atom("′", "mo")
        return Atom("−" if token == "-" else token, "mi" if token.isalpha() else "mo")

    def command(self, name: str) -> Part:
        if name == "frac":
            return Fraction(self.part(), self.part())
        if name in MARKS:
            return Accent(self.part(), MARKS[name])
        if name in ("left", "right", "bigl", "bigr"):
            bracket = self.next().lstrip("\\")
            return Row(()) if bracket == "." else Atom(bracket, "mo")
        if name in ("mathrm", "text", "operatorname"):
            return self.upright()
        if name == "begin":
            return self.cases()
        if name in NAMES:
            return Atom(NAMES[name])
        if name in OPERATORS:
            return Atom(OPERATORS[name], "mo")
        if name in FUNCTIONS:
            return Atom(name, "mi", upright=True)
        if name in SPACES:
            return Atom(SPACES[name], "space")
        if name in "{}_%|":
            return Atom(name, "mo")
        raise ArgumentError(f"the formula {self.source!r} has \\{name}, which is not known here")

    def upright(self) -> Part:
        """Words as they are; the spaces between them were dropped, so `\\ ` says where they are."""
        self.next()
        letters = []
        while self.ahead != "}":
            token = self.next()
            letters.append({"\\ ": " ", "\\_": "_"}.get(token, token))
        self.next()
        return Atom("".join(letters), "mi", upright=True)

    def cases(self) -> Part:
        while self.next() != "}":
            pass
        rows = []
        while True:
            value = self.row("&")
            self.next()
            condition = self.row("\\\\", "\\end")
            rows.append((value, condition))
            if self.next() == "\\end":
                break
        while self.next() != "}":
            pass
        return Cases(tuple(rows))


# --- as text -------------------------------------------------------------------------------------

ABOVE = dict(zip("0123456789+−()nilT′-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱˡᵀ′⁻"))
BELOW = dict(zip("0123456789+−()aehijklmnoprstuvx-", "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₋"))
BELOW[","] = ","  # between indices of several digits; there is no lower comma
SEPARATED = {",": ", ", ";": "; "}
SPACED = "=←≤≥<>≠≈+→∈"  # operators with room around them


@functools.lru_cache(4096)
def to_text(latex: str) -> str:
    """The formula as one line.

    Example:
        >>> to_text(r"a^1_j = \\sigma\\left(\\sum_i w^1_{ji} x_i + b^1_j\\right)")
        'a¹ⱼ = σ(∑ᵢ w¹ⱼᵢ xᵢ + b¹ⱼ)'
        >>> to_text(r"\\frac{1}{1 + e^{-z}}")
        '1/(1 + e⁻ᶻ)'
    """
    text = re.sub(" +", " ", _text(parse(latex))).replace("( ", "(").replace("[ ", "[").strip()
    return unicodedata.normalize("NFC", text)


def _text(part: Part) -> str:
    if isinstance(part, Atom):
        return f" {part.text} " if part.text in SPACED else SEPARATED.get(part.text, part.text)
    if isinstance(part, Row):
        return _row_text(part)
    if isinstance(part, Fraction):
        return f"{_closed(part.above)}/{_closed(part.below)}"
    if isinstance(part, Accent):
        return _text(part.base) + part.mark
    if isinstance(part, Cases):
        rows = [f"{_text(value)} {_where(condition)}" for value, condition in part.rows]
        return "; ".join(rows)
    above = "" if part.above is None else _raised(_text(part.above), ABOVE | {"z": "ᶻ"}, "^")
    below = "" if part.below is None else _raised(_text(part.below), BELOW, "_")
    space = " " if isinstance(part.base, Atom) and part.base.text in "∑∏" else ""
    return _text(part.base) + above + below + space


def _where(condition: Part) -> str:
    text = _text(condition)
    return text if text == "elsewhere" else f"where {text}"


def _row_text(row: Row) -> str:
    """Parts one after the other, with room between factors, and none after a sign."""
    text = ""
    for before, part in zip((None, *row.parts), row.parts):
        new = _text(part)
        if isinstance(part, Atom) and part.text == "−":  # minus: between two things, or a sign
            between = before is not None and not _opens(before)
            new = " − " if between else "−"
        elif before is not None and (
            (_is_factor(before) and (_is_factor(part) or _is_sum(part)))
            or (isinstance(before, Fraction) and not _is_mark(part))
        ):
            new = " " + new
        text += new
    return text


def _opens(part: Part) -> bool:
    return isinstance(part, Atom) and (part.text in "([{·,;" or part.text in SPACED)


def _is_sum(part: Part) -> bool:
    part = part.base if isinstance(part, Script) else part
    return isinstance(part, Atom) and part.text in "∑∏"


def _is_mark(part: Part) -> bool:
    return isinstance(part, Atom) and (part.text in ",;)]|·" or part.text in SPACED)


def _is_factor(part: Part) -> bool:
    """Whether it is a quantity, which needs a space from the next."""
    if isinstance(part, Atom):
        return part.kind == "mn" or (part.kind == "mi" and part.text != "∂")
    return isinstance(part, Script | Fraction | Accent) and not (
        isinstance(part, Script) and isinstance(part.base, Atom) and part.base.kind == "mo"
        and part.base.text not in "∑∏"
    )  # fmt: skip


def _closed(part: Part) -> str:
    """In brackets, where it is more than one thing."""
    text = re.sub(" +", " ", _text(part)).strip()
    return text if re.fullmatch(r"[^\s·]*|∂[^−+]*|\w+\([^()]*\)", text) else f"({text})"


def _raised(text: str, letters: dict[str, str], sign: str) -> str:
    text = text.replace(" ", "")
    if all(letter in letters for letter in text):
        return "".join(letters[letter] for letter in text)
    return f"{sign}{text}" if len(text) == 1 else f"{sign}({text})"


# --- as MathML -----------------------------------------------------------------------------------


def to_mathml(latex: str) -> str:
    """The formula as a `<math>` element.

    Example:
        >>> to_mathml("x_1")
        '<math><msub><mi>x</mi><mn>1</mn></msub></math>'
    """
    return f"<math>{_mathml(parse(latex))}</math>"


BRACKETS = {"(": "prefix", "[": "prefix", ")": "postfix", "]": "postfix"}
"""Left to themselves, browsers stretch an opening one to the height of its row, and not the closing
one, which carries an index or a power."""

SIGN = '<mo form="prefix">−</mo>'


def _row(row: Row) -> str:
    """A minus in front of a number is a sign, close to it: at the beginning, behind a bracket."""
    found, is_sign = [], True
    for part in row.parts:
        found.append(SIGN if is_sign and part == Atom("−", "mo") else _mathml(part))
        is_sign = isinstance(part, Atom) and (
            BRACKETS.get(part.text) == "prefix" or part.text in SPACED
        )
    return f"<mrow>{''.join(found)}</mrow>"


def _atom(atom: Atom) -> str:
    if atom.kind == "space":
        return f'<mspace width="{len(atom.text) * 0.5:g}em"></mspace>'
    upright = atom.upright and len(atom.text) == 1
    attribute = ' mathvariant="normal"' if upright else ""
    if atom.kind == "mo" and atom.text in BRACKETS:
        attribute = f' form="{BRACKETS[atom.text]}" stretchy="false"'
    return f"<{atom.kind}{attribute}>{escape(atom.text)}</{atom.kind}>"


def _script(script: Script) -> str:
    base = _mathml(script.base)
    is_sum = isinstance(script.base, Atom) and script.base.text in "∑∏"
    names = ("munder", "mover", "munderover") if is_sum else ("msub", "msup", "msubsup")
    both = script.below is not None and script.above is not None
    name = names[2] if both else names[0] if script.below is not None else names[1]
    inside = "".join(_mathml(s) for s in (script.below, script.above) if s is not None)
    return f"<{name}>{base}{inside}</{name}>"


def _cases(cases: Cases) -> str:
    rows = "".join(
        f"<mtr><mtd>{_mathml(value)}</mtd><mtd>{_mathml(condition)}</mtd></mtr>"
        for value, condition in cases.rows
    )
    return f'<mrow><mo>{{</mo><mtable columnalign="left left">{rows}</mtable></mrow>'


MATHML: dict[type, Callable[..., str]] = {
    Atom: _atom,
    Row: _row,
    Fraction: lambda f: f"<mfrac>{_mathml(f.above)}{_mathml(f.below)}</mfrac>",
    Script: _script,
    Accent: lambda a: (
        f"<mover accent='true'>{_mathml(a.base)}<mo>{'^' if a.mark == MARKS['hat'] else '¯'}</mo>"
        "</mover>"
    ),
    Cases: _cases,
}


def _mathml(part: Part) -> str:
    return MATHML[type(part)](part)
