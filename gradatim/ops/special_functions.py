"""The gamma family, Bessel functions and the normal distribution's: functions of one or two numbers
that `gd.special` collects; a few of them are names of the package and methods too.

Each is a formula (`_bessel`, `_normal_law`, `_incomplete_gamma`) together with its derivative.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from gradatim.graph import primitives as p
from gradatim.graph.dtypes import float32
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, UnsupportedDType
from gradatim.graph.formula import Formula, log, log1p, sign, where
from gradatim.graph.polygamma import polygamma as polygamma_node
from gradatim.graph.polygamma import zeta as zeta_formula
from gradatim.ops import _bessel, _incomplete_gamma, _normal_law
from gradatim.ops._slopes import Function, differentiable, with_slopes
from gradatim.ops.arguments import (
    as_tensor_operand,
    floating_operand,
    number_node,
    operands,
)
from gradatim.tensor import Tensor, method, named

__all__ = ["i0", "igamma", "igammac", "mvlgamma", "polygamma"]


SMOOTH: dict[str, Function] = {}  # by name, the functions that know their slopes


def _of_one(
    name: str, title: str, text: str, formula: Function, slope: Function | None
) -> Callable[[Tensor], Tensor]:
    SMOOTH[name] = smooth = differentiable(name, formula, slope)

    def function(input: Tensor) -> Tensor:
        return named(smooth(Formula(floating_operand(input, name))).node, title)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{text} of each element; integers become the default floating dtype."
    return function


def _over_x(name: str, order: str) -> Function:
    """`name`(x) / x, a function of order 1 that is x / 2 near 0, with the function `order` 0."""

    def formula(x: Formula) -> Formula:
        zero = x.equals(0.0)
        safe = where(zero, 1.0, x)
        return where(zero, 0.5, SMOOTH[name](safe) / safe)

    def slope(x: Formula) -> Formula:
        zero = x.equals(0.0)
        safe = where(zero, 1.0, x)
        return where(zero, 0.0, (SMOOTH[order](safe) - 2 * smooth(safe)) / safe)

    smooth = differentiable(f"{name} / x", formula, slope)
    return smooth


# --- Bessel functions (their slopes: DLMF 10.6, 10.29) -------------------------------------------

_i1_over_x, _j1_over_x = _over_x("i1", "i0"), _over_x("bessel_j1", "bessel_j0")


def _i0_slope(x: Formula) -> Formula:
    return SMOOTH["i1"](x)


def _i1_slope(x: Formula) -> Formula:
    return SMOOTH["i0"](x) - _i1_over_x(x)


def _i0e_slope(x: Formula) -> Formula:
    return SMOOTH["i1e"](x) - sign(x) * SMOOTH["i0e"](x)


def _i1e_slope(x: Formula) -> Formula:
    zero = x.equals(0.0)
    safe = where(zero, 1.0, x)
    found = SMOOTH["i0e"](safe) - SMOOTH["i1e"](safe) * (sign(safe) + 1 / safe)
    return where(zero, 0.5, found)


def _j0_slope(x: Formula) -> Formula:
    return -SMOOTH["bessel_j1"](x)


def _j1_slope(x: Formula) -> Formula:
    return SMOOTH["bessel_j0"](x) - _j1_over_x(x)


def _y0_slope(x: Formula) -> Formula:
    return -SMOOTH["bessel_y1"](x)


def _y1_slope(x: Formula) -> Formula:
    return SMOOTH["bessel_y0"](x) - SMOOTH["bessel_y1"](x) / x


def _k0_slope(x: Formula) -> Formula:
    return -SMOOTH["modified_bessel_k1"](x)


def _k1_slope(x: Formula) -> Formula:
    return -SMOOTH["modified_bessel_k0"](x) - SMOOTH["modified_bessel_k1"](x) / x


def _k0e_slope(x: Formula) -> Formula:
    return SMOOTH["scaled_modified_bessel_k0"](x) - SMOOTH["scaled_modified_bessel_k1"](x)


def _k1e_slope(x: Formula) -> Formula:
    scaled = SMOOTH["scaled_modified_bessel_k1"](x)
    return scaled * (1 - 1 / x) - SMOOTH["scaled_modified_bessel_k0"](x)


_I = "The modified Bessel function I"
_K = "The modified Bessel function K"
i0 = method()(_of_one("i0", "I0", f"{_I}₀", _bessel.i0, _i0_slope))
i0e = _of_one("i0e", "SpecialI0E", "exp(-|x|) I₀(x)", _bessel.i0e, _i0e_slope)
i1 = _of_one("i1", "SpecialI1", f"{_I}₁", _bessel.i1, _i1_slope)
i1e = _of_one("i1e", "SpecialI1E", "exp(-|x|) I₁(x)", _bessel.i1e, _i1e_slope)
bessel_j0 = _of_one("bessel_j0", "SpecialBesselJ0", "The Bessel function J₀", _bessel.j0, _j0_slope)
bessel_j1 = _of_one("bessel_j1", "SpecialBesselJ1", "The Bessel function J₁", _bessel.j1, _j1_slope)
bessel_y0 = _of_one("bessel_y0", "SpecialBesselY0", "The Bessel function Y₀", _bessel.y0, _y0_slope)
bessel_y1 = _of_one("bessel_y1", "SpecialBesselY1", "The Bessel function Y₁", _bessel.y1, _y1_slope)
modified_bessel_i0 = _of_one(
    "modified_bessel_i0", "SpecialModifiedBesselI0", f"{_I}₀", _bessel.i0, _i0_slope
)
modified_bessel_i1 = _of_one(
    "modified_bessel_i1", "SpecialModifiedBesselI1", f"{_I}₁", _bessel.i1, _i1_slope
)
modified_bessel_k0 = _of_one(
    "modified_bessel_k0", "SpecialModifiedBesselK0", f"{_K}₀", _bessel.k0, _k0_slope
)
modified_bessel_k1 = _of_one(
    "modified_bessel_k1", "SpecialModifiedBesselK1", f"{_K}₁", _bessel.k1, _k1_slope
)
scaled_modified_bessel_k0 = _of_one(
    "scaled_modified_bessel_k0", "SpecialScaledModifiedBesselK0", "exp(x) K₀(x)", _bessel.k0e,
    _k0e_slope,
)  # fmt: skip
scaled_modified_bessel_k1 = _of_one(
    "scaled_modified_bessel_k1", "SpecialScaledModifiedBesselK1", "exp(x) K₁(x)", _bessel.k1e,
    _k1e_slope,
)  # fmt: skip
spherical_bessel_j0 = _of_one(
    "spherical_bessel_j0", "SpecialSphericalBesselJ0", "The spherical Bessel function sin(x) / x",
    _bessel.spherical_j0, None,
)  # fmt: skip
airy_ai = _of_one("airy_ai", "SpecialAiryAi", "The Airy function Ai", _bessel.airy_ai, None)


# --- the normal distribution ---------------------------------------------------------------------


def _erfcx_slope(x: Formula) -> Formula:
    return 2 * x * SMOOTH["erfcx"](x) - 2 / math.sqrt(math.pi)


def _ndtri_slope(probability: Formula) -> Formula:
    return 1 / _normal_law.density(SMOOTH["ndtri"](probability))


def _log_ndtr_slope(x: Formula) -> Formula:
    """The density over Φ, which both vanish far below 0, where erfcx keeps their ratio."""
    return math.sqrt(2 / math.pi) / SMOOTH["erfcx"](x * -math.sqrt(0.5))


def _entr_slope(x: Formula) -> Formula:
    return -1 - log(x)


ndtr = _of_one("ndtr", "SpecialNdtr", "The area Φ under the normal density up to x",
               _normal_law.ndtr, _normal_law.density)  # fmt: skip
ndtri = _of_one("ndtri", "SpecialNdtri", "The normal quantile, the inverse of `ndtr`,",
                _normal_law.ndtri, _ndtri_slope)  # fmt: skip
log_ndtr = _of_one("log_ndtr", "SpecialLogNdtr", "log Φ(x), exact far below 0 too,",
                   _normal_law.log_ndtr, _log_ndtr_slope)  # fmt: skip
erfcx = _of_one("erfcx", "SpecialErfcx", "exp(x²) erfc(x), without overflow above 0,",
                _normal_law.erfcx, _erfcx_slope)  # fmt: skip
entr = _of_one("entr", "SpecialEntr", "The entropy -x log x", _normal_law.entr, _entr_slope)


# --- the gamma family ----------------------------------------------------------------------------


@method()
def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension `p`, of each element.

    Raises:
        ArgumentError: for p < 1.

    Example:
        >>> import gradatim as gd
        >>> gd.mvlgamma(gd.tensor([2.0]), 2)
        tensor([0.4516])
    """
    x = floating_operand(input, "mvlgamma")
    if p < 1:
        raise ArgumentError(f"p has to be greater than or equal to 1, got {p}")
    return named(_mvlgamma(x, p), "Mvlgamma")


