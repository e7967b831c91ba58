"""Five steps of training under both libraries: what a layer gives, its gradients, what it has
become, and whether its weights load both ways."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from twins import LIBRARIES

import gradatim as gd

# Sums in other orders, and other exp and log, to 1.1e-16 each; five steps of training carry the
# differences on.
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def flat(value):
    if isinstance(value, (tuple, list)):
        return [leaf for each in value for leaf in flat(each)]
    return [] if value is None else [value]


def array(tensor):
    return tensor.detach().numpy()


def five_steps(lib, nn, build, inputs, call=None):
    """The module, what it gave at first with all gradients, and all numbers after five steps.

    Args:
        build: makes the module of the library.
        inputs: arrays; those of floats are trained too. A function of the library makes others.
        call: what to do with module and inputs, if not to call it with them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lib.manual_seed(3)
        module = build(lib, nn)
        given = [each(lib) if callable(each) else lib.tensor(each) for each in inputs]
        leaves = [
            tensor.requires_grad_()
            for tensor, each in zip(given, inputs)
            if not callable(each) and each.dtype.kind == "f"
        ]
        leaves += list(module.parameters())
        trained = [leaf for leaf in leaves if leaf.requires_grad]
        optimizer = lib.optim.SGD(trained, lr=0.05, momentum=0.9)
        first = []
        for step in range(5):
            optimizer.zero_grad()
            results = flat(call(module, *given) if call else module(*given))
            sum(r.sin().sum() for r in results if r.requires_grad).backward()
            if step == 0:
                grads = [np.zeros(0) if x.grad is None else array(x.grad).copy() for x in trained]
                first = [array(r).copy() for r in results] + grads
            optimizer.step()
        return module, first, [array(leaf) for leaf in leaves]


def assert_trains_alike(build, inputs, call=None):
    (ours, our_first, our_last), (theirs, their_first, their_last) = (
        five_steps(lib, nn, build, inputs, call) for lib, nn in LIBRARIES
    )
    assert len(our_first) == len(their_first)
    for a, b in zip(our_first + our_last, their_first + their_last):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, **CLOSE)
    assert_loads_both_ways(ours, theirs)


def assert_loads_both_ways(ours, theirs):
    mine, other = ours.state_dict(), theirs.state_dict()
    assert [(k, tuple(v.shape)) for k, v in mine.items()] == [
        (k, tuple(v.shape)) for k, v in other.items()
    ]
    ours.load_state_dict({k: gd.tensor(array(v)) for k, v in other.items()})
    for name, value in ours.state_dict().items():
        np.testing.assert_array_equal(array(value), array(other[name]))
    theirs.load_state_dict({k: torch.tensor(array(v)) for k, v in mine.items()})
