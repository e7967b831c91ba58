"""Network types by name: built for the data, trained, kept, used again, and refused."""

import json

import numpy as np
import pytest
from PIL import Image

import gradatim as gd
from gradatim.engines.llvm import executable
from gradatim.graph.errors import ArgumentError, DataError
from gradatim.train.architecture import build, describe
from gradatim.train.job import Job
from gradatim.train.recipe import Recipe
from gradatim.train.run import Run
from gradatim.train.types import TYPES, LastState, build_network, find_type

SHAPES = {"table": (5,), "image": (1, 8, 8), "series": (6, 3)}


def inputs_of(kind):
    shape = SHAPES[kind]
    inputs = np.random.default_rng(0).normal(size=(4, *shape)).astype(np.float32)
    if kind == "series":
        inputs[..., 0] = 1
    return gd.tensor(inputs.reshape(4, -1) if kind == "image" else inputs)


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name in TYPES for kind in TYPES[name].suits]
)
def test_each_type_is_described_and_built_again(name, kind):
    hidden = [] if name == "perceptron" else [4, 3]
    recipe = Recipe(hidden=hidden, dropout=0.5)
    count = int(np.prod(SHAPES[kind])) if name == "autoencoder" else 2
    network = build_network(name, kind, SHAPES[kind], count, recipe).eval()
    again = build(json.loads(json.dumps(describe(network)))).eval()
    again.load_state_dict(network.state_dict())
    outputs = network(inputs_of(kind))
    assert outputs.shape == (4, count)
    assert outputs.tolist() == again(inputs_of(kind)).tolist()


def test_padding_changes_nothing(monkeypatch):
    monkeypatch.setattr(executable, "SMALL", -1)  # else the shorter one's first run is NumPy's
    gd.manual_seed(0)
    layers = LastState("LSTM", 2, [3, 4], masked=True)
    series = inputs_of("series")
    padded = gd.cat([series, gd.zeros(4, 5, 3)], 1)
    assert layers(series).tolist() == layers(padded).tolist()


def write_ts(path, lengths, classes=("up", "down")):
    generator = np.random.default_rng(0)
    lines = [f"@classLabel true {' '.join(classes)}", "@data"]
    for number, length in enumerate(lengths):
        values = np.arange(length) * (1 if number % 2 == 0 else -1) + generator.normal(size=length)
        label = classes[number % 2 % len(classes)]
        lines.append(",".join(f"{value:.3f}" for value in values) + f":{label}")
    path.write_text("\n".join(lines))
    return str(path)


def fit(job, folder, **options):
    return job.fit(job.create_run(folder), progress=False, **options)


def test_series_of_different_lengths(tmp_path):
    path = write_ts(tmp_path / "walks.ts", [5 + number % 7 for number in range(40)])
    job = Job.new(Recipe(data=path, model="gru", hidden=[8], epochs=30))
    results = fit(job, tmp_path / "run")
    assert results.values["accuracy"] == 1.0
    model = gd.load(tmp_path / "run")
    longer = write_ts(tmp_path / "new.ts", [30, 3])
    assert model.predict(longer).tolist() == ["up", "down"]


def test_a_long_table_is_read_by_case_in_the_order_of_time(tmp_path):
    rows = ["who,when,x,kind"]
    for case in range(30):
        for step in reversed(range(4 + case % 3)):
            rows.append(f"c{case},{step},{step * (1 if case % 2 else -1)},{'ab'[case % 2]}")
    path = tmp_path / "long.csv"
    path.write_text("\n".join(rows))
    recipe = Recipe(data=str(path), model="rnn", target="kind", case="who", time="when", epochs=2)
    job = Job.new(recipe)
    inputs, _ = job.problem.train
    assert inputs.shape == (24, 6, 2)
    signs = np.sign(np.diff(inputs[:, :4, 1], axis=1))
    assert (signs == signs[:, :1]).all()  # in order, up or down
    fit(job, tmp_path / "run")
    assert gd.load(tmp_path / "run").predict(str(path)).shape == (30,)
    path.write_text("\n".join([*rows[:-1], rows[-1][:-1] + ("a" if rows[-1][-1] == "b" else "b")]))
    with pytest.raises(DataError, match="changes within the series 'c29'"):
        Job.new(Recipe(data=str(path), model="rnn", target="kind", case="who", time="when"))


