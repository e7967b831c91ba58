"""Worksheets: what they show, in each form, and what they refuse."""

import re
import time
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

import gradatim as gd
from gradatim import nn
from gradatim.explain.functions import ACTIVATIONS, LOSSES, activation_of, loss_formula
from gradatim.explain.notation import to_mathml, to_text
from gradatim.graph.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError


def two_layers():
    """2-2-1 with weights to calculate with."""
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1))
    model.load_state_dict(
        {
            "0.weight": gd.tensor([[1.0, 2.0], [-3.0, 0.5]]),
            "0.bias": gd.tensor([0.5, 0.0]),
            "2.weight": gd.tensor([[2.0, 1.0]]),
            "2.bias": gd.tensor([-1.0]),
        }
    )
    return model


def by_hand():
    """Of x = (1, 1), y = 5: z = (3.5, −2.5), a = (3.5, 0), ŷ = 6, L = 1, ∂L/∂ŷ = 2."""
    return gd.explain.step(two_layers(), [1.0, 1.0], [5.0], loss="mse", lr=0.1)


def test_every_number_of_a_step_that_can_be_done_by_hand():
    sheet = by_hand()
    first, second = sheet.layers
    assert first.sums.tolist() == [[3.5, -2.5]]
    assert first.activations.tolist() == [[3.5, 0.0]]
    assert second.sums.tolist() == [[6.0]]
    assert sheet.loss.value == 1.0
    assert second.grad_sums.tolist() == [[2.0]]
    assert first.grad_activations.tolist() == [[4.0, 2.0]]
    assert first.slopes.tolist() == [[1.0, 0.0]]
    assert first.grad_sums.tolist() == [[4.0, 0.0]]
    gradients = {u.name: u.gradient.tolist() for u in sheet.updates}
    assert gradients == {
        "0.weight": [[4.0, 4.0], [0.0, 0.0]],
        "0.bias": [4.0, 0.0],
        "2.weight": [[7.0, 0.0]],
        "2.bias": [2.0],
    }
    np.testing.assert_allclose(sheet.updates[2].new, [[1.3, 1.0]], rtol=1e-6)


def test_the_text_shows_the_calculations():
    text = str(by_hand())
    assert "ŷₖ = [∑ⱼ w²ₖⱼ[ReLU(∑ᵢ w¹ⱼᵢ xᵢ + b¹ⱼ)]ⱼ + b²ₖ]ₖ" in text
    assert re.search(r"z¹₁ +1·1 \+ 2·1 \+ 0\.5 +3\.5 +3\.5\n", text)
    assert re.search(r"z²₁ +2·3\.5 \+ 1·0 \+ \(−1\) +6\n", text)
    assert re.search(r"∂L/∂w²₁₁ +2·3\.5 +7\n", text)
    assert re.search(r"w²₁₁ +2 +7 +2 − 0.1·7 +1.3\n", text)


def test_the_model_its_gradients_buffers_and_the_random_stream_stay_as_they_are():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 1))
    before = {name: value.clone().numpy() for name, value in model.state_dict().items()}
    state = gd.get_rng_state().numpy().copy()
    gd.explain.step(model, np.ones((5, 3), np.float32), np.zeros((5, 1), np.float32))
    for name, value in model.state_dict().items():
        assert np.array_equal(value.numpy(), before[name]), name
    assert all(parameter.grad is None for parameter in model.parameters())
    assert np.array_equal(gd.get_rng_state().numpy(), state)
    assert not any(layer._forward_hooks for layer in model.modules())


def test_activations_that_a_model_calls_as_functions_are_found():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden, self.output = nn.Linear(2, 3), nn.Linear(3, 1)

        def forward(self, x):
            return gd.sigmoid(self.output(gd.tanh(self.hidden(x))))

    sheet = gd.explain.step(Net(), [0.5, -1.0], [1.0])
    assert sheet.formula == "ŷₖ = [σ(∑ⱼ w²ₖⱼ[tanh(∑ᵢ w¹ⱼᵢ xᵢ + b¹ⱼ)]ⱼ + b²ₖ)]ₖ"
    assert [layer.activation_name for layer in sheet.layers] == ["Tanh", "Sigmoid"]