def _mvlgamma(x: Any, dimension: int) -> Any:
    total = number_node(dimension * (dimension - 1) / 4 * math.log(math.pi), x.dtype)
    for j in range(dimension):
        total = p.add(total, p.lgamma(p.sub(x, number_node(j / 2, x.dtype)) if j else x))
    return total


def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of `digamma`, of each element.

    Raises:
        ArgumentError: for n < 0.

    Example:
        >>> import gradatim as gd
        >>> gd.polygamma(1, gd.tensor([1.0, 0.5]))
        tensor([1.6449, 4.9348])
    """
    try:
        order = operator.index(n)
    except TypeError:
        raise ArgumentTypeError(
            f"polygamma(): argument 'n' must be int, not {type(n).__name__}"
        ) from None
    if order < 0:
        raise ArgumentError(f"polygamma(n, x) does not support negative n, got {order}")
    x = floating_operand(input, "polygamma")
    narrow = x.dtype.itemsize == 2
    found = polygamma_node(order, p.cast(x, float32) if narrow else x)
    return named(p.cast(found, x.dtype), "Polygamma")


@method("polygamma")
def _polygamma_method(self: Tensor, n: int) -> Tensor:
    """The n-th derivative of `digamma`, of each element."""
    return polygamma(n, self)


def zeta(input: Any, other: Any) -> Tensor:
    """Hurwitz's zeta function Σ_{k ≥ 0} 1 / (other + k)^input, elementwise with broadcasting.

    Example:
        >>> import gradatim as gd
        >>> gd.special.zeta(gd.tensor([2.0, 4.0]), 1)
        tensor([1.6449, 1.0823])
    """
    s, q = operands(input, other, "zeta", floating=True)

    return named(_smooth_zeta(Formula(s), Formula(q)).node, "SpecialZeta")


def _zeta_slope(s: Formula, q: Formula) -> Formula:
    return -s * _smooth_zeta(s + 1, q)


_smooth_zeta = differentiable("special_zeta", zeta_formula, None, _zeta_slope)


def _incomplete(name: str, formula: Function, sign_: int, text: str) -> Callable[..., Tensor]:
    def function(input: Any, other: Any) -> Tensor:
        for value in (input, other):
            as_tensor_operand(value, name)
        a, x = operands(input, other, name)
        if not a.dtype.is_floating_point:
            raise UnsupportedDType(
                f'"{name}" is not implemented for {a.dtype.name}: cast the input with .float()'
            )

        def slope(a: Formula, x: Formula) -> Formula:
            return sign_ * _incomplete_gamma.density(a, x)

        return named(with_slopes(name, formula, [None, slope], a, x), name.title())

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"{text}, for a = `input` and x = `other`, elementwise with broadcasting. No gradient "
        f"flows to a, as in PyTorch."
    )
    return method()(function)


igamma = _incomplete("igamma", _incomplete_gamma.lower, 1,
                     "The regularized lower incomplete gamma function P(a, x)")  # fmt: skip
igammac = _incomplete("igammac", _incomplete_gamma.upper, -1,
                      "The regularized upper incomplete gamma function Q(a, x)")  # fmt: skip


def xlog1py(input: Any, other: Any) -> Tensor:
    """input · log(1 + other), and 0 where input is 0 (unless other is NaN)."""
    a, b = operands(input, other, "xlog1py", floating=True)

    def dead(x: Formula, y: Formula) -> Formula:
        return x.equals(0.0) & y.equals(y)

    def formula(x: Formula, y: Formula) -> Formula:
        return x * log1p(where(dead(x, y), 0.0, y))

    def slope_input(x: Formula, y: Formula) -> Formula:
        return where(x.equals(0.0) & (y <= -1), 0.0, log1p(y))

    def slope_other(x: Formula, y: Formula) -> Formula:
        return x / (y + 1)

    node = with_slopes("special_xlog1py", formula, [slope_input, slope_other], a, b)
    return named(node, "SpecialXlog1Py")
