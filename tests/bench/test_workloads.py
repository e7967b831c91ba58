"""The table of workloads: what is in it, and that the counted operations are those of the nets."""

import numpy as np
import pytest

from gradatim.bench import workloads
from gradatim.bench.operations import output_shape, step_operations
from gradatim.bench.sides import choose_peers, initial_weights
from gradatim.bench.workloads import PUBLISHED, SIZES, choose
from gradatim.graph.errors import ArgumentError

EVERY = [*PUBLISHED, *SIZES]
ids = [w.name for w in EVERY]


def test_ten_are_published_and_names_are_unique():
    assert len(PUBLISHED) == 10
    assert len({w.name for w in EVERY}) == len(EVERY)


def test_bars_are_those_of_the_issue():
    bars = {w.name: (w.bar, w.peak_bar) for w in PUBLISHED}
    assert bars.pop("deck_mnist_b1000") == (1.1, 0.8)
    assert set(bars.values()) == {(1.5, None)}
    assert {w.bar for w in SIZES} == {1.0}


@pytest.mark.parametrize("workload", EVERY, ids=ids)
def test_a_workload_fits_together(workload):
    """The network takes the batch, and its result has the shape that the targets want."""
    import gradatim as gd
    from gradatim.bench.sides.network import build

    x, y = workload.data()
    assert x.dtype == np.float32
    with gd.no_grad():
        result = build(gd.nn, workload.layers)(gd.tensor(x))
    assert tuple(result.shape) == output_shape(workload)
    if y.dtype == np.int64:
        assert y.shape == x.shape[:1] and y.max() < output_shape(workload)[1]
    else:
        assert y.shape == output_shape(workload)


def test_data_and_weights_are_the_same_each_time():
    (workload,) = choose(["deck_modules_n50"])
    np.testing.assert_array_equal(workload.data()[0], workload.data()[0])
    first, second = initial_weights(workload), initial_weights(workload)
    assert list(first) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def test_operations_of_a_convolution_counted_by_hand():
    workload = choose(["cnn_b128"])[0]
    first = 2 * 128 * 28 * 28 * 32 * 9
    second = 2 * 128 * 14 * 14 * 64 * 32 * 9
    dense = 2 * 128 * (3136 * 128 + 128 * 10)
    # No gradient of the image is wanted.
    assert step_operations(workload) == 2 * first + 3 * second + 3 * dense


def test_operations_of_a_recurrent_network_counted_by_hand():
    workload = choose(["lstm_har_b64_t128_h128"])[0]
    gates = 2 * 64 * 128 * 4 * 128
    assert step_operations(workload) == 2 * gates * 9 + 3 * gates * 128 + 3 * 2 * 64 * 128 * 6


def test_groups_and_names_can_be_mixed():
    assert choose([]) == list(PUBLISHED)
    assert choose(["sizes", "tiny_xor"]) == [*SIZES, choose(["tiny_xor"])[0]]


def test_a_wrong_name_is_refused_with_the_nearest():
    with pytest.raises(ArgumentError, match=r"no workload 'tiny_xr': did you mean tiny_xor\?"):
        choose(["tiny_xr"])
    with pytest.raises(ArgumentError, match="no peer 'tensorflow': choose from torch, compile"):
        choose_peers(["tensorflow"])
    assert choose_peers(["none"]) == []


def test_dense_puts_activations_between_layers():
    assert [layer[0] for layer in workloads.dense([2, 3, 4], "ReLU", "Sigmoid")] == [
        "Linear", "ReLU", "Linear", "Sigmoid",
    ]  # fmt: skip
