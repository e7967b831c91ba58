"""Linear algebra under PyTorch's names: `gd.linalg.solve(A, B)`, `gd.linalg.svd(A)`.

Matrices lie in the last two dimensions, and all before them are a batch. float32 and float64.
"""

from __future__ import annotations

from gradatim.graph.errors import LinAlgError
from gradatim.ops.determinants import linalg_det as det
from gradatim.ops.determinants import linalg_slogdet as slogdet
from gradatim.ops.determinants import linalg_vander as vander
from gradatim.ops.determinants import matrix_exp
from gradatim.ops.diagonals import diagonal as _diagonal
from gradatim.ops.factorizations import linalg_cholesky as cholesky
from gradatim.ops.factorizations import linalg_cholesky_ex as cholesky_ex
from gradatim.ops.factorizations import linalg_lu as lu
from gradatim.ops.factorizations import linalg_lu_factor as lu_factor
from gradatim.ops.factorizations import linalg_lu_factor_ex as lu_factor_ex
from gradatim.ops.least_squares import linalg_lstsq as lstsq
from gradatim.ops.least_squares import linalg_tensorinv as tensorinv
from gradatim.ops.least_squares import linalg_tensorsolve as tensorsolve
from gradatim.ops.linear import matmul
from gradatim.ops.matrix_norms import linalg_cond as cond
from gradatim.ops.matrix_norms import linalg_matrix_norm as matrix_norm
from gradatim.ops.matrix_norms import linalg_norm as norm
from gradatim.ops.norms import linalg_vector_norm as vector_norm
from gradatim.ops.orthogonal import linalg_householder_product as householder_product
from gradatim.ops.orthogonal import linalg_qr as qr
from gradatim.ops.products import linalg_cross as cross
from gradatim.ops.products import linalg_multi_dot as multi_dot
from gradatim.ops.products import matrix_power
from gradatim.ops.singular_values import linalg_matrix_rank as matrix_rank
from gradatim.ops.singular_values import linalg_pinv as pinv
from gradatim.ops.singular_values import linalg_svd as svd
from gradatim.ops.singular_values import linalg_svdvals as svdvals
from gradatim.ops.solving import linalg_inv as inv
from gradatim.ops.solving import linalg_inv_ex as inv_ex
from gradatim.ops.solving import linalg_lu_solve as lu_solve
from gradatim.ops.solving import linalg_solve as solve
from gradatim.ops.solving import linalg_solve_ex as solve_ex
from gradatim.ops.solving import linalg_solve_triangular as solve_triangular
from gradatim.ops.symmetric import linalg_eig as eig
from gradatim.ops.symmetric import linalg_eigh as eigh
from gradatim.ops.symmetric import linalg_eigvals as eigvals
from gradatim.ops.symmetric import linalg_eigvalsh as eigvalsh
from gradatim.ops.symmetric import linalg_ldl_factor as ldl_factor
from gradatim.ops.symmetric import linalg_ldl_factor_ex as ldl_factor_ex
from gradatim.ops.symmetric import linalg_ldl_solve as ldl_solve
from gradatim.tensor import Tensor

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "ldl_factor",
    "ldl_factor_ex",
    "ldl_solve",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """A diagonal of matrices, as a view: (*batch, m, n) -> (*batch, k)."""
    result: Tensor = _diagonal(A, offset, dim1, dim2)
    return result


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Σ x · y along `dim`, where the other dimensions broadcast."""
    result: Tensor = (x * y).sum(dim)
    return result