def pictures(folder, sizes, classes=("dark", "light")):
    for number, size in enumerate(sizes):
        name = classes[number % len(classes)]
        (folder / name).mkdir(parents=True, exist_ok=True)
        level = 40 if number % 2 == 0 else 200
        Image.new("RGB", size, (level, level, 0)).save(folder / name / f"{number}.png")
    return str(folder)


def test_pictures_of_different_sizes_are_resized(tmp_path):
    path = pictures(tmp_path / "pics", [(10, 12), (20, 9)] * 10)
    recipe = Recipe(data=path, model="convolutional", hidden=[4], epochs=8, size=8)
    job = Job.new(recipe)
    assert job.problem.shape == (3, 8, 8)
    assert any("2 sizes, from 9 × 20 to 12 × 10: resized to 8 × 8" in n for n in job.problem.notes)
    fit(job, tmp_path / "run")
    model = gd.load(tmp_path / "run")
    assert model.predict(str(tmp_path / "pics" / "dark" / "0.png")).tolist() == ["dark"]


def test_one_class_only_is_refused(tmp_path):
    path = pictures(tmp_path / "pics", [(8, 8)] * 4, classes=("dark",))
    with pytest.raises(DataError, match="one class only"):
        Job.new(Recipe(data=path, model="convolutional"))
    path = write_ts(tmp_path / "one.ts", [5] * 6, classes=("up",))
    with pytest.raises(DataError, match="one class only"):
        Job.new(Recipe(data=path, model="lstm"))


def test_data_that_does_not_suit_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="autoencoder takes rows of a table and images"):
        Job.new(Recipe(data="basic-motions", model="autoencoder"))
    with pytest.raises(ArgumentError, match="which network for basic-motions"):
        Job.new(Recipe(data="basic-motions"))
    with pytest.raises(ArgumentError, match="did you mean autoencoder"):
        find_type("autoencodr")


def test_an_interrupted_run_goes_on_with_the_same_bits(tmp_path):
    def recipe():
        return Recipe(data="basic-motions", model="lstm", hidden=[4], epochs=3)

    whole = fit(Job.new(recipe()), tmp_path / "whole")

    class Stop(gd.train.Callback):
        def on_batch_end(self, trainer, epoch, batch):
            if (epoch, batch) == (2, 3):
                trainer._interrupts.requested = True

    job = Job.new(recipe())
    job.callbacks.append(Stop())
    with pytest.raises(gd.train.TrainingInterrupted):
        fit(job, tmp_path / "cut")
    run = Run.open(tmp_path / "cut")
    results = Job.of_run(run, {}).fit(run, resume=True, progress=False)
    assert results.history["loss"] == whole.history["loss"]
    with pytest.raises(ArgumentError, match=r"in its 3 epochs, .* begin a new run"):
        Job.of_run(run, {"epochs": 5})


def test_an_autoencoder_gives_codes(tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 2))
    rows = [
        "a,b,c,kind",
        *[f"{a:.3f},{b:.3f},{a + b:.3f},{'xy'[i % 2]}" for i, (a, b) in enumerate(x)],
    ]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(rows))
    recipe = Recipe(data=str(path), model="autoencoder", target="kind", hidden=[2], epochs=5)
    fit(Job.new(recipe), tmp_path / "run")
    model = gd.load(tmp_path / "run")
    assert model.encode(gd.zeros(3, 3)).shape == (3, 2)
    assert model.predict(gd.zeros(3, 3)).shape == (3, 3)
