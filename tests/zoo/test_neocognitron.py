"""The neocognitron: its equations by hand, its seed cells, and its experiment."""

import numpy as np
import pytest

import gradatim as gd
from gradatim import zoo
from gradatim.graph.errors import ArgumentError, DataError, ShapeError
from gradatim.zoo.neocognitron import (
    CLayer,
    Neocognitron,
    SLayer,
    as_tensor,
    learn_numerals,
    numerals,
    same_cell,
    shifted,
)


def s_layer(planes=2, field=3, column=3, selectivity=1.5, rate=16.0):
    generator = gd.Generator().manual_seed(0)
    return SLayer(1, planes, field, 1, column, selectivity, rate, generator)


def test_s_cells_are_equations_1_to_3():
    layer = s_layer()
    draw = np.random.default_rng(0)
    layer.b.copy_(gd.tensor([0.5, 2.0]))
    below = draw.random((5, 5)).astype("f")
    found = layer(as_tensor(below)).numpy()[0]
    a, b, c = layer.a.numpy()[:, 0], layer.b.numpy(), layer.c.numpy()[0, 0]
    padded, r = np.pad(below, 1), 1.5
    for k, row, column in ((0, 0, 0), (1, 2, 3), (0, 4, 4)):
        seen = padded[row : row + 3, column : column + 3]
        v = np.sqrt((c * seen**2).sum())
        wanted = (1 + (a[k] * seen).sum()) / (1 + 2 * r / (1 + r) * b[k] * v) - 1
        assert found[k, row, column] == pytest.approx(r * max(wanted, 0), rel=1e-4, abs=1e-6)


def test_c_cells_are_equations_4_to_6():
    layer = CLayer(3, 1, 2)
    below = np.random.default_rng(1).random((2, 5, 5)).astype("f")
    found = layer(gd.tensor(below[None])).numpy()[0]
    d, padded = layer.d.numpy()[0, 0], np.pad(below, ((0, 0), (1, 1), (1, 1)))
    sums = (d * padded[:, 2:5, 2:5]).sum((1, 2))  # of the cell in row 1, column 1
    x = np.maximum((1 + sums) / (1 + sums.mean()) - 1, 0)
    np.testing.assert_allclose(found[:, 1, 1], x / (0.5 + x), rtol=1e-5)


def test_after_learning_a_cell_answers_by_the_cosine_to_its_feature():
    """u = r ((1 + s q v w) / (1 + r/(1+r) q v w) - 1), which with large q is (1 + r) s - r."""
    layer = s_layer(planes=1, rate=1e6)
    layer.a.zero_()
    layer.b.zero_()
    layer.a.add_(1e-4)  # someone has to answer first
    feature = np.zeros((5, 5), "f")
    feature[1:4, 2] = 1
    layer.learn(as_tensor(feature))
    answer = layer(as_tensor(feature)).numpy()[0, 0]
    assert answer.max() == pytest.approx(1, abs=1e-3)  # s = 1: 2.5 - 1.5
    other = feature.T
    c = layer.c.numpy()[0, 0]
    s = c[1, 1] / c[:, 1].sum()  # the two lines share the middle cell
    assert layer(as_tensor(other)).numpy()[0, 0, 2, 2] == pytest.approx(
        max(2.5 * s - 1.5, 0), abs=1e-3
    )


def test_seed_cells_as_a_plain_loop_finds_them():
    layer = s_layer(planes=4, column=3)
    answer = np.random.default_rng(2).random((4, 7, 6)).astype("f")
    candidates = np.zeros_like(answer)
    for top in range(5):
        for left in range(4):
            part = answer[:, top : top + 3, left : left + 3]
            k, row, column = np.unravel_index(part.argmax(), part.shape)
            candidates[k, top + row, left + column] = part.max()
    wanted = np.zeros_like(answer)
    for k in range(4):
        if candidates[k].max() > 0:
            wanted[k][np.unravel_index(candidates[k].argmax(), (7, 6))] = 1
    assert (layer.seeds(gd.tensor(answer)).numpy() == wanted).all()


def test_the_layers_have_the_papers_sizes():
    network, sizes = Neocognitron(), zoo.system("3").sizes
    assert network.sizes(16) == [16, 10, 8, 6, 2, 1]
    learned = sum(s.a.numel() + s.b.numel() for s in network.s)
    assert sizes.parameters == learned
    layers = network.layers(as_tensor(numerals()[:1]))
    cells = sum(layer.numel() + layer[0, 0].numel() for layer in layers)  # with a V cell each
    assert sizes.neurons == cells


def test_each_numeral_gets_a_cell_of_its_own_that_shifts_do_not_change():
    network = learn_numerals(seed=0)
    answers = network(as_tensor(numerals())).flatten(1)
    assert ((answers > 0).sum(1) == 1).all()
    assert len(set(answers.argmax(1).tolist())) == 5
    moves = [shifted(numerals(), a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)]
    assert same_cell(network, np.stack(moves)) == (1, 1)


def test_the_demonstration_at_a_tiny_size():
    result = zoo.system("neocognitron").demo(zoo.Settings(scale="tiny"))
    value = {measure.name: measure.value for measure in result.measures}
    names = list(value)
    assert value[names[0]] == 5
    assert value[names[1]] > result.measures[1].baseline
    assert value["MNIST test accuracy of a linear readout"] > result.measures[3].baseline


def test_what_does_not_fit_is_said():
    with pytest.raises(ArgumentError, match="the smallest is 15 × 15"):
        Neocognitron(5)
    with pytest.raises(ShapeError, match=r"takes \(N, 1, 16, 16\)"):
        Neocognitron()(gd.zeros(1, 1, 28, 28))
    with pytest.raises(DataError, match="no negative outputs"):
        Neocognitron()(-gd.ones(1, 1, 16, 16))
