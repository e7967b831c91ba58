"""Memory read with other strides and sizes, formats, `out=`, and what programs ask of a tensor: the
same calls in both libraries, and the same answers. Values and errors of the operators themselves
are in the operator database."""

from __future__ import annotations

import warnings

import pytest

pytest.importorskip("torch")


def same(peers, run):
    """What a function of the library's namespace gives in both, as nested lists and numbers."""
    ours, theirs = plain(run(peers.gd)), plain(run(peers.torch))
    assert ours == theirs
    return ours


def plain(value):
    if hasattr(value, "tolist") and hasattr(value, "stride"):
        return (value.tolist(), tuple(value.shape), repr(value.dtype))
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    return value


# --- any strides ---------------------------------------------------------------------------------


def test_a_write_to_a_strided_view_is_seen_in_the_base(peers):
    def run(t):
        x = t.arange(12.0).reshape(3, 4).clone()
        view = x.as_strided((2, 2), (5, 1), 1)
        view.mul_(10)
        view[0, 1] = -1
        return x, view, view.stride(), view.storage_offset(), view.is_contiguous()

    same(peers, run)


def test_as_strided_reaches_beyond_the_view_it_is_called_on(peers):
    def run(t):
        x = t.arange(10.0)
        return (
            x[4:6].as_strided((3,), (2,), 1),
            x[::2].as_strided((4,), (1,)),
            x[2:].as_strided((2, 3), (1, 1)),
        )

    same(peers, run)


def test_as_strided_of_a_transposed_tensor_reads_the_memory(peers):
    same(peers, lambda t: t.arange(6.0).reshape(2, 3).t().as_strided((6,), (1,)))


def test_gradients_through_overlapping_windows_add_up(peers):
    def run(t):
        x = t.arange(6.0, dtype=t.float64).requires_grad_()
        windows = x.unfold(0, 3, 2) ** 2
        (first,) = t.autograd.grad(windows.sum(), x, create_graph=True)
        (second,) = t.autograd.grad((first * first).sum(), x)
        return windows.detach(), first.detach(), second

    same(peers, run)


def test_gradient_of_a_leaf_that_is_a_view(peers):
    def run(t):
        base = t.arange(8.0)
        leaf = base[2:6].requires_grad_()
        out = leaf.as_strided((6,), (1,), 1)
        (grad,) = t.autograd.grad(out, leaf, t.arange(6.0))
        return out.detach(), grad

    same(peers, run)


def test_a_write_to_one_window_changes_all_that_hold_the_element(peers):
    def run(t):
        x = t.zeros(5)
        windows = x.unfold(0, 3, 1)
        windows[1, 1] = 7.0
        return x, windows

    same(peers, run)


def test_windows_of_a_slice_keep_its_gradient(peers):
    def run(t):
        x = t.arange(12.0).reshape(3, 4).requires_grad_()
        part = x[:, 1:] * 1
        out = part.unfold(1, 2, 1)
        (grad,) = t.autograd.grad(out.sum(), part)
        return out.detach(), grad, out.stride()

    same(peers, run)


def test_as_strided_in_place(peers):
    def run(t):
        x = t.arange(6.0)
        x.as_strided_((2, 2), (2, 1), 1)
        y = t.arange(8.0)[2:]
        y.as_strided_((3,), (1,), 0)
        return x, x.stride(), y

    same(peers, run)


@pytest.mark.parametrize("arguments", [
    ((2, 2), (1,)), ((2,), (-1,)), ((9,), (1,)), ((2,), (1,), 7), ((-1,), (1,)), ((2,), (1,), -1),
])  # fmt: skip
def test_as_strided_refuses(peers, arguments):
    for t in (peers.gd, peers.torch):
        with pytest.raises(RuntimeError):
            t.arange(8.0).as_strided(*arguments)


# --- other sizes, orders in memory ---------------------------------------------------------------


@pytest.mark.parametrize("size", [(2,), (2, 3), (6,), (0,), (3, 1, 2)])
def test_resize_keeps_what_there_is(peers, size):
    def run(t):
        x = t.arange(6.0)
        y = t.arange(6.0)[1:]
        x.resize_(*size)
        if y.numel() >= len(size):
            y.resize_(2)
        return x, x.stride(), y

    same(peers, run)


def test_resize_to_more_keeps_the_beginning(peers):
    def run(t):
        x = t.arange(4.0)
        x.resize_(2, 4)
        return x[0], x.shape[0], x.resize_as_(t.zeros(1, 4))

    same(peers, run)


