"""`make deck`: every figure and picture of the deck. See `__main__.py`."""
