"""Many hosts: one process on each trains its share of every batch, and all hold the same model.

A process joins the others before it computes anything (`join`): with the hosts that `gradatim
launch` was given, or with what Slurm, Kubernetes or MPI says in the environment. From then on
`Trainer(..., mesh=...)` sees the devices of all. Each process beats: it leaves the time on a board
that all read. Whoever has not been heard of for `LOST_AFTER` seconds is lost, and every other
process ends with a line that names it.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from gradatim.engines import get_engine
from gradatim.graph.errors import ArgumentError, DeviceError

BEAT = 1.0  # seconds between two beats
LOST_AFTER = 10.0  # seconds without a beat
LOST = 3  # the exit status of a process that lost another
DONE, FAILED = "done", "failed"  # last beats
HOSTS, PROCESS = "GRADATIM_HOSTS", "GRADATIM_PROCESS"

CLUSTERS = {
    "Slurm": ("SLURM_JOB_ID", "SLURM_PROCID", "SLURM_NTASKS"),
    "Open MPI": ("OMPI_MCA_orte_hnp_uri", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    "MPI": ("PMI_RANK", "PMI_RANK", "PMI_SIZE"),
    "Kubernetes": ("KUBERNETES_SERVICE_HOST", "JOB_COMPLETION_INDEX", "JAX_COORDINATOR_ADDRESS"),
}
"""Where processes are started by others: variables that are there, the second the process's
number."""


class _State:
    joined = False
    names: tuple[str, ...] = ()
    ended = False
    failed = False


_state = _State()


def parse(hosts: str) -> list[str]:
    """The hosts of "host1:port,host2:port".

    Raises:
        ArgumentError: for an entry without a name or a port, or one that is there twice.

    Example:
        >>> parse("node1:9000, node2:9000")
        ['node1:9000', 'node2:9000']
    """
    found = [entry.strip() for entry in hosts.split(",") if entry.strip()]
    for entry in found:
        name, _, port = entry.rpartition(":")
        if not name or not port.isdigit() or not 0 < int(port) < 65536:
            raise ArgumentError(f"{entry!r} is no host: give host1:port,host2:port,...")
    if not found or len(set(found)) < len(found):
        raise ArgumentError(f"--hosts is {hosts!r}: give each host:port once, the first leads")
    return found


def here(entry: str) -> bool:
    """Whether "host:port" is this machine."""
    import socket

    name = entry.rpartition(":")[0]
    own = {"localhost", "127.0.0.1", "::1", socket.gethostname(), socket.getfqdn()}
    if name in own:
        return True
    try:
        address = socket.gethostbyname(name)
        if address.startswith("127."):
            return True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))  # only this machine's own addresses can be bound
        return True
    except OSError:
        return False


def cluster(environment: Mapping[str, str] = os.environ) -> str | None:
    """Who started this process among others, by the environment.

    Example:
        >>> cluster({"SLURM_JOB_ID": "7", "SLURM_PROCID": "1", "SLURM_NTASKS": "2"})
        'Slurm'
        >>> cluster({"SLURM_JOB_ID": "7", "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}) is None
        True
    """
    for name, (sign, number, size) in CLUSTERS.items():
        if sign in environment and number in environment and environment.get(size, "1") != "1":
            return name
    return None


def join(timeout: int = 300) -> None:
    """Join the other processes of the run, if there are any. Comes before all computing.

    Raises:
        DeviceError: the others did not come in time; the line says how to look into it.
    """
    if _state.joined:
        return
    given = os.environ.get(HOSTS)
    if given is None and cluster() is None:
        return
    engine: Any = get_engine("xla")
    try:
        if given is None:
            engine.connect(None, None, None, timeout)
        else:
            entries = parse(given)
            engine.connect(entries[0], len(entries), int(os.environ[PROCESS]), timeout)
    except (RuntimeError, ValueError) as error:
        raise DeviceError(
            f"the hosts of the run did not come together ({given or cluster()}): start the same "
            f"command on each, and look whether they reach the first one's port; {error}"
        ) from None
    import socket

    _state.joined = True
    number, total = engine.process()
    name = parse(given)[number] if given else socket.gethostname()
    engine.say(f"gradatim/name/{number}", name)
    engine.meet("names")
    names = engine.heard("gradatim/name/")
    _state.names = tuple(names.get(f"gradatim/name/{k}", f"process {k}") for k in range(total))
    threading.Thread(target=_beat, args=(engine, number, total), daemon=True).start()
    will = None if number == 0 else _leave_will(engine.leader(), total)
    atexit.register(_take_leave, engine, number, will)


def process() -> tuple[int, int]:
    """Which process this is, and of how many: (0, 1) alone."""
    if not _state.joined:
        return 0, 1
    engine: Any = get_engine("xla")
    found: tuple[int, int] = engine.process()
    return found


def count() -> int:
    """How many processes train together."""
    return process()[1]


def leads() -> bool:
    """Whether this is process 0: the one that writes, and talks."""
    return process()[0] == 0


def meet(what: str) -> None:
    """Wait until all processes are here."""
    if _state.joined:
        engine: Any = get_engine("xla")
        engine.meet(what)


def share_line(key: str, line: str | None) -> str:
    """A line that process 0 gives to all others."""
    if not _state.joined:
        return line or ""
    engine: Any = get_engine("xla")
    if line is not None:
        engine.say(f"gradatim/line/{key}", line)
    engine.meet(f"line {key}")
    found: str = engine.heard("gradatim/line/")[f"gradatim/line/{key}"]
    return found


WILL = """
import socket, sys
if sys.stdin.read() != "done":
    host, _, port = sys.argv[1].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), 5).close()
    except OSError:
        print(sys.argv[2], file=sys.stderr, flush=True)
