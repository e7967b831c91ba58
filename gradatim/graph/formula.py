"""Formulas: arithmetic on Nodes in Python's operators, for functions of many terms.

`Formula(x) * 2 + 1` builds the same Nodes as `p.add(p.mul(x, two), one)`. The numbers in it belong
to the function, as the coefficients of a series do: they are part of the Program's key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import DType, bool_
from gradatim.graph.node import Node


class Formula:
    """A Node that knows Python's operators.

    Example:
        >>> from gradatim.graph.dtypes import float32
        >>> x = Formula(p.program_input(0, (3,), float32))
        >>> (1 - x * x).node.primitive, (x < 0).node.dtype
        (sub, torch.bool)
    """

    __slots__ = ("node",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, node: Node):
        self.node = node

    @property
    def dtype(self) -> DType:
        found: DType = self.node.dtype
        return found

    def number(self, value: float) -> Formula:
        """A number of this formula's dtype."""
        return Formula(p.fixed(value, self.dtype, self.node.device))

    def _with(self, build: Callable[[Node, Node], Node], other: Operand) -> Formula:
        right = other if isinstance(other, Formula) else self.number(other)
        return Formula(build(self.node, right.node))

    def __add__(self, other: Operand) -> Formula:
        return self._with(p.add, other)

    def __sub__(self, other: Operand) -> Formula:
        return self._with(p.sub, other)

    def __mul__(self, other: Operand) -> Formula:
        return self._with(p.mul, other)

    def __truediv__(self, other: Operand) -> Formula:
        return self._with(p.div, other)

    def __radd__(self, other: float) -> Formula:
        return self._with(p.add, other)

    def __rsub__(self, other: float) -> Formula:
        return self.number(other) - self

    def __rmul__(self, other: float) -> Formula:
        return self._with(p.mul, other)

    def __rtruediv__(self, other: float) -> Formula:
        return self.number(other) / self

    def __neg__(self) -> Formula:
        return Formula(p.neg(self.node))

    def __pow__(self, exponent: int) -> Formula:
        """A whole power, by squaring: the error is that of its few products."""
        if exponent < 0:
            return 1 / self**-exponent
        result: Formula | None = None
        square = self
        while exponent:
            if exponent & 1:
                result = square if result is None else result * square
            exponent >>= 1
            if exponent:
                square = square * square
        return self.number(1) if result is None else result

    def __lt__(self, other: Operand) -> Formula:
        return self._with(p.lt, other)

    def __le__(self, other: Operand) -> Formula:
        return self._with(p.le, other)

    def __gt__(self, other: Operand) -> Formula:
        return self._with(p.gt, other)

    def __ge__(self, other: Operand) -> Formula:
        return self._with(p.ge, other)

    def equals(self, other: Operand) -> Formula:
        """Elementwise `==` (which Python keeps for Formulas themselves)."""
        return self._with(p.eq, other)

    def __and__(self, other: Formula) -> Formula:
        return Formula(p.and_(self.node, other.node))

    def __or__(self, other: Formula) -> Formula:
        return Formula(p.or_(self.node, other.node))

    def __invert__(self) -> Formula:
        return Formula(p.not_(self.node))

    def to(self, dtype: DType) -> Formula:
        """Cast."""
        return Formula(p.cast(self.node, dtype))


Operand = Formula | float


def where(condition: Formula, then: Operand, otherwise: Operand) -> Formula:
    """`then` where the condition holds, else `otherwise`; at least one of them is a Formula."""
    assert condition.dtype is bool_
    if not isinstance(then, Formula):
        assert isinstance(otherwise, Formula)
        then = otherwise.number(then)
    elif not isinstance(otherwise, Formula):
        otherwise = then.number(otherwise)
    return Formula(p.select(condition.node, then.node, otherwise.node))


def _function(build: Callable[[Node], Node]) -> Callable[[Formula], Formula]:
    return lambda x: Formula(build(x.node))


def _function_of_two(build: Callable[[Node, Node], Node]) -> Callable[[Formula, Operand], Formula]:
    return lambda x, y: x._with(build, y)


absolute, sign = _function(p.abs_), _function(p.sign)
floor, nearest = _function(p.floor), _function(p.round_)
exp, expm1, log, log1p = (_function(f) for f in (p.exp, p.expm1, p.log, p.log1p))
exp2 = _function(p.exp2)
sqrt, sin, cos, erfc, lgamma = (_function(f) for f in (p.sqrt, p.sin, p.cos, p.erfc, p.lgamma))
power, remainder = _function_of_two(p.pow_), _function_of_two(p.remainder)
larger, smaller = _function_of_two(p.maximum), _function_of_two(p.minimum)


def polynomial(x: Formula, coefficients: Sequence[float]) -> Formula:
    """Σ c_k x^k by Horner's rule; the constant comes first."""
    *rest, last = coefficients
    result = x.number(last)
    for c in reversed(rest):
        result = result * x + c
    return result


# Terms of a series that no longer count: below these parts of the largest.
_NEGLIGIBLE = {2: 1e-9, 4: 1e-9, 8: 0.0}


def chebyshev(t: Formula, coefficients: Sequence[float]) -> Formula:
    """c0/2 + Σ c_k T_k(t) on [-1, 1] (C. W. Clenshaw, "A note on the summation of Chebyshev
    series", 1955)."""
    least = _NEGLIGIBLE[t.dtype.itemsize] * max(abs(c) for c in coefficients)
    terms = [*coefficients]
    while abs(terms[-1]) < least:
        terms.pop()
    twice = t + t
    ahead, behind = t.number(terms.pop()), t.number(0)
    while len(terms) > 1:
        ahead, behind = twice * ahead - behind + terms.pop(), ahead
    return t * ahead - behind + terms[0] / 2
