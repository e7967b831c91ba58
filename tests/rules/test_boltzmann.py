"""Boltzmann machines and their learning, against sums over every state of small ones."""

from itertools import pairwise, product

import numpy as np
import pytest

import gradatim as gd
from gradatim.rules import (
    ContrastiveDivergence,
    ContrastiveWakeSleep,
    DeepBoltzmannMachine,
    MeanFieldLearning,
    PersistentChains,
    RestrictedBoltzmannMachine,
    annealed_importance_sampling,
)
from gradatim.rules.ascent import averages
from gradatim.rules.restricted_boltzmann import draw_one_hot


def states(units: int) -> gd.Tensor:
    return gd.tensor(list(product([0.0, 1.0], repeat=units)))


def small_machine(visible: int = 4, hidden: int = 3, classes: int = 0, scale: float = 1.0):
    gd.manual_seed(1)
    machine = RestrictedBoltzmannMachine(visible, hidden, classes)
    with gd.no_grad():
        for one in machine.parameters():
            one.copy_(scale * gd.randn(*one.shape))
    return machine


def allowed(machine: RestrictedBoltzmannMachine) -> gd.Tensor:
    """Every visible state; with classes, those in which exactly one is on."""
    v = states(machine.visible).numpy()
    if machine.classes:
        v = v[v[:, -machine.classes :].sum(1) == 1]
    return gd.tensor(v)


def joint(machine: RestrictedBoltzmannMachine) -> tuple[np.ndarray, gd.Tensor, gd.Tensor]:
    """exp(-E) of each pair of a visible and a hidden state: (visible states, hidden states)."""
    v, h = allowed(machine), states(machine.hidden)
    energies = [machine.energy(v, row[None].expand(len(v), machine.hidden)) for row in h]
    return np.exp(-gd.stack(energies, 1).detach().double().numpy()), v, h


@pytest.mark.parametrize("classes", [0, 2])
def test_conditionals_and_free_energy_are_those_of_the_sum_over_states(classes):
    machine = small_machine(classes=classes)
    weights, v, h = joint(machine)
    given_v = weights @ h.numpy() / weights.sum(1, keepdims=True)
    np.testing.assert_allclose(machine.hidden_given(v).detach().numpy(), given_v, rtol=1e-5)
    given_h = weights.T @ v.numpy() / weights.sum(0)[:, None]
    np.testing.assert_allclose(machine.visible_given(h).detach().numpy(), given_h, rtol=1e-5)
    free = -np.log(weights.sum(1))
    np.testing.assert_allclose(machine.free_energy(v).detach().numpy(), free, rtol=1e-4, atol=1e-5)
    assert machine.log_partition() == pytest.approx(np.log(weights.sum()), rel=1e-6)
    assert np.exp(machine.log_likelihood(v).numpy()).sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("classes", [0, 2])
def test_gibbs_sampling_arrives_at_the_distribution(classes):
    machine = small_machine(classes=classes, scale=0.7)
    weights, v, _ = joint(machine)
    wanted = weights.sum(1) / weights.sum()
    drawn = machine.gibbs(v[:1].expand(20_000, machine.visible), steps=40).detach().numpy()
    counted = [(drawn == row).all(1).mean() for row in v.numpy()]
    # A frequency of 20,000 draws has a deviation of 0.0035 at most: five of them.
    np.testing.assert_allclose(counted, wanted, atol=0.018)


def test_a_class_is_drawn_as_often_as_its_probability():
    gd.manual_seed(0)
    drawn = draw_one_hot(gd.tensor([[0.1, 0.6, 0.3]]).expand(20_000, 3))
    assert set(drawn.sum(1).tolist()) == {1.0}
    np.testing.assert_allclose(drawn.mean(0).numpy(), [0.1, 0.6, 0.3], atol=0.018)


def test_contrastive_divergence_of_many_rounds_is_the_gradient_of_the_likelihood():
    """∂ log p/∂θ by autograd of the exact log likelihood. 20,000 chains have noise of 0.004 in each
    average; five deviations."""
    machine = small_machine(scale=0.5)
    v = gd.tensor([[1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 0.0]])
    log_z = (-machine.free_energy(states(4))).logsumexp(0)
    (-machine.free_energy(v).mean() - log_z).backward()
    many = v.repeat(10_000, 1)
    learner = ContrastiveDivergence(machine, k=40)
    with gd.no_grad():
        found, _ = learner.gradients(many)
    for one, gradient in zip([machine.W, machine.b, machine.c], found):
        np.testing.assert_allclose(gradient.numpy(), one.grad.numpy(), atol=0.02)


