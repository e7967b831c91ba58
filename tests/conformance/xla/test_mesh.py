"""Many devices: eight virtual ones of the processor, in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax")

PROGRAM = Path(__file__).with_name("on_mesh.py")
WEIGHTS, BIASES = 4 * (784 * 400 + 400 * 200 + 200 * 10), 4 * (400 + 200 + 10)


def train(devices=8, **options):
    environment = os.environ | {
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(
        [sys.executable, PROGRAM, json.dumps(options)],
        env=environment, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def alone():
    return train()


@pytest.mark.parametrize(
    ("mesh", "parameters", "state"),
    [
        # all weights on each device; of Adam's two slots the large ones (not 200 × 10) in eighths
        ({"data": 8}, WEIGHTS + BIASES, 2 * ((WEIGHTS - 8000) / 8 + 8000 + BIASES)),
        ({"model": 2}, (WEIGHTS - 8000) / 2 + 8000 + BIASES, None),
        ({"data": 4, "model": 2}, (WEIGHTS - 8000) / 2 + 8000 + BIASES, None),
    ],
)
def test_losses_are_those_of_one_device_and_memory_falls(alone, mesh, parameters, state):
    found = train(mesh=mesh)
    assert len(found["losses"]) == 50
    assert found["losses"] == pytest.approx(alone["losses"], rel=1e-5)
    if state is None:
        state = 2 * ((WEIGHTS - 8000) / (mesh.get("data", 1) * 2) + 8000 + BIASES)
    devices = (
        set(found["memory"]["parameters"].values()),
        set(found["memory"]["optimizer"].values()),
    )
    assert devices == ({parameters}, {state})


def test_accumulated_gradients_are_those_of_the_whole_batch(alone):
    found = train(mesh={"data": 2}, accumulate=3)
    assert found["losses"] == pytest.approx(alone["losses"], rel=1e-5)


def test_what_is_asked_for_goes_before_the_default():
    found = train(mesh={"model": 2}, asked=[[0, [None, None]]], epochs=1)
    first = 4 * 784 * 400
    halves = (WEIGHTS - 8000 - first) / 2
    assert set(found["memory"]["parameters"].values()) == {first + halves + 8000 + BIASES}


def test_checkpoints_move_between_meshes(alone, tmp_path):
    run = str(tmp_path / "run")
    losses = train(mesh={"data": 4, "model": 2}, run_dir=run, epochs=2)["losses"]
    parts = [file.name for file in Path(run).glob("checkpoint-*")]
    assert parts == ["checkpoint-2-0.0-of-1.safetensors"]
    losses += train(mesh={"data": 2}, run_dir=run, epochs=4, resume=True)["losses"]
    losses += train(run_dir=run, epochs=5, resume=True)["losses"]
    assert losses == pytest.approx(alone["losses"], rel=1e-5)
    assert not list(Path(run).glob("checkpoint-*"))


def test_bf16_follows_float32_and_keeps_float32_weights(alone):
    found = train(mesh={"data": 2}, precision="bf16")
    assert found["losses"] == pytest.approx(alone["losses"], rel=2e-2)
    assert found["losses"] != pytest.approx(alone["losses"], rel=1e-5)
    assert set(found["memory"]["parameters"].values()) == {WEIGHTS + BIASES}


def test_too_few_devices_say_how_to_get_more():
    with pytest.raises(AssertionError, match=r"needs 16 devices, and JAX finds 8.*device_count=16"):
        train(mesh={"data": 16})