def test_a_deep_formula_has_an_index_of_its_own_for_each_layer():
    model = nn.Sequential(*(nn.Linear(2, 2, bias=False) for _ in range(4)))
    sheet = gd.explain.step(model, [0.5, -1.0], [1.0, 0.0])
    assert sheet.formula == "ŷₘ = [∑ₗ w⁴ₘₗ[∑ₖ w³ₗₖ[∑ⱼ w²ₖⱼ[∑ᵢ w¹ⱼᵢ xᵢ]ⱼ]ₖ]ₗ]ₘ"
    assert r"\left[\sum_i w^1_{ji} x_i\right]_j" in sheet.latex_formula


def test_a_model_that_is_no_chain_says_so_and_still_shows_each_layer():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(2, 2)
            self.outer = nn.Linear(2, 1)

        def forward(self, x):
            return self.outer(x + self.inner(x))

    sheet = gd.explain.step(Residual(), [0.5, -1.0], [1.0])
    assert not sheet.is_chain
    assert "The model's own code combines the layers" in str(sheet)
    np.testing.assert_allclose(
        sheet.layers[1].inputs, sheet.inputs + sheet.layers[0].sums, rtol=1e-6
    )


def test_parameters_without_a_gradient_say_why():
    model = two_layers()
    model[0].weight.requires_grad_(False)
    model.extra = nn.Parameter(gd.zeros(1))
    text = str(gd.explain.step(model, [1.0, 1.0], [5.0]))
    assert re.search(r"w¹₁₁ +1 +none +frozen +1\n", text)
    assert "the loss does not depend on it" in text


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_formulas_of_activations_are_readable_everywhere(name):
    arguments = {"Threshold": (0.1, 1.0), "Softmax": (-1,), "Softmin": (-1,), "LogSoftmax": (-1,)}
    function = activation_of(getattr(nn, name)(*arguments.get(name, ())))
    for latex in filter(None, (function.symbol, function.formula, function.derivative)):
        assert "\\" not in to_text(latex)
        ElementTree.fromstring(to_mathml(latex))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_formulas_of_losses_are_readable_everywhere(name, reduction):
    _, latex = loss_formula(getattr(nn, name)(reduction=reduction))
    assert "\\" not in to_text(latex)
    ElementTree.fromstring(to_mathml(latex))


@pytest.mark.parametrize(
    ("name", "text", "by_formula"),
    [
        ("Sigmoid", "1/(1 + e⁻ᶻ)", lambda z: 1 / (1 + np.exp(-z))),
        ("Softsign", "z/(1 + |z|)", lambda z: z / (1 + abs(z))),
        (
            "SELU",
            "1.0507 z where z > 0; 1.7581(eᶻ − 1) where z ≤ 0",
            lambda z: np.where(z > 0, 1.0507 * z, 1.7581 * (np.exp(z) - 1)),
        ),
    ],
)
def test_the_formulas_that_are_shown_give_the_activations_values(name, text, by_formula):
    layer, z = getattr(nn, name)(), np.array([-1.5, 0.3, 2.0])
    assert to_text(activation_of(layer).formula) == text
    # Factors are shown to four decimals.
    np.testing.assert_allclose(layer(gd.tensor(z)).numpy(), by_formula(z), rtol=1e-4)