"""


def _leave_will(leader: str, total: int) -> Any:
    """A small process that says who was lost, if that is process 0: without it JAX aborts, and
    this process has no more say."""
    import subprocess

    line = lost_line(_state.names[0], 0, total, "it does not answer any more")
    return subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", WILL, leader, line], stdin=subprocess.PIPE, text=True
    )


def _take_leave(engine: Any, number: int, will: Any) -> None:
    """When Python ends: tell the others how."""
    if will is not None:
        with contextlib.suppress(OSError):
            will.communicate("done", timeout=5)
    if not _lost:
        failed = getattr(sys, "last_value", None) is not None or _state.failed
        with contextlib.suppress(Exception):
            engine.say(f"gradatim/beat/{number}", FAILED if failed else DONE)
        _state.ended = True


def failed() -> None:
    """This process ends with an error of its own."""
    _state.failed = True


# --- who is lost ---------------------------------------------------------------------------------


def _beat(engine: Any, number: int, total: int) -> None:
    """Leave a beat, and look at those of the others, for ever."""
    seen: dict[int, tuple[str, float]] = {k: ("", time.monotonic()) for k in range(total)}
    turn = 0
    while not _state.ended:
        turn += 1
        try:
            engine.say(f"gradatim/beat/{number}", str(turn))
            beats = engine.heard("gradatim/beat/")
        except Exception:  # the board is kept by process 0
            if not _state.ended:
                _give_up(0)
            return
        now = time.monotonic()
        for k in range(total):
            beat = beats.get(f"gradatim/beat/{k}", "")
            if beat == FAILED and k != number:
                _give_up(k, "it ended with an error of its own")
            if beat != seen[k][0] or beat == DONE:
                seen[k] = beat, now
            elif k != number and now - seen[k][1] > LOST_AFTER and not _state.ended:
                _give_up(k)
        time.sleep(BEAT)


_lost: list[int] = []


def _give_up(number: int, why: str = "it has not been heard of any more") -> None:
    """End this process, whatever it is at, with one line."""
    if not _lost:
        _lost.append(number)
        name = _state.names[number] if number < len(_state.names) else f"process {number}"
        print(lost_line(name, number, len(_state.names), why), file=sys.stderr, flush=True)
        os._exit(LOST)


def lost_line(name: str, number: int, total: int, why: str) -> str:
    """What is said when a host is lost."""
    return (
        f"gradatim: {name} (process {number} of {total}) is lost: {why}; the run ends here. Go on "
        "from its last checkpoint, also on fewer hosts, with  gradatim train --resume RUN"
    )


def await_verdict(error: BaseException) -> None:
    """After an error in a computation with others: was it that one of them is lost? If so, this
    does not return."""
    if _state.joined and not _state.ended:
        deadline = time.monotonic() + LOST_AFTER + 5
        while time.monotonic() < deadline:
            time.sleep(0.2)
