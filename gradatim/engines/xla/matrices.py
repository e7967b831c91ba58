"""Linear algebra in `jax.lax.linalg` and `jax.numpy.linalg`.

LDLᵀ, which XLA does not have, is called back on the host: reference_factorizations.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.lax import linalg

from gradatim.engines import reference_factorizations as factorizations
from gradatim.engines.reference_linalg import (
    _NOT_CONVERGED,
    _NOT_FINITE,
    _PADE,
    _SINGULAR,
)
from gradatim.engines.xla.table import Array, check_first, means
from gradatim.graph.errors import ElementOutOfRange, LinAlgError
from gradatim.graph.node import Node

_Type: Any = jax.ShapeDtypeStruct


def _units(shape: Any, dtype: Any) -> Array:
    """Unit matrices, not always square."""
    rows, columns = shape[-2:]
    return jnp.broadcast_to(jnp.eye(rows, columns, dtype=dtype), shape)


def _transposed(x: Array) -> Array:
    return jnp.swapaxes(x, -1, -2)


def _product(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=lax.Precision.HIGHEST)


def _check_info(name: str | None, info: Array, what: str) -> None:
    """Let the run fail for the first matrix whose `info` is not 0."""
    if name is None:
        return
    batched = info.ndim > 0

    def message(number: int, place: int) -> str:
        batch = f"(Batch element {place}): " if batched else ""
        return f"{name}: {batch}{what.format(number)}"

    places = jnp.arange(info.size).reshape(info.shape)
    check_first(LinAlgError, message, info != 0, info, places)


# --- factorizations ------------------------------------------------------------------------------


def _first_zero(diagonal: Array) -> Array:
    """`info` of a triangle: where its first zero stands, counted from 1, or 0."""
    zero = diagonal == 0
    if not diagonal.shape[-1]:
        return jnp.zeros(diagonal.shape[:-1], jnp.int32)
    return jnp.where(zero.any(-1), jnp.argmax(zero, -1) + 1, 0).astype(jnp.int32)


def _factorized(a: Array) -> tuple[Array, Array, Array]:
    """LU, the pivots counted from 0, and the order of rows."""
    if 0 in a.shape:
        batch, (m, n) = a.shape[:-2], a.shape[-2:]
        rows = jnp.broadcast_to(jnp.arange(m, dtype=jnp.int32), (*batch, m))
        return a, jnp.zeros((*batch, min(m, n)), jnp.int32), rows
    packed, pivots, rows = linalg.lu(a)
    return packed, pivots, rows


def _diagonal(a: Array) -> Array:
    return jnp.diagonal(a, axis1=-2, axis2=-1)


@means("lu")
def _lu(node: Node, a: Array) -> Any:
    packed, pivots, _ = _factorized(a)
    info = _first_zero(_diagonal(packed))
    what = "U[{0},{0}] is zero and using it on lu_solve would divide by zero."
    _check_info(node.params[0], info, what)
    return packed, (pivots + 1).astype(jnp.int32), info


@means("cholesky")
def _cholesky(node: Node, a: Array) -> Any:
    if 0 in a.shape:
        return a, jnp.zeros(a.shape[:-2], jnp.int32)
    factor = jnp.tril(linalg.cholesky(a, symmetrize_input=False))
    bad = jnp.isnan(_diagonal(factor)).any(-1)
    none = jnp.zeros(a.shape[:-2], jnp.int32)
    info = lax.cond(bad.any(), lambda: jnp.where(bad, _first_bad_minor(a), 0), lambda: none)
    what = (
        "The factorization could not be completed because the input is not positive-definite "
        "(the leading minor of order {} is not positive-definite)."
    )
    _check_info(node.params[0], info, what)
    return jnp.where(bad[..., None, None], jnp.nan, factor), info


def _first_bad_minor(a: Array) -> Array:
    """The order of the smallest leading minor without a Cholesky factor, by elimination row by
    row: the first pivot that is not positive."""
    n = a.shape[-1]
    below = jnp.tril(a)
    whole = below + _transposed(jnp.tril(a, -1))

    def eliminate(k: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        rest, info = state
        column = lax.dynamic_index_in_dim(rest, k, -1, keepdims=False)
        pivot = lax.dynamic_index_in_dim(column, k, -1, keepdims=False)
        fails = ~(pivot > 0)
        info = jnp.where((info == 0) & fails, k + 1, info)
        scaled = column / jnp.where(fails, 1, pivot)[..., None]
        return rest - scaled[..., :, None] * column[..., None, :], info

    start = (whole, jnp.zeros(a.shape[:-2], jnp.int64))
    _, info = lax.fori_loop(0, n, eliminate, start)
    return jnp.where(info == 0, n, info).astype(jnp.int32)


@means("qr")
def _qr(node: Node, a: Array) -> Any:
    if a.size == 0:
        shape, _ = node.shape
        unit = _units(shape, a.dtype)
        return unit, jnp.zeros(node.shape[1], a.dtype)
    return tuple(jnp.linalg.qr(a, "complete" if node.params[0] else "reduced"))


@means("geqrf")
def _geqrf(node: Node, a: Array) -> Any:
    if 0 in a.shape:
        return a, jnp.zeros(node.shape[1], a.dtype)
    turned, tau = jnp.linalg.qr(a, "raw")
    return _transposed(turned), tau


def _check_finite(name: str, a: Array) -> Array:
    """Which algorithms that iterate need: they may never end on NaN and infinities."""
    finite = jnp.isfinite(a).all((-2, -1))
    _check_info(name, (~finite).astype(jnp.int32), _NOT_FINITE)
    return jnp.where(finite[..., None, None], a, 0)


def _check_converged(name: str, values: Array) -> None:
    failed = jnp.isnan(values).any()
    check_first(LinAlgError, lambda *_: f"{name}: {_NOT_CONVERGED}", failed[None])


@means("svd")
def _svd(node: Node, a: Array) -> Any:
    a = _check_finite("linalg.svd", a)
    if 0 in a.shape:
        kinds = [jnp.zeros(shape, a.dtype) for shape in node.shape]
        for k in (0, 2):
            kinds[k] = _units(node.shape[k], a.dtype)
        return tuple(kinds)
    u, s, vh = jnp.linalg.svd(a, full_matrices=node.params[0])
    _check_converged("linalg.svd", s)
    return u, s, vh


@means("svdvals")
def _svdvals(node: Node, a: Array) -> Array:
    a = _check_finite("linalg.svd", a)
    if 0 in a.shape:
        return jnp.zeros(node.shape, a.dtype)
    s = jnp.linalg.svd(a, compute_uv=False)
    _check_converged("linalg.svd", s)
    return s


def _symmetric(node: Node, a: Array) -> tuple[Array, Array]:
    a = _check_finite("linalg.eigh", a)
    if 0 in a.shape:
        return jnp.zeros(a.shape[:-1], a.dtype), a
    v, w = linalg.eigh(a, lower=not node.params[0], symmetrize_input=False)
    _check_converged("linalg.eigh", w)
    return w, v


@means("eigh")
def _eigh(node: Node, a: Array) -> Any:
    return _symmetric(node, a)


@means("eigvalsh")
def _eigvalsh(node: Node, a: Array) -> Array:
    return _symmetric(node, a)[0]


@means("permutation")
def _permutation(node: Node, pivots: Array) -> Array:
    (rows,) = node.params

    def message(bad: int, _: int) -> str:
        return (
            f"pivots must be between 1 and the {rows} rows of the matrix, got {bad}: they come "
            f"from lu_factor"
        )

    check_first(ElementOutOfRange, message, (pivots < 1) | (pivots > rows), pivots)
    if not pivots.shape[-1] or not rows:
        return jnp.broadcast_to(jnp.arange(rows), node.shape)
    inside = jnp.clip(pivots, 1, rows) - 1
    return linalg.lu_pivots_to_permutation(inside, rows).astype(jnp.int64)


# --- on the host ---------------------------------------------------------------------------------


def _on_host(function: Callable[..., Any], types: tuple[Any, ...], *arrays: Array) -> Any:
    """A function of NumPy arrays. float64 crosses over as pairs of 32-bit words: the thread that
    calls back does not run under x64."""

    def run(*words: Any) -> Any:
        found = function(*map(_from_words, map(np.asarray, words)))
        return tuple(map(_to_words, found if isinstance(found, tuple) else (found,)))

    made = [np.zeros(type_.shape, type_.dtype) for type_ in types]
    sent = [_Type(x.shape, x.dtype) for x in map(_to_words, made)]
    given = [
        lax.bitcast_convert_type(x, jnp.uint32) if x.dtype == jnp.float64 else x for x in arrays
    ]
    results = jax.pure_callback(run, tuple(sent), *given)
    return tuple(
        lax.bitcast_convert_type(x, jnp.float64) if x.dtype == jnp.uint32 else x for x in results
    )


def _to_words(x: Any) -> Any:
    if x.dtype != np.float64:
        return x
    return np.ascontiguousarray(x)[..., None].view(np.uint32)


def _from_words(x: Any) -> Any:
    return np.ascontiguousarray(x).view(np.float64)[..., 0] if x.dtype == np.uint32 else x


@means("ldl")
def _ldl(node: Node, a: Array) -> Any:
    types = tuple(_Type(shape, dtype.numpy) for shape, dtype in zip(node.shape, node.dtype))
    packed, pivots, info = _on_host(factorizations.ldl, types, a)
    what = "D[{0},{0}] is zero and using it on ldl_solve would divide by zero."
    _check_info(node.params[0], info, what)
    return packed, pivots, info


@means("ldl_solve")
def _ldl_solve(node: Node, packed: Array, pivots: Array, b: Array) -> Array:
    types = (_Type(node.shape, node.dtype.numpy),)
    return _on_host(factorizations.ldl_solve, types, packed, pivots, b)[0]


# --- linear systems ------------------------------------------------------------------------------


def _triangular(a: Array, b: Array, upper: bool, unit: bool) -> Array:
    if 0 in b.shape:
        return b
    return linalg.triangular_solve(a, b, left_side=True, lower=not upper, unit_diagonal=unit)


@means("triangular_solve")
def _triangular_solve(node: Node, a: Array, b: Array) -> Array:
    upper, unit = node.params
    return _triangular(a, b, upper, unit)


def _systems(name: str | None, a: Array, b: Array) -> tuple[Array, Array]:
    """`(X, info)`, NaN where the matrix is singular."""
    packed, _, rows = _factorized(a)
    info = _first_zero(_diagonal(packed))
    if name is not None:
        _check_info(name, info, _SINGULAR[name.removesuffix("_ex")])
    if 0 in b.shape:
        return b, info
    ordered = jnp.take_along_axis(b, rows[..., None], axis=-2)
    x = _triangular(packed, _triangular(packed, ordered, False, True), True, False)
    return jnp.where((info != 0)[..., None, None], jnp.nan, x), info


@means("solve")
def _solve(node: Node, a: Array, b: Array) -> Any:
    return _systems(node.params[0], a, b)


@means("inv")
def _inv(node: Node, a: Array) -> Any:
    unit = jnp.broadcast_to(jnp.eye(a.shape[-1], dtype=a.dtype), a.shape)
    return _systems(node.params[0], a, unit)


@means("pinv")
def _pinv(node: Node, a: Array, atol: Array, rtol: Array) -> Array:
    if 0 in a.shape:
        return jnp.zeros(node.shape, a.dtype)
    if node.params[0]:
        a = _check_finite("linalg.eigh", a)
        v, w = linalg.eigh(a, lower=True, symmetrize_input=False)
        s, u = jnp.abs(w), v * jnp.sign(w)[..., None, :]
    else:
        a = _check_finite("linalg.svd", a)
        u, s, vh = jnp.linalg.svd(a, full_matrices=False)
        v = _transposed(vh)
    limit = jnp.maximum(atol, rtol * s.max(-1))
    inverse = jnp.where(s > limit[..., None], 1 / s, 0)
    return _product(v * inverse[..., None, :], _transposed(u))


# --- determinants and the exponential ------------------------------------------------------------


def _sign_of_order(pivots: Array) -> Array:
    """1 or -1: whether the number of exchanges is even."""
    moved = (pivots != jnp.arange(pivots.shape[-1])).sum(-1)
    return 1 - 2 * (moved % 2)


def _determinant(a: Array) -> Array:
    packed, pivots, _ = _factorized(a)
    return _sign_of_order(pivots).astype(a.dtype) * jnp.prod(_diagonal(packed), -1)


@means("det")
def _det(node: Node, a: Array) -> Array:
    return _determinant(a)


def _log_determinant(a: Array) -> tuple[Array, Array]:
    packed, pivots, _ = _factorized(a)
    diagonal = _diagonal(packed)
    sign = _sign_of_order(pivots).astype(a.dtype) * jnp.prod(jnp.sign(diagonal), -1)
    return sign, jnp.sum(jnp.log(jnp.abs(diagonal)), -1)


@means("slogdet")
def _slogdet(node: Node, a: Array) -> Any:
    return _log_determinant(a)


@means("cofactors")
def _cofactors(node: Node, a: Array) -> Array:
    """det(A) A⁻ᵀ where A is well conditioned; else by its singular values, which divides by none.
    The rule, and where it changes over, are the reference engine's."""
    n = a.shape[-1]
    if 0 in a.shape:
        return a
    if n == 1:
        return jnp.ones_like(a)
    unit = jnp.broadcast_to(jnp.eye(n, dtype=a.dtype), a.shape)
    inverse, _ = _systems(None, a, unit)
    condition = jnp.abs(a).sum(-2).max(-1) * jnp.abs(inverse).sum(-2).max(-1)
    good = condition < 1 / math.sqrt(np.finfo(a.dtype).eps)
    direct = _determinant(a)[..., None, None] * _transposed(inverse)

    def by_singular_values() -> Array:
        finite = jnp.isfinite(a).all((-2, -1))[..., None, None]
        u, s, vh = jnp.linalg.svd(jnp.where(finite, a, 0))
        ones = jnp.ones_like(s[..., :1])
        before = jnp.concatenate([ones, jnp.cumprod(s[..., :-1], -1)], -1)
        behind = jnp.flip(jnp.cumprod(jnp.flip(s[..., 1:], -1), -1), -1)
        products = before * jnp.concatenate([behind, ones], -1)
        sign = _determinant(u) * _determinant(vh)
        found = sign[..., None, None] * _product(u * products[..., None, :], vh)
        return jnp.where(finite, found, jnp.nan)

    other = lax.cond(good.all(), lambda: direct, by_singular_values)
    return jnp.where(good[..., None, None], direct, other)


