"""Memory read with any strides: views that overlap, sizes that change, `out=`, interop hooks."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

import gradatim as gd
from gradatim import interop


def test_a_strided_view_is_the_same_memory():
    x = gd.arange(6.0)
    view = x.as_strided((2, 2), (3, 1), 1)
    view[1, 0] = 9.0
    assert x.tolist() == [0, 1, 2, 3, 9, 5]
    x[1] = -1.0
    assert view.tolist() == [[-1, 2], [9, 5]]


def test_a_strided_view_of_memory_shared_with_numpy():
    array = np.arange(6.0)
    view = gd.from_numpy(array).as_strided((2,), (4,))
    view += 10
    assert array.tolist() == [10, 1, 2, 3, 14, 5]
    assert view.numpy().base is not None


def test_windows_share_memory_too():
    x = gd.zeros(4)
    x.unfold(0, 2, 1)[1] = gd.tensor([1.0, 2.0])
    assert x.tolist() == [0, 1, 2, 0]


def test_of_a_value_written_twice_the_last_stays():
    x = gd.zeros(3)
    x.unfold(0, 2, 1).copy_(gd.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert x.tolist() == [1, 3, 4]


def test_strided_views_in_a_compiled_step():
    @gd.compile
    def step(x):
        return x.unfold(0, 2, 1).sum(1), x.as_strided((2, 2), (1, 1))

    for start in (0.0, 10.0):
        sums, view = step(gd.arange(3.0) + start)
        assert sums.tolist() == [2 * start + 1, 2 * start + 3]
        assert view.tolist() == [[start, start + 1], [start + 1, start + 2]]


def test_gradient_of_overlapping_windows_counts_each_use():
    x = gd.ones(4, requires_grad=True)
    x.unfold(0, 3, 1).sum().backward()
    assert x.grad.tolist() == [1, 2, 2, 1]


def test_memory_with_gaps_is_refused():
    x = gd.from_numpy(np.zeros((4, 4))[:, ::2])
    with pytest.raises(RuntimeError, match=r"has gaps: make a copy with \.contiguous\(\)"):
        x.as_strided((4,), (1,), 1)


def test_resize_keeps_the_view_of_others():
    x = gd.arange(4.0)
    tail = x[2:]
    x.resize_(2, 2)
    x[1, 0] = 7.0
    assert tail.tolist() == [7, 3]


def test_out_must_not_share_memory_with_what_is_read():
    x = gd.arange(6.0)
    with pytest.raises(RuntimeError, match="refer to a single memory location"):
        gd.cat([x[:2], x[2:4]], out=x[:4])


def test_nonzero_static_needs_no_values():
    @gd.compile
    def step(x):
        return gd.nonzero_static(x, size=2, fill_value=9)

    assert step(gd.tensor([0, 5, 0])).tolist() == [[1], [9]]
    assert step(gd.tensor([1, 5, 2])).tolist() == [[0], [1]]


def test_searchsorted_of_lines_with_nan():
    lines = gd.tensor([[1.0, 2.0, float("inf")], [0.0, 0.0, 5.0]])
    values = gd.tensor([[2.0, float("nan")], [0.0, 9.0]])
    assert gd.searchsorted(lines, values).tolist() == [[1, 3], [0, 3]]
    assert gd.searchsorted(lines, values, right=True).tolist() == [[2, 3], [2, 3]]


def test_storage_says_what_it_is():
    storage = gd.arange(3, dtype=gd.int32)[1:].untyped_storage()
    assert repr(storage) == "UntypedStorage(device=cpu) of size 12"
    assert storage.tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]


def test_einops_is_told_of_tensors_when_it_is_imported(tmp_path, monkeypatch):
    """With a stand-in: einops looks for subclasses of its base class."""
    package = tmp_path / "einops"
    package.mkdir()
    (package / "__init__.py").write_text("from einops import _backends\n")
    (package / "_backends.py").write_text("class AbstractBackend:\n    framework_name = ''\n")
    for name in [n for n in sys.modules if n.partition(".")[0] == "einops"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    interop.install()
    import einops._backends as backends

    (known,) = backends.AbstractBackend.__subclasses__()
    speaker = known()
    assert speaker.framework_name == "gradatim"
    assert speaker.is_appropriate_type(gd.ones(2))
    assert not speaker.is_appropriate_type(np.ones(2))
    assert speaker.reduce(gd.ones(2, 3), "prod", (0, 1)).item() == 1
    assert tuple(speaker.add_axes(gd.ones(2), 2, {1: 3}).shape) == (2, 3)
    for name in ("einops._backends", "einops"):
        del sys.modules[name]


def test_einops_that_is_there_already_is_told_once():
    module = types.ModuleType("backends")
    module.AbstractBackend = type("AbstractBackend", (), {})
    for _ in range(2):
        interop.register_with_einops(module)
    assert len(module.AbstractBackend.__subclasses__()) == 1
