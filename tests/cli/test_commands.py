"""What the commands print and leave, where all goes well."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import gradatim as gd


def read_csv(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


# train


def test_a_table_is_learned_and_the_next_steps_are_told(gradatim, table):
    said = gradatim("train", table(), "--target", "kind", "--epochs", "30")
    lines = said.out.splitlines()
    assert said.status == 0 and said.err == ""
    assert lines[0] == "Note      target 'kind' holds text: classification, 2 classes"
    assert lines[1] == (
        "Data      flowers.csv: 96 rows to train on, 24 to validate on, 30 to test on"
    )
    assert lines[2] == "Network   2-100-2, relu; 502 parameters"
    assert lines[4] == "Run       runs/flowers-1"
    epochs = [line for line in lines if line.startswith("Epoch")]
    assert len(epochs) == 30
    assert re.fullmatch(r"Epoch  1/30   Loss 0\.\d{6}   Accuracy \d\.\d{4}   [\d.]+ s", epochs[0])
    done = next(line for line in lines if line.startswith("Done"))
    assert re.search(r"30 epochs in .*: Accuracy [01]\.\d+ on the 30 test rows", done)
    assert "gradatim predict runs/flowers-1 NEW.csv" in said.out
    assert "gradatim train --resume runs/flowers-1 --epochs 60" in said.out


def test_what_a_run_leaves(gradatim, table):
    gradatim("train", table(), "--target", "kind", "--epochs", "3")
    files = {"config.json", "metrics.jsonl", "model.safetensors", "checkpoint.safetensors"}
    assert files <= set(os.listdir("runs/flowers-1"))
    if pytest.importorskip("matplotlib"):
        for picture in ("curves.png", "confusion.png"):
            assert Path(f"runs/flowers-1/{picture}").read_bytes()[:4] == b"\x89PNG"
    text = Path("runs/flowers-1/metrics.jsonl").read_text()
    records = [json.loads(line) for line in text.splitlines()]
    assert [record["epoch"] for record in records] == [1, 2, 3]
    assert {"loss", "loss_sum", "accuracy", "validation_loss", "seconds"} <= set(records[0])
    config = json.loads(Path("runs/flowers-1/config.json").read_text())
    assert config["recipe"]["hidden"] == [100]
    assert config["results"]["best_epoch"] in (1, 2, 3)


def test_runs_are_numbered(gradatim, table):
    for _ in range(2):
        gradatim("train", table(), "--target", "kind", "--epochs", "1")
    assert sorted(os.listdir("runs")) == ["flowers-1", "flowers-2"]


def test_the_same_seed_gives_the_same_model(gradatim, table):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        options = ("--target", "kind", "--epochs", "3", "--output", name, "--seed", seed)
        gradatim("train", table(), *options)
    a, b, c = (Path(f"{name}/model.safetensors").read_bytes() for name in "abc")
    assert a == b != c


def test_options_reach_the_training(gradatim, table):
    said = gradatim(
        "train", table(), "--target", "kind", "--epochs", "2", "--hidden", "8,4",
        "--activation", "leaky-relu", "--optimizer", "sgd", "--momentum", "0.9", "--lr", "0.05",
        "--loss", "mse", "--batch-size", "16", "--test-size", "0.4", "--output", "run",
    )  # fmt: skip
    assert "2-8-4-2, leaky relu" in said.out
    assert "mse loss, sgd, learning rate 0.05, batches of 16, seed 0" in said.out
    assert "60 to test on" in said.out
    recipe = json.loads(Path("run/config.json").read_text())["recipe"]
    assert (recipe["momentum"], recipe["hidden"]) == (0.9, [8, 4])
    assert gd.load("run").answers == "one_hot"


def test_dropped_columns_are_not_needed_later(gradatim, table, tmp_path):
    gradatim("train", table(), "--target", "kind", "--drop", "width", "--epochs", "1")
    (tmp_path / "new.csv").write_text("length\n1.0\n")
    assert gradatim("predict", "runs/flowers-1", "new.csv").status == 0


def test_a_finished_run_can_get_more_epochs(gradatim, run, table):
    said = gradatim("train", "--resume", run, "--epochs", "17")
    epochs = [line[:11] for line in said.out.splitlines() if line.startswith("Epoch")]
    assert epochs == ["Epoch 16/17", "Epoch 17/17"]
    gradatim("train", table(), "--target", "kind", "--epochs", "17", "--output", "whole")
    assert (
        Path("run/model.safetensors").read_bytes() == Path("whole/model.safetensors").read_bytes()
    )


def start(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "gradatim", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(gd.__file__).resolve().parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(process, beginning):
    for line in process.stdout:
        if line.startswith(beginning):
            return line
    raise AssertionError(process.stderr.read())


def test_ctrl_c_says_how_to_go_on(gradatim, table, tmp_path):
    options = ("--target", "kind", "--patience", "0", "--batch-size", "1")
    process = start(tmp_path, "train", table(), *options, "--epochs", "100000", "--output", "run")
    wait_for(process, "Epoch      2/")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == ""
    assert out.splitlines()[-1] == (
        "Stopped after the batch, and saved. Go on with  gradatim train --resume run"
    )
    lines = Path("run/metrics.jsonl").read_text().splitlines()
    epochs = len(lines) + 2
    assert gradatim("train", "--resume", "run", "--epochs", str(epochs)).status == 0
    gradatim("train", "flowers.csv", *options, "--epochs", str(epochs), "--output", "whole")
    resumed, whole = (Path(f"{name}/model.safetensors").read_bytes() for name in ("run", "whole"))
    assert resumed == whole


def test_a_second_ctrl_c_stops_at_once(table, tmp_path):
    process = start(
        tmp_path, "train", table(), "--target", "kind", "--epochs", "100000", "--output", "run",
        "--hidden", "3000,3000,3000", "--batch-size", "120", "--patience", "0",
    )  # fmt: skip
    wait_for(process, "Epoch      1/")
    process.send_signal(signal.SIGINT)
    time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in out + err
    assert "gradatim train --resume run" in out + err


# predict, evaluate, summary


def test_predictions_are_written_with_probabilities(gradatim, run):
    said = gradatim("predict", run, "flowers.csv")
    assert said.status == 0
    assert "Wrote 150 predictions to flowers-predictions.csv." in said.out
    rows = read_csv("flowers-predictions.csv")
    assert list(rows[0]) == ["kind", "probability_lily", "probability_rose"]
    true = [row["kind"] for row in read_csv("flowers.csv")]
    assert np.mean([row["kind"] == kind for row, kind in zip(rows, true)]) > 0.9
    for row in rows:
        lily, rose = float(row["probability_lily"]), float(row["probability_rose"])
        assert lily + rose == pytest.approx(1, abs=1e-4)
        assert row["kind"] == ("lily" if lily > rose else "rose")


def test_predictions_to_a_file_or_the_terminal(gradatim, run):
    gradatim("predict", run, "flowers.csv", "--output", "mine.csv")
    said = gradatim("predict", run, "flowers.csv", "-o", "-")
    assert said.out == Path("mine.csv").read_text()


def test_numbers_are_predicted_in_their_units(gradatim, tmp_path):
    x = np.linspace(0, 1, 200)
    rows = "".join(f"{a:.4f},{1000 + 50 * a:.3f},{-a:.4f}\n" for a in x)
    (tmp_path / "line.csv").write_text("x,up,down\n" + rows)
    train = ("train", "line.csv", "--target", "up,down", "--epochs", "60", "--output", "run")
    assert "R²" in gradatim(*train).out
    gradatim("predict", "run", "line.csv", "-o", "out.csv")
    rows = read_csv("out.csv")
    assert list(rows[0]) == ["up", "down"]
    assert float(rows[-1]["up"]) == pytest.approx(1050, abs=5)
    assert float(rows[-1]["down"]) == pytest.approx(-1, abs=0.1)
    said = gradatim("evaluate", "run", "line.csv")
    words = [line.split()[0] for line in said.out.splitlines() if line.strip()]
    assert words[-2:] == ["up", "down"]


def test_evaluate_counts_what_predict_says(gradatim, run):
    gradatim("predict", run, "flowers.csv", "-o", "out.csv")
    pairs = list(zip(read_csv("flowers.csv"), read_csv("out.csv")))
    right = sum(true["kind"] == answer["kind"] for true, answer in pairs)
    said = gradatim("evaluate", run, "flowers.csv")
    assert f"Accuracy {right / 150:.4f}  ({right} of 150 right)" in said.out
    roses = sum(true["kind"] == "rose" for true, _ in pairs)
    found = sum(true["kind"] == answer["kind"] == "rose" for true, answer in pairs)
    rose = next(line for line in said.out.splitlines() if line.strip().startswith("rose"))
    assert rose.split()[1] == str(roses)
    assert rose.split()[3] == f"{found / roses:.4f}"


def test_missing_cells_are_filled_and_said(gradatim, run, tmp_path):
    (tmp_path / "new.csv").write_text("length,width\n1.0,\n")
    said = gradatim("predict", run, "new.csv")
    assert re.search(r"Note      column 'width': 1 missing value replaced by the median", said.out)


def test_summary_of_a_run(gradatim, run):
    said = gradatim("summary", run)
    assert "1 × 100" in said.out
    assert "502 parameters, 2.0 KB" in said.out


# digits


@pytest.fixture
def digits(gradatim):
    """A small model of the bundled digits: 20 epochs of 3,000 rows of the deck's file."""
    said = gradatim("data", "export", "mnist", "train.csv", "--rows", "3000")
    assert said.out.startswith("Wrote 3,000 digits to train.csv.")
    said = gradatim(
        "train", "train.csv", "--target", "label", "--epochs", "8", "--output", "digits"
    )
    assert said.status == 0, said
    return "digits"


