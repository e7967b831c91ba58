"""Operators that do not pass whole, and why. A test fails if one passes that is listed here."""

from __future__ import annotations

GAPS: dict[str, str] = {}
