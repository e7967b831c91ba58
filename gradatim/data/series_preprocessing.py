"""From series of different lengths to arrays that a network can be trained on, and back.

Series come from `.ts` files, from long tables (a row is one step of one case), and from recordings
(`.wav`, as spectrograms). What was learned about the features is kept, so that new data is treated
alike.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gradatim.data.preprocessing import TablePreprocessor
from gradatim.data.wording import counted, listed
from gradatim.graph.errors import CheckpointError, DataError

MOST_NUMBERS = 500_000_000
"""Of padded series: 2 GB as float32."""


class Cases(NamedTuple):
    """Data that was read with a preprocessing.

    Attributes:
        inputs: as the network takes them, float32 (cases, ...).
        targets: int64 class numbers or float32 values; None where the data has none.
        names: what each case is called, for people.
    """

    inputs: np.ndarray
    targets: np.ndarray | None
    names: list[Any]


class SeriesPreprocessor:
    """Standardizes the features of series, and pads the series to one length.

    An input is (steps, 1 + features): first 1 where the step is there and 0 behind the end, then
    the features with mean 0 and deviation 1 over all steps of training, 0 where missing.

    Args:
        classes: names in the order of their numbers; None for numbers to predict.
        target: what the classes are called.
        cut: whether series longer than those of training are cut at the end (where the network's
            size depends on the steps).
        pool: so many steps become one, their mean.
        table: how rows become features, for series from long tables; `case` and `time` are then
            the columns that say which series a row belongs to, and which step it is.

    Attributes:
        steps: the length of the longest series in training, after pooling.
        center, scale: of each feature, float32.
        notes: what was done to the data, in sentences for people.

    Example:
        >>> series = [np.float32([[-2, 2]]), np.float32([[2, -2, 2, -2]])]
        >>> preprocessing = SeriesPreprocessor(["up", "down"]).fit(series)
        >>> preprocessing.transform(series)[0].tolist()
        [[1.0, -1.0], [1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]
    """

    kind = "series"
    image = None

    def __init__(
        self,
        classes: list[Any] | None = None,
        target: str = "class",
        cut: bool = False,
        pool: int = 1,
        table: TablePreprocessor | None = None,
        case: str | None = None,
        time: str | None = None,
    ) -> None:
        self.classes, self._target = classes, target
        self.cut, self.pool = cut, pool
        self.table, self.case, self.time = table, case, time
        self.steps = 0
        self.center = self.scale = np.zeros(0, np.float32)
        self.notes: list[str] = []

    def fit(self, series: Sequence[np.ndarray]) -> SeriesPreprocessor:
        """Learn lengths, means and deviations from the series to train on.

        Args:
            series: float arrays (features, length), all with the same features.

        Raises:
            DataError: they differ in their number of features; or padded to one length they would
                not fit in memory.
        """
        check_features(series)
        lengths = [one.shape[1] for one in series]
        self.steps = -(-max(lengths) // self.pool)
        numbers = self.steps * len(series) * (1 + len(series[0]))
        if numbers > MOST_NUMBERS:
            raise DataError(
                f"the longest of {len(series):,} series has {max(lengths):,} steps, and padded to "
                f"that length they are {numbers * 4 / 1e9:.0f} GB: cut the long ones into pieces"
            )
        joined = np.concatenate([pooled(one, self.pool) for one in series], axis=1)
        joined = np.where(np.isfinite(joined), joined, np.nan).astype(np.float64)
        missing = np.isnan(joined)
        if missing.all(axis=1).any():
            feature = int(missing.all(axis=1).argmax()) + 1
            raise DataError(f"feature {feature} of the series has no values")
        self.center = np.nanmean(joined, axis=1).astype(np.float32)
        spread = np.nanstd(joined, axis=1)
        self.scale = np.where(spread > 0, spread, 1).astype(np.float32)
        if min(lengths) < max(lengths):
            self.notes.append(
                f"the series have {min(lengths):,} to {max(lengths):,} steps: padded to the "
                "longest, with a mark at each end"
            )
        if missing.any():
            values = counted(int(missing.sum()), "missing value")
            self.notes.append(f"{values} in the series replaced by the feature's mean")
        return self

    def transform(self, series: Sequence[np.ndarray]) -> np.ndarray:
        """Inputs of series: float32 (cases, steps, 1 + features)."""
        check_features(series, len(self.center))
        steps = max([self.steps, *(-(-one.shape[1] // self.pool) for one in series)])
        steps = self.steps if self.cut else steps
        inputs = np.zeros((len(series), steps, 1 + len(self.center)), np.float32)
        for row, one in zip(inputs, series):
            values = (pooled(one, self.pool).T[:steps] - self.center) / self.scale
            row[: len(values), 0] = 1
            row[: len(values), 1:] = np.where(np.isfinite(values), values, 0)
        return inputs

    def read(self, path: str | os.PathLike[str], labelled: bool = False) -> Cases:
        """New data from a file or folder of the kind that training had.

        Args:
            labelled: whether targets are needed.

        Raises:
            DataError: it cannot be read, has other features or classes, or lacks its targets.
        """
        from gradatim.data.series_files import read_series, read_series_table

        if self.table is not None:
            found = read_series_table(path, self.table, self.case, self.time, labelled)
            return Cases(self.transform(found.series), found.targets, found.names)
        found = read_series(path)
        inputs = self.transform(found.series)
        if not labelled:
            return Cases(inputs, None, found.names)
        if found.targets is None:
            raise DataError(f"{path} has no classes to compare the predictions with")
        return Cases(inputs, self._encode(found.targets, found.classes, path), found.names)

    def _encode(self, targets: np.ndarray, classes: list[Any], source: Any) -> np.ndarray:
        """The numbers of another file's classes in our order."""
        for name in classes:
            if name not in self.classes:
                raise DataError(
                    f"{source} has the class {name!r}, which training had not (known: "
                    f"{listed(self.classes)})"
                )
        return np.array([self.classes.index(name) for name in classes], np.int64)[targets]

    def inverse_target(self, predictions: Any) -> np.ndarray:
        """What the network's outputs mean: classes (N,), or numbers in the target's own unit."""
        if self.classes is None:
            return self.table.inverse_target(predictions)
        predictions = np.asarray(predictions)
        if predictions.ndim == 2:
            predictions = predictions.argmax(axis=1)
        return np.array(self.classes)[predictions.astype(np.int64)]

    @property
    def task(self) -> str:
        return "regression" if self.classes is None else "classification"

    @property
    def targets(self) -> list[str]:
        return [self._target] if self.table is None else self.table.targets

    @property
    def out_features(self) -> int:
        return len(self.classes or self.targets)

    def to_config(self) -> dict[str, Any]:
        """Everything learned, as data for JSON."""
        return {
            "kind": self.kind,
            "classes": self.classes,
            "target": self._target,
            "cut": self.cut,
            "pool": self.pool,
            "table": self.table and self.table.to_config(),
            "case": self.case,
            "time": self.time,
            "steps": self.steps,
            "center": self.center.tolist(),
            "scale": self.scale.tolist(),
            "notes": self.notes,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeriesPreprocessor:
        """The inverse of `to_config`.

        Raises:
            CheckpointError: if the data is not what `to_config` made.
        """
        try:
            table = config["table"] and TablePreprocessor.from_config(config["table"])
            arguments = {name: config[name] for name in ("classes", "target", "cut", "pool")}
            made = cls(**arguments, table=table, case=config["case"], time=config["time"])
            made.steps, made.notes = config["steps"], list(config["notes"])
            made.center = np.array(config["center"], np.float32)
            made.scale = np.array(config["scale"], np.float32)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"the description of the series is damaged ({error!r}): train again"
            ) from None
        return made

    def __repr__(self) -> str:
        return (
            f"SeriesPreprocessor({self.task} of {listed(self.targets)}: {self.steps:,} steps, "
            f"{len(self.center)} features)"
        )


def check_features(series: Sequence[np.ndarray], wanted: int | None = None) -> None:
    """Raise `DataError` for no series, an empty one, or one with other features."""
    if not len(series):
        raise DataError("there are no series in the data")
    wanted = wanted or len(series[0])
    for number, one in enumerate(series, start=1):
        if len(one) != wanted:
            raise DataError(
                f"case {number} has {counted(len(one), 'feature')} where {wanted} were expected: "
                "series may differ in length, not in their features"
            )
        if one.shape[1] == 0:
            raise DataError(f"case {number} has no steps: leave it out")


def pooled(series: np.ndarray, size: int) -> np.ndarray:
    """(features, length) with the mean of each `size` steps, of fewer at the end.

    Example:
        >>> pooled(np.float32([[1, 3, 5, 7, 9]]), 2).tolist()
        [[2.0, 6.0, 9.0]]
    """
    if size == 1:
        return series
    starts = np.arange(0, series.shape[1], size)
    counts = np.diff([*starts, series.shape[1]])
    return (np.add.reduceat(series, starts, axis=1) / counts).astype(np.float32)
