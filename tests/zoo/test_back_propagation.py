"""Early back-propagation: its rule, its problems, its trees, and its demonstration, tiny."""

import numpy as np
import pytest

import gradatim as gd
from gradatim import zoo
from gradatim.explain.pictures.style import can_draw
from gradatim.zoo.back_propagation import (
    FamilyTrees,
    Layered,
    TCNetwork,
    all_bits,
    problems,
    propagate,
    right,
    shapes,
)  # fmt: skip
from gradatim.zoo.family_trees import PEOPLE, RELATIONS, facts, questions


def test_the_sizes_are_counted():
    system = zoo.system("back-propagation")
    network, sizes = system.network(), system.sizes
    layers = list(network.children())
    assert sizes.parameters == sum(p.numel() for p in network.parameters())
    assert sizes.neurons == sum(layer.bias.numel() for layer in layers)
    assert sizes.connections == pytest.approx(sizes.parameters / sizes.neurons)


def test_the_trees_are_isomorphic_and_have_112_facts():
    known = facts()
    assert len(known) == len(set(known)) == 112
    twin = dict(zip(PEOPLE, PEOPLE[12:] + PEOPLE[:12]))
    assert {(twin[a], r, twin[b]) for a, r, b in known} == set(known)
    assert sorted({r for _, r, _ in known}) == sorted(RELATIONS)
    assert {b for a, r, b in known if (a, r) == ("Colin", "aunt")} == {"Jennifer", "Margaret"}
    assert ("Charlotte", "brother", "Colin") in known and ("Arthur", "niece", "Charlotte") in known
    inverse = {"husband": {"wife"}, "father": {"son", "daughter"}, "aunt": {"nephew", "niece"}}
    for a, relation, b in known:
        if relation in inverse:
            assert any((b, back, a) in known for back in inverse[relation])
    assert [len(part) for part in questions()] == [104] * 3
    assert questions()[2].sum() == 112


def test_a_sweep_is_the_generalized_delta_rule():
    """Two sweeps of a 2-1-1 network against δ of chapter 8, written out."""
    network = Layered((2, 1, 1), 1)
    (w1, b1), (w2, b2) = [
        (u.weight[0].detach().numpy().copy(), u.bias[0].detach().numpy().copy())
        for u in network.layers
    ]
    x, t = all_bits(2), np.array([[0.0], [1], [1], [1]], np.float32)
    sweep = propagate(network, [gd.tensor(x)], gd.tensor(t), rate=0.3, momentum=0.8)
    past = [np.zeros_like(a) for a in (w1, b1, w2, b2)]
    for _ in range(2):
        sweep()
        hidden = 1 / (1 + np.exp(-x @ w1 - b1))
        y = 1 / (1 + np.exp(-hidden @ w2 - b2))
        delta = (t - y) * y * (1 - y)
        inside = hidden * (1 - hidden) * (delta @ w2.T)
        steps = [x.T @ inside, inside.sum(0), hidden.T @ delta, delta.sum(0)]
        past = [0.3 * s + 0.8 * p for s, p in zip(steps, past)]
        w1, b1, w2, b2 = (w + p for w, p in zip((w1, b1, w2, b2), past))
    np.testing.assert_allclose(network.layers[0].weight[0].detach().numpy(), w1, atol=1e-6)
    np.testing.assert_allclose(network.layers[1].bias[0].detach().numpy(), b2, atol=1e-6)


def test_networks_side_by_side_learn_as_each_alone():
    both, alone = Layered((2, 2, 1), 2), Layered((2, 2, 1), 1)
    with gd.no_grad():
        for p, q in zip(alone.parameters(), both.parameters()):
            p.copy_(q[1:])
    x, t = gd.tensor(all_bits(2)), gd.tensor([[0.0], [1], [1], [0]])
    for network in (both, alone):
        sweep = propagate(network, [x], t, rate=0.5)
        for _ in range(50):
            sweep()
    np.testing.assert_allclose(both(x)[1].detach().numpy(), alone(x)[0].detach().numpy(), atol=1e-5)


def test_cases_that_are_not_taught_and_outputs_that_are_near_change_nothing():
    network = Layered((2, 2, 1), 1)
    before = [p.detach().numpy().copy() for p in network.parameters()]
    x, t = gd.tensor(all_bits(2)), gd.tensor([[0.0], [1], [1], [0]])
    propagate(network, [x], t, gd.zeros(1, 4, 1), rate=1.0)()
    propagate(network, [x], t, rate=1.0, near=1.0)()
    for p, old in zip(network.parameters(), before):
        np.testing.assert_array_equal(p.detach().numpy(), old)


def test_problems_are_those_of_chapter_8():
    mirrored = problems()["symmetry of 6"][2]
    assert mirrored.sum() == 8  # three free bits
    pictures, labels = shapes()
    assert (pictures.sum((1, 2, 3)) == 5).all() and len(np.unique(pictures, axis=0)) == 220
    assert labels.sum() == 100  # four turns of T in 25 places


def test_the_shared_weights_do_not_see_where_a_letter_is():
    network, (pictures, _) = TCNetwork(3), shapes()
    with gd.no_grad():
        answers = network(gd.tensor(pictures[:25]))[:, :, 0].numpy()  # one turn of T
    np.testing.assert_allclose(answers, answers[:, :1].repeat(25, 1), atol=1e-5)
    with pytest.raises(gd.ShapeError, match="3 × 3 or more"):
        network(gd.zeros(1, 1, 2, 2))
    with pytest.raises(gd.ShapeError, match=r"a person \(N, 24\) and a relation \(N, 12\)"):
        FamilyTrees()(gd.zeros(1, 12), gd.zeros(1, 24))


def test_the_encoder_finds_a_code():
    gd.manual_seed(0)
    make, x, t, rate, _ = problems()["encoder 8-3-8"]
    network, x, t = make(4), gd.tensor(x), gd.tensor(t)
    sweep = propagate(network, [x], t, rate=rate)
    for _ in range(2000):
        sweep()
    assert right(network, [x], t).all()


def test_the_demonstration_at_a_tiny_size():
    lines = []
    result = zoo.system("4").demo(zoo.Settings(scale="tiny", report=lines.append))
    errors = [float(line.split("E ")[1]) for line in lines if "sweep" in line]
    assert errors[-1] < errors[0]
    assert result.measures[0].baseline < 1
    assert (result.figure is not None) == can_draw()
