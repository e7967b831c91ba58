"""GoogLeNet: parameters of each network of the name, and its modules' shapes."""

import pytest

import gradatim as gd
from gradatim import zoo
from gradatim.zoo import googlenet


@pytest.mark.parametrize(
    "variant, auxiliary, count",
    [
        ("paper", True, 13_378_280),
        ("paper", False, 6_998_552),
        ("torchvision", True, 13_004_888),
        ("torchvision", False, 6_624_904),
    ],
)
def test_parameters_of_each_network_of_the_name(variant, auxiliary, count):
    model = googlenet.googlenet(variant, auxiliary=auxiliary)
    assert sum(p.numel() for p in model.parameters()) == count


def test_modules_widen_as_in_table_1():
    model = googlenet.googlenet(auxiliary=False)
    widths = [getattr(model, name).maps for name in googlenet.MODULES]
    assert widths == [256, 480, 512, 512, 512, 528, 832, 832, 1024]


def test_training_gives_the_auxiliaries_too_and_testing_one_answer():
    model = googlenet.GoogLeNet(10, channels=1, width=1 / 16, stride=1)
    x = gd.rand(2, 1, 16, 16)
    assert [tuple(out.shape) for out in model(x)] == [(2, 10)] * 3
    assert model.eval()(x).shape == (2, 10)


def test_loss_counts_auxiliaries_by_three_tenths():
    even = gd.zeros(1, 2)  # each loss is log 2
    loss = googlenet.loss_of((even, even, even), gd.tensor([0]))
    assert loss.item() == pytest.approx(1.6 * 0.6931472)


def test_refusals_name_what_would_do():
    with pytest.raises(gd.ArgumentError, match="expected one of paper, torchvision"):
        googlenet.googlenet("inception")
    with pytest.raises(gd.ShapeError, match="H and W of 32 or more"):
        googlenet.GoogLeNet(10, width=1 / 16)(gd.zeros(1, 3, 28, 28))


def test_tiny_demonstration_goes_the_whole_way():
    result = zoo.system("googlenet").demo(zoo.Settings(scale="tiny"))
    assert len(result.curve) == 1 and 0 <= result.measures[0].value <= 1
    assert all(bool(p.isfinite().all()) for p in result.model.parameters())


def test_sizes_are_the_papers():
    sizes = googlenet.SYSTEM.sizes
    assert sizes.parameters == 6_998_552
    assert 3.0e9 < sizes.operations < 3.2e9  # "1.5 billion multiply-adds"
