"""DataLoader: batches, their order, and when random numbers are drawn."""

from __future__ import annotations

import numpy as np
import pytest

import gradatim as gd
from gradatim.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, ShapeError


class Noise(Dataset):
    """Item i is i and a number from the default stream."""

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return index, gd.rand(()).item()


class Count(IterableDataset):
    def __init__(self, stop):
        self.stop = stop

    def __iter__(self):
        return iter(range(self.stop))


class CountOfKnownLength(Count):
    def __len__(self):
        return self.stop


def tolist(loader) -> list:
    return [batch.tolist() for batch in loader]


def drawn_words(action) -> int:
    """How many words of the default stream an action draws."""
    gd.manual_seed(0)
    action()
    after = gd.default_generator.words(1)[0]
    gd.manual_seed(0)
    return gd.default_generator.words(100_000).tolist().index(after)


# --- batches --------------------------------------------------------------------------------------


def test_the_last_batch_may_be_shorter_or_dropped():
    assert tolist(DataLoader(range(5), batch_size=2)) == [[0, 1], [2, 3], [4]]
    assert tolist(DataLoader(range(5), batch_size=2, drop_last=True)) == [[0, 1], [2, 3]]
    assert tolist(DataLoader(range(3), batch_size=100)) == [[0, 1, 2]]
    assert tolist(DataLoader(range(2))) == [[0], [1]]
    assert tolist(DataLoader([], batch_size=2)) == []


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("size", [1, 4, 5, 8])
def test_the_length_is_the_number_of_batches(size, drop_last):
    for data in (range(size), CountOfKnownLength(size)):
        loader = DataLoader(data, batch_size=4, drop_last=drop_last)
        assert len(loader) == len(list(loader))
    with pytest.raises(TypeError):
        len(DataLoader(Count(size), batch_size=4))


def test_without_batches_each_sample_comes_by_itself():
    assert list(DataLoader([1, 2.5, "a"], batch_size=None)) == [1, 2.5, "a"]
    (array,) = DataLoader([np.ones(2)], batch_size=None)
    assert (array.tolist(), array.dtype) == ([1, 1], gd.float64)


def test_batches_from_a_sampler_s_lists_without_batches():
    data = TensorDataset(gd.arange(6))
    loader = DataLoader(data, batch_size=None, sampler=BatchSampler(range(6), 4, False))
    assert [batch[0].tolist() for batch in loader] == [[0, 1, 2, 3], [4, 5]]


def test_own_samplers_and_collate_functions():
    assert tolist(DataLoader("abcd", sampler=[2, 0], collate_fn=lambda b: gd.tensor(len(b)))) == [
        1,
        1,
    ]
    assert list(DataLoader("abcd", batch_sampler=[[3, 0], [1]])) == [["d", "a"], ["b"]]


def test_getitems_fetches_a_batch_at_once():
    class Squares:
        def __getitems__(self, indices):
            return [i * i for i in indices]

        def __len__(self):
            return 4

    assert tolist(DataLoader(Squares(), batch_size=3)) == [[0, 1, 4], [9]]


def test_iterable_data_sets():
    assert tolist(DataLoader(Count(5), batch_size=2)) == [[0, 1], [2, 3], [4]]
    assert tolist(DataLoader(Count(5), batch_size=2, drop_last=True)) == [[0, 1], [2, 3]]
    assert list(DataLoader(Count(3), batch_size=None)) == [0, 1, 2]
    # Each worker has the whole.
    assert tolist(DataLoader(Count(3), batch_size=2, num_workers=2)) == [[0, 1], [0, 1], [2], [2]]
    loader = DataLoader(Count(3), batch_size=2)
    assert tolist(loader) == tolist(loader)


# --- tensors --------------------------------------------------------------------------------------


def test_tensor_datasets_give_the_rows_of_the_batch():
    x, y = gd.arange(12.0).reshape(6, 2), gd.arange(6)
    loader = DataLoader(TensorDataset(x, y), batch_size=4, sampler=[5, 0, 3, 3, 1])
    (first_x, first_y), (last_x, last_y) = loader
    assert first_x.tolist() == [[10, 11], [0, 1], [6, 7], [6, 7]]
    assert (first_y.tolist(), first_y.dtype) == ([5, 0, 3, 3], gd.int64)
    assert (last_x.tolist(), last_y.tolist()) == ([[2, 3]], [1])


def test_a_batch_is_a_copy():
    x = gd.zeros(4)
    for (batch,) in DataLoader(TensorDataset(x), batch_size=2):
        batch.add_(1)
    assert x.tolist() == [0, 0, 0, 0]