@means("matrix_exp")
def _matrix_exp(node: Node, a: Array) -> Array:
    """Scaled down by a power of 2 until the Padé approximant of degree 13 is exact, and squared as
    often (Higham 2005, as in the reference engine)."""
    if 0 in a.shape:
        return a
    limit, coefficients = _PADE[13]
    wide = a.astype(jnp.float64)
    size = jnp.abs(wide).sum(-2).max(-1)
    finite = jnp.isfinite(size)
    size = jnp.where(finite, size, 0)
    squarings = jnp.ceil(jnp.log2(jnp.maximum(size / limit, 1.0))).astype(jnp.int64)
    scaled = jnp.where(finite[..., None, None], wide, 0)
    scaled = scaled * jnp.exp2(-squarings.astype(jnp.float64))[..., None, None]
    square = power = _product(scaled, scaled)
    unit = jnp.eye(a.shape[-1], dtype=jnp.float64)
    even, odd = coefficients[0] * unit, coefficients[1] * unit
    for k in range(2, len(coefficients), 2):
        power = power if k == 2 else _product(power, square)
        even = even + coefficients[k] * power
        if k + 1 < len(coefficients):
            odd = odd + coefficients[k + 1] * power
    odd = _product(scaled, odd)
    result, _ = _systems(None, even - odd, even + odd)

    def again(k: Array, x: Array) -> Array:
        return jnp.where((squarings > k)[..., None, None], _product(x, x), x)

    result = lax.fori_loop(0, squarings.max(), again, result)
    return jnp.where(finite[..., None, None], result, jnp.nan).astype(a.dtype)
