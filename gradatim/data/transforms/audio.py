"""Sound to pictures of sound: spectrograms, mel scale, decibels, cepstra. Names are torchaudio's.

They prepare data, outside of the graph: no gradients pass. The Fourier transform is NumPy's: of 64
clips of a second (98 frames of 400 samples each) it took 47 ms on two busy cores, and a product
with a matrix of cosines and sines, by this package's engine, 52 ms.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.graph.errors import ArgumentError, ShapeError
from gradatim.tensor import Tensor


def hann_window(length: int) -> np.ndarray:
    """0.5 - 0.5 cos(2πk / length), float64: the periodic window.

    Example:
        >>> hann_window(4).round(6).tolist()
        [0.0, 0.5, 1.0, 0.5]
    """
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


class Spectrogram:
    """How much of each frequency there is at each time.

    Args:
        n_fft: length of the Fourier transform; gives n_fft // 2 + 1 frequencies.
        win_length: length of the window; n_fft unless given.
        hop_length: samples from one frame to the next; win_length // 2 unless given.
        pad: zeros to put on both sides first.
        window_fn: gives the window of a length.
        power: 2 for power, 1 for magnitude.
        normalized: divide by the window's root of the sum of squares.
        wkwargs: further arguments of `window_fn`.
        center: frame t is centred on sample t · hop_length; else it begins there.
        pad_mode: how the ends are continued then: "reflect", "constant", "replicate".

    Input (..., samples), output (..., frequencies, frames), of the input's dtype.

    Example:
        >>> import gradatim as gd
        >>> Spectrogram(n_fft=64)(gd.zeros(2, 640)).shape
        torch.Size([2, 33, 21])
    """

    def __init__(
        self,
        n_fft: int = 400,
        win_length: int | None = None,
        hop_length: int | None = None,
        pad: int = 0,
        window_fn: Callable[..., Any] = hann_window,
        power: float = 2.0,
        normalized: bool = False,
        wkwargs: dict[str, Any] | None = None,
        center: bool = True,
        pad_mode: str = "reflect",
        onesided: bool = True,
    ) -> None:
        if power is None or not onesided:
            raise ArgumentError(
                "a spectrogram of complex numbers, or of both sides, cannot be had: power has to "
                "be a number, and onesided True"
            )
        if pad_mode not in _PAD_MODES:
            raise ArgumentError(f"pad_mode={pad_mode!r}: choose from {', '.join(_PAD_MODES)}")
        self.n_fft = n_fft
        self.win_length = win_length or n_fft
        self.hop_length = hop_length or self.win_length // 2
        self.pad = pad
        self.power = power
        self.normalized = normalized
        self.center = center
        self.pad_mode = pad_mode
        if self.win_length > n_fft:
            raise ArgumentError(f"win_length={win_length} is longer than n_fft={n_fft}")
        self.window = np.asarray(window_fn(self.win_length, **(wkwargs or {})), np.float64)

    def __call__(self, waveform: Any) -> Tensor:
        samples = _array(waveform)
        dtype = samples.dtype
        if samples.ndim == 0:
            raise ShapeError("a spectrogram needs samples of shape (..., samples), got a number")
        sides = [(0, 0)] * (samples.ndim - 1)
        if self.pad:
            samples = np.pad(samples, [*sides, (self.pad, self.pad)])
        if self.center:
            half = self.n_fft // 2
            if self.pad_mode == "reflect" and samples.shape[-1] <= half:
                raise ShapeError(
                    f"{samples.shape[-1]} samples are too few to be reflected by {half}: take a "
                    "smaller n_fft, or pad_mode='constant'"
                )
            samples = np.pad(samples, [*sides, (half, half)], mode=_PAD_MODES[self.pad_mode])
        if samples.shape[-1] < self.n_fft:
            raise ShapeError(
                f"{samples.shape[-1]} samples are fewer than a frame of n_fft={self.n_fft}"
            )
        before = (self.n_fft - self.win_length) // 2
        window = np.zeros(self.n_fft)
        window[before : before + self.win_length] = self.window
        frames = np.lib.stride_tricks.sliding_window_view(samples, self.n_fft, -1)
        frames = frames[..., :: self.hop_length, :] * window.astype(dtype)
        transformed = np.fft.rfft(frames)
        if self.normalized:
            transformed = transformed / math.sqrt((self.window**2).sum())
        if self.power == 2.0:
            strength = transformed.real**2 + transformed.imag**2
        else:
            strength = np.abs(transformed) ** self.power
        return ops.tensor(np.swapaxes(strength, -1, -2).astype(dtype))


_PAD_MODES = {"reflect": "reflect", "constant": "constant", "replicate": "edge"}


def hz_to_mel(hz: Any, mel_scale: str = "htk") -> Any:
    """Frequency to mel. "htk": 2595 log₁₀(1 + f / 700) (O'Shaughnessy 1987); "slaney": linear up to
    1,000 Hz, logarithmic above (Slaney 1998, *Auditory toolbox*).

    Example:
        >>> round(float(hz_to_mel(1000.0)), 2), float(hz_to_mel(1000.0, "slaney"))
        (999.99, 15.0)
    """
    if mel_scale == "htk":
        return 2595 * np.log10(1 + np.asarray(hz) / 700)
    hz = np.asarray(hz, np.float64)
    above = 15 + np.log(np.maximum(hz, 1e-10) / 1000) / (math.log(6.4) / 27)
    return np.where(hz >= 1000, above, hz * 3 / 200)


def mel_to_hz(mel: Any, mel_scale: str = "htk") -> Any:
    """The inverse of `hz_to_mel`."""
    mel = np.asarray(mel, np.float64)
    if mel_scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    above = 1000 * np.exp(math.log(6.4) / 27 * (mel - 15))
    return np.where(mel >= 15, above, mel * 200 / 3)


def melscale_fbanks(
    n_freqs: int, f_min: float, f_max: float, n_mels: int, sample_rate: int,
    norm: str | None = None, mel_scale: str = "htk",
) -> np.ndarray:  # fmt: skip
    """Triangles over frequencies, evenly spaced in mel: float64 (n_freqs, n_mels)."""
    frequencies = np.linspace(0, sample_rate // 2, n_freqs)
    ends = hz_to_mel(f_min, mel_scale), hz_to_mel(f_max, mel_scale)
    corners = mel_to_hz(np.linspace(*ends, n_mels + 2), mel_scale)
    widths = np.diff(corners)
    distance = corners - frequencies[:, None]
    rising, falling = -distance[:, :-2] / widths[:-1], distance[:, 2:] / widths[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return triangles * (2 / (corners[2:] - corners[:-2])) if norm == "slaney" else triangles


class MelScale:
    """Frequencies of a spectrogram gathered to bands that are evenly spaced to the ear.

    Args:
        n_mels: how many bands.
        sample_rate: of the sound.
        f_min, f_max: lowest and highest frequency; f_max is half the sample rate unless given.
        n_stft: how many frequencies the spectrogram has: n_fft // 2 + 1.
        norm: "slaney" divides each band by its width.
        mel_scale: "htk" or "slaney".

    Input (..., frequencies, frames), output (..., n_mels, frames).
    """

    def __init__(
        self,
        n_mels: int = 128,
        sample_rate: int = 16000,
        f_min: float = 0.0,
        f_max: float | None = None,
        n_stft: int = 201,
        norm: str | None = None,
        mel_scale: str = "htk",
    ) -> None:
        f_max = float(sample_rate // 2) if f_max is None else f_max
        if f_min > f_max:
            raise ArgumentError(f"Require f_min: {f_min} <= f_max: {f_max}")
        if norm not in (None, "slaney"):
            raise ArgumentError(f"norm must be one of None or 'slaney', got {norm!r}")
        if mel_scale not in ("htk", "slaney"):
            raise ArgumentError(f"mel_scale should be 'htk' or 'slaney', got {mel_scale!r}")
        self.n_mels = n_mels
        self.fb = melscale_fbanks(n_stft, f_min, f_max, n_mels, sample_rate, norm, mel_scale)

    def __call__(self, specgram: Any) -> Tensor:
        values = _array(specgram)
        if values.ndim < 2 or values.shape[-2] != len(self.fb):
            raise ShapeError(
                f"MelScale needs a spectrogram (..., {len(self.fb)}, frames), got "
                f"{values.shape}: n_stft is n_fft // 2 + 1"
            )
        return ops.tensor(self.fb.T.astype(values.dtype) @ values)


class MelSpectrogram:
    """`Spectrogram`, then `MelScale`; arguments as for both.

    Example:
        >>> import gradatim as gd
        >>> MelSpectrogram(8000, n_fft=256, hop_length=80, n_mels=40)(gd.zeros(8000)).shape
        torch.Size([40, 101])
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        n_fft: int = 400,
        win_length: int | None = None,
        hop_length: int | None = None,
        f_min: float = 0.0,
        f_max: float | None = None,
        pad: int = 0,
        n_mels: int = 128,
        window_fn: Callable[..., Any] = hann_window,
        power: float = 2.0,
        normalized: bool = False,
        wkwargs: dict[str, Any] | None = None,
        center: bool = True,
        pad_mode: str = "reflect",
        norm: str | None = None,
        mel_scale: str = "htk",
    ) -> None:
        self.spectrogram = Spectrogram(
            n_fft, win_length, hop_length, pad, window_fn, power, normalized, wkwargs, center,
            pad_mode,
        )  # fmt: skip
        self.mel_scale = MelScale(
            n_mels, sample_rate, f_min, f_max, n_fft // 2 + 1, norm, mel_scale
        )

    def __call__(self, waveform: Any) -> Tensor:
        return self.mel_scale(self.spectrogram(waveform))


