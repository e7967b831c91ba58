"""PyTorch's names: those of 2018, those of today, and those that are missing."""

import numpy as np
import pytest
from gradatim.frontends.torch.autograd import Variable

import gradatim as gd
import gradatim.frontends.torch as torch


@pytest.fixture
def stream():
    """The default stream of random numbers goes on behind a test as if it had not been."""
    before = gd.get_rng_state()
    yield
    gd.set_rng_state(before)


@pytest.fixture
def switches():
    """What a test switches is switched back behind it, whatever happens in it."""
    dtype, matmul, cudnn = gd.get_default_dtype(), torch.backends.cuda.matmul, torch.backends.cudnn
    before = cudnn.deterministic, matmul.allow_tf32
    debug = gd.get_deterministic_debug_mode()
    yield
    gd.set_default_dtype(dtype)
    cudnn.deterministic, matmul.allow_tf32 = before
    gd.set_deterministic_debug_mode(debug)


# --- of 2018 -------------------------------------------------------------------------------------


def test_a_variable_is_a_tensor_on_the_same_memory():
    data = torch.ones(2)
    x = Variable(data, requires_grad=True)
    x.data -= 0.5
    assert data.tolist() == [0.5, 0.5] and x.is_leaf and x.requires_grad
    assert not data.requires_grad and isinstance(data, Variable) and not isinstance(1, Variable)


def test_volatile_is_accepted_with_a_warning():
    with pytest.warns(UserWarning, match="no_grad"):
        x = Variable(torch.ones(2), volatile=True)
    assert not x.requires_grad and x.volatile is False


def test_an_index_of_a_number_is_a_number_in_the_front_end_alone():
    loss = torch.tensor(2.5)
    assert loss.data[0] == 2.5 and type(loss[0]) is float
    assert type(torch.tensor(3)[-1]) is int
    with pytest.raises(IndexError):
        loss[1]
    own = {"gd": gd, "loss": loss}  # a file that uses Gradatim's own names
    with pytest.raises(IndexError, match=r"invalid index of a 0-dim tensor. Use `tensor.item\(\)`"):
        eval("loss[0]", own)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("FloatTensor", "float32"), ("DoubleTensor", "float64"), ("HalfTensor", "float16"),
        ("ByteTensor", "uint8"), ("IntTensor", "int32"), ("LongTensor", "int64"),
        ("BoolTensor", "bool"),
    ],
)  # fmt: skip
def test_types_of_2018(name, dtype):
    kind = getattr(torch, name)
    assert kind([1, 0]).dtype is getattr(torch, dtype) and kind([1, 0]).tolist() == [1, 0]
    assert kind(2, 3).size() == (2, 3) and kind(torch.Size([4])).shape == (4,)
    assert kind().shape == (0,)
    x = torch.ones(2).type(kind)
    assert isinstance(x, kind) and x.type() == f"torch.{name}" and kind.dtype is x.dtype
    assert not isinstance(np.ones(2), kind)


def test_the_default_type_of_2018(switches):
    torch.set_default_tensor_type("torch.DoubleTensor")
    assert torch.zeros(1).dtype is torch.float64
    torch.set_default_tensor_type(torch.FloatTensor)
    assert torch.zeros(1).dtype is torch.float32


def test_a_gpu_type_needs_a_gpu():
    with pytest.raises(RuntimeError, match="there is no GPU"):
        torch.cuda.LongTensor([1])
    with pytest.raises(RuntimeError, match="there is no GPU"):
        torch.ones(2).cuda()


# --- of today ------------------------------------------------------------------------------------


def test_names_are_our_own_objects():
    assert torch.Tensor is gd.Tensor and torch.nn.Linear is gd.nn.Linear
    assert torch.nn.functional.relu is gd.nn.functional.relu and torch.randn is gd.randn
    assert torch.optim.lr_scheduler.StepLR is gd.optim.lr_scheduler.StepLR
    assert torch.utils.data.DataLoader is gd.data.DataLoader


def test_no_gpu_is_available(stream):
    assert not torch.cuda.is_available() and torch.cuda.device_count() == 0
    assert not torch.backends.mps.is_available() and not torch.backends.cudnn.is_available()
    torch.cuda.manual_seed_all(0)
    torch.cuda.empty_cache()
    assert str(torch.device("cuda" if torch.cuda.is_available() else "cpu")) == "cpu"


def test_switches_of_what_is_not_here_are_accepted(switches):
    torch.backends.cudnn.deterministic = True
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.use_deterministic_algorithms(True)
    torch.use_deterministic_algorithms(False)
    assert torch.version.cuda is None
    assert [int(part) for part in torch.__version__.partition("+")[0].split(".")] >= [2, 0, 0]


def test_compile_and_jit_give_what_they_take():
    layer = torch.nn.Linear(2, 2)
    assert torch.compile(layer, mode="max-autotune") is layer and torch.jit.script(layer) is layer

    @torch.compile
    def double(x):
        return 2 * x

    @torch.compile(fullgraph=True)
    def triple(x):
        return 3 * x

    assert double(torch.ones(1)).item() == 2 and triple(torch.ones(1)).item() == 3


def test_files(tmp_path):
    model = torch.nn.Linear(2, 1)
    path = tmp_path / "model.pth.tar"
    torch.save({"epoch": 3, "state_dict": model.state_dict()}, path)
    found = torch.load(path, map_location=lambda storage, place: storage, weights_only=False)
    other = torch.nn.Linear(2, 1)
    other.load_state_dict(found["state_dict"])
    assert found["epoch"] == 3 and torch.equal(other.weight, model.weight)
    with pytest.raises(TypeError, match="give its state_dict"):
        torch.save(model, path)
    with pytest.raises(RuntimeError, match="there is no GPU"):
        torch.load(path, map_location="cuda:0")


