"""Worker processes: their batches, their streams, their errors, and that none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import namedtuple
from multiprocessing import shared_memory

import numpy as np
import pytest

import gradatim as gd
from gradatim.data import DataLoader, Dataset, IterableDataset, get_worker_info, transport

Pair = namedtuple("Pair", "x y")


class Items(Dataset):
    """Item i, made by a function."""

    def __init__(self, make, size=8):
        self.make, self.size = make, size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return self.make(index)


class Share(IterableDataset):
    """0 to n - 1, shared out among the workers."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        start, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter(range(start, self.n, step))


def alive(pid) -> bool:
    try:
        os.kill(pid, 0)
        if not os.path.exists("/proc"):
            return True
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().split()[2] != "Z"
    except OSError:  # it went before, or between the two looks
        return False


def test_batches_come_in_order_whatever_the_workers_speed():
    def slow_at_first(index):
        time.sleep(0.05 if index < 2 else 0)
        return index

    loader = DataLoader(Items(slow_at_first), batch_size=2, num_workers=2)
    assert [batch.tolist() for batch in loader] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    as_they_come = DataLoader(Items(slow_at_first), batch_size=2, num_workers=2, in_order=False)
    assert sorted(batch.tolist() for batch in as_they_come) == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_workers_work_at_the_same_time_and_ahead():
    def process_of(index):
        time.sleep(0.02)
        return os.getpid()

    loader = DataLoader(Items(process_of), num_workers=2)
    pids = [batch.item() for batch in loader]
    assert len(set(pids)) == 2 and os.getpid() not in pids
    assert pids[::2] == [pids[0]] * 4 and pids[1::2] == [pids[1]] * 4
    assert not any(map(alive, pids))


@pytest.mark.parametrize("size", [3, 100_000])  # through the pipe, and through shared memory
def test_every_kind_of_batch_arrives(size):
    def sample(index):
        return {
            "tensor": gd.full((size,), index), "bfloat16": gd.ones(size, dtype=gd.bfloat16),
            "bool": gd.zeros(2, dtype=gd.bool), "array": np.full(size, index, np.int16),
            "pair": Pair(index, 0.5), "text": "a", "list": [index, True], "none": gd.zeros(0),
        }  # fmt: skip

    one, other = (list(DataLoader(Items(sample, 3), batch_size=2, num_workers=n)) for n in (0, 1))
    for a, b in zip(one, other, strict=True):
        assert list(a) == list(b) and type(b["pair"]) is Pair
        for key in ("tensor", "bfloat16", "bool", "array", "none"):
            assert a[key].dtype is b[key].dtype and a[key].shape == b[key].shape
            assert (a[key] == b[key]).all()
        assert (a["text"], a["list"][0].tolist()) == (b["text"], b["list"][0].tolist())
    other[0]["tensor"].add_(1)  # it is our own


def test_streams_are_shared_out_by_worker_info():
    assert get_worker_info() is None
    loader = DataLoader(Share(7), batch_size=2, num_workers=2)
    assert [batch.tolist() for batch in loader] == [[0, 2], [1, 3], [4, 6], [5]]
    assert sorted(int(x) for x in DataLoader(Share(5), batch_size=None, num_workers=3)) == [
        *range(5)
    ]
    dropping = DataLoader(Share(7), batch_size=2, num_workers=2, drop_last=True)
    assert [batch.tolist() for batch in dropping] == [[0, 2], [1, 3], [4, 6]]


def test_worker_info_and_worker_init_fn():
    def init(worker):
        get_worker_info().dataset.offset = 100 * worker

    class Offset(Items):
        offset = None

        def __getitem__(self, index):
            info = get_worker_info()
            assert info.dataset is self
            return [self.offset + index, info.id, info.num_workers, info.seed]

    gd.manual_seed(0)
    loader = DataLoader(Offset(None, 4), num_workers=2, worker_init_fn=init)
    rows = [[x.item() for x in batch] for batch in loader]
    assert [row[:3] for row in rows] == [[0, 0, 2], [101, 1, 2], [2, 0, 2], [103, 1, 2]]
    assert rows[1][3] == rows[0][3] + 1


def test_persistent_workers_stay_and_others_go():
    make = lambda index: os.getpid()  # noqa: E731
    loader = DataLoader(Items(make), num_workers=2, persistent_workers=True)
    first, second = ({batch.item() for batch in loader} for _ in range(2))
    assert first == second and all(map(alive, first))
    next(iter(loader))  # broken off
    assert next(batch.item() for batch in loader) in first
    del loader
    assert not any(map(alive, first))
    fleeting = DataLoader(Items(make), num_workers=2)
    assert {b.item() for b in fleeting}.isdisjoint({b.item() for b in fleeting})


def test_a_broken_off_epoch_of_persistent_workers_is_not_mixed_with_the_next():
    loader = DataLoader(Items(lambda i: i, 20), num_workers=2, persistent_workers=True)
    for _ in range(3):
        batches = iter(loader)
        assert [next(batches).item() for _ in range(3)] == [0, 1, 2]
    assert [batch.item() for batch in loader] == [*range(20)]
    stream = DataLoader(Share(9), num_workers=2, persistent_workers=True)
    next(iter(stream))
    assert [[b.item() for b in stream] for _ in range(2)] == [[*range(9)]] * 2


