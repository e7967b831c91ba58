"""Data sets that are folders: one folder for each class, with its files in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from gradatim.data.dataset import Dataset
from gradatim.data.wording import listed
from gradatim.graph.errors import ArgumentError, DataError, DataNotFound, missing_extra

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def pil_loader(path: str) -> Any:
    """A picture as a PIL image in RGB.

    Raises:
        DataError: it cannot be read.
        MissingExtra: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise missing_extra(f"reading the picture {path}", "Pillow", "plots") from None
    try:
        with open(path, "rb") as file:
            return Image.open(file).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} cannot be read as a picture: {error}") from error


class DatasetFolder(Dataset[tuple[Any, Any]]):
    """Files sorted into folders: `root/class/.../file`. Item i is (what `loader` gives, class).

    Args:
        root: the folder with the classes' folders.
        loader: gives what is in the file of a path.
        extensions: endings of files to take, such as (".wav",).
        transform, target_transform: called with what was loaded, and with the class.
        is_valid_file: called with a path, in place of `extensions`.
        allow_empty: take folders without files for classes, too.

    Attributes:
        classes: the folders' names, sorted. class_to_idx: the number of each.
        samples: (path, class) of each item. targets: the class of each item.

    Raises:
        DataNotFound: no such folder, no class in it, or a class without files.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> root = Path(tempfile.mkdtemp())
        >>> for name in ("cat/1.txt", "dog/a/2.txt"):
        ...     (root / name).parent.mkdir(parents=True)
        ...     _ = (root / name).write_text("text of " + name)
        >>> data = DatasetFolder(root, lambda path: Path(path).read_text(), (".txt",))
        >>> data.classes, data[1]
        (['cat', 'dog'], ('text of dog/a/2.txt', 1))
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] | None = None,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        if (extensions is None) == (is_valid_file is None):
            raise ArgumentError(
                "Both extensions and is_valid_file cannot be None or not None at the same time"
            )
        self.root = os.fspath(root)
        self.loader = loader
        self.extensions = extensions
        self.transform = transform
        self.target_transform = target_transform
        self.classes, self.class_to_idx = self.find_classes(self.root)
        endings = tuple(ending.lower() for ending in extensions or ())
        wanted = is_valid_file or (lambda path: path.lower().endswith(endings))
        self.samples = [
            (path, number)
            for name, number in self.class_to_idx.items()
            for path in _files(os.path.join(self.root, name))
            if wanted(path)
        ]
        self.targets = [number for _, number in self.samples]
        without = sorted(set(self.class_to_idx.values()) - set(self.targets))
        if without and not allow_empty:
            names = listed([self.classes[number] for number in without])
            endings_text = f" Supported extensions are: {', '.join(endings)}" if endings else ""
            raise DataNotFound(f"Found no valid file for the classes {names}.{endings_text}")

    def find_classes(self, directory: str) -> tuple[list[str], dict[str, int]]:
        """The names of the classes, and the number of each."""
        try:
            classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
        except OSError:
            raise DataNotFound(
                f"there is no folder {directory}: expected one with a folder for each class"
            ) from None
        if not classes:
            raise DataNotFound(
                f"Couldn't find any class folder in {directory}: expected one for each class"
            )
        return classes, {name: number for number, name in enumerate(classes)}

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        sample: Any = self.loader(path)
        if self.transform is not None:
            sample = self.transform(sample)
        return sample, target if self.target_transform is None else self.target_transform(target)

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"{name}({self.root!r}): {len(self):,} files of {len(self.classes)} classes"


def _files(folder: str) -> list[str]:
    """All files below a folder, folder by folder, sorted."""
    found = []
    for place, _, names in sorted(os.walk(folder, followlinks=True)):
        found += [os.path.join(place, name) for name in sorted(names)]
    return found


class ImageFolder(DatasetFolder):
    """Pictures sorted into folders: `root/class/.../picture.png`. Item i is (PIL image, class), or
    what `transform` makes of the image.

    Args:
        root: the folder with the classes' folders.
        transform: called with the PIL image, for instance `transforms.ToTensor()`.
        target_transform: called with the class.
        loader: gives the picture of a path; a PIL image in RGB unless given.
        is_valid_file: called with a path, says whether to take it; by default its ending does.
        allow_empty: take folders without pictures for classes, too.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        loader: Callable[[str], Any] = pil_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> None:
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(
            root, loader, extensions, transform, target_transform, is_valid_file, allow_empty
        )
        self.imgs = self.samples
