"""From pictures of any size to rows of numbers of one size, and what the classes are called."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gradatim.data.folders import IMG_EXTENSIONS, ImageFolder, pil_loader
from gradatim.data.series_preprocessing import Cases
from gradatim.data.wording import listed
from gradatim.graph.errors import CheckpointError, DataError

USUAL, LARGEST = 32, 64
"""The size that pictures get where they differ in theirs, or are larger than the second."""

MOST_NUMBERS = 500_000_000
"""Of all pixels: 2 GB as float32."""


class ImagePreprocessor:
    """Resizes pictures, and divides by 255.

    An input is one row: channels × height × width numbers from 0 to 1.

    Args:
        classes: the names of the classes.
        size: (height, width) of all inputs.
        channels: 1 for gray, 3 for red, green and blue.

    Attributes:
        notes: what was done to the data, in sentences for people.
    """

    kind = "image"
    targets = ("class",)
    task = "classification"
    image = None  # pictures are read here, not as ink on paper

    def __init__(self, classes: list[str], size: tuple[int, int], channels: int) -> None:
        self.classes, self.size, self.channels = classes, tuple(size), channels
        self.notes: list[str] = []

    @classmethod
    def fit(cls, folder: ImageFolder, size: int | None = None) -> ImagePreprocessor:
        """Learn from a folder's pictures: gray if all are, and their size if it is one, and small.

        Args:
            size: height and width to give them; None chooses.

        Raises:
            DataError: a file is no picture, or they do not fit in memory.
        """
        sizes, gray = set(), True
        for path, _ in folder.samples:
            height, width, mode = _about(path)
            sizes.add((height, width))
            gray = gray and mode in ("1", "L", "LA", "I", "I;16")
        own = next(iter(sizes)) if len(sizes) == 1 else None
        usable = own and max(own) <= LARGEST
        chosen = (size, size) if size else own if usable else (USUAL, USUAL)
        made = cls(folder.classes, chosen, 1 if gray else 3)
        numbers = len(folder.samples) * made.features
        if numbers > MOST_NUMBERS:
            raise DataError(
                f"{folder.root}: {len(folder.samples):,} pictures of {_by(chosen)} pixels are "
                f"{numbers * 4 / 1e9:.0f} GB: make them smaller, --size {USUAL}"
            )
        if len(sizes) > 1:
            made.notes.append(
                f"the pictures have {len(sizes)} sizes, from {_by(min(sizes))} to "
                f"{_by(max(sizes))}: resized to {_by(chosen)} (--size chooses)"
            )
        elif chosen != own:
            made.notes.append(
                f"pictures of {_by(own)} pixels resized to {_by(chosen)} (--size chooses)"
            )
        return made

    def transform(self, paths: Sequence[str]) -> np.ndarray:
        """Inputs of picture files: float32 (pictures, features)."""
        inputs = np.empty((len(paths), self.features), np.float32)
        for row, path in zip(inputs, paths):
            row[:] = self._row(path)
        return inputs

    def _row(self, path: str) -> np.ndarray:
        from PIL import Image

        height, width = self.size
        picture = pil_loader(path).convert("L" if self.channels == 1 else "RGB")
        if picture.size != (width, height):
            picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        pixels = np.asarray(picture, np.float32).reshape(height, width, self.channels) / 255
        return pixels.transpose(2, 0, 1).reshape(-1)

    def read(self, path: str | os.PathLike[str], labelled: bool = False) -> Cases:
        """A picture, or a folder of pictures; with a folder for each class if `labelled`.

        Raises:
            DataError: there is none, one cannot be read, or a class was not in training.
        """
        path = Path(path)
        if labelled:
            found = ImageFolder(path)
            for name in found.classes:
                if name not in self.classes:
                    raise DataError(
                        f"{path} has the class {name!r}, which training had not (known: "
                        f"{listed(self.classes)})"
                    )
            numbers = np.array([self.classes.index(name) for name in found.classes], np.int64)
            paths = [one for one, _ in found.samples]
            return Cases(self.transform(paths), numbers[found.targets], _names(paths, path))
        if not path.is_dir():
            return Cases(self.transform([str(path)]), None, [path.name])
        paths = sorted(str(one) for one in path.rglob("*") if one.suffix.lower() in IMG_EXTENSIONS)
        if not paths:
            raise DataError(f"there are no pictures in {path}")
        return Cases(self.transform(paths), None, _names(paths, path))

    def inverse_target(self, predictions: Any) -> np.ndarray:
        """The classes of scores (N, classes) or class numbers (N,)."""
        predictions = np.asarray(predictions)
        if predictions.ndim == 2:
            predictions = predictions.argmax(axis=1)
        return np.array(self.classes)[predictions.astype(np.int64)]

    @property
    def features(self) -> int:
        return self.channels * self.size[0] * self.size[1]

    @property
    def out_features(self) -> int:
        return len(self.classes)

    def to_config(self) -> dict[str, Any]:
        """Everything learned, as data for JSON."""
        return {
            "kind": self.kind,
            "classes": self.classes,
            "size": list(self.size),
            "channels": self.channels,
            "notes": self.notes,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ImagePreprocessor:
        """The inverse of `to_config`.

        Raises:
            CheckpointError: if the data is not what `to_config` made.
        """
        try:
            made = cls(list(config["classes"]), tuple(config["size"]), config["channels"])
            made.notes = list(config["notes"])
        except (KeyError, TypeError) as error:
            raise CheckpointError(
                f"the description of the pictures is damaged ({error!r}): train again"
            ) from None
        return made

    def __repr__(self) -> str:
        return f"ImagePreprocessor({_by(self.size)}, {self.channels}: {listed(self.classes)})"


def _about(path: str) -> tuple[int, int, str]:
    """Height, width and mode of a picture, without reading its pixels where that can be."""
    try:
        from PIL import Image

        with Image.open(path) as picture:
            return picture.height, picture.width, picture.mode
    except ImportError:
        picture = pil_loader(path)  # says what to install
        return picture.height, picture.width, picture.mode
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as a picture: {error}") from error


def _names(paths: list[str], folder: Path) -> list[str]:
    return [os.path.relpath(path, folder) for path in paths]


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"
