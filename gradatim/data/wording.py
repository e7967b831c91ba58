"""Phrases that messages and notes are made of."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def listed(names: Sequence[object], at_most: int = 6, word: str = "and") -> str:
    """Names in quotes, the middle left out of a long list.

    Example:
        >>> listed(["a"]), listed("abc"), listed("abcdefghij", 4)
        ("'a'", "'a', 'b' and 'c'", "'a', 'b', 'c', ... and 'j' (10 in all)")
    """
    shown = [repr(name) for name in names]
    if len(shown) > at_most:
        first, last = ", ".join(shown[: at_most - 1]), shown[-1]
        return f"{first}, ... {word} {last} ({len(shown):,} in all)"
    return f" {word} ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def nearest(name: str, known: Sequence[str], how_many: int = 3) -> str:
    """`did you mean 'a' or 'b'?`, or the known names if none is near.

    Example:
        >>> nearest("Label", ["label", "pixel0", "pixel1"])
        "did you mean 'label'?"
    """
    by_lower = {other.lower(): other for other in known}
    close = difflib.get_close_matches(name.lower(), by_lower, how_many, cutoff=0.6)
    if close:
        return f"did you mean {listed([by_lower[c] for c in close], how_many, 'or')}?"
    return f"the columns are {listed(known)}"


def counted(number: int, what: str) -> str:
    """The number with its noun: `1 row`, `1,200 rows`."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def about_medians(medians: dict[str, tuple[int, float]]) -> list[str]:
    """Notes on imputed columns: of each name, how many values were missing and what they became."""
    if len(medians) > 5:
        total = sum(count for count, _ in medians.values())
        return [
            f"{total:,} missing values in {len(medians)} columns replaced by the column's median: "
            f"{listed(list(medians))}"
        ]
    return [
        f"column {name!r}: {counted(count, 'missing value')} replaced by the median, {fill:g}"
        for name, (count, fill) in medians.items()
    ]


def about_missing_text(name: str, missing: int, categories: int) -> str:
    """A note on a text column with missing values."""
    values = counted(missing, "missing value")
    return f"column {name!r}: {values} encoded as none of its {categories} values"
