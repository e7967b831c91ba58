"""Weight files, exchanged with PyTorch: both read what the other wrote, and train on alike."""

from __future__ import annotations

import io
from collections import OrderedDict

import numpy as np
import pytest
import torch

import gradatim as gd

DTYPES = [
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16",
    "bfloat16", "float32", "float64",
]  # fmt: skip


def from_torch(obj, **options):
    file = io.BytesIO()
    torch.save(obj, file, **options)
    return gd.load(file)


def to_torch(obj):
    file = io.BytesIO()
    gd.save(obj, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def assert_same(ours, theirs):
    """Equal trees, with our tensors where PyTorch has its."""
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, gd.Tensor)
        assert str(ours.dtype) == str(theirs.dtype)
        assert tuple(ours.shape) == tuple(theirs.shape)
        assert ours.requires_grad == theirs.requires_grad
        assert isinstance(ours, gd.nn.Parameter) == isinstance(theirs, torch.nn.Parameter)
        assert ours.tolist() == theirs.tolist()
    elif isinstance(theirs, dict):
        assert isinstance(ours, OrderedDict) == isinstance(theirs, OrderedDict)
        assert list(ours) == list(theirs)
        for key in theirs:
            assert_same(ours[key], theirs[key])
    elif isinstance(theirs, (list, tuple)) and type(theirs) is not torch.Size:
        assert type(ours) is type(theirs) and len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            assert_same(a, b)
    elif isinstance(theirs, (torch.dtype, torch.Size, torch.device)):
        assert str(ours) == str(theirs)
    else:
        assert type(ours) is type(theirs) and (ours == theirs or ours != ours)


def plain_tree(library):
    return {
        "epoch": 3, "big": 2**70, "negative": -5, "long": 2**40, "rate": 0.1, "nan": float("nan"),
        "best": True, "name": "ä𝄞", "none": None, "list": [1, [2.5, ("a", (), {})]],
        7: {"deep": OrderedDict(a=1)}, "raw": b"\x00\xff", "members": {1, 2},
        "size": library.zeros(2, 3).shape, "dtype": library.bfloat16,
        "device": library.device("cpu"), ("a", 1): (1, 2, 3, 4),
    }  # fmt: skip


def test_plain_data_both_ways():
    assert_same(from_torch(plain_tree(torch)), plain_tree(torch))
    assert_same(plain_tree(gd), to_torch(plain_tree(gd)))


@pytest.mark.filterwarnings("ignore:.*pickle protocol")
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_pickle_protocol(protocol):
    tree = {**plain_tree(torch), "model": torch.nn.LSTM(2, 3).state_dict(), "text": "x" * 300}
    assert_same(from_torch(tree, pickle_protocol=protocol), tree)


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_both_ways(name):
    values = np.arange(6).reshape(2, 3) % 4
    for shape in [(2, 3), (6,), (3, 1, 2)]:
        theirs = torch.tensor(values).reshape(shape).to(getattr(torch, name))
        assert_same(from_torch([theirs]), [theirs])
        ours = gd.tensor(values).reshape(shape).to(getattr(gd, name))
        assert_same([ours], to_torch([ours]))
    empty = torch.zeros((0, 2), dtype=getattr(torch, name))
    assert_same(from_torch(empty), empty)
    assert_same(
        gd.zeros((0, 2), dtype=getattr(gd, name)),
        to_torch(gd.zeros((0, 2), dtype=getattr(gd, name))),
    )


VIEWS = {
    "transposed": lambda x: x.transpose(0, 2),
    "permuted": lambda x: x.permute(1, 2, 0)[1:],
    "sliced": lambda x: x[1:, ::2, 1],
    "expanded": lambda x: x[:1].expand(5, 3, 4),
    "windows": lambda x: x.flatten().unfold(0, 5, 2),
    "element": lambda x: x[1, 2, 3],
    "diagonal": lambda x: x.diagonal(0, 0, 1),
    "channels last": lambda x: x[None].contiguous(memory_format=torch.channels_last),
    "empty": lambda x: x[:, :0],
    "conjugate view": lambda x: x.real,
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_keep_shape_and_values(name):
    view = VIEWS[name](torch.arange(24.0).reshape(2, 3, 4))
    assert_same(from_torch({"view": view}), {"view": view})
    leaf = view.clone().requires_grad_()
    assert_same(from_torch(leaf), leaf)


def test_shared_memory_stays_shared():
    whole = torch.zeros(4, 3)
    ours = from_torch([whole, whole[1], whole.T, whole])
    ours[0][1, 2] = 5.0
    assert ours[1].tolist() == [0, 0, 5] and ours[2][2, 1].item() == 5
    assert ours[3][1, 2].item() == 5
    theirs = to_torch([weight := gd.zeros(3), weight.detach()])
    theirs[0][1] = 5
    assert theirs[1].tolist() == [0, 5, 0]


def test_parameters_and_tensors_with_attributes():
    parameter = torch.nn.Parameter(torch.ones(2))
    frozen = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    assert_same(from_torch([parameter, frozen]), [parameter, frozen])
    ours = [gd.nn.Parameter(gd.ones(2)), gd.nn.Parameter(gd.ones(2), False)]
    assert_same(ours, to_torch(ours))
    tagged = torch.ones(2)
    tagged.note = "x"
    assert from_torch(tagged).tolist() == [1, 1]
    marked = torch.nn.Parameter(torch.ones(2))
    marked.note = "x"
    assert from_torch(marked).tolist() == [1, 1]


@pytest.mark.parametrize("filename", ["model.pt", "model.pth", "weights.bin", "no_suffix"])
def test_files(tmp_path, filename):
    path = tmp_path / filename
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    torch.save(model.state_dict(), path)
    state = gd.load(path, map_location="cpu", weights_only=True)
    assert_same(state, model.state_dict())
    assert state._metadata == model.state_dict()._metadata
    gd.save(state, path)
    loaded = torch.load(path, weights_only=True, mmap=True)
    assert_same(state, loaded)
    assert loaded._metadata == model.state_dict()._metadata


def test_safetensors_both_ways(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    path = tmp_path / "model.safetensors"
    theirs = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.bfloat16)}
    safetensors.save_file(theirs, path)
    ours = gd.load(path)
    assert {name: str(t) for name, t in ours.items()} == {n: str(t) for n, t in theirs.items()}
    gd.save(ours, path)
    again = safetensors.load_file(path)
    assert all(torch.equal(again[name], theirs[name]) for name in theirs)


