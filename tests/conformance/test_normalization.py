"""Normalization against PyTorch: values, gradients, second gradients, running statistics."""

from __future__ import annotations

import numpy as np
import pytest

TABLES: dict[str, tuple[str, str]] = {}

TABLES["normalization"] = (
    """
    r = normal(6, 4)
    x = normal(3, 4, 2, 3)
    a = normal(4)
    b = normal(4)
    m = normal(4)
    v = positive(4)
    w = normal(2, 3)
    z = normal(0, 4)
    """,
    """
    F.batch_norm(r, None, None, training=True)
    F.batch_norm(r, None, None, a, b, True)
    F.batch_norm(x, None, None, a, b, training=True, eps=0.1)
    F.batch_norm(x, None, None, a, training=True)
    F.batch_norm(x, m.detach(), v.detach())
    F.batch_norm(x, m.detach(), v.detach(), a, b, eps=1e-3)
    F.batch_norm(x * 1e-3 + 100, None, None, training=True).detach() * 1e-3
    t.layer_norm(r, (4,), a, b, 0.1)
    F.layer_norm(r, (4,))
    F.layer_norm(r, [4], a, b)
    F.layer_norm(x, (2, 3), w)
    F.layer_norm(x, (4, 2, 3), eps=0.5)
    F.layer_norm(z, (4,), a, b)
    F.group_norm(r, 2, eps=0.1)
    t.group_norm(x, 2, a, b)
    F.group_norm(r, 1, a, b)
    F.group_norm(x, 4)
    F.group_norm(x, 2, a, b, 1e-3)
    F.instance_norm(x)
    F.instance_norm(x, weight=a, bias=b, eps=0.1)
    F.instance_norm(x, m.detach(), v.detach(), use_input_stats=False)
    F.rms_norm(r, (4,))
    F.rms_norm(x, (2, 3), w, 0.1)
    F.local_response_norm(x, 3, 0.5)
    F.local_response_norm(x[:, :, :, 0], 2, 1.0, 0.3, 2.0)
    F.layer_norm(r.half(), (4,)).detach()
    F.batch_norm(x.bfloat16(), None, None, training=True).detach()
    """,
)

TABLES["second gradients"] = (
    """
    x = normal(3, 4, 2)
    a = normal(4)
    b = normal(4)
    w = normal(2)
    """,
    """
    t.autograd.grad((F.batch_norm(x, None, None, a, b, True, eps=1) ** 3).sum(), [x, a, b], \
create_graph=True)
    t.autograd.grad((F.layer_norm(x, (2,), w, eps=1) ** 3).sum(), [x, w], create_graph=True)
    t.autograd.grad((F.group_norm(x, 2, a, eps=1) ** 3).sum(), [x, a], create_graph=True)
    """,
)


def test_the_same(table_case, peers):
    peers.agree(table_case)


@pytest.mark.parametrize("function", ["batch_norm", "instance_norm"])
def test_running_statistics_move(function, peers):
    found = []
    for lib in (peers.gd, peers.torch):
        x = lib.tensor(np.arange(24.0).reshape(2, 3, 4) ** 2, requires_grad=True)
        mean, var = lib.zeros(3, dtype=lib.float64), lib.ones(3, dtype=lib.float64)
        for momentum in (0.1, 0.5):
            getattr(lib.nn.functional, function)(x, mean, var, None, None, True, momentum)
        assert not mean.requires_grad
        found.append((mean.numpy(), var.numpy()))
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)  # a few roundings of 1e-16


REFUSED = """
F.batch_norm(x[:1, :, 0, 0], None, None, training=True)
F.batch_norm(x[:1, :, :1, :1], None, None, training=True)
F.batch_norm(x, None, None)
F.batch_norm(x, b[:2], b[:2])
F.batch_norm(x, b, b, b[:2])
F.batch_norm(x.long(), b, b)
F.layer_norm(x, (3,))
F.layer_norm(x, (8,), b)
F.layer_norm(x, ())
F.layer_norm(x.long(), (8,))
F.group_norm(x, 2)
F.group_norm(x[0, 0, 0], 1)
F.group_norm(x, 3, b[:2])
F.instance_norm(x[:, :, :1, :1])
F.local_response_norm(b[None], 2)
"""


@pytest.mark.parametrize("line", list(filter(None, REFUSED.split("\n"))))
def test_what_is_refused(line, peers):
    errors = []
    for lib in (peers.gd, peers.torch):
        names = {"F": lib.nn.functional, "x": lib.ones(2, 3, 8, 8), "b": lib.ones(3)}
        with pytest.raises(Exception) as caught:
            eval(line, names)
        errors.append(caught.value)
    ours, theirs = errors
    assert isinstance(ours, peers.gd.Error)
    builtin = next(kind for kind in type(theirs).__mro__ if kind.__module__ == "builtins")
    assert isinstance(ours, builtin) or builtin is NotImplementedError