class AmplitudeToDB:
    """Power or magnitude to decibels: 10 or 20 times log₁₀.

    Args:
        stype: "power" or "magnitude".
        top_db: nothing is more than this below the loudest of its recording.

    Example:
        >>> import gradatim as gd
        >>> AmplitudeToDB()(gd.tensor([1.0, 100.0, 0.0]))
        tensor([   0.0000,   20.0000, -100.0000])
    """

    def __init__(self, stype: str = "power", top_db: float | None = None) -> None:
        if top_db is not None and top_db < 0:
            raise ArgumentError(f"top_db must be positive value, got {top_db}")
        if stype not in ("power", "magnitude"):
            raise ArgumentError(f"stype={stype!r}: choose 'power' or 'magnitude'")
        self.stype = stype
        self.multiplier = 10.0 if stype == "power" else 20.0
        self.top_db = top_db
        self.amin = 1e-10

    def __call__(self, x: Any) -> Tensor:
        values = _array(x)
        decibels = self.multiplier * np.log10(np.maximum(values, values.dtype.type(self.amin)))
        if self.top_db is not None:
            # A recording is (channels, frequencies, frames): the loudest is taken over all three.
            axes = tuple(range(max(decibels.ndim - 3, 0), decibels.ndim))
            loudest = decibels.max(axis=axes, keepdims=True)
            decibels = np.maximum(decibels, loudest - self.top_db)
        return ops.tensor(decibels.astype(values.dtype))


