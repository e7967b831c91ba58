"""Weight files: what goes in comes out, no code of a file is run, and broken ones say so."""

from __future__ import annotations

import io
import os
import pickle
import random
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

import gradatim as gd
from gradatim import nn
from gradatim.weights.archive import write_archive
from gradatim.weights.pickling import Pickler

DTYPES = [
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16",
    "bfloat16", "float32", "float64",
]  # fmt: skip


def saved(obj) -> bytes:
    file = io.BytesIO()
    gd.save(obj, file)
    return file.getvalue()


def again(obj):
    return gd.load(io.BytesIO(saved(obj)))


def archive_of(structure: bytes, storages=()) -> io.BytesIO:
    return io.BytesIO(write_archive("archive", structure, list(storages)))


def same(a, b) -> bool:
    if isinstance(a, gd.Tensor):
        return a.dtype is b.dtype and a.shape == b.shape and a.tolist() == b.tolist()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def test_plain_data_comes_back():
    tree = {
        "epoch": 3, "big": -(2**70), "rate": 0.1, "nan?": False, "name": "ä𝄞", "none": None,
        "list": [1, [2.5, ("a", ())]], 7: {"deep": {}}, "raw": b"\x00\xff", "members": {1, 2},
        "size": gd.Size([2, 3]), "dtype": gd.bfloat16, "device": gd.device("cpu"),
        ("a", 1): True, "min": -(2**31), "max": 2**31,
    }  # fmt: skip
    assert same(again(tree), tree)


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_tensors_of_every_dtype_and_shape(name, shape):
    value = gd.tensor(np.arange(np.prod(shape)).reshape(shape) % 5).to(getattr(gd, name))
    assert same(again(value), value)
    assert same(again({"x": [value]}), {"x": [value]})


def test_parameters_and_gradients_wanted():
    loaded = again([nn.Parameter(gd.ones(2)), gd.ones(1, requires_grad=True), gd.ones(1)])
    assert isinstance(loaded[0], nn.Parameter) and loaded[0].requires_grad
    assert [tensor.requires_grad for tensor in loaded] == [True, True, False]


def test_views_are_saved_as_their_elements():
    x = gd.arange(12.0).reshape(3, 4)
    for view in (x.T, x[1:, ::2], x[0].expand(2, 4), x[:, 3]):
        assert same(again(view), view.clone())


def test_tied_weights_stay_tied_and_are_stored_once():
    weight = gd.zeros(1000)
    file = saved({"encoder": weight, "decoder": weight.detach()})
    assert len(file) < 6000
    loaded = gd.load(io.BytesIO(file))
    loaded["encoder"][3] = 7.0
    assert loaded["decoder"][3].item() == 7


def test_a_state_dict_keeps_its_order_and_metadata():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    state = again(model.state_dict())
    assert isinstance(state, OrderedDict)
    assert same(dict(state), dict(model.state_dict()))
    assert state._metadata["1"] == {"version": 2}
    twin = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    assert str(twin.load_state_dict(state)) == "<All keys matched successfully>"


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "model.pt"
    gd.save({"a": 1}, path)
    with pytest.raises(gd.ArgumentTypeError):
        gd.save({"a": object()}, path)
    assert gd.load(path) == {"a": 1}
    assert os.listdir(tmp_path) == ["model.pt"]


def test_safetensors(tmp_path):
    path = tmp_path / "model.safetensors"
    model = nn.Linear(2, 3)
    gd.save(model.state_dict(), path)
    loaded = gd.load(path)
    assert same(loaded["weight"], model.weight.detach()) and set(loaded) == {"weight", "bias"}
    x = gd.rand(4, 2)
    assert (gd.load(path, model=nn.Linear(2, 3))(x) == model(x)).all()
    for bad, words in [
        ([1], "holds a dict of tensors by name, got list"),
        (model, "got Linear; give its state_dict()"),
        ({"epoch": 3}, "'epoch' is a int"),
        ({"a": {"b": gd.ones(1)}}, "'a' is a dict"),
    ]:
        with pytest.raises(gd.ArgumentTypeError) as caught:
            gd.save(bad, path)
        assert words in str(caught.value)


