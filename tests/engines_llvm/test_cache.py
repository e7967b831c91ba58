"""The cache of object code: found again, and never trusted further than it should be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradatim.engines.llvm import cache

DESCRIPTION = {"segments": ["run0"], "arena": 64, "cost": 1.5}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADATIM_CACHE", str(tmp_path))
    monkeypatch.delenv("GRADATIM_COMPILE_CACHE", raising=False)
    cache.folder.cache_clear()
    yield tmp_path / "code"
    cache.folder.cache_clear()


def test_what_was_written_is_read(place):
    cache.write("a", DESCRIPTION, b"code")
    assert cache.read("a") == (DESCRIPTION, b"code")
    assert cache.read("b") is None
    assert [path.name for path in place.iterdir()] == ["a"]  # nothing half-written beside it


@pytest.mark.parametrize("cut", [0, 5, 30, 60, -1])
def test_a_truncated_entry_is_passed_over(place, cut):
    cache.write("a", DESCRIPTION, b"code" * 100)
    content = (place / "a").read_bytes()
    (place / "a").write_bytes(content[:cut])
    assert cache.read("a") is None


@pytest.mark.parametrize("where", [0, 20, 60, -1])
def test_an_entry_with_one_wrong_bit_is_passed_over(place, where):
    cache.write("a", DESCRIPTION, b"code" * 100)
    content = bytearray((place / "a").read_bytes())
    content[where] ^= 1
    (place / "a").write_bytes(content)
    assert cache.read("a") is None


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no such modes")
def test_what_others_could_have_written_is_passed_over(place):
    cache.write("a", DESCRIPTION, b"code")
    (place / "a").chmod(0o666)
    assert cache.read("a") is None
    (place / "a").chmod(0o600)
    assert cache.read("a") is not None
    place.chmod(0o777)
    cache.folder.cache_clear()
    assert cache.folder() is None and cache.read("a") is None


def test_it_can_be_switched_off(place, monkeypatch):
    cache.write("a", DESCRIPTION, b"code")
    monkeypatch.setenv("GRADATIM_COMPILE_CACHE", "0")
    cache.folder.cache_clear()
    assert cache.read("a") is None


def test_the_longest_unused_entries_go_first(place, monkeypatch):
    for k, name in enumerate("abc"):
        cache.write(name, DESCRIPTION, b"x" * 1000)
        os.utime(place / name, (k, k))
    assert cache.read("a") is not None  # used: now b is the oldest
    monkeypatch.setattr(cache, "MOST_BYTES", 2500)
    monkeypatch.setattr(cache, "_written", 0)
    cache.write("d", DESCRIPTION, b"")
    assert cache.read("b") is None
    assert cache.read("a") is not None and cache.read("d") is not None


def test_the_name_depends_on_the_program_and_on_the_compiler(monkeypatch):
    one = cache.entry_name("program")
    assert one == cache.entry_name("program") != cache.entry_name("another")
    monkeypatch.setattr(cache, "compiler_digest", lambda: "of another version")
    assert cache.entry_name("program") != one


STEP = """
import gradatim as gd
from gradatim.engines.llvm import executable
model = gd.nn.Linear(5, 3)
optimizer = gd.optim.SGD(model.parameters(), lr=0.1)
@gd.compile
def step(x):
    optimizer.zero_grad()
    loss = (model(x) ** 2).mean()
    loss.backward()
    optimizer.step()
    return loss
gd.manual_seed(0)
print([step(gd.ones(4, 5)).item() for _ in range(3)])
print(executable.compiled)
"""


def test_a_second_start_compiles_nothing_and_gives_the_same(tmp_path):
    environment = os.environ | {
        "GRADATIM_CACHE": str(tmp_path),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    environment.pop("GRADATIM_COMPILE_CACHE", None)

    def start() -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", "import gradatim as gd; gd.manual_seed(0)\n" + STEP],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.splitlines()

    (cold, first), (warm, second) = start(), start()
    assert cold == warm
    assert int(first) > 0 and int(second) == 0
