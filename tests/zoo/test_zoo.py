"""The zoo's frame: names, the store of results, charts, drawings, and the command."""

import json

import pytest

import gradatim as gd
from gradatim import zoo
from gradatim.cli import main
from gradatim.zoo import charts, drawing, results
from gradatim.zoo.results import Reached
from gradatim.zoo.system import Equation, Measure, Result, Settings, Sizes, System


def small_system(**changes):
    def demo(settings):
        settings.report("one step")
        accuracy = Measure("accuracy", 0.875, baseline=0.5, baseline_name="guessing", bar=0.8)
        return Result([accuracy], notes=["One note."], curve=[(1.0, 0.5)])

    given = {
        "number": 1, "name": "small", "title": "Small", "year": 1958, "authors": "Doe",
        "reference": "J. Doe, On [small] networks", "idea": "It is small.",
        "equations": (Equation("y = f[x]", "y = f[x]", "eq. 1"),),
        "sizes": Sizes(neurons=3, connections=2.0, parameters=9, operations=12, examples=150),
        "data": "none", "paper_data": "none", "paper_result": "50%",
        "network": lambda: gd.nn.Sequential(gd.nn.Linear(2, 2), gd.nn.Tanh(), gd.nn.Linear(2, 1)),
        "demo": demo,
    }  # fmt: skip
    return System(**(given | changes))


@pytest.fixture
def only_small(monkeypatch):
    system = small_system()
    monkeypatch.setattr(zoo, "system", lambda name: system)
    monkeypatch.setattr(zoo, "systems", lambda: [system, small_system(number=2, year=2014)])
    return system


# --- names ---------------------------------------------------------------------------------------


def test_all_are_there_in_the_deck_s_order():
    found = zoo.systems()
    assert [s.number for s in found] == sorted(number for number, _ in zoo.FILES.values())
    assert [s.name for s in found] == list(zoo.FILES)
    assert [s.year for s in found] == sorted(s.year for s in found)


def test_numbers_and_other_spellings_are_names_too():
    assert zoo.system("8") is zoo.system("LeNet_5") is zoo.system("lenet-5")


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(gd.Error, match=r"no system 'alexnett': did you mean alexnet\?"):
        zoo.system("alexnett")
    with pytest.raises(gd.Error, match=f"gradatim zoo lists all {len(zoo.FILES)}"):
        zoo.system("21")


@pytest.mark.parametrize("name", list(zoo.FILES))
def test_each_says_all_that_is_asked(name):
    system = zoo.system(name)
    assert str(system.year) in system.reference
    assert len(system.idea) > 100 and system.equations
    sizes = system.sizes
    assert sizes.neurons > 0 and sizes.parameters > 0 and sizes.connections > 0
    assert sizes.operations >= 2 * sizes.neurons


def test_scales():
    assert Settings().of(5, 1) == 5 and Settings(scale="tiny").of(5, 1) == 1
    with pytest.raises(gd.Error, match="scale is 'huge': expected 'full' or 'tiny'"):
        Settings(scale="huge")


# --- measures and results ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "shown", "reached"),
    [
        (Measure("accuracy", 0.9912, bar=0.99), "99.12%", True),
        (Measure("accuracy", 0.98, bar=0.99), "98.00%", False),
        (Measure("error", 3e-4, unit="", bar=1e-3, lower_is_better=True), "0.0003", True),
        (Measure("bound", -130.0, unit="nats", bar=-128.0), "-130 nats", False),
        (Measure("rate", 2.5, unit="times"), "2.5 times", None),
    ],
)
def test_what_a_measure_says(measure, shown, reached):
    assert measure.shown(measure.value) == shown
    assert measure.reached is reached


def test_results_come_back_as_they_were_stored(tmp_path):
    kept = {"small": Reached.of(small_system().demo(Settings()), 61.24, seed=3)}
    path = tmp_path / "results.json"
    results.store(kept, path)
    plain = json.loads(path.read_text("utf-8"))["small"]
    assert plain["seconds"] == 61.2 and plain["seed"] == 3
    back = Reached.from_json(plain)
    assert back.measures == kept["small"].measures and back.curve == [(1.0, 0.5)]