def test_a_batch_is_made_of_the_values_at_that_time():
    x = gd.zeros(4)
    batches = iter(DataLoader(TensorDataset(x), batch_size=2))
    (first,) = next(batches)
    x.add_(1)
    (second,) = next(batches)
    assert (first.tolist(), second.tolist()) == ([0, 0], [1, 1])


def test_gradients_reach_the_tensors_of_the_data_set():
    x = gd.ones(4, requires_grad=True)
    for (batch,) in DataLoader(TensorDataset(x), batch_size=3):
        (batch * 2).sum().backward()
    assert x.grad.tolist() == [2, 2, 2, 2]


def test_a_subclass_decides_what_an_item_is():
    class Doubled(TensorDataset):
        def __getitem__(self, index):
            return super().__getitem__(index)[0] * 2

    assert tolist(DataLoader(Doubled(gd.arange(3)), batch_size=3)) == [[0, 2, 4]]
    assert tolist(DataLoader(Subset(Doubled(gd.arange(3)), [2, 1]), batch_size=3)) == [[4, 2]]


def test_a_subclass_of_subset_decides_too():
    class Negative(Subset):
        def __getitem__(self, index):
            return -super().__getitem__(index)[0]

    data = Negative(TensorDataset(gd.arange(5)), [4, 2])
    assert tolist(DataLoader(data, batch_size=2)) == [[-4, -2]]


def test_subsets_of_tensor_datasets():
    data = Subset(Subset(TensorDataset(gd.arange(10)), [9, 7, 5, 3]), [3, 0, 2])
    assert [b.tolist() for (b,) in DataLoader(data, batch_size=2)] == [[3, 9], [5]]


