"""Gamma numbers whose gradient with respect to the shape parameter is known.

A number z with the distribution function F(z; α) depends on α, at the same quantile, by

    dz/dα = -(∂F/∂α) / (∂F/∂z)

(Figurnov, Mohamed and Mnih, Implicit reparameterization gradients, 2018, equation 3). It is
computed together with the draw, in float64:

- for α < 30 by the series F = z^α e^-z Σ z^n / Γ(α+n+1), differentiated term by term;
- above, from the Cornish-Fisher expansion of z by the normal number x of the same quantile
  (Johnson, Kotz and Balakrishnan, Continuous univariate distributions 1, section 18.5), where x is
  found by Newton's method, and the derivative taken with x held.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim.engines import special
from gradatim.graph import primitives as p
from gradatim.ops._drawing import source_of
from gradatim.random.rejection import standard_gamma as draw_gamma
from gradatim.realize import drawn
from gradatim.tensor import Tensor, wrap

Array = np.ndarray[Any, Any]

LARGE = 30.0

# z = Σ_k α^(1 - k/2) P_k(x): the polynomials P_k, from the constant term on.
_EXPANSION: tuple[tuple[float, ...], ...] = (
    (1.0,),
    (0.0, 1.0),
    (-1 / 3, 0.0, 1 / 3),
    (0.0, -7 / 36, 0.0, 1 / 36),
    (16 / 810, 0.0, -7 / 810, 0.0, -3 / 810),
    (0.0, -433 / 38880, 0.0, 256 / 38880, 0.0, 9 / 38880),
    (1472 / 204120, 0.0, -923 / 204120, 0.0, -243 / 204120, 0.0, 12 / 204120),
    (
        0.0, 289717 / 146966400, 0.0, 289517 / 146966400, 0.0, -4353 / 146966400, 0.0,
        -3753 / 146966400,
    ),
)  # fmt: skip


def standard_gamma(concentration: Tensor) -> Tensor:
    """Gamma numbers of scale 1, one for each element of `concentration`, through which a gradient
    flows to it (once: the gradient itself is not differentiable further).

    Raises:
        CannotCapture: in a compiled step, as the draw looks at the concentration.
    """
    source = source_of(None)
    alpha = concentration.detach()._value().astype(np.float64)
    shape, dtype = tuple(concentration.shape), concentration.dtype
    exact: list[Array] = []

    def draw() -> Array:
        exact.append(draw_gamma(source, alpha))
        return exact[-1].astype(dtype.numpy)

    sample = drawn(shape, dtype, draw)
    node = concentration._read()
    if not node.history:
        return sample
    steep = p.value(slope(exact[0], alpha).astype(dtype.numpy), shape, dtype)
    (found,) = p.custom_gradient([sample._read()], [node], lambda grads: [p.mul(grads[0], steep)])
    return wrap(found, "StandardGamma")


BLOCK = 4096  # elements that are worked on together, in the cache
TOGETHER = 8  # terms between two looks at whether the sum is done


def slope(z: Array, alpha: Array) -> Array:
    """dz/dα for gamma numbers z of shape α and scale 1."""
    z, alpha = np.broadcast_arrays(z, alpha)
    shape, z, alpha = z.shape, z.ravel(), alpha.ravel()
    found = np.empty(z.shape)
    large = alpha >= LARGE
    # Those that need about as many terms of the series stand together.
    series = np.flatnonzero(~large)
    series = series[np.argsort(z[series] + alpha[series])]
    with np.errstate(all="ignore"):
        for compute, places in ((_expanded, np.flatnonzero(large)), (_series, series)):
            for start in range(0, places.size, BLOCK):
                at = places[start : start + BLOCK]
                found[at] = compute(z[at], alpha[at])
    return found.reshape(shape)


def _series(z: Array, alpha: Array) -> Array:
    z = np.maximum(z, np.finfo(np.float64).tiny)
    # (log z - ψ(α+n+1)) z^n Γ(α) / Γ(α+n+1), for n = 0, 1 ...
    weight = 1 / alpha
    gap = np.log(z) - special.digamma(alpha + 1)
    total = weight * gap
    step = alpha.copy()
    term = np.empty_like(total)
    while True:
        for _ in range(TOGETHER):
            step += 1
            weight *= z
            weight /= step
            np.divide(1, step, out=term)
            gap -= term
            np.multiply(weight, gap, out=term)
            total += term
        # Behind their peak the weights fall faster than geometrically.
        if not ((step < z) | (np.abs(term) > 1e-17 * np.abs(total))).any():
            return -z * total


def _expanded(z: Array, alpha: Array) -> Array:
    # A first guess by the cube root, which is nearly normal (Wilson and Hilferty).
    x = 3 * np.sqrt(alpha) * (np.cbrt(z / alpha) - 1 + 1 / (9 * alpha))
    powers = [alpha ** (1 - k / 2) for k in range(len(_EXPANSION))]
    value = _collected(powers)
    for _ in range(3):
        f, df = _horner(value, x)
        x = x - (f - z) / df
    moved = [(1 - k / 2) * w / alpha for k, w in enumerate(powers)]
    return _horner(_collected(moved), x)[0]


def _collected(weights: list[Array]) -> list[Array]:
    """Σ_k weights_k P_k as the coefficients of one polynomial."""
    degree = max(map(len, _EXPANSION))
    found = [np.zeros_like(weights[0]) for _ in range(degree)]
    for weight, coefficients in zip(weights, _EXPANSION):
        for j, c in enumerate(coefficients):
            if c:
                found[j] += c * weight
    return found


def _horner(coefficients: list[Array], x: Array) -> tuple[Array, Array]:
    """A polynomial and its derivative."""
    value, slope = coefficients[-1], np.zeros_like(x)
    for c in reversed(coefficients[:-1]):
        slope = slope * x + value
        value = value * x + c
    return value, slope
