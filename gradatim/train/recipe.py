"""A training job as plain data: what `gradatim train` was asked for, kept in config.json.

With the same recipe and data, training takes the same steps, on this day or another; resuming a run
is reading its recipe and going on from its checkpoint.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from gradatim import optim
from gradatim.graph.errors import ArgumentError, CheckpointError
from gradatim.nn import Module
from gradatim.optim import Optimizer
from gradatim.optim.lr_scheduler import OneCycleLR
from gradatim.train.feed import check_at_least_one

OPTIMIZERS = {"sgd": optim.SGD, "adam": optim.Adam, "adamw": optim.AdamW}

ACTIVATIONS = {
    "relu": "ReLU",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "leaky_relu": "LeakyReLU",
    "gelu": "GELU",
    "silu": "SiLU",
}

SCHEDULES = ("constant", "one_cycle")

TASKS = ("classification", "regression")

CLASSIFICATION_LOSSES = ("mse", "cross_entropy")
REGRESSION_LOSSES = ("mse", "l1", "smooth_l1")
LOSSES = tuple(dict.fromkeys(CLASSIFICATION_LOSSES + REGRESSION_LOSSES))


@dataclass
class Recipe:
    """What to train on what, and how. None means: as suits the data (`complete` decides).

    Attributes:
        data: path of a table, of a `.ts` file, or of a folder of pictures or recordings; the name
            of bundled data; or None for the bundled MNIST.
        model: a type of network (see `gradatim.train.types`), or None for the deck's classifier
            and for a table's usual one.
        case, time: columns of a long table: the series that a row belongs to, and its place there.
        size: height and width to give to pictures.
        checksum: SHA-256 of that file, so that a run is not continued on other data.
        target, drop: the column to learn (several with commas between), and columns to leave out.
        task: "classification" or "regression"; None decides by the target.
        test_size: share of the rows kept for the final test (or their number).
        hidden: sizes of the hidden layers (of a convolutional network, numbers of channels).
        dropout: share of the hidden values dropped in training.
        schedule: "constant" or "one_cycle" (up to the learning rate, and down to 0).
        mesh: the axes of the devices to train on, "data=4,model=2".
        accumulate: pieces that a batch is cut into, for less memory.
        precision: "float32" or "bf16".
        patience: stop after so many epochs without a better validation loss; 0 never stops early.
    """

    data: str | None = None
    checksum: str | None = None
    target: str | None = None
    task: str | None = None
    drop: list[str] = field(default_factory=list)
    test_size: float | int | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    optimizer: str | None = None
    momentum: float | None = None
    weight_decay: float | None = None
    loss: str | None = None
    hidden: list[int] | None = None
    activation: str = "relu"
    shuffle: bool | None = None
    patience: int | None = None
    seed: int = 0
    engine: str | None = None
    threads: int | None = None
    model: str | None = None
    case: str | None = None
    time: str | None = None
    size: int | None = None
    dropout: float | None = None
    schedule: str | None = None
    mesh: str | None = None
    accumulate: int | None = None
    precision: str | None = None

    def to_config(self) -> dict[str, Any]:
        return asdict(self)

    def axes(self) -> dict[str, int] | None:
        """The mesh to train on; with several hosts, where nothing is said, all their devices."""
        return None if self.mesh is None else parse_mesh(self.mesh)

    @classmethod
    def from_config(cls, config: dict[str, Any], source: str) -> Recipe:
        """The recipe of a run. `source` names the file in error messages."""
        names = {one.name for one in fields(cls)}
        if not isinstance(config, dict) or not set(config) <= names:
            raise CheckpointError(f"{source} does not hold a recipe of gradatim train")
        return cls(**config)

    def check(self) -> None:
        """Raise `ArgumentError` for the first value that makes no sense."""
        counts = (
            ("epochs", self.epochs),
            ("batch size", self.batch_size),
            ("size", self.size),
            ("accumulate", self.accumulate),
        )
        for name, value in counts:
            if value is not None:
                check_at_least_one(name, value)
        _check_number("learning rate", self.learning_rate, lambda value: value > 0, "above 0")
        _check_number("momentum", self.momentum, lambda value: 0 <= value < 1, "from 0 to below 1")
        _check_number("weight decay", self.weight_decay, lambda value: value >= 0, "0 or more")
        _check_number("patience", self.patience, lambda value: value >= 0, "0 or more")
        _check_number("seed", self.seed, lambda value: 0 <= value < 2**32, "from 0 to 2**32 - 1")
        _check_number(
            "test size",
            self.test_size,
            lambda value: 0 <= value < 1 or value == int(value),
            "a share below 1, such as 0.2, or a number of rows",
        )
        if self.momentum is not None and self.optimizer not in (None, "sgd"):
            raise ArgumentError(f"momentum is for the optimizer sgd, not for {self.optimizer}")
        _check_number("dropout", self.dropout, lambda value: 0 <= value < 1, "from 0 to below 1")
        if self.schedule is not None and self.schedule not in SCHEDULES:
            raise ArgumentError(
                f"there is no schedule {self.schedule!r}: choose from {', '.join(SCHEDULES)}"
            )
        if self.data is None and (self.target or self.drop or self.test_size is not None):
            raise ArgumentError(
                "a target, columns to drop and a test size are for tables: name the file, "
                "gradatim train DATA.csv --target COLUMN"
            )

    def complete(self, defaults: dict[str, Any]) -> None:
        """Fill in what was left open."""
        for name, value in defaults.items():
            if getattr(self, name) is None:
                setattr(self, name, value)

    def make_optimizer(self, model: Module) -> Optimizer:
        """The optimizer over the model's parameters."""
        settings: dict[str, Any] = {"lr": self.learning_rate}
        if self.momentum is not None:
            settings["momentum"] = self.momentum
        if self.weight_decay is not None:
            settings["weight_decay"] = self.weight_decay
        return OPTIMIZERS[self.optimizer](model.parameters(), **settings)

    def make_scheduler(self, optimizer: Optimizer, rows: int) -> OneCycleLR | None:
        """What moves the learning rate, for so many rows to train on.

        One cycle: Smith & Topin 2017, *Super-convergence*; a third of the way up, the rest down.
        """
        if self.schedule != "one_cycle":
            return None
        steps = math.ceil(rows / self.batch_size) * self.epochs
        return OneCycleLR(optimizer, self.learning_rate, steps, cycle_momentum=False)


def parse_mesh(text: str) -> dict[str, int]:
    """The axes of "data=4,model=2".

    Example:
        >>> parse_mesh("data=4,model=2")
        {'data': 4, 'model': 2}
    """
    axes: dict[str, int] = {}
    for part in text.split(","):
        name, _, count = part.strip().partition("=")
        if not name.isidentifier() or not count.isdigit() or int(count) < 1 or name in axes:
            raise ArgumentError(
                f"--mesh is {text!r}: give the axes and the devices along each, data=4,model=2"
            )
        axes[name] = int(count)
    return axes


def _check_number(name: str, value: float | None, holds: Any, expected: str) -> None:
    if value is not None and not (math.isfinite(value) and holds(value)):
        raise ArgumentError(f"the {name} is {value:g}: it has to be {expected}")
