"""State trees survive the way to arrays and JSON and back."""

import json

import numpy as np

import gradatim as gd
from gradatim.train.packing import pack, unpack


def test_an_optimizers_state_comes_back():
    w = gd.tensor([1.0, 2.0], requires_grad=True)
    optimizer = gd.optim.Adam([w], lr=0.1)
    (w * w).sum().backward()
    optimizer.step()
    arrays = {}
    packed = json.loads(json.dumps(pack(optimizer.state_dict(), "optimizer", arrays)))
    restored = unpack(packed, arrays)
    original = optimizer.state_dict()
    assert restored["param_groups"][0]["lr"] == 0.1
    assert list(restored["state"]) == [0]
    for name, value in original["state"][0].items():
        assert restored["state"][0][name].tolist() == value.tolist()


def test_arrays_are_copies():
    array = np.zeros(2)
    arrays = {}
    pack({"a": array}, "x", arrays)
    array[:] = 1
    assert arrays["x.a"].tolist() == [0, 0]


def test_floats_keep_every_bit():
    value = 0.1 + 0.2
    assert unpack(json.loads(json.dumps(pack([value], "x", {}))), {}) == [value]
