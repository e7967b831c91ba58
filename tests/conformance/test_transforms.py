"""Transforms against PyTorch's functions: resizing, turning, spectrograms."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

import gradatim as gd
from gradatim.data import transforms as T
from gradatim.data.transforms import functional as F

IMAGE = np.random.default_rng(0).random((3, 23, 31)).astype(np.float32)
MODES = T.InterpolationMode


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(11, 17), (40, 60), (40, 9), (1, 1), (23, 30)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_resizing(mode, size, antialias, dtype):
    ours = F.resize(gd.tensor(IMAGE.astype(dtype)), size, MODES(mode), antialias=antialias)
    theirs = torch.nn.functional.interpolate(
        torch.tensor(IMAGE.astype(dtype))[None], size, mode=mode, antialias=antialias
    )[0]
    # float32: PyTorch computes the weights in float32, too.
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=0, atol=tolerance)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
@pytest.mark.parametrize("size", [(11, 17), (40, 60), (40, 9), (1, 1), (23, 30)])
def test_resizing_by_nearest(mode, size):
    ours = F.resize(gd.tensor(IMAGE), size, MODES(mode))
    theirs = torch.nn.functional.interpolate(torch.tensor(IMAGE)[None], size, mode=mode)[0]
    assert np.array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("angle", [0.0, 17.3, -120.0])
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_turning(angle, mode):
    ours = F.affine(gd.tensor(IMAGE), angle, (2, -3), 1.3, (5.0, 10.0), MODES(mode))
    from gradatim.data.transforms.on_tensors import inverse_matrix

    matrix = inverse_matrix((0.0, 0.0), angle, (2, -3), 1.3, (5.0, 10.0))
    height, width = IMAGE.shape[1:]
    # affine_grid's coordinates go from -1 to 1 over the image's edges.
    scale = np.array([[1, height / width, 2 / width], [width / height, 1, 2 / height]])
    theta = torch.tensor(np.reshape(matrix, (2, 3)) * scale)[None].float()
    grid = torch.nn.functional.affine_grid(theta, (1, 3, height, width), align_corners=False)
    theirs = torch.nn.functional.grid_sample(
        torch.tensor(IMAGE)[None], grid, mode=mode, align_corners=False
    )[0]
    difference = np.abs(ours.numpy() - theirs.numpy())
    if mode == "nearest":  # a place halfway between pixels may be rounded to either
        assert (difference > 0).mean() < 0.01
    else:
        assert difference.max() < 2e-5


@pytest.mark.parametrize(
    "options",
    [
        dict(),
        dict(n_fft=256, win_length=200, hop_length=80, pad=5, power=1.0, pad_mode="constant"),
        dict(n_fft=256, center=False, normalized=True),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_spectrograms(options, dtype):
    waveform = np.random.default_rng(0).normal(size=(2, 5000)).astype(dtype)
    ours = T.Spectrogram(**options)(gd.tensor(waveform)).numpy()
    n_fft = options.get("n_fft", 400)
    win_length = options.get("win_length", n_fft)
    window = torch.hann_window(win_length, dtype=getattr(torch, dtype))
    pad = options.get("pad", 0)
    complex_ = torch.stft(
        torch.nn.functional.pad(torch.tensor(waveform), (pad, pad)), n_fft,
        options.get("hop_length", win_length // 2), win_length, window,
        options.get("center", True), options.get("pad_mode", "reflect"), return_complex=True,
    )  # fmt: skip
    if options.get("normalized"):
        complex_ = complex_ / window.square().sum().sqrt()
    theirs = complex_.abs().pow(options.get("power", 2.0)).numpy()
    assert ours.dtype == theirs.dtype
    tolerance = (1e-5 if dtype == "float32" else 1e-12) * theirs.max()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)


def test_mel_bands_are_triangles_that_cover_every_frequency_between_the_ends():
    from gradatim.data.transforms.audio import hz_to_mel, mel_to_hz, melscale_fbanks

    for scale in ("htk", "slaney"):
        hz = np.linspace(1, 7000, 50)
        np.testing.assert_allclose(mel_to_hz(hz_to_mel(hz, scale), scale), hz, rtol=1e-12)
        bands = melscale_fbanks(2001, 0.0, 8000.0, 40, 16000, None, scale)
        # Between the first and the last peak two neighbours share each frequency.
        peaks = bands.argmax(0)
        np.testing.assert_allclose(bands[peaks[0] + 1 : peaks[-1]].sum(1), 1, atol=1e-12)
        area = melscale_fbanks(2001, 0.0, 8000.0, 40, 16000, "slaney", scale).sum(0) * 4
        np.testing.assert_allclose(area, 1, atol=0.02)  # sums at steps of 4 Hz


def test_cepstra_are_an_orthogonal_transform():
    from gradatim.data.transforms.audio import create_dct

    matrix = create_dct(40, 40, "ortho")
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(40), atol=1e-12)


def test_random_numbers_are_drawn_as_torch_draws_them():
    gd.manual_seed(5)
    torch.manual_seed(5)
    image = gd.tensor(IMAGE)
    top, left, *_ = T.RandomCrop.get_params(image, (10, 10))
    assert top == torch.randint(0, 14, size=(1,)).item()
    assert left == torch.randint(0, 22, size=(1,)).item()
    angle = T.RandomRotation.get_params([-30.0, 30.0])
    assert angle == float(torch.empty(1).uniform_(-30.0, 30.0).item())
    flipped = T.RandomHorizontalFlip()(image)
    assert (flipped != image).any().item() == (torch.rand(1) < 0.5).item()
