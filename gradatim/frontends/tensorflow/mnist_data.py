"""tensorflow.examples.tutorials.mnist.input_data: the bundled digits in TensorFlow's split.

55,000 digits to train on, 5,000 to validate on (the first of the training set), 10,000 to test on.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gradatim.data import mnist

__all__ = ["DataSet", "read_data_sets"]


class DataSet:
    """Images and labels, given out in batches; each epoch is shuffled by NumPy's own stream."""

    def __init__(self, images: np.ndarray, labels: np.ndarray):
        self._images, self._labels = images, labels
        self._start = 0
        self._epochs = 0

    @property
    def images(self) -> np.ndarray:
        return self._images

    @property
    def labels(self) -> np.ndarray:
        return self._labels

    @property
    def num_examples(self) -> int:
        return len(self._images)

    @property
    def epochs_completed(self) -> int:
        return self._epochs

    def next_batch(
        self, batch_size: int, fake_data: bool = False, shuffle: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """The next images and labels; the end of an epoch is filled up from the next one."""
        if self._start == 0 and self._epochs == 0 and shuffle:
            self._shuffle()
        rest = self._take(batch_size)
        missing = batch_size - len(rest[0])
        if not missing:
            return rest
        self._epochs += 1
        self._start = 0
        if shuffle:
            self._shuffle()
        more = self._take(missing)
        return np.concatenate([rest[0], more[0]]), np.concatenate([rest[1], more[1]])

    def _take(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        places = slice(self._start, self._start + count)
        self._start += count
        return self._images[places], self._labels[places]

    def _shuffle(self) -> None:
        order = np.random.permutation(self.num_examples)
        self._images, self._labels = self._images[order], self._labels[order]


class Datasets(NamedTuple):
    """The three parts."""

    train: DataSet
    validation: DataSet
    test: DataSet


def read_data_sets(
    train_dir: Any = None,
    fake_data: bool = False,
    one_hot: bool = False,
    dtype: Any = None,
    reshape: bool = True,
    validation_size: int = 5000,
    seed: Any = None,
    source_url: str = "",
) -> Datasets:
    """The digits, float32 in 0..1, as rows of 784 (or with `reshape=False` as (28, 28, 1)).

    Args:
        train_dir: a folder; the digits are in the package, and nothing is written there.
        one_hot: labels as rows of ten numbers.
        validation_size: how many of the training digits are to validate on.
    """
    digits = mnist()
    images = [_scaled(part, reshape) for part in (digits.train_images, digits.test_images)]
    labels = [_coded(part, one_hot) for part in (digits.train_labels, digits.test_labels)]
    at = validation_size
    return Datasets(
        DataSet(images[0][at:], labels[0][at:]),
        DataSet(images[0][:at], labels[0][:at]),
        DataSet(images[1], labels[1]),
    )


def _scaled(images: np.ndarray, flat: bool) -> np.ndarray:
    scaled = images.astype(np.float32) * np.float32(1 / 255)
    return scaled.reshape(len(images), -1) if flat else scaled[..., None]


def _coded(labels: np.ndarray, one_hot: bool) -> np.ndarray:
    return np.eye(10)[labels] if one_hot else labels.astype(np.uint8)
