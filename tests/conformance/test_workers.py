"""Worker processes against PyTorch's: the same batches in the same order, the same streams."""

from __future__ import annotations

import random

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
import torch.utils.data as torch_data

import gradatim as gd
from gradatim import data as gd_data

BOTH = [(gd, gd_data), (torch, torch_data)]
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")


def of_both(script):
    """What a script prints in either library."""
    found = []
    for library, data in BOTH:
        library.manual_seed(7)
        result = script(library, data)
        after = library.rand(()).item()  # the default stream is at the same place
        found.append((result, after))
    return found


def tolist(value):
    if hasattr(value, "tolist"):
        return value.tolist()
    return [tolist(item) for item in value] if isinstance(value, (list, tuple)) else value


def noisy(data, library, size=9):
    class Noisy(data.Dataset):
        def __len__(self):
            return size

        def __getitem__(self, i):
            return (
                i,
                random.random(),
                np.random.rand(),
                library.rand(2),
                data.get_worker_info().seed,
            )

    return Noisy()


def shares(data, n=11):
    class Share(data.IterableDataset):
        def __iter__(self):
            info = data.get_worker_info()
            # Uneven shares: worker 0 ends first.
            mine = [i for i in range(n) if (i * i) % info.num_workers == info.id]
            return iter(mine)

    return Share()


SCRIPTS = {
    "streams": lambda t, d: tolist(list(d.DataLoader(noisy(d, t), 2, True, num_workers=3))),
    "two epochs": lambda t, d: [
        tolist(list(loader)) for loader in [d.DataLoader(noisy(d, t), 2, True, num_workers=2)] * 2
    ],
    "persistent": lambda t, d: [
        tolist(list(loader))
        for loader in [
            d.DataLoader(noisy(d, t), 2, True, num_workers=2, persistent_workers=True)
        ]
        * 3
    ],
    "own generator": lambda t, d: tolist(
        list(
            d.DataLoader(
                noisy(d, t), 2, True, num_workers=2, generator=t.Generator().manual_seed(3)
            )
        )
    ),
    "prefetch": lambda t, d: tolist(
        list(
            d.DataLoader(
                noisy(d, t, 20), None, num_workers=2, prefetch_factor=1,
                sampler=d.WeightedRandomSampler([1.0] * 20, 20),
            )
        )
    ),
    "shares": lambda t, d: tolist(list(d.DataLoader(shares(d), 2, num_workers=3))),
    "shares without batches": lambda t, d: tolist(
        list(d.DataLoader(shares(d), None, num_workers=2, prefetch_factor=3))
    ),
    "shares of full batches": lambda t, d: tolist(
        list(d.DataLoader(shares(d, 23), 3, num_workers=3, drop_last=True))
    ),
    "shares in two epochs": lambda t, d: [
        tolist(list(loader))
        for loader in [d.DataLoader(shares(d), 2, num_workers=3, persistent_workers=True)] * 2
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_workers(name):
    ours, theirs = of_both(SCRIPTS[name])
    assert ours == theirs


@pytest.mark.parametrize("size", [1, 5, 10, 11])
@pytest.mark.parametrize("options", [{}, {"drop_last": True}, {"shuffle": False}, {"seed": 5}])
def test_distributed_samplers(size, options):
    for rank in range(3):
        ours, theirs = (
            data.DistributedSampler(range(size), 3, rank, **options)
            if data is gd_data
            else data.distributed.DistributedSampler(range(size), 3, rank, **options)
            for data in (gd_data, torch_data)
        )
        for epoch in range(2):
            ours.set_epoch(epoch)
            theirs.set_epoch(epoch)
            assert list(ours) == list(theirs) and len(ours) == len(theirs)


def test_stacked_data_sets():
    for script in (
        lambda d: d.StackDataset("abc", [1, 2, 3])[2],
        lambda d: d.StackDataset(x="abc", y=[1, 2, 3])[0],
        lambda d: d.StackDataset("abc", [1, 2, 3]).__getitems__([2, 0]),
        lambda d: len(d.StackDataset("abc")),
        lambda d: tolist([x for _, x in d.DataLoader(d.StackDataset("abc", [1, 2, 3]), 2)]),
    ):
        assert script(gd_data) == script(torch_data)
    for script in (
        lambda d: d.StackDataset(),
        lambda d: d.StackDataset("abc", "ab"),
        lambda d: d.StackDataset("abc", x="abc"),
    ):
        for data in (gd_data, torch_data):
            with pytest.raises(ValueError):
                script(data)


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), IndexError("x"), OSError("x")])
def test_errors_in_workers_have_the_same_type_and_place(error):
    texts = []
    for _, data in BOTH:

        class Broken(data.Dataset):
            def __len__(self):
                return 3

            def __getitem__(self, index):
                raise error

        with pytest.raises(type(error)) as caught:
            list(data.DataLoader(Broken(), num_workers=2))
        texts.append(str(caught.value).splitlines()[:2])
    assert texts[0] == texts[1]
