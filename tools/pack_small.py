"""Makes the archives of the small data sets inside the package, from the files as published.

    python tools/pack_small.py FOLDER

FOLDER holds `basic-motions/*.ts`, `japanese-vowels/*.ts`, `free-spoken-digits.zip` and
`uji-indoor-loc.csv.gz`. The first two and the last are kept as they are. Of the recordings, the
log-mel spectrograms are kept, rounded to half a decibel: 3.5 MB in place of 16.
"""

from __future__ import annotations

import gzip
import sys
import zipfile
from pathlib import Path

import numpy as np

from gradatim.data.audio import decode_wav
from gradatim.data.packed import pack
from gradatim.data.small import FreeSpokenDigits
from gradatim.data.transforms.audio import AmplitudeToDB, MelSpectrogram

TARGET = Path(__file__).resolve().parent.parent / "gradatim" / "data"


def series(folder: Path, name: str) -> dict[str, bytes]:
    """Both files of a data set of the archive."""
    return {
        f"{name}_{part}.ts": (folder / f"{name}_{part}.ts").read_bytes()
        for part in ("TRAIN", "TEST")
    }


def digits(path: Path) -> dict[str, bytes]:
    """The spectrograms of all recordings, sorted by digit, speaker and index."""
    mel, decibels = MelSpectrogram(**FreeSpokenDigits.LOG_MEL), AmplitudeToDB()
    with zipfile.ZipFile(path) as archive:
        recordings = {}
        for name in archive.namelist():
            if name.endswith(".wav"):
                digit, speaker, index = Path(name).stem.split("_")
                recordings[int(digit), speaker, int(index)] = archive.read(name)
    speakers = sorted({speaker for _, speaker, _ in recordings})
    about, frames, loudness = [], [], []
    for (digit, speaker, index), data in sorted(recordings.items()):
        samples, rate = decode_wav(data)
        assert rate == 8000 and len(samples) == 1
        levels = decibels(mel(samples[0])).numpy()
        steps = np.rint((levels - FreeSpokenDigits.FLOOR) / FreeSpokenDigits.STEP)
        about.append([digit, speakers.index(speaker), index])
        frames.append(levels.shape[1])
        loudness.append(np.clip(steps, 0, 255).astype(np.uint8).tobytes())
    return {
        "speakers": " ".join(speakers).encode(),
        "about": np.array(about, np.uint8).tobytes(),
        "frames": np.array(frames, "<u2").tobytes(),
        "loudness": b"".join(loudness),
    }


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python tools/pack_small.py FOLDER")
    folder = Path(sys.argv[1])
    archives = {
        "basic-motions": series(folder / "basic-motions", "BasicMotions"),
        "japanese-vowels": series(folder / "japanese-vowels", "JapaneseVowels"),
        "free-spoken-digits": digits(folder / "free-spoken-digits.zip"),
        "uji-indoor-loc": {
            "validation.csv": gzip.decompress((folder / "uji-indoor-loc.csv.gz").read_bytes())
        },
    }
    for name, files in archives.items():
        data = pack(files)
        (TARGET / f"{name}.xz").write_bytes(data)
        print(f"{name}.xz: {sum(map(len, files.values())):,} bytes packed to {len(data):,}")


if __name__ == "__main__":
    main()
