"""What is to be predicted: classes or numbers, and how predictions become them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradatim.data.columns import as_numbers, is_text, is_whole, spread, unusable
from gradatim.data.wording import listed, nearest
from gradatim.graph.errors import ArgumentError, DataError

if TYPE_CHECKING:
    import polars as pl

TASKS = ("classification", "regression")

# A target of whole numbers names classes if there are at most this many different ones.
MAX_CLASSES = 20


@dataclass(frozen=True)
class NumberTarget:
    """A number to predict, standardized for training: (value - center) / scale."""

    name: str
    center: float
    scale: float

    @classmethod
    def fit(cls, name: str, values: np.ndarray) -> NumberTarget:
        return cls(name, float(values.mean()), spread(values))

    def encode(self, column: pl.Series, source: str) -> np.ndarray:
        """float64 (rows,), NaN where the target is missing."""
        return (as_numbers(column, source) - self.center) / self.scale

    def decode(self, predictions: np.ndarray) -> np.ndarray:
        """Predictions in the target's own unit, float64."""
        return np.asarray(predictions, np.float64) * self.scale + self.center


@dataclass(frozen=True)
class ClassTarget:
    """One of some classes to predict, by its number.

    Attributes:
        name: of the column.
        classes: the values in the training table, sorted: all text, all int, or all bool.
    """

    name: str
    classes: tuple[Any, ...]

    @classmethod
    def fit(cls, column: pl.Series) -> ClassTarget:
        values = _as_classes(column, _class_dtype(column))
        return cls(column.name, tuple(values.drop_nulls().unique().sort().to_list()))

    def encode(self, column: pl.Series, source: str) -> np.ndarray:
        """The number of each row's class, float64 (rows,), NaN where the target is missing.

        Raises:
            DataError: for a class that training did not have.
        """
        import polars as pl

        kind = {bool: pl.Boolean, int: pl.Int64, str: pl.String}[type(self.classes[0])]
        values = _as_classes(column, kind)
        numbers = values.replace_strict(
            list(self.classes),
            list(range(len(self.classes))),
            default=None,
            return_dtype=pl.Float64,
        )
        new = (numbers.is_null() & column.is_not_null()).arg_true()
        if len(new):
            row = new[0]
            raise DataError(
                f"{source}: target {self.name!r} has {column[row]!r} in data row {row + 1}, which "
                f"is no class that training had (known: {listed(self.classes)})"
            )
        return numbers.to_numpy().astype(np.float64)

    def decode(self, predictions: np.ndarray) -> np.ndarray:
        """Class numbers (rows,), or scores (rows, classes), as the classes themselves (rows,)."""
        predictions = np.asarray(predictions)
        if predictions.ndim == 2:
            predictions = predictions.argmax(axis=1)
        return np.array(self.classes)[predictions.astype(np.int64)]


def _class_dtype(column: pl.Series) -> Any:
    import polars as pl

    if column.dtype == pl.Boolean:
        return pl.Boolean
    return pl.Int64 if is_whole(column) else pl.String


def _as_classes(column: pl.Series, dtype: Any) -> pl.Series:
    """The column's values in the dtype of the classes, null where they cannot be."""
    import polars as pl

    if dtype == pl.Boolean and is_text(column):
        lower = column.cast(pl.String).str.to_lowercase()
        return lower.replace_strict(["true", "false"], [True, False], default=None)
    if dtype == pl.Int64 and is_text(column):
        column = column.cast(pl.String).cast(pl.Float64, strict=False)
    if dtype == pl.Int64 and not is_whole(column):
        column = column.set((column != column.floor()) | column.is_infinite(), None)
    return column.cast(dtype, strict=False)


# --- which task, which rows ----------------------------------------------------------------------


def decide_task(
    frame: pl.DataFrame, targets: Sequence[str], task: str | None, source: str = "the table"
) -> tuple[str, str]:
    """("classification" or "regression", why), from the targets' values.

    Raises:
        DataError: if a target has one value only, or cannot be what `task` asks for.
    """
    for name in targets:
        known = frame[name].drop_nulls()
        if known.n_unique() == 1:
            raise DataError(
                f"{source}: target {name!r} is {known[0]!r} in every row: there is nothing to "
                "learn; a target needs at least two different values"
            )
        if is_text(known) and (len(targets) > 1 or task == "regression"):
            needs = "regression needs" if len(targets) == 1 else "several targets have to be"
            raise DataError(
                f"{source}: {needs} numbers, and {name!r} holds text ({known[0]!r}); classes are "
                "predicted as the only target, by classification"
            )
    if len(targets) > 1:
        if task == "classification":
            raise DataError(
                f"{source}: {len(targets)} targets ({listed(targets)}) can only be predicted "
                "together as numbers; for classification give one"
            )
        return "regression", f"{len(targets)} targets"
    found, holds = _natural_task(frame[targets[0]].drop_nulls())
    why = f"target {targets[0]!r} holds {holds}"
    return (task, why + ", as asked") if task and task != found else (found, why)


def _natural_task(values: pl.Series) -> tuple[str, str]:
    """The task that the values suggest, and what they are."""
    if is_text(values):
        return "classification", "text"
    if values.dtype.is_temporal():
        return "regression", "dates"
    if not values.dtype.is_numeric():
        return "classification", "true and false"
    if not is_whole(values):
        return "regression", "numbers"
    distinct = values.n_unique()
    few = distinct == 2 or distinct <= min(MAX_CLASSES, values.len() // 2)
    task = "classification" if few else "regression"
    return task, f"{distinct:,} different whole numbers"


def target_names(targets: str | Sequence[str], frame: pl.DataFrame, source: str) -> list[str]:
    """The names in a list, or in one text with commas between (which a name may have itself).

    Raises:
        ArgumentError: for none, or one twice. Whether they are there, `labelled_rows` checks.
    """
    if isinstance(targets, str):
        targets = [targets] if targets in frame.columns else targets.split(",")
    names = [name if name in frame.columns else name.strip() for name in targets]
    if not names or len(set(names)) < len(names):
        raise ArgumentError(
            f"targets of {source} are {listed(names)}: expected one name or more, each once"
        )
    return names


def check_task(task: str | None) -> None:
    if task is not None and task not in TASKS:
        raise ArgumentError(f"task={task!r}: expected {listed(TASKS, word='or')}")


def labelled_rows(frame: pl.DataFrame, targets: Sequence[str], source: str) -> np.ndarray:
    """Where every target has a value, bool (rows,)."""
    known = np.ones(frame.height, bool)
    for name in targets:
        if name not in frame.columns:
            raise DataError(
                f"{source} has no target column {name!r}: {nearest(name, frame.columns)}"
            )
        column = frame[name]
        if column.dtype.is_nested() or str(column.dtype) == "Binary":
            raise unusable(column, source)
        if column.null_count() == frame.height:
            raise DataError(
                f"{source}: target {name!r} has no values: every one of {frame.height:,} rows "
                "lacks it"
            )
        known &= column.is_not_null().to_numpy()
    return known
