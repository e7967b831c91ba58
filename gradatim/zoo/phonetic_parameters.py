"""What phoneticians measure to tell speech sounds apart: loudness, resonances, friction, change.

With such "phonetically motivated" parameters Bengio et al. 1991 describe a frame of speech, instead
of its whole spectrum. Theirs come from the sound itself; these from the loudness of mel bands.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradatim.data.transforms.audio import hz_to_mel, mel_to_hz
from gradatim.graph.errors import DataError

BANDS = {
    "voice bar": (0, 400),
    "first formant": (300, 900),
    "low second formant": (800, 1500),
    "high second formant": (1400, 2300),
    "third formant": (2200, 3000),
    "friction": (2900, 4000),
}
"""Hz: where vowels have their resonances, a closed voiced sound its murmur, and an s its noise."""

PEAKS = {"F1": (200, 950), "F2": (800, 2500), "F3": (2000, 3400)}
"""Where the strongest resonance of each formant is looked for."""

NAMES = (
    "loudness", *BANDS, "sonority", "center", "spread", "flatness", "change",
    *(f"{peak} {what}" for peak in PEAKS for what in ("place", "height")),
)  # fmt: skip
NAMES = (*NAMES, *(f"{name}, slope" for name in NAMES))

SHARPNESS = 0.3  # of the search for a peak, per decibel: 10 dB below it a band hardly counts


def phonetic_parameters(loudness: np.ndarray) -> np.ndarray:
    """What a phonetician would measure in each frame of a spectrogram, and its slope over 50 ms.

    Energies are decibels relative to the frame's, its own relative to the loudest frame's, so that
    how loud somebody speaks does not matter. Sonority is the energy below 1000 Hz over that above
    2000 Hz; center, spread and places are in mel; flatness is the geometric mean over the
    arithmetic one, which tells noise from tone; change is the distance from the spectrum 20 ms
    before.

    Args:
        loudness: decibels of 40 mel bands, (40, frames), as `FreeSpokenDigits` has them.

    Returns:
        float32 (frames, len(NAMES)).

    Example:
        >>> phonetic_parameters(np.zeros((40, 6))).shape == (6, len(NAMES))
        True
    """
    loudness = np.asarray(loudness, np.float64)
    if loudness.ndim != 2 or len(loudness) != 40 or not loudness.shape[1]:
        raise DataError(
            f"the spectrogram has shape {loudness.shape}: phonetic parameters are measured in (40, "
            "frames), the loudness of 40 mel bands"
        )
    low, high = hz_to_mel(60.0), hz_to_mel(4000.0)
    mel = np.linspace(low, high, 42)[1:-1]
    hertz = np.asarray(mel_to_hz(mel))[:, None]
    scaled = ((mel - low) / (high - low))[:, None]
    power = 10 ** (loudness / 10)
    total = power.sum(0)

    def decibels(value: Any) -> Any:
        return 10 * np.log10(np.maximum(value, 1e-10))

    def between(limits: tuple[float, float]) -> Any:
        return (limits[0] <= hertz) & (hertz < limits[1])

    whole = decibels(total)
    share = power / total
    center = (share * scaled).sum(0)
    before = loudness[:, np.maximum(np.arange(loudness.shape[1]) - 2, 0)]
    shape, shape_before = loudness - loudness.mean(0), before - before.mean(0)
    found = [whole - whole.max()]
    found += [decibels((power * between(limits)).sum(0)) - whole for limits in BANDS.values()]
    found += [
        decibels((power * (hertz < 1000)).sum(0)) - decibels((power * (hertz > 2000)).sum(0)),
        center,
        np.sqrt((share * (scaled - center) ** 2).sum(0)),
        loudness.mean(0) - whole,
        np.sqrt(((shape - shape_before) ** 2).mean(0)),
    ]
    for limits in PEAKS.values():
        band = np.where(between(limits), loudness, -np.inf)
        strength = np.exp(SHARPNESS * (band - band.max(0)))
        found += [(strength * scaled).sum(0) / strength.sum(0), band.max(0) - whole]
    measured = np.stack(found, 1)
    return np.concatenate([measured, slopes(measured)], 1).astype(np.float32)


def slopes(measured: np.ndarray) -> np.ndarray:
    """The slope of the line of least squares through five frames of (frames, numbers).

    Example:
        >>> slopes(np.arange(6.0)[:, None] * 3)[2:4, 0].tolist()
        [3.0, 3.0]
    """
    padded = np.pad(measured, ((2, 2), (0, 0)), "edge")
    count = len(measured)
    return sum(k * padded[2 + k : 2 + k + count] for k in (-2, -1, 1, 2)) / 10
