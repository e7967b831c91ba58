"""Cores: how many threads a computation may use here."""

from __future__ import annotations

import math
import os
from pathlib import Path

from gradatim.graph.errors import ArgumentError

MOST_THREADS = 1024


def cgroup_cores(root: str = "/") -> float:
    """How many cores the quotas of Linux control groups (versions 1 and 2) allow this process:
    infinity where there are none."""
    return min((_quota(group) for group in _cgroups(Path(root))), default=math.inf)


def _quota(group: Path) -> float:
    """Of one group: microseconds of computing in each period, by the length of the period."""
    for names in (["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]):
        try:
            quota, period = " ".join((group / name).read_text() for name in names).split()
            return int(quota) / int(period) if int(quota) > 0 else math.inf
        except (OSError, ValueError):  # not this version, or "max"
            continue
    return math.inf


def _cgroups(root: Path) -> list[Path]:
    """The folders of this process's control groups and of all above them, for any controller that
    may limit the processor. Inside a container the path is often the host's, and not there: then
    the root of the hierarchy is the container's own group."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            mounts = ["sys/fs/cgroup", "sys/fs/cgroup/unified"]
        elif "cpu" in controllers.split(","):
            mounts = ["sys/fs/cgroup/cpu", f"sys/fs/cgroup/{controllers}"]
        else:
            continue
        group = Path(path.lstrip("/"))
        for mount in mounts:
            found += [root / mount / part for part in (group, *group.parents)]
    return found


def default_threads() -> int:
    """`GRADATIM_NUM_THREADS`, or the cores that this process may use: its affinity, and the quota
    of its control group (rounded up)."""
    given = os.environ.get("GRADATIM_NUM_THREADS", "").strip()
    if given:
        if not (given.isascii() and given.isdigit() and 1 <= int(given) <= MOST_THREADS):
            raise ArgumentError(
                f"GRADATIM_NUM_THREADS is {given!r}: set it to a whole number from 1 to "
                f"{MOST_THREADS}, or unset it to use every core"
            )
        return int(given)
    if hasattr(os, "sched_getaffinity"):  # Linux
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = cgroup_cores()
    if quota < cores:
        cores = math.ceil(quota)
    return max(1, min(cores, MOST_THREADS))
