"""Pictures from files, as an image model takes them."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from gradatim.data import mnist, read_image
from gradatim.graph.errors import ArgumentError, DataError, DataNotFound, MissingExtra


@pytest.fixture(scope="module")
def digit():
    """A handwritten 5, bright on dark, uint8 (28, 28)."""
    return mnist().train_images[0]


def test_a_digit_of_mnist_comes_back_unchanged(tmp_path, digit):
    Image.fromarray(digit).save(tmp_path / "digit.png")
    image = read_image(tmp_path / "digit.png")
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, digit / np.float32(255))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "1"])
def test_dark_ink_on_light_paper_is_inverted(tmp_path, digit, mode):
    ink = np.where(digit > 127, 255, 0).astype(np.uint8)
    Image.fromarray(255 - ink).convert(mode).save(tmp_path / "digit.png")
    np.testing.assert_array_equal(read_image(tmp_path / "digit.png"), ink / np.float32(255))


def test_ink_on_transparent_ground(tmp_path, digit):
    black = np.zeros((28, 28, 4), np.uint8)
    black[..., 3] = digit
    Image.fromarray(black).save(tmp_path / "digit.png")
    np.testing.assert_allclose(read_image(tmp_path / "digit.png"), digit / 255, atol=1 / 255)


def test_sixteen_bits_keep_their_range(tmp_path, digit):
    Image.fromarray(digit.astype(np.uint16) * 257).save(tmp_path / "digit.png")
    np.testing.assert_allclose(read_image(tmp_path / "digit.png"), digit / 255, atol=1e-6)


def test_pictures_are_resized_by_averaging(tmp_path, digit):
    large = np.kron(digit, np.ones((10, 10), np.uint8))
    Image.fromarray(large).save(tmp_path / "digit.png")
    small = read_image(tmp_path / "digit.png")
    assert small.shape == (28, 28)
    # The filter is wider than one pixel, so edges soften; the ink stays where it is.
    assert abs(small.sum() - (digit / 255).sum()) < 1
    assert np.corrcoef(small.ravel(), digit.ravel())[0, 1] > 0.98
    assert read_image(tmp_path / "digit.png", 8, 12).shape == (8, 12)


def test_what_is_not_a_picture(tmp_path, digit):
    with pytest.raises(DataNotFound, match=r"there is no file .*none.png"):
        read_image(tmp_path / "none.png")
    with pytest.raises(DataError, match="is a directory"):
        read_image(tmp_path)
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(DataError, match="is not a picture that can be read"):
        read_image(tmp_path / "text.png")
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(DataError, match="is empty: expected a PNG or JPEG file"):
        read_image(tmp_path / "empty.png")
    Image.fromarray(digit).save(tmp_path / "digit.png")
    (tmp_path / "half.png").write_bytes((tmp_path / "digit.png").read_bytes()[:100])
    with pytest.raises(DataError, match="cannot be read as a picture"):
        read_image(tmp_path / "half.png")
    with pytest.raises(ArgumentError, match="height=0"):
        read_image(tmp_path / "digit.png", 0, 28)


def test_without_pillow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtra, match=r"needs Pillow, .* pip install 'gradatim\[plots\]'"):
        read_image(tmp_path / "digit.png")
