"""einsum. NumPy's is the expected value."""

from __future__ import annotations

import numpy as np
import pytest

import gradatim as gd
from gradatim.graph.node import topological

rng = np.random.RandomState(5)


def integers(*shape):
    return rng.randint(-3, 4, size=shape).astype(np.float64)


EQUATIONS = [
    ("ij->ji", (2, 3)),
    ("ij", (2, 3)),
    ("ba", (2, 3)),
    ("ij->", (2, 3)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("iji->j", (3, 2, 3)),
    ("iijj->ij", (2, 2, 3, 3)),
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 4)),
    ("bij,bjk->bik", (5, 2, 3), (5, 3, 4)),
    ("bij,bjk->kib", (5, 2, 3), (5, 3, 4)),
    ("bij,bjk->ik", (5, 2, 3), (5, 3, 4)),
    ("i,j->ij", (2,), (3,)),
    ("ij,ij->ij", (2, 3), (2, 3)),
    ("ij,ij->j", (2, 3), (2, 3)),
    ("ij,kl->jl", (2, 3), (4, 5)),
    ("ii,i->", (3, 3), (3,)),
    ("...j,jk->...k", (5, 2, 3), (3, 4)),
    ("...ij,...jk->...ik", (6, 1, 2, 3), (5, 3, 4)),
    ("...,...->...", (2, 3), (3,)),
    ("i...,i...->...", (2, 3), (2, 3)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    ("ij,jk,kl,lm->im", (2, 3), (3, 4), (4, 5), (5, 2)),
    ("a,ab,abc->abc", (2,), (2, 3), (2, 3, 4)),
    (",ij->ij", (), (2, 3)),
    ("ij,jk->ik", (0, 3), (3, 4)),
    ("ij,jk->ik", (2, 0), (0, 4)),
]


@pytest.mark.parametrize("equation, shapes", [(e, s) for e, *s in EQUATIONS])
def test_equations(equation, shapes):
    arrays = [integers(*shape) for shape in shapes]
    result = gd.einsum(equation, *map(gd.tensor, arrays))
    expected = np.einsum(equation, *arrays)
    assert result.shape == expected.shape
    assert (result.numpy() == expected).all()


@pytest.mark.parametrize("equation, shapes", [(e, s) for e, *s in EQUATIONS])
def test_gradients(equation, shapes):
    tensors = [gd.tensor(integers(*shape), requires_grad=True) for shape in shapes]
    assert gd.autograd.gradcheck(lambda *given: gd.einsum(equation, *given), tensors)


def test_dimensions_of_size_1_broadcast():
    a, b = integers(2, 3), integers(1, 3)
    assert (gd.einsum("ij,ij->ij", gd.tensor(a), gd.tensor(b)).numpy() == a * b).all()
    assert (gd.einsum("ij,ij->", gd.tensor(a), gd.tensor(b)).numpy() == (a * b).sum()).all()


def test_lists_of_numbers_in_place_of_letters():
    a, b = integers(2, 3), integers(3, 4)
    x, y = gd.tensor(a), gd.tensor(b)
    assert (gd.einsum(x, [0, 1], y, [1, 2], [0, 2]).numpy() == a @ b).all()
    assert (gd.einsum(x, [0, 1], y, [1, 2]).numpy() == a @ b).all()
    assert (gd.einsum(x, [..., 7], [7, ...]).numpy() == a.T).all()


def test_a_list_of_operands():
    a, b = integers(2, 3), integers(3, 4)
    assert (gd.einsum("ij,jk", [gd.tensor(a), gd.tensor(b)]).numpy() == a @ b).all()


def test_the_cheapest_pair_is_joined_first():
    """The vector on the right makes every step a product of a matrix and a vector."""
    x, v = gd.ones(50, 50), gd.ones(50)
    result = gd.einsum("ij,jk,k->i", x, x, v)
    shapes = [n.shape for n in topological([result._read()]) if n.primitive.name == "contract"]
    assert shapes == [(50,), (50,)]


def test_a_product_without_a_sum_is_elementwise():
    result = gd.einsum("ij,ij->ij", gd.ones(2, 3), gd.ones(2, 3))
    assert result._read().primitive.name == "mul"


@pytest.mark.parametrize(
    "equation, shapes, message",
    [
        ("ij,jk", [(2, 3), (2, 3)], "subscript j has size 2 for operand 1.*previously seen size 3"),
        ("ij", [(2, 3, 4)], r"subscripts in the equation \(2\).*dimensions \(3\) for operand 0"),
        ("ijk...", [(2, 3)], r"subscripts in the equation \(3\).*dimensions \(2\) for operand 0"),
        ("ii", [(2, 3)], "subscript i is repeated for operand 0 but the sizes don't match"),
        ("ij->ii", [(2, 3)], "output subscript i appears more than once"),
        ("ij->k", [(2, 3)], "output subscript k does not appear"),
        ("i1", [(2, 3)], "invalid subscript '1' given for operand 0"),
        ("ij->i->j", [(2, 3)], "invalid subscript '-' given for the result"),
        ("i..", [(2, 3)], "found '.' for operand 0"),
        ("ij,jk", [(2, 3)], "fewer operands were provided.*1 for 2"),
        ("ij", [(2, 3), (2, 3)], "more operands were provided.*2 for 1"),
        ("...,...", [(2,), (3,)], r"subscript '...' has size 3 for operand 1"),
    ],
)
def test_errors_name_the_operand_and_the_letter(equation, shapes, message):
    with pytest.raises(RuntimeError, match=message):
        gd.einsum(equation, *(gd.ones(*shape) for shape in shapes))


def test_numbers_beyond_the_letters():
    with pytest.raises(ValueError, match=r"not within the valid range \[0, 52\): 52"):
        gd.einsum(gd.ones(2), [52])
    with pytest.raises(ValueError, match="must specify the equation string"):
        gd.einsum("i")


def test_dtypes():
    x = gd.ones(2, 2)
    with pytest.raises(RuntimeError, match="same dtype"):
        gd.einsum("ij,jk", x, x.double())
    assert gd.einsum("ij->", x.bool()).item() == 4  # a count
    assert gd.einsum("ij,jk", x.long(), x.long()).dtype is gd.int64
