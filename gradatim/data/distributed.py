"""DistributedSampler: the share of one of several processes that train together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized

from gradatim.data.samplers import Sampler
from gradatim.graph.errors import ArgumentError


class DistributedSampler(Sampler[int]):
    """Every `num_replicas`-th index, starting from `rank`; all ranks shuffle alike.

    Args:
        dataset: what is to be read; only its length is used.
        num_replicas: how many processes there are.
        rank: which one this is, 0 to num_replicas - 1.
        shuffle: a new random order each epoch, drawn from seed + epoch.
        seed: the same in all processes.
        drop_last: where the length does not divide, leave the rest out; else some come twice.

    Raises:
        ArgumentError: the rank is out of range; the number of processes is not given.

    Example:
        >>> [list(DistributedSampler(range(5), 2, rank, shuffle=False)) for rank in (0, 1)]
        [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise ArgumentError(
                "DistributedSampler needs num_replicas and rank: this process does not know of "
                "others it trains with"
            )
        if not 0 <= rank < num_replicas:
            raise ArgumentError(
                f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = seed
        size = len(dataset)
        if drop_last and size % num_replicas:
            self.num_samples = math.ceil((size - num_replicas) / num_replicas)
        else:
            self.num_samples = math.ceil(size / num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        from gradatim.random import Generator

        size = len(self.dataset)
        indices = list(range(size))
        if self.shuffle:
            generator = Generator().manual_seed(self.seed + self.epoch)
            indices = generator.permutation(size).tolist()
        if self.drop_last:
            indices = indices[: self.total_size]
        elif indices:
            repeats = math.ceil(self.total_size / size)
            indices = (indices * repeats)[: self.total_size]
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch begins, in all processes: it decides the order."""
        self.epoch = epoch
