"""The standard's extension for linear algebra, against the reference. Factors are compared where
they are unique."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("array_api_strict")

LINES = """
L.cholesky(S), L.cholesky(S, upper=True)
L.cross(B, v), L.cross(B[0, ...], B[1, ...])
L.det(A), L.inv(A), L.slogdet(A)
L.diagonal(A), L.diagonal(B, offset=1)
L.eigh(S).eigenvalues, L.eigvalsh(S)
L.matrix_norm(B), L.matrix_norm(B, ord="nuc", keepdims=True), L.matrix_norm(B, ord=-2)
L.matrix_norm(B, ord=1), L.matrix_norm(B, ord=float("inf")), L.matrix_norm(B, ord=-1)
L.matrix_power(A, 3), L.matrix_power(A, -1), L.matrix_power(A, 0)
L.matrix_rank(A), L.matrix_rank(B, rtol=1e-3)
L.outer(v, v), L.pinv(B), L.svdvals(B)
abs(L.qr(B).R), abs(L.qr(B, mode="complete").Q[..., :3])
L.solve(A, v), L.solve(A, A), L.solve(A[0, ...], A)
L.svd(B, full_matrices=False).S, L.svd(B).U.shape, L.svd(B).Vh.shape
L.trace(A), L.trace(B, offset=1), L.trace(xp.astype(B, xp.int8))
L.vecdot(B, v), L.tensordot(A, v, axes=1), L.matmul(B, A[0, ...]), L.matrix_transpose(B)
L.vector_norm(B), L.vector_norm(B, axis=1), L.vector_norm(B, axis=(0, 2), keepdims=True, ord=1)
L.vector_norm(B, ord=float("inf")), L.vector_norm(B, ord=0, axis=-1), L.vector_norm(B, ord=3)
L.vector_norm(B, keepdims=True), L.vector_norm(B, ord=-float("inf"), axis=0)
""".strip().splitlines()


@pytest.mark.parametrize("line", LINES)
def test_line(both, line):
    rng = np.random.default_rng(0)
    square = rng.normal(size=(4, 3, 3))
    positive = square @ square.transpose(0, 2, 1) + np.eye(3)
    arrays = (square, positive, rng.normal(size=(2, 4, 3)), rng.normal(size=3))
    both.agree(
        lambda xp, A, S, B, v: eval(
            line, {"xp": xp, "L": xp.linalg, "A": A, "S": S, "B": B, "v": v}
        ),
        *arrays,
        where=line,
    )
