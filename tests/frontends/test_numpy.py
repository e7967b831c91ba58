"""gradatim.numpy against NumPy: the same program with both."""

import numpy
import pytest

import gradatim.numpy


def graph(np):
    """The deck's first program."""
    np.random.seed(0)
    t1, t2, t3 = (np.random.rand(4, 5) for _ in range(3))
    a = t1 + t2
    b = a * t3
    c = np.sum(b)
    grad_b = 1.0 * np.ones((4, 5))
    grad_a = grad_b * t3
    return c, grad_b * a, grad_a.copy()


def network(np):
    np.random.seed(1)
    x, y = np.random.randn(20, 3), np.random.randint(0, 2, 20)
    w, b = np.random.randn(3, 4), np.zeros(4)
    losses = []
    for _ in range(5):
        h = np.maximum(0, x.dot(w) + b)
        p = 1 / (1 + np.exp(-h.sum(axis=1) / 10))
        losses.append(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
        g = ((p - y) / len(y) / 10)[:, None] * (h > 0)
        w -= 0.5 * x.T.dot(g)
        b -= 0.5 * g.sum(axis=0)
    return *losses, w, b


def types(np):
    a = np.arange(6).reshape(2, 3)
    f = np.ones((2, 2), dtype=np.float32)
    return (
        a / 2, a * 2.5, a * 2, a.mean(), a.sum(), a + True, np.sqrt(a), a > 2, f * 2, f + 1.5,
        a @ np.ones((3, 2)), a.T, np.array([1, 2.5]), np.eye(2), a.astype(np.float64),
        np.full(2, 7), a & 3, a | (a + 1), (a > 1) & (a < 4), (a < 1) | (a > 4),
    )  # fmt: skip


def functions(np):
    np.random.seed(2)
    x = np.random.normal(size=(3, 4))
    order = np.random.permutation(3)
    return (
        np.std(x), np.var(x, axis=0), np.std(x, ddof=1), x.max(axis=1), np.argmax(x, axis=0),
        np.cumsum(x), np.prod(x, axis=1), np.prod(x, axis=(0,)), np.prod(x, keepdims=True),
        np.clip(x, -1, 1), np.where(x > 0, x, 0), x[order],
        np.concatenate([x, x], axis=1), np.vstack([x[0], x[1]]), np.stack([x, x]), np.sort(x),
        np.linalg.norm(x), np.linalg.norm(x, axis=1), np.outer(x[0], x[1]), np.tensordot(x, x.T, 1),
        np.einsum("ij,ij->i", x, x), np.expand_dims(x, 0), np.squeeze(x[:1]), np.tile(x, (2, 1)),
        x.reshape(-1), x.flatten(), np.abs(-x), np.linspace(0, 1, 5), np.zeros_like(x), x.argmin(),
        np.power(x, 2), np.random.uniform(0, 1, 3), np.random.choice(5, 3), np.dot(x, 2),
    )  # fmt: skip


@pytest.mark.parametrize("program", [graph, network, types, functions])
def test_a_program_gives_the_same_with_both(program):
    for ours, theirs in zip(program(gradatim.numpy), program(numpy), strict=True):
        theirs = numpy.asarray(theirs)
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        assert numpy.allclose(numpy.asarray(ours), theirs, rtol=1e-12)


def test_the_decks_number():
    c = graph(gradatim.numpy)[0]
    assert f"{c:.11f}" == "8.80812307798" and repr(c) == repr(graph(numpy)[0])


def test_text_is_numpys():
    x = gradatim.numpy.arange(3)
    assert (repr(x), str(x)) == ("array([0, 1, 2])", "[0 1 2]") and f"{x[1]:.1f}" == "1.0"


def test_a_missing_name():
    with pytest.raises(AttributeError, match=r"no np.summ: the nearest it has is np.sum"):
        gradatim.numpy.summ  # noqa: B018
