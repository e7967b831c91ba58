"""Ten `kill -9` at random moments of a run, resumed each time: is the model the same to the bit?

    python benchmarks/kill_resume.py [--kills 10] [--epochs 12] [-- OPTIONS OF gradatim train]

Trains once without interruption, and once with kills: each life of the second run lasts a random
time, now and then too short for a first checkpoint. Both must leave the same `model.safetensors`.
Options after `--` go to both, for instance `-- DATA.csv --target COLUMN`.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> int:
    arguments = read_arguments()
    options = [option for option in arguments.options if option != "--"]
    options += ["--epochs", str(arguments.epochs), "--seed", "0"]
    randomness = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        whole, killed = Path(folder) / "whole", Path(folder) / "killed"
        begin = time.perf_counter()
        gradatim("train", *options, "--output", str(whole)).communicate()
        seconds = time.perf_counter() - begin
        print(f"uninterrupted: {seconds:.1f} s, {digest(whole)}", flush=True)
        for number in range(arguments.kills):
            process = gradatim(*life(killed, options))
            # On average one life's share of the way, so that all the kills fall inside the run.
            wait = randomness.uniform(0, 2 * seconds / arguments.kills)
            time.sleep(wait)
            process.kill()
            process.communicate()
            print(f"kill {number + 1:2} after {wait:5.1f} s: {progress(killed)}", flush=True)
        gradatim(*life(killed, options)).communicate()
        same = digest(killed) == digest(whole)
        print(f"resumed to the end: {digest(killed)}, {'the same' if same else 'DIFFERENT'}")
    return 0 if same else 1


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("options", nargs="*", help="for gradatim train, after --")
    return parser.parse_args()


def gradatim(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gradatim", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def life(folder: Path, options: list[str]) -> tuple[str, ...]:
    """How to go on: by resuming, or anew if the last life ended before its config was written."""
    if (folder / "config.json").exists():
        return ("train", "--resume", str(folder))
    return ("train", *options, "--output", str(folder))


def progress(folder: Path) -> str:
    metrics = folder / "metrics.jsonl"
    epochs = len(metrics.read_text().splitlines()) if metrics.exists() else 0
    return f"{epochs} epochs saved, {len(list(folder.glob('.*')))} files unfinished"


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())
