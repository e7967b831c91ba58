"""Share: of each batch, a host reads the rows that its own devices compute.

All hosts draw the same order. A batch whose rows do not divide among the devices is read whole by
all of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from gradatim import hosts
from gradatim.data import DataLoader
from gradatim.graph.errors import ArgumentError
from gradatim.mesh import DATA, Mesh
from gradatim.tensor import Tensor


class Share:
    """One host's part of the batches of a loader.

    Attributes:
        loader: hands out the host's rows.
    """

    def __init__(self, loader: DataLoader, mesh: Mesh, host: int, count: int) -> None:
        if loader.batch_sampler is None:
            raise ArgumentError(
                "training on several hosts needs data with rows that can be counted and batches: "
                "arrays, a Dataset, or a DataLoader with a batch size"
            )
        self.mesh, self.host, self.count = mesh, host, count
        self.batches = loader.batch_sampler
        self.divided: deque[bool] = deque()  # of the batches on their way, in order
        self.loader = DataLoader(
            loader.dataset,
            batch_sampler=self,
            num_workers=loader.num_workers,
            collate_fn=loader.collate_fn,
            generator=loader.generator,
            worker_init_fn=loader.worker_init_fn,
            prefetch_factor=loader.prefetch_factor,
        )

    @classmethod
    def of(cls, loader: DataLoader, mesh: Mesh) -> Share | None:
        """The share of this host; None where there are no others, or "data" does not part them."""
        host, count = hosts.process()
        if count == 1 or mesh.size(DATA) % count:
            return None
        return cls(loader, mesh, host, count)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        self.divided.clear()
        for rows in self.batches:
            divides = len(rows) % self.mesh.size(DATA) == 0
            self.divided.append(divides)
            each = len(rows) // self.count
            yield rows[each * self.host : each * (self.host + 1)] if divides else rows

    def join(self, batch: tuple[Tensor, ...]) -> Any:
        """The rows of all hosts as one batch on the mesh."""
        divided = self.divided.popleft()
        return tuple(self.mesh.batch(tensor, is_share=divided) for tensor in batch)
