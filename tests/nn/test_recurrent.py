"""Recurrent layers against the formulas, in NumPy."""

import numpy as np
import pytest

import gradatim as gd
from gradatim import nn

STEPS, BATCH, FEATURES, HIDDEN = 4, 2, 3, 5


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rnn(x, h, w):
    return (np.tanh(x @ w["ih"].T + w["b_ih"] + h[0] @ w["hh"].T + w["b_hh"]),)


def lstm(x, state, w):
    h, c = state
    i, f, g, o = np.split(x @ w["ih"].T + w["b_ih"] + h @ w["hh"].T + w["b_hh"], 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru(x, state, w):
    (h,) = state
    from_x = np.split(x @ w["ih"].T + w["b_ih"], 3, axis=1)
    from_h = np.split(h @ w["hh"].T + w["b_hh"], 3, axis=1)
    r, z = (sigmoid(a + b) for a, b in zip(from_x[:2], from_h[:2]))
    n = np.tanh(from_x[2] + r * from_h[2])
    return ((1 - z) * n + z * h,)


STEP = {"RNN": rnn, "LSTM": lstm, "GRU": gru}


@pytest.fixture(params=STEP)
def kind(request):
    gd.manual_seed(0)
    return request.param


def make(kind, **options):
    return getattr(nn, kind)(FEATURES, HIDDEN, dtype=gd.float64, **options)


def weights(layer, suffix="_l0"):
    names = {"ih": "weight_ih", "hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh"}
    return {k: getattr(layer, name + suffix).detach().numpy() for k, name in names.items()}


def by_hand(kind, x, w, order):
    state = [np.zeros((x.shape[1], HIDDEN))] * (2 if kind == "LSTM" else 1)
    outputs = np.empty((len(x), x.shape[1], HIDDEN))
    for t in order:
        state = STEP[kind](x[t], state, w)
        outputs[t] = state[0]
    return outputs, state


def test_a_layer_follows_the_formulas(kind):
    layer, x = make(kind), gd.randn(STEPS, BATCH, FEATURES, dtype=gd.float64)
    output, last = layer(x)
    expected, state = by_hand(kind, x.numpy(), weights(layer), range(STEPS))
    np.testing.assert_allclose(output.detach().numpy(), expected, rtol=1e-12)
    for ours, theirs in zip(last if kind == "LSTM" else [last], state):
        np.testing.assert_allclose(ours.detach().numpy()[0], theirs, rtol=1e-12)


def test_a_bidirectional_layer_also_runs_backwards(kind):
    layer = make(kind, bidirectional=True, batch_first=True)
    x = gd.randn(BATCH, STEPS, FEATURES, dtype=gd.float64)
    output = layer(x)[0].detach().numpy().transpose(1, 0, 2)
    steps = x.numpy().transpose(1, 0, 2)
    there, _ = by_hand(kind, steps, weights(layer), range(STEPS))
    back, _ = by_hand(kind, steps, weights(layer, "_l0_reverse"), reversed(range(STEPS)))
    np.testing.assert_allclose(output, np.concatenate([there, back], axis=2), rtol=1e-12)


def test_a_packed_sequence_ends_where_it_ends(kind):
    layer, x = make(kind), gd.randn(STEPS, BATCH, FEATURES, dtype=gd.float64)
    packed = nn.utils.rnn.pack_padded_sequence(x, [2, 4], enforce_sorted=False)
    output, last = layer(packed)
    padded, lengths = nn.utils.rnn.pad_packed_sequence(output)
    assert lengths.tolist() == [2, 4]
    whole = layer(x)[0].detach().numpy()
    short, long = padded.detach().numpy().transpose(1, 0, 2)
    np.testing.assert_allclose(short[:2], whole[:2, 0], rtol=1e-12)
    np.testing.assert_array_equal(short[2:], 0)
    np.testing.assert_allclose(long, whole[:, 1], rtol=1e-12)
    h = (last[0] if kind == "LSTM" else last).detach().numpy()[0]
    np.testing.assert_allclose(h, [whole[1, 0], whole[3, 1]], rtol=1e-12)


def test_a_cell_is_one_step(kind):
    layer, cell = make(kind), getattr(nn, f"{kind}Cell")(FEATURES, HIDDEN, dtype=gd.float64)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x = gd.randn(1, BATCH, FEATURES, dtype=gd.float64)
    new = cell(x[0])
    h = new[0] if kind == "LSTM" else new
    np.testing.assert_allclose(h.detach().numpy(), layer(x)[0][0].detach().numpy(), rtol=1e-12)


def test_an_error_names_the_layer():
    model = nn.Sequential(nn.Identity(), nn.GRU(3, 4))
    with pytest.raises(gd.ShapeError, match=r"layer '1' \(GRU\(3, 4\)\): input.size\(-1\) must be"):
        model(gd.zeros(5, 2, 7))


def test_it_learns_to_remember_the_first_number():
    gd.manual_seed(0)
    model, head = nn.LSTM(1, 8), nn.Linear(8, 1)
    optimizer = gd.optim.Adam([*model.parameters(), *head.parameters()], lr=0.03)
    x = gd.randn(6, 32, 1)

    @gd.compile
    def step():
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(head(model(x)[0][-1]), x[0])
        loss.backward()
        optimizer.step()
        return loss.detach()

    losses = [step().item() for _ in range(150)]
    assert losses[0] > 0.5 and losses[-1] < 0.05
