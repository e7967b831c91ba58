"""WAV and .ts files, folders of pictures, and the small data sets inside the package."""

from __future__ import annotations

import struct
import wave

import numpy as np
import pytest
from PIL import Image

import gradatim as gd
from gradatim.data import (
    BasicMotions,
    DatasetFolder,
    FreeSpokenDigits,
    ImageFolder,
    JapaneseVowels,
    UJIIndoorLoc,
    read_ts,
    read_wav,
    transforms,
)
from gradatim.data.audio import decode_wav


def wav(samples: bytes, kind=1, channels=1, rate=8000, bits=16, extra=b"") -> bytes:
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", kind, channels, rate, rate * frame, frame, bits) + extra
    chunks = b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        for name, data in ((b"fmt ", form), (b"LIST", b"odd"), (b"data", samples))
    )
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


VALUES = np.array([0.0, 0.5, -0.5, -1.0])


@pytest.mark.parametrize(
    ("bits", "kind", "octets"),
    [
        (8, 1, (VALUES * 128 + 128).astype(np.uint8).tobytes()),
        (16, 1, (VALUES * 2**15).astype("<i2").tobytes()),
        (24, 1, b"".join(int(v * 2**23).to_bytes(3, "little", signed=True) for v in VALUES)),
        (32, 1, (VALUES * 2**31).astype("<i4").tobytes()),
        (32, 3, VALUES.astype("<f4").tobytes()),
        (64, 3, VALUES.astype("<f8").tobytes()),
    ],
)
def test_every_kind_of_wav(tmp_path, bits, kind, octets):
    path = tmp_path / "sound.wav"
    path.write_bytes(wav(octets, kind, channels=2, bits=bits))
    waveform, rate = read_wav(path)
    assert rate == 8000 and waveform.dtype is gd.float32
    assert waveform.tolist() == [[0.0, -0.5], [0.5, -1.0]]
    extensible = struct.pack("<HHIH", 22, bits, 0, kind) + b"\0" * 14
    same, _ = decode_wav(wav(octets, 0xFFFE, 2, bits=bits, extra=extensible))
    assert same.tolist() == waveform.tolist()


def test_what_python_s_own_library_writes(tmp_path):
    path = tmp_path / "sound.wav"
    samples = np.random.default_rng(0).integers(-(2**15), 2**15, 999).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(samples.tobytes())
    waveform, rate = read_wav(path)
    assert rate == 16000
    assert waveform.tolist() == [(samples / 2**15).tolist()]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is not a WAV file"),
        (b"RIFF\0\0\0\0WAVE", "does not say what its numbers are"),
        (wav(b"")[:36], "no samples"),
        (wav(b"\0" * 4, bits=12), "with 12 bits"),
        (wav(b"\0" * 4, kind=7, bits=8), "of kind 7"),
    ],
)
def test_bad_wavs(data, words):
    with pytest.raises(gd.DataError, match=words):
        decode_wav(data, "x.wav")


def test_a_wav_that_is_cut_off_is_read_as_far_as_it_goes():
    whole = wav(np.arange(100, dtype="<i2").tobytes())
    samples, _ = decode_wav(whole[:-51])
    assert samples.shape == (1, 74)


def test_time_series_files(tmp_path):
    path = tmp_path / "x.ts"
    path.write_text("# note\n@classLabel true a b\n@data\n1,?:3,4:b\n\n5:6:a\n")
    found = read_ts(path)
    assert found.labels.tolist() == [1, 0] and found.classes == ["a", "b"]
    assert np.isnan(found.series[0][0, 1]) and found.series[1].tolist() == [[5], [6]]
    for text, words in [
        ("@classLabel true a\n@data\n1:2:c\n", r"line 3: the class 'c' is none of a"),
        ("@data\n1,2:3\n", "line 2: expected dimensions of equal length"),
        ("@data\n1,x\n", "line 2"),
        ("1,2\n", "no line @data"),
        ("@timeStamps true\n@data\n", "time stamps"),
    ]:
        path.write_text(text)
        with pytest.raises(gd.DataError, match=words):
            read_ts(path)
    with pytest.raises(gd.DataError, match="there is no file"):
        read_ts(tmp_path / "none.ts")


