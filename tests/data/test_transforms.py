"""Transforms of images and sound: by hand, and what wrong calls say."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import gradatim as gd
from gradatim.data import transforms as T
from gradatim.data.transforms import functional as F

BYTES = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3) * 4
PICTURE = Image.fromarray(BYTES)
TENSOR = gd.tensor(BYTES.transpose(2, 0, 1) / np.float32(255))


def rows(value):
    """The first channel."""
    return np.asarray(value)[..., 0].tolist() if hasattr(value, "getbands") else value[0].tolist()


def test_pictures_to_tensors_and_back():
    assert (T.ToTensor()(PICTURE) == TENSOR).all()
    assert (T.PILToTensor()(PICTURE) == gd.tensor(BYTES.transpose(2, 0, 1))).all()
    assert np.array_equal(np.asarray(T.ToPILImage()(TENSOR)), BYTES)
    gray = T.ToPILImage()(gd.tensor([[0, 255]], dtype=gd.uint8))
    assert gray.mode == "L" and gray.size == (2, 1)
    assert T.ToTensor()(np.ones((2, 3), np.float64)).dtype is gd.float64
    bits = Image.fromarray(np.array([[True, False]]))
    assert T.ToTensor()(bits).tolist() == [[[1.0, 0.0]]]
    assert T.ConvertImageDtype(gd.uint8)(TENSOR).tolist() == BYTES.transpose(2, 0, 1).tolist()


@pytest.mark.parametrize("kind", ["picture", "tensor"])
def test_flips_crops_and_margins(kind):
    image = PICTURE if kind == "picture" else gd.tensor(BYTES.transpose(2, 0, 1))
    plane = BYTES[:, :, 0]
    assert rows(F.hflip(image)) == plane[:, ::-1].tolist()
    assert rows(F.vflip(image)) == plane[::-1].tolist()
    assert rows(F.crop(image, 1, 2, 2, 3)) == plane[1:3, 2:5].tolist()
    assert rows(F.crop(image, -1, 4, 2, 2)) == [[0, 0], [plane[0, 4], 0]]
    assert rows(F.center_crop(image, 2)) == plane[1:3, 2:4].tolist()
    assert rows(F.center_crop(image, (6, 1))) == [[0], *plane[:, 2:3].tolist(), [0]]
    assert rows(F.pad(image, 1, 9)) == np.pad(plane, 1, constant_values=9).tolist()
    for mode in ("edge", "reflect", "symmetric"):
        expected = np.pad(plane, [(2, 1), (1, 3)], mode).tolist()
        assert rows(F.pad(image, (1, 2, 3, 1), padding_mode=mode)) == expected
    colours = F.pad(image, (0, 0, 1, 0), (7, 8, 9))
    last = np.asarray(colours)[0, -1] if kind == "picture" else colours[:, 0, -1].numpy()
    assert last.tolist() == [7, 8, 9]
    corners = F.five_crop(image, 2)
    assert rows(corners[3]) == plane[2:, 3:].tolist() and len(F.ten_crop(image, 2)) == 10


def test_sizes():
    for image in (PICTURE, TENSOR):
        assert F.get_dimensions(image) == [3, 4, 5]
        assert F.get_dimensions(T.Resize(8)(image)) == [3, 8, 10]
        assert F.get_dimensions(T.Resize(8, max_size=9)(image)) == [3, 7, 9]
        assert F.get_dimensions(T.Resize((3, 9))(image)) == [3, 3, 9]
        assert F.get_dimensions(F.rotate(F.crop(image, 0, 0, 2, 4), 90, expand=True)) == [3, 4, 2]


def test_a_smaller_image_is_a_mean_and_a_larger_one_is_between():
    image = gd.tensor([[[0.0, 0.0, 8.0, 8.0]] * 4])
    assert F.resize(image, (2, 2)).round(decimals=4)[0, 0].tolist() == [
        pytest.approx(8 / 7, abs=1e-4),
        pytest.approx(48 / 7, abs=1e-4),
    ]
    doubled = F.resize(gd.tensor([[[0.0, 4.0]]]), (1, 4), antialias=False)
    assert doubled.tolist() == [[[0.0, 1.0, 3.0, 4.0]]]
    nearest = F.resize(gd.tensor([[[0.0, 4.0]]]), (2, 4), T.InterpolationMode.NEAREST)
    assert nearest.tolist() == [[[0.0, 0.0, 4.0, 4.0]] * 2]


def test_turns():
    square = gd.arange(9.0).reshape(1, 3, 3)
    assert F.rotate(square, 90).tolist() == square.rot90(1, (1, 2)).tolist()
    assert F.rotate(square, 180, T.InterpolationMode.BILINEAR).flatten().tolist() == pytest.approx(
        list(range(8, -1, -1)), abs=1e-5
    )
    shifted = F.affine(square, 0, (1, 0), 1.0, 0.0, fill=5)
    assert shifted.tolist() == [[[5, 0, 1], [5, 3, 4], [5, 6, 7]]]


def test_colours():
    red = gd.tensor([1.0, 0.0, 0.0])[:, None, None]
    assert F.adjust_hue(red, 1 / 3).flatten().tolist() == pytest.approx([0, 1, 0], abs=1e-6)
    assert F.adjust_brightness(red, 0.5).flatten().tolist() == [0.5, 0, 0]
    assert F.adjust_saturation(red, 0.0).flatten().tolist() == pytest.approx([0.2989] * 3)
    assert F.rgb_to_grayscale(red, 3).shape == (3, 1, 1)
    assert F.adjust_contrast(gd.tensor([[[0.0, 1.0]]]), 0.0).tolist() == [[[0.5, 0.5]]]


def test_the_same_seed_gives_the_same_image_and_another_seed_another():
    transform = T.Compose(
        [
            T.RandomResizedCrop(3),
            T.RandomHorizontalFlip(),
            T.ColorJitter(0.4, 0.4, 0.4, 0.1),
            T.RandomRotation(10),
            T.ToTensor(),
            T.RandomErasing(),
        ]
    )
    gd.manual_seed(1)
    first = transform(PICTURE)
    gd.manual_seed(1)
    assert (transform(PICTURE) == first).all()
    assert not (transform(PICTURE) == first).all()


def test_reprs():
    assert repr(T.Resize(3)) == (
        "Resize(size=3, interpolation=bilinear, max_size=None, antialias=True)"
    )
    assert repr(T.Compose([T.ToTensor()])) == "Compose(\n    ToTensor()\n)"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: T.ToTensor()("x"), "pic should be PIL Image or ndarray"),
        (lambda: T.Normalize([0.5], [0.5])(PICTURE), r"put ToTensor\(\) before Normalize"),
        (lambda: T.Normalize([0.5], [0.0])(TENSOR), "division by zero"),
        (lambda: T.RandomCrop(9)(TENSOR), "pass pad_if_needed=True"),
        (lambda: T.Pad((1, 2, 3))(TENSOR), "1, 2, or 4 element"),
        (lambda: T.Pad(1, padding_mode="wrap")(TENSOR), "Padding mode should be either"),
        (lambda: T.CenterCrop((1, 2, 3)), "only two dimensions"),
        (lambda: T.Resize(3, max_size=2)(TENSOR), "strictly greater"),
        (lambda: T.Resize(3, T.InterpolationMode.LANCZOS)(TENSOR), "use a PIL image"),
        (lambda: T.ColorJitter(hue=0.7), "hue values should be between"),
        (lambda: T.ColorJitter(-1), "must be non negative"),
        (lambda: F.adjust_hue(TENSOR, 0.6), "not in"),
        (lambda: F.hflip(3), "expected a PIL image, or a tensor"),
        (lambda: T.RandomErasing()(PICTURE), r"put ToTensor\(\) before it"),
        (lambda: T.Lambda(3), "should be callable"),
        (lambda: T.Spectrogram()(gd.zeros(100)), "too few to be reflected"),
        (lambda: T.MelScale()(gd.zeros(10, 3)), r"needs a spectrogram \(..., 201, frames\)"),
        (lambda: T.MFCC(n_mfcc=200), "more MFCC coefficients"),
        (lambda: T.AmplitudeToDB(top_db=-1), "top_db"),
    ],
)
def test_wrong_calls_say_what_is_wrong(call, words):
    gd.manual_seed(0)
    with pytest.raises(gd.Error, match=words):
        call()


def test_a_tone_is_where_its_frequency_is():
    time = np.arange(8000) / 8000
    power = T.Spectrogram(n_fft=256)(np.sin(2 * np.pi * 1000 * time))
    assert power.dtype is gd.float64
    assert power.mean(-1).argmax().item() == 1000 / (8000 / 256)
    mel = T.MelSpectrogram(8000, n_fft=256, n_mels=20)(np.sin(2 * np.pi * 1000 * time))
    cepstra = T.MFCC(8000, 5, melkwargs={"n_fft": 256, "n_mels": 20})(gd.zeros(2, 8000))
    assert mel.shape == (20, 63) and cepstra.shape == (2, 5, 63)
    silence = T.AmplitudeToDB(top_db=80.0)(gd.tensor([1.0, 0.0]))
    assert silence.tolist() == [0.0, -80.0]
