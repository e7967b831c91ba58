"""Products of matrices and tensors against PyTorch: values and gradients."""

from __future__ import annotations

TABLES: dict[str, tuple[str, str]] = {}

TABLES["products"] = (
    """
    v = normal(3)
    w = normal(3)
    a = normal(2, 3)
    c = normal(3, 4)
    sq = normal(3, 3)
    A = normal(5, 2, 3)
    C = normal(5, 3, 4)
    D = normal(4, 1, 2, 3)
    E = normal(5, 3, 2)
    z = normal(0, 3)
    q = whole(2, 3)
    r = whole(3, 2)
    """,
    """
    v @ w
    a @ v
    v @ c
    a @ c
    A @ C
    A @ c
    A @ v
    v @ C
    a @ C
    D @ C
    D @ E
    a @ D.mT
    A[:1] @ C
    A @ C[:1]
    A[:, :1] @ C
    D[:, 0] @ D[0].mT
    D.mT @ D
    z @ c
    c.T @ z.T
    z.T @ z
    A[:0] @ C[:0]
    q @ r
    q.to(t.int32) @ r.to(t.int32)
    q @ r[:, 0]
    t.matmul(A, C)
    a.mm(c)
    t.mm(q, r)
    A.bmm(C)
    t.bmm(A[:0], C[:0])
    a.mv(v)
    v.dot(w)
    t.vdot(v, w)
    t.dot(q[0], q[1])
    a.inner(sq)
    v.inner(w)
    t.inner(v[0], w)
    t.outer(v, w)
    v.outer(q[0])
    v.ger(w)
    t.addmm(c[0], a, c)
    t.addmm(c[:2], a, c, beta=0.5, alpha=-2)
    t.addmm(c[:2] * np.nan, a, c, beta=0).detach()
    t.addmm(q[:, :2], q, r, beta=2, alpha=3)
    t.addmv(a[:, 0], a, v, alpha=0.5)
    t.baddbmm(c[:2], A, C)
    t.baddbmm(c[0], A, C, beta=2, alpha=0.5)
    t.addbmm(c[:2], A, C, beta=0.3)
    t.addr(a, a[:, 0], v)
    t.addr(a, a[:, 1], v, beta=2, alpha=0.5)
    t.tensordot(A, C, dims=([0, 2], [0, 1]))
    t.tensordot(a, c, dims=1)
    t.tensordot(a, c, 0)
    t.tensordot(a, t.ones(1, 3, dtype=a.dtype), dims=([0], [0]))
    t.chain_matmul(a, c, c.T, sq)
    t.kron(a, c)
    t.kron(v, sq)
    v.cross(w, 0)
    t.cross(sq, sq.flip(0), dim=1)
    t.cross(sq, v[None], dim=-1)
    sq.matrix_power(0).detach()
    sq.matrix_power(1)
    sq.matrix_power(2)
    sq.matrix_power(5)
    (A @ C)[:, :, :2].matrix_power(3)
    t.linalg.cross(sq, sq.flip(0))
    t.linalg.multi_dot([v, c, c.T, w])
    t.linalg.multi_dot([a, c])
    t.linalg.matmul(a, c)
    t.linalg.matrix_power(sq, 2)
    t.linalg.vecdot(a, v)
    sq.trace()
    c.trace()
    c.T.trace()
    z.trace()
    q.trace()
    F.linear(a, sq)
    F.linear(a, sq, v)
    F.linear(A, sq, v)
    F.linear(v, a)
    F.linear(v, a, a[:, 0])
    F.linear(a, v)
    F.linear(z, sq, v)
    F.bilinear(a, a, t.ones(4, 3, 3, dtype=a.dtype) * v, c[0])
    F.bilinear(A, A, t.ones(2, 3, 3, dtype=a.dtype) * v)
    """,
)

TABLES["einsum"] = (
    """
    x = normal(2, 3)
    y = normal(3, 4)
    A = normal(5, 2, 3)
    C = normal(5, 3, 4)
    sq = normal(3, 3)
    v = normal(3)
    T = normal(2, 3, 2, 3)
    one = normal(1, 3)
    n = whole(2, 3)
    """,
    """
    t.einsum('ij->ji', x)
    t.einsum('ij', x)
    t.einsum('ji', x)
    t.einsum('ij->', x)
    t.einsum('ij->j', x)
    t.einsum('ii', sq)
    t.einsum('ii->i', sq)
    t.einsum('ijij->ij', T)
    t.einsum('ijkj->ki', T)
    t.einsum('ij,jk->ik', x, y)
    t.einsum('ij,jk', x, y)
    t.einsum(' i j , j k -> k i ', x, y)
    t.einsum('bij,bjk->bik', A, C)
    t.einsum('bij,bjk->kbi', A, C)
    t.einsum('bij,bjk->ik', A, C)
    t.einsum('bij,bik->jk', A, A)
    t.einsum('i,i', v, v)
    t.einsum('i,j', v, x[0])
    t.einsum('i,j->ji', v, x[0])
    t.einsum('ij,ij->ij', x, x)
    t.einsum('ij,ij->i', x, x)
    t.einsum('ij,ij->', x, x)
    t.einsum('ij,j->ij', x, v)
    t.einsum('ii,i->i', sq, v)
    t.einsum('ij,kl->', x, y)
    t.einsum('...j,jk->...k', A, y)
    t.einsum('...ij,...jk->...ik', A, C)
    t.einsum('...ij,...jk->...ik', A, y)
    t.einsum('b...,b...->...', A, A)
    t.einsum('...', x)
    t.einsum('i...', x)
    t.einsum('...i->i', A)
    t.einsum('...i,...i->i', A, v)
    t.einsum('ij,ij->ij', x, one)
    t.einsum('ij,ij->j', x, one)
    t.einsum('ij,jk,kl->il', x, y, C[0].T)
    t.einsum('ij,jk,lk,l->i', x, y, sq @ y, v)
    t.einsum('i,j,k->kji', v, x[0], x[1])
    t.einsum('bij,bjk,bij->bk', A, C, A)
    t.einsum('aB,Bc->ac', x, y)
    t.einsum('cB,Ba', y.T, sq)
    t.einsum(x, [0, 1], y, [1, 2], [0, 2])
    t.einsum(x, [1, 0])
    t.einsum(x, [0, 1], x, [0, 1])
    t.einsum(A, [..., 0], v, [0], [...])
    t.einsum('ij,kj->ik', [x, x])
    t.einsum('ij,jk->ik', n, n.T)
    t.einsum('ij->i', n)
    t.einsum('ij,ij->ij', x, n)
    t.einsum('ij->', n > 0)
    t.einsum(',ij->ij', v[0], x)
    t.einsum('ij,jk->ik', x[:0], y)
    t.einsum('ij,jk->ik', x[:, :0], y[:0])
    """,
)


def test_the_same_as_pytorch(peers, table_case):
    peers.agree(table_case)
