"""How many threads are used: from the environment, the cores allowed, and control groups."""

import math
import os

import pytest

from gradatim.engines.llvm import cores
from gradatim.graph.errors import ArgumentError


def test_the_number_of_threads_from_the_environment(monkeypatch):
    for text, count in {"1": 1, "3": 3, " 8 ": 8, "1024": 1024}.items():
        monkeypatch.setenv("GRADATIM_NUM_THREADS", text)
        assert cores.default_threads() == count
    monkeypatch.setenv("GRADATIM_NUM_THREADS", "")
    assert 1 <= cores.default_threads() <= (os.cpu_count() or 1)


@pytest.mark.parametrize("text", ["two", "0", "-1", "1.5", "1025", "²", "1e1", "99999999999999"])
def test_nonsense_in_the_environment(monkeypatch, text):
    monkeypatch.setenv("GRADATIM_NUM_THREADS", text)
    expected = (
        f"GRADATIM_NUM_THREADS is {text!r}: set it to a whole number from 1 to 1024, "
        "or unset it to use every core"
    )
    with pytest.raises(ArgumentError) as caught:
        cores.default_threads()
    assert str(caught.value) == expected


CGROUPS = {
    "version 2": ("0::/a/b", {"a/b/cpu.max": "150000 100000", "cpu.max": "max 100000"}, 1.5),
    "version 2, above": (
        "0::/a/b",
        {"a/b/cpu.max": "max 100000", "a/cpu.max": "50000 100000"},
        0.5,
    ),
    "version 2, the host's path": ("0::/docker/xyz", {"cpu.max": "300000 100000"}, 3),
    "version 1": (
        "4:memory:/x\n3:cpu,cpuacct:/x",
        {"cpu/x/cpu.cfs_quota_us": "200000", "cpu/x/cpu.cfs_period_us": "100000"},
        2,
    ),
    "version 1, none": (
        "1:cpu:/\n0::/",
        {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
        math.inf,
    ),
    "nonsense": ("what\n0::/", {"cpu.max": "much\n"}, math.inf),
}


@pytest.mark.parametrize("lines, files, count", CGROUPS.values(), ids=CGROUPS.keys())
def test_the_quota_of_the_control_group(tmp_path, lines, files, count):
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(lines + "\n")
    for name, text in files.items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert cores.cgroup_cores(str(tmp_path)) == count


def test_no_control_groups(tmp_path):
    assert cores.cgroup_cores(str(tmp_path)) == math.inf
