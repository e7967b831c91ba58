"""Signals: so far the windows."""

from gradatim.signal import windows

__all__ = ["windows"]
