"""The small data sets inside the package: movements, vowels, spoken digits, and radio positions.

Sources and licences: see `docs/DATA.md` in the source repository, and `small.md` here.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from gradatim.data.dataset import Dataset
from gradatim.data.packed import packed_files
from gradatim.data.timeseries import TimeSeries, TimeSeriesDataset, parse_ts


class BasicMotions(TimeSeriesDataset):
    """What someone with a smart watch does: standing, running, walking, or badminton.

    Six channels (acceleration and rotation, each in three directions), 100 samples at 10 Hz.

    Args:
        train: the 40 training cases, or the 40 test cases.

    Example:
        >>> data = BasicMotions()
        >>> len(data), data[0][0].shape, data.classes[data[0][1]]
        (40, torch.Size([6, 100]), 'Standing')
    """

    def __init__(self, train: bool = True) -> None:
        super().__init__(packed_series("basic-motions", "BasicMotions", train))


class JapaneseVowels(TimeSeriesDataset):
    """Which of nine men says the vowels "ae".

    Twelve LPC cepstrum coefficients over 7 to 29 frames: cases differ in length, so that a batch
    needs a collate function that pads (`gd.nn.utils.rnn.pad_sequence`).

    Args:
        train: the 270 training cases, or the 370 test cases.

    Example:
        >>> data = JapaneseVowels(train=False)
        >>> len(data), data[0][0].shape, len(data.classes)
        (370, torch.Size([12, 19]), 9)
    """

    def __init__(self, train: bool = True) -> None:
        super().__init__(packed_series("japanese-vowels", "JapaneseVowels", train))


def packed_series(archive: str, name: str, train: bool) -> TimeSeries:
    """One part of an archive of time series."""
    file = f"{name}_{'TRAIN' if train else 'TEST'}.ts"
    return parse_ts(packed_files(archive)[file].decode(), file)


class FreeSpokenDigits(Dataset):
    """Spoken digits, "zero" to "nine": 3,000 recordings of six speakers, as log-mel spectrograms.

    Item i is (float32 tensor (40, frames), digit): the loudness in decibels of 40 mel bands every
    10 ms (`LOG_MEL` has the parameters), rounded to steps of 1/2 dB. Recordings differ in length.

    Args:
        train: the 2,700 recordings with index 5 to 49 of each speaker and digit, or the 300 with
            index 0 to 4, which is the data set's own convention.
        transform: called with the spectrogram, a float32 array (40, frames); what it returns takes
            its place.

    Attributes:
        speakers: the names of the speakers.
        targets: the digit of each item, int64.
        speaker: the number of the speaker of each item.

    Example:
        >>> data = FreeSpokenDigits(train=False)
        >>> len(data), data[0][0].shape[0], data[0][1]
        (300, 40, 0)
    """

    LOG_MEL: ClassVar = dict(sample_rate=8000, n_fft=256, hop_length=80, n_mels=40, f_min=60.0)
    """Arguments of `gradatim.data.transforms.MelSpectrogram`; `AmplitudeToDB` comes after it."""

    FLOOR, STEP = -90.0, 0.5
    """Byte b means FLOOR + b · STEP decibels."""

    def __init__(
        self, train: bool = True, transform: Callable[[np.ndarray], Any] | None = None
    ) -> None:
        files = packed_files("free-spoken-digits")
        self.speakers: list[str] = files["speakers"].decode().split()
        about = np.frombuffer(files["about"], np.uint8).reshape(-1, 3).astype(np.int64)
        frames = np.frombuffer(files["frames"], "<u2").astype(np.int64)
        loudness = np.frombuffer(files["loudness"], np.uint8)
        starts = np.concatenate([[0], np.cumsum(frames * 40)])
        self._parts = [
            loudness[starts[i] : starts[i + 1]].reshape(40, frames[i])
            for i in np.flatnonzero((about[:, 2] >= 5) == train)
        ]
        about = about[(about[:, 2] >= 5) == train]
        self.targets, self.speaker = about[:, 0], about[:, 1]
        self.train = train
        self.transform = transform

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        from gradatim import ops

        loudness = self._parts[index].astype(np.float32) * self.STEP + self.FLOOR
        value = ops.tensor(loudness) if self.transform is None else self.transform(loudness)
        return value, int(self.targets[index])

    def __repr__(self) -> str:
        return f"FreeSpokenDigits(train={self.train}): {len(self):,} recordings of 6 speakers"


class UJIIndoorLoc(Dataset):
    """Where in three buildings a telephone is, from the radio networks that it hears.

    Item i is (float32 tensor (520,), float64 tensor (2,)): how strongly it hears each access point,
    in dBm (-104 to 0; `not_heard` for those it does not hear), and its longitude and latitude in
    metres (of which float32 would keep half metres). These are the 1,111 rows of the published
    validation part.

    Args:
        not_heard: what stands for an access point that is not heard; the published table has 100.

    Attributes:
        signals: all signals, float32 (1111, 520).
        positions: all positions, float64 (1111, 2).
        columns: every other column of the table, by name: FLOOR, BUILDINGID, ..., TIMESTAMP.

    Example:
        >>> data = UJIIndoorLoc()
        >>> signals, position = data[0]
        >>> len(data), signals.shape, position.shape, sorted(set(data.columns["FLOOR"].tolist()))
        (1111, torch.Size([520]), torch.Size([2]), [0, 1, 2, 3, 4])
    """

    def __init__(self, not_heard: float = -110.0) -> None:
        text = packed_files("uji-indoor-loc")["validation.csv"].decode()
        names = text.partition("\n")[0].strip().split(",")
        table = np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1)
        signals = table[:, :520]
        self.signals = np.where(signals == 100, not_heard, signals).astype(np.float32)
        by_name = dict(zip(names, table.T))
        self.positions = np.stack([by_name["LONGITUDE"], by_name["LATITUDE"]], 1)
        self.columns = {
            name: by_name[name].astype(np.int64) for name in names[520:] if "ITUDE" not in name
        }

    def __len__(self) -> int:
        return len(self.signals)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from gradatim import ops

        return ops.tensor(self.signals[index]), ops.tensor(self.positions[index])

    def __repr__(self) -> str:
        return f"UJIIndoorLoc: {len(self):,} fingerprints of 520 access points"