class WholeModel(torch.nn.Module):
    pass


@pytest.mark.parametrize(
    ("obj", "name"),
    [
        (torch.nn.Linear(1, 1), r"torch\.nn\.modules\.linear\.Linear"),
        (torch.ones(2, dtype=torch.complex64), "ComplexFloatStorage"),
        ({"x": np.float64(1)}, r"numpy\._?core\.multiarray\.scalar"),
        (torch.nn.ReLU, r"torch\.nn\.modules\.activation\.ReLU"),
        (torch.ones(2).to_sparse(), "_rebuild_sparse_tensor"),
        (print, "print"),
    ],
)
def test_what_is_no_data_is_refused_by_name(obj, name):
    with pytest.raises(gd.CheckpointError, match=name):
        from_torch(obj)


def test_the_format_before_1_6_and_torchscript(tmp_path):
    with pytest.raises(gd.CheckpointError, match=r"before version 1\.6"):
        from_torch({"a": torch.ones(1)}, _use_new_zipfile_serialization=False)
    torch.jit.script(torch.nn.Linear(1, 1)).save(str(tmp_path / "m.pt"))
    with pytest.raises(gd.CheckpointError, match="TorchScript"):
        gd.load(tmp_path / "m.pt")


# --- training goes on in the other library --------------------------------------------------------

OPTIMIZERS = {
    "SGD": dict(lr=0.05, momentum=0.9, nesterov=True),
    "Adam": dict(lr=0.01, amsgrad=True),
    "AdamW": dict(lr=0.01),
    "RMSprop": dict(lr=0.01, centered=True, momentum=0.5),
    "Adagrad": dict(lr=0.1),
    "Rprop": dict(lr=0.01),
    "RAdam": dict(lr=0.01),
    "Adadelta": dict(),
    "Adamax": dict(lr=0.01),
    "LBFGS": dict(lr=0.5, max_iter=3),
    "Muon": dict(lr=0.01),
    "Adafactor": dict(lr=0.01),
}


class Training:
    """The same small network and its optimizer, in one of the two libraries."""

    def __init__(self, library, name):
        nn = library.nn
        self.library = library
        matrices_only = name == "Muon"
        self.model = nn.Sequential(
            nn.Linear(4, 8, bias=not matrices_only),
            nn.Tanh(),
            nn.Linear(8, 2, bias=not matrices_only),
        ).to(library.float64)
        self.optimizer = getattr(library.optim, name)(self.model.parameters(), **OPTIMIZERS[name])
        rng = np.random.default_rng(0)
        self.x = library.tensor(rng.normal(size=(16, 4)))
        self.y = library.tensor(rng.normal(size=(16, 2)))

    def train(self, steps):
        losses = []

        def closure():
            self.optimizer.zero_grad()
            loss = ((self.model(self.x) - self.y) ** 2).mean()
            loss.backward()
            return loss

        for _ in range(steps):
            losses.append(float(self.optimizer.step(closure).detach()))
        return losses

    def checkpoint(self):
        return {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}

    def resume(self, checkpoint):
        self.model.load_state_dict(checkpoint["model"])
        self.optimizer.load_state_dict(checkpoint["optimizer"])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_checkpoint_of_pytorch_s_continues_here_and_back(name):
    theirs, ours, back = Training(torch, name), Training(gd, name), Training(torch, name)
    theirs.train(5)
    ours.resume(from_torch(theirs.checkpoint()))
    np.testing.assert_allclose(ours.train(10), theirs.train(10), rtol=1e-10)
    back.resume(to_torch(ours.checkpoint()))
    np.testing.assert_allclose(back.train(10), ours.train(10), rtol=1e-10)