def test_resize_refuses_a_gradient(peers):
    for t in (peers.gd, peers.torch):
        with pytest.raises(RuntimeError, match="cannot resize variables that require grad"):
            t.ones(2, requires_grad=True).resize_(3)


@pytest.mark.parametrize("make", [
    lambda t, x: x.to(memory_format=t.channels_last),
    lambda t, x: x.contiguous(memory_format=t.channels_last),
    lambda t, x: x.clone(memory_format=t.channels_last),
    lambda t, x: x.double().to(t.float32, memory_format=t.channels_last),
    lambda t, x: x.to(memory_format=t.channels_last).contiguous(),
])  # fmt: skip
def test_channels_last(peers, make):
    def run(t):
        x = make(t, t.arange(24.0).reshape(1, 2, 3, 4))
        last = x.is_contiguous(memory_format=t.channels_last)
        return x, x.stride(), last, x.is_contiguous(), x.dim_order()

    same(peers, run)


def test_channels_last_needs_four_dimensions(peers):
    for t in (peers.gd, peers.torch):
        with pytest.raises(RuntimeError, match="required rank 4"):
            t.ones(2, 3).contiguous(memory_format=t.channels_last)


def test_tensors_with_an_order_of_their_own(peers):
    def run(t):
        made = [
            t.empty_strided((2, 3), (1, 2)), t.empty_permuted((2, 3, 4), (2, 0, 1)),
            t.ones(1).new_empty_strided((2, 2), (1, 3), dtype=t.int64),
        ]  # fmt: skip
        return [(m.shape, m.stride(), repr(m.dtype)) for m in made]

    same(peers, run)


# --- out= ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [
    lambda t, out: t.add(t.ones(2), 1, out=out),
    lambda t, out: t.cat([t.ones(1), t.zeros(2)], out=out),
    lambda t, out: t.stack([t.ones(2), t.zeros(2)], out=out),
    lambda t, out: t.arange(3, out=out),
    lambda t, out: t.eye(2, out=out),
    lambda t, out: t.matmul(t.ones(2, 2), t.ones(2), out=out),
    lambda t, out: t.gather(t.arange(3.0), 0, t.tensor([2, 0]), out=out),
    lambda t, out: t.tril(t.ones(2, 2), out=out),
])  # fmt: skip
def test_out_is_resized_and_filled(peers, call):
    def run(t):
        out = t.empty(0)
        result = call(t, out)
        return result is out, out

    same(peers, run)


def test_out_of_another_shape_is_resized_with_a_warning(peers):
    for t in (peers.gd, peers.torch):
        out = t.zeros(5)
        with pytest.warns(UserWarning, match="was resized"):
            t.add(t.ones(2), 1, out=out)
        assert tuple(out.shape) == (2,)


def test_out_refuses_gradients_and_lower_kinds(peers):
    for t in (peers.gd, peers.torch):
        with pytest.raises(RuntimeError, match="automatic differentiation"):
            t.add(t.ones(2, requires_grad=True), 1, out=t.empty(2))
        with pytest.raises(RuntimeError, match="can't be cast"):
            t.add(t.ones(2), 1, out=t.empty(2, dtype=t.int64))


# --- indices and sequences -----------------------------------------------------------------------


def test_index_reduce_in_place(peers):
    def run(t):
        x, index = t.ones(3, 2), t.tensor([0, 2, 0])
        source = t.arange(6.0).reshape(3, 2)
        return [
            x.clone().index_reduce_(0, index, source, kind, include_self=own)
            for kind in ("prod", "mean", "amax", "amin") for own in (True, False)
        ]  # fmt: skip

    same(peers, run)


def test_range_and_scalar_tensor(peers):
    def run(t):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lines = t.range(1, 4), t.range(0, 1, 0.5), t.range(3, 1, -1, dtype=t.int64)
        return *lines, t.scalar_tensor(2), t.scalar_tensor(2, dtype=t.int64)

    same(peers, run)


def test_functions_in_place(peers):
    def run(t):
        x = t.tensor([1.5, -2.0])
        return t.abs_(x) is x, x, t.zero_(x), t.fill_(x, 3)

    same(peers, run)


# --- what programs ask ---------------------------------------------------------------------------

QUESTIONS = [
    "get_device()", "is_cpu", "is_meta", "is_quantized", "is_complex()", "is_conj()", "is_neg()",
    "is_pinned()", "is_shared()", "is_inference()", "is_signed()", "dim_order()",
    "layout.__repr__()", "untyped_storage().nbytes()", "untyped_storage().size()",
    "storage_offset()", "output_nr", "is_nested", "itemsize", "nbytes",
]  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_answers(peers, question):
    same(peers, lambda t: eval(f"x.{question}", {"x": t.ones(2, 3)[1:]}))


