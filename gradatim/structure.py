"""Dicts that count their changes: a Module's parameters, buffers and submodules, and what an
optimizer remembers.

A compiled step is right only while the modules it ran and its optimizer have what they had. Looking
at all of it before each call takes longer than a small step itself, so every change is counted in
`state.structure`, and a step looks again when the count is another.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from gradatim.realize import state

TABLES = ("_parameters", "_modules", "_buffers")


class _Counted:
    """The methods of a dict that change it. Counted is what has been done: who saw the count before
    has seen the dict before."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)  # type: ignore[misc]
        state.structure += 1

    def __delitem__(self, key: Any) -> None:
        super().__delitem__(key)  # type: ignore[misc]
        state.structure += 1

    def __ior__(self, other: Any) -> Any:
        self.update(other)
        return self

    def pop(self, *args: Any) -> Any:
        value = super().pop(*args)  # type: ignore[misc]
        state.structure += 1
        return value

    def popitem(self) -> tuple[Any, Any]:
        item: tuple[Any, Any] = super().popitem()  # type: ignore[misc]
        state.structure += 1
        return item

    def setdefault(self, *args: Any) -> Any:
        value = super().setdefault(*args)  # type: ignore[misc]
        state.structure += 1
        return value

    def update(self, *args: Any, **kwargs: Any) -> None:
        super().update(*args, **kwargs)  # type: ignore[misc]
        state.structure += 1

    def clear(self) -> None:
        super().clear()  # type: ignore[misc]
        state.structure += 1


class Table(_Counted, dict[Any, Any]):
    """A dict, in all but that its changes are counted."""


class TableOfTables(_Counted, defaultdict[Any, Any]):
    """A `defaultdict(dict)`, in all but that its changes, and those of what it makes, are
    counted."""

    def __init__(self, *args: Any) -> None:  # (copy and pickle give a defaultdict's arguments)
        super().__init__(Table, *args[1:])

    @property
    def counts_all(self) -> bool:
        """Whether changes of the entries are counted as well: somebody may have put in a dict."""
        return all(type(entry) is Table for entry in self.values())


def counts_changes(module: Any) -> bool:
    """Whether every change of a module's members and of its mode is counted: not if a subclass
    works out its mode, or somebody put plain dicts in place of the tables.
    """
    own = vars(module)
    return "training" in own and all(type(own[table]) is Table for table in TABLES)
