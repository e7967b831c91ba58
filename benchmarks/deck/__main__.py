"""Every figure and picture of the deck, measured: writes docs/deck.md.

    python -m benchmarks.deck [--fresh] [SECTION ...]

Each section is kept in build/deck when it is done, so that a run that was stopped goes on where it
was; `--fresh` measures anew. All of it takes at most an hour on two cores.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable

from benchmarks.deck import learning, programs, teaching
from benchmarks.deck.section import KEPT, ROOT, Section

SECTIONS: dict[str, Callable[[], Section]] = {
    "worksheets": teaching.worksheets,
    "rules": teaching.rules,
    "pictures": teaching.pictures,
    "programs": programs.numbers,
    "speed": programs.speed,
    "types": learning.network_types,
    "learned": learning.learned,
    "unsupervised": learning.unsupervised,
    "reinforcement": learning.reinforcement,
    "performance": learning.performance,
    "examples": teaching.examples,
}


def main(arguments: list[str]) -> int:
    wanted = [name for name in arguments if name != "--fresh"]
    for name in wanted:
        if name not in SECTIONS:
            print(f"there is no section {name}: choose from {', '.join(SECTIONS)}", file=sys.stderr)
            return 2
    if "--fresh" in arguments:
        shutil.rmtree(KEPT, ignore_errors=True)
    for name, measure in SECTIONS.items():
        file = KEPT / f"{name}.json"
        if (wanted and name not in wanted) or file.exists():
            continue
        print(f"{name} ...", flush=True)
        started = time.monotonic()
        section = measure()
        section.seconds = max(time.monotonic() - started, section.seconds)
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(section.to_json(), indent=1))
        os.replace(unfinished, file)
        for one in section.figures:
            state = {True: "reached", False: "MISSED", None: ""}[one.reached]
            print(f"  {one.name}: {one.value} {one.bar and f'[{one.bar}]'} {state}", flush=True)
        write_page()
    return write_page()


def write_page() -> int:
    """docs/deck.md, of what is there; gives the number of bars that were missed."""
    found = {}
    for name in SECTIONS:
        file = KEPT / f"{name}.json"
        if file.exists():
            found[name] = Section.from_json(json.loads(file.read_text()))
    figures = [one for section in found.values() for one in section.figures]
    bars = [one for one in figures if one.reached is not None]
    missed = [one for one in bars if not one.reached]
    minutes = sum(section.seconds for section in found.values()) / 60
    text = [
        "# The deck, in figures",
        "",
        "`make deck` measures all of this and writes this page. It goes on where it was stopped;",
        "`make deck FRESH=1` measures anew.",
        "",
        f"Measured on {platform.machine()} with {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, in {minutes:.0f} minutes. Seconds are wall time and depend "
        "on what else the machine does.",
        "",
        f"Bars reached: {len(bars) - len(missed)} of {len(bars)}."
        + (f" Missed: {'; '.join(one.name for one in missed)}." if missed else ""),
        "",
    ]
    absent = [name for name in SECTIONS if name not in found]
    if absent:
        text += [f"Not measured yet: {', '.join(absent)}.", ""]
    text += [section.markdown() for section in found.values()]
    (ROOT / "docs" / "deck.md").write_text("\n".join(text).rstrip() + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
