"""AlexNet: parameters by name of the network, the paper's normalization, its pictures."""

import numpy as np
import pytest

import gradatim as gd
from gradatim import zoo
from gradatim.zoo import alexnet
from gradatim.zoo.alexnet_pictures import ColourPCA, crop_views, random_crops


@pytest.mark.parametrize(
    "variant, count",
    [("paper", 60_965_224), ("ungrouped", 62_378_344), ("torchvision", 61_100_840)],
)
def test_parameters_of_each_network_of_the_name(variant, count, monkeypatch):
    monkeypatch.setattr(alexnet.AlexNet, "_draw", lambda self, std: None)  # seconds of drawing
    model = alexnet.alexnet(variant)
    assert sum(p.numel() for p in model.parameters()) == count


def test_another_variant_is_refused_with_those_there_are():
    with pytest.raises(gd.ArgumentError, match="expected one of paper, ungrouped, torchvision"):
        alexnet.alexnet("vgg")


def test_response_normalization_does_not_divide_alpha():
    a = gd.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).reshape(1, 6, 1, 1)
    found = alexnet.response_normalization(a, n=5, k=2, alpha=0.1, beta=0.75).flatten()
    squares = np.arange(1.0, 7) ** 2
    sums = [squares[max(i - 2, 0) : i + 3].sum() for i in range(6)]
    expected = np.arange(1.0, 7) / (2 + 0.1 * np.array(sums)) ** 0.75
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_first_biases_are_one_where_the_paper_says():
    model = alexnet.AlexNet(10, (8, 8, 8, 8, 8), hidden=8)
    biases = [m.bias.detach().numpy() for m in model.modules() if hasattr(m, "bias")]
    assert [set(b) for b in biases] == [{0.0}, {1.0}, {0.0}, {1.0}, {1.0}, {1.0}, {1.0}, {0.0}]


def test_towers_meet_in_the_third_convolution_alone():
    """A change in the first half of the maps below changes the first half of the maps above, but
    in the third convolution it changes all.
    """
    model = alexnet.AlexNet(10, (8, 8, 8, 8, 8), hidden=8, std=1.0)
    met = []
    for layer in [m for m in model.features if isinstance(m, gd.nn.Conv2d)][1:]:
        x = np.random.default_rng(0).normal(size=(1, 8, 5, 5)).astype(np.float32)
        before = layer(gd.tensor(x)).detach().numpy()
        x[:, :4] += 1
        moved = (layer(gd.tensor(x)).detach().numpy() != before).any((0, 2, 3))
        assert moved[:4].all()
        met.append(bool(moved[4:].all()))
    assert met == [False, True, False, False]


def test_ten_crops_are_five_places_and_their_mirror_images():
    image = gd.arange(16).reshape(1, 1, 4, 4)
    views = crop_views(image, 2).numpy()[:, 0, 0]
    assert views.shape == (10, 2, 2)
    assert views[0].tolist() == [[0, 1], [4, 5]] and views[3].tolist() == [[10, 11], [14, 15]]
    assert (views[5:] == views[:5, :, ::-1]).all()


def test_random_crops_are_windows_of_their_own_picture():
    gd.manual_seed(0)
    images = gd.arange(2 * 36).reshape(2, 1, 6, 6)
    windows = np.lib.stride_tricks.sliding_window_view(images.numpy(), (4, 4), axis=(2, 3))
    seen = set()
    for _ in range(50):
        for number, cut in enumerate(random_crops(images, 4).numpy()):
            own = windows[number, 0].reshape(-1, 4, 4)
            places = [(k, m) for k, w in enumerate(own) for m, v in ((0, w), (1, w[:, ::-1]))
                      if (v == cut[0]).all()]  # fmt: skip
            assert len(places) == 1
            seen.add(places[0])
    assert len(seen) == 9 * 2  # each place, each way round
    with pytest.raises(gd.ShapeError, match="crops of 7 x 7 do not fit in pictures of 6 x 6"):
        random_crops(images, 7)


def test_colours_move_by_the_components_variances():
    gd.manual_seed(0)
    rng = np.random.default_rng(0)
    pixels = rng.normal(size=(50, 3, 4, 4)) * np.array([3.0, 2.0, 1.0])[:, None, None]
    change = ColourPCA(gd.tensor(pixels.astype(np.float32)))
    np.testing.assert_allclose(change.values.numpy(), [1, 4, 9], rtol=0.3)
    moved = change(gd.zeros(4000, 3, 2, 2)).numpy()
    assert (moved == moved[:, :, :1, :1]).all()  # all pixels of a picture alike
    covariance = np.cov(moved[:, :, 0, 0].T)
    v, lam = change.vectors.numpy(), change.values.numpy()
    np.testing.assert_allclose(covariance, v * (0.1 * lam) ** 2 @ v.T, atol=0.05)


def test_a_picture_that_is_too_small_is_told_the_smallest():
    model = alexnet.AlexNet(10, (8, 8, 8, 8, 8), hidden=8)
    assert model(gd.zeros(1, 3, 63, 63)).shape == (1, 10)
    with pytest.raises(gd.ShapeError, match="63 or more"):
        model(gd.zeros(1, 3, 62, 62))


def test_tiny_demonstration_goes_the_whole_way():
    result = zoo.system("alexnet").demo(zoo.Settings(scale="tiny"))
    assert len(result.curve) == 2 and 0 <= result.measures[0].value <= 1
    assert np.isfinite(result.model.features[0].weight.detach().numpy()).all()
