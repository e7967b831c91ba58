"""Deep belief network, deep Boltzmann machine, and the network of overlapping patches."""

import numpy as np
import pytest

import gradatim as gd
from gradatim import zoo
from gradatim.rules import DeepBoltzmannMachine
from gradatim.rules.sparse_coding import SparseCoding
from gradatim.zoo.deep_belief_network import DeepBeliefNetwork, fine_tune, nearest_class
from gradatim.zoo.deep_boltzmann_machine import AugmentedNetwork, DoubledMachine, pretrain
from gradatim.zoo.gpu_deep_belief_network import OverlappingPatches, PatchContrast
from gradatim.zoo.pixels import as_rows, one_of

NAMES = ["deep-belief-network", "deep-boltzmann-machine", "gpu-deep-belief-network"]


@pytest.mark.parametrize("name", NAMES)
def test_demonstration_in_small_goes_the_whole_way(name):
    lines = []
    result = zoo.system(name).demo(zoo.Settings(scale="tiny", report=lines.append))
    assert all(np.isfinite([one.value for one in result.measures]))
    assert result.measures[0].bar in (0.975, 0.986)
    assert len(lines) > 5 and result.notes
    errors = [float(line.rsplit(" ", 1)[1]) for line in lines if "reconstruction error" in line]
    assert errors[1] < errors[0]  # of the first layer


def test_sizes_of_the_deep_belief_network_are_counted():
    network, sizes = DeepBeliefNetwork(), zoo.system("deep-belief-network").sizes
    assert sum(one.numel() for one in network.parameters()) == sizes.parameters
    connections = 784 * 500 + 500 * 500 + 510 * 2000
    assert sizes.neurons * sizes.connections == pytest.approx(connections)


def test_sizes_of_the_deep_boltzmann_machine_are_counted():
    machine, sizes = DeepBoltzmannMachine(), zoo.system("deep-boltzmann-machine").sizes
    assert sum(one.numel() for one in machine.parameters()) == sizes.parameters
    assert sizes.neurons * sizes.connections == sum(W.numel() for W in machine.weights)


def test_label_is_read_by_free_energy():
    """-F(picture, label) is that of the memory with the label clamped."""
    gd.manual_seed(0)
    network = DeepBeliefNetwork((9, 6, 5, 7), classes=3)
    with gd.no_grad():
        network.memory.W.normal_()
        v = gd.rand(4, 9)
        scores = network(v).numpy()
        for label in range(3):
            clamped = one_of(np.full(4, label), 3, "it")
            free = network.memory.free_energy(gd.cat([network.up(v), clamped], 1))
            np.testing.assert_allclose(scores[:, label], -free.numpy(), rtol=1e-5)


def test_up_down_lowers_the_error_of_pictures_given_back():
    gd.manual_seed(0)
    network = DeepBeliefNetwork((16, 8, 6, 10), classes=2)
    labels = np.arange(2000) % 2
    v = gd.tensor(np.eye(2, dtype=np.float32)[labels].repeat(8, 1))
    errors = fine_tune(network, v, one_of(labels, 2, "it"), 30, zoo.Settings())
    assert errors[-1] < 0.5 * errors[0]


def test_nearest_class_is_that_of_the_nearest_row():
    known, labels = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 3.0]]), np.array([4, 5, 6])
    assert nearest_class(np.array([[0.9, 0.8], [0.1, 2.0]]), known, labels).tolist() == [5, 6]


def test_doubled_machine_is_one_with_two_copies_of_its_inputs():
    gd.manual_seed(0)
    machine = DoubledMachine(4, 3, up=2.0)
    twice = gd.rules.RestrictedBoltzmannMachine(8, 3)
    with gd.no_grad():
        twice.W.copy_(gd.cat([machine.W, machine.W]))
    v = (gd.rand(5, 4) < 0.5).float()
    np.testing.assert_allclose(
        machine.hidden_given(v).detach().numpy(),
        twice.hidden_given(gd.cat([v, v], 1)).detach().numpy(),
        rtol=1e-6,
    )


