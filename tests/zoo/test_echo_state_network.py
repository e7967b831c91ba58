"""The echo state network: its signal, its sizes, and its demonstration at a tiny size."""

import numpy as np
import pytest

import gradatim as gd
from gradatim import zoo
from gradatim.zoo.echo_state_network import mackey_glass


def test_the_signal_solves_its_equation():
    """Runge and Kutta's method, written here once more as a plain loop."""
    start = np.random.default_rng(4).uniform(0.7, 1.4, 1)
    y = [start[0]] * 171

    def slope(now, delayed):
        return 0.2 * delayed / (1 + delayed**10) - 0.1 * now

    for _ in range(2000):
        old, new = y[-171], y[-170]
        k1 = slope(y[-1], old)
        k2 = slope(y[-1] + 0.05 * k1, (old + new) / 2)
        k3 = slope(y[-1] + 0.05 * k2, (old + new) / 2)
        k4 = slope(y[-1] + 0.1 * k3, new)
        y.append(y[-1] + 0.1 / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    found = mackey_glass(200, 1, seed=4, settle=0)[:, 0].numpy()
    np.testing.assert_allclose(found, np.tanh(np.array(y[171::10]) - 1), rtol=0, atol=1e-10)


def test_the_sizes_are_counted():
    system = zoo.system("echo-state-network")
    sizes = system.sizes
    network = system.network(200)  # a fifth: the eigenvalues of 1,000 units take seconds
    inside = int((network.weight != 0).sum())
    assert abs(inside - 400) < 80  # drawn: 1% of 200², with a deviation of 20
    assert sum(p.numel() for p in network.parameters()) == 201
    assert (network.feedback_weight.numel(), network.bias.numel()) == (200, 200)
    assert sizes.parameters == 1_001
    assert sizes.connections == pytest.approx((10_000 + 1_000 + 1_000 + 1_001) / sizes.neurons)


def test_a_small_network_learns_the_signal_while_it_is_led():
    lines = []
    result = zoo.system("9").demo(zoo.Settings(scale="tiny", report=lines.append))
    signal = mackey_glass(600, 1)
    error = (result.model.read(result.model.follow(signal))[200:] - signal[200:]).abs().max()
    assert error < 1e-2 * signal.std()
    assert gd.isfinite(gd.tensor(result.measures[0].value))
    assert len(lines) == 2