def test_autocast_keeps_float32():
    with torch.autocast("cuda", dtype=torch.float16), torch.amp.autocast("cpu"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.float32
    assert torch.autocast("cpu")(lambda: 3)() == 3


def _one_step(scaler, grad):
    w = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([w], lr=0.5)
    scaler.scale((w * torch.tensor([grad])).sum()).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_([w], 10.0)
    scaler.step(optimizer)
    scaler.update()
    return w.item()


@pytest.mark.parametrize("make", [lambda: torch.amp.GradScaler("cpu"), torch.cuda.amp.GradScaler])
def test_a_scaler_changes_no_ordinary_step(make):
    assert _one_step(make(), 1.0) == 0.5


def test_a_scaler_leaves_out_a_step_with_an_infinite_gradient():
    scaler = torch.GradScaler("cpu", init_scale=4.0, growth_interval=1)
    assert _one_step(scaler, float("inf")) == 1.0 and scaler.get_scale() == 2.0
    assert _one_step(scaler, 1.0) == 0.5 and scaler.get_scale() == 4.0
    again = torch.GradScaler("cpu")
    again.load_state_dict(scaler.state_dict())
    assert again.get_scale() == 4.0


def test_a_schedule_of_ones_own_by_its_old_name():
    from gradatim.frontends.torch.optim.lr_scheduler import _LRScheduler

    class Halving(_LRScheduler):
        def get_lr(self):
            return [rate * 0.5**self.last_epoch for rate in self.base_lrs]

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    schedule = Halving(optimizer)
    optimizer.step()
    schedule.step()
    assert schedule.get_last_lr() == [0.5]


def test_anomalies_are_detected_until_they_are_not():
    torch.autograd.set_detect_anomaly(True)
    with pytest.raises(RuntimeError, match="log gave -inf"):
        torch.zeros(1).log()
    torch.autograd.set_detect_anomaly(False)
    assert torch.zeros(1).log().item() == -float("inf")


def test_close_tensors_are_close():
    torch.testing.assert_close(torch.ones(2), torch.ones(2) + 1e-7)
    with pytest.raises(AssertionError):
        torch.testing.assert_close({"a": torch.ones(2)}, {"a": torch.ones(2) + 1e-3})
    with pytest.raises(AssertionError, match="dtypes"):
        torch.testing.assert_close(torch.ones(2), torch.ones(2).double())


# --- what is missing -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("room", "name", "text"),
    [
        (torch, "reluu", "no torch.reluu: the nearest it has is torch.relu"),
        (torch.nn, "Lineer", "no torch.nn.Lineer: the nearest it has is torch.nn.Linear"),
        (torch.nn.functional, "sofmax", "the nearest it has is torch.nn.functional.softmax"),
        (torch.optim, "Sgd", "the nearest it has is torch.optim.SGD"),
        (torch, "distributed", "no torch.distributed: Gradatim trains in one process"),
        (torch, "zqzqzq", r"no torch.zqzqzq$"),
        (torch.cuda, "is_avail", "the nearest it has is torch.cuda.is_available"),
    ],
)
def test_a_missing_name_is_said_with_the_nearest_that_is_there(room, name, text):
    assert not hasattr(room, name)
    with pytest.raises(AttributeError, match=text):
        getattr(room, name)


def test_a_missing_method_is_said_with_the_nearest_that_is_there():
    with pytest.raises(AttributeError, match="no attribute 'clampp': the nearest is 'clamp'"):
        torch.ones(2).clampp(0)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("from torch import Tensorr", "no torch.Tensorr: the nearest it has is torch.Tensor"),
        ("from torch.nn import Lineer", "the nearest it has is torch.nn.Linear"),
        ("import torch.nn.functionall", "no module torch.nn.functionall: the nearest it has is "
         "torch.nn.functional"),
        ("import torch.distributed as dist", "no module torch.distributed: Gradatim trains in one"),
        ("from torchvision import models", "no torchvision.models: write the network with"),
        ("from torchvision.datasets import CIFAR10", "MNIST is the data set that is bundled"),
    ],
)  # fmt: skip
def test_a_missing_import_is_said_at_its_line(run, line, text):
    said = run(f"import torch\n{line}\n")
    assert said.status == 1 and text in said.err.splitlines()[-1]
    assert "line 2, in <module>" in said.err and said.err.count("File") == 1


def test_an_import_that_may_fail_can_be_caught(run):
    said = run("try:\n    import torch.distributed\nexcept ImportError:\n    print('none')\n")
    assert said.out == "none\n"


MODULES = """
    torch torch.nn torch.nn.functional torch.nn.init torch.nn.utils torch.nn.utils.rnn
    torch.nn.modules torch.nn.modules.loss torch.nn.parameter torch.optim torch.optim.optimizer
    torch.optim.lr_scheduler torch.autograd torch.utils.data torch.utils.data.dataloader
    torch.linalg torch.special torch.distributions torch.func torch.random torch.testing torch.jit
    torch.amp torch.cuda torch.cuda.amp torch.backends torch.backends.cudnn
    torchvision torchvision.transforms torchvision.datasets torchvision.utils
"""


def test_all_usual_imports(run):
    names = [line.strip() for line in MODULES.split()]
    imports = "".join(f"import {name}\n" for name in names)
    stars = "from torch.nn import *\nfrom torch.autograd import *\nprint(Linear, Variable)\n"
    said = run(imports + stars)
    assert said.status == 0, said.err