def test_update_has_momentum_and_decays_weights_only():
    machine = small_machine()
    learner = ContrastiveDivergence(machine, learning_rate=0.5, momentum=0.9, weight_decay=0.1)
    W, b = machine.W.detach().numpy().copy(), machine.b.detach().numpy().copy()
    fixed = [gd.ones_like(one.detach()) for one in learner._parameters()]
    learner.gradients = lambda v: (fixed, v.mean())
    for _ in range(2):
        learner.step(gd.zeros(2, 4))
    first = 0.5 * (1 - 0.1 * W)
    second = 0.9 * first + 0.5 * (1 - 0.1 * (W + first))
    np.testing.assert_allclose(machine.W.detach().numpy(), W + first + second, rtol=1e-5)
    np.testing.assert_allclose(machine.b.detach().numpy(), b + 0.5 + (0.45 + 0.5), rtol=1e-5)


@pytest.mark.parametrize("rule", [ContrastiveDivergence, PersistentChains])
def test_likelihood_rises_to_nearly_the_best_there_is(rule):
    """Bars of 2×2 pixels: four patterns, log p is -log 4 at best. Rates fall to none."""
    gd.manual_seed(0)
    patterns = [[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0], [0, 1, 0, 1]]
    data = gd.tensor(patterns, dtype=gd.float32).repeat(50, 1)
    machine = RestrictedBoltzmannMachine(4, 6)
    before = machine.log_likelihood(data).mean().item()
    learner = rule(machine, momentum=0.5, weight_decay=0.0)
    for epoch in range(150):
        learner.learning_rate = 0.2 * (1 - epoch / 150)
        learner.epoch(data, batch=50)
    after = machine.log_likelihood(data).mean().item()
    assert before == pytest.approx(-4 * np.log(2), abs=0.05)
    assert -np.log(4) - 0.35 < after < -np.log(4)


def test_changed_rates_and_batches_do_not_compile_anew():
    machine = small_machine()
    learner = ContrastiveDivergence(machine)
    for k in range(5):
        learner.learning_rate, learner.momentum = 0.1 / (k + 1), 0.1 * k
        learner.step(gd.rand(10, 4))
    (steps,) = learner._compiled._steps.values()
    assert len(steps) == 1


def small_deep_machine() -> DeepBoltzmannMachine:
    gd.manual_seed(2)
    machine = DeepBoltzmannMachine((5, 4, 3))
    with gd.no_grad():
        for one in machine.parameters():
            one.copy_(0.8 * gd.randn(*one.shape))
    return machine


def log_weights(machine: DeepBoltzmannMachine, v: gd.Tensor) -> np.ndarray:
    """log Σ exp(-E(v, h)) over all hidden states of each v, float64."""
    h = states(sum(machine.sizes[1:]))
    cut = machine.sizes[1]
    with gd.no_grad():
        energies = [
            machine.energy([row[None].expand(len(h), len(row)), h[:, :cut], h[:, cut:]])
            for row in v
        ]
    return np.logaddexp.reduce(-gd.stack(energies).double().numpy(), axis=1)


def test_bound_is_below_the_likelihood_and_no_round_of_mean_field_lowers_it():
    machine, v = small_deep_machine(), states(5)
    exact = log_weights(machine, v)
    log_z = float(np.logaddexp.reduce(exact))
    bounds = [machine.bound(v, log_z, rounds).numpy() for rounds in (1, 2, 5, 20)]
    assert (bounds[-1] <= exact - log_z + 1e-4).all()
    for less, more in pairwise(bounds):
        assert (more >= less - 1e-4).all()
    assert (exact - log_z - bounds[-1]).mean() < 0.5


def test_with_one_hidden_layer_mean_field_is_exact():
    machine, restricted = DeepBoltzmannMachine((4, 3)), small_machine()
    with gd.no_grad():
        machine.weights[0].copy_(restricted.W)
        machine.biases[0].copy_(restricted.b)
        machine.biases[1].copy_(restricted.c)
    bound = machine.bound(states(4), restricted.log_partition())
    wanted = restricted.log_likelihood(states(4))
    np.testing.assert_allclose(bound.numpy(), wanted.numpy(), rtol=1e-4, atol=1e-4)


