"""From a table of mixed columns to arrays that a network can be trained on, and back.

What was learned about the columns is kept, so that new tables are treated alike. `notes` says, for
people, what was done to the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gradatim.data.columns import (
    CategoryColumn,
    NumberColumn,
    as_numbers,
    image_shape,
    is_text,
    nan_as_missing,
)
from gradatim.data.targets import (
    MAX_CLASSES,
    ClassTarget,
    NumberTarget,
    check_task,
    decide_task,
    labelled_rows,
    target_names,
)
from gradatim.data.wording import about_medians, about_missing_text, counted, listed, nearest
from gradatim.graph.errors import ArgumentError, CheckpointError, DataError

if TYPE_CHECKING:
    import polars as pl

# A column of text with more different values than this is left out: each would be an input.
MAX_CATEGORIES = 1_000


class TablePreprocessor:
    """Turns tables into inputs and targets, with what it learned from the training table.

    Numbers, true/false and dates are standardized (mean 0, deviation 1), and a missing one is the
    column's median. Text becomes one input for each of its values, all of them 0 where it is
    missing. Tables of pictures (columns `pixel0`, `pixel1`, ..., whole numbers from 0 to 255, as
    many as a square has) are divided by 255 instead. Columns with the same value in every row are
    left out, and so is text that is different in nearly every row, such as a name.

    Attributes:
        task: "classification" or "regression"; "" where nothing is to be predicted.
        targets: the names of the target columns.
        classes: the classes in the order of their numbers; None for regression.
        in_features, out_features: the sizes of the network's input and output.
        input_names: what each input is, `age` or `city=Oslo`.
        image: (height, width) if the table holds pictures, else None.
        notes: what was done to the training table, in sentences for people.

    Example:
        >>> import polars as pl
        >>> table = pl.DataFrame({"size": [1.0, 3.0, None, 3.0], "kind": ["a", "b", "a", "b"]})
        >>> preprocessor = TablePreprocessor().fit(table, "kind")
        >>> preprocessor.task, preprocessor.classes
        ('classification', ['a', 'b'])
        >>> print(*preprocessor.notes, sep="\\n")
        target 'kind' holds text: classification, 2 classes
        column 'size': 1 missing value replaced by the median, 3
        >>> inputs, targets = preprocessor.transform(table)
        >>> inputs.shape, targets.tolist()
        ((4, 1), [0, 1, 0, 1])
    """

    def __init__(self) -> None:
        self.task = ""
        self.image: tuple[int, int] | None = None
        self.notes: list[str] = []
        self._columns: list[NumberColumn | CategoryColumn] = []
        self._targets: list[NumberTarget] | list[ClassTarget] = []
        self._ignored: list[str] = []

    # --- learning ---------------------------------------------------------------------------------

    def fit(
        self,
        frame: pl.DataFrame,
        targets: str | Sequence[str] | None,
        task: str | None = None,
        *,
        rows: np.ndarray | None = None,
        drop: Sequence[str] = (),
        source: str = "the table",
    ) -> TablePreprocessor:
        """Learn about the columns.

        Args:
            frame: a polars DataFrame; rows without a target are passed over.
            targets: the column to predict, or several (a list, or names with commas between), which
                then have to be numbers; None where nothing is to be predicted (an autoencoder).
            task: "classification" or "regression". None decides by the target: text, true/false and
                at most 20 different whole numbers are classes, other numbers are regression, and
                several targets always are.
            rows: which of the rows with a target to take means, deviations and medians from (those
                to train on); None is all. Categories and classes come from all rows.
            drop: columns to leave out.
            source: what to call the table in messages, such as the file's name.

        Returns:
            The preprocessor itself.

        Raises:
            DataError: a target that is not there, has no values or only one; a column without
                values; nothing to learn from.
        """
        frame = nan_as_missing(frame)
        names = [] if targets is None else target_names(targets, frame, source)
        check_task(task)
        for name in drop:
            if name not in frame.columns:
                raise DataError(
                    f"{source} has no column {name!r} to drop: {nearest(name, frame.columns)}"
                )
        self.notes, self._columns, self._ignored = [], [], list(drop)
        for name in names:
            if name in drop:
                raise ArgumentError(f"column {name!r} cannot be both the target and dropped")
        known = labelled_rows(frame, names, source)
        if not known.all():
            missing = int((~known).sum())
            self.notes.append(f"{counted(missing, 'row')} without a target left out")
        known_rows = np.flatnonzero(known)
        training = known_rows if rows is None else known_rows[np.asarray(rows)]
        self.task, self._targets = "", []
        if names:
            self._fit_targets(frame, names, task, training, source)
        features = [c for c in frame.columns if c not in names and c not in drop]
        self._fit_features(frame.select(features), known_rows, training, source)
        return self

    def _fit_targets(
        self, frame: pl.DataFrame, names: list[str], task: str | None, rows: np.ndarray, source: str
    ) -> None:
        self.task, why = decide_task(frame, names, task, source)
        if self.task == "classification":
            target = ClassTarget.fit(frame[names[0]])
            self._targets = [target]
            self.notes.append(f"{why}: classification, {len(target.classes)} classes")
        else:
            self._targets = [
                NumberTarget.fit(name, as_numbers(frame[name], source)[rows]) for name in names
            ]
            self.notes.append(f"{why}: regression")

    def _fit_features(
        self, frame: pl.DataFrame, known: np.ndarray, rows: np.ndarray, source: str
    ) -> None:
        empty = [column.name for column in frame if column.null_count() == frame.height]
        if empty:
            raise DataError(
                f"{source}: column{'s' * (len(empty) > 1)} {listed(empty)} "
                f"{'have' if len(empty) > 1 else 'has'} no values: leave out with "
                f"--drop {','.join(empty[:6])}, or fill in"
            )
        self.image = image_shape(frame)
        constant, medians = [], {}
        for column in frame:
            if is_text(column):
                self._fit_text(column)
                continue
            values = as_numbers(column, source)
            training = values if len(rows) == frame.height else values[rows]
            if np.isnan(training).all():
                training = values
            fitted = NumberColumn.fit(column.name, training)
            if self.image:
                fitted = NumberColumn(column.name, 0.0, 255.0, fitted.fill)
            elif np.nanmin(training) == np.nanmax(training):
                constant.append(column.name)
                continue
            self._columns.append(fitted)
            missing = int(np.isnan(values[known]).sum()) if column.null_count() else 0
            if missing:
                medians[column.name] = (missing, fitted.fill)
        if not self._columns:
            raise DataError(
                f"{source}: there is nothing to learn from beside the target: expected at least "
                "one column with different values"
            )
        self._ignored += constant
        self.notes += about_medians(medians)
        if constant:
            self.notes.append(
                f"{counted(len(constant), 'column')} left out, with the same value in every row: "
                f"{listed(constant)}"
            )
        if self.image:
            height, width = self.image
            self.notes.append(
                f"{len(self._columns)} columns of pixels ({height} x {width}, 0 to 255): divided "
                "by 255, not standardized"
            )

    def _fit_text(self, column: pl.Series) -> None:
        fitted = CategoryColumn.fit(column)
        distinct, missing = len(fitted.categories), column.null_count()
        known = column.len() - missing
        if distinct > max(MAX_CLASSES, known / 2) or distinct > MAX_CATEGORIES:
            self._ignored.append(column.name)
            self.notes.append(
                f"column {column.name!r} left out: it is text with {distinct:,} different values "
                f"in {known:,} rows{_first_text(column)}"
            )
            return
        self._columns.append(fitted)
        if missing:
            self.notes.append(about_missing_text(column.name, missing, distinct))

    # --- using what was learned -------------------------------------------------------------------

    def transform(
        self, frame: pl.DataFrame, *, source: str = "the table", notes: list[str] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets of the rows that have a target.

        Args:
            frame: a table with the columns of training, in any order, and the targets.
            source: what to call it in messages.
            notes: a list to which is added what was done, in sentences.

        Returns:
            Inputs, float32 (N, in_features), and targets: int64 (N,) class numbers, or float32
            (N, targets), standardized; (N, 0) where there is nothing to predict.

        Raises:
            DataError: as `transform_features`, and for a target that is missing, not a number where
                training had one, or no known class.
        """
        frame = nan_as_missing(frame)
        known = labelled_rows(frame, self.targets, source)
        encoded = [t.encode(frame[t.name], source) for t in self._targets]
        targets = np.stack(encoded, axis=1) if encoded else np.zeros((frame.height, 0))
        inputs = self.transform_features(frame, source=source, notes=notes)
        if not known.all():
            if notes is not None:
                notes.append(f"{counted(int((~known).sum()), 'row')} without a target left out")
            inputs, targets = inputs[known], targets[known]
        if self.task == "classification":
            return inputs, targets[:, 0].astype(np.int64)
        return inputs, targets.astype(np.float32)

    def transform_features(
        self, frame: pl.DataFrame, *, source: str = "the table", notes: list[str] | None = None
    ) -> np.ndarray:
        """Inputs of every row. Columns are found by name; others than those of training are
        ignored.

        Args:
            frame: a table with the columns of training, in any order.
            source: what to call it in messages.
            notes: a list to which is added what was done, in sentences.

        Returns:
            float32 (rows, in_features).

        Raises:
            DataError: for a column that is missing, text where training had numbers, or a text
                value that training did not have.
        """
        frame = nan_as_missing(frame)
        self._check_columns(frame, source)
        inputs = np.empty((frame.height, self.in_features), np.float32)
        start, medians, other = 0, {}, []
        for column in self._columns:
            stop = start + len(column.inputs)
            missing = column.encode(frame[column.name], inputs[:, start:stop], source)
            if missing and isinstance(column, NumberColumn):
                medians[column.name] = (missing, column.fill)
            elif missing:
                other.append(about_missing_text(column.name, missing, len(column.categories)))
            start = stop
        if notes is not None:
            used = {*(c.name for c in self._columns), *self.targets, *self._ignored}
            extra = [name for name in frame.columns if name not in used]
            if extra:
                notes.append(
                    f"{counted(len(extra), 'column')} not in training, ignored: {listed(extra)}"
                )
            notes += about_medians(medians) + other
        return inputs

    def _check_columns(self, frame: pl.DataFrame, source: str) -> None:
        present = set(frame.columns)
        missing = [c.name for c in self._columns if c.name not in present]
        if missing:
            raise DataError(
                f"{source} lacks {counted(len(missing), 'column')} that training had: "
                f"{listed(missing)}; {nearest(missing[0], frame.columns)}"
            )

    def inverse_target(self, predictions: Any) -> np.ndarray:
        """What the network's output means in the table's own terms.

        Args:
            predictions: class numbers (N,) or scores (N, classes); for regression (N, targets), or
                (N,) for one target.

        Returns:
            The classes (N,), or numbers in the targets' own units, float64, of the shape given.
        """
        predictions = np.asarray(predictions)
        if self.task == "classification":
            return self._targets[0].decode(predictions)
        if predictions.ndim == 1:
            return self._targets[0].decode(predictions)
        columns = [t.decode(predictions[:, k]) for k, t in enumerate(self._targets)]
        return np.stack(columns, axis=1)

    # --- what it is -------------------------------------------------------------------------------

    @property
    def targets(self) -> list[str]:
        return [target.name for target in self._targets]

    @property
    def classes(self) -> list[Any] | None:
        return list(self._targets[0].classes) if self.task == "classification" else None

    @property
    def columns(self) -> list[str]:
        """The names of the columns that it learns from."""
        return [column.name for column in self._columns]

    @property
    def input_names(self) -> list[str]:
        return [name for column in self._columns for name in column.inputs]

    @property
    def in_features(self) -> int:
        return sum(len(column.inputs) for column in self._columns)

    @property
    def out_features(self) -> int:
        return len(self.classes or self._targets)

    def __repr__(self) -> str:
        return (
            f"TablePreprocessor({self.task} of {listed(self.targets)}: {len(self._columns)} "
            f"columns, {self.in_features} inputs, {self.out_features} outputs)"
        )

    # --- on disk ----------------------------------------------------------------------------------

    def to_config(self) -> dict[str, Any]:
        """Everything learned, as data for JSON."""
        return {
            "task": self.task,
            "targets": [_to_dict(target) for target in self._targets],
            "columns": [_to_dict(column) for column in self._columns],
            "ignored": self._ignored,
            "image": self.image and list(self.image),
            "notes": self.notes,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TablePreprocessor:
        """The inverse of `to_config`.

        Raises:
            CheckpointError: if the data is not what `to_config` made.
        """
        made = cls()
        try:
            made.task = config["task"]
            made._targets = [_from_dict(target) for target in config["targets"]]
            made._columns = [_from_dict(column) for column in config["columns"]]
            made._ignored = list(config["ignored"])
            made.image = tuple(config["image"]) if config["image"] else None
            made.notes = list(config["notes"])
        except (KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(
                f"the description of the table's columns is damaged ({error!r}): use another copy "
                "of the run, or train again"
            ) from None
        return made


KINDS = {
    "number": NumberColumn,
    "category": CategoryColumn,
    "number target": NumberTarget,
    "class target": ClassTarget,
}


def _to_dict(part: Any) -> dict[str, Any]:
    kind = next(name for name, cls in KINDS.items() if cls is type(part))
    values = {k: list(v) if isinstance(v, tuple) else v for k, v in vars(part).items()}
    return {"kind": kind, **values}


def _from_dict(config: dict[str, Any]) -> Any:
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items() if k != "kind"}
    return KINDS[config["kind"]](**values)


def _first_text(column: pl.Series) -> str:
    """Where text begins in a column that is mostly numbers: often one cell is wrong."""
    import polars as pl

    numbers = column.cast(pl.String).cast(pl.Float64, strict=False)
    text = (numbers.is_null() & column.is_not_null()).arg_true()
    if 0 < len(text) < 0.2 * column.len():
        return f" (numbers, but for {column[text[0]]!r} in data row {text[0] + 1})"
    return ""
