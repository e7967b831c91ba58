"""Modules whose names are kept elsewhere in Gradatim, and what is said about a name that is not.

A front end's module has few names of its own. The others are found when they are first used, in
the modules of ours that it stands for, and then kept: so importing a front end imports nothing that
the program does not use, and a loop pays nothing for it.
"""

from __future__ import annotations

import dis
import functools
import importlib
import sys
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gradatim.graph.errors import Error, MissingName, nearest

_IMPORT_FROM = dis.opmap["IMPORT_FROM"]


class MissingModule(Error, ModuleNotFoundError):
    """A module of another framework's that its front end does not have."""


class MissingImport(Error, ImportError):
    """A name in `from MODULE import NAME` that a front end does not have."""


def look_in(
    public: str,
    own: dict[str, Any],
    places: Sequence[str] = (),
    hints: dict[str, str] | None = None,
    later: Sequence[str] = (),
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a module that stands for others.

    Args:
        public: the name that programs know the module by, such as `torch.nn`.
        own: the module's namespace; what is found is kept there.
        places: modules of ours, in the order in which they are searched. One that this version does
            not have is passed over.
        hints: what to say about names that are missing and often used.
        later: modules inside this one, which are imported when they are first named.

    Example:
        >>> namespace = {}
        >>> find, names = look_in("torch.optim", namespace, ["gradatim.optim"])
        >>> find("SGD").__name__, "Adam" in names()
        ('SGD', True)
        >>> find("Sgd")
        Traceback (most recent call last):
            ...
        gradatim.graph.errors.MissingName: Gradatim's front end has no torch.optim.Sgd: the \
nearest it has is torch.optim.SGD
    """
    hints = hints or {}

    def names() -> list[str]:
        kept = own.get("__all__") or [name for name in own if not name.startswith("_")]
        found = {*kept, *later}
        for place in places:
            found |= _exported(place)
        return sorted(found)

    def find(name: str) -> Any:
        if name.startswith("__"):
            if name == "__all__":
                return names()
            raise AttributeError(name)
        if name in later:
            return importlib.import_module(f"{own['__name__']}.{name}")
        for place in places:
            if name in _exported(place):
                own[name] = getattr(importlib.import_module(place), name)
                return own[name]
        text = f"Gradatim's front end has no {public}.{name}"
        if _is_from_import():
            raise MissingImport(_say(text, public, name, names, hints))
        raise MissingName(text, name, functools.partial(_say, text, public, name, names, hints))

    return find, names


def _say(
    text: str, public: str, name: str, names: Callable[[], Iterable[str]], hints: dict[str, str]
) -> str:
    if name in hints:
        return f"{text}: {hints[name]}"
    near = nearest(name, names())
    return f"{text}: the nearest it has is {public}.{near}" if near else text


def _is_from_import() -> bool:
    """Whether the name is asked for by `from MODULE import NAME`. Python turns an AttributeError
    there into words of its own, and lets an ImportError through."""
    frame = sys._getframe(2)
    code, place = frame.f_code.co_code, frame.f_lasti
    return 0 <= place < len(code) and code[place] == _IMPORT_FROM


@functools.cache
def _exported(place: str) -> frozenset[str]:
    """The public names of a module of ours."""
    try:
        module = importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is not None and place.startswith(error.name):
            return frozenset()
        raise
    listed = vars(module).get("__all__")
    if listed is not None and module.__name__.startswith(f"{__name__.rpartition('.')[0]}."):
        return frozenset(listed)  # a front end's own: as it says
    return frozenset(name for name in listed or dir(module) if _is_public(module, name))


def _is_public(module: types.ModuleType, name: str) -> bool:
    if name.startswith("_") or name == "annotations":
        return False
    value = vars(module).get(name)
    if isinstance(value, types.ModuleType):
        return value.__name__.startswith("gradatim")
    return not getattr(value, "__module__", "gradatim").startswith(("typing", "collections.abc"))


def make_rooms(package: str, public: str, table: dict[str, Sequence[str]]) -> None:
    """Make the modules of a table, each standing for modules of ours, inside a front end's package.

    Args:
        package: the package's full name in Gradatim.
        public: its name for programs.
        table: the modules' names below the package, and the places where their names are kept.
    """
    for name, places in table.items():
        full = f"{package}.{name}"
        module = types.ModuleType(full, f"{public}.{name}: see {' and '.join(places)}.")
        own = vars(module)
        own["__getattr__"], own["__dir__"] = look_in(f"{public}.{name}", own, places)
        own["__path__"] = []  # a package, so that modules below it can be imported
        own["__package__"] = full
        sys.modules[full] = module
    for name in table:
        parent, _, last = f"{package}.{name}".rpartition(".")
        setattr(sys.modules[parent], last, sys.modules[f"{package}.{name}"])


def own_names(module: str) -> list[str]:
    """What a module defines itself: for its `__all__`."""
    found = vars(sys.modules[module])
    return sorted(
        name
        for name, value in found.items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module
    )
