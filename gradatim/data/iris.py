"""Fisher's irises, 1936: the 150 flowers on which classifiers were first compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gradatim.data.dataset import Dataset
from gradatim.graph.errors import DataError

FILE = Path(__file__).with_name("iris.csv")


class Iris(Dataset):
    """Three species of iris from four measurements; `iris.md` beside the table has its source.

    Item i is (float32 tensor (4,), species): length and width of a sepal and of a petal, in cm.

    Attributes:
        measurements: all of them, float32 (150, 4).
        targets: the species of each, int64 (150,): 50 of each, one after another.
        features: the names of the measurements. classes: the names of the species.

    Raises:
        DataError: the table is not there, or damaged.

    Example:
        >>> flowers = Iris()
        >>> len(flowers), flowers.classes[0], flowers[0][0].tolist()
        (150, 'setosa', [5.099999904632568, 3.5, 1.399999976158142, 0.20000000298023224])
    """

    classes = ("setosa", "versicolor", "virginica")

    def __init__(self) -> None:
        try:
            names, *lines = FILE.read_text().splitlines()
            rows = [line.split(",") for line in lines]
            self.measurements = np.array([row[:4] for row in rows], np.float32).reshape(150, 4)
            self.targets = np.array([self.classes.index(row[4]) for row in rows], np.int64)
        except (OSError, ValueError, IndexError) as error:
            raise DataError(
                f"the bundled data {FILE} cannot be read ({error}): install gradatim again"
            ) from error
        self.features = tuple(names.split(",")[:4])

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        from gradatim import ops

        return ops.tensor(self.measurements[index]), int(self.targets[index])

    def __repr__(self) -> str:
        return "Iris: 150 flowers of 3 species"