# --- charts and drawings -------------------------------------------------------------------------


@pytest.mark.parametrize("name", charts.CHARTS)
def test_charts_have_a_point_for_each_system(name):
    systems = [small_system(), small_system(number=2, year=2014)]
    figure = charts.CHARTS[name](systems)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert {"1", "2"} <= set(texts)
    if name == "neurons":
        assert {"bee", "human"} <= set(texts)


def test_the_drawing_names_each_layer_with_its_parameters():
    text = drawing.as_text(small_system())
    assert text.count("┌") == 3 and "Linear(in_features=2, out_features=2, bias=True)   6" in text
    lines = text.split("\n")
    assert len({len(line) for line in lines if line.startswith("  │")}) == 1


def test_a_network_of_one_part_is_one_box():
    system = small_system(network=lambda: gd.nn.Linear(3, 4))
    assert [(b.kind, b.parameters) for b in drawing.boxes(system)] == [("Linear", 16)]


# --- the command ---------------------------------------------------------------------------------


def test_the_list(only_small, capsys):
    assert main(["zoo"]) == 0
    out = capsys.readouterr().out
    assert "1958" in out and "small" in out and "Doe" in out and "50%" in out


def test_training_shows_progress_measures_and_writes_both_files(only_small, tmp_path, capsys):
    numbers = tmp_path / "numbers.json"
    assert main(["zoo", "small", "--json", str(numbers)]) == 0
    out = capsys.readouterr().out
    assert "s  one step" in out and "87.50%" in out and "80.00% ✓" in out and "guessing" in out
    assert "One note." in out
    assert json.loads(numbers.read_text("utf-8"))["small"]["measures"][0]["value"] == 0.875


def test_explain_shows_brackets_as_they_are(only_small, tmp_path, capsys):
    assert main(["zoo", "small", "--explain", "-o", str(tmp_path / "small.svg")]) == 0
    out = capsys.readouterr().out
    assert "y = f[x]" in out and "eq. 1" in out and "On [small] networks" in out
    assert "3 neurons, 2 connections each, 9 parameters" in out
    assert (tmp_path / "small.svg").read_text().count("Linear") >= 2


def test_chart_draws_three_pictures(only_small, tmp_path, capsys):
    assert main(["zoo", "chart", "-o", str(tmp_path / "new")]) == 0
    assert sorted(path.stem for path in (tmp_path / "new").iterdir()) == sorted(charts.CHARTS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--explain"], "which system?"),
        (["chart", "-o", "chart.png"], "chart.png is no folder"),
        (["chart", "--explain"], "the charts are of all systems"),
        (["small", "-o", "small.bmp"], "expected a name that ends in .png, .svg or .pdf"),
        (["small", "-o", "nowhere/small.png"], "there is no folder nowhere"),
        (["small", "--scale", "huge"], "scale is 'huge'"),
    ],
)
def test_mistakes_are_one_line(only_small, arguments, message, capsys):
    assert main(["zoo", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1


def test_sizes_that_are_not_the_paper_s_say_so(monkeypatch, capsys):
    known = small_system()
    unknown = small_system(number=2, sizes=Sizes(3, 2.0, 9, 12, of_paper=False))
    monkeypatch.setattr(zoo, "systems", lambda: [known, unknown])
    monkeypatch.setattr(zoo, "system", lambda name: unknown)
    assert main(["zoo"]) == 0
    assert capsys.readouterr().out.count("~ 3") == 1
    assert main(["zoo", "small", "--explain"]) == 0
    assert "The network here (not the paper's): 3 neurons" in capsys.readouterr().out
    figure = charts.neurons([known, unknown])
    faces = [
        line.get_markerfacecolor() for line in figure.axes[0].lines if line.get_marker() == "o"
    ]
    assert sorted(face == "white" for face in faces) == [False, True]
    assert "not of the paper" in figure.texts[0].get_text()
