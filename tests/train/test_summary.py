"""gd.summary: layers in the order they run, with shapes and parameters."""

import gradatim as gd
from gradatim import nn


def test_totals_and_rows():
    model = nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
    totals = gd.summary(model, gd.zeros(5, 784), show=False)
    assert [(row.path, row.layer, row.output, row.parameters) for row in totals.rows] == [
        ("0", "Linear", (5, 100), 78500),
        ("1", "ReLU", (5, 100), 0),
        ("2", "Linear", (5, 10), 1010),
    ]
    assert (totals.parameters, totals.trainable, totals.bytes) == (79510, 79510, 318040)


def test_what_is_printed(capsys):
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh())
    model[0].bias.requires_grad_(False)
    gd.summary(model, gd.zeros(2, 4))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "0 Linear 2 × 3 15" in lines
    assert "1 Tanh 2 × 3" in lines
    assert lines[-1] == "15 parameters (3 of them frozen), 60 bytes"


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    gd.summary(model, gd.zeros(1, 2), show=False)
    assert model.training
    assert len(model[0]._forward_hooks) == 0


def test_without_an_input_there_are_no_shapes():
    totals = gd.summary(nn.Linear(2, 2), show=False)
    assert totals.rows[0].output is None
    assert totals.parameters == 6
