"""Pruning against PyTorch: masks, names, training, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch.nn.utils.prune")

from twins import both, numbers

import gradatim as gd

PRUNED = """
P.identity(layer, 'weight')
P.random_unstructured(layer, 'weight', 0.4)
P.random_unstructured(layer, 'weight', 5)
P.random_unstructured(layer, 'bias', amount=1)
P.l1_unstructured(layer, 'weight', 0.3)
P.l1_unstructured(layer, 'weight', 0)
P.l1_unstructured(layer, 'weight', 4, importance_scores=lib.arange(12.0).view(3, 4))
P.random_structured(layer, 'weight', 0.5, 0)
P.random_structured(layer, 'weight', 1, -1)
P.random_structured(layer, 'weight', 0, 1)
P.ln_structured(layer, 'weight', 0.5, 2, 1)
P.ln_structured(layer, 'weight', 1, 1, 0)
P.ln_structured(layer, 'weight', 2, float('inf'), -1)
P.custom_from_mask(layer, 'weight', lib.eye(3, 4))
P.global_unstructured([(layer, 'weight'), (layer, 'bias')], P.L1Unstructured, amount=0.4)
P.global_unstructured(((layer, 'weight'),), P.RandomUnstructured, amount=3)
P.l1_unstructured(P.random_structured(layer, 'weight', 1, 1), 'weight', 0.5)
P.random_structured(P.l1_unstructured(layer, 'weight', 0.5), 'weight', 1, 0)
P.custom_from_mask(P.l1_unstructured(layer, 'weight', 0.5), 'weight', lib.eye(3, 4))
"""


@pytest.mark.parametrize("line", list(filter(None, PRUNED.split("\n"))))
def test_a_pruned_layer(line):
    def script(lib, nn):
        lib.manual_seed(2)
        layer = nn.Linear(4, 3)
        P = nn.utils.prune
        eval(line, {"P": P, "lib": lib, "layer": layer})
        seen = [[(k, tuple(v.shape)) for k, v in layer.state_dict().items()], P.is_pruned(layer)]
        seen += [[name for name, _ in layer.named_parameters()], lib.rand(1).item()]
        values = [v.numpy().copy() for v in layer.state_dict().values()]
        optimizer = lib.optim.SGD(layer.parameters(), lr=0.1)
        for _ in range(3):
            layer(lib.ones(2, 4)).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        values += [v.numpy().copy() for v in layer.state_dict().values()]
        for name in ("weight", "bias"):
            if hasattr(layer, f"{name}_mask"):
                P.remove(layer, name)
        seen += [[name for name, _ in layer.named_parameters()], P.is_pruned(layer)]
        return seen, values + [v.numpy() for v in layer.state_dict().values()]

    ours, theirs = both(script)
    assert ours[0] == theirs[0]
    for mine, other in zip(ours[1], theirs[1], strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-7)  # sums of 2 float32


def test_a_tensor_without_a_module():
    def script(lib, nn):
        P = nn.utils.prune
        lib.manual_seed(0)
        x = lib.randn(3, 4)
        return [numbers(P.L1Unstructured(0.5).prune(x)), numbers(P.LnStructured(1, 2, 0).prune(x))]

    ours, theirs = both(script)
    assert ours == theirs


@pytest.mark.parametrize(
    "line",
    [
        "P.l1_unstructured(layer, 'weight', 1.5)",
        "P.l1_unstructured(layer, 'weight', -1)",
        "P.l1_unstructured(layer, 'weight', 99)",
        "P.l1_unstructured(layer, 'weight', 'some')",
        "P.ln_structured(layer, 'bias', 1, 2, 0)",
        "P.ln_structured(layer, 'weight', 1, 2, 3)",
        "P.custom_from_mask(layer, 'weight', lib.ones(2))",
        "P.l1_unstructured(layer, 'weight', 1, lib.ones(2))",
        "P.remove(layer, 'weight')",
        "P.global_unstructured(3, P.L1Unstructured, amount=1)",
        "P.global_unstructured([(layer, 'weight')], P.RandomStructured, amount=1)",
        "P.global_unstructured([(layer, 'weight')], P.L1Unstructured, [1], amount=1)",
    ],
)
def test_what_is_refused(line):
    def script(lib, nn):
        layer = nn.Linear(4, 3)
        with pytest.raises(Exception) as caught:
            eval(line, {"P": nn.utils.prune, "lib": lib, "layer": layer})
        return caught.value, [name for name, _ in layer.named_parameters()]

    ours, theirs = both(script)
    builtin = next(kind for kind in type(theirs[0]).__mro__ if kind.__module__ == "builtins")
    assert isinstance(ours[0], builtin) and isinstance(ours[0], gd.Error)
    assert sorted(ours[1]) == sorted(theirs[1])  # nothing half-done
