"""What is learned about one column of a table, and how its cells become numbers.

A feature column is a `NumberColumn` (one input) or a `CategoryColumn` (one input for each value). A
target column is a `NumberTarget` or a `ClassTarget`. All are plain data, which goes to JSON and
back.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gradatim.data.wording import listed
from gradatim.graph.errors import DataError

if TYPE_CHECKING:
    import polars as pl

# The column names of pictures: pixel0, pixel_0_1, 1x1 (rows by columns), 0.
PIXEL_NAME = re.compile(r"(pixel|px|p)?[ _]?\d+([x_]\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers (or true and false, as 1 and 0): (value - center) / scale.

    Attributes:
        name: of the column.
        center, scale: mean and standard deviation in training; 0 and 255 for pixels.
        fill: stands in for a missing value: the median in training.
    """

    name: str
    center: float
    scale: float
    fill: float

    @classmethod
    def fit(cls, name: str, values: np.ndarray) -> NumberColumn:
        """From the values in training, float64 with NaN for missing, not all of them missing."""
        missing = np.isnan(values)
        known = values[~missing] if missing.any() else values
        return cls(name, float(known.mean()), spread(known), float(np.median(known)))

    @property
    def inputs(self) -> list[str]:
        """The names of what the network sees of this column."""
        return [self.name]

    def encode(self, column: pl.Series, out: np.ndarray, source: str) -> int:
        """Write the column into `out` (rows, 1); returns how many values were missing."""
        values = as_numbers(column, source)
        missing = np.isnan(values)
        count = int(missing.sum())
        if count:
            values = np.where(missing, self.fill, values)
        out[:, 0] = (values - self.center) / self.scale
        return count


@dataclass(frozen=True)
class CategoryColumn:
    """A column of text: one input for each value, 1 where the cell has it and 0 elsewhere. A
    missing value is 0 in all of them.

    Attributes:
        name: of the column.
        categories: the values in the training table, sorted.
    """

    name: str
    categories: tuple[str, ...]

    @classmethod
    def fit(cls, column: pl.Series) -> CategoryColumn:
        import polars as pl

        return cls(
            column.name, tuple(column.cast(pl.String).drop_nulls().unique().sort().to_list())
        )

    @property
    def inputs(self) -> list[str]:
        return [f"{self.name}={category}" for category in self.categories]

    def encode(self, column: pl.Series, out: np.ndarray, source: str) -> int:
        """Write the column into `out` (rows, categories); returns how many values were missing.

        Raises:
            DataError: for a value that is not among the categories.
        """
        import polars as pl

        text = column.cast(pl.String)
        codes = text.replace_strict(
            list(self.categories),
            list(range(len(self.categories))),
            default=-1,
            return_dtype=pl.Int64,
        ).to_numpy()
        missing = text.is_null().to_numpy()
        codes = np.where(missing, -1, codes)
        new = (codes < 0) & ~missing
        if new.any():
            row = int(np.argmax(new))
            raise DataError(
                f"{source}: column {self.name!r} has {text[row]!r} in data row {row + 1}, which "
                f"training did not have (known: {listed(self.categories)}); correct it, leave the "
                "cell empty to count as missing, or train again with such rows"
            )
        rows = np.flatnonzero(~missing)
        out[:] = 0
        out[rows, codes[rows]] = 1
        return int(missing.sum())


def as_numbers(column: pl.Series, source: str) -> np.ndarray:
    """A column as float64 (rows,), NaN where a value is missing. Dates become days or ticks.

    Raises:
        DataError: for text, for an infinite value, or for a column of lists and the like.
    """
    import polars as pl

    dtype = column.dtype
    if dtype.is_temporal():
        column = column.to_physical()
    elif dtype in (pl.String, pl.Categorical, pl.Enum):
        numbers = column.cast(pl.String).cast(pl.Float64, strict=False)
        text = (numbers.is_null() & column.is_not_null()).arg_true()
        if len(text):
            raise DataError(
                f"{source}: column {column.name!r} holds text ({column[text[0]]!r} in data row "
                f"{text[0] + 1}) where training had numbers: correct it, or leave the cell empty "
                "to count as missing"
            )
        column = numbers
    elif not (dtype.is_numeric() or dtype in (pl.Boolean, pl.Null)):
        raise unusable(column, source)
    values = column.cast(pl.Float64).to_numpy()
    if np.isinf(values).any():
        row = int(np.argmax(np.isinf(values)))
        raise DataError(
            f"{source}: column {column.name!r} is infinite ({values[row]}) in data row {row + 1}: "
            "put a number there, or leave the cell empty to count as missing"
        )
    return values


def unusable(column: pl.Series, source: str) -> DataError:
    """The error for a column of lists, structures or bytes, which only Parquet files can have."""
    return DataError(
        f"{source}: column {column.name!r} holds {column.dtype} values; expected numbers, text, or "
        f"true and false (--drop {column.name} leaves it out)"
    )


def nan_as_missing(frame: pl.DataFrame) -> pl.DataFrame:
    """The table with null where a number is NaN, which Parquet files may have for "missing"."""
    import polars as pl

    return frame.with_columns(pl.selectors.float().fill_nan(None))


def is_text(column: pl.Series) -> bool:
    import polars as pl

    return column.dtype in (pl.String, pl.Categorical, pl.Enum)


def is_whole(column: pl.Series) -> bool:
    """Whether every known value is a whole number."""
    if column.dtype.is_integer():
        return True
    if not column.dtype.is_float():
        return False
    known = column.drop_nulls()
    return bool((known == known.floor()).all())


def spread(values: np.ndarray) -> float:
    """The standard deviation to divide by: 1 where all values are the same."""
    spread = float(values.std())
    return spread if spread > 1e-12 * float(np.abs(values).max()) else 1.0


def image_shape(frame: pl.DataFrame) -> tuple[int, int] | None:
    """(side, side) if the columns are the pixels of square pictures, of 0 to 255."""
    side = math.isqrt(frame.width)
    if frame.width < 16 or side * side != frame.width:
        return None
    if not all(PIXEL_NAME.fullmatch(name) for name in frame.columns):
        return None
    if not all(dtype.is_integer() for dtype in frame.dtypes):
        return None
    low = min(v for v in frame.min().row(0) if v is not None)
    high = max(v for v in frame.max().row(0) if v is not None)
    return (side, side) if low >= 0 and 127 < high <= 255 else None
