"""Forward mode for linear algebra: the rules of reverse mode, transposed."""

from __future__ import annotations

from gradatim.graph.tangents import tangent_of, transposed

tangent_of(
    "inv", "solve", "triangular_solve", "pinv", "det", "slogdet", "cofactors", "matrix_exp",
    "cholesky", "lu", "qr", "svd", "svdvals", "eigh", "eigvalsh",
)(transposed)  # fmt: skip