def test_storage_is_shared_by_views(peers):
    for t in (peers.gd, peers.torch):
        x = t.arange(6.0)
        assert x[2:].untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
        assert x.clone().untyped_storage().data_ptr() != x.untyped_storage().data_ptr()


def test_apply_and_map(peers):
    def run(t):
        x = t.arange(3.0)
        x.apply_(lambda v: v * 2)
        y = t.ones(3).map_(x, lambda a, b: a + b)
        return x, y, x.new(2, 3).shape[0], x.new([1, 2])

    same(peers, run)


def test_is_nonzero_and_is_coalesced(peers):
    for t in (peers.gd, peers.torch):
        assert t.is_nonzero(t.tensor([2.0]))
        with pytest.raises(RuntimeError):
            t.is_nonzero(t.ones(2))
        with pytest.raises(RuntimeError):
            t.ones(2).is_coalesced()
        with pytest.raises(TypeError):
            del t.ones(2)[0]


@pytest.mark.parametrize("name", ["hann", "hamming", "blackman", "bartlett", "kaiser"])
@pytest.mark.parametrize("periodic", [True, False])
def test_windows_of_signals(peers, name, periodic):
    for count in (0, 1, 2, 7, 8):
        ours, theirs = (
            getattr(t, f"{name}_window")(count, periodic, dtype=t.float64)
            for t in (peers.gd, peers.torch)
        )
        assert ours.tolist() == pytest.approx(theirs.tolist(), abs=1e-12)


@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min", "prod"])
@pytest.mark.parametrize("initial", [None, 1.5])
def test_segments(peers, reduce, initial):
    def run(t):
        x = t.arange(12.0, dtype=t.float64).reshape(2, 3, 2) % 5 - 1
        one = t.segment_reduce(
            x[0], reduce, lengths=t.tensor([2, 0, 1]), axis=0, initial=initial, unsafe=False
        )
        lengths = t.tensor([[1, 2], [3, 0]])
        two = t.segment_reduce(x, reduce, lengths=lengths, axis=1, initial=initial, unsafe=True)
        offsets = t.tensor([0, 2, 3])
        three = t.segment_reduce(x[0], reduce, offsets=offsets, axis=0, initial=initial)
        return [repr(each.tolist()) for each in (one, two, three)]  # (NaN equals itself as text)

    same(peers, run)


def test_segments_that_do_not_add_up(peers):
    for t in (peers.gd, peers.torch):
        with pytest.raises(RuntimeError):
            t.segment_reduce(t.ones(3), "sum", lengths=t.tensor([1, 1]))


def test_gradient_of_segments(peers):
    def run(t):
        x = t.tensor([1.0, 3.0, 2.0, 4.0], dtype=t.float64, requires_grad=True)
        out = [
            t.segment_reduce(x, kind, lengths=t.tensor([2, 2]), axis=0, unsafe=True)
            for kind in ("sum", "mean", "max", "min", "prod")
        ]
        t.stack(out).mul(t.arange(10.0).reshape(5, 2)).sum().backward()
        return x.grad

    same(peers, run)


@pytest.mark.parametrize(("shape", "wrap"), [
    ((3, 3), False), ((2, 3), False), ((7, 3), False), ((7, 3), True), ((3, 3, 3), False),
])  # fmt: skip
def test_fill_diagonal(peers, shape, wrap):
    same(peers, lambda t: t.zeros(shape).fill_diagonal_(5, wrap=wrap))


def test_tensors_over_files(peers, tmp_path):
    def run(t):
        path = str(tmp_path / t.__name__)
        x = t.from_file(path, shared=True, size=4, dtype=t.int32)
        x[1] = 7
        return t.from_file(path, size=3, dtype=t.int32), x

    same(peers, run)
    for t in (peers.gd, peers.torch):
        with pytest.raises(RuntimeError):
            t.from_file(str(tmp_path / t.__name__), size=100, dtype=t.int32)


def test_settings(peers):
    def run(t):
        t.set_default_device("cpu")
        try:
            device = str(t.get_default_device())
        finally:  # a default turns PyTorch's fast paths off in the whole process
            t.set_default_device(None)
        return device, t.typename(t.ones(1)), t.is_storage(t.ones(1).storage())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same(peers, run)
