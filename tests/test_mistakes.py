"""What the person at the keyboard reads after a common mistake: every message, whole.

The tables lie in `mistakes/`, one file for each kind. A block there is a few lines that go wrong,
and the error they end in:

    x.view(4)
    ! ShapeError: shape '[4]' is invalid for input of size 6

The names in them are those that `names` gives. `conformance/test_mistakes.py` runs the same lines
under PyTorch, and asserts that it raises an error of the same class.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import pickle
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

import gradatim as gd

TABLES = Path(__file__).with_name("mistakes")
MARK = "! "


class Mistake(NamedTuple):
    code: str
    error: str  # `Class: message`


def read(table: Path) -> list[Mistake]:
    """The mistakes of one table."""
    found = []
    for block in table.read_text().split("\n\n"):
        lines = [line for line in block.strip("\n").split("\n") if not line.startswith("# ")]
        code = [line for line in lines if not line.startswith(MARK)]
        error = [line.removeprefix(MARK) for line in lines if line.startswith(MARK)]
        if code:
            found.append(Mistake("\n".join(code), "\n".join(error)))
    return found


def all_mistakes() -> list[Any]:
    return [
        pytest.param(mistake, id=f"{table.stem}: {mistake.code.splitlines()[0]}")
        for table in sorted(TABLES.glob("*.txt"))
        for mistake in read(table)
    ]


def names(library: Any, folder: Path) -> dict[str, Any]:
    """What the lines of a mistake may use. `t` is the library."""
    data = "data" if library is gd else "utils.data"
    return {
        "t": library,
        "nn": library.nn,
        "F": library.nn.functional,
        "optim": library.optim,
        "D": importlib.import_module(f"{library.__name__}.distributions"),
        "data": importlib.import_module(f"{library.__name__}.{data}"),
        "np": np,
        "copy": copy,
        "x": library.arange(6.0).reshape(2, 3),
        "y": library.arange(4.0),
        "n": library.arange(6).reshape(2, 3),
        "b": library.arange(6).reshape(2, 3) > 2,
        "g": library.ones(2, 3, requires_grad=True),
        "folder": folder,
    }


def error_of(mistake: Mistake, library: Any, folder: Path) -> Exception:
    """What a mistake raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(compile(mistake.code, "mistake", "exec"), names(library, folder))
        except Exception as error:
            return error
    raise AssertionError(f"no error: {mistake.code}")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a file of text, and a pickle that names code."""
    made = tmp_path_factory.mktemp("mistakes")
    (made / "notes.txt").write_text("not weights\n")
    (made / "pickled.pt").write_bytes(pickle.dumps(SimpleNamespace(weight=1)))
    return made


@pytest.mark.parametrize("mistake", all_mistakes())
def test_message(mistake: Mistake, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)  # as where it is not installed
    error = error_of(mistake, gd, folder)
    text = f"{type(error).__name__}: {error}".replace(str(folder), "FOLDER")
    assert text == mistake.error
    assert isinstance(error, gd.Error)


def test_there_are_more_than_a_hundred() -> None:
    assert len(all_mistakes()) > 130


# --- a value whose run went wrong ----------------------------------------------------------------

OUT_OF_RANGE = "index 4 is out of bounds for dimension 1 with size 3"


@pytest.fixture
def failed() -> gd.Tensor:
    """A tensor whose computation has failed."""
    source = gd.ones(2, 3, requires_grad=True) * 2
    places = gd.tensor([[0, 1, 4]]) * 1  # pending, so that nobody looks at them before the run
    result = source.gather(1, places)
    with pytest.raises(IndexError, match=OUT_OF_RANGE):
        result.tolist()
    return result


def test_a_failed_value_repeats_its_error(failed: gd.Tensor) -> None:
    with pytest.raises(IndexError, match=OUT_OF_RANGE):
        failed.tolist()


@pytest.mark.parametrize(
    "use",
    [
        lambda failed: (failed + 1).tolist(),
        lambda failed: (gd.ones(3, 1) @ failed)[0].exp().mean().item(),
        lambda failed: failed.sum().backward(),
        lambda failed: repr(failed * 2),
    ],
    ids=["sum", "chain", "backward", "repr"],
)
def test_what_is_computed_from_a_failed_value_repeats_its_error(failed: gd.Tensor, use: Any):
    with pytest.raises(IndexError, match=OUT_OF_RANGE):
        use(failed)


def test_what_is_pending_beside_a_failed_value_is_not_lost(failed: gd.Tensor) -> None:
    reader, other = failed + 1, gd.arange(3) * 2
    with pytest.raises(IndexError, match=OUT_OF_RANGE):
        gd.realize.flush()
    assert other.tolist() == [0, 2, 4]
    with pytest.raises(IndexError, match=OUT_OF_RANGE):
        reader.tolist()


def test_a_step_that_fails_leaves_the_weights_and_the_next_one_works() -> None:
    embedding = gd.nn.Embedding(3, 2)
    gd.nn.init.zeros_(embedding.weight)
    optimizer = gd.optim.SGD(embedding.parameters(), lr=0.5)
    for index in (1, 4, 1):
        optimizer.zero_grad()
        embedding(gd.tensor([index]) * 1).sum().backward()
        with contextlib.suppress(IndexError):
            optimizer.step()
    assert embedding.weight.tolist() == [[0, 0], [-1, -1], [0, 0]]
