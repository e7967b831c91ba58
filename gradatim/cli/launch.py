"""`gradatim launch`: one command on many hosts, as one run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time

import typer

from gradatim.graph.errors import ArgumentError

SETTINGS = {"allow_extra_args": True, "ignore_unknown_options": True}
GRACE = 20.0  # seconds that the others have to find out by themselves
NOISE = re.compile(
    r"^([EWIF]\d{4} |\s*$|\*\*\* |#\d|PC: |    @ |Additional GRPC|:UNKNOWN:)"
)  # XLA's own log


def launch(
    context: typer.Context,
    hosts: str = typer.Option(
        ..., metavar="HOST:PORT,...", help="All hosts, the same list on each; the first leads."
    ),
) -> None:
    """Run a command on many hosts as one: gradatim launch --hosts a:9000,b:9000 -- train --mesh
    data=2

    Give the same line on each host. A host that is named several times, by different ports, runs
    several processes. The run's folder has to be one that all hosts see.
    """
    from gradatim import hosts as many

    entries = many.parse(hosts)
    command = context.args
    if not command:
        raise ArgumentError(
            "launch needs a command behind --: gradatim launch --hosts a:9000,b:9000 -- train"
        )
    own = [k for k, entry in enumerate(entries) if many.here(entry)]
    if not own:
        raise ArgumentError(f"none of {hosts} is this machine: give its name or its address")
    workers = {k: _start(k, entries, command) for k in own}
    said: set[str] = set()
    readers = [
        threading.Thread(target=_pass_on, args=(worker, said), daemon=True)
        for worker in workers.values()
    ]
    for reader in readers:
        reader.start()
    try:
        status = _watch(workers, entries, said)
    finally:
        for worker in workers.values():
            if worker.poll() is None:
                worker.kill()
    for reader in readers:
        reader.join(2)
    raise typer.Exit(status)


def _start(number: int, entries: list[str], command: list[str]) -> subprocess.Popen[str]:
    from gradatim import hosts as many

    environment = os.environ | {many.HOSTS: ",".join(entries), many.PROCESS: str(number)}
    return subprocess.Popen(
        [sys.executable, "-m", "gradatim", *command],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )


def _pass_on(worker: subprocess.Popen[str], said: set[str]) -> None:
    """A worker's errors, each line once, without XLA's own log."""
    assert worker.stderr is not None
    for line in worker.stderr:
        if not NOISE.match(line) and line not in said:
            said.add(line)
            print(line, end="", file=sys.stderr, flush=True)


def _watch(workers: dict[int, subprocess.Popen[str]], entries: list[str], said: set[str]) -> int:
    """Wait for all, or for the first that fails: then say which, and end the others."""
    from gradatim import hosts as many

    while True:
        states = {k: worker.poll() for k, worker in workers.items()}
        failed = {k: status for k, status in states.items() if status}
        if failed:
            number, status = next(iter(failed.items()))
            if status == -signal.SIGABRT and number != 0:  # JAX, because process 0 is gone
                number, status = 0, states[0] or -signal.SIGKILL
            if status < 0:
                why = f"it was killed by signal {-status}"
                line = many.lost_line(entries[number], number, len(entries), why)
                time.sleep(0.5)  # for a last line of theirs
                if not any("is lost" in one for one in said):
                    said.add(line + "\n")
                    print(line, file=sys.stderr, flush=True)
                return many.LOST
            deadline = time.monotonic() + GRACE
            while time.monotonic() < deadline and None in (w.poll() for w in workers.values()):
                time.sleep(0.1)
            return status
        if None not in states.values():
            return 0
        time.sleep(0.1)
