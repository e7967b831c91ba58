"""What the demonstrations reached the last time that `make zoo` ran: `results.json`, which goes
with the package, so that `gradatim zoo` can show it.

    {"lenet-5": {"measures": [{"name": "MNIST test accuracy", "value": 0.991, ...}, ...],
                 "notes": [...], "seconds": 151.2, "seed": 0}, ...}
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gradatim.data.files import replacing
from gradatim.zoo.system import Measure, Result

STORED = Path(__file__).with_name("results.json")


@dataclass(frozen=True)
class Reached:
    """One demonstration that has run.

    Attributes:
        measures: its figures, the most important first.
        notes: what a reader needs for a fair reading.
        curve: (seconds, value) of the first measure during training.
        seconds: of processor time, divided by the two cores that the bars are for.
        seed: its seed.
    """

    measures: list[Measure]
    notes: list[str] = field(default_factory=list)
    curve: list[tuple[float, float]] = field(default_factory=list)
    seconds: float = 0.0
    seed: int = 0

    @classmethod
    def of(cls, result: Result, seconds: float, seed: int) -> Reached:
        """What is worth keeping of a result."""
        curve = [(float(at), float(value)) for at, value in result.curve]
        return cls(result.measures, list(result.notes), curve, seconds, seed)

    def as_json(self) -> dict[str, Any]:
        """Plain data, rounded to what is worth reading."""
        plain = asdict(self)
        plain["seconds"] = round(self.seconds, 1)
        plain["curve"] = [[round(at, 1), round(value, 5)] for at, value in self.curve]
        return plain

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Reached:
        """Back from plain data."""
        measures = [Measure(**one) for one in plain["measures"]]
        curve = [(at, value) for at, value in plain["curve"]]
        return cls(measures, plain["notes"], curve, plain["seconds"], plain["seed"])


def stored() -> dict[str, Reached]:
    """By the name of the system, what it reached; systems that have not run are not there."""
    if not STORED.exists():
        return {}
    plain = json.loads(STORED.read_text(encoding="utf-8"))
    return {name: Reached.from_json(one) for name, one in plain.items()}


def store(reached: dict[str, Reached], path: Path = STORED) -> None:
    """Write the results, whole or not at all."""
    plain = {name: one.as_json() for name, one in reached.items()}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n", "utf-8")
