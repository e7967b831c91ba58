"""A game: Breakout, learned by playing it. REINFORCE on MinAtar, whose games need no ROM.

MinAtar (Young & Tian 2019) is what the arcade games are about, on a board of 10 × 10: a paddle, a
ball and a wall of bricks, each a channel of the picture. One brick is one point; a lost ball ends
the game. Needs the extra `deck`: pip install 'gradatim[deck]'.

    python examples/game.py [STEPS [FOLDER]]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from gradatim.play import evaluate, play, record, save_recording

GAME = "MinAtar/Breakout-v1"
steps = int(sys.argv[1]) if len(sys.argv) > 1 else 400_000

random = np.random.default_rng(0)
guesses = evaluate(GAME, lambda seen: random.integers(3, size=len(seen)), 100, seed=1_000_000)
print(f"{GAME}: {np.mean(guesses):.2f} points on average of 100 games at random")

found = play(GAME, "reinforce", steps=steps, seed=0, hidden=128, learning_rate=1e-3)
print(f"learned for {found.steps:,} steps")
print(f"{found.mean_return:.2f} points on average of {len(found.returns)} new games")
print(f"{min(found.returns):g} to {max(found.returns):g}")

if len(sys.argv) > 2:
    from gradatim.explain import pictures

    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    pictures.save(pictures.returns(found.episodes, found.watched, title=GAME), folder / "game.png")
    frames, points = record(GAME, found.best_actions, seed=1_000_000)
    save_recording(frames, folder / "game.gif")
    print(f"Recorded a game of {points:g} points: {folder / 'game.gif'}")
