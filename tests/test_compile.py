"""gd.compile: a whole step, captured once and replayed."""

import signal
import threading
import warnings

import numpy as np
import pytest

import gradatim as gd
from gradatim import engines
from gradatim.realize import state


def regression(seed=0):
    gd.manual_seed(seed)
    model = gd.nn.Sequential(gd.nn.Linear(4, 8), gd.nn.Tanh(), gd.nn.Linear(8, 1))
    x = gd.randn(32, 4)
    return model, x, gd.tensor(np.tanh(x.numpy().sum(1, keepdims=True)))  # the same bits each time


def train(compiled, make_optimizer, steps=6, dropout=False):
    model, x, y = regression()
    if dropout:
        model = gd.nn.Sequential(model[0], gd.nn.Dropout(0.3), model[2])
    optimizer = make_optimizer(model.parameters())

    def step(x, y):
        optimizer.zero_grad()
        loss = gd.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    run = gd.compile(step) if compiled else step
    losses = [run(x, y).item() for _ in range(steps)]
    return losses, [p.detach().clone() for p in model.parameters()]


OPTIMIZERS = {
    "sgd": lambda ps: gd.optim.SGD(ps, lr=0.1),
    "momentum": lambda ps: gd.optim.SGD(ps, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda ps: gd.optim.Adam(ps, lr=0.01),
    "adamw": lambda ps: gd.optim.AdamW(ps, lr=0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dropout", [False, True])
def test_a_compiled_step_gives_the_same_bits(name, dropout):
    plain = train(False, OPTIMIZERS[name], dropout=dropout)
    compiled = train(True, OPTIMIZERS[name], dropout=dropout)
    assert plain[0] == compiled[0]
    assert all(a.equal(b) for a, b in zip(plain[1], compiled[1]))


def test_replays_compile_nothing_and_run_no_python():
    model, x, y = regression()
    optimizer = gd.optim.SGD(model.parameters(), lr=0.1)
    calls = []

    @gd.compile
    def step(x, y):
        calls.append(1)
        optimizer.zero_grad()
        loss = gd.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    step(x, y)
    before = state.compiled
    for _ in range(5):
        step(x, y)
    assert len(calls) == 1 and state.compiled == before


def test_parameters_are_updated_in_place():
    model, x, y = regression()
    optimizer = gd.optim.SGD(model.parameters(), lr=0.1)
    weight = model[0].weight
    place, before = weight.data_ptr(), weight.detach().clone()

    @gd.compile
    def step(x, y):
        optimizer.zero_grad()
        gd.nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()

    for _ in range(3):
        step(x, y)
    assert weight.data_ptr() == place
    assert not weight.equal(before)


def test_a_learning_rate_schedule_takes_effect():
    def losses(compiled):
        model, x, y = regression()
        optimizer = gd.optim.SGD(model.parameters(), lr=0.5)
        schedule = gd.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

        def step(x, y):
            optimizer.zero_grad()
            loss = gd.nn.functional.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            return loss.detach()

        run = gd.compile(step) if compiled else step
        found = []
        for _ in range(5):
            found.append(run(x, y).item())
            schedule.step()
        return found

    assert losses(True) == losses(False)


def test_python_floats_are_inputs():
    w = gd.zeros(2)
    calls = []

    @gd.compile
    def step(rate):
        calls.append(1)
        w.add_(gd.ones(2), alpha=rate * 2)
        return w.sum()

    assert [step(r).item() for r in (1.0, 0.5, 0.25)] == [4.0, 6.0, 7.0]
    assert len(calls) == 1


def test_a_float_that_is_looked_at_is_a_guard():
    @gd.compile
    def step(x, k):
        return x * 10 if k > 1.0 else x * k

    x = gd.ones(1)
    assert [step(x, k).item() for k in (0.5, 2.0, 0.25, 0.5)] == [0.5, 10.0, 0.25, 0.5]


def test_train_and_eval_are_different_programs():
    gd.manual_seed(0)
    layer = gd.nn.Dropout(0.5)
    step = gd.compile(lambda x: layer(x))
    x = gd.ones(1000)
    assert 300 < (step(x) == 0).sum().item() < 700
    layer.eval()
    assert (step(x) == 0).sum().item() == 0
    layer.train()
    assert (step(x) == 0).sum().item() > 0


def test_draws_are_drawn_anew_and_in_order():
    gd.manual_seed(3)
    expected = [gd.rand(2).tolist() for _ in range(3)]
    gd.manual_seed(3)
    step = gd.compile(lambda: gd.rand(2) * 1)
    assert [step().tolist() for _ in range(3)] == expected


def test_other_shapes_are_captured_anew():
    step = gd.compile(lambda x: x * 2)
    assert step(gd.ones(2)).tolist() == [2.0, 2.0]
    assert step(gd.ones(3)).tolist() == [2.0, 2.0, 2.0]
    assert step(gd.tensor([1, 2])).dtype is gd.int64


def test_looking_at_a_value_falls_back_with_one_warning_that_names_the_line():
    w = gd.zeros(1)

    @gd.compile
    def step(x):
        w.add_(1)
        if (x.sum() > 0).item():
            return x * 2
        return x

    with pytest.warns(UserWarning, match=r"runs uncompiled.*test_compile\.py:\d+"):
        assert step(gd.ones(2)).tolist() == [2.0, 2.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert step(-gd.ones(2)).tolist() == [-1.0, -1.0]
    assert w.item() == 2.0  # the attempt to capture left no trace


def test_a_tensor_that_escapes_says_so():
    kept = []

    @gd.compile
    def step(x):
        y = x * 2
        kept.append(y)
        return y.sum()

    step(gd.ones(2))
    with pytest.raises(RuntimeError, match="made inside a compiled step"):
        kept[0].tolist()
    with pytest.raises(RuntimeError, match="made inside a compiled step"):
        kept[0] + 1


def test_grad_survives_where_the_step_accumulates():
    w = gd.ones(2, requires_grad=True)

    @gd.compile
    def accumulate(x):
        (w * x).sum().backward()

    for _ in range(3):
        accumulate(gd.ones(2))
    assert w.grad.tolist() == [3.0, 3.0]


def test_grad_of_a_step_that_clears_it_cannot_be_read():
    w = gd.ones(2, requires_grad=True)
    optimizer = gd.optim.SGD([w], lr=0.1)

    @gd.compile
    def step(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()

    step(gd.ones(2))
    with pytest.raises(RuntimeError, match="compiled step"):
        w.grad.tolist()
    optimizer.zero_grad()
    (w * 2).sum().backward()
    assert w.grad.tolist() == [2.0, 2.0]


def test_a_result_that_is_differentiated_outside_runs_as_usual():
    layer = gd.nn.Linear(2, 1)
    compiled = gd.compile(layer)
    compiled(gd.ones(3, 2)).sum().backward()
    assert layer.weight.grad.tolist() == [[3.0, 3.0]]
    assert compiled.in_features == 2


def test_an_error_in_the_step_leaves_everything_as_it_was():
    w = gd.zeros(2)

    @gd.compile
    def step(x):
        w.add_(1)
        return x.reshape(7)

    with pytest.raises(RuntimeError, match="invalid for input of size 2"):
        step(gd.ones(2))
    assert w.tolist() == [0.0, 0.0]


def test_nested_results_keep_their_structure():
    step = gd.compile(lambda x: {"a": x + 1, "b": (x * 2, None, "text")})
    for _ in range(2):
        out = step(gd.ones(1))
        assert out["a"].item() == 2.0 and out["b"][0].item() == 2.0
        assert out["b"][1:] == (None, "text")


def test_strided_arguments_share_a_program():
    x = gd.arange(100.0).view(50, 2)
    calls = []

    @gd.compile
    def step(rows):
        calls.append(1)
        return rows.sum()

    assert [step(x[i : i + 10]).item() for i in (0, 10, 20)] == [190.0, 590.0, 990.0]
    assert len(calls) == 1


def test_clearing_gradients_after_the_update():
    def weights(compiled):
        w = gd.tensor([1.0, 2.0], requires_grad=True)
        optimizer = gd.optim.SGD([w], lr=0.1)

        def step():
            (w * w).sum().backward()
            optimizer.step()
            optimizer.zero_grad()

        run = gd.compile(step) if compiled else step
        for _ in range(4):
            run()
        return w.tolist(), w.grad

    assert weights(True) == weights(False)


def test_gradients_that_are_cleared_outside_begin_again():
    w = gd.ones(2, requires_grad=True)
    optimizer = gd.optim.SGD([w], lr=0.1)

    @gd.compile
    def accumulate(x):
        (w * x).sum().backward()

    x = gd.ones(2)
    accumulate(x)
    accumulate(x)
    assert w.grad.tolist() == [2.0, 2.0]
    optimizer.zero_grad()
    accumulate(x)
    assert w.grad.tolist() == [1.0, 1.0]


def test_giving_up_leaves_the_graph_as_it_was():
    w = gd.tensor([1.0, 2.0], requires_grad=True)
    optimizer = gd.optim.SGD([w], lr=0.1)

    @gd.compile
    def step():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        optimizer.step()
        return loss.item()

    with pytest.warns(UserWarning, match="runs uncompiled"):
        assert step() == 5.0
    assert step() == pytest.approx(3.2)


def test_unused_draws_are_drawn_too_in_the_order_of_the_calls():
    def draws():
        first, second = gd.rand(1), gd.rand(1)
        gd.rand(1)
        return second - first * 2

    def three(run):
        gd.manual_seed(5)
        return [run().item() for _ in range(3)]

    assert three(gd.compile(draws)) == three(draws)


def test_freezing_a_parameter_between_calls_takes_effect():
    w, v = gd.ones(1, requires_grad=True), gd.ones(1, requires_grad=True)
    optimizer = gd.optim.SGD([w, v], lr=0.5)

    @gd.compile
    def step():
        optimizer.zero_grad()
        (w + v).sum().backward()
        optimizer.step()

    step()
    v.requires_grad_(False)
    step()
    assert (w.item(), v.item()) == (0.0, 0.5)


def test_an_argument_that_is_written_runs_uncompiled():
    @gd.compile
    def step(x):
        x.add_(1)
        return x * 2

    x = gd.ones(2)
    with pytest.warns(UserWarning, match="an argument is written in place"):
        assert step(x).tolist() == [4.0, 4.0]
    assert x.tolist() == [2.0, 2.0]


def test_a_returned_buffer_is_the_buffer():
    mean = gd.zeros(2)

    @gd.compile
    def update(x):
        mean.lerp_(x, 0.5)
        return mean

    given = update(gd.ones(2))
    given.add_(1)
    assert mean.tolist() == [1.5, 1.5]
    assert update(gd.ones(2)).tolist() == [1.25, 1.25]


def test_a_returned_float_is_that_of_the_call():
    step = gd.compile(lambda x, k: (x * 1, k))
    assert [step(gd.ones(1), k)[1] for k in (0.5, 0.25)] == [0.5, 0.25]


def test_a_gradient_from_before_the_first_call_counts_once():
    def weights(compiled):
        w = gd.tensor([1.0, 2.0], requires_grad=True)
        optimizer = gd.optim.SGD([w], lr=0.1)
        (w * 3).sum().backward()

        def step():
            (w * w).sum().backward()
            optimizer.step()
            optimizer.zero_grad()

        run = gd.compile(step) if compiled else step
        for _ in range(3):
            run()
        return w.tolist()

    assert weights(True) == weights(False)


# --- what stays bound between calls, and what ends it --------------------------------------------


class Counting:
    """The reference engine with executables that can be bound, and count how they are used."""

    def __init__(self):
        self.name = f"counting {id(self)}"  # executables are remembered by their engine's name
        self.calls = self.bindings = self.bound_calls = 0
        self.after = lambda: None  # what happens before an executable returns

    def compile(self, program, device):
        return CountingExecutable(self, engines.get_engine("reference").compile(program, device))

    def from_host(self, array, device, sharding=None):
        return array

    def to_host(self, buffer):
        return buffer


class CountingExecutable:
    def __init__(self, engine, run):
        self.engine = engine
        self.run = run

    def __call__(self, inputs, into):
        self.engine.calls += 1
        answer = self.run(inputs, into)
        self.engine.after()
        return answer

    def bind(self, inputs, into):
        self.engine.bindings += 1
        inner = engines.bind(self.run, inputs, into)

        def bound(varying):
            self.engine.bound_calls += 1
            return inner(varying)

        return bound


@pytest.fixture
def counting(monkeypatch):
    engine = Counting()
    monkeypatch.setitem(engines._loaded, engine.name, engine)
    monkeypatch.setattr(engines, "_current", engine)
    return engine


def descent(*shapes):
    """Weights, and a compiled step that adds 1 to each and gives the sum of the first."""
    weights = [gd.zeros(*shape).realize() for shape in shapes]

    @gd.compile
    def step(x):
        for w in weights:
            w.add_(x)
        return weights[0].sum()

    return weights, step


def test_a_step_is_bound_after_its_first_run(counting):
    (_, v), step = descent((2,), (3,))
    x = gd.ones(1).realize()
    assert [step(x).item() for _ in range(4)] == [2.0, 4.0, 6.0, 8.0]
    assert v.tolist() == [4.0] * 3
    assert counting.bindings == 1 and counting.bound_calls == 3


def test_two_steps_on_the_same_weights_stay_bound(counting):
    w = gd.zeros(2).realize()
    up = gd.compile(lambda x: w.add_(x).sum())
    down = gd.compile(lambda x: w.sub_(x).sum())
    x = gd.ones(1).realize()
    for _ in range(3):
        up(x), up(x), down(x)
    assert w.tolist() == [3.0, 3.0]
    assert counting.bindings == 2


def test_a_pending_reader_sees_the_old_weights(counting):
    (w,), step = descent((2,))
    x = gd.ones(1).realize()
    step(x), step(x)
    place, before = w.data_ptr(), w * 10
    step(x)
    assert before.tolist() == [20.0, 20.0]
    assert w.tolist() == [3.0, 3.0] and w.data_ptr() != place
    step(x), step(x)
    assert w.tolist() == [5.0, 5.0] and counting.bindings == 2


def test_an_array_that_shares_memory_sees_each_step():
    (w, v), step = descent((2,), (2,))
    x = gd.ones(1).realize()
    step(x), step(x)
    array = w.numpy()
    step(x)
    assert array.tolist() == [3.0, 3.0]
    array[0] = 10.0
    step(x)
    assert array.tolist() == w.tolist() == [11.0, 4.0]
    del array
    step(x), step(x)
    assert w.tolist() == [13.0, 6.0] and v.tolist() == [6.0, 6.0]


def test_a_write_from_outside_counts():
    (w,), step = descent((2,))
    x = gd.ones(1).realize()
    step(x), step(x)
    w.fill_(5.0)
    assert step(x).item() == 12.0


def test_a_step_counts_as_a_write_for_backward():
    w = gd.ones(2, requires_grad=True)

    @gd.compile
    def step(x):
        with gd.no_grad():
            w.add_(x)

    x = gd.ones(1).realize()
    step(x), step(x)
    loss, version = (w * w).sum(), w._version
    step(x)
    assert w._version == version + 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_a_replaced_or_added_parameter_is_noticed():
    model = gd.nn.Sequential(gd.nn.Linear(1, 1, bias=False), gd.nn.Identity())
    captures = []

    @gd.compile
    def step(x):
        captures.append(1)
        return model(x).detach()

    x = gd.ones(1, 1)
    for number in (2.0, 3.0):
        model[0].weight = gd.nn.Parameter(gd.full((1, 1), number))
        assert step(x).item() == number == step(x).item()
    model[1].register_parameter("scale", gd.nn.Parameter(gd.ones(1)))
    step(x)
    assert len(captures) == 3


def test_what_is_returned_has_memory_of_its_own():
    w, v = gd.zeros(2).realize(), gd.zeros(2).realize()

    @gd.compile
    def step(x):
        y = x * 2
        w.copy_(y)
        v.copy_(y)
        v.add_(1)
        w.add_(0)
        w.copy_(y)
        return y

    first = step(gd.ones(2))
    step(gd.zeros(2))
    assert first.tolist() == [2.0, 2.0] and w.tolist() == [0.0, 0.0] and v.tolist() == [1.0, 1.0]


def test_ctrl_c_leaves_weights_wholly_old_or_new(counting):
    (w, v), step = descent((2,), (2,))
    x = gd.ones(1).realize()
    step(x), step(x)
    held = w * 1  # so that one of the two gets new memory and the other does not
    counting.after = lambda: signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        step(x)
    counting.after = lambda: None
    assert w.tolist() == v.tolist() == [3.0, 3.0]
    assert held.tolist() == [2.0, 2.0]


def test_another_thread_is_not_captured():
    started, built = threading.Event(), threading.Event()
    found = []

    def compute():
        started.wait()
        y = gd.ones(2) * 3
        built.set()
        found.append(y.tolist())

    other = threading.Thread(target=compute)
    other.start()

    @gd.compile
    def step(x):
        started.set()
        built.wait()
        return x + 1

    assert step(gd.ones(2)).tolist() == [2.0, 2.0]
    other.join()
    assert found == [[3.0, 3.0]]


def test_a_loss_may_be_returned_after_backward():
    model, x, y = regression()
    optimizer = gd.optim.SGD(model.parameters(), lr=0.1)
    calls = []

    @gd.compile
    def step(x, y):
        calls.append(1)
        optimizer.zero_grad()
        loss = gd.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    losses = [step(x, y).item() for _ in range(4)]
    assert len(calls) == 1  # captured
    assert losses == sorted(losses, reverse=True)


def test_memory_shared_with_numpy_is_an_argument_like_any_other():
    @gd.compile
    def total(x):
        return (x * 2 + 1).sum()

    arrays = [np.full((3, 4), k, np.float32) for k in range(3)]
    tensors = [gd.from_numpy(array) for array in arrays]
    assert [total(x).item() for x in tensors] == [12.0, 36.0, 60.0]
    arrays[0][:] = 5
    assert total(tensors[0]).item() == 132.0


# --- what a step looks at only when something has changed ----------------------------------------


def doubling(layers):
    model = gd.nn.Sequential(*layers)
    return model, gd.compile(lambda x: model(x).detach())


def test_a_submodule_in_place_of_another_is_seen():
    class Times(gd.nn.Module):
        def __init__(self, factor):
            super().__init__()
            self.factor = factor

        def forward(self, x):
            return x * self.factor

    model, step = doubling([Times(2.0), gd.nn.Identity()])
    x = gd.ones(2)
    assert step(x).tolist() == step(x).tolist() == [2, 2]
    model[0] = Times(5.0)
    assert step(x).tolist() == [5, 5]


def test_a_buffer_in_place_of_another_is_seen():
    class Shift(gd.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("shift", gd.zeros(2))

        def forward(self, x):
            return x + self.shift

    model, step = doubling([Shift()])
    assert step(gd.ones(2)).tolist() == step(gd.ones(2)).tolist() == [1, 1]
    model[0].shift = gd.tensor([3.0, 4.0])
    assert step(gd.ones(2)).tolist() == [4, 5]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda table, new: table.__setitem__("weight", new), id="setitem"),
        pytest.param(lambda table, new: table.update(weight=new), id="update"),
        pytest.param(lambda table, new: table.__ior__({"weight": new}), id="ior"),
        pytest.param(
            lambda table, new: (table.pop("weight"), table.setdefault("weight", new)), id="pop"
        ),
        pytest.param(
            lambda table, new: (table.__delitem__("weight"), table.__setitem__("weight", new)),
            id="delitem",
        ),
        pytest.param(
            lambda table, new: (table.popitem(), table.__setitem__("weight", new)), id="popitem"
        ),
        pytest.param(
            lambda table, new: (table.clear(), table.__setitem__("weight", new)), id="clear"
        ),
    ],
)
def test_a_parameter_written_into_the_table_is_seen(change):
    model, step = doubling([gd.nn.Linear(1, 1, bias=False)])
    before = step(gd.ones(1, 1))
    assert step(gd.ones(1, 1)).tolist() == before.tolist()
    change(model[0]._parameters, gd.nn.Parameter(gd.full((1, 1), 9.0)))
    assert step(gd.ones(1, 1)).tolist() == [[9]]


def test_plain_dicts_for_tables_are_looked_at_every_time():
    model, step = doubling([gd.nn.Linear(1, 1, bias=False)])
    model[0]._parameters = {"weight": gd.nn.Parameter(gd.full((1, 1), 2.0))}
    assert step(gd.ones(1, 1)).tolist() == step(gd.ones(1, 1)).tolist() == [[2]]
    model[0]._parameters["weight"] = gd.nn.Parameter(gd.full((1, 1), 7.0))
    assert step(gd.ones(1, 1)).tolist() == [[7]]


def adam_step():
    w = gd.nn.Parameter(gd.ones(2))
    v = gd.nn.Parameter(gd.ones(2))
    optimizer = gd.optim.Adam([w, v], lr=0.1)

    def plain():
        optimizer.zero_grad()
        ((w**2).sum() + (v**3).sum()).backward()
        optimizer.step()

    return w, v, optimizer, plain


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda state, w: state[w].__setitem__("exp_avg", gd.full((2,), 5.0)), id="slot"
        ),
        pytest.param(lambda state, w: state[w].__setitem__("step", 100.0), id="count"),
        pytest.param(lambda state, w: state.pop(w), id="entry"),
        pytest.param(lambda state, w: state.clear(), id="all"),
        pytest.param(
            lambda state, w: state.__setitem__(w, dict(state[w], exp_avg=gd.zeros(2))), id="dict"
        ),
    ],
)
def test_a_change_of_an_optimizer_s_state_is_seen(change):
    results = []
    for wrapper in (gd.compile, lambda function: function):
        w, v, optimizer, plain = adam_step()
        step = wrapper(plain)
        for _ in range(4):
            step()
        change(optimizer.state, w)
        for _ in range(3):
            step()
        results.append(w.tolist() + v.tolist())
    assert results[0] == pytest.approx(results[1], rel=1e-6)