def test_a_pt_file_into_a_model(tmp_path):
    model = nn.Linear(2, 3)
    gd.save(model.state_dict(), tmp_path / "m.pth")
    x = gd.rand(4, 2)
    assert (gd.load(tmp_path / "m.pth", nn.Linear(2, 3))(x) == model(x)).all()
    with pytest.raises(gd.CheckpointError, match=r"m.pth does not fit the model: weight has shape"):
        gd.load(tmp_path / "m.pth", nn.Linear(3, 3))
    gd.save({"model": model.state_dict()}, tmp_path / "m.pth")
    with pytest.raises(gd.CheckpointError, match="holds more than one state_dict"):
        gd.load(tmp_path / "m.pth", nn.Linear(2, 3))


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        ({"model": nn.Linear(1, 1)}, r"the object\['model'\], a Linear: .*; give its state_dict"),
        ([{"f": print}], r"the object\[0\]\['f'\], a builtin_function_or_method"),
        ({"x": np.ones(2)}, r"the object\['x'\], a ndarray: .*gd\.tensor"),
        ({"z": 1j}, r"the object\['z'\], a complex"),
    ],
)
def test_what_cannot_be_saved_is_named(obj, words):
    with pytest.raises(gd.ArgumentTypeError, match=words):
        saved(obj)


def test_what_contains_itself_cannot_be_saved():
    loop = []
    loop.append({"again": loop})
    with pytest.raises(gd.ArgumentError, match="contains itself"):
        saved(loop)


# --- files that must not be believed -------------------------------------------------------------