# --- inside the package ---------------------------------------------------------------------------


def test_basic_motions():
    for train in (True, False):
        data = BasicMotions(train)
        assert len(data) == 40 and data.classes == ["Standing", "Running", "Walking", "Badminton"]
        assert np.bincount(data.labels).tolist() == [10] * 4
    series, label = BasicMotions()[0]
    assert series[0, :3].tolist() == pytest.approx([0.079106, 0.079106, -0.903497]) and label == 0


def test_japanese_vowels():
    train, test = JapaneseVowels(), JapaneseVowels(train=False)
    assert (len(train), len(test)) == (270, 370)
    assert np.bincount(train.labels).tolist() == [30] * 9
    lengths = [series.shape[1] for series in train.series + test.series]
    assert (min(lengths), max(lengths)) == (7, 29)


def test_free_spoken_digits():
    train, test = FreeSpokenDigits(), FreeSpokenDigits(train=False)
    assert (len(train), len(test), len(train.speakers)) == (2700, 300, 6)
    assert np.bincount(test.targets).tolist() == [30] * 10
    assert np.bincount(train.speaker).tolist() == [450] * 6
    loudness, digit = test[299]
    assert loudness.dtype is gd.float32 and loudness.shape[0] == 40 and digit == 9
    assert -90 <= loudness.min().item() < loudness.max().item() < 38
    short = FreeSpokenDigits(train=False, transform=lambda x: x[:, :5])
    assert short[0][0].shape == (40, 5)


def test_indoor_positions():
    data = UJIIndoorLoc(not_heard=-105)
    assert len(data) == 1111 and data.signals.min() == -105 and data.signals.max() <= 0
    assert data.positions[0].tolist() == pytest.approx([-7515.9168, 4864889.66], rel=1e-8)
    assert set(data.columns["BUILDINGID"].tolist()) == {0, 1, 2}
    x, y = next(iter(gd.data.DataLoader(data, batch_size=64)))
    assert x.shape == (64, 520) and y.shape == (64, 2)


# --- folders --------------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path):
    for name, colour in {"b/2.png": 10, "b/1.png": 20, "a/deep/x.JPG": 30, "a/y.bmp": 40}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 3), colour).save(path)
    (tmp_path / "a" / "notes.txt").write_text("no picture")
    return tmp_path


def test_an_image_folder(pictures):
    data = ImageFolder(pictures, transform=transforms.ToTensor())
    assert data.classes == ["a", "b"] and data.class_to_idx == {"a": 0, "b": 1}
    assert data.targets == [0, 0, 1, 1]
    images, labels = next(iter(gd.data.DataLoader(data, batch_size=4)))
    assert images.shape == (4, 3, 3, 4) and labels.tolist() == [0, 0, 1, 1]
    assert (images[:, 0, 0, 0] * 255).round().tolist() == [40, 30, 20, 10]
    picture, label = ImageFolder(pictures, target_transform=str)[3]
    assert picture.mode == "RGB" and picture.size == (4, 3) and label == "1"
    texts = DatasetFolder(pictures, str, (".txt",), allow_empty=True)
    assert len(texts) == 1
    ones = ImageFolder(pictures, is_valid_file=lambda path: "1" in path.rpartition("/")[2],
                       allow_empty=True)  # fmt: skip
    assert [path.rpartition("/")[2] for path, _ in ones.imgs] == ["1.png"]


def test_folders_that_are_not_as_expected(pictures, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    for call, words in [
        (lambda: ImageFolder(pictures / "none"), "there is no folder"),
        (lambda: ImageFolder(empty), "Couldn't find any class folder"),
        (lambda: DatasetFolder(pictures, str, (".wav",)), r"classes 'a' and 'b'.*\.wav"),
        (lambda: DatasetFolder(pictures, str), "Both extensions and is_valid_file"),
    ]:
        with pytest.raises(gd.Error, match=words):
            call()
    (pictures / "a" / "broken.png").write_bytes(b"none")
    with pytest.raises(gd.DataError, match=r"broken\.png cannot be read as a picture"):
        list(ImageFolder(pictures))
