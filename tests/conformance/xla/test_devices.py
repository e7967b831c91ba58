"""Tensors that live on a device of XLA's: here its CPU."""

import copy

import numpy as np
import pytest

pytest.importorskip("jax")

import gradatim as gd
from gradatim.nn import functional as F

XLA = "xla:cpu"


def on(device, *arrays):
    return [gd.tensor(np.asarray(x)).to(device) for x in arrays]


def test_names():
    assert str(gd.device("xla:cpu")) == "xla:cpu" and gd.device("xla:cpu").type == "xla:cpu"
    assert gd.device("xla:cpu:0").place == gd.device("xla:cpu").place
    assert gd.device("cpu") in gd.devices() and gd.device("xla:cpu") in gd.devices()
    with pytest.raises(RuntimeError, match="device 'abacus' is not available"):
        gd.device("abacus")


def test_cuda_without_a_gpu_says_how_to_get_one(monkeypatch):
    monkeypatch.delenv("GRADATIM_DEVICE", raising=False)
    for move in (lambda: gd.ones(2).cuda(), lambda: gd.nn.Linear(2, 2).cuda()):
        with pytest.raises(RuntimeError, match=r"jax\[cuda13\].*GRADATIM_DEVICE=xla:cpu"):
            move()


def test_the_environment_says_what_cuda_is(monkeypatch):
    monkeypatch.setenv("GRADATIM_DEVICE", "xla:cpu")
    x = gd.ones(2).cuda()
    assert str(x.device) == XLA and str(gd.nn.Linear(2, 2).cuda().weight.device) == XLA
    assert (x.to("cuda") + x).cpu().tolist() == [2.0, 2.0]


def test_there_and_back():
    x = gd.arange(6.0).reshape(2, 3)
    y = x.to(XLA)
    assert y.device == gd.device(XLA) and y.to(XLA) is not None
    assert y.cpu().device == gd.device("cpu") and y.cpu().tolist() == x.tolist()
    assert y.tolist() == x.tolist() and y.sum().item() == 15.0
    assert repr(y).endswith("device='xla:cpu')")


def test_dtypes_stay_what_they_are():
    for dtype in (gd.int64, gd.float64, gd.uint8, gd.bfloat16, gd.bool):
        x = gd.ones(3).to(dtype).to(XLA)
        assert x.dtype is dtype and (x == x).all().item()
    big = gd.tensor([2**40 + 1]).to(XLA)
    assert (big + 1).tolist() == [2**40 + 2]


def test_mixing_devices_names_both():
    here, there = gd.tensor([1.0, 2.0]), gd.tensor([1.0, 2.0]).to(XLA)
    for mix in (
        lambda: here + there,
        lambda: F.linear(there, gd.tensor([[1.0, 2.0]])),
        lambda: gd.cat([there, here]),
        lambda: gd.rand(2) * there,
        lambda: gd.ones(2) * there,
    ):
        with pytest.raises(RuntimeError, match=r"xla:cpu") as found:
            mix()
        assert "cpu and xla:cpu" in str(found.value) or "xla:cpu and cpu" in str(found.value)


def test_numbers_meet_any_device():
    (x,) = on(XLA, [1.0, 4.0])
    assert (2 * x + 1).sqrt().mean().item() == pytest.approx((3**0.5 + 3) / 2)
    assert gd.where(x > 2, x, 0.0).tolist() == [0.0, 4.0]


def test_new_tensors_on_a_device():
    for make in (gd.zeros, gd.ones, gd.rand, gd.randn, gd.empty):
        assert str(make(2, 3, device=XLA).device) == XLA
    x = gd.tensor([1.0], device=XLA)
    assert str(gd.zeros_like(x).device) == str(gd.rand_like(x).device) == XLA
    assert str(x.new_ones(3).device) == str(gd.arange(3, device=XLA).device) == XLA


def test_numpy_refuses_a_device():
    with pytest.raises(TypeError, match=r"Use Tensor\.cpu\(\)"):
        gd.ones(2).to(XLA).numpy()


def test_gradients_flow_over_the_border():
    w = gd.tensor([1.0, 2.0], requires_grad=True)
    (w.to(XLA) ** 2).sum().backward()
    assert w.grad.tolist() == [2.0, 4.0] and str(w.grad.device) == "cpu"


def test_in_place_writes():
    (x,) = on(XLA, np.arange(6.0))
    x[1:3] = 7.0
    x += 1
    x[0].fill_(3)
    assert x.tolist() == [3.0, 8.0, 8.0, 4.0, 5.0, 6.0]
    x.copy_(gd.zeros(6))
    assert x.tolist() == [0.0] * 6 and str(x.device) == XLA
    assert str(x.uniform_().device) == XLA


