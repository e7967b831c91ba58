"""LeNet-5: what the paper counts, its table, its loss, and that it learns."""

import math

import numpy as np
import pytest

import gradatim as gd
from gradatim import zoo
from gradatim.zoo import lenet5


def test_it_has_the_papers_parameters_and_connections():
    model = lenet5.LeNet5()
    sizes = {
        name: sum(p.numel() for p in getattr(model, name).parameters())
        for name in ("c1", "s2", "c3", "s4", "c5", "f6")
    }
    assert sizes == {"c1": 156, "s2": 12, "c3": 1516, "s4": 32, "c5": 48120, "f6": 10164}
    assert sum(sizes.values()) == 60_000 == lenet5.SYSTEM.sizes.parameters
    counted = lenet5.connections(model)
    assert counted == {
        "c1": 122_304, "s2": 5_880, "c3": 151_600, "s4": 2_000, "c5": 48_120, "f6": 10_164,
        "output": 840,
    }  # fmt: skip
    assert sum(counted.values()) == 340_908


def test_a_map_of_c3_depends_on_the_maps_of_its_list_alone():
    model = lenet5.LeNet5()
    base = gd.rand(1, 6, 14, 14)
    before = model.c3(base).detach().numpy()
    for below in range(6):
        changed = base.numpy().copy()
        changed[0, below] += 1
        # 1e-6: one of the two may be computed in another order; what moves, moves by over 1e-3.
        change = np.abs(model.c3(gd.tensor(changed)).detach().numpy() - before)
        moved = (change > 1e-6).any((0, 2, 3))
        assert moved.tolist() == [below in maps for maps in lenet5.C3_TABLE]


def test_subsampling_is_a_sum_times_a_coefficient_and_a_bias():
    layer = lenet5.Subsampling(1)
    with gd.no_grad():
        layer.coefficient.fill_(0.5)
        layer.bias.fill_(0.25)
    out = layer(gd.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    assert out.item() == 0.5 * 10 + 0.25


def test_squash_keeps_plus_and_minus_one():
    ones = lenet5.squash(gd.tensor([-1.0, 1.0]))
    np.testing.assert_allclose(ones.numpy(), [-1, 1], atol=1e-4)  # A is given to four places


def test_codes_are_ten_different_bitmaps():
    codes = lenet5.codes().numpy()
    assert codes.shape == (10, 84) and set(codes.ravel()) == {-1.0, 1.0}
    assert len(np.unique(codes, axis=0)) == 10


def test_map_loss_by_hand():
    loss = lenet5.map_loss(gd.tensor([[1.0, 2.0]]), gd.tensor([1]), j=3.0)
    assert loss.item() == pytest.approx(2 + math.log(math.exp(-3) + math.exp(-1) + math.exp(-2)))


def test_an_image_that_is_too_small_is_told_the_smallest():
    with pytest.raises(gd.ShapeError, match="32 or more"):
        lenet5.LeNet5()(gd.zeros(1, 1, 28, 28))
    with pytest.raises(gd.ShapeError, match=r"LeNet-5 needs images \(N, 1, H, W\)"):
        lenet5.LeNet5()(gd.zeros(5, 12))


def test_tiny_demonstration_learns():
    result = zoo.system("lenet-5").demo(zoo.Settings(scale="tiny"))
    assert result.measures[0].value > 0.4  # guessing: 0.1