class Balanced(HTMLParser):
    """Checks that every element that is opened is closed, in order."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], set()

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_loads_nothing():
    page = by_hand().to_html()
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert {"math", "svg", "table", "style"} <= parser.seen
    assert re.findall(r'(?:src|href|url)\s*[=(]\s*"?', page) == []
    assert set(re.findall(r"https?://[^\"' ]*", page)) == {"http://www.w3.org/2000/svg"}
    assert 'class="gd-sheet"' in by_hand()._repr_html_()


def test_the_picture_has_a_circle_for_each_neuron_and_a_line_for_each_weight():
    picture = ElementTree.fromstring(by_hand().to_svg())
    tag = "{http://www.w3.org/2000/svg}"
    assert len(picture.findall(f".//{tag}circle")) == 2 * 5
    assert len(picture.findall(f".//{tag}line")) == 2 * 6
    texts = [text.text for text in picture.iter(f"{tag}text")]
    assert {"1.3", "before the step: L = 1", "y = 5", "b = −1"} <= set(texts)


def test_the_latex_document_is_balanced_and_has_the_formula():
    document = by_hand().to_latex()
    begun, ended = (re.findall(rf"\\{word}{{(\w+)}}", document) for word in ("begin", "end"))
    assert sorted(begun) == sorted(ended)
    assert document.count("{") == document.count("}")
    assert by_hand().latex_formula in document
    assert document.isascii() or not re.findall(r"[^\x00-\x7f]", document)


def test_files_are_written_by_their_ending(tmp_path):
    sheet = by_hand()
    for ending, start in {".html": "<!DOCTYPE", ".tex": "\\documentclass", ".svg": "<svg"}.items():
        sheet.save(tmp_path / f"sheet{ending}")
        assert (tmp_path / f"sheet{ending}").read_text().startswith(start)


def test_a_large_network_is_shown_by_layer_with_the_chosen_neurons_in_full():
    model = nn.Sequential(nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 10))
    x, y = gd.rand(16, 784), gd.tensor([3] * 16)
    sheet = gd.explain.step(model, x, y, loss="cross_entropy", neurons=[(1, 17)], row=2)
    text = str(sheet)
    assert "Sums are shown for row 2 of 16" in text
    assert "z¹₁₇ " in text
    assert "… and 296 more neurons." in text
    assert len(text.splitlines()) < 250
    strength = np.linalg.norm(sheet.layers[0].weight.gradient, axis=1)
    assert to_text(f"z^1_{{{strength.argmax() + 1}}}") + " " in text


def test_ten_million_parameters_are_summarized_quickly():
    model = nn.Sequential(nn.Linear(3000, 3000), nn.ReLU(), nn.Linear(3000, 400))
    begin = time.perf_counter()
    sheet = gd.explain.step(model, gd.ones(2, 3000), gd.zeros(2, 400))
    lengths = [len(str(sheet)), len(sheet.to_html()), len(sheet.to_latex()), len(sheet.to_svg())]
    assert sheet.parameters > 10_000_000
    assert max(lengths) < 300_000
    assert time.perf_counter() - begin < 60  # seconds; about 3 where nothing else runs


def test_a_step_that_diverges_is_shown_as_diverging():
    sheet = gd.explain.step(two_layers(), [1.0, 1.0], [5.0], lr=1e30)
    assert "The step diverged" in str(sheet)
    assert "∞" in sheet.to_html() + str(sheet) or "NaN" in str(sheet)
    ElementTree.fromstring(sheet.to_svg())


REFUSED = [
    (lambda: gd.explain.step(nn.ReLU(), [1.0], [1.0]), ArgumentError, "ReLU has no parameters"),
    (
        lambda: gd.explain.step(two_layers().requires_grad_(False), [1.0, 1.0], [5.0]),
        ArgumentError,
        "all 4 parameters of Sequential are frozen",
    ),
    (
        lambda: gd.explain.step(two_layers(), gd.tensor([1, 2]), [5.0]),
        DTypeError,
        "x holds torch.int64, which Sequential does not take: give numbers with a point",
    ),
    (
        lambda: gd.explain.step(
            two_layers(), [[1.0, 1.0]] * 2, [[5.0]] * 2, nn.MSELoss(reduction="none")
        ),
        ShapeError,
        "the loss has shape (2, 1), expected one number",
    ),
    (
        lambda: gd.explain.step(two_layers(), [1.0, 1.0], [5.0], "msr"),
        ArgumentError,
        "there is no loss 'msr': choose from mse, l1",
    ),
    (
        lambda: gd.explain.step(two_layers(), [1.0, 1.0], [5.0], lambda output, y: 3.0),
        ArgumentTypeError,
        "the loss is a float: expected a tensor with one number",
    ),
    (
        lambda: gd.explain.step(two_layers(), [1.0, 1.0], [5.0], lr="fast"),
        ArgumentTypeError,
        "lr is 'fast': expected a number",
    ),
    (
        lambda: gd.explain.step(two_layers(), [1.0, 1.0], [5.0], neurons=[(1, 3)]),
        ArgumentError,
        "layer 1 has no neuron 3: its neurons are 1 to 2",
    ),
    (
        lambda: gd.explain.step(two_layers(), [1.0, 1.0], [5.0], row=1),
        ArgumentError,
        "row is 1: the batch has rows 0 to 0",
    ),
    (
        lambda: gd.explain.step(two_layers(), gd.zeros(0, 2), gd.zeros(0, 1)),
        ShapeError,
        "there is nothing in a batch of shape (0, 2)",
    ),
    (
        lambda: gd.explain.step(nn.LSTM(2, 3), gd.zeros(4, 1, 2), gd.zeros(4, 1, 3)),
        ArgumentTypeError,
        "LSTM gives a tuple: a worksheet needs a model that gives one tensor",
    ),
]


@pytest.mark.parametrize("make, error, words", REFUSED, ids=[words for _, _, words in REFUSED])
def test_what_makes_no_worksheet_says_why_in_one_line(make, error, words):
    with pytest.raises(error, match=re.escape(words)) as found:
        make()
    assert "\n" not in str(found.value)


def test_the_decks_update_table():
    table = gd.explain.update_table([0.3, 0.5, 1.0], [0.2, 0.5, -2.0], lr=0.1)
    assert table.updated == (0.28, 0.45, 1.2)
    shown = [line.split()[-1] for line in str(table).splitlines()[4:]]
    assert shown == ["0.28", "0.45", "1.20"]
    small = str(gd.explain.update_table([1e-7], [2e20], lr=1.0)).splitlines()[-1].split()
    assert (small[0], small[1], small[-1]) == ("1·10⁻⁷", "2·10²⁰", "−2·10²⁰")
    with pytest.raises(ArgumentError, match="there are 1 weights and 2 gradients"):
        gd.explain.update_table([1.0], [1.0, 2.0])


def test_the_graph_of_a_step_has_every_value_and_marks_the_backward_pass():
    graph = gd.explain.graph(two_layers(), [1.0, 1.0], [5.0])
    text = str(graph)
    assert re.search(r": float32\[\] = 1  # loss\n", text)
    assert re.search(r"float32\[2, 2\] = \[4, 4, 0, 0\]  # ∂L/∂0.weight\n", text)
    assert re.search(r"float32\[1, 2\] = \[1.3, 1\]  # new 2.weight\n", text)
    assert all(" = " in line.partition(":")[2] for line in text.splitlines() if " : " in line)
    picture = ElementTree.fromstring(graph.to_svg())
    dashed = [rect for rect in picture.iter() if rect.get("stroke-dasharray")]
    assert len(dashed) == len(graph.backward)
    assert graph.to_dot().count("dashed") == len(graph.backward)


def test_the_graph_of_layers_with_markers_and_several_results():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(),
        nn.Linear(18, 4),
    )  # fmt: skip
    graph = gd.explain.graph(model, gd.randn(2, 1, 8, 8), gd.tensor([1, 2]), "cross_entropy")
    sheet_loss = re.search(r"= ([\d.e-]+)  # loss", str(graph)).group(1)
    assert float(sheet_loss) > 0
    assert "# new 5.bias" in str(graph)


def test_brackets_of_a_page_are_of_one_size_and_signs_stand_close():
    """As a browser showed them before: large where they open, small where they close with an
    index, and the minus of a number as far from it as that of a difference."""
    text = to_mathml(r"[a - b]_j + (-2)")
    assert text.count('stretchy="false"') == 4
    assert text.count('<mo form="prefix">−</mo>') == 1 and text.count("<mo>−</mo>") == 1
