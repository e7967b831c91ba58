"""One episode as pictures: a moving GIF, or a strip of moments as PNG."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gradatim.data.files import replacing
from gradatim.graph.errors import ArgumentError, missing_extra
from gradatim.play.games import encoder, make_game

LONGEST = 500
"""Steps after which a recording ends."""

WIDTH = 240
"""Pixels of a frame; small pictures are enlarged by whole numbers."""

MOMENTS = 6


def record(
    game: str, best_actions: Callable[[np.ndarray], np.ndarray], seed: int, longest: int = LONGEST
) -> tuple[list[np.ndarray], float]:
    """Play one episode and keep what is seen.

    Returns:
        Frames, uint8 (height, width, 3), and the return.

    Raises:
        ArgumentError: the game cannot be drawn.
    """
    played = make_game(game, picture=True)
    encode, first = encoder(played.observation_space), int(played.action_space.start)
    shown, _ = played.reset(seed=seed)
    frames, total = [_frame(played, game)], 0.0
    for _ in range(longest):
        action = int(best_actions(encode(shown)[None])[0]) + first
        shown, reward, ended, truncated, _ = played.step(action)
        total += float(reward)
        frames.append(_frame(played, game))
        if ended or truncated:
            break
    played.close()
    return frames, total


def _frame(game: Any, name: str) -> np.ndarray:
    import gymnasium

    try:
        frame = game.render()
    except (gymnasium.error.Error, ImportError) as error:
        raise ArgumentError(f"the game {name} cannot be drawn: {error}") from None
    if frame is None or np.ndim(frame) != 3:
        raise ArgumentError(f"the game {name} cannot be drawn: it gives no picture")
    frame = np.asarray(frame)
    return frame if frame.dtype == np.uint8 else (np.clip(frame, 0, 1) * 255).astype(np.uint8)


def save_recording(frames: list[np.ndarray], path: str | os.PathLike[str], fps: int = 25) -> Path:
    """Write frames as a moving picture (.gif) or as a strip of moments (.png).

    Raises:
        MissingExtra: Pillow is not installed.
        ArgumentError: for another ending.
    """
    try:
        from PIL import Image
    except ImportError:
        raise missing_extra("recording an episode", "pillow", "plots") from None
    path = Path(path)
    if path.suffix.lower() not in (".gif", ".png"):
        raise ArgumentError(f"{path} ends in {path.suffix!r}: expected .gif or .png")
    size = _size(frames[0])
    moving = path.suffix.lower() == ".gif"
    if not moving:
        places = np.linspace(0, len(frames) - 1, min(MOMENTS, len(frames))).round().astype(int)
        frames = [frames[place] for place in places]
    smooth = Image.Resampling.LANCZOS if size[0] <= frames[0].shape[1] else Image.Resampling.NEAREST
    pictures = [Image.fromarray(frame).resize(size, smooth) for frame in frames]
    with replacing(path) as temporary:
        if moving:
            colors = [one.quantize(64) for one in pictures]
            colors[0].save(
                temporary, format="GIF", save_all=True, append_images=colors[1:],
                duration=round(1000 / fps), loop=0,
            )  # fmt: skip
        else:
            gap = 6
            strip = Image.new("RGB", (len(pictures) * (size[0] + gap) - gap, size[1]), "white")
            for place, one in enumerate(pictures):
                strip.paste(one, (place * (size[0] + gap), 0))
            strip.save(temporary, format="PNG", optimize=True)
    return path


def _size(frame: np.ndarray) -> tuple[int, int]:
    """(width, height) of a frame in the recording."""
    height, width = frame.shape[:2]
    if width < WIDTH:
        times = WIDTH // width
        return width * times, height * times
    return WIDTH, round(height * WIDTH / width)
