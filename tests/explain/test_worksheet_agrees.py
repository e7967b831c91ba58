"""Worksheets say what backward() says, to the last digit shown: 200 random small networks, with
every activation and every loss that worksheets know by name, one to four layers."""

import copy
import itertools

import numpy as np
import pytest

import gradatim as gd
from gradatim import engines, nn
from gradatim.explain.blocks import number
from gradatim.explain.functions import ACTIVATIONS
from gradatim.explain.notation import to_text
from gradatim.explain.one_step import LOSSES
from gradatim.explain.worksheet import indexed

NETWORKS = 200
CLASSES = ("cross_entropy", "nll", "multi_margin")
SETTINGS = {"Threshold": (0.1, -0.5), "Softmax": (-1,), "Softmin": (-1,), "LogSoftmax": (-1,)}


@pytest.fixture(autouse=True)
def reference_engine():
    """Each network is a new Program; compiling 200 of them is not what is tested here."""
    before = engines.current_engine()
    engines.set_engine("reference")
    yield
    engines.set_engine(before.name)


def network(rng, activations, loss):
    """Random sizes; every activation comes up as the cycle goes on."""
    depth = int(rng.integers(1, 5))
    sizes = [int(k) for k in rng.integers(1, 6, depth + 1)]
    if loss in CLASSES or loss == "multilabel_margin":
        sizes[-1] = max(sizes[-1], 2)
    parts = []
    for k, (before, after) in enumerate(itertools.pairwise(sizes)):
        name = next(activations)
        if k == depth - 1 and loss == "bce":
            name = "Sigmoid"  # it takes probabilities only
        parts.append(nn.Linear(before, after, bias=bool(rng.random() < 0.8)))
        parts.append(getattr(nn, name)(*SETTINGS.get(name, ())))
    return nn.Sequential(*parts).to(gd.float64 if rng.random() < 0.3 else gd.float32), sizes


def targets(rng, loss, rows, classes):
    """Targets as the loss takes them, as an array."""
    shape = (rows, classes)
    if loss in CLASSES:
        return rng.integers(0, classes, rows)
    if loss == "multilabel_margin":
        return np.stack([np.r_[rng.permutation(classes)[:-1], -1] for _ in range(rows)])
    if loss in ("bce", "bce_with_logits", "multilabel_soft_margin"):
        return rng.integers(0, 2, shape).astype(float)
    if loss in ("soft_margin", "hinge_embedding"):
        return rng.choice([-1.0, 1.0], shape)
    if loss in ("kl_div", "poisson_nll"):
        return rng.uniform(0.1, 1.0, shape)
    return rng.normal(size=shape)


def shown_updates(sheet):
    """What the printed table of updates says: old, gradient and new by the parameter's symbol."""
    lines = str(sheet).split("4. Update")[1].split("5. After")[0].splitlines()
    cells = [line.split() for line in lines if line.startswith("  ") and "←" not in line]
    return {row[0]: (row[1], row[2], row[-1]) for row in cells if len(row) > 4}


def test_200_random_networks_agree_with_backward_to_the_digit_shown():
    rng = np.random.default_rng(5)
    gd.manual_seed(5)
    activations = itertools.cycle(ACTIVATIONS)
    losses = itertools.cycle(LOSSES)
    compared = 0
    for _ in range(NETWORKS):
        loss = next(losses)
        model, sizes = network(rng, activations, loss)
        dtype = next(model.parameters()).dtype
        rows = int(rng.integers(1, 4))
        x = gd.tensor(rng.normal(size=(rows, sizes[0])), dtype=dtype)
        y = gd.tensor(targets(rng, loss, rows, sizes[-1]))
        y = y.to(dtype) if y.is_floating_point() else y
        rate = float(rng.choice([0.01, 0.1, 0.5]))
        twin = copy.deepcopy(model)

        sheet = gd.explain.step(model, x, y, loss=loss, lr=rate)

        optimizer = gd.optim.SGD(twin.parameters(), lr=rate)
        old = {name: p.detach().clone().numpy() for name, p in twin.named_parameters()}
        value = LOSSES[loss]()(twin(x), y)
        value.backward()
        gradients = {name: p.grad.clone().numpy() for name, p in twin.named_parameters()}
        optimizer.step()
        shown = shown_updates(sheet)
        assert to_text(f"L = {number(value.item())}") in str(sheet)
        for update in sheet.updates:
            new = dict(twin.named_parameters())[update.name].detach().numpy()
            for place in np.ndindex(old[update.name].shape):
                values = [array[place] for array in (old[update.name], gradients[update.name], new)]
                said = shown[to_text(indexed(update.symbol, place))]
                assert said == tuple(to_text(number(value)) for value in values), (model, loss)
                compared += 1
    assert compared > 5000


def test_deltas_times_inputs_are_the_gradients():
    rng = np.random.default_rng(6)
    activations = itertools.cycle(ACTIVATIONS)
    for _ in range(30):
        model, sizes = network(rng, activations, "mse")
        model.double()
        x, y = (gd.tensor(rng.normal(size=(3, size))) for size in (sizes[0], sizes[-1]))
        sheet = gd.explain.step(model, x, y)
        for layer in sheet.layers:
            sums = layer.inputs @ layer.weight.old.T
            if layer.bias is not None:
                sums += layer.bias.old
                np.testing.assert_allclose(layer.bias.gradient, layer.grad_sums.sum(0), atol=1e-12)
            np.testing.assert_allclose(layer.sums, sums, atol=1e-12)
            product = layer.grad_sums.T @ layer.inputs
            np.testing.assert_allclose(layer.weight.gradient, product, atol=1e-12)
            if layer.slopes is not None:
                chained = layer.grad_activations * layer.slopes
                np.testing.assert_allclose(layer.grad_sums, chained, atol=1e-12)
