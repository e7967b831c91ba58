"""An error inside a model names the layer it happened in."""

import pytest

import gradatim as gd
from gradatim import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(5, 2))
        self.hidden_from_registration = [nn.Linear(3, 3)]

    def forward(self, x, way="layers"):
        if way == "matmul":
            return x @ gd.zeros(7, 7)
        if way == "grandchild":
            return self.layers[2](x)
        if way == "unregistered":
            return self.hidden_from_registration[0](x)
        return self.layers(x)


def message_of(error, call):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def test_the_deepest_layer_is_named_with_its_path_and_both_sizes():
    model = nn.ModuleDict({"encoder": Encoder()})

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = model

        def forward(self, x):
            return self.parts["encoder"](x)

    assert message_of(gd.ShapeError, lambda: Net()(gd.zeros(64, 4))) == (
        "layer 'parts.encoder.layers.2' (Linear(in_features=5, out_features=2, bias=True)): "
        "expected 5 features in the last dimension of the input, got an input of shape (64, 3)"
    )


def test_a_layer_called_past_its_parent_has_its_full_path():
    message = message_of(gd.ShapeError, lambda: Encoder()(gd.zeros(1, 4), "grandchild"))
    assert message.startswith("layer 'layers.2' (Linear(in_features=5,")


def test_a_layer_that_is_not_registered_is_named_by_its_class():
    model = nn.Sequential(Encoder())
    call = lambda: model[0](gd.zeros(1, 4), "unregistered")  # noqa: E731
    assert message_of(gd.ShapeError, call).startswith("layer '<Linear>' (Linear(in_features=3,")


def test_an_error_in_a_modules_own_forward_names_its_class_on_one_line():
    message = message_of(gd.ShapeError, lambda: Encoder()(gd.zeros(2, 4), "matmul"))
    assert message.startswith("Encoder: mat1 and mat2 shapes cannot be multiplied (2x4 and 7x7)")
    assert "\n" not in message


def test_a_dtype_error_is_named_too():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    message = message_of(gd.DTypeError, lambda: model(gd.zeros(2, 4).double()))
    assert message.startswith("layer '1' (Linear(in_features=4, out_features=3, bias=True)): ")
    assert "float64" in message and "float32" in message


def test_the_message_is_the_same_when_the_error_is_raised_again():
    model = nn.Sequential(nn.Linear(4, 3))
    first = message_of(gd.ShapeError, lambda: model(gd.zeros(2, 9)))
    assert message_of(gd.ShapeError, lambda: model(gd.zeros(2, 9))) == first
    assert first.count("layer") == 1


def test_errors_of_other_kinds_pass_unchanged():
    class Net(nn.Module):
        def forward(self, x):
            raise ValueError("mine")

    assert message_of(ValueError, lambda: nn.Sequential(Net())(1)) == "mine"


def test_the_layer_is_named_when_hooks_are_there():
    model = nn.Sequential(nn.Linear(4, 3))
    model[0].register_forward_hook(lambda module, args, output: None)
    assert message_of(gd.ShapeError, lambda: model(gd.zeros(1, 2))).startswith("layer '0' (Linear")
