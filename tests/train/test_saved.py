"""Models on disk: what is saved comes back, and what does not fit is said exactly."""

import numpy as np
import pytest

import gradatim as gd
from gradatim import nn
from gradatim.train import Predictor
from gradatim.train.architecture import LAYERS, build, describe


class Net(nn.Module):
    """A class of the user's own."""

    def __init__(self, hidden=3):
        super().__init__()
        self.first = nn.Linear(2, hidden)
        self.second = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.second(self.first(x).relu())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def test_a_network_comes_back_and_computes_the_same(path):
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 2, bias=False))
    gd.save_model(model, path)
    loaded = gd.load(path)
    x = gd.rand(5, 4)
    assert repr(loaded.network) == repr(model)
    assert (loaded(x) == model.eval()(x)).all()


def test_loading_leaves_the_random_stream_alone(path):
    gd.save_model(nn.Linear(3, 3), path)
    gd.manual_seed(1)
    expected = gd.rand(3).tolist()
    gd.manual_seed(1)
    gd.load(path)
    assert gd.rand(3).tolist() == expected


@pytest.mark.parametrize(
    "layer",
    [
        nn.Linear(2, 3, bias=False),
        nn.Flatten(2, -1),
        nn.Dropout(0.25),
        nn.ReLU(),
        nn.Sigmoid(),
        nn.Tanh(),
        nn.LeakyReLU(0.2),
        nn.GELU("tanh"),
        nn.SiLU(),
        nn.Softmax(1),
        nn.LogSoftmax(1),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_every_layer_of_the_table_can_be_described_and_built(layer):
    assert type(layer).__name__ in LAYERS
    assert repr(build(describe(nn.Sequential(layer)))[0]) == repr(layer)


def test_double_precision_is_kept(path):
    gd.save_model(nn.Linear(2, 2).double(), path)
    assert gd.load(path).network.weight.dtype == gd.float64


def test_a_class_of_ones_own_needs_an_object(path):
    model = Net()
    gd.save_model(model, path)
    with pytest.raises(gd.CheckpointError, match=r"parameters of a Net.*model=Net\(\.\.\.\)"):
        gd.load(path)
    x = gd.rand(4, 2)
    assert (gd.load(path, model=Net())(x) == model(x)).all()


def test_what_does_not_fit_is_named_and_nothing_is_changed(path):
    gd.save_model(Net(hidden=3), path)
    other = Net(hidden=5)
    before = other.first.weight.tolist()
    with pytest.raises(
        gd.CheckpointError,
        match=r"first\.weight has shape \(3, 2\) in the file, \(5, 2\) in the model; first\.bias",
    ):
        gd.load(path, model=other)
    assert other.first.weight.tolist() == before


def test_missing_and_unexpected_names_and_dtypes(path):
    gd.save_model(nn.Linear(2, 1), path)
    with pytest.raises(gd.CheckpointError, match=r"first\.weight is missing in the file"):
        gd.load(path, model=Net())
    with pytest.raises(gd.CheckpointError, match="bias is not in the model"):
        gd.load(path, model=nn.Linear(2, 1, bias=False))
    with pytest.raises(gd.CheckpointError, match="dtype float32 in the file, float64 in the model"):
        gd.load(path, model=nn.Linear(2, 1).double())


def test_a_model_without_preprocessing_predicts_its_outputs(path):
    model = nn.Linear(2, 3)
    gd.save_model(model, path)
    x = np.random.default_rng(0).random((2500, 2)).astype(np.float32)
    np.testing.assert_allclose(gd.load(path).predict(x), model(gd.tensor(x)).detach().numpy(), 1e-6)


def test_probabilities_of_logits_and_of_one_hot_estimates():
    outputs = np.array([[0.0, np.log(3.0)]])
    network = nn.Linear(1, 2)
    assert Predictor(network, answers="logits").probabilities(outputs) == pytest.approx(
        np.array([[0.25, 0.75]])
    )
    estimates = np.array([[-0.2, 0.6], [0.5, 1.7]])
    one_hot = Predictor(network, answers="one_hot").probabilities(estimates)
    assert one_hot == pytest.approx(np.array([[0, 1], [1 / 3, 2 / 3]]), abs=1e-5)
    with pytest.raises(gd.ArgumentError, match="predicts numbers, not classes"):
        Predictor(network, answers="values").probabilities(outputs)


def test_a_layer_that_this_version_does_not_know():
    with pytest.raises(gd.CheckpointError, match=r"describes a layer 'os\.system'"):
        build({"layer": "os.system", "command": "true"})