def test_breaking_off_leaves_no_process_and_no_memory(tmp_path, monkeypatch):
    new_block = transport._new_block

    def noted(size):  # in a worker
        block = new_block(size)
        (tmp_path / block.name.strip("/")).touch()
        return block

    def slow_at_first(index):  # the other worker's batches come in the meantime, and wait
        time.sleep(0.3 if index == 0 else 0)
        return gd.zeros(100_000), os.getpid()

    monkeypatch.setattr(transport, "_new_block", noted)
    loader = DataLoader(Items(slow_at_first), num_workers=2)
    batches = iter(loader)
    pids = {next(batches)[1].item() for _ in range(2)}
    del batches
    assert not any(map(alive, pids))
    names = os.listdir(tmp_path)
    assert len(names) >= 2
    for name in names:
        with pytest.raises(FileNotFoundError):
            shared_memory.SharedMemory(name)


class Odd(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("bad value"), ValueError),
        (KeyError("key"), KeyError),
        (gd.ShapeError("shape"), gd.ShapeError),
        (Odd("one", "two"), RuntimeError),
        (OSError(2, "no file"), OSError),
    ],
)
def test_errors_come_out_with_the_workers_traceback(error, kind):
    def broken(index):
        if index == 3:
            raise error
        return index

    loader = DataLoader(Items(broken), num_workers=2)
    with pytest.raises(kind) as caught:
        for _ in loader:
            pass
    text = str(caught.value)
    assert "in DataLoader worker process 1" in text and "in broken" in text


def test_an_error_of_init_and_of_iter():
    def init(worker):
        raise ZeroDivisionError(f"worker {worker}")

    with pytest.raises(ZeroDivisionError, match="in DataLoader worker process 0"):
        list(DataLoader(range(4), num_workers=2, worker_init_fn=init))

    class Broken(IterableDataset):
        def __iter__(self):
            raise ZeroDivisionError("here")

    with pytest.raises(ZeroDivisionError, match="in DataLoader worker process 0"):
        list(DataLoader(Broken(), num_workers=1))


def test_a_batch_that_cannot_be_sent():
    loader = DataLoader(range(2), num_workers=1, collate_fn=lambda batch: lambda: batch)
    with pytest.raises(Exception, match="in DataLoader worker process 0"):
        list(loader)


def test_a_killed_worker_and_one_that_is_too_slow():
    def killed(index):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(RuntimeError, match=r"worker \(pid\(s\) \d+\) exited unexpectedly"):
        list(DataLoader(Items(killed), num_workers=1))

    def slow(index):
        time.sleep(30)

    start = time.perf_counter()
    with pytest.raises(RuntimeError, match=r"timed out after 0\.2 seconds"):
        list(DataLoader(Items(slow), num_workers=1, timeout=0.2))
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_program(how, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import os, time
            from gradatim.data import DataLoader, Dataset

            class Slow(Dataset):
                def __len__(self):
                    return 1000
                def __getitem__(self, index):
                    time.sleep(0.05)
                    return os.getpid()

            if __name__ == "__main__":
                for batch in DataLoader(Slow(), num_workers=2):
                    print(batch.item(), flush=True)
            """
        )
    )
    process = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    pids = {int(process.stdout.readline()) for _ in range(4)}
    process.send_signal(how)
    _, errors = process.communicate(timeout=20)
    if how == signal.SIGINT:
        assert errors.strip().endswith("KeyboardInterrupt") and "Process" not in errors
    deadline = time.perf_counter() + 10
    while any(map(alive, pids)) and time.perf_counter() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, pids))


def test_messages_survive_a_full_shared_memory(monkeypatch):
    monkeypatch.setattr(transport, "_new_block", lambda size: None)
    value = {"x": gd.arange(100_000), "y": np.arange(50_000.0)}
    found = transport.unpack(transport.pack(value))
    assert (found["x"] == value["x"]).all() and (found["y"] == value["y"]).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(persistent_workers=True), "persistent_workers option needs num_workers > 0"),
        (dict(multiprocessing_context="fork"), "num_workers > 0"),
        (dict(multiprocessing_context="thread", num_workers=1), "valid start method"),
    ],
)
def test_options_that_do_not_fit(options, words):
    with pytest.raises(gd.ArgumentError, match=words):
        DataLoader(range(3), **options)


@pytest.mark.parametrize("how", ["spawn", "forkserver"])
def test_workers_started_in_other_ways(how, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import gradatim as gd
            from gradatim.data import DataLoader, TensorDataset

            if __name__ == "__main__":
                x = gd.arange(30_000.0).reshape(3, 10_000)
                loader = DataLoader(
                    TensorDataset(x), batch_size=2, num_workers=1, multiprocessing_context={how!r}
                )
                print((gd.cat([batch for (batch,) in loader]) == x).all().item())
            """
        )
    )
    found = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert (found.stdout, found.stderr) == ("True\n", "")
