"""Network types, kinds of learning, and comparisons, each at full size on real data."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.deck.section import KEPT, PICTURES, ROOT, Section, shrink

RUNS = KEPT / "runs"


def network_types() -> Section:
    """Every type of network on the bundled data; the runs are kept for the pictures."""
    from benchmarks import network_types as types

    section = Section("Network types by name")
    for bar in types.BARS:
        file = KEPT / "types" / f"{bar.model}-{bar.data}.json"
        if not file.exists():
            values, seconds = types.measure(bar, _free(RUNS / f"{bar.model}-{bar.data}"))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps([values, seconds]))
        values, seconds = json.loads(file.read_text())
        more = f"{seconds:.0f} s"
        if len(values) > 1:
            more = f"median of {', '.join(f'{one:.4f}' for one in values)}; {seconds:.0f} s each"
        section.seconds += seconds * len(values)
        section.check(
            f"{bar.model.replace('_', '-')} on {bar.data}: {bar.metric}",
            statistics.median(values), bar.at_least, bar.at_most, ".4f", more,
        )  # fmt: skip
    return section


def learned() -> Section:
    """Pictures of the runs above."""
    section = Section("How training went, and what an autoencoder gives back")
    convolutional, autoencoder = RUNS / "convolutional-mnist", RUNS / "autoencoder-mnist"
    for name, run, caption in (
        ("confusion", convolutional, "The convolutional network's answers to 10,000 test digits"),
        ("curves", convolutional, "Its training"),
        ("reconstructions", autoencoder, "The autoencoder's digits"),
    ):
        _draw(section, name, caption, str(run))
    return section


def unsupervised() -> Section:
    import gradatim
    from benchmarks import unsupervised as script

    section = Section("Unsupervised: a linear classifier on 32 codes, with 1,000 labels")
    found = script.measure(gradatim.load(RUNS / "autoencoder-mnist"))
    codes, components = (statistics.median(found[key]) for key in ("codes", "components"))
    each = ", ".join(f"{one:.4f}" for one in found["codes"])
    section.check("on the autoencoder's codes", codes, script.BAR, more=f"median of {each}")
    each = ", ".join(f"{one:.4f}" for one in found["components"])
    section.check("on 32 principal components", components, more=f"median of {each}")
    section.check("codes minus components", codes - components, at_least=0.0)
    return section


def reinforcement() -> Section:
    """Both methods on CartPole."""
    section = Section("Reinforcement: CartPole-v1")
    for method in ("reinforce", "dqn"):
        folder = KEPT / f"cartpole-{method}"
        if not (folder / "episode.png").exists():
            _gradatim("play", "CartPole-v1", "--method", method, "--output", _free(folder),
                      "--recording", "episode.png")  # fmt: skip
        found = json.loads((folder / "results.json").read_text())
        section.check(
            f"{method.upper()}: mean return of 100 new episodes", found["mean_return"],
            at_least=475, form=".2f", more=f"{found['steps']:,} steps, {found['seconds']:.0f} s",
        )  # fmt: skip
        _take(section, folder / "learning.png", f"cartpole-{method}", f"{method.upper()} learns")
        _take(section, folder / "episode.png", f"cartpole-{method}-episode", "One episode")
    return section


def performance() -> Section:
    """The deck's performance slide."""
    section = Section("Performance by amount of data: classic algorithms and networks on MNIST")
    folder = KEPT / "learning-curve"
    if not (folder / "comparison.json").exists():
        _gradatim("compare", "mnist", "--learning-curve", "--output", _free(folder))
    found = json.loads((folder / "comparison.json").read_text())
    entries = [one for one in found["entries"] if one["kind"] != "guess"]
    section.seconds = sum(one["fit_seconds"] + one["predict_seconds"] for one in entries)
    sizes = sorted({one["rows"] for one in entries})
    head = ["method", *[f"{size:,}" for size in sizes], "training, all", "asking"]
    section.lines += [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    last = [one for one in entries if one["rows"] == sizes[-1]]
    for best in sorted(last, key=lambda one: -one["accuracy"]):
        of_size = {one["rows"]: one for one in entries if one["name"] == best["name"]}
        row = [f"{of_size[size]['accuracy']:.4f}" for size in sizes]
        times = [f"{best['fit_seconds']:.1f} s", f"{best['predict_seconds']:.1f} s"]
        note = f" ({', '.join(best['notes'])})" if best["notes"] else ""
        section.lines.append(f"| {best['title']}{note} | {' | '.join(row + times)} |")
    for name, caption in (
        ("learning-curve", "Accuracy on 10,000 test digits"),
        ("filters", "What the convolutional network learned by itself: its first layer"),
        ("embedding", "Its last hidden layer: 3,000 test digits, two components"),
    ):
        _take(section, folder / f"{name}.png", name, caption)
    return section


def _draw(section: Section, name: str, caption: str, *arguments: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    file = PICTURES / f"{name}.png"
    _gradatim("draw", name, *arguments, "-o", file)
    shrink(file)
    section.pictures.append((file.name, caption))


def _take(section: Section, file: Path, name: str, caption: str) -> None:
    """Copy a picture that a command made."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    target = PICTURES / f"{name}.png"
    target.write_bytes(file.read_bytes())
    shrink(target)
    section.pictures.append((target.name, caption))


def _gradatim(*arguments: Any) -> None:
    command = [sys.executable, "-m", "gradatim", *map(str, arguments)]
    subprocess.run(command, check=True, cwd=ROOT)


def _free(folder: Path) -> Path:
    """A folder without what a killed run left in it."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return folder
