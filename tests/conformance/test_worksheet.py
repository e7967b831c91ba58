"""Worksheets against PyTorch: loss, gradients and new weights of the same networks."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import gradatim as gd
from gradatim import nn

NETWORKS = [
    ("Sigmoid", "mse", torch.nn.MSELoss),
    ("Tanh", "huber", torch.nn.HuberLoss),
    ("GELU", "l1", torch.nn.L1Loss),
    ("ELU", "poisson_nll", torch.nn.PoissonNLLLoss),
    ("Mish", "cross_entropy", torch.nn.CrossEntropyLoss),
    ("Softplus", "soft_margin", torch.nn.SoftMarginLoss),
]


@pytest.mark.parametrize("activation, loss, torch_loss", NETWORKS)
def test_a_step_is_pytorchs(activation, loss, torch_loss):
    rng = np.random.default_rng(0)
    ours = nn.Sequential(nn.Linear(3, 4), getattr(nn, activation)(), nn.Linear(4, 2)).double()
    layers = torch.nn.Linear(3, 4), getattr(torch.nn, activation)(), torch.nn.Linear(4, 2)
    theirs = torch.nn.Sequential(*layers).double()
    state = {k: torch.from_numpy(v.numpy().copy()) for k, v in ours.state_dict().items()}
    theirs.load_state_dict(state)
    x = rng.normal(size=(5, 3))
    y = rng.integers(0, 2, 5) if loss == "cross_entropy" else rng.choice([-1.0, 1.0], (5, 2))

    sheet = gd.explain.step(ours, x, y, loss=loss, lr=0.3)

    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.3)
    value = torch_loss()(theirs(torch.from_numpy(x)), torch.from_numpy(y))
    value.backward()
    gradients = {name: p.grad.numpy().copy() for name, p in theirs.named_parameters()}
    optimizer.step()
    after = torch_loss()(theirs(torch.from_numpy(x)), torch.from_numpy(y))
    assert sheet.loss.value == pytest.approx(value.item(), rel=1e-12)
    assert sheet.loss.after == pytest.approx(after.item(), rel=1e-12)
    for update in sheet.updates:
        new = dict(theirs.named_parameters())[update.name].detach().numpy()
        np.testing.assert_allclose(update.gradient, gradients[update.name], atol=1e-13)
        np.testing.assert_allclose(update.new, new, atol=1e-13)
