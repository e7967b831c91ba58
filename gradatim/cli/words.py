"""Reading what a person typed: choices with the nearest one suggested, lists, checks."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from gradatim.graph.errors import ArgumentError


def choose(what: str, given: str, choices: Iterable[str]) -> str:
    """The choice that was meant; upper case and hyphens do not matter.

    Example:
        >>> choose("loss", "Cross-Entropy", ["mse", "cross_entropy"])
        'cross_entropy'
    """
    choices = list(choices)
    found = given.strip().lower().replace("-", "_")
    if found in choices:
        return found
    near = difflib.get_close_matches(found, choices, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ArgumentError(f"there is no {what} {given!r}: {hint}choose from {', '.join(choices)}")


def numbers(option: str, given: str) -> list[int]:
    """Whole numbers separated by commas, each at least 1; "none" for none.

    Example:
        >>> numbers("--hidden", "1000,500,100"), numbers("--hidden", "none")
        ([1000, 500, 100], [])
    """
    if given.strip().lower() in ("", "none", "0"):
        return []
    try:
        found = [int(part) for part in given.split(",")]
    except ValueError:
        found = [0]
    if min(found) < 1:
        raise ArgumentError(
            f"{option} is {given!r}: expected whole numbers of 1 and more, such as 1000,500,100, "
            "or none"
        )
    return found


def names(given: str | None) -> list[str]:
    """Column names separated by commas.

    Example:
        >>> names("LONGITUDE, LATITUDE"), names(None)
        (['LONGITUDE', 'LATITUDE'], [])
    """
    if given is None:
        return []
    return [part.strip() for part in given.split(",") if part.strip()]
