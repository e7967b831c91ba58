"""What the primitives of linear algebra mean: NumPy's LAPACK where it offers it.

It has no LU with its pivots, no triangular solve and no LDLᵀ: those are written out in
reference_factorizations.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from gradatim.engines import Stop
from gradatim.engines import reference_factorizations as factorizations
from gradatim.graph.errors import ElementOutOfRange, LinAlgError
from gradatim.graph.node import Node

Array = np.ndarray[Any, Any]


def _fail(name: str, info: Array, what: str) -> None:
    """Stop the run for the first matrix whose `info` is not 0."""
    place = int(np.flatnonzero(info)[0])
    number = int(info.reshape(-1)[place])
    raise Stop(LinAlgError, _failed(name, place if info.ndim else None, what.format(number)))


def _failed(name: str, place: int | None, what: str) -> str:
    batch = "" if place is None else f"(Batch element {place}): "
    return f"{name}: {batch}{what}"


def singular(name: str, place: int | None, info: int) -> str:
    """What is said of a singular matrix: the only one, or the one at `place` of a batch."""
    return _failed(name, place, _SINGULAR[name.removesuffix("_ex")].format(info))


def _each(shape: tuple[int, ...]) -> Any:
    """The index of each matrix of a batch."""
    return np.ndindex(*shape)


# --- linear systems ------------------------------------------------------------------------------

_SINGULAR = {
    "linalg.inv": "The diagonal element {} is zero, the inversion could not be completed because "
    "the input matrix is singular.",
    "linalg.solve": "The solver failed because the input matrix is singular.",
}


def _systems(
    node: Node, a: Array, shape: tuple[int, ...], solve_one: Callable[[Any], Array]
) -> Any:
    """`(X, info)`: all at once, and one by one if a matrix is singular."""
    (name,) = node.params
    info = np.zeros(a.shape[:-2], np.int32)
    if 0 in shape:
        return np.empty(shape, a.dtype), info
    try:
        return solve_one(...), info
    except np.linalg.LinAlgError:
        pass
    info = factorizations.lu(a)[2]
    if name is not None and info.any():
        _fail(name, info, _SINGULAR[name.removesuffix("_ex")])
    result = np.full(shape, np.nan, a.dtype)
    for place in _each(info.shape):
        if not info[place]:
            result[place] = solve_one(place)
    return result, info


def _inv(node: Node, a: Array) -> Any:
    return _systems(node, a, a.shape, lambda place: np.linalg.inv(a[place]))


def _solve(node: Node, a: Array, b: Array) -> Any:
    return _systems(node, a, b.shape, lambda place: np.linalg.solve(a[place], b[place]))


def _triangular_solve(node: Node, a: Array, b: Array) -> Array:
    return factorizations.triangular_solve(a, b, *node.params)


# --- determinants and the exponential ------------------------------------------------------------


def _cofactors(node: Node, a: Array) -> Array:
    """det(A) A⁻ᵀ where A is well conditioned; else by its singular values, which divides by none.

    In the SVD, with the signed products of all singular values but one: det(U V) U Γ Vᵀ.
    """
    n = a.shape[-1]
    if 0 in a.shape:
        return np.empty(a.shape, a.dtype)
    if n == 1:
        return np.ones_like(a)
    shape, a = a.shape, a.reshape(-1, n, n)
    result = np.empty_like(a)
    sign, logarithm = np.linalg.slogdet(a)
    good = sign != 0
    if good.any():
        inverse = np.linalg.inv(a[good])
        determinant = sign[good] * np.exp(logarithm[good])  # (as np.linalg.det has it)
        result[good] = determinant[..., None, None] * np.swapaxes(inverse, -1, -2)
        # About half of the digits survive an inversion, or more.
        condition = _column_sum(a[good]) * _column_sum(inverse)
        good[good] = condition < 1 / np.sqrt(np.finfo(a.dtype).eps)
    if not good.all():
        chosen = a[~good]
        u, s, vh = np.linalg.svd(np.where(np.isfinite(chosen), chosen, 0))
        products = np.ones_like(s)
        products[..., 1:] = np.cumprod(s[..., :-1], axis=-1)
        products[..., :-1] *= np.flip(np.cumprod(np.flip(s[..., 1:], -1), axis=-1), -1)
        sign = np.linalg.det(u) * np.linalg.det(vh)
        found = sign[..., None, None] * ((u * products[..., None, :]) @ vh)
        finite = np.isfinite(chosen).all((-2, -1))
        result[~good] = np.where(finite[..., None, None], found, np.nan)
    return result.reshape(shape)


def _column_sum(a: Array) -> Array:
    """The 1-norm of each matrix."""
    return np.asarray(np.abs(a).sum(-2).max(-1))


# Padé approximants of exp, by their degree m: up to which 1-norm of A the error of r_m is below the
# unit roundoff of float64 (Higham, The scaling and squaring method for the matrix exponential
# revisited, 2005, table 2.3), and the coefficients of the numerator.
_PADE = {
    3: (1.495585217958292e-2, (120.0, 60.0, 12.0, 1.0)),
    5: (2.539398330063230e-1, (30240.0, 15120.0, 3360.0, 420.0, 30.0, 1.0)),
    7: (
        9.504178996162932e-1,
        (17297280.0, 8648640.0, 1995840.0, 277200.0, 25200.0, 1512.0, 56.0, 1.0),
    ),
    9: (
        2.097847961257068,
        (17643225600.0, 8821612800.0, 2075673600.0, 302702400.0, 30270240.0, 2162160.0, 110880.0,
         3960.0, 90.0, 1.0),
    ),
    13: (
        5.371920351148152,
        (64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0,
         129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0,
         40840800.0, 960960.0, 16380.0, 182.0, 1.0),
    ),
}  # fmt: skip


def _matrix_exp(node: Node, a: Array) -> Array:
    """Scaled down by a power of 2 until a Padé approximant is exact, and squared as often."""
    if 0 in a.shape:
        return np.empty(a.shape, a.dtype)
    flat = a.reshape(-1, *a.shape[-2:]).astype(np.float64)
    size = np.abs(flat).sum(-2).max(-1)
    finite = np.isfinite(size)
    result = np.full(flat.shape, np.nan)
    lowest = -np.inf
    for degree, (limit, coefficients) in _PADE.items():
        highest = np.inf if degree == 13 else limit
        chosen = finite & (size > lowest) & (size <= highest)
        if chosen.any():
            ratio = np.maximum(size[chosen] / limit, 1.0)
            squarings = np.ceil(np.log2(ratio)).astype(int)
            result[chosen] = _pade(flat[chosen], squarings, coefficients)
        lowest = highest
    return result.reshape(a.shape).astype(a.dtype)


def _pade(a: Array, squarings: Array, coefficients: tuple[float, ...]) -> Array:
    a = a * np.exp2(-squarings)[:, None, None]
    square = power = a @ a
    unit = np.eye(a.shape[-1])
    even, odd = coefficients[0] * unit, coefficients[1] * unit
    for k in range(2, len(coefficients), 2):
        power = power if k == 2 else power @ square
        even = even + coefficients[k] * power
        if k + 1 < len(coefficients):
            odd = odd + coefficients[k + 1] * power
    odd = a @ odd
    result = np.linalg.solve(even - odd, even + odd)
    for k in range(int(squarings.max(initial=0))):
        more = squarings > k
        result[more] = result[more] @ result[more]
    return np.asarray(result)


# --- factorizations ------------------------------------------------------------------------------


def _cholesky(node: Node, a: Array) -> Any:
    (name,) = node.params
    info = np.zeros(a.shape[:-2], np.int32)
    try:
        return np.linalg.cholesky(a), info
    except np.linalg.LinAlgError:
        pass
    result = np.full(a.shape, np.nan, a.dtype)
    for place in _each(info.shape):
        try:
            result[place] = np.linalg.cholesky(a[place])
        except np.linalg.LinAlgError:
            info[place] = _first_bad_minor(a[place])
    if name is not None:
        _fail(
            name,
            info,
            "The factorization could not be completed because the input is not positive-definite "
            "(the leading minor of order {} is not positive-definite).",
        )
    return result, info


def _first_bad_minor(a: Array) -> int:
    """The order of the smallest leading minor without a Cholesky factor."""
    good, bad = 0, len(a)
    while bad - good > 1:
        middle = (good + bad) // 2
        try:
            np.linalg.cholesky(a[:middle, :middle])
            good = middle
        except np.linalg.LinAlgError:
            bad = middle
    return bad


def _lu(node: Node, a: Array) -> Any:
    (name,) = node.params
    packed, pivots, info = factorizations.lu(a)
    if name is not None and info.any():
        _fail(name, info, "U[{0},{0}] is zero and using it on lu_solve would divide by zero.")
    return packed, pivots, info


def _ldl(node: Node, a: Array) -> Any:
    (name,) = node.params
    packed, pivots, info = factorizations.ldl(a)
    if name is not None and info.any():
        _fail(name, info, "D[{0},{0}] is zero and using it on ldl_solve would divide by zero.")
    return packed, pivots, info


def _pinv(node: Node, a: Array, atol: Array, rtol: Array) -> Array:
    if 0 in a.shape:
        return np.zeros(node.shape, a.dtype)
    if node.params[0]:
        w, v = _iterating("linalg.eigh", lambda x: np.linalg.eigh(x, "L"), a)
        s, u, v = np.abs(w), v * np.sign(w)[..., None, :], v
    else:
        u, s, vh = _iterating("linalg.svd", lambda x: np.linalg.svd(x, full_matrices=False), a)
        v = np.swapaxes(vh, -1, -2)
    limit = np.maximum(atol, rtol * s.max(-1))
    inverse = np.where(s > limit[..., None], 1 / s, 0)
    return np.asarray((v * inverse[..., None, :]) @ np.swapaxes(u, -1, -2))


def _ldl_solve(node: Node, packed: Array, pivots: Array, b: Array) -> Array:
    return factorizations.ldl_solve(packed, pivots, b)


def _qr(node: Node, a: Array) -> Any:
    return tuple(np.linalg.qr(a, "complete" if node.params[0] else "reduced"))


def _geqrf(node: Node, a: Array) -> Any:
    turned, tau = np.linalg.qr(a, "raw")
    return np.swapaxes(turned, -1, -2), tau


_NOT_FINITE = (
    "The algorithm failed to converge because the input matrix contained non-finite values."
)
_NOT_CONVERGED = (
    "The algorithm failed to converge because the input matrix is ill-conditioned or has too many "
    "repeated values."
)


def _iterating(name: str, run: Callable[[Array], Any], a: Array) -> Any:
    """What LAPACK iterates for; it never ends on NaN and infinities."""
    finite = np.isfinite(a).all((-2, -1))
    if not finite.all():
        _fail(name, np.asarray(~finite, np.int32), _NOT_FINITE)
    try:
        return run(a)
    except np.linalg.LinAlgError:
        raise Stop(LinAlgError, f"{name}: {_NOT_CONVERGED}") from None


def _svd(node: Node, a: Array) -> Any:
    full = node.params[0]
    return tuple(_iterating("linalg.svd", lambda x: np.linalg.svd(x, full_matrices=full), a))


def _svdvals(node: Node, a: Array) -> Any:
    return _iterating("linalg.svd", lambda x: np.linalg.svd(x, compute_uv=False), a)


def _triangle(node: Node) -> Literal["L", "U"]:
    return "U" if node.params[0] else "L"


def _eigh(node: Node, a: Array) -> Any:
    return tuple(_iterating("linalg.eigh", lambda x: np.linalg.eigh(x, _triangle(node)), a))


def _eigvalsh(node: Node, a: Array) -> Any:
    return _iterating("linalg.eigh", lambda x: np.linalg.eigvalsh(x, _triangle(node)), a)


def bad_pivot(pivot: int, rows: int) -> str:
    """What is said of a pivot that names no row."""
    return (
        f"pivots must be between 1 and the {rows} rows of the matrix, got {pivot}: they come from "
        f"lu_factor"
    )


def _permutation(node: Node, pivots: Array) -> Array:
    (rows,) = node.params
    bad = (pivots < 1) | (pivots > rows)
    if bad.any():
        raise Stop(ElementOutOfRange, bad_pivot(int(pivots[bad][0]), rows))
    return factorizations.permutation(pivots, rows)


LINALG_MEANING: dict[str, Callable[..., Any]] = {
    "inv": _inv,
    "solve": _solve,
    "pinv": _pinv,
    "triangular_solve": _triangular_solve,
    "det": lambda node, a: np.linalg.det(a),
    "slogdet": lambda node, a: tuple(np.linalg.slogdet(a)),
    "cofactors": _cofactors,
    "matrix_exp": _matrix_exp,
    "cholesky": _cholesky,
    "lu": _lu,
    "ldl": _ldl,
    "qr": _qr,
    "geqrf": _geqrf,
    "svd": _svd,
    "svdvals": _svdvals,
    "eigh": _eigh,
    "eigvalsh": _eigvalsh,
    "permutation": _permutation,
    "ldl_solve": _ldl_solve,
}
