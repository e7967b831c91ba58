"""What scripts switch at their start."""

import pytest

import gradatim as gd
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, DTypeError


@pytest.fixture(autouse=True)
def switched_back():
    """What a test switches is switched back behind it, whatever happens in it."""
    dtype, precision = gd.get_default_dtype(), gd.get_float32_matmul_precision()
    threads, debug = gd.get_num_threads(), gd.get_deterministic_debug_mode()
    yield
    gd.set_default_dtype(dtype)
    gd.set_float32_matmul_precision(precision)
    gd.set_deterministic_debug_mode(debug)
    gd.set_num_threads(threads)
    gd.set_anomaly_enabled(False)


def test_threads():
    gd.set_num_threads(1)
    assert gd.get_num_threads() == 1
    with pytest.raises(ArgumentTypeError):
        gd.set_num_threads("two")
    with pytest.raises(ArgumentError, match="positive integer"):
        gd.set_num_interop_threads(0)


def test_precision_is_noted():
    gd.set_float32_matmul_precision("medium")
    assert gd.get_float32_matmul_precision() == "medium"
    gd.set_float32_matmul_precision("highest")
    with pytest.raises(ArgumentError, match="'highest', 'high' or 'medium', not 'low'"):
        gd.set_float32_matmul_precision("low")


def test_determinism_is_noted():
    gd.use_deterministic_algorithms(True, warn_only=True)
    assert gd.are_deterministic_algorithms_enabled()
    assert gd.is_deterministic_algorithms_warn_only_enabled()
    gd.set_deterministic_debug_mode("error")
    assert gd.get_deterministic_debug_mode() == 2
    gd.use_deterministic_algorithms(False)
    assert not gd.are_deterministic_algorithms_enabled()
    with pytest.raises(ArgumentError, match="expected one of `default`, `warn`, `error`"):
        gd.set_deterministic_debug_mode("never")


def test_anomaly_mode():
    assert not gd.is_anomaly_enabled()
    gd.set_anomaly_enabled(True)
    assert gd.is_anomaly_enabled()
    with pytest.raises(gd.NonFiniteError):
        gd.zeros(1).log()
    gd.set_anomaly_enabled(False)
    assert gd.zeros(1).log().item() == -float("inf")


def test_inference_mode_is_no_history():
    assert not gd.is_inference_mode_enabled()
    with gd.inference_mode():
        assert gd.is_inference_mode_enabled()


def test_the_default_type_under_its_older_name():
    with pytest.warns(UserWarning, match="deprecated"):
        gd.set_default_tensor_type("torch.DoubleTensor")
    assert gd.zeros(1).dtype is gd.float64
    with pytest.raises(DTypeError, match="only floating-point types"):
        gd.set_default_tensor_type("torch.LongTensor")


def test_detach_is_a_function_too():
    x = gd.ones(1, requires_grad=True)
    assert not gd.detach(x).requires_grad
    with pytest.raises(ArgumentTypeError, match="expects a Tensor"):
        gd.detach(3)


def test_the_default_device_is_the_cpu():
    gd.set_default_device("cpu")
    assert gd.get_default_device().type == "cpu"
    pytest.importorskip("jax")
    with pytest.raises(gd.DeviceError, match=r"tensors are made on the CPU .* got 'xla:cpu'"):
        gd.set_default_device("xla:cpu")


def test_a_tensor_says_where_it_lives():
    assert gd.ones(2).is_cpu and gd.ones(2).get_device() == -1
    pytest.importorskip("jax")
    x = gd.hann_window(4, device="xla:cpu")
    assert x.device == gd.device("xla:cpu") and not x.is_cpu and x.get_device() == 0


def test_a_window_refuses_options_that_are_none():
    with pytest.raises(TypeError, match="dtpye"):
        gd.hann_window(4, dtpye=gd.float64)


def test_range_is_checked_as_arange_is():
    with pytest.raises(ArgumentError, match="unsupported range"):
        gd.range(0, float("inf"))
    with pytest.raises(ArgumentError, match="step must be nonzero"):
        gd.range(0, 2, 0.5, dtype=gd.int64)
