"""`import torch`, `import torchvision`, `import tensorflow`: for a while, the front ends.

The finder is put first on `sys.meta_path`, and taken away again; with it go the modules that it
found. Under each of a module's names (`torch.nn`, and its own, `gradatim.frontends.torch.nn`) there
is one module object.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Iterator, Sequence

from gradatim.frontends.names import MissingModule
from gradatim.graph.errors import nearest

HOME = "gradatim.frontends"
FRAMEWORKS = ("torch", "torchvision", "tensorflow")


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the frameworks' modules among the front ends."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] not in FRAMEWORKS:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        name = module.__name__
        try:
            found = importlib.import_module(f"{HOME}.{name}")
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith(HOME):
                raise
            raise MissingModule(_what_is_missing(name), name=name) from None
        sys.modules[name] = found


def _what_is_missing(name: str) -> str:
    """The message for a module that is not there."""
    home = importlib.import_module(f"{HOME}.{name.partition('.')[0]}")
    text = f"Gradatim's front end has no module {name}"
    with contextlib.suppress(ImportError):
        hints = importlib.import_module(f"{home.__name__}.hints").HINTS
        if name.split(".")[1] in hints:
            return f"{text}: {hints[name.split('.')[1]]}"
    there = [m.removeprefix(f"{HOME}.") for m in sys.modules if m.startswith(f"{home.__name__}.")]
    near = nearest(name, there)
    return f"{text}: the nearest it has is {near}" if near else text


@contextlib.contextmanager
def frameworks() -> Iterator[None]:
    """Inside, the frameworks' names are the front ends'; outside, they are what they were."""
    finder = Finder()
    before = {name: module for name, module in sys.modules.items() if _is_framework(name)}
    for name in before:
        del sys.modules[name]
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if _is_framework(name)]:
            del sys.modules[name]
        sys.modules.update(before)


def _is_framework(name: str) -> bool:
    return name.partition(".")[0] in FRAMEWORKS