def test_indexing():
    (x,) = on(XLA, np.arange(12.0).reshape(3, 4))
    assert x[1].tolist() == [4.0, 5.0, 6.0, 7.0]
    assert x[:, gd.tensor([0, 3]).to(XLA)].tolist() == [[0.0, 3.0], [4.0, 7.0], [8.0, 11.0]]
    assert x[x > 9].tolist() == [10.0, 11.0]


def test_copies():
    model = gd.nn.Linear(2, 2).to(XLA)
    twin = copy.deepcopy(model)
    assert str(twin.weight.device) == XLA and twin.weight.tolist() == model.weight.tolist()
    other = gd.nn.Linear(2, 2)
    other.load_state_dict(model.state_dict())
    assert str(other.weight.device) == "cpu" and other.weight.tolist() == model.weight.tolist()


class Network(gd.nn.Module):
    """Convolution, normalization, dropout, attention and a recurrence."""

    def __init__(self):
        super().__init__()
        self.embed = gd.nn.Embedding(11, 8)
        self.conv = gd.nn.Conv1d(8, 8, 3, padding=1)
        self.norm = gd.nn.BatchNorm1d(8)
        self.pool = gd.nn.MaxPool1d(2)
        self.attend = gd.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
        self.lstm = gd.nn.LSTM(8, 6, batch_first=True)
        self.drop = gd.nn.Dropout(0.2)
        self.out = gd.nn.Linear(6, 3)

    def forward(self, tokens):
        x = self.embed(tokens).transpose(1, 2)
        x = self.pool(F.gelu(self.norm(self.conv(x)))).transpose(1, 2)
        x, _ = self.lstm(self.attend(x))
        return self.out(self.drop(x[:, -1]))


def curve(device, optimizer_name, compiled):
    gd.manual_seed(1)
    model = Network().to(device)
    optimizer = getattr(gd.optim, optimizer_name)(model.parameters(), lr=0.01)

    def step(tokens, labels):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(tokens), labels)
        loss.backward()
        optimizer.step()
        return loss

    step = gd.compile(step) if compiled else step
    numbers = np.random.default_rng(3)
    losses = []
    for _ in range(6):
        tokens, labels = on(device, numbers.integers(0, 11, (5, 8)), numbers.integers(0, 3, 5))
        losses.append(step(tokens, labels).item())
    assert {str(p.device) for p in model.parameters()} == {str(gd.device(device))}
    return losses


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("optimizer", ["SGD", "AdamW"])
def test_training_gives_the_losses_of_the_cpu(optimizer, compiled):
    expected = curve("cpu", optimizer, compiled)
    np.testing.assert_allclose(curve(XLA, optimizer, compiled), expected, rtol=1e-4)


def test_a_failed_step_leaves_the_parameters():
    (table,) = on(XLA, np.ones((3, 2), np.float32))
    table.requires_grad_()
    optimizer = gd.optim.SGD([table], lr=1.0)

    @gd.compile
    def step(places):
        optimizer.zero_grad()
        loss = F.embedding(places, table).sum()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(2):
        step(gd.tensor([0, 1]).to(XLA))
    before = table.tolist()
    with pytest.raises(IndexError, match="index 3 is out of bounds"):
        step(gd.tensor([0, 3]).to(XLA))
    assert table.tolist() == before
    step(gd.tensor([2, 2]).to(XLA))
    assert table.tolist() == [[-1.0, -1.0], [-1.0, -1.0], [-1.0, -1.0]]


def test_parameters_are_donated():
    (w,) = on(XLA, np.ones(1000, np.float32))

    @gd.compile
    def step():
        w.add_(1.0)

    step()
    step()
    old = w._cell.node.buffer.array
    step()
    assert old.is_deleted() and w[0].item() == 4.0


def test_trainer_brings_batches_to_the_model():
    x = gd.rand(40, 3)

    def fit(device):
        gd.manual_seed(2)
        model = gd.nn.Linear(3, 1).to(device)
        optimizer = gd.optim.SGD(model.parameters(), lr=0.1)
        trainer = gd.train.Trainer(model, "mse", optimizer, progress=False)
        history = trainer.fit((x, x.sum(1, keepdim=True)), epochs=3, batch_size=10)
        return history["loss"], model

    expected, _ = fit("cpu")
    found, model = fit(XLA)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert str(model.weight.device) == XLA