def test_the_decks_file_and_a_picture_of_a_digit(gradatim, digits, tmp_path):
    header, first = Path("train.csv").read_text().split("\n")[:2]
    assert header.startswith("label,pixel0,pixel1,") and header.endswith(",pixel783")
    assert first.startswith("5,0,0,")
    image = pytest.importorskip("PIL.Image")
    picture = gd.data.mnist().test_images[0]  # a seven
    image.fromarray(255 - picture).resize((140, 140)).save(tmp_path / "digit.png")
    said = gradatim("predict", digits, "digit.png")
    assert re.search(r"digit\.png: 7  \(\d+\.\d%; then ", said.out)
    assert "█" in said.out
    said = gradatim("evaluate", digits)
    assert "10,000 rows of MNIST" in said.out
    assert float(re.search(r"Accuracy ([\d.]+)", said.out)[1]) > 0.88


# info, version, help


def test_info_names_what_matters(gradatim):
    said = gradatim("info")
    for word in ("Gradatim", "Python", "numpy", "Processor", "Features", "Threads", "Cache"):
        assert word in said.out
    assert "llvm (in use), reference" in said.out


def test_version_and_help(gradatim):
    assert gradatim("--version").out == f"gradatim {gd.__version__}\n"
    said = gradatim("train", "--help")
    assert said.status == 0
    for option in ("--target", "--epochs", "--learning-rate", "--hidden", "--resume", "--threads"):
        assert option in said.out


def test_help_is_quick_because_little_is_imported():
    program = (
        "import sys; from gradatim.cli import main; main(['train', '--help']); "
        "print([m for m in ('polars', 'matplotlib', 'PIL', 'safetensors') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout
    assert out.splitlines()[-1] == "[]"


def test_threads_are_set_before_numpy_is_loaded(table, tmp_path):
    process = start(
        tmp_path, "train", table(), "--target", "kind", "--epochs", "1", "--threads", "1",
        "--output", "run",
    )  # fmt: skip
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads((tmp_path / "run" / "config.json").read_text())["recipe"]["threads"] == 1


def test_an_autoencoder_of_a_table_needs_no_target(gradatim, table):
    name = table()
    options = ("--model", "autoencoder", "--drop", "kind", "--epochs", "3", "--output", "codes")
    said = gradatim("train", name, *options)
    assert said.status == 0, said
    assert "autoencoder, 2-64-8-64-2" in said.out
    assert "Mean squared error" in gradatim("evaluate", "codes", name).out
    assert "these are the codes of an autoencoder" in gradatim("predict", "codes", name).out
