"""Each mistake of `tests/mistakes/` under PyTorch: the same `except` catches both errors."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import gradatim as gd  # noqa: E402


def _load(path: Path) -> Any:
    """The module that reads the tables. (Test folders are no packages.)"""
    spec = importlib.util.spec_from_file_location("mistake_tables", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


tables = _load(Path(__file__).parents[1] / "test_mistakes.py")
folder = tables.folder


class Eager:
    """PyTorch, whose `compile` compiles nothing: that takes seconds, and wraps errors in others."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    def compile(self, function: Any) -> Any:
        return torch.compile(function, disable=True)


@pytest.mark.parametrize("mistake", tables.all_mistakes())
def test_class(mistake: Any, folder: Path) -> None:
    theirs = tables.error_of(mistake, Eager(), folder)
    ours = tables.error_of(mistake, gd, folder)
    assert isinstance(ours, _builtin(theirs)), f"theirs: {type(theirs).__name__}: {theirs}"


def _builtin(error: Exception) -> type[BaseException]:
    """The class of an error, or the nearest above it that is not PyTorch's own."""
    return next(c for c in type(error).__mro__ if not c.__module__.startswith("torch"))
