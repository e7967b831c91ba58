"""`gradatim play`: a policy that learns a game by playing it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from gradatim.play import Played


def play(
    game: str = typer.Argument(
        ..., metavar="GAME", help="Of gymnasium: CartPole-v1, MinAtar/Breakout-v1, ..."
    ),
    method: str = typer.Option("reinforce", help="reinforce, dqn"),
    steps: int = typer.Option(400_000, help="At most so many are played to learn from."),
    learning_rate: float = typer.Option(None, "--learning-rate", "--lr", help="0.003 (dqn: 0.001)"),
    seed: int = typer.Option(0, help="Of weights, draws and episodes."),
    output: str = typer.Option(
        None, metavar="DIR", help="The folder of the results: runs/GAME-1, -2 ..."
    ),
    recording: str = typer.Option("episode.gif", help="One episode: a .gif, or a .png strip."),
) -> None:
    """Learn a game by playing it: REINFORCE or DQN, on any game of gymnasium with few actions.

    The policy that did best while learning then plays 100 new episodes. The folder holds their
    returns, the network, a picture of how learning went, and one episode.
    """
    from gradatim.cli.folders import check_free, make_folder
    from gradatim.cli.words import choose
    from gradatim.explain import pictures
    from gradatim.graph.errors import ArgumentError
    from gradatim.play import METHODS, Games
    from gradatim.play import play as learn
    from gradatim.play.playing import check_settings

    method = choose("method", method, METHODS)
    if Path(recording).suffix.lower() not in (".gif", ".png"):
        raise ArgumentError(f"--recording is {recording!r}: expected a name in .gif or .png")
    if learning_rate is not None and not learning_rate > 0:
        raise ArgumentError(f"the learning rate is {learning_rate:g}: it has to be above 0")
    check_free(output)
    check_settings(method, steps, seed)
    first = Games(game, 1, seed)
    first.close()
    shape = " × ".join(map(str, first.shape))
    print(f"Game      {game}: {shape} numbers to see, {first.actions} actions")
    settings = {} if learning_rate is None else {"learning_rate": learning_rate}
    print(f"Learning  {METHODS[method].title}, at most {steps:,} steps, seed {seed}\n", flush=True)
    found = learn(game, method, steps, seed, lambda line: print(line, flush=True), **settings)
    folder = make_folder(output, "runs", _folder_name(game))
    _write_numbers(found, folder)
    written = ["results.json", "policy.safetensors"]
    if pictures.can_draw():
        title = f"{game}, {METHODS[method].title}"
        figure = pictures.returns(found.episodes, found.watched, found.threshold, title)
        pictures.save(figure, folder / "learning.png")
        written.append("learning.png")
    solved = ""
    if found.threshold is not None:
        reached = found.mean_return >= found.threshold
        solved = f" (solved from {found.threshold:g} on: {'yes' if reached else 'not yet'})"
    print(f"\nDone      {found.steps:,} steps in {found.seconds:.0f} s")
    low, high = min(found.returns), max(found.returns)
    print(
        f"Return    {found.mean_return:.2f} on average over {len(found.returns)} new episodes, "
        f"{low:g} to {high:g}{solved}"
    )
    try:
        written.append(_record(found, folder / recording, seed))
    except (ArgumentError, ImportError) as error:
        print(f"Note      {error}")
    print(f"Saved     {folder} ({', '.join(written)})")


def _folder_name(game: str) -> str:
    return game.replace("/", "-").lower()


def _write_numbers(found: Played, folder: Path) -> None:
    import json

    from gradatim.data.files import replacing
    from gradatim.train.saved import save_model

    with replacing(folder / "results.json") as temporary:
        temporary.write_text(json.dumps(found.as_json(), indent=2) + "\n")
    save_model(found.network, folder / "policy.safetensors")


def _record(found: Played, path: Path, seed: int) -> str:
    from gradatim.play import record, save_recording
    from gradatim.play.playing import APART

    frames, _ = record(found.game, found.best_actions, seed + APART)
    return save_recording(frames, path).name
