"""Linear algebra inside vmap and the derivatives of gradatim.func."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import gradatim as gd
from tests.conformance.test_func import same

rng = np.random.RandomState(0)
B = rng.standard_normal((4, 3, 2))
A = rng.standard_normal((4, 3, 3))
A = A @ A.transpose(0, 2, 1) + np.eye(3)


def normal(t, mean, covariance, x):
    made = t.distributions.MultivariateNormal(mean, covariance, validate_args=False)
    return made.log_prob(x)


CASES = {
    "vmap, solve": lambda t, a, b: t.vmap(t.linalg.solve)(a, b),
    "vmap, cholesky": lambda t, a, b: t.vmap(t.linalg.cholesky)(a),
    "vmap, triangular": lambda t, a, b: t.vmap(
        lambda x, y: t.linalg.solve_triangular(x, y, upper=False), (None, 0)
    )(a[0].tril(), b),
    "vmap, det": lambda t, a, b: t.vmap(t.linalg.det)(a),
    "vmap, eigh": lambda t, a, b: t.vmap(lambda x: t.linalg.eigh(x)[0])(a),
    "vmap, svd": lambda t, a, b: t.vmap(lambda x: t.linalg.svd(x, full_matrices=False)[1])(a),
    "vmap, qr": lambda t, a, b: t.vmap(lambda x: t.linalg.qr(x)[1].abs())(a),
    "vmap, normal": lambda t, a, b: t.vmap(lambda m, c: normal(t, m, c, b[0, :, 0]))(
        b[:, :, 0], a
    ),
    "vmap of grad": lambda t, a, b: t.vmap(t.func.grad(lambda x: t.linalg.slogdet(x)[1]))(a),
    "jacfwd": lambda t, a, b: t.func.jacfwd(t.linalg.inv)(a[0]),
    "jacrev": lambda t, a, b: t.func.jacrev(t.linalg.inv)(a[0]),
    "hessian, logdet": lambda t, a, b: t.func.hessian(lambda x: t.linalg.slogdet(x)[1])(a[0]),
    "hessian, solve": lambda t, a, b: t.func.hessian(
        lambda x: (t.linalg.solve(x, b[0]) ** 2).sum()
    )(a[0]),
    "hessian, normal": lambda t, a, b: t.func.hessian(
        lambda m: normal(t, m, a[0], b[0, :, 0])
    )(b[1, :, 0]),
    "jvp, singular values": lambda t, a, b: t.func.jvp(
        t.linalg.svdvals, (a,), (t.ones_like(a),)
    ),
    "jvp, eigenvalues": lambda t, a, b: t.func.jvp(t.linalg.eigvalsh, (a,), (t.ones_like(a),)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    found = [CASES[name](t, t.tensor(A), t.tensor(B)) for t in (gd, torch)]
    same(*found)
