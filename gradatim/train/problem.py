"""A problem: data made ready for a network, and what suits it: the bundled MNIST, or a table."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.data import TablePreprocessor, mnist, read_table, train_test_split
from gradatim.data.image_preprocessing import ImagePreprocessor
from gradatim.data.series_preprocessing import SeriesPreprocessor
from gradatim.data.targets import labelled_rows, target_names
from gradatim.graph.errors import ArgumentError
from gradatim.tensor import Tensor, from_array
from gradatim.train.metrics import MAE, MSE, R2, RMSE, Accuracy, Metric
from gradatim.train.recipe import Recipe

MNIST_VALIDATION = 5000

Part = tuple[np.ndarray, np.ndarray]


@dataclass
class Problem:
    """Inputs and targets in parts, and the defaults that suit them.

    Attributes:
        name, title: for the run's folder, and for people.
        train: float32 inputs (rows, inputs); targets: int64 class indices (rows,), or float32
            values (rows, outputs).
        validation: looked at after each epoch, to choose the best; None where there are too few
            rows.
        test: looked at once, at the end; None where none was set apart.
        preprocessing: how raw data becomes inputs, stored with the model.
        classes: names in the order of the outputs; None for regression.
        targets: names of the columns learned.
        scale: what one unit of each output is in the data (regression).
        rows: what a row is called.
        validation_use: what the validation rows are, to a person.
        defaults: for what the recipe leaves open.
        notes: what was done to the data that a person should know.
        kind, shape: what one input is, see `gradatim.train.types.registry`.
        reconstructs: the targets are the inputs (of an autoencoder).
        example: what could be predicted next.
    """

    name: str
    title: str
    train: Part
    validation: Part | None
    test: Part | None
    preprocessing: TablePreprocessor | ImagePreprocessor | SeriesPreprocessor
    classes: list[Any] | None
    targets: list[str]
    scale: np.ndarray | None
    rows: str
    defaults: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    validation_use: str = "validation"
    kind: str = "table"
    shape: tuple[int, ...] = ()
    reconstructs: bool = False
    example: str = "NEW.csv"

    def __post_init__(self) -> None:
        self.shape = tuple(self.shape) or self.train[0].shape[1:]

    @property
    def inputs(self) -> int:
        return math.prod(self.shape)

    @property
    def outputs(self) -> int:
        return len(self.classes) if self.classes else self.train[1].shape[1]

    def metrics(self) -> list[Metric]:
        """What is worth knowing after each epoch."""
        if self.classes:
            return [Accuracy()]
        if self.reconstructs:
            return [MSE()]
        return [MAE(self.scale), RMSE(self.scale), R2()]

    def tensors(self, part: Part | None, loss: str) -> tuple[Tensor, Tensor] | None:
        """A part as tensors, the targets as the loss takes them."""
        if part is None:
            return None
        inputs, targets = map(from_array, part)  # nobody writes to them: no copy
        if self.classes and loss == "mse":
            targets = ops.one_hot(targets, len(self.classes)).float()
        return inputs, targets


def load_problem(recipe: Recipe) -> Problem:
    """The data that a recipe names."""
    if recipe.data is None and recipe.model is None:
        return mnist_problem(recipe)
    from gradatim.train.typed_problem import typed_problem

    return typed_problem(recipe)


def mnist_problem(recipe: Recipe) -> Problem:
    """The deck's classifier: 60,000 digits to train on, 10,000 to look at after each epoch.

    As in the deck, the test digits are those that choose the best epoch.
    """
    digits = mnist()
    preprocessing = pixel_preprocessing(28, 28, list(range(10)))
    return Problem(
        name="mnist",
        title="MNIST",
        train=(_pixels(digits.train_images), digits.train_labels.astype(np.int64)),
        validation=(_pixels(digits.test_images), digits.test_labels.astype(np.int64)),
        test=None,
        preprocessing=preprocessing,
        classes=preprocessing.classes,
        targets=["label"],
        scale=None,
        rows="images",
        validation_use="test",
        kind="image",
        shape=(1, 28, 28),
        example="digit.png",
        defaults={
            "epochs": 20,
            "batch_size": 1000,
            "learning_rate": _learning_rate(recipe.optimizer or "sgd", recipe.loss or "mse"),
            "optimizer": "sgd",
            "loss": "mse",
            "hidden": [1000, 500, 100],
            "shuffle": False,
            "patience": 0,
        },
    )


def digits_problem(recipe: Recipe) -> Problem:
    """MNIST for a network type: 5,000 of the training digits choose the best epoch, and the 10,000
    test digits are looked at once, at the end."""
    problem = mnist_problem(recipe)
    if recipe.model is None:
        return problem
    inputs, labels = problem.train
    train, validation = split_rows(np.arange(len(inputs)), MNIST_VALIDATION, recipe)
    return replace(
        problem,
        train=(inputs[train], labels[train]),
        validation=(inputs[validation], labels[validation]),
        test=problem.validation,
        validation_use="validation",
        defaults={},
    )


def pixel_preprocessing(height: int, width: int, classes: list[int]) -> TablePreprocessor:
    """What training on a table of `label, pixel0, pixel1, ...` would learn."""
    pixels = [f"pixel{number}" for number in range(height * width)]
    return TablePreprocessor.from_config(
        {
            "task": "classification",
            "targets": [{"kind": "class target", "name": "label", "classes": classes}],
            "columns": [
                {"kind": "number", "name": name, "center": 0.0, "scale": 255.0, "fill": 0.0}
                for name in pixels
            ],
            "ignored": [],
            "image": [height, width],
            "notes": [],
        }
    )


def _pixels(images: np.ndarray) -> np.ndarray:
    # In one pass: 60,000 images are 188 MB, and new memory costs more than the division.
    flat = images.reshape(len(images), -1)
    return np.divide(flat, np.float32(255), dtype=np.float32)


def validation_size(rows: int) -> int:
    """How many of the rows to train on choose the best epoch instead.

    A tenth. Of a small table a hundred, for a steadier choice, but never more than a fifth; and
    none where that is less than ten.

    Example:
        >>> [validation_size(rows) for rows in (40, 120, 350, 900, 50_000)]
        [0, 24, 70, 100, 5000]
    """
    size = round(min(max(rows / 10, 100), rows / 5))
    return size if size >= 10 else 0


def table_problem(recipe: Recipe) -> Problem:
    """A table from a file, split in rows to train on, to validate on, and to test on."""
    path = recipe.data
    frame = read_table(path)
    if not recipe.target and not _learns_inputs(recipe):
        raise ArgumentError(
            f"which column of {path} should be learned? --target COLUMN; the last columns are "
            f"{', '.join(frame.columns[-3:])}, the first {', '.join(frame.columns[:3])}"
        )
    names = target_names(recipe.target, frame, path) if recipe.target else None
    count = int(labelled_rows(frame, names or [], path).sum())
    train, test = split_rows(
        np.arange(count), 0.2 if recipe.test_size is None else recipe.test_size, recipe
    )
    train, validation = split_rows(train, validation_size(len(train)), recipe)

    preprocessing = TablePreprocessor()
    preprocessing.fit(frame, names, recipe.task, drop=recipe.drop, rows=train, source=path)
    inputs, targets = preprocessing.transform(frame, source=path)
    classes = preprocessing.classes
    parts = [
        None if rows is None else (inputs[rows], targets[rows])
        for rows in (train, validation, test)
    ]
    return Problem(
        Path(path).name.split(".")[0],
        Path(path).name,
        *parts,
        preprocessing=preprocessing,
        classes=classes,
        targets=preprocessing.targets,
        scale=None if classes or names is None else unit_of_targets(preprocessing),
        rows="rows",
        defaults={
            "epochs": 200,
            "batch_size": table_batch_size(len(train)),
            "learning_rate": _learning_rate(recipe.optimizer or "adamw", "cross_entropy"),
            "optimizer": "adamw",
            "weight_decay": 0.1 if recipe.optimizer in (None, "adamw") else 0.0,
            "loss": "cross_entropy" if classes else "mse",
            "hidden": [100],
            "shuffle": True,
            "patience": 20,
            "test_size": 0.2,
        },
        notes=preprocessing.notes,
        **_kind_of_rows(preprocessing),
    )


def _learns_inputs(recipe: Recipe) -> bool:
    """Whether the network needs no target: an autoencoder."""
    from gradatim.train.types import find_type

    return recipe.model is not None and find_type(recipe.model).learns == "inputs"


def _kind_of_rows(preprocessing: TablePreprocessor) -> dict[str, Any]:
    """Rows of pixels are images."""
    if preprocessing.image is None:
        return {}
    return {"kind": "image", "shape": (1, *preprocessing.image)}


def split_rows(
    rows: np.ndarray, size: float | int, recipe: Recipe
) -> tuple[np.ndarray, np.ndarray | None]:
    """Some rows, and the others, which are None where none are wanted."""
    if size == 0:
        return rows, None
    kept, apart = train_test_split(len(rows), size if size < 1 else int(size), recipe.seed)
    return rows[kept], rows[apart]


def unit_of_targets(preprocessing: TablePreprocessor) -> np.ndarray:
    """What a difference of 1 in each output is in the table's units."""
    zeros = np.zeros((1, preprocessing.out_features))
    return (preprocessing.inverse_target(zeros + 1) - preprocessing.inverse_target(zeros))[0]


def table_batch_size(rows: int) -> int:
    """32, and more from 6,400 rows on: about 200 batches an epoch, at most 512 rows each."""
    return int(np.clip(2 ** round(np.log2(max(rows, 1) / 200)), 32, 512))


def _learning_rate(optimizer: str, loss: str) -> float:
    """Adam's usual rate. For SGD the deck's 1 goes with the mean squared error of one-hot targets,
    whose gradients are small."""
    if optimizer in ("adam", "adamw"):
        return 1e-3
    return 1.0 if loss == "mse" else 0.1
