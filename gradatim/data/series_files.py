"""Series from files: `.ts`, long tables, and recordings as spectrograms."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gradatim.data.audio import read_wav
from gradatim.data.folders import DatasetFolder
from gradatim.data.preprocessing import TablePreprocessor
from gradatim.data.small import FreeSpokenDigits, packed_series
from gradatim.data.tables import read_table
from gradatim.data.timeseries import TimeSeries, read_ts
from gradatim.data.wording import nearest
from gradatim.graph.errors import DataError


class LabelledSeries(NamedTuple):
    """Series with their classes.

    Attributes:
        series: float32 (features, length) each.
        targets: class numbers or values of each case; None where there are none.
        classes: names of the classes.
        names: what each case is called.
    """

    series: list[np.ndarray]
    targets: np.ndarray | None
    classes: list[Any]
    names: list[Any]


def read_series(path: str | os.PathLike[str]) -> LabelledSeries:
    """A `.ts` file, a recording, or a folder with a folder of recordings for each class.

    Raises:
        DataError: it is none of these, or cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        return read_recordings(path)
    if path.suffix.lower() == ".wav":
        return LabelledSeries([log_mel(path)], None, [], [path.name])
    return of_ts(read_ts(path))


def of_ts(found: TimeSeries) -> LabelledSeries:
    """What a `.ts` file holds; its cases are called by their numbers, from 1."""
    targets = found.labels if found.classes else None
    names = list(range(1, len(found.series) + 1))
    return LabelledSeries(found.series, targets, found.classes, names)


def bundled_ts(archive: str, name: str, train: bool) -> LabelledSeries:
    """One part of a bundled archive of time series."""
    return of_ts(packed_series(archive, name, train))


def spoken_digits(train: bool) -> LabelledSeries:
    """The bundled recordings of digits, as log-mel spectrograms."""
    data = FreeSpokenDigits(train, transform=lambda loudness: loudness)
    series = [data[number][0] for number in range(len(data))]
    return LabelledSeries(series, data.targets, list(range(10)), list(range(1, len(data) + 1)))


def read_recordings(folder: Path) -> LabelledSeries:
    """`folder/class/recording.wav` as log-mel spectrograms."""
    found = DatasetFolder(folder, log_mel, (".wav",))
    series = [found[number][0] for number in range(len(found))]
    names = [os.path.relpath(path, folder) for path, _ in found.samples]
    return LabelledSeries(series, np.array(found.targets, np.int64), found.classes, names)


def log_mel(path: str | os.PathLike[str]) -> np.ndarray:
    """A recording as the bundled digits are: the loudness in decibels of 40 mel bands up to
    4,000 Hz, every 10 ms; float32 (40, frames).

    Windows last 32 ms at any sample rate, so that bands and frames are the same; channels are
    mixed.
    """
    from gradatim.data.transforms import AmplitudeToDB, MelSpectrogram

    sound = read_wav(path)
    waveform, rate = sound.waveform.mean(0), sound.sample_rate
    bundled = FreeSpokenDigits.LOG_MEL
    ratio = rate / bundled["sample_rate"]
    window = round(bundled["n_fft"] * ratio)
    if len(waveform) <= window // 2:
        raise DataError(f"{path} lasts {len(waveform) / rate:.3f} s: expected at least 0.02 s")
    settings = bundled | {
        "sample_rate": rate,
        "n_fft": window,
        "hop_length": round(bundled["hop_length"] * ratio),
        "f_max": min(bundled["sample_rate"], rate) / 2,
    }
    power = MelSpectrogram(**settings)(waveform) / ratio**2  # a longer window adds up more samples
    levels = AmplitudeToDB()(power).numpy()
    return np.maximum(levels, FreeSpokenDigits.FLOOR).astype(np.float32)


def read_series_table(
    path: str | os.PathLike[str],
    table: TablePreprocessor,
    case: str,
    time: str | None,
    labelled: bool,
) -> LabelledSeries:
    """The series of a long table, as `table`, which is fitted, makes features of its rows."""
    frame = read_table(path)
    check_series_columns(frame, case, time, str(path))
    frame, starts = sorted_by_case(frame, case, time)
    names = frame[case].gather(starts).to_list()
    if labelled:
        inputs, rows = table.transform(frame, source=str(path))
        if len(inputs) < frame.height:
            raise DataError(f"{path}: every row of a series needs its {table.targets[0]}")
        targets = case_targets(rows, starts, frame[case], table.targets[0], str(path))
    else:
        inputs, targets = table.transform_features(frame, source=str(path)), None
    return LabelledSeries(split_cases(inputs, starts), targets, table.classes or [], names)


def split_cases(inputs: np.ndarray, starts: np.ndarray) -> list[np.ndarray]:
    """Rows (rows, features) as series (features, length), which begin at the rows `starts`."""
    return [part.T for part in np.split(inputs, starts[1:])]


def check_series_columns(frame: Any, case: str, time: str | None, source: str) -> None:
    """Raise `DataError` for a column that is not there, or has rows that belong to no series."""
    for name in filter(None, (case, time)):
        if name not in frame.columns:
            raise DataError(f"{source} has no column {name!r}: {nearest(name, frame.columns)}")
        if frame[name].null_count():
            row = frame[name].is_null().arg_max() + 1
            raise DataError(f"{source}: {name!r} is missing in data row {row}")


def sorted_by_case(frame: Any, case: str, time: str | None) -> tuple[Any, np.ndarray]:
    """The rows case by case, cases in the order of their first rows; and where each begins."""
    import polars as pl

    order = {name: number for number, name in enumerate(frame[case].unique(maintain_order=True))}
    keys = {"case": frame[case].replace_strict(order, return_dtype=pl.Int64)}
    if time:
        keys["time"] = frame[time]
    rows = pl.DataFrame(keys).with_row_index("row").sort(list(keys), maintain_order=True)["row"]
    frame = frame[rows]
    begins = frame[case].ne_missing(frame[case].shift(1))
    begins[0] = True
    return frame, begins.arg_true().to_numpy().astype(np.int64)


def case_targets(
    rows: np.ndarray, starts: np.ndarray, cases: Any, target: str, source: str
) -> np.ndarray:
    """The one target of each case, from those of its rows."""
    of_case = rows[starts]
    same = rows == np.repeat(of_case, np.diff([*starts, len(rows)]), axis=0)
    if not same.all():
        row = int(np.argmin(same.reshape(len(rows), -1).all(axis=1)))
        raise DataError(
            f"{source}: {target!r} changes within the series {cases[row]!r}: a series has one "
            "target, the same in all its rows"
        )
    return of_case
