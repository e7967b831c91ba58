"""Pictures: what is drawn, and that both formats are written."""

import numpy as np
import pytest

import gradatim as gd
from gradatim.explain import pictures
from gradatim.explain.pictures.learned import hidden_values, principal_components
from gradatim.graph.errors import ArgumentError, ShapeError


def test_png_and_svg(tmp_path):
    figure = pictures.network_types("LSTM")
    assert pictures.save(figure, tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    assert "<svg" in pictures.save(figure, tmp_path / "a.svg").read_text()
    with pytest.raises(ArgumentError, match="expected"):
        pictures.save(figure, tmp_path / "a.gif")


def test_the_derivative_is_the_functions():
    x, derivative = pictures.activations(["sigmoid"]).axes[0].lines[3].get_data()
    s = 1 / (1 + np.exp(-x))
    assert np.allclose(derivative, s * (1 - s), atol=1e-6)


def test_a_rate_that_diverges_is_drawn_as_diverging():
    axis = pictures.learning_rates([0.3, 1e6], steps=8).axes[0]
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert labels[1] == "1e+06: diverges" and "at the end" in labels[0]


def test_descent_says_which_rate_climbs():
    titles = [a.get_title(loc="left") for a in pictures.descent([0.1, 2.0], steps=400).axes]
    assert "after 400 steps" in titles[0] and "diverges" in titles[1]


def test_the_finder_leaves_the_model_as_it_was():
    gd.manual_seed(0)
    model = gd.nn.Linear(2, 1)
    before = model.weight.tolist()
    x = gd.randn(64, 2)
    found = pictures.find_learning_rate(
        model, [(x, x.sum(1, keepdim=True) + gd.randn(64, 1))], gd.nn.MSELoss()
    )
    assert model.weight.tolist() == before
    assert 1e-3 < found.suggestion < found.diverged_at < 100


def test_a_loss_that_is_never_finite_is_refused():
    x = gd.full((4, 2), float("nan"))
    with pytest.raises(ArgumentError, match=r"the loss is nan at a rate of 0\.0001"):
        pictures.find_learning_rate(gd.nn.Linear(2, 1), [(x, x[:, :1])], gd.nn.MSELoss())


def test_as_many_panels_as_updates():
    x = [[0, 0], [0, 1], [1, 0], [1, 1]]
    from gradatim.rules import Perceptron

    count = len(Perceptron(2).fit(x, [0, 0, 0, 1]).updates)
    assert len(pictures.perceptron_lines(x, [0, 0, 0, 1]).axes) == count
    figure = pictures.perceptron_lines(x, [0, 1, 1, 0], epochs=20)
    assert "not converged" in figure.get_suptitle() and len(figure.axes) == 20


def test_filters_and_embedding():
    gd.manual_seed(0)
    network = gd.nn.Sequential(gd.nn.Linear(16, 5), gd.nn.ReLU(), gd.nn.Linear(5, 2))
    assert len(pictures.filters(network).axes) == 5
    with pytest.raises(ShapeError, match="give its shape"):
        pictures.filters(network, (3, 5))
    values = hidden_values(network, np.random.default_rng(0).normal(size=(30, 16)))
    assert values.shape == (30, 5) and values.min() == 0
    assert pictures.embedding(values, np.arange(30) % 2, ["a", "b"]).axes


def test_principal_components_are_those_of_a_line():
    line = np.outer(np.arange(10), [3.0, 4.0]) + 7
    points, shares = principal_components(line)
    assert np.allclose(np.abs(np.diff(points[:, 0])), 5) and shares[0] == pytest.approx(1)
