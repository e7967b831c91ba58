"""Many random programs, an engine against the reference engine.

    python -m tests.engines.fuzz --engine llvm --programs 20000 --seed 0 --guard --features avx2

The programs run in a worker process. One that crashes or hangs is a failure like any other, and
the run goes on behind it. Each failure is printed with the seed that replays it
(`--programs 1 --seed SEED`) and the smallest part of the program that still fails.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gradatim.engines import ENGINES
from tests.engines.worker import SHRUNK, kind_of

ROOT = pathlib.Path(__file__).parents[2]
TIMEOUT = 120.0  # seconds for one program


@dataclass(frozen=True, slots=True)
class Fault:
    """One program that an engine got wrong."""

    seed: int
    message: str
    program: str


def _start(job: dict[str, Any], features: str | None) -> subprocess.Popen[str]:
    environment = {"GRADATIM_COMPILE_CACHE": "0", **os.environ}  # code that is used once
    if features:
        environment["GRADATIM_CPU_FEATURES"] = features
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.engines.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if job.get("quiet") else None,
        text=True,
        env=environment,
        cwd=ROOT,
    )
    assert worker.stdin is not None
    worker.stdin.write(json.dumps(job) + "\n")
    worker.stdin.flush()
    return worker


def _lines(worker: subprocess.Popen[str]) -> Iterator[dict[str, Any] | None]:
    """What a worker says; None when it has said nothing for too long. Ends when it ends."""
    said: queue.Queue[str | None] = queue.Queue()

    def listen() -> None:
        assert worker.stdout is not None
        for line in worker.stdout:
            said.put(line)
        said.put(None)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        try:
            line = said.get(timeout=TIMEOUT)
        except queue.Empty:
            yield None
            return
        if line is None:
            return
        yield json.loads(line)


def _end(code: int) -> str:
    if code < 0:
        return f"the process died of {signal.Signals(-code).name}"
    return f"the process ended with status {code}"


def _crash(job: dict[str, Any], seed: int, what: str, features: str | None) -> Fault:
    """A crash, with the smallest part of the program that still crashes (a fork tries each)."""
    worker = _start(job | {"first": seed, "crashed": True}, features)
    found = [said for said in _lines(worker) if said is not None and "failed" in said]
    worker.kill()
    _close(worker)
    if found:
        return Fault(seed, f"{what}; {found[0]['message']}", found[0]["program"])
    return Fault(seed, f"{what}, but not when tried alone", "")


def _close(worker: subprocess.Popen[str]) -> int:
    code = worker.wait()
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            pipe.close()
    return code


def run(
    engine: str,
    first: int,
    programs: int,
    *,
    guard: bool = False,
    features: str | None = None,
    quiet: bool = False,
) -> Iterator[int | Fault]:
    """Check programs `first` to `first + programs - 1`: yields each one's number as it begins, and
    each failure."""
    stop = first + programs
    while first < stop:
        job = {"engine": engine, "first": first, "stop": stop, "guard": guard, "quiet": quiet}
        worker = _start(job, features)
        current, done, hung, reported = first - 1, False, False, -1
        try:
            for line in _lines(worker):
                if line is None:
                    hung = True
                elif "seed" in line:
                    current = line["seed"]
                    yield current
                elif "failed" in line:
                    reported = line["failed"]
                    yield Fault(line["failed"], line["message"], line["program"])
                else:
                    done = True
        finally:
            if hung or sys.exc_info()[0] is not None:
                worker.kill()
            code = _close(worker)
        if done:
            return
        if current < first:
            raise RuntimeError(f"the worker did not start: {_end(code)}")
        if current != reported:
            what = f"no result after {TIMEOUT:.0f} s" if hung else _end(code)
            yield _crash(job, current, what, features)
        first = current + 1


def run_jobs(engine: str, first: int, programs: int, jobs: int, **options: Any) -> Iterator[Any]:
    """`run` in several worker processes, each with its own part of the programs."""
    events: queue.Queue[Any] = queue.Queue()
    edges = [first + programs * k // jobs for k in range(jobs + 1)]

    def work(start: int, stop: int) -> None:
        try:
            for event in run(engine, start, stop - start, **options):
                events.put(event)
        finally:
            events.put(None)

    for start, stop in itertools.pairwise(edges):
        threading.Thread(target=work, args=(start, stop), daemon=True).start()
    left = jobs
    while left:
        event = events.get()
        if event is None:
            left -= 1
        else:
            yield event


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.engines.fuzz", description=__doc__)
    parser.add_argument("--engine", default="llvm")
    parser.add_argument("--programs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first program")
    parser.add_argument("--guard", action="store_true", help="guarded memory")
    parser.add_argument("--features", help="GRADATIM_CPU_FEATURES: avx512, avx2 or sse2")
    parser.add_argument("--jobs", type=int, default=1, help="worker processes")
    parser.add_argument("--most", type=int, default=100, help="stop after so many failures")
    given = parser.parse_args(arguments)
    known = (*ENGINES, "neon")
    if given.engine not in known and not given.engine.startswith("broken:"):
        print(f"no engine is named {given.engine!r}: there are {', '.join(known)}",
              file=sys.stderr)  # fmt: skip
        return 2
    begin = shown = time.monotonic()
    count = 0
    faults: collections.Counter[str] = collections.Counter()
    for event in run_jobs(given.engine, given.seed, given.programs, given.jobs, guard=given.guard,
                          features=given.features):  # fmt: skip
        if isinstance(event, Fault):
            kind = kind_of(event.message)
            faults[kind] += 1
            if faults[kind] <= SHRUNK:
                print(f"\nseed {event.seed}: {event.message}\n{event.program}", flush=True)
            if faults.total() >= given.most:
                print(f"stopped after {faults.total()} failures")
                break
        else:
            count += 1
        now = time.monotonic()
        if now - shown > 5:
            shown = now
            print(f"{count} programs, {faults.total()} failures, {count / (now - begin):.1f} a "
                  f"second", flush=True)  # fmt: skip
    seconds = time.monotonic() - begin
    for kind, times in faults.most_common():
        print(f"{times:6} x {kind}")
    print(f"{given.engine}: {count} programs, {faults.total()} failures, "
          f"{count / seconds:.1f} a second")  # fmt: skip
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
