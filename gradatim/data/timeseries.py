"""Time series in the archive's `.ts` format, as arrays.

The format (Löning et al. 2019, *sktime*; the UEA & UCR archives): lines that begin with # are
comments, with @ a header, and after @data each line is one case: its dimensions separated by
colons, each with its values separated by commas, and the class behind the last colon.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gradatim.data.dataset import Dataset
from gradatim.graph.errors import DataError, DataNotFound


class TimeSeries(NamedTuple):
    """Time series of one file.

    Attributes:
        series: one float32 array (dimensions, length) for each case.
        labels: int64, the class of each case; empty where the file has none.
        classes: their names, in the file's order.
    """

    series: list[np.ndarray]
    labels: np.ndarray
    classes: list[str]


def read_ts(path: str | os.PathLike[str]) -> TimeSeries:
    """Read a `.ts` file.

    Raises:
        DataNotFound, DataError: there is no such file; a line of it, which is named, is wrong; it
            has time stamps, which are not read.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "steps.ts"
        >>> lines = "@classLabel true up down", "@data", "1,2:5,6:up", "2,1,0:6,5,4:down"
        >>> _ = path.write_text("\\n".join(lines))
        >>> found = read_ts(path)
        >>> [one.shape for one in found.series], found.labels.tolist(), found.classes
        ([(2, 2), (2, 3)], [0, 1], ['up', 'down'])
    """
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        raise DataNotFound(f"there is no file {path}: expected a .ts file") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    return parse_ts(text, str(path))


def parse_ts(text: str, name: str) -> TimeSeries:
    """The time series in the text of a `.ts` file; `name` is what messages call it."""
    classes: list[str] = []
    labelled, in_data = False, False
    series, labels = [], []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if not in_data:
            words = line.split()
            match words[0].lower(), words[1:]:
                case "@data", _:
                    in_data = True
                case "@timestamps", ["true", *_]:
                    raise DataError(f"{name} has time stamps, which cannot be read")
                case "@classlabel", ["true", *names]:
                    labelled, classes = True, names
            continue
        parts = line.split(":")
        if labelled:
            label = parts.pop().strip()
            if label not in classes:
                raise DataError(
                    f"{name}, line {number}: the class {label!r} is none of {', '.join(classes)}"
                )
            labels.append(classes.index(label))
        try:
            rows = [_row(part) for part in parts]
            series.append(np.stack(rows).astype(np.float32))
        except ValueError:
            raise DataError(
                f"{name}, line {number}: expected dimensions of equal length, each of numbers "
                "separated by commas, with colons between them"
            ) from None
    if not in_data:
        raise DataError(f"{name} is not a .ts file: it has no line @data")
    return TimeSeries(series, np.array(labels, np.int64), classes)


def _row(part: str) -> np.ndarray:
    return np.array(part.replace("?", "nan").split(","), np.float64)


class TimeSeriesDataset(Dataset):
    """Time series and their classes: item i is (float32 tensor (dimensions, length), class).

    Attributes:
        series, labels, classes: see `TimeSeries`.
    """

    def __init__(self, found: TimeSeries) -> None:
        self.series, self.labels, self.classes = found

    def __len__(self) -> int:
        return len(self.series)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        from gradatim import ops

        return ops.tensor(self.series[index]), int(self.labels[index])

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {len(self):,} cases of {len(self.classes)} classes"
