"""Many hosts: processes on this machine that find each other by loopback."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("jax")

PROGRAM = Path(__file__).with_name("on_mesh.py")


def start(count, devices, **options):
    port = random.randrange(20000, 50000)
    names = ",".join(f"127.0.0.1:{port + k}" for k in range(count))
    environment = os.environ | {
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "GRADATIM_HOSTS": names,
    }
    if count == 1:
        del environment["GRADATIM_HOSTS"]
    workers = [
        subprocess.Popen(
            [sys.executable, PROGRAM, json.dumps(options)],
            env=environment | {"GRADATIM_PROCESS": str(k)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for k in range(count)
    ]
    return workers, names.split(",")


def finish(workers):
    found = []
    for worker in workers:
        out, err = worker.communicate(timeout=180)
        assert worker.returncode == 0, err
        found.append(json.loads(out.splitlines()[-1]))
    return found


@pytest.fixture(scope="module")
def alone():
    return finish(start(1, 1)[0])[0]


@pytest.mark.parametrize(
    ("count", "devices", "mesh"), [(2, 1, {"data": 2}), (4, 2, {"data": 4, "model": 2})]
)
def test_losses_are_those_of_one_process(alone, count, devices, mesh):
    for found in finish(start(count, devices, mesh=mesh)[0]):
        assert found["losses"] == pytest.approx(alone["losses"], rel=1e-5)


@pytest.mark.parametrize("victim", [0, 1])
def test_a_lost_host_is_named_and_fewer_go_on(alone, tmp_path, victim):
    run = tmp_path / "run"
    workers, names = start(2, 1, mesh={"data": 2}, epochs=2000, run_dir=str(run))
    deadline = time.monotonic() + 90
    while not (run / "checkpoint.safetensors").exists():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    workers[victim].send_signal(signal.SIGKILL)
    killed = time.monotonic()
    _, said = workers[1 - victim].communicate(timeout=30)
    assert time.monotonic() - killed < 30 and workers[1 - victim].returncode != 0
    (line,) = [one for one in said.splitlines() if one.startswith("gradatim:")]
    assert f"{names[victim]} (process {victim} of 2) is lost" in line
    done = len((run / "metrics.jsonl").read_text().splitlines())
    (found,) = finish(
        start(1, 1, mesh={"data": 1}, epochs=done + 1, run_dir=str(run), resume=True)[0]
    )
    assert len(found["losses"]) >= 10