def test_gibbs_sampling_of_a_deep_machine_arrives_at_the_distribution():
    machine, v = small_deep_machine(), states(5)
    exact = log_weights(machine, v)
    wanted = np.exp(exact - np.logaddexp.reduce(exact))
    start = [gd.zeros(20_000, size) for size in machine.sizes]
    drawn = machine.gibbs(start, rounds=60)[0].detach().numpy()
    counted = [(drawn == row).all(1).mean() for row in v.numpy()]
    np.testing.assert_allclose(counted, wanted, atol=0.018)


def test_mean_field_learning_raises_the_exact_likelihood():
    gd.manual_seed(0)
    data = (gd.rand(400, 1) < 0.5).float().expand(400, 5)  # all on, or all off
    machine = DeepBoltzmannMachine((5, 4, 3))
    learner = MeanFieldLearning(machine, chains=50, learning_rate=0.05, weight_decay=0.0)
    for _ in range(40):
        learner.epoch(data, batch=20)
    exact = log_weights(machine, states(5))
    probabilities = np.exp(exact - np.logaddexp.reduce(exact))
    assert probabilities[0] + probabilities[-1] > 0.6  # at the beginning 2 / 32


@pytest.mark.parametrize("means", [None, [0.2, 0.5, 0.7, 0.4, 0.9]])
def test_annealed_importance_sampling_finds_the_exact_partition_function(means):
    machine = small_deep_machine()
    wanted = float(np.logaddexp.reduce(log_weights(machine, states(5))))
    estimate = annealed_importance_sampling(
        machine, temperatures=300, runs=500, data_means=None if means is None else gd.tensor(means)
    )
    assert estimate.low - 0.01 <= wanted <= estimate.high + 0.01
    assert estimate.high - estimate.low < 0.3
    assert estimate.effective_runs > 300


def test_annealed_importance_sampling_of_independent_units_has_no_error():
    machine = small_machine()
    with gd.no_grad():
        machine.W.zero_()
    estimate = annealed_importance_sampling(machine, temperatures=3, runs=4)
    assert estimate.log_partition == pytest.approx(machine.log_partition(), rel=1e-6)


def test_sleep_teaches_recognition_and_wake_teaches_generation():
    gd.manual_seed(0)
    up, down = gd.nn.Linear(6, 4), gd.nn.Linear(4, 6)
    memory = RestrictedBoltzmannMachine(4 + 2, 5, classes=2)
    rule = ContrastiveWakeSleep([up], [down], memory, k=2, learning_rate=0.2)
    labels = gd.eye(2).repeat(50, 1)
    data = labels.repeat_interleave(3, dim=1)  # each class has three pixels of its own
    errors = [rule.step(data, labels).item() for _ in range(400)]
    assert np.mean(errors[-20:]) < 0.4 * np.mean(errors[:20])


def test_mistakes_are_one_line():
    machine = small_machine()
    for make, says in [
        (lambda: machine.free_energy(gd.zeros(2, 5)), r"shape \(2, 5\).*takes \(N, 4\)"),
        (lambda: RestrictedBoltzmannMachine(0, 3), "0 visible and 3 hidden"),
        (lambda: RestrictedBoltzmannMachine(3, 3, classes=1), "classes is 1"),
        (lambda: RestrictedBoltzmannMachine(3, 21).log_partition(), "annealed_importance"),
        (lambda: ContrastiveDivergence(machine, k=0), "k is 0"),
        (lambda: ContrastiveDivergence(machine, learning_rate=0.0), "above 0"),
        (lambda: ContrastiveDivergence(machine).epoch(gd.zeros(5, 4)), "5 cases are fewer"),
        (lambda: DeepBoltzmannMachine((4,)), r"sizes are \(4,\)"),
        (lambda: annealed_importance_sampling(machine, temperatures=1), "two or more"),
        (lambda: annealed_importance_sampling(small_machine(classes=2)), "group of classes"),
    ]:
        with pytest.raises(gd.Error, match=says):
            make()


def test_averages_are_means_of_products():
    v, h = gd.tensor([[1.0, 0.0], [1.0, 1.0]]), gd.tensor([[1.0], [0.0]])
    products, first, second = averages([v, h])
    assert products.tolist() == [[0.5], [0.0]]
    assert (first.tolist(), second.tolist()) == ([1.0, 0.5], [0.5])
