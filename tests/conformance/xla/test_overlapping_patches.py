"""The network of overlapping patches on another engine: its point was hardware."""

import numpy as np
import pytest

import gradatim as gd
from gradatim.zoo.gpu_deep_belief_network import OverlappingPatches, PatchContrast

pytest.importorskip("jax")


def test_conditionals_are_equal_and_contrastive_divergence_learns_there():
    gd.manual_seed(0)
    machine = OverlappingPatches(side=8, patch=4, stride=2, hidden=6)
    v = (gd.rand(200, 1) < 0.5).float().expand(200, 64)
    here = machine(v).detach().numpy(), machine.visible_given(machine.hidden_given(v))
    machine.to("xla:cpu")
    there = v.to("xla:cpu")
    # Sums of 16 and of 24 products in another order: a few units of float32's last place.
    np.testing.assert_allclose(machine(there).detach().cpu().numpy(), here[0], rtol=1e-6)
    back = machine.visible_given(machine.hidden_given(there)).detach().cpu().numpy()
    np.testing.assert_allclose(back, here[1].detach().numpy(), rtol=1e-6)
    learner = PatchContrast(machine, 0.2, 0.5, 0.0)
    errors = [learner.step(there).item() for _ in range(150)]
    assert errors[-1] < 0.1 * errors[0]
