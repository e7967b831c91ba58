"""What the perceptron for speech hears and says: resonances, states, and scores of words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradatim.explain.pictures.style import BLUE, GREEN, RED, VIOLET, new_figure, plain
from gradatim.zoo.phonetic_parameters import NAMES, PEAKS, phonetic_parameters

if TYPE_CHECKING:
    from gradatim.zoo.mlp_speech import Recognizer


def picture(recognizer: Recognizer, sounds: list[np.ndarray], labels: np.ndarray) -> Any:
    """Three recordings: spectrum and resonances, states of the word, and how far words are behind.

    Args:
        sounds: (40, frames) each, with at least one of 3, 6 and 9. labels: the digits.
    """
    figure = new_figure(9.5, 7.4)
    grid = figure.subplots(3, 3, squeeze=False, height_ratios=(1.2, 1, 1))
    for column, digit in enumerate((3, 6, 9)):
        sound = sounds[int(np.flatnonzero(labels == digit)[-1])]
        parameters = phonetic_parameters(sound)
        scores, paths = recognizer.scores([parameters])
        path = paths[:, 0, digit]
        spectrum, likely, words = grid[:, column]
        _spectrum(spectrum, sound, parameters, digit)
        shares = np.exp(recognizer.logarithms(recognizer.scaled([parameters]))[:, digit])
        likely.imshow(shares.T, aspect="auto", origin="lower", cmap="Blues", vmin=0, vmax=1)
        likely.step(np.arange(len(path)), path, where="mid", color=RED, linewidth=1.2)
        plain(likely, "", "frame (10 ms)", f'state of "{digit}"')
        for axis in (spectrum, likely):
            axis.grid(False)
            for border in np.flatnonzero(np.diff(path)) + 0.5:
                axis.axvline(border, color=RED, linewidth=0.5, alpha=0.6)
        behind = (scores[0].max() - scores[0]) / len(parameters)
        words.bar(range(len(behind)), behind, color="#bbbbbb")
        words.set_xticks(range(len(behind)))
        first = int(scores[0].argmax())
        words.text(first, 0, "best", rotation=90, ha="center", va="bottom", color=BLUE, size=9)
        plain(words, "", "word", "log score behind, per frame" if column == 0 else "")
    return figure


def _spectrum(axis: Any, sound: np.ndarray, parameters: np.ndarray, digit: int) -> None:
    axis.imshow(sound, aspect="auto", origin="lower", cmap="Greys", vmin=-60)
    for peak, color in zip(PEAKS, (VIOLET, BLUE, GREEN)):
        band = parameters[:, NAMES.index(f"{peak} place")] * 41 - 1  # of 0 to 1 in mel
        axis.plot(band, ".", color=color, markersize=3)
        axis.text(0.3, band[0] + 1, peak, color=color, size=8)
    plain(axis, f'"{digit}" is said', "", "mel band")
