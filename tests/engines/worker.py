"""A process that checks programs one after the other: a crash ends it and nothing else.

Reads one JSON line for each job and writes JSON lines: what it is about to check (so that its
parent knows what it died of), what failed, and how many programs it has done.
"""

from __future__ import annotations

import collections
import json
import os
import random
import re
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

from gradatim.engines import Engine, get_engine
from tests.engines import bounds, broken, exact
from tests.engines.case import Case, generate
from tests.engines.check import Mismatch, check
from tests.engines.guard import Guard
from tests.engines.shrink import shrink

SIDES = ("right", "left")
Judge = Callable[[Case, Engine, Any], "str | None"]


def find_engine(name: str) -> Engine:
    """An engine of the registry, the emulated one, or one of tests/engines/broken.py."""
    if name == "neon":
        from tests.engines.neon import NeonEngine

        return NeonEngine()
    if name == broken.WritesBeforeReading.name:
        return broken.WritesBeforeReading()
    return broken.BrokenEngine(name) if name.startswith("broken:") else get_engine(name)


def program_of(seed: int) -> Case:
    """The program that a seed stands for."""
    return generate(random.Random(seed))


def failure_of(case: Case, engine: Engine, place: Any = None) -> str | None:
    """What is wrong with an engine's results, or None."""
    try:
        check(case, engine, place)
    except Mismatch as wrong:
        return str(wrong)
    except Exception:
        return traceback.format_exc()
    return None


def describe(case: Case) -> str:
    """A program with its inputs, to be read and pasted in a report."""
    lines = [repr(case.program)]
    if case.program.replaces:
        lines.append(f"  replaces (output, input): {case.program.replaces}")
    for k, x in enumerate(case.inputs):
        content = f" = {x.tolist()}"
        content = content if len(content) < 400 else ""
        layout = "" if x.flags.c_contiguous else f" strides {x.strides}"
        lines.append(f"  input {k}: {x.dtype}{list(x.shape)}{layout}{content}")
    return "\n".join(lines)


def _say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def dies(case: Case, engine: Engine, place: Any = None) -> str | None:
    """What is wrong, found out by a fork of this process, which may crash or hang."""
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        signal.alarm(60)
        os._exit(0 if failure_of(case, engine, place) is None else 1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return f"the process died of {signal.Signals(os.WTERMSIG(status)).name}"
    return "wrong result" if os.WEXITSTATUS(status) else None


def kind_of(message: str) -> str:
    """The message without its numbers: alike for failures that have one cause, mostly."""
    line = message.strip().splitlines()[-1].partition(", first at")[0].partition("{")[0]
    return re.sub(r"[-+\d.]+(e[-+]?\d+)?|\[.*?\]", "#", line)


_known: collections.Counter[str] = collections.Counter()
SHRUNK = 2  # failures of one kind that are shrunk


def look_into(seed: int, engine: Engine, places: list[Any], judge: Judge) -> None:
    """Check one program; of one that fails, say what the smallest part of it is that does."""
    try:
        case = program_of(seed)
    except Exception:  # the reference engine cannot do what a builder allows
        _say(failed=seed, message=traceback.format_exc(), program="(not drawn to its end)")
        return
    for side, place in zip(SIDES, places):
        wrong = judge(case, engine, place)
        if wrong is not None:
            where = f" (memory flush {side})" if place is not None else ""
            _known[kind_of(wrong)] += 1
            if _known[kind_of(wrong)] <= SHRUNK:
                case = shrink(case, lambda c: judge(c, engine, place) is not None)  # noqa: B023
                wrong = judge(case, engine, place) or wrong
            _say(failed=seed, message=wrong + where, program=describe(case))
            return


def main() -> None:
    job = json.loads(sys.stdin.readline())
    engine = find_engine(job["engine"])
    for domain in (bounds, exact):
        domain.promise(engine.name)
    places = [Guard(side) for side in SIDES] if job["guard"] else [None]
    if job.get("crashed"):
        look_into(job["first"], engine, places, dies)
    else:
        for seed in range(job["first"], job["stop"]):
            _say(seed=seed)
            look_into(seed, engine, places, failure_of)
    _say(done=True)


if __name__ == "__main__":
    main()
