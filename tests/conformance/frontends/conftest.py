"""Programs, run by Gradatim and by PyTorch, one after the other in this process."""

import contextlib
import io
import sys
from pathlib import Path

import pytest

import gradatim as gd
from gradatim.cli import main

torch = pytest.importorskip("torch")

PROGRAMS = Path(__file__).parents[2] / "frontends"


@pytest.fixture(autouse=True)
def _default_dtypes():
    yield
    gd.set_default_dtype(gd.float32)
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def ours(tmp_path, monkeypatch):
    """`ours(text, *arguments)` gives what a program prints under Gradatim."""
    monkeypatch.chdir(tmp_path)

    def run(text, *arguments):
        Path("program.py").write_text(text)
        said, wrong = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
            status = main(["run", "program.py", *arguments])
        assert status == 0, wrong.getvalue()
        return said.getvalue()

    return run


@pytest.fixture
def both(ours, monkeypatch):
    """`both(text)` gives the lines that a program prints under Gradatim, and under PyTorch.

    PyTorch of today takes no index of a number: there the program says `.item()`.
    """

    def run(text, *arguments):
        first = ours(text, *arguments).splitlines()
        said = io.StringIO()
        monkeypatch.setattr(sys, "argv", ["program.py", *arguments])
        with contextlib.redirect_stdout(said):
            text = text.replace("loss.data[0]", "loss.item()")
            exec(compile(text, "program.py", "exec"), {"__name__": "__main__"})
        return first, said.getvalue().splitlines()

    return run


@pytest.fixture
def program():
    """The text of a program, `deck/mnist.py` or `today/lstm.py`."""
    return lambda name: (PROGRAMS / name).read_text()
