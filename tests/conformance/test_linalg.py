"""Linear algebra beside PyTorch: what the operator database does not try. Older names, `out=`,
drivers, the fields and names of results, mistakes.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gradatim as gd  # noqa: E402

# Well conditioned: the smallest singular value is far above the rounding of float32.
MATRICES = """
x = normal(2, 3, 3) + 4 * np.eye(3)
s = (lambda a: a @ np.swapaxes(a, -1, -2) + np.eye(3))(normal(2, 3, 3))
m = normal(3, 3) + 4 * np.eye(3)
a = normal(2, 5, 3) + 3 * np.eye(5, 3)
b = normal(2, 3, 2)
v = normal(3)
"""

TABLES = {
    "systems": (
        MATRICES,
        """
        t.linalg.inv(x)
        x.inverse()
        t.inverse(x)
        t.linalg.inv_ex(x)
        t.linalg.solve(x, b)
        t.linalg.solve(m, v)
        t.linalg.solve(x, v.expand(2, 3))
        t.linalg.solve(x, b.mT, left=False)
        t.linalg.solve_ex(m, b, check_errors=True)
        t.linalg.solve_ex(x.unsqueeze(1), b)
        t.linalg.solve(m, b.mT, left=False)
        t.linalg.solve(m, b[:0])
        t.linalg.solve_triangular(x, b, upper=True)
        t.linalg.solve_triangular(m, b, upper=False, unitriangular=True)
        t.linalg.solve_triangular(m, b.mT, upper=False, left=False)
        t.triangular_solve(b, m, upper=False, transpose=True)
        b.triangular_solve(x, unitriangular=True)
        t.linalg.tensorinv(x.reshape(2, 3, 3)[0].reshape(3, 3, 1), ind=1)
        t.linalg.tensorsolve(m.reshape(3, 3), v)
        t.matrix_power(x, -2)
        x.matrix_power(-1)
        """,
    ),
    "factorizations": (
        MATRICES,
        """
        t.linalg.cholesky(s)
        t.linalg.cholesky(s, upper=True)
        t.cholesky(s)
        s.cholesky(upper=True)
        t.linalg.cholesky_ex(s)
        t.cholesky_solve(b, t.linalg.cholesky(s))
        b.cholesky_solve(t.linalg.cholesky(s, upper=True), upper=True)
        t.cholesky_inverse(t.linalg.cholesky(s))
        t.linalg.cholesky(s).cholesky_inverse()
        t.linalg.lu(a)
        t.linalg.lu(a.mT)
        t.linalg.lu_factor(x)
        t.linalg.lu_factor_ex(a)
        t.lu(x, get_infos=True)
        x.lu()
        t.lu_unpack(*t.linalg.lu_factor(a.mT))
        t.lu_unpack(*t.linalg.lu_factor(x.detach()), unpack_data=False)
        t.lu_unpack(*t.linalg.lu_factor(x), unpack_pivots=False)
        t.linalg.lu_solve(*t.linalg.lu_factor(x), b)
        t.linalg.lu_solve(*t.linalg.lu_factor(m), b)
        t.linalg.lu_solve(*t.linalg.lu_factor(x), b.mT, left=False)
        t.linalg.lu_solve(*t.linalg.lu_factor(x), b, adjoint=True)
        t.lu_solve(b, *t.linalg.lu_factor(x))
        t.linalg.qr(x)
        t.linalg.qr(a)
        t.linalg.qr(a.mT, mode='complete')
        t.qr(a)
        a.qr()
        t.linalg.householder_product(a, t.geqrf(a)[1].detach())
        t.orgqr(a, v.expand(2, 3))
        t.ormqr(a, v.expand(2, 3), a, transpose=True)
        t.ormqr(a, v.expand(2, 3), a.mT, left=False)
        t.linalg.eigvalsh(s)
        t.linalg.eigvalsh(s, UPLO='U')
        t.linalg.svdvals(a)
        t.svd(a, compute_uv=False)[1]
        t.linalg.ldl_solve(*t.linalg.ldl_factor(s.detach()), b.detach())
        """,
    ),
    "determinants and functions": (
        MATRICES,
        """
        t.linalg.det(x)
        x.det()
        t.logdet(s)
        t.logdet(-s)
        t.linalg.slogdet(x)
        x.slogdet()
        t.linalg.matrix_exp(x / 4)
        m.matrix_exp()
        t.linalg.vander(v, N=4)
        t.vander(v.detach())
        t.vander(v.detach(), 2, increasing=True)
        """,
    ),
    "norms and rank": (
        MATRICES,
        """
        t.linalg.matrix_norm(a, 'nuc')
        t.linalg.matrix_norm(a, 2)
        t.linalg.matrix_norm(a, -2, dim=(0, 1), keepdim=True)
        t.linalg.matrix_norm(a, -1, dtype=t.float64)
        t.linalg.norm(m, 'nuc')
        t.linalg.norm(m, 2)
        t.linalg.norm(v, -3)
        t.norm(m, p='nuc')
        t.nuclear_norm(m)
        t.nuclear_norm(a, (1, 2), True)
        t.frobenius_norm(a, (1, 2))
        t.linalg.cond(x)
        t.linalg.cond(a, -2)
        t.linalg.cond(x.detach(), 'fro')
        t.linalg.cond(x.detach(), 1)
        t.linalg.pinv(a)
        t.linalg.pinv(s, hermitian=True)
        t.linalg.pinv(a, atol=1e-3)
        a.pinverse()
        t.linalg.matrix_rank(a)
        t.linalg.matrix_rank(a, 2.0)
        t.linalg.matrix_rank(s, atol=1.0, hermitian=True)
        t.linalg.matrix_rank(a, rtol=t.tensor([0.1, 0.9]))
        t.linalg.diagonal(a, offset=1)
        t.linalg.vecdot(b, b, dim=1)
        """,
    ),
    # (Detached: PyTorch's own gradient of lu_unpack without data, of the older vander and of cond
    # fails; that of lstsq takes no notice of rcond.)
    "least squares": (
        MATRICES,
        """
        t.linalg.lstsq(a, a[..., :2]).solution
        t.linalg.lstsq(a, a[..., 0], driver='gels')
        t.linalg.lstsq(a, a[..., 1:], driver='gelsd')
        t.linalg.lstsq(a.mT, b, driver='gelss')
        t.linalg.lstsq(a.detach(), a[..., 1:].detach(), rcond=0.9, driver='gelss')
        """,
    ),
}


def test_agrees_with_pytorch(table_case, peers):
    peers.agree(table_case)


# Where a matrix, an argument or a shape is wrong. `z`: zeros (2, 2); `e`: the identity (2, 2).
MISTAKES = """
t.linalg.inv(z)
t.linalg.inv(t.stack([e, z]))
t.linalg.inv_ex(z, check_errors=True)
t.linalg.solve(z, e)
t.linalg.solve_ex(z, e, check_errors=True)
t.linalg.cholesky(-e)
t.linalg.cholesky(t.stack([e, -e]))
t.linalg.cholesky_ex(-e, check_errors=True)
t.linalg.lu_factor(z)
t.linalg.lu_factor_ex(z, check_errors=True)
t.linalg.ldl_factor(z)
t.linalg.svd(e * float('nan'))
t.linalg.svdvals(e * float('inf'))
t.matrix_power(z, -1)
t.linalg.inv(e[0])
t.linalg.inv(e[:, :1])
t.linalg.inv(e.int())
t.linalg.inv(e.half())
t.linalg.det(e.int())
t.linalg.det(e[:, :1])
t.linalg.slogdet(e[0])
t.logdet(e[:, :1])
t.linalg.matrix_exp(e[:, :1])
t.linalg.solve(e, t.ones(3))
t.linalg.solve(e, t.ones(2).double())
t.linalg.solve(e, t.tensor(1.0))
t.linalg.solve(t.ones(3, 2, 2), t.ones(2, 2, 2))
t.linalg.solve_triangular(e, t.ones(2), upper=True)
t.linalg.solve_triangular(e, t.ones(3, 1), upper=True)
t.linalg.qr(e, mode='x')
t.linalg.qr(e[0])
t.linalg.svd(e, driver='gesvd')
t.linalg.eigh(e, UPLO='X')
t.linalg.eigh(e[:, :1])
t.linalg.lu(e, pivot=False)
t.linalg.lu_solve(e, t.tensor([1, 2]), e)
t.lu_unpack(e, t.tensor([1, 2]))
t.cholesky_solve(t.ones(3, 1), e)
t.cholesky_solve(t.ones(2), e)
t.triangular_solve(t.ones(2), e)
t.linalg.lstsq(e, t.ones(3, 2))
t.linalg.lstsq(e, e, driver='x')
t.linalg.matrix_rank(e[0])
t.linalg.matrix_rank(e[:, :1], hermitian=True)
t.linalg.cond(e, 3)
t.linalg.cond(e[:, :1], 'fro')
t.linalg.matrix_norm(e, 'x')
t.linalg.matrix_norm(e, 3)
t.linalg.matrix_norm(e, 2, dim=(0, 0))
t.linalg.matrix_norm(e[0])
t.linalg.matrix_norm(e[:0], -2)
t.linalg.norm(t.ones(2, 2, 2), 'nuc')
t.linalg.norm(e[0], 'nuc')
t.nuclear_norm(e[0])
t.linalg.tensorinv(t.ones(2, 3), ind=1)
t.linalg.tensorinv(e, ind=0)
t.linalg.tensorsolve(t.ones(2, 3), t.ones(2))
t.linalg.householder_product(t.ones(2, 3), t.ones(2))
t.linalg.householder_product(t.ones(3, 2), t.ones(3))
t.linalg.vander(e[0], N=1)
t.vander(e)
t.pca_lowrank(e, q=3)
"""


def attempt(lib, line):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(line, {"t": lib, "z": lib.zeros(2, 2), "e": lib.eye(2)})


@pytest.mark.parametrize("line", MISTAKES.strip().split("\n"))
def test_raises_what_pytorch_raises(line):
    with pytest.raises(Exception) as theirs:
        attempt(torch, line)
    wanted = theirs.type
    if wanted is torch.linalg.LinAlgError:
        wanted = gd.linalg.LinAlgError
    with pytest.raises(wanted):
        attempt(gd, line)


def test_the_messages_of_singular_matrices_are_pytorchs():
    for line in MISTAKES.strip().split("\n")[:8]:
        with pytest.raises(RuntimeError) as theirs:
            attempt(torch, line)
        with pytest.raises(gd.linalg.LinAlgError) as ours:
            attempt(gd, line)
        expected = str(theirs.value).removeprefix("torch.")
        assert str(ours.value).startswith(expected), line


# --- results -------------------------------------------------------------------------------------

NAMED = [
    "t.linalg.svd(e)", "t.linalg.eigh(e)", "t.linalg.qr(e)", "t.linalg.slogdet(e)", "t.slogdet(e)",
    "t.linalg.lu(e)", "t.linalg.lu_factor(e)", "t.linalg.lu_factor_ex(e)", "t.lu(e)",
    "t.linalg.cholesky_ex(e)", "t.linalg.inv_ex(e)", "t.linalg.solve_ex(e, e)",
    "t.linalg.ldl_factor(e)", "t.linalg.ldl_factor_ex(e)", "t.linalg.lstsq(e, e, driver='gelsd')",
    "t.svd(e)", "t.qr(e)", "t.geqrf(e)", "t.triangular_solve(e, e)", "t.lu_unpack(*t.lu(e))",
    "t.svd(e, compute_uv=False)",
]  # fmt: skip


@pytest.mark.parametrize("line", NAMED)
def test_results_print_as_pytorchs(line):
    theirs, ours = attempt(torch, line), attempt(gd, line)
    assert type(ours).__name__ == type(theirs).__name__
    assert repr(ours) == repr(theirs).replace("\n)", ")") or repr(ours) == repr(theirs)


@pytest.mark.parametrize(
    "name",
    ["linalg.det", "linalg.inv", "linalg.svd", "linalg.svdvals", "linalg.qr", "linalg.eigh",
     "linalg.eigvalsh", "linalg.cholesky", "linalg.slogdet", "logdet", "inverse", "svd", "qr",
     "cholesky", "linalg.lu", "linalg.lu_factor", "matrix_exp", "linalg.pinv", "pinverse",
     "slogdet", "cholesky_inverse", "geqrf", "linalg.matrix_rank"],
)  # fmt: skip
def test_grad_fn_is_named_as_pytorchs(name):
    titles = []
    for lib in (torch, gd):
        function = lib
        for part in name.split("."):
            function = getattr(function, part)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = function(lib.eye(3).requires_grad_())
        parts = result if isinstance(result, tuple) else (result,)
        titles.append([x.grad_fn.name() if x.requires_grad else None for x in parts])
    assert titles[0] == titles[1]


def test_out_is_written():
    for lib in (torch, gd):
        x = lib.tensor([[2.0, 0.0], [0.0, 4.0]])
        into = lib.empty(2, 2)
        assert lib.linalg.inv(x, out=into) is into
        assert into.tolist() == [[0.5, 0.0], [0.0, 0.25]]
        q, r = lib.empty(2, 2), lib.empty(2, 2)
        lib.linalg.qr(x, out=(q, r))
        assert np.allclose((q @ r).numpy(), x.numpy())


def test_projections_are_drawn_as_pytorch_draws_them():
    x = np.random.default_rng(0).normal(size=(8, 6))
    found = []
    for lib in (torch, gd):
        lib.manual_seed(3)
        u, s, v = lib.svd_lowrank(lib.tensor(x), q=4)
        lib.manual_seed(3)
        found.append([((u * s) @ v.mT).numpy(), lib.pca_lowrank(lib.tensor(x), q=3)[1].numpy()])
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found[1][1], found[0][1], rtol=1e-10)