class Evil:
    """Its pickle makes a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"echo run > {self.path}",)


class Net(nn.Module):
    pass


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_no_code_is_run(protocol, tmp_path):
    for obj, name in [
        (Evil(tmp_path / "made"), r"names (posix|nt)\.system"),
        ([eval], r"names (builtins|__builtin__)\.eval"),
    ]:
        with pytest.raises(gd.CheckpointError, match=name) as caught:
            gd.load(archive_of(pickle.dumps(obj, protocol)))
        assert "state_dict" in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "made").exists()


def test_a_whole_module_is_refused():
    structure = b"\x80\x02ctorch.nn.modules.linear\nLinear\nq\x00)\x81q\x01}q\x02b."
    with pytest.raises(
        gd.CheckpointError, match=r"names torch\.nn\.modules\.linear\.Linear.*state_dict"
    ):
        gd.load(archive_of(structure))


@pytest.mark.parametrize(
    ("structure", "words"),
    [
        (b"", "ends too early"),
        (b"\x80\x02}", "ends too early"),
        (b"\x80\x02.", "is no pickle from byte"),
        (b"\x80\x09.", "protocol 9"),
        (b"\x80\x02X\xff\xff\xff\xffabc.", "ends too early"),
        (b"\x80\x02h\x05.", "no pickle"),
        (b"\x80\x02cbuiltins\nprint\n)R.", "names builtins.print"),
        (b"\x80\x02K\x01)R.", "calls what is no function"),
        (b"\x80\x02(ibuiltins\nprint\n.", "opcode b'i'"),
        (b"\x80\x02}q\x00K\x01K\x02s}b.", "gives attributes"),
        (b"\x80\x02}]K\x02s.", "a list as its key"),
        (b"\x80\x02K\x05K\x06a.", "appends to what is no list"),
        (b"\x80\x02K\x07Q.", "mentions a storage in an unknown way"),
        (b"\x80\x02ctorch\nComplexFloatStorage\n.", "torch.ComplexFloatStorage, a dtype that"),
        (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00zip\x86R.", "encodes"),
    ],
)  # fmt: skip
def test_bad_pickles(structure, words):
    with pytest.raises(gd.CheckpointError) as caught:
        gd.load(archive_of(structure))
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_deep_tuples_are_no_keys():
    structure = b"\x80\x02})" + b"\x85" * 200_000 + b"K\x01s."
    with pytest.raises(gd.CheckpointError, match="a tuple as its key"):
        gd.load(archive_of(structure))


def tensor_file(offset=0, size=(2, 2), stride=(2, 1), count=4, octets=16):
    """A file with one float32 tensor, which says of itself what it is told to say."""
    p = Pickler()
    p.out += b"\x80\x02"
    p.name("torch._utils", "_rebuild_tensor_v2")
    p.out += b"(("
    p.text("storage", ())
    p.name("torch", "FloatStorage")
    p.text("0", ())
    p.text("cpu", ())
    p.whole(count, ())
    p.out += b"tQ"
    p.write((offset), ())
    p.write(size, ())
    p.write(stride, ())
    p.flag(False, ())
    p.out += b"}tR."
    numbers = np.arange(octets // 4, dtype=np.float32)
    return archive_of(bytes(p.out), [numbers.tobytes()])


def test_strides_and_offsets():
    assert gd.load(tensor_file()).tolist() == [[0, 1], [2, 3]]
    assert gd.load(tensor_file(stride=(1, 2))).tolist() == [[0, 2], [1, 3]]
    assert gd.load(tensor_file(offset=1, size=(2,), stride=(2,))).tolist() == [1, 3]
    assert gd.load(tensor_file(size=(3, 2), stride=(1, 1))).tolist() == [[0, 1], [1, 2], [2, 3]]
    assert gd.load(tensor_file(size=(10**9, 2), stride=(0, 1))).shape == (10**9, 2)
    assert gd.load(tensor_file(size=(), stride=(), offset=3)).tolist() == 3
    assert gd.load(tensor_file(size=(2, 0), stride=(1, 1), offset=99)).shape == (2, 0)
    assert gd.load(tensor_file(size=(2, 3), stride=(0, 1))).tolist() == [[0, 1, 2], [0, 1, 2]]


@pytest.mark.parametrize(
    "what",
    [
        dict(size=(3, 2)),
        dict(offset=1),
        dict(offset=-1),
        dict(stride=(-1, 1)),
        dict(size=(2, -2)),
        dict(size=(2,)),
        dict(size=[2, 2]),
        dict(size=(2, 2.0)),
        dict(size=(2**62, 2**62)),
        dict(size=(True, 2)),
        dict(count=5),
        dict(count=3),
        dict(octets=8),
        dict(size=(1,) * 70, stride=(1,) * 70),
        dict(size=(2**40, 2), stride=(2**40, 1)),
    ],
)
def test_tensors_that_cannot_be(what):
    with pytest.raises(gd.CheckpointError, match="is damaged"):
        gd.load(tensor_file(**what))


def test_overlapping_windows_do_not_fill_the_memory():
    file = tensor_file(size=(150_000, 150_000), stride=(1, 1), count=300_000, octets=1_200_000)
    with pytest.raises(gd.CheckpointError, match="22,500,000,000 elements that looks at 300,000"):
        gd.load(file)


def test_other_files(tmp_path):
    path = tmp_path / "model.pt"
    with pytest.raises(gd.CheckpointError, match=f"there is no model file at {path}"):
        gd.load(path)
    cases = {
        pickle.dumps({"a": 1}): "is a pickle, which could run any code",
        b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.": "from before version 1.6",
        b"PK\x03\x04 something": "is damaged: it is no whole zip file",
        b"": "is empty",
        b"hello": "was not written by Gradatim",
    }
    for content, words in cases.items():
        path.write_bytes(content)
        with pytest.raises(gd.CheckpointError, match=words):
            gd.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "text")
    with pytest.raises(gd.CheckpointError, match="it has no data"):
        gd.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/code/__torch__.py", "")
        archive.writestr("m/data.pkl", "")
    with pytest.raises(gd.CheckpointError, match="TorchScript"):
        gd.load(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/data.pkl", b"\x80\x02N.")
    with pytest.raises(gd.CheckpointError, match="compressed"):
        gd.load(path)
    with pytest.raises(gd.ArgumentTypeError):
        gd.load(3)
    with pytest.raises(gd.ArgumentTypeError):
        gd.save({}, 3)


def fuzz_whole_files(data: bytes, rounds: int, seed: int) -> None:
    """Damages a file in many ways; whatever happens, the only error is one line of ours."""
    draw = random.Random(seed)
    for _ in range(rounds):
        damaged = bytearray(data)
        for _ in range(draw.choice([1, 1, 2, 8])):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        if draw.random() < 0.3:
            damaged = damaged[: draw.randrange(len(data))]
        try:
            gd.load(io.BytesIO(damaged))
        except gd.Error as error:
            assert "\n" not in str(error)


def fuzz_structures(structure: bytes, storages: list[bytes], rounds: int, seed: int) -> None:
    """The same for the pickle, in a zip file whose checksums are right."""
    draw = random.Random(seed)
    for _ in range(rounds):
        damaged = bytearray(structure)
        for _ in range(draw.choice([1, 1, 2, 5])):
            place = draw.randrange(len(damaged))
            match draw.randrange(3):
                case 0:
                    damaged[place] = draw.randrange(256)
                case 1:
                    del damaged[place]
                case _:
                    damaged.insert(place, draw.randrange(256))
        if draw.random() < 0.1:
            damaged = damaged[: draw.randrange(len(damaged))]
        try:
            gd.load(archive_of(bytes(damaged), storages))
        except gd.Error as error:
            assert "\n" not in str(error)


def test_damaged_files_and_structures():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    tree = {"model": model.state_dict(), "rates": [0.1, (1, None)], "p": nn.Parameter(gd.ones(2))}
    fuzz_whole_files(saved(tree), rounds=300, seed=0)
    pickler = Pickler()
    structure = pickler.pickle(tree)
    fuzz_structures(structure, [bytes(s) for s in pickler.storages], rounds=600, seed=1)
