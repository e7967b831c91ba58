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
    """The methods of a dict that change it."""

    def __setitem__(self, key: Any, value: Any) -> None:
        state.structure += 1
        super().__setitem__(key, value)  # type: ignore[misc]

    def __delitem__(self, key: Any) -> None:
        state.structure += 1
        super().__delitem__(key)  # type: ignore[misc]

    def __ior__(self, other: Any) -> Any:
        state.structure += 1
        return super().__ior__(other)  # type: ignore[misc]

    def pop(self, *args: Any) -> Any:
        state.structure += 1
        return super().pop(*args)  # type: ignore[misc]

    def popitem(self) -> tuple[Any, Any]:
        state.structure += 1
        return super().popitem()  # type: ignore[misc,no-any-return]

    def setdefault(self, *args: Any) -> Any:
        state.structure += 1
        return super().setdefault(*args)  # type: ignore[misc]

    def update(self, *args: Any, **kwargs: Any) -> None:
        state.structure += 1
        super().update(*args, **kwargs)  # type: ignore[misc]

    def clear(self) -> None:
        state.structure += 1
        super().clear()  # type: ignore[misc]


class Table(_Counted, dict[Any, Any]):
    """A dict, in all but that its changes are counted."""


class TableOfTables(_Counted, defaultdict[Any, Any]):
    """A `defaultdict(dict)`, in all but that its changes, and those of what it makes, are
    counted."""

    def __init__(self, *args: Any) -> None:
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
