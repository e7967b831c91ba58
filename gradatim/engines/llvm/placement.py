"""Placement: temporaries share one arena, by liveness."""

from __future__ import annotations

import numpy as np

from gradatim.engines.llvm.kernels import TEMPORARY, Launch, Storage

ALIGNMENT = 64


def _place_temporaries(launches: list[Launch]) -> int:
    """Give each temporary a place: memory that nobody reads any more is used again."""
    spans: dict[Storage, list[int]] = {}
    for k, launch in enumerate(launches):
        for storage in launch.reads:
            if storage.kind == TEMPORARY:
                spans.setdefault(storage, [k, k])[1] = k
    begin, end, born, died = (np.zeros(len(spans), np.int64) for _ in range(4))
    total = 0
    for count, (storage, (first, last)) in enumerate(
        sorted(spans.items(), key=lambda item: -item[0].nbytes)
    ):
        size = -(-storage.nbytes // ALIGNMENT) * ALIGNMENT
        (alive,) = np.nonzero((born[:count] <= last) & (died[:count] >= first))
        alive = alive[np.argsort(begin[alive])]
        ends = np.maximum.accumulate(np.concatenate([[0], end[alive]]))
        gaps = np.nonzero(begin[alive] - ends[:-1] >= size)[0]
        offset = int(ends[gaps[0]] if len(gaps) else ends[-1])
        storage.offset = offset
        begin[count], end[count], born[count], died[count] = offset, offset + size, first, last
        total = max(total, offset + size)
    return total
