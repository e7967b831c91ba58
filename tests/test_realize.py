"""When values are computed, and how many Programs that makes."""

import gc
import signal
import tracemalloc

import numpy as np
import pytest

import gradatim as gd
from gradatim import engines
from gradatim.engines import reference
from gradatim.realize import flush, pending_cells, state


def compiled_during(run, turns):
    """How many Programs `run(turns)` compiled."""
    before = state.compiled
    run(turns)
    flush()
    return state.compiled - before


def test_nothing_is_computed_until_looked_at():
    x = gd.ones(3) + 1
    assert x._cell.node.buffer is None
    assert x.tolist() == [2.0, 2.0, 2.0]
    assert x._cell.node.buffer is not None


def test_a_computed_value_lets_go_of_its_inputs():
    x = (gd.ones(3) + 1) * 3
    x.realize()
    assert x._cell.node.inputs == ()


def test_a_value_with_history_keeps_its_inputs_until_backward():
    w = gd.ones(3, requires_grad=True)
    loss = (w * w).sum()
    loss.item()
    assert loss._cell.node.inputs != ()
    loss.backward()
    assert loss._cell.node.inputs == ()


def test_a_loss_looked_at_before_backward_is_not_computed_twice(monkeypatch):
    from gradatim import engines, realize
    from gradatim.engines import reference

    monkeypatch.setattr(realize, "current_engine", lambda: engines.get_engine("reference"))
    x = gd.ones(4, 3)
    w = gd.ones(2, 3, requires_grad=True)
    loss = x.matmul(w.t()).sum()
    loss.item()
    products = []
    run = reference.MEANING["contract"]

    def counted(*args):
        products.append(args)
        return run(*args)

    monkeypatch.setitem(reference.MEANING, "contract", counted)
    state.programs.clear()
    loss.backward()
    w.grad.tolist()
    assert len(products) == 1  # the weight's gradient; the forward product was kept


def test_parameters_keep_their_buffer_through_steps():
    w = gd.ones(1000, requires_grad=True)
    optimizer = gd.optim.SGD([w], lr=0.1)
    place = w.data_ptr()
    for _ in range(3):
        optimizer.zero_grad()
        ((w - 3) ** 2).sum().backward()
        optimizer.step()
    assert w.data_ptr() == place


def test_an_update_does_not_reach_a_copy_made_before():
    w = gd.ones(3)
    old = w.clone()
    half = w * 0.5
    w.add_(1)
    assert w.tolist() == [2.0] * 3
    assert old.tolist() == [1.0] * 3
    assert half.tolist() == [0.5] * 3


def test_memory_is_not_reused_while_a_pending_value_reads_it():
    w = gd.ones(3).realize()
    pending = w * 10
    w.add_(1)
    w.realize()
    w.add_(1)
    w.realize()
    assert pending.tolist() == [10.0] * 3
    assert w.tolist() == [3.0] * 3


@pytest.mark.parametrize("turns", [300])
def test_an_update_through_data_is_one_program(turns):
    w = gd.ones(4, requires_grad=True)
    x = gd.ones(4).realize()

    def run(n):
        for _ in range(n):
            loss = ((w - x * 2) ** 2).sum()
            if w.grad is not None:
                w.grad.data.zero_()
            loss.backward()
            w.data -= 0.1 * w.grad.data

    run(3)
    flush()
    run(2)
    assert compiled_during(run, turns) <= 1
    assert abs(w.detach() - 2).max().item() < 1e-5


def test_a_chain_that_is_never_looked_at_is_one_program():
    before = state.compiled
    s = gd.ones(4).realize()
    x = gd.ones(4).realize()
    for _ in range(20_000):
        s = s * 0.5 + x
        assert state.made < 5_000
    assert state.compiled - before == 1  # before the last, shorter piece
    assert s.tolist() == [2.0] * 4


def test_a_running_sum_is_one_program_a_turn():
    total = gd.zeros(()).realize()
    x = gd.ones(3).realize()
    for _ in range(3):
        total += x.sum()
    flush()
    before = state.compiled
    for _ in range(500):
        total += x.sum()
    flush()
    assert state.compiled - before <= 1
    assert total.item() == 1509.0


def test_many_turns_run_in_constant_memory():
    s = gd.ones(64).realize()
    for turn in range(60_000):
        s = s * 0.999
        if turn == 10_000:
            gc.collect()
            tracemalloc.start()
        if turn == 20_000:
            early = tracemalloc.get_traced_memory()[1]
    late = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert late < early * 1.1


def test_a_changing_learning_rate_makes_no_new_program():
    w = gd.ones(4, requires_grad=True)
    optimizer = gd.optim.Adam([w], lr=0.1)

    def turn(rate):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()

    for k in range(4):
        turn(0.1 + k)
    before = state.compiled
    for k in range(20):
        turn(0.3 + k * 0.01)
    assert state.compiled == before


def test_slices_at_different_places_share_a_program():
    x = gd.arange(1000.0).view(500, 2).realize()
    (x[0:64] * 2).sum().item()
    before = state.compiled
    assert [(x[i : i + 64] * 2).sum().item() for i in (64, 128, 256)] == [
        49024.0,
        81792.0,
        147328.0,
    ]
    assert state.compiled == before


def test_an_index_out_of_range_raises_with_the_users_line_and_writes_nothing():
    w = gd.ones(3).realize()
    index = gd.tensor([0, 7])
    w.add_(gd.gather(gd.arange(3.0), 0, gd.cat([index, index[:1]])))
    with pytest.raises(IndexError, match=r"test_realize\.py:\d+"):
        flush()
    assert w.tolist() == [1.0, 1.0, 1.0]


