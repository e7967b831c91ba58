"""Programs to run, in this process, in a temporary folder."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from gradatim.cli import main


@dataclass
class Said:
    """What a program answered."""

    status: int
    out: str
    err: str


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """`run("print(1)", "--flag")` writes the program to `program.py` and runs it.

    What stands before the text of the program are options of `gradatim run`.
    """
    monkeypatch.chdir(tmp_path)

    def run_text(text, *arguments, options=()):
        Path("program.py").write_text(text)
        try:
            status = main(["run", *options, "program.py", *arguments])
        except SystemExit as end:
            status = end.code
        captured = capsys.readouterr()
        return Said(status, captured.out, captured.err)

    return run_text


@pytest.fixture
def run_alone(tmp_path):
    """The same in a process of its own."""

    def run_text(text, *arguments, options=()):
        (tmp_path / "program.py").write_text(text)
        command = [sys.executable, "-m", "gradatim", "run", *options, "program.py", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        return Said(done.returncode, done.stdout, done.stderr)

    return run_text