def test_pretraining_makes_pictures_less_surprising():
    gd.manual_seed(0)
    v = (gd.rand(400, 1) < 0.5).float().expand(400, 8)
    machine = DeepBoltzmannMachine((8, 6, 4))
    pretrain(machine, v, 40, zoo.Settings())
    means = machine.mean_field(v)
    back = machine.inputs(means, 0).sigmoid().detach()
    assert ((back > 0.5).float() == v).all()


def test_augmented_network_begins_as_a_round_of_mean_field():
    gd.manual_seed(0)
    machine = DeepBoltzmannMachine((6, 5, 4))
    with gd.no_grad():
        for one in machine.parameters():
            one.normal_()
    network = AugmentedNetwork((6, 5, 4), classes=2).begin_with(machine)
    v = gd.rand(3, 6)
    means = machine.mean_field(v, rounds=200)
    told = network.first(v) + network.again(means[2])
    np.testing.assert_allclose(
        network.second(told.sigmoid()).sigmoid().detach().numpy(),
        means[2].detach().numpy(),
        atol=1e-4,
    )


def test_overlapping_patches_are_a_machine_with_most_weights_zero():
    """Both conditionals equal those of a dense machine that has the patches' weights in place."""
    gd.manual_seed(0)
    machine = OverlappingPatches(side=5, patch=3, stride=2, hidden=2)
    dense = gd.rules.RestrictedBoltzmannMachine(25, 8)
    placed = np.zeros((25, 8), np.float32)
    W = machine.W.detach().numpy()
    pixels = np.arange(25).reshape(5, 5)
    for k, (row, column) in enumerate([(0, 0), (0, 2), (2, 0), (2, 2)]):
        seen = pixels[row : row + 3, column : column + 3].ravel()
        placed[seen, 2 * k : 2 * k + 2] = W[k]
    with gd.no_grad():
        dense.W.copy_(gd.tensor(placed))
        v = gd.rand(6, 25)
        h = machine.hidden_given(v)
        flat = machine(v)
        np.testing.assert_allclose(flat.numpy(), dense.hidden_given(v).numpy(), rtol=1e-5)
        np.testing.assert_allclose(
            machine.visible_given(h).numpy(), dense.visible_given(flat).numpy(), rtol=1e-5
        )


def test_patches_learn_and_their_gradient_has_each_weights_place():
    gd.manual_seed(0)
    machine = OverlappingPatches(side=6, patch=4, stride=2, hidden=5)
    v = (gd.rand(400, 1) < 0.5).float().expand(400, 36)
    learner = PatchContrast(machine, 0.2, 0.5, 0.0)
    errors = [learner.epoch(v, batch=40) for _ in range(20)]
    assert errors[-1] < 0.2 * errors[0]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: as_rows(["a"], 784, "it"), "learns from pictures"),
        (lambda: as_rows(np.zeros((2, 20, 20)), 784, "it"), "takes 784 pixels.*400 inputs"),
        (lambda: as_rows(np.full((2, 784), 3.0), 784, "it"), "from 0 to 1"),
        (lambda: one_of(np.array([0, 10]), 10, "it"), "from 0 to 9.*from 0 to 10"),
        (lambda: one_of(np.array([0.5]), 10, "it"), "whole numbers"),
        (lambda: DeepBeliefNetwork((784, 500)), "one hidden layer or more"),
        (lambda: AugmentedNetwork((784, 500)), "two hidden layers"),
        (lambda: OverlappingPatches(8, 12, 4), "12 × 12 is the smallest"),
        (lambda: OverlappingPatches(28, 12, 5), "multiple of the stride"),
        (lambda: SparseCoding(0, 3), "inputs is 0"),
    ],
)
def test_mistakes_are_one_line(make, says):
    with pytest.raises(gd.Error, match=says) as caught:
        make()
    assert "\n" not in str(caught.value)
