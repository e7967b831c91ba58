"""A command line to run in a temporary folder, in this process."""

from dataclasses import dataclass

import pytest

from gradatim.cli import main


@dataclass
class Said:
    """What a command answered."""

    status: int
    out: str
    err: str


@pytest.fixture
def gradatim(tmp_path, monkeypatch, capsys):
    """`gradatim("train", "data.csv")` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Said(status, captured.out, captured.err)

    return run


@pytest.fixture
def refused(gradatim):
    """Run a command that must be refused in one line with exit status 2, and give that line."""

    def run(*arguments):
        said = gradatim(*arguments)
        assert said.status == 2, said
        assert said.err.startswith("gradatim: ")
        assert said.err.count("\n") == 1, said.err
        assert "Traceback" not in said.out + said.err
        return said.err.strip()

    return run


@pytest.fixture
def table(tmp_path):
    """Writes 150 rows of flowers that a straight line separates, and gives the file's name."""
    import numpy as np

    generator = np.random.default_rng(0)
    x = generator.normal(size=(150, 2))

    def write(name="flowers.csv"):
        rows = [f"{a:.4f},{b:.4f},{'rose' if a + b > 0 else 'lily'}" for a, b in x]
        (tmp_path / name).write_text("length,width,kind\n" + "\n".join(rows) + "\n")
        return name

    return write


@pytest.fixture
def run(gradatim, table):
    """A trained run on `flowers.csv`."""
    said = gradatim("train", table(), "--target", "kind", "--epochs", "15", "--output", "run")
    assert said.status == 0, said
    return "run"
