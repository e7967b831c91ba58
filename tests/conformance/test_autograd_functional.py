"""torch.autograd.functional and forward_ad: the same products, matrices and mistakes."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import gradatim as gd
from tests.conformance.test_func import pair, same


def one(t):
    return lambda x: (x.sin() * x.sum()).exp()


def two(t):
    return lambda x, y: (x[:, None] * y).tanh()


def several(t):
    return lambda x: (x**3, x.sum())


def number(t):
    return lambda x: (x.sin() * x.prod()).sum()


def number_of_two(t):
    return lambda x, y: (x.exp().sum() * y**2).sum()


VECTOR = {one: (3,), two: ((3,), (2,)), several: (3,), number: (3,), number_of_two: ((3,), (2,))}
NUMBERS = [number, number_of_two]


def inputs_of(case):
    shapes = VECTOR[case]
    if isinstance(shapes[0], int):
        return pair(*shapes)
    pairs = [pair(*shape) for shape in shapes]
    return tuple(a for a, _ in pairs), tuple(b for _, b in pairs)


@pytest.mark.parametrize("case", VECTOR, ids=lambda c: c.__name__)
@pytest.mark.parametrize(
    "options",
    [{}, {"vectorize": True}, {"vectorize": True, "strategy": "forward-mode"}, {"strict": True}],
    ids=str,
)
def test_jacobian(case, options):
    mine, yours = inputs_of(case)
    ours = gd.autograd.functional.jacobian(case(gd), mine, **options)
    theirs = torch.autograd.functional.jacobian(case(torch), yours, **options)
    same(ours, theirs)


@pytest.mark.parametrize("case", NUMBERS, ids=lambda c: c.__name__)
@pytest.mark.parametrize(
    "options",
    [{}, {"vectorize": True}, {"vectorize": True, "outer_jacobian_strategy": "forward-mode"}],
    ids=str,
)
def test_hessian(case, options):
    mine, yours = inputs_of(case)
    ours = gd.autograd.functional.hessian(case(gd), mine, **options)
    same(ours, torch.autograd.functional.hessian(case(torch), yours, **options))


@pytest.mark.parametrize("case", VECTOR, ids=lambda c: c.__name__)
def test_vjp_and_jvp(case):
    mine, yours = inputs_of(case)
    out = case(gd)(*mine) if isinstance(mine, tuple) else case(gd)(mine)
    if isinstance(out, tuple):
        vectors = [pair(*x.shape) for x in out]
        v, w = tuple(a for a, _ in vectors), tuple(b for _, b in vectors)
    else:
        v, w = pair(*out.shape)
    same(
        gd.autograd.functional.vjp(case(gd), mine, v),
        torch.autograd.functional.vjp(case(torch), yours, w),
    )
    v, w = inputs_of(case)
    same(
        gd.autograd.functional.jvp(case(gd), mine, v),
        torch.autograd.functional.jvp(case(torch), yours, w),
    )


@pytest.mark.parametrize("case", NUMBERS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("name", ["hvp", "vhp"])
def test_hessian_products(case, name):
    (mine, yours), (v, w) = inputs_of(case), inputs_of(case)
    same(
        getattr(gd.autograd.functional, name)(case(gd), mine, v),
        getattr(torch.autograd.functional, name)(case(torch), yours, w),
    )


@pytest.mark.parametrize("name", ["jacobian", "hessian", "vjp", "jvp", "hvp", "vhp"])
def test_create_graph(name):
    found = []
    for t, x in zip((gd, torch), pair(3)):
        x.requires_grad_()
        v = (t.ones(3, dtype=t.float64),) if name in ("jvp", "hvp", "vhp") else ()
        f = getattr(t.autograd.functional, name)(number(t), x, *v, create_graph=True)
        parts = f if isinstance(f, tuple) else (f,)
        sum((part**2).sum() for part in parts).backward()
        found.append((f, x.grad))
    same(*found)


def test_dual_numbers():
    found = []
    (a, x), (b, y) = pair(3), pair(3)
    for t, value, change in ((gd, a, b), (torch, x, y)):
        ad = t.autograd.forward_ad
        with ad.dual_level():
            dual = ad.make_dual(value, change)
            z = dual * 2
            z[1:] += dual[:2].sin()
            first, second = ad.unpack_dual(t.cumsum(z, 0).exp())
            still = ad.unpack_dual(value * 2).tangent
            w = value.clone().requires_grad_()
            mixed = ad.unpack_dual((ad.make_dual(w, change) ** 3).sum())
            mixed.tangent.backward()
        assert still is None and ad.unpack_dual(dual).tangent is None
        found.append((first, second, w.grad, mixed.tangent, mixed.primal))
    same(*found)


def rising(name, *args, **options):
    return lambda t: getattr(t.autograd.functional, name)(
        *(a(t) if callable(a) else a for a in args), **options
    )


def ones(n):
    return lambda t: t.ones(n)


def function(f):
    return lambda t: f


def duals(*shapes):
    def run(t):
        ad = t.autograd.forward_ad
        with ad.dual_level():
            return ad.make_dual(*(t.ones(n) for n in shapes))

    return run


MISTAKES = {
    "output is a number": rising("jacobian", function(lambda x: 3), ones(2)),
    "input is a number": rising("jacobian", function(lambda x: x), 3),
    "no v for several outputs": rising("vjp", function(lambda x: x), ones(2)),
    "no v for several inputs": rising("jvp", function(lambda x: x.sum()), ones(2)),
    "no v for a Hessian": rising("hvp", function(lambda x: (x**2).sum()), ones(2)),
    "independent": rising("jacobian", lambda t: lambda x: t.ones(2), ones(2), strict=True),
    "Hessian of several": rising("hessian", function(lambda x: x), ones(2)),
    "flat": rising("hessian", function(lambda x: x.sum()), ones(2), strict=True),
    "flat product": rising("hvp", function(lambda x: x.sum()), ones(2), ones(2), strict=True),
    "size of v": rising("vjp", function(lambda x: x.sum()), ones(2), ones(2)),
    "number of v": rising("vjp", function(lambda x: (x, x)), ones(2), ones(2)),
    "integers": rising("jacobian", function(lambda x: x), lambda t: t.tensor([1, 2])),
    "forward, one by one": rising(
        "jacobian", function(lambda x: x), ones(2), strategy="forward-mode"
    ),
    "strict and vectorized": rising(
        "jacobian", function(lambda x: x), ones(2), strict=True, vectorize=True
    ),
    "constant Jacobian": rising(
        "jvp", function(lambda x: 3 * x), ones(2), ones(2), create_graph=True, strict=True
    ),
    "dual outside of a level": lambda t: t.autograd.forward_ad.make_dual(t.ones(2), t.ones(2)),
    "dual of two shapes": duals(2, 3),
    "exit without a level": lambda t: t.autograd.forward_ad.exit_dual_level(),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_raise_the_same_class(name):
    with pytest.raises(Exception) as theirs:
        MISTAKES[name](torch)
    with pytest.raises(Exception) as ours:
        MISTAKES[name](gd)
    assert isinstance(ours.value, type(theirs.value)), (theirs.value, ours.value)
    assert isinstance(ours.value, gd.Error)


def test_zeros_for_what_is_independent():
    a, x = pair(3)
    for options in ({}, {"vectorize": True}):
        same(
            gd.autograd.functional.jacobian(lambda p: gd.ones(2, dtype=gd.float64), a, **options),
            torch.autograd.functional.jacobian(
                lambda p: torch.ones(2, dtype=torch.float64), x, **options
            ),
        )
    same(
        gd.autograd.functional.hvp(lambda p: p.sum(), a, a),
        torch.autograd.functional.hvp(lambda p: p.sum(), x, x),
    )
    assert np.all(gd.autograd.functional.hessian(lambda p: p.sum(), a).numpy() == 0)
