"""Recurrent layers and cells against PyTorch."""

from __future__ import annotations

import copy
import itertools
import warnings

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from twins import LIBRARIES, both

import gradatim as gd

STEPS, BATCH, FEATURES, HIDDEN = 5, 3, 4, 6

# Five steps of two layers: some hundred roundings of 6e-8 (float32) or 1e-16 (float64), and sums
# in another order.
CLOSE = {"float32": {"rtol": 1e-4, "atol": 1e-5}, "float64": {"rtol": 1e-11, "atol": 1e-12}}

LAYERS = {
    "RNN": {},
    "RNN relu": {"nonlinearity": "relu"},
    "LSTM": {},
    "LSTM projection": {"proj_size": 2},
    "GRU": {},
}
OPTIONS = [
    {"num_layers": layers, "bias": bias, "batch_first": first, "bidirectional": both_ways}
    for layers, bias, first, both_ways in itertools.product(
        (1, 2), (True, False), (False, True), (False, True)
    )
]


def make(nn, name, **options):
    return getattr(nn, name.split()[0])(FEATURES, HIDDEN, **LAYERS[name], **options)


def flat(value):
    if isinstance(value, (tuple, list)):
        return [leaf for each in value for leaf in flat(each)]
    return [value]


def states(lib, layer, batch, dtype):
    """Initial states of the right sizes."""
    count = layer.num_layers * (2 if layer.bidirectional else 1)
    h_size = layer.proj_size or layer.hidden_size
    rows = (count,) if batch is None else (count, batch)
    made = [lib.randn(*rows, h_size, dtype=dtype)]
    if layer.mode == "LSTM":
        made.append(lib.randn(*rows, layer.hidden_size, dtype=dtype))
    return [state.requires_grad_() for state in made]


def outcome(layer, x, hx):
    """Outputs, last states, and the gradients of everything."""
    given = [] if hx is None else [tuple(hx) if len(hx) > 1 else hx[0]]
    results = flat(layer(x, *given))
    loss = sum((r.sin() * r).sum() for r in results)
    loss.backward()
    leaves = [x, *(hx or []), *layer.parameters()]
    return [r.detach().numpy() for r in results] + [leaf.grad.numpy() for leaf in leaves]


def assert_close(ours, theirs, dtype="float32"):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, **CLOSE[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: " ".join(map(str, o.values())))
@pytest.mark.parametrize("name", LAYERS)
def test_values_and_gradients(name, options, dtype):
    def script(lib, nn):
        lib.manual_seed(5)
        kind = getattr(lib, dtype)
        layer = make(nn, name, **options, dtype=kind)
        sizes = (BATCH, STEPS) if layer.batch_first else (STEPS, BATCH)
        x = lib.randn(*sizes, FEATURES, dtype=kind).requires_grad_()
        return outcome(layer, x, states(lib, layer, BATCH, kind))

    assert_close(*both(script), dtype)


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_input_without_a_batch_and_zero_states(name, batch_first, given):
    def script(lib, nn):
        lib.manual_seed(5)
        layer = make(nn, name, num_layers=2, batch_first=batch_first)
        x = lib.randn(STEPS, FEATURES).requires_grad_()
        hx = states(lib, layer, None, lib.float32) if given else None
        return outcome(layer, x, hx)

    assert_close(*both(script))


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("sizes", [(1, 1), (1, 3), (7, 1)])
def test_small_sizes(name, sizes):
    def script(lib, nn):
        lib.manual_seed(5)
        x = lib.randn(*sizes, FEATURES).requires_grad_()
        return outcome(make(nn, name, bidirectional=True), x, None)

    assert_close(*both(script))


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_dropout_between_layers_drops_the_same(name, batch_first):
    def script(lib, nn):
        lib.manual_seed(5)
        layer = make(nn, name, num_layers=3, dropout=0.4, batch_first=batch_first)
        x = lib.randn(STEPS, BATCH, FEATURES).requires_grad_()
        found = outcome(layer, x, None)
        with lib.no_grad():
            quiet = layer.eval()(x)[0]
        return [*found, quiet.numpy(), lib.rand(3).numpy()]

    assert_close(*both(script))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*LAYERS, "RNNCell", "LSTMCell", "GRUCell"])
def test_initial_weights_names_and_stream(name, dtype):
    def script(lib, nn):
        lib.manual_seed(7)
        kind = getattr(lib, dtype)
        if name.endswith("Cell"):
            layer = getattr(nn, name)(FEATURES, HIDDEN, dtype=kind)
        else:
            layer = make(nn, name, num_layers=2, bidirectional=True, dtype=kind)
        named = [(key, value.numpy().tolist()) for key, value in layer.state_dict().items()]
        return named, [key for key, _ in layer.named_parameters()], lib.rand(3).numpy().tolist()

    ours, theirs = both(script)
    assert ours == theirs