def test_a_failed_value_repeats_its_error_and_disturbs_no_other():
    total = (gd.zeros(2, 4).gather(1, gd.tensor([[0], [9]]) + 0)).sum()
    for _ in range(2):
        with pytest.raises(IndexError, match="out of bounds"):
            total.item()
    w = gd.zeros(3)
    w += 1
    w += 1
    assert w.tolist() == [2.0] * 3


def test_eager_computes_at_once():
    with gd.eager():
        x = gd.ones(2) * 3
        assert x._cell.node.buffer is not None
    y = x + 1
    assert y._cell.node.buffer is None


def test_detect_anomaly_names_the_operation_and_the_line():
    with (
        gd.detect_anomaly(),
        pytest.raises(gd.NonFiniteError, match=r"log gave -inf.*test_realize"),
    ):
        gd.zeros(2).log()


def test_shared_memory_is_read_at_the_call_and_written_at_once():
    import numpy as np

    array = np.ones(3, np.float32)
    x = gd.from_numpy(array)
    doubled = x * 2
    array[0] = 5
    assert doubled.tolist() == [2.0, 2.0, 2.0]
    x.mul_(10)
    assert array.tolist() == [50.0, 10.0, 10.0]
    y = gd.zeros(2)
    out = y.numpy()
    y += 1
    assert out.tolist() == [1.0, 1.0]


def test_flush_leaves_nothing_pending():
    keep = [gd.ones(2) + k for k in range(3)]
    assert len(pending_cells()) >= 3
    gd.synchronize()
    assert pending_cells() == []
    assert keep[2].tolist() == [3.0, 3.0]


def test_two_tensors_that_are_exchanged():
    a, b = gd.ones(3).realize(), gd.zeros(3).realize()
    a.add_(0)
    b.add_(0)
    gd.synchronize()
    kept = a.clone()
    a.copy_(b)
    b.copy_(kept)
    del kept
    gd.synchronize()
    assert (a.tolist(), b.tolist()) == ([0.0] * 3, [1.0] * 3)


def test_gradients_read_shared_memory_before_it_is_overwritten():
    w = gd.tensor([1.0, 2.0], requires_grad=True)
    v = gd.tensor([3.0, 4.0], requires_grad=True)
    optimizer = gd.optim.SGD([w, v], lr=0.1)
    shared = w.detach().numpy()
    (w * v).sum().backward()
    optimizer.step()
    assert v.grad.tolist() == [1.0, 2.0]
    assert shared.tolist() == pytest.approx([0.7, 1.6])


def adam_on(*weights):
    optimizer = gd.optim.Adam(weights, lr=0.1)

    def turn():
        optimizer.zero_grad()
        sum((w * w).sum() for w in weights).backward()
        optimizer.step()

    return optimizer, turn


def test_an_ordinary_loop_updates_parameters_and_state_in_place():
    w = gd.ones(3, requires_grad=True)
    optimizer, turn = adam_on(w)
    turn()
    places = [t.data_ptr() for t in (w, *optimizer.state[w].values()) if isinstance(t, gd.Tensor)]
    for _ in range(3):
        turn()
    assert places == [
        t.data_ptr() for t in (w, *optimizer.state[w].values()) if isinstance(t, gd.Tensor)
    ]


@pytest.fixture
def on_reference(monkeypatch):
    monkeypatch.setattr(engines, "_current", engines.get_engine("reference"))


@pytest.mark.parametrize("held", [False, True])
def test_ctrl_c_leaves_parameters_wholly_old_or_new(monkeypatch, on_reference, held):
    w, v = gd.ones(2, requires_grad=True), gd.ones(2, requires_grad=True)
    _, turn = adam_on(w, v)
    turn()
    expected = [1.0 - 0.2] * 2  # each step of Adam is 0.1 here
    copy, copies = reference.np.copyto, []
    before = w * w if held else None  # has history, and so holds the old `w`: it gets new memory

    def interrupted(*args, **kwargs):
        copies.append(1)
        if len(copies) == 1:
            signal.raise_signal(signal.SIGINT)
        copy(*args, **kwargs)

    monkeypatch.setattr(reference.np, "copyto", interrupted)
    with pytest.raises(KeyboardInterrupt):
        turn()
    monkeypatch.undo()
    assert w.tolist() == v.tolist() == pytest.approx(expected, abs=1e-3)
    assert before is None or before.tolist() == pytest.approx([0.81, 0.81], abs=1e-3)
    turn()
    assert w.tolist() == v.tolist()


def test_an_interrupted_value_says_so(monkeypatch, on_reference):
    w = gd.zeros(2).realize()
    w.add_(1)
    pending = w * 2

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(reference.ReferenceExecutable, "__call__", interrupt)
    with pytest.raises(KeyboardInterrupt):
        flush()
    monkeypatch.undo()
    assert w.tolist() == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="interrupted"):
        pending.tolist()


def test_slices_of_what_is_written_over_are_read_first():
    """Two halves of a matrix, each a view of its memory, in the Program that overwrites it."""
    rng = np.random.default_rng(0)
    x0, w0 = rng.normal(size=(4, 6)), rng.normal(size=(12, 6))
    found = []
    for look in (True, False):
        x, w = (gd.tensor(a).requires_grad_() for a in (x0, w0))
        address = w.data_ptr()
        optimizer = gd.optim.SGD([x, w], lr=0.1)
        ((x @ w[:6].T) * (x @ w[6:].T)).sum().backward()
        if look:
            flush()
        optimizer.step()
        found.append((x.tolist(), w.tolist()))
        assert w.data_ptr() == address
    assert found[1] == found[0]
    assert found[0][0] == pytest.approx(
        x0 - 0.1 * ((x0 @ w0[6:].T) @ w0[:6] + (x0 @ w0[:6].T) @ w0[6:])
    )
