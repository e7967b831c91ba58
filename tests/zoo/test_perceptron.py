"""The perceptron: its units, its rule, its sizes, and its demonstration at a tiny size."""

import numpy as np
import pytest

import gradatim as gd
from gradatim import zoo
from gradatim.rules import Perceptron
from gradatim.zoo.perceptron import Photoperceptron


def test_the_sizes_are_counted():
    system = zoo.system("perceptron")
    machine, sizes = system.network(), system.sizes
    wired = int(machine.wiring.abs().sum())  # sources may cancel or repeat, so at most 10 each
    assert 0.9 * 5120 < wired <= 5120
    assert sizes.parameters == machine.value.numel()
    assert sizes.neurons == sum(machine.value.shape)
    assert sizes.connections == pytest.approx((5120 + sizes.parameters) / sizes.neurons)


def test_association_units_are_all_or_nothing_and_never_learn():
    machine = Photoperceptron(30, 40, 2, seed=3)
    light = gd.tensor(np.random.default_rng(0).random((50, 30), np.float32))
    before = machine.associate(light).numpy()
    assert set(np.unique(before)) == {0.0, 1.0}
    sums = (light.numpy() > 0.5) @ machine.wiring.numpy()
    np.testing.assert_array_equal(before, sums >= 2)
    machine.learn(light, gd.tensor(np.eye(2, dtype=np.float32)[np.arange(50) % 2]))
    np.testing.assert_array_equal(machine.associate(light).numpy(), before)
    assert [name for name, _ in machine.named_parameters()] == ["value"]


def test_the_compiled_rule_is_rosenblatts_case_by_case():
    """A 1 beside the inputs is the bias of `gradatim.rules.Perceptron`; integers are exact."""
    rng = np.random.default_rng(1)
    x = rng.integers(-3, 4, (60, 4)).astype(np.float32)
    t = (x[:, 0] + 2 * x[:, 1] > 1).astype(np.float32)
    machine = Photoperceptron(5, 0, 1)
    machine.learn(gd.tensor(np.c_[x, np.ones(60, np.float32)]), gd.tensor(t[:, None]))
    with pytest.warns(UserWarning, match="did not converge"):
        known = Perceptron(4).fit(x, t, epochs=1)
    found = machine.value[:, 0].tolist()
    assert found == [*known.weight.tolist(), known.bias.item()]


def test_inputs_of_another_width_are_refused():
    with pytest.raises(gd.ShapeError, match=r"400 sensory units.*\(2, 784\).*expected \(N, 400\)"):
        Photoperceptron()(gd.zeros(2, 784))
    with pytest.raises(gd.ArgumentError, match="0 response units"):
        Photoperceptron(response=0)


def test_the_demonstration_at_a_tiny_size():
    lines = []
    result = zoo.system("1").demo(zoo.Settings(scale="tiny", report=lines.append))
    digits, pixels, setosa, unseen = result.measures
    assert setosa.reached and unseen.value == 1
    assert digits.value > 0.5 and pixels.value > 0.5  # ten classes, after 1,000 digits
    assert "converged" in lines[0]
