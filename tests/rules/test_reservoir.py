"""The reservoir: its equations by hand, its echo state property, and its readout."""

import numpy as np
import pytest

import gradatim as gd
from gradatim.graph.errors import ArgumentError, DataError, ShapeError
from gradatim.rules import Reservoir


def wave(length):
    return gd.sin(gd.arange(length, dtype=gd.float64) / 5).unsqueeze(1)


def test_states_are_the_papers_equation_step_by_step():
    reservoir = Reservoir(12, outputs=2, inputs=3, density=0.5, leak=0.7, seed=3)
    draw = np.random.default_rng(0)
    teacher, inputs = draw.normal(size=(5, 2)), draw.normal(size=(5, 3))
    x, y = np.zeros(12), np.zeros(2)
    wanted = []
    for n in range(5):
        total = (
            reservoir.weight.numpy() @ x
            + inputs[n] @ reservoir.input_weight.numpy()
            + y @ reservoir.feedback_weight.numpy()
            + reservoir.bias.numpy()
        )
        x, y = 0.3 * x + 0.7 * np.tanh(total), teacher[n]
        wanted.append(x)
    found = reservoir.follow(gd.tensor(teacher), gd.tensor(inputs))
    np.testing.assert_allclose(found.numpy(), wanted, rtol=0, atol=1e-14)


def test_the_spectral_radius_is_what_was_asked_for():
    weight = Reservoir(80, density=0.1, spectral_radius=0.65).weight.numpy()
    assert np.abs(np.linalg.eigvals(weight)).max() == pytest.approx(0.65, rel=1e-9)
    assert np.count_nonzero(weight) / weight.size == pytest.approx(0.1, abs=0.02)


def test_states_forget_where_they_began():
    """The echo state property: two starts, one teacher, the same states in the end."""
    reservoir = Reservoir(100, density=0.1, spectral_radius=0.8)
    one = reservoir.follow(wave(300), state=gd.ones(100, dtype=gd.float64))
    other = reservoir.follow(wave(300), state=-gd.ones(100, dtype=gd.float64))
    gaps = (one - other).abs().amax(1)
    assert gaps[0] > 0.1
    assert gaps[-1] < 1e-12


def test_the_readout_is_the_least_squares_solution():
    """Its residual is orthogonal to every state."""
    reservoir = Reservoir(10, density=0.5)
    draw = np.random.default_rng(1)
    teacher = gd.tensor(draw.normal(size=(200, 1)))
    error = reservoir.fit(teacher, washout=50)
    states = reservoir.follow(teacher)[50:]
    residual = reservoir.read(states) - teacher[50:]
    assert float((residual**2).mean().sqrt()) == pytest.approx(error)
    assert (states.T @ residual).abs().max() < 1e-10
    assert residual.sum().abs() < 1e-10


def test_alone_it_does_what_it_does_when_led_by_its_own_outputs():
    reservoir = Reservoir(40, density=0.3, seed=2)
    reservoir.fit(wave(200), washout=50)
    states = reservoir.follow(wave(200))
    alone = reservoir.run(states[-1], wave(200)[-1], steps=30)
    led = reservoir.follow(gd.cat([wave(200), alone]))[200:]
    np.testing.assert_allclose(
        reservoir.read(led).detach().numpy(), alone.numpy(), rtol=0, atol=1e-9
    )


def test_sequences_side_by_side_are_as_each_alone():
    reservoir = Reservoir(30, density=0.3)
    both = gd.stack([wave(50), 2 * wave(50)], 1)
    states = reservoir.follow(both)
    assert states.shape == (50, 2, 30)
    assert gd.allclose(states[:, 1], reservoir.follow(2 * wave(50)), atol=1e-13)


def test_what_does_not_fit_is_said():
    with pytest.raises(ArgumentError, match="density is 0"):
        Reservoir(10, density=0)
    with pytest.raises(ArgumentError, match="no signal can circulate among 5 units"):
        Reservoir(5, density=1e-6)
    reservoir = Reservoir(10, density=0.5, inputs=1)
    with pytest.raises(ArgumentError, match="has 1 inputs: give inputs"):
        reservoir.follow(wave(5))
    with pytest.raises(ShapeError, match=r"teacher has shape \(5,\)"):
        reservoir.follow(wave(5)[:, 0])
    with pytest.raises(ShapeError, match="the input has 4 steps"):
        reservoir.follow(wave(5), wave(4))
    with pytest.raises(DataError, match="more than 101 steps"):
        Reservoir(10, density=0.5).fit(wave(50))
    with pytest.raises(DataError, match="NaN"):
        Reservoir(10, density=0.5).fit(wave(200) / gd.zeros(200, 1))
