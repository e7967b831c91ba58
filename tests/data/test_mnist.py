"""The bundled digits, their cache, and the deck's train.csv."""

from __future__ import annotations

import hashlib
import os
import sys

import numpy as np
import pytest

import gradatim as gd
from gradatim.data import MNIST, DataLoader, default_collate, export_mnist, mnist, read_table
from gradatim.data.files import replacing
from gradatim.folders import cache_dir
from gradatim.graph.errors import ArgumentError, DataError

PUBLISHED = [
    "6bbc9ace898e44ae57da46a324031adb",
    "a25bea736e30d166cdddb491f175f624",
    "2646ac647ad5339dbf082846283269ea",
    "27ae3e4e09519cfbb04c329615203637",
]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder."""
    monkeypatch.setenv("GRADATIM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def idx(array: np.ndarray) -> bytes:
    """The array as the IDX file that was published."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def test_all_70000_digits_are_the_published_ones():
    assert [hashlib.md5(idx(array)).hexdigest() for array in mnist()] == PUBLISHED


def test_shapes_and_dtypes():
    digits = mnist()
    assert digits.train_images.shape == (60_000, 28, 28)
    assert digits.test_images.shape == (10_000, 28, 28)
    assert (digits.train_images.dtype, digits.train_labels.dtype) == (np.uint8, np.int64)
    assert digits.test_labels[:5].tolist() == [7, 2, 1, 0, 4]


# --- the cache ------------------------------------------------------------------------------------


def test_the_second_start_reads_the_cache(cache, monkeypatch):
    first = mnist()
    assert [path.suffix for path in cache.iterdir()] == [".idx"]
    monkeypatch.setattr("gradatim.data.digits.PACKED", cache / "gone")
    second = mnist()
    assert all((a == b).all() for a, b in zip(first, second))


@pytest.mark.parametrize("damage", ["truncated", "one bit", "empty"])
def test_a_damaged_cache_is_rebuilt(cache, damage):
    mnist()
    (path,) = cache.iterdir()
    data = bytearray(path.read_bytes())
    if damage == "one bit":
        data[30_000_000] ^= 1
    path.write_bytes(data if damage == "one bit" else data[: 1000 if damage == "truncated" else 0])
    assert [hashlib.md5(idx(array)).hexdigest() for array in mnist()] == PUBLISHED
    assert path.read_bytes() == b"".join(idx(array) for array in mnist())


def test_without_a_place_for_the_cache_it_works(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GRADATIM_CACHE", str(tmp_path / "file" / "cache"))
    assert len(mnist().test_labels) == 10_000


def test_writing_to_the_arrays_reaches_nobody_else(cache):
    mnist()
    for _ in range(2):  # from the cache both times
        digits = mnist()
        assert digits.train_images[0].sum() == 27525
        digits.train_images[:] = 0


def test_where_the_cache_is(monkeypatch):
    monkeypatch.setenv("GRADATIM_CACHE", "/somewhere")
    assert str(cache_dir()) == "/somewhere"
    monkeypatch.delenv("GRADATIM_CACHE")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    monkeypatch.setenv("HOME", "/home/ada")
    assert str(cache_dir()) == "/xdg/gradatim"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert str(cache_dir()) == "/home/ada/.cache/gradatim"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert str(cache_dir()) == "/home/ada/Library/Caches/gradatim"


# --- the data set ---------------------------------------------------------------------------------


def test_items_are_pictures_in_0_to_1_with_their_label():
    image, label = MNIST(train=False)[0]
    assert (tuple(image.shape), image.dtype, label) == ((1, 28, 28), gd.float32, 7)
    expected = mnist().test_images[0] / np.float32(255)
    assert (np.array(image, copy=True)[0] == expected).all()
    assert len(MNIST()) == 60_000


def test_transforms_get_the_bytes_and_the_number():
    data = MNIST(
        train=False, transform=lambda image: image[14], target_transform=lambda label: label + 100
    )
    row, label = data[0]
    assert (row.dtype, row.shape, label) == (np.uint8, (28,), 107)
    rows, labels = next(iter(DataLoader(data, batch_size=3)))
    assert (tuple(rows.shape), rows.dtype) == ((3, 28), gd.uint8)
    assert labels.tolist() == [107, 102, 101]


def test_batches_made_at_once_are_those_made_one_by_one():
    data = MNIST(train=False)
    images, labels = next(iter(DataLoader(data, batch_size=5)))
    by_hand = default_collate([data[i] for i in range(5)])
    assert images.tolist() == by_hand[0].tolist()
    assert labels.tolist() == by_hand[1].tolist()
    assert (labels.dtype, by_hand[1].dtype) == (gd.int64, gd.int64)


def test_all_images_and_labels_as_tensors():
    data = MNIST(train=False)
    assert (tuple(data.data.shape), data.data.dtype) == ((10_000, 28, 28), gd.uint8)
    assert data.targets[:3].tolist() == [7, 2, 1]


# --- train.csv ------------------------------------------------------------------------------------


def test_the_deck_s_file_holds_the_digits(tmp_path):
    assert export_mnist(tmp_path / "train.csv", rows=1500) == 1500
    lines = (tmp_path / "train.csv").read_text().split("\n")
    assert lines[0].startswith("label,pixel0,pixel1,")
    assert lines[0].endswith(",pixel783")
    assert lines[1].startswith("5,0,0,")
    assert lines[-1] == ""
    table = read_table(tmp_path / "train.csv").to_numpy()
    digits = mnist()
    assert (table[:, 0] == digits.train_labels[:1500]).all()
    assert (table[:, 1:] == digits.train_images[:1500].reshape(1500, 784)).all()


def test_exporting_replaces_the_file_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "train.csv"
    export_mnist(path, rows=1)
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(DataError, match=r"cannot write .*train.csv: the disk is full"):
        export_mnist(path, rows=2)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["train.csv"]


@pytest.mark.parametrize("rows", [0, -1, 60_001])
def test_there_are_60000_rows(tmp_path, rows):
    with pytest.raises(ArgumentError, match="60,000 training digits; expected 1 to 60000"):
        export_mnist(tmp_path / "train.csv", rows=rows)
    assert not list(tmp_path.iterdir())


def test_where_nothing_can_be_written(tmp_path):
    with pytest.raises(DataError, match=r"there is no folder .*; make it first"):
        export_mnist(tmp_path / "none" / "train.csv", rows=1)
    with pytest.raises(DataError, match="it is a directory; add a file name"):
        export_mnist(tmp_path, rows=1)


def test_a_failed_block_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "a") as temporary:
        temporary.write_text("half")
        1 / 0  # noqa: B018
    assert not list(tmp_path.iterdir())
