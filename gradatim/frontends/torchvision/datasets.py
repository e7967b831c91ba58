"""torchvision.datasets.MNIST: the bundled digits, whatever folder is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradatim import ops
from gradatim.data import digits as _digits
from gradatim.frontends.names import look_in
from gradatim.frontends.torchvision._pictures import at_once, pillow, takes_arrays

_OTHERS = "MNIST is the data set that is bundled; ImageFolder reads pictures from folders"
_HINTS = dict.fromkeys(
    ["CIFAR10", "CIFAR100", "EMNIST", "FashionMNIST", "ImageNet", "KMNIST", "SVHN"],
    _OTHERS,
)


class MNIST(_digits.MNIST):
    """70,000 digits as pairs of a picture (Pillow's, 28 x 28, gray) and a label.

    Args:
        root: a folder; the digits are in the package, and nothing is written there.
        train: the 60,000 training digits, or the 10,000 test digits.
        transform: called with the picture.
        target_transform: called with the label.
        download: nothing has to be.

    Example:
        >>> from gradatim.frontends.torchvision import datasets, transforms
        >>> image, label = datasets.MNIST("data", transform=transforms.ToTensor())[0]
        >>> image.shape, label
        (torch.Size([1, 28, 28]), 5)
    """

    def __init__(
        self,
        root: Any = None,
        train: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        download: bool = False,
    ):
        super().__init__(train, transform, target_transform)
        self.root = root

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image: Any = self._images[int(index)]
        label: Any = int(self._labels[int(index)])
        if not takes_arrays(self.transform):
            image = pillow().fromarray(image)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            label = self.target_transform(label)
        return image, label

    def _collated(self, indices: list[int]) -> list[Any] | None:
        """A whole batch at once, where the transforms can do that."""
        steps = at_once(self.transform)
        changed = type(self).__getitem__ is not MNIST.__getitem__
        if steps is None or changed or self.target_transform is not None:
            return None
        return [ops.tensor(steps(self._images[indices])), ops.tensor(self._labels[indices])]

    def __repr__(self) -> str:
        return (
            f"Dataset MNIST\n    Number of datapoints: {len(self)}\n    Root location: {self.root}"
            f"\n    Split: {'Train' if self.train else 'Test'}"
        )


__getattr__, __dir__ = look_in("torchvision.datasets", globals(), ["gradatim.data.folders"], _HINTS)

del look_in
