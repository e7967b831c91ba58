"""MNIST, the 70,000 handwritten digits, from inside the package: no download.

`mnist.xz` holds the four published IDX files one after another (see `mnist.md` for source and
licence). Unpacking takes most of a second, so the unpacked bytes are kept in the user's cache.
"""

from __future__ import annotations

import contextlib
import functools
import mmap
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gradatim.data.dataset import Dataset
from gradatim.data.files import replacing
from gradatim.folders import cache_dir
from gradatim.graph.errors import ArgumentError, DataError

PACKED = Path(__file__).with_name("mnist.xz")

# Of the unpacked bytes. A cached copy counts only if both agree.
UNPACKED_SIZE = 54_950_048
UNPACKED_CRC32 = 0xE6625E56


class MNISTArrays(NamedTuple):
    """All of MNIST as NumPy arrays, in the published order.

    Attributes:
        train_images: uint8 (60000, 28, 28); 0 is background, 255 is ink.
        train_labels: int64 (60000,); the digit, 0 to 9.
        test_images: uint8 (10000, 28, 28).
        test_labels: int64 (10000,).
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def mnist() -> MNISTArrays:
    """The 60,000 training and 10,000 test digits. The arrays are yours: each call makes new ones.

    Example:
        >>> digits = mnist()
        >>> digits.train_images.shape, digits.train_labels[:5].tolist()
        ((60000, 28, 28), [5, 0, 4, 1, 9])
    """
    data = _from_cache()
    if data is None:
        data = _unpack()
        _to_cache(data)
    arrays = []
    while len(data):
        array, data = _read_idx(data)
        arrays.append(array)
    train_images, train_labels, test_images, test_labels = arrays
    return MNISTArrays(
        train_images, train_labels.astype(np.int64), test_images, test_labels.astype(np.int64)
    )


def _cached() -> Path:
    return cache_dir() / f"mnist-{UNPACKED_CRC32:08x}.idx"


def _from_cache() -> np.ndarray | None:
    """The unpacked bytes, uint8, if the cache has them undamaged.

    The file is mapped, not read: that takes a third of the time. Writing to the array changes this
    process's pages only, and the file itself is only ever replaced whole.
    """
    try:
        with open(_cached(), "rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except (OSError, ValueError):  # not there, or empty
        return None
    data = np.frombuffer(mapped, np.uint8)
    return data if len(data) == UNPACKED_SIZE and zlib.crc32(data) == UNPACKED_CRC32 else None


def _to_cache(data: np.ndarray) -> None:
    """Keep the unpacked bytes for the next start. A cache that cannot be written is no error."""
    path = _cached()
    with contextlib.suppress(OSError, DataError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            data.tofile(temporary)


def _unpack() -> np.ndarray:
    import lzma

    try:
        data = bytearray(lzma.decompress(PACKED.read_bytes()))
    except (OSError, lzma.LZMAError) as error:
        raise DataError(
            f"the bundled MNIST {PACKED} cannot be read ({error}): install gradatim again"
        ) from error
    if zlib.crc32(data) != UNPACKED_CRC32:
        raise DataError(f"the bundled MNIST {PACKED} is damaged: install gradatim again")
    return np.frombuffer(data, np.uint8)


def _read_idx(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first IDX file in `data` as an array, and the bytes behind it.

    IDX: two zero bytes, 8 (for unsigned bytes), the number of dimensions, each size as a big-endian
    32-bit integer, then the values.
    """
    dimensions = int(data[3])
    start = 4 + 4 * dimensions
    shape = data[4:start].view(">u4").astype(int)
    end = start + int(shape.prod())
    return data[start:end].reshape(shape), data[end:]


def to_tensor(image: np.ndarray) -> Any:
    """A uint8 image (H, W) as a float32 tensor (1, H, W) in 0..1, as torchvision's `ToTensor`.

    Example:
        >>> to_tensor(np.array([[0, 51], [102, 255]], np.uint8))
        tensor([[[0.0000, 0.2000],
                 [0.4000, 1.0000]]])
    """
    from gradatim import ops

    return ops.tensor((image / np.float32(255)).astype(np.float32)[None])


class MNIST(Dataset):
    """The bundled digits as a data set of (image, label) pairs.

    Args:
        train: the 60,000 training digits, or the 10,000 test digits.
        transform: called with the image, a uint8 array (28, 28); what it returns is the image of
            the pair. Without it the image is what `to_tensor` makes: float32 (1, 28, 28) in 0..1.
        target_transform: called with the label, an int; what it returns is the label of the pair.

    Attributes:
        data: all images, uint8 (N, 28, 28).
        targets: all labels, int64 (N,).
        classes: the ten names.

    Example:
        >>> image, label = MNIST(train=True)[0]
        >>> image.shape, label
        (torch.Size([1, 28, 28]), 5)
    """

    classes = (
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    )

    def __init__(
        self,
        train: bool = True,
        transform: Callable[[np.ndarray], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
    ):
        digits = mnist()
        self.train = train
        self.transform = transform
        self.target_transform = target_transform
        self._images = digits.train_images if train else digits.test_images
        self._labels = digits.train_labels if train else digits.test_labels

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image = self._images[index]
        label = int(self._labels[index])
        return (
            (self.transform or to_tensor)(image),
            label if self.target_transform is None else self.target_transform(label),
        )

    @functools.cached_property
    def data(self) -> Any:
        from gradatim import ops

        return ops.tensor(self._images)

    @functools.cached_property
    def targets(self) -> Any:
        from gradatim import ops

        return ops.tensor(self._labels)

    def _collated(self, indices: list[int]) -> list[Any] | None:
        changed = type(self).__getitem__ is not MNIST.__getitem__
        if changed or self.transform is not None or self.target_transform is not None:
            return None
        from gradatim import ops

        images = self._images[indices][:, None].astype(np.float32)
        images /= 255
        return [ops.tensor(images), ops.tensor(self._labels[indices])]

    def __repr__(self) -> str:
        return f"MNIST(train={self.train}): {len(self):,} digits of 28 x 28"


def export_mnist(path: str | os.PathLike[str], rows: int | None = None) -> int:
    """Write training digits as the CSV file of the deck: `label,pixel0,...,pixel783`.

    Args:
        path: the file to write; whatever is there is replaced, at once and whole.
        rows: how many, from the first on (42,000 is the deck's `train.csv`); None is all 60,000.

    Returns:
        The number of rows written.

    Raises:
        ArgumentError: if there are not that many rows.
        DataError: if the file cannot be written.
    """
    digits = mnist()
    available = len(digits.train_labels)
    rows = available if rows is None else rows
    if not 1 <= rows <= available:
        raise ArgumentError(
            f"rows={rows}: MNIST has {available:,} training digits; expected 1 to {available}"
        )
    names = ["label", *(f"pixel{pixel}" for pixel in range(28 * 28))]
    # The text of each value, padded to four bytes with zeros, which are then taken out.
    cells = np.array([f"{value}," for value in range(256)], "S4")
    last_cells = np.array([f"{value}\n" for value in range(256)], "S4")
    labels = digits.train_labels[:rows, None].astype(np.uint8)
    lines = np.concatenate([labels, digits.train_images[:rows].reshape(rows, -1)], axis=1)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(",".join(names).encode() + b"\n")
        for start in range(0, rows, 1_000):
            block = lines[start : start + 1_000]
            text = cells[block]
            text[:, -1] = last_cells[block[:, -1]]
            file.write(text.tobytes().translate(None, b"\0"))
    return rows
