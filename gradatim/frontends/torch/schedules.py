"""The name that schedules of one's own derive from in programs of before 2022."""

from gradatim.optim.lr_scheduler import LRScheduler as _LRScheduler

__all__ = ["_LRScheduler"]
