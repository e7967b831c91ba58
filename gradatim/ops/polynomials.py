"""Orthogonal polynomials of each element: Chebyshev's, Hermite's, Laguerre's, Legendre's.

All follow a recurrence in the degree. Elements of different degrees go through the same steps, and
each keeps the value of the step that is its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import float64
from gradatim.graph.errors import ArgumentTypeError
from gradatim.graph.formula import Formula, where
from gradatim.graph.scan import close_over
from gradatim.graph.scan import scan as scan_results
from gradatim.ops.arguments import as_number, is_number, operands
from gradatim.tensor import Tensor, named

__all__: list[str] = []  # their names are those of `gd.special` alone

# (x, k, the polynomial of degree k, that of degree k - 1) -> that of degree k + 1
Step = Callable[[Formula, Formula, Formula, Formula], Formula]
Start = Callable[[Formula], Formula]  # the polynomial of degree 1

_UNROLLED = 24  # steps that are written out; more of them are a loop


def _family(
    name: str, text: str, first: Start, step: Step, change: Start | None = None,
    most: dict[int, int] | None = None,
) -> Callable[[Any, Any], Tensor]:  # fmt: skip
    """One family.

    Args:
        change: of the variable, before anything else.
        most: the largest degree that PyTorch computes, by the bytes of the dtype; NaN above it.
    """

    def function(input: Any, n: Any) -> Tensor:
        if not isinstance(input, Tensor) and not isinstance(n, Tensor):
            raise ArgumentTypeError(f"{name}() needs a Tensor as input or as n")
        x_node, n_node = operands(input, n, name, floating=True)
        dtype = x_node.dtype
        # The recurrences lose digits near the zeros: narrower floats are computed in float64.
        x_node, n_node = p.cast(x_node, float64), p.cast(n_node, float64)
        limit = (most or {}).get(max(dtype.itemsize, 4))
        highest = _highest(n) if limit is None else min(_highest(n), limit)
        x, degree = Formula(x_node), Formula(p.trunc(n_node))
        if change is not None:
            x = change(x)
        found = _recur(x, degree, highest, first, step)
        if limit is not None:
            found = where(degree > limit, float("nan"), found)
        return named(found.to(dtype).node, "Special" + name.title().replace("_", ""))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{text} of degree n, of each element, with broadcasting; 0 for a negative degree. A "
        f"tensor n is looked at: its largest value is how many steps there are."
    )
    return function


def _highest(n: Any) -> int:
    if is_number(n):
        return max(int(as_number(n)), 0)
    return max(int(n.detach()._value().max()), 0) if n.numel() else 0


def _recur(x: Formula, degree: Formula, highest: int, first: Start, step: Step) -> Formula:
    shape = p.broadcast(x.node.shape, degree.node.shape)
    x = Formula(p.expand(x.node, shape))
    before, now = x.number(1.0), first(x)
    found = where(degree.equals(0.0), 1.0, where(degree < 0, x.number(0.0), now))
    if highest <= _UNROLLED:
        for k in range(1, highest):
            now, before = step(x, x.number(k), now, before), now
            found = where(degree > k, now, found)
        return found
    carries = [p.expand(before.node, shape), now.node, found.node, p.constant(1.0, x.dtype)]
    inner = [p.program_input(j, c.shape, c.dtype, c.device) for j, c in enumerate(carries)]
    before, now, found, k = map(Formula, inner)
    ahead = step(x, k, now, before)
    results = [now, ahead, where(degree > k, ahead, found), k + 1]
    body, outer = close_over([r.node for r in results], inner)
    return Formula(scan_results(body, carries, [], outer, highest - 1, False)[2])


def _twice(x: Formula, k: Formula, now: Formula, before: Formula) -> Formula:
    return (x + x) * now - before


def _shifted(x: Formula) -> Formula:
    return x + x - 1


_CHEBYSHEV: dict[str, tuple[str, Start]] = {
    "t": ("The Chebyshev polynomial of the first kind", lambda x: x),
    "u": ("The Chebyshev polynomial of the second kind", lambda x: x + x),
    "v": ("The Chebyshev polynomial of the third kind", lambda x: x + x - 1),
    "w": ("The Chebyshev polynomial of the fourth kind", lambda x: x + x + 1),
}

FAMILIES: dict[str, Callable[[Any, Any], Tensor]] = {}
for _kind, (_text, _first) in _CHEBYSHEV.items():
    _name = f"chebyshev_polynomial_{_kind}"
    FAMILIES[_name] = _family(_name, _text, _first, _twice)
    FAMILIES[f"shifted_{_name}"] = _family(
        f"shifted_{_name}", f"{_text}, at 2x - 1,", _first, _twice, _shifted
    )
FAMILIES["hermite_polynomial_h"] = _family(
    "hermite_polynomial_h", "The physicist's Hermite polynomial", lambda x: x + x,
    lambda x, k, now, before: (x + x) * now - (k + k) * before, most={4: 128, 8: 512},
)  # fmt: skip
FAMILIES["hermite_polynomial_he"] = _family(
    "hermite_polynomial_he", "The probabilist's Hermite polynomial", lambda x: x,
    lambda x, k, now, before: x * now - k * before, most={4: 128, 8: 512},
)  # fmt: skip
FAMILIES["laguerre_polynomial_l"] = _family(
    "laguerre_polynomial_l", "The Laguerre polynomial", lambda x: 1 - x,
    lambda x, k, now, before: ((k + k + 1 - x) * now - k * before) / (k + 1),
)  # fmt: skip
FAMILIES["legendre_polynomial_p"] = _family(
    "legendre_polynomial_p", "The Legendre polynomial", lambda x: x,
    lambda x, k, now, before: ((k + k + 1) * x * now - k * before) / (k + 1),
)  # fmt: skip
