"""What each network type reaches on the bundled data, beside the bar that it has to reach.

    python benchmarks/network_types.py [NAME ...]

Seeded, so that the figures are the same each time; seconds depend on what else the machine does.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from gradatim.train.job import Job
from gradatim.train.recipe import Recipe


@dataclass(frozen=True)
class Bar:
    """A type, the data, and what it has to reach (the median of some seeds)."""

    model: str
    data: str
    metric: str
    at_least: float | None = None
    at_most: float | None = None
    seeds: int = 1


BARS = (
    Bar("convolutional", "mnist", "accuracy", at_least=0.992),
    Bar("deep_feed_forward", "mnist", "accuracy", at_least=0.983),
    Bar("autoencoder", "mnist", "mse", at_most=0.006),
    Bar("lstm", "spoken-digits", "accuracy", at_least=0.97),
    Bar("gru", "spoken-digits", "accuracy", at_least=0.97),
    Bar("lstm", "basic-motions", "accuracy", at_least=0.975, seeds=5),
    Bar("gru", "basic-motions", "accuracy", at_least=0.975, seeds=5),
    Bar("lstm", "japanese-vowels", "accuracy", at_least=0.97, seeds=5),
    Bar("gru", "japanese-vowels", "accuracy", at_least=0.97, seeds=5),
)


def measure(bar: Bar, keep: Path | None = None) -> tuple[list[float], float]:
    """The metric on the test part for each seed, and the seconds of the slowest.

    Args:
        keep: where to leave the run of the first seed.
    """
    values, slowest = [], 0.0
    for seed in range(bar.seeds):
        started = time.monotonic()
        job = Job.new(Recipe(model=bar.model, data=bar.data, seed=seed))
        with tempfile.TemporaryDirectory() as folder:
            run = job.create_run(keep if keep is not None and seed == 0 else folder)
            results = job.fit(run, progress=False)
        values.append(results.values[bar.metric])
        slowest = max(slowest, time.monotonic() - started)
    return values, slowest


def main(wanted: list[str]) -> int:
    missed = 0
    for bar in BARS:
        if wanted and not {bar.model, bar.data} & set(wanted):
            continue
        values, seconds = measure(bar)
        value = statistics.median(values)
        high, low = bar.at_least is not None, bar.at_most is not None
        reached = (not high or value >= bar.at_least) and (not low or value <= bar.at_most)
        missed += not reached
        limit = f"at least {bar.at_least}" if high else f"at most {bar.at_most}"
        seeds = f", median of {', '.join(f'{one:.4f}' for one in values)}" if bar.seeds > 1 else ""
        print(
            f"{bar.model} on {bar.data}: {bar.metric} {value:.5f} ({limit}: "
            f"{'reached' if reached else 'MISSED'}{seeds}), {seconds:.0f} s",
            flush=True,
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