def test_a_batch_is_computed_when_it_is_handed_out():
    class Lazy(Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return {"x": [gd.ones(2) + index]}

    batch = next(iter(DataLoader(Lazy(), batch_size=2)))
    assert batch["x"][0]._cell.node.buffer is not None
    own = next(iter(DataLoader(Lazy(), collate_fn=lambda samples: samples[0]["x"][0] * 2)))
    assert own._cell.node.buffer is not None


# --- random numbers -------------------------------------------------------------------------------


def test_each_epoch_draws_a_base_seed_and_shuffling_another():
    assert drawn_words(lambda: list(DataLoader(range(4)))) == 2
    assert drawn_words(lambda: iter(DataLoader(range(4), shuffle=True))) == 2
    assert drawn_words(lambda: next(iter(DataLoader(range(4), shuffle=True)))) == 4
    assert drawn_words(lambda: list(DataLoader(range(4), shuffle=True))) == 4
    own = gd.Generator().manual_seed(0)
    assert drawn_words(lambda: list(DataLoader(range(4), shuffle=True, generator=own))) == 0


def test_the_shuffled_order_of_seed_0():
    gd.manual_seed(0)
    loader = DataLoader(range(10), batch_size=5, shuffle=True)
    # torch.manual_seed(0), twice through the same loader
    assert tolist(loader) == [[6, 7, 1, 4, 2], [0, 9, 8, 3, 5]]
    assert tolist(loader) == [[2, 4, 7, 0, 8], [9, 5, 3, 6, 1]]


def test_transforms_draw_from_the_default_stream_in_order():
    gd.manual_seed(0)
    gd.default_generator.words(2)  # the base seed
    expected = [gd.rand(()).item() for _ in range(6)]
    gd.manual_seed(0)
    numbers = [
        number for _, batch in DataLoader(Noise(), batch_size=4) for number in batch.tolist()
    ]
    assert numbers == expected


def test_workers_leave_the_default_stream_alone():
    for workers in (1, 3):
        loader = DataLoader(Noise(), batch_size=2, shuffle=True, num_workers=workers)
        assert drawn_words(lambda loader=loader: list(loader)) == 4


def test_workers_shuffle_alike_and_have_streams_of_their_own():
    epochs = []
    for workers in (0, 1, 2):
        gd.manual_seed(3)
        loader = DataLoader(Noise(), batch_size=2, shuffle=True, num_workers=workers)
        epochs.append(list(loader))
    orders = [[i.tolist() for i, _ in epoch] for epoch in epochs]
    assert orders[0] == orders[1] == orders[2]
    seed = gd.manual_seed(3).full_range((), np.int64).item()
    for worker in range(2):
        stream = gd.Generator().manual_seed(seed + worker)
        noise = [x for _, batch in epochs[2][worker::2] for x in batch.tolist()]
        expected = [stream.uniform((), np.float32).item() for _ in noise]
        assert noise == expected


def test_an_error_in_a_worker_puts_the_default_stream_back():
    def fail(samples):
        gd.rand(3)
        raise KeyError("broken")

    def run():
        with pytest.raises(KeyError, match="broken"):
            list(DataLoader(range(4), num_workers=1, collate_fn=fail))

    assert drawn_words(run) == 2


# --- samplers -------------------------------------------------------------------------------------


def test_random_sampler_with_and_without_replacement():
    sampler = RandomSampler(range(5))
    assert sorted(sampler) == [0, 1, 2, 3, 4]
    assert list(sampler) != list(sampler) or list(sampler) != list(sampler)
    several = list(RandomSampler(range(3), num_samples=8))
    assert [sorted(several[:3]), sorted(several[3:6]), len(several)] == [[0, 1, 2], [0, 1, 2], 8]
    drawn = list(RandomSampler(range(3), replacement=True, num_samples=100))
    assert set(drawn) == {0, 1, 2}
    assert len(RandomSampler(range(3), num_samples=8)) == 8


def test_subset_random_sampler_draws_one_permutation():
    order = gd.Generator().manual_seed(4).permutation(3).tolist()
    sampler = SubsetRandomSampler([10, 20, 30], generator=gd.Generator().manual_seed(4))
    assert list(sampler) == [[10, 20, 30][i] for i in order]


def test_weighted_random_sampler_draws_by_weight():
    gd.manual_seed(0)
    drawn = list(WeightedRandomSampler([1.0, 0.0, 3.0], 4000))
    assert set(drawn) == {0, 2}
    assert abs(drawn.count(2) / 4000 - 0.75) < 0.03  # four deviations of the frequency
    once = list(WeightedRandomSampler([1.0, 2.0, 3.0], 3, replacement=False))
    assert sorted(once) == [0, 1, 2]


def test_samplers_check_what_they_get():
    with pytest.raises(ArgumentTypeError, match="replacement should be a boolean"):
        RandomSampler(range(3), replacement=1)
    for count in (0, -1, 1.5, True):
        with pytest.raises(ArgumentError, match="num_samples should be a positive integer"):
            RandomSampler(range(3), num_samples=count)
        with pytest.raises(ArgumentError, match="num_samples should be a positive integer"):
            WeightedRandomSampler([1.0], count)
    with pytest.raises(ArgumentError, match="the data set is empty"):
        RandomSampler([])
    with pytest.raises(ShapeError, match=r"weights have shape \(1, 2\)"):
        WeightedRandomSampler([[1.0, 2.0]], 3)
    with pytest.raises(ArgumentError, match="drop_last should be a boolean"):
        BatchSampler(SequentialSampler(range(3)), 2, 1)


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, True, "2"])
def test_batch_sizes_out_of_range(batch_size):
    for data in (range(3), Count(3)):
        with pytest.raises(ArgumentError, match="batch_size should be a positive integer value"):
            DataLoader(data, batch_size=batch_size)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampler": [0], "shuffle": True}, "sampler option is mutually exclusive with shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler option is mutually exclusive"),
        ({"batch_sampler": [[0]], "drop_last": True}, "batch_sampler option is mutually exclusive"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None option disables auto-batching"),
        ({"num_workers": -1}, "num_workers option should be non-negative"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, "prefetch_factor=2 option could only be specified with workers"),
    ],
)
def test_options_that_do_not_go_together(options, message):
    with pytest.raises(ArgumentError, match=message):
        DataLoader(range(3), **options)


def test_an_iterable_data_set_decides_its_order():
    for options in ({"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}):
        with pytest.raises(ArgumentError, match=r"expected unspecified .* option"):
            DataLoader(Count(3), **options)
    DataLoader(Count(3), shuffle=False)


def test_shuffling_nothing():
    with pytest.raises(ArgumentError, match="the data set is empty"):
        DataLoader([], shuffle=True)


def test_a_generator_of_another_kind():
    with pytest.raises(ArgumentTypeError, match=r"generator should be a gradatim\.Generator"):
        DataLoader(range(3), generator=np.random.default_rng(0))


def test_what_decides_the_batches_is_fixed():
    loader = DataLoader(range(3))
    for name in ("batch_size", "sampler", "dataset"):
        with pytest.raises(ArgumentError, match=f"{name} attribute should not be set"):
            setattr(loader, name, 5)
    loader.collate_fn = len
    assert list(loader) == [1, 1, 1]