class MFCC:
    """Mel-frequency cepstral coefficients (Davis & Mermelstein 1980): the cosine transform of a mel
    spectrogram in decibels, of which the first coefficients say the most.

    Args:
        sample_rate: of the sound.
        n_mfcc: how many coefficients.
        dct_type: 2.
        norm: "ortho" or None.
        log_mels: take the logarithm of the mel spectrogram in place of decibels.
        melkwargs: arguments of `MelSpectrogram`.

    Input (..., samples), output (..., n_mfcc, frames).
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        n_mfcc: int = 40,
        dct_type: int = 2,
        norm: str | None = "ortho",
        log_mels: bool = False,
        melkwargs: dict[str, Any] | None = None,
    ) -> None:
        if dct_type != 2:
            raise ArgumentError(f"DCT type not supported: {dct_type}; only 2 is")
        if norm not in (None, "ortho"):
            raise ArgumentError(f"norm must be either 'ortho' or None, got {norm!r}")
        self.mel_spectrogram = MelSpectrogram(sample_rate, **(melkwargs or {}))
        n_mels = self.mel_spectrogram.mel_scale.n_mels
        if n_mfcc > n_mels:
            raise ArgumentError(
                f"Cannot select more MFCC coefficients than # mel bins: {n_mfcc} of {n_mels}"
            )
        self.log_mels = log_mels
        self.to_decibels = AmplitudeToDB("power", 80.0)
        self.dct = create_dct(n_mfcc, n_mels, norm)

    def __call__(self, waveform: Any) -> Tensor:
        mel = self.mel_spectrogram(waveform)
        loudness = np.log(_array(mel) + 1e-6) if self.log_mels else _array(self.to_decibels(mel))
        return ops.tensor(self.dct.T.astype(loudness.dtype) @ loudness)


def create_dct(n_mfcc: int, n_mels: int, norm: str | None) -> np.ndarray:
    """The cosine transform of type 2 as a matrix, float64 (n_mels, n_mfcc)."""
    angles = np.pi / n_mels * (np.arange(n_mels)[:, None] + 0.5) * np.arange(n_mfcc)
    matrix = np.cos(angles)
    if norm is None:
        return matrix * 2
    matrix[:, 0] *= 1 / math.sqrt(2)
    return matrix * math.sqrt(2 / n_mels)


def _array(values: Any) -> np.ndarray:
    """Floating numbers of a tensor or array."""
    array = values.detach()._value() if isinstance(values, Tensor) else np.asarray(values)
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)
