"""Sound files: WAV (RIFF) to numbers."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gradatim.graph.errors import DataError, DataNotFound

PCM, IEEE_FLOAT, EXTENSIBLE = 1, 3, 0xFFFE


class Sound(NamedTuple):
    """A recording.

    Attributes:
        waveform: float32 tensor (channels, samples), integers scaled to -1..1.
        sample_rate: samples per second.
    """

    waveform: Any
    sample_rate: int


def read_wav(path: str | os.PathLike[str]) -> Sound:
    """A WAV file: integers of 8, 16, 24 or 32 bits, or floats of 32 or 64 bits.

    Args:
        path: the file.

    Raises:
        DataNotFound, DataError: there is no such file, or it is no WAV file of these kinds.

    Example:
        >>> import tempfile, wave
        >>> path = Path(tempfile.mkdtemp()) / "tone.wav"
        >>> with wave.open(str(path), "wb") as file:
        ...     file.setnchannels(1), file.setsampwidth(2), file.setframerate(8000)
        ...     file.writeframes(np.array([0, 16384, -32768], "<i2").tobytes())
        (None, None, None)
        >>> read_wav(path)
        Sound(waveform=tensor([[ 0.0000,  0.5000, -1.0000]]), sample_rate=8000)
    """
    from gradatim import ops

    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise DataNotFound(f"there is no file {path}: expected a WAV file") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    samples, rate = decode_wav(data, str(path))
    return Sound(ops.tensor(samples), rate)


def decode_wav(data: bytes, name: str = "the file") -> tuple[np.ndarray, int]:
    """The samples, float32 (channels, samples), and the sample rate of the bytes of a WAV file."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise DataError(f"{name} is not a WAV file: it does not begin with RIFF and WAVE")
    chunks = _chunks(data)
    if "fmt " not in chunks or len(chunks["fmt "]) < 16:
        raise DataError(f"{name} is damaged: it does not say what its numbers are")
    if "data" not in chunks:
        raise DataError(f"{name} is damaged: it has no samples")
    form = chunks["fmt "]
    kind, channels, rate, _, frame, bits = struct.unpack("<HHIIHH", form[:16])
    if kind == EXTENSIBLE and len(form) >= 26:
        kind = int.from_bytes(form[24:26], "little")
    decode = _DECODERS.get((kind, bits))
    if decode is None or channels < 1:
        raise DataError(
            f"{name} has samples of kind {kind} with {bits} bits, which cannot be read: expected "
            "integers (kind 1) of 8, 16, 24 or 32 bits, or floats (kind 3) of 32 or 64"
        )
    samples = chunks["data"]
    whole = len(samples) // frame * frame if frame == channels * bits // 8 else 0
    if len(samples) and not whole:
        raise DataError(f"{name} is damaged: its frames have {frame} bytes for {channels} channels")
    values = decode(samples[:whole]).astype(np.float32)
    return np.ascontiguousarray(values.reshape(-1, channels).T), rate


def _chunks(data: bytes) -> dict[str, bytes]:
    """The parts of a RIFF file by name; a last part that is cut off counts as far as it goes."""
    found: dict[str, bytes] = {}
    at = 12
    while at + 8 <= len(data):
        name = data[at : at + 4].decode("latin1")
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        found.setdefault(name, data[at + 8 : at + 8 + size])
        at += 8 + size + size % 2
    return found


def _of_24_bits(data: bytes) -> np.ndarray:
    padded = np.zeros((len(data) // 3, 4), np.uint8)
    padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
    return padded.view("<i4")[:, 0] / 2.0**31


_DECODERS = {
    (PCM, 8): lambda data: (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128,
    (PCM, 16): lambda data: np.frombuffer(data, "<i2").astype(np.float32) / 2**15,
    (PCM, 24): _of_24_bits,
    (PCM, 32): lambda data: np.frombuffer(data, "<i4") / 2.0**31,
    (IEEE_FLOAT, 32): lambda data: np.frombuffer(data, "<f4"),
    (IEEE_FLOAT, 64): lambda data: np.frombuffer(data, "<f8"),
}
