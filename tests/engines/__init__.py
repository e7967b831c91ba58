"""Engines against each other: random programs, directed cases, guarded memory."""