def test_weights_of_one_load_into_the_other():
    theirs = torch.nn.LSTM(FEATURES, HIDDEN, 2, bidirectional=True, proj_size=3)
    ours = gd.nn.LSTM(FEATURES, HIDDEN, 2, bidirectional=True, proj_size=3)
    ours.load_state_dict({k: gd.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    x = np.random.RandomState(0).normal(size=(STEPS, BATCH, FEATURES)).astype(np.float32)
    expected = [t.detach().numpy() for t in flat(theirs(torch.tensor(x)))]
    assert_close([t.detach().numpy() for t in flat(ours(gd.tensor(x)))], expected)


@pytest.mark.parametrize(
    "build",
    [
        lambda nn: nn.RNN(4, 6),
        lambda nn: nn.RNN(4, 6, 2, "relu", False, True),
        lambda nn: nn.LSTM(4, 6, 2, bias=False, batch_first=True, dropout=0.25),
        lambda nn: nn.LSTM(4, 6, proj_size=3, bidirectional=True),
        lambda nn: nn.GRU(4, 6, 3, dropout=1),
        lambda nn: nn.RNNCell(4, 6),
        lambda nn: nn.RNNCell(4, 6, bias=False, nonlinearity="relu"),
        lambda nn: nn.LSTMCell(4, 6, bias=False),
        lambda nn: nn.GRUCell(4, 6),
    ],
)
def test_repr(build):
    ours, theirs = both(lambda lib, nn: repr(build(nn)))
    assert ours == theirs


# --- cells ---------------------------------------------------------------------------------------

CELLS = {
    "RNNCell": {},
    "RNNCell relu": {"nonlinearity": "relu"},
    "LSTMCell": {},
    "GRUCell": {},
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [None, 1, 3])
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_cells(name, bias, given, batch, dtype):
    def script(lib, nn):
        lib.manual_seed(5)
        kind = getattr(lib, dtype)
        cell = getattr(nn, name.split()[0])(FEATURES, HIDDEN, bias, **CELLS[name], dtype=kind)
        rows = () if batch is None else (batch,)
        x = lib.randn(*rows, FEATURES, dtype=kind).requires_grad_()
        count = 2 if "LSTM" in name else 1
        hx = [lib.randn(*rows, HIDDEN, dtype=kind).requires_grad_() for _ in range(count)]
        return outcome(cell, x, hx if given else None)

    assert_close(*both(script), dtype)


def test_a_python_loop_over_a_cell_is_the_layer():
    gd.manual_seed(3)
    layer, cell = gd.nn.LSTM(FEATURES, HIDDEN), gd.nn.LSTMCell(FEATURES, HIDDEN)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x = gd.randn(STEPS, BATCH, FEATURES)
    state, hs = (gd.zeros(BATCH, HIDDEN),) * 2, []
    for t in range(STEPS):
        state = cell(x[t], state)
        hs.append(state[0])
    np.testing.assert_allclose(
        layer(x)[0].detach().numpy(), gd.stack(hs).detach().numpy(), rtol=1e-5, atol=1e-6
    )


# --- errors --------------------------------------------------------------------------------------

MISTAKES = {
    "input_size float": lambda lib, nn: nn.LSTM(4.0, 6),
    "hidden_size 0": lambda lib, nn: nn.LSTM(4, 0),
    "input_size -1": lambda lib, nn: nn.GRU(-1, 6),
    "num_layers 0": lambda lib, nn: nn.GRU(4, 6, 0),
    "dropout 2": lambda lib, nn: nn.GRU(4, 6, 2, dropout=2),
    "dropout True": lambda lib, nn: nn.GRU(4, 6, 2, dropout=True),
    "bias 1": lambda lib, nn: nn.GRU(4, 6, bias=1),
    "batch_first 1": lambda lib, nn: nn.GRU(4, 6, batch_first=1),
    "proj_size of GRU": lambda lib, nn: nn.GRU(4, 6, proj_size=2),
    "proj_size of RNN": lambda lib, nn: nn.RNN(4, 6, proj_size=2),
    "proj_size too large": lambda lib, nn: nn.LSTM(4, 6, proj_size=6),
    "proj_size -1": lambda lib, nn: nn.LSTM(4, 6, proj_size=-1),
    "nonlinearity": lambda lib, nn: nn.RNN(4, 6, nonlinearity="sin"),
    "1-d input": lambda lib, nn: nn.RNN(4, 6)(lib.zeros(4)),
    "4-d input": lambda lib, nn: nn.LSTM(4, 6)(lib.zeros(1, 1, 1, 4)),
    "features": lambda lib, nn: nn.LSTM(4, 6)(lib.zeros(5, 3, 7)),
    "dtype": lambda lib, nn: nn.LSTM(4, 6)(lib.zeros(5, 3, 4, dtype=lib.float64)),
    "hidden size": lambda lib, nn: nn.GRU(4, 6)(lib.zeros(5, 3, 4), lib.zeros(1, 2, 6)),
    "hidden dims": lambda lib, nn: nn.GRU(4, 6)(lib.zeros(5, 3, 4), lib.zeros(3, 6)),
    "unbatched hidden": lambda lib, nn: nn.GRU(4, 6)(lib.zeros(5, 4), lib.zeros(1, 1, 6)),
    "hidden[1] size": lambda lib, nn: nn.LSTM(4, 6)(
        lib.zeros(5, 3, 4), (lib.zeros(1, 3, 6), lib.zeros(1, 3, 5))
    ),
    "hx and cx": lambda lib, nn: nn.LSTM(4, 6)(
        lib.zeros(5, 3, 4), (lib.zeros(3, 6), lib.zeros(1, 3, 6))
    ),
    "cell 3-d": lambda lib, nn: nn.GRUCell(4, 6)(lib.zeros(1, 3, 4)),
    "cell hidden 3-d": lambda lib, nn: nn.RNNCell(4, 6)(lib.zeros(3, 4), lib.zeros(1, 3, 6)),
    "cell hx[1]": lambda lib, nn: nn.LSTMCell(4, 6)(
        lib.zeros(3, 4), (lib.zeros(3, 6), lib.zeros(1, 3, 6))
    ),
    "cell features": lambda lib, nn: nn.LSTMCell(4, 6)(lib.zeros(3, 5)),
    "cell hidden": lambda lib, nn: nn.GRUCell(4, 6)(lib.zeros(3, 4), lib.zeros(3, 5)),
    "cell batch": lambda lib, nn: nn.GRUCell(4, 6)(lib.zeros(3, 4), lib.zeros(2, 6)),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_refused_alike(name):
    messages = []
    for lib, nn in LIBRARIES:
        with pytest.raises(Exception) as caught, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            MISTAKES[name](lib, nn)
        messages.append((caught.value, str(caught.value)))
    (ours, our_text), (theirs, their_text) = messages
    assert isinstance(ours, type(theirs)) and isinstance(ours, gd.Error)
    assert " ".join(their_text.split()) in our_text


def test_dropout_of_one_layer_warns():
    with pytest.warns(UserWarning, match="expects num_layers greater than 1"):
        gd.nn.LSTM(4, 6, dropout=0.5)


# --- training ------------------------------------------------------------------------------------


@pytest.mark.parametrize("compiled", [False, True])
def test_ten_steps_of_an_lstm_classifier(compiled):
    """Batch 64, 128 steps of 9 channels, hidden 128, Adam: PyTorch's losses and weights."""

    def script(lib, nn):
        lib.manual_seed(0)

        class Classifier(nn.Module):
            def __init__(self):
                super().__init__()
                self.lstm = nn.LSTM(9, 128, batch_first=True)
                self.head = nn.Linear(128, 6)

            def forward(self, x):
                return self.head(self.lstm(x)[0][:, -1])

        model = Classifier()
        start = copy.deepcopy(model)
        optimizer = lib.optim.Adam(model.parameters(), lr=1e-3)
        x, y = lib.randn(64, 128, 9), lib.randint(0, 6, (64,))

        def step(x, y):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss.detach()

        step = gd.compile(step) if compiled and lib is gd else step
        losses = [step(x, y).item() for _ in range(10)]
        moved = [
            (p.detach() - s.detach()).numpy()
            for p, s in zip(model.parameters(), start.parameters())
        ]
        return losses, moved

    (our_losses, our_moves), (their_losses, their_moves) = both(script)
    np.testing.assert_allclose(our_losses, their_losses, rtol=1e-5)
    # Adam moves every weight by about 1e-3 a step, in the direction of its gradient's sign. Where a
    # gradient is nearly 0, rounding decides, so a few weights may differ by a part of a step.
    for ours, theirs in zip(our_moves, their_moves):
        assert np.abs(theirs).max() > 5e-3
        assert np.quantile(np.abs(ours - theirs), 0.99) < 1e-5
        assert np.abs(ours - theirs).max() < 1e-3
