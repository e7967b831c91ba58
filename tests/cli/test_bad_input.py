"""Every mistake a person can make ends in one line that says what was given, what was expected and
what to do, with exit status 2, and leaves nothing half-written."""

import json
import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest

import gradatim as gd
from gradatim.train import files


def test_a_missing_file(refused, table):
    table("flowers.csv")
    assert refused("train", "flower.csv", "--target", "kind") == (
        "gradatim: there is no file flower.csv: did you mean flowers.csv?"
    )
    assert not os.path.exists("runs")


def test_an_empty_file(refused, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    line = refused("train", "empty.csv", "--target", "kind")
    assert "empty.csv is empty: expected a line of column names, then rows" in line


def test_a_directory(refused, tmp_path):
    (tmp_path / "folder").mkdir()
    assert "folder is a directory: expected a CSV" in refused("train", "folder", "--target", "y")


def test_a_binary_file(refused, tmp_path):
    (tmp_path / "data.csv").write_bytes(struct.pack("<10d", *range(10)))
    line = refused("train", "data.csv", "--target", "y")
    assert "data.csv is a binary file: expected a CSV" in line


def test_a_header_only(refused, tmp_path):
    (tmp_path / "head.csv").write_text("a,b,c\n")
    line = refused("train", "head.csv", "--target", "c")
    assert "head.csv has a header (3 columns) and no rows: add rows below it" in line


def test_ragged_rows_name_the_line(refused, tmp_path):
    (tmp_path / "ragged.csv").write_text("a,b\n1,x\n2,y\n3\n4,x\n")
    line = refused("train", "ragged.csv", "--target", "b")
    assert "ragged.csv line 4 has 1 field where the header has 2" in line


def test_a_target_that_is_not_there(refused, table):
    line = refused("train", table(), "--target", "knid")
    assert line.endswith("flowers.csv has no target column 'knid': did you mean 'kind'?")


def test_no_target_named(refused, table):
    line = refused("train", table())
    assert "which column of flowers.csv should be learned? --target COLUMN" in line
    assert "kind" in line


def test_a_target_of_one_class(refused, tmp_path):
    (tmp_path / "one.csv").write_text("a,b\n1,x\n2,x\n3,x\n")
    line = refused("train", "one.csv", "--target", "b")
    assert "target 'b' is 'x' in every row: there is nothing to learn" in line


def test_a_target_without_values(refused, tmp_path):
    (tmp_path / "none.csv").write_text("a,b\n1,\n2,\n3,\n")
    assert "target 'b' has no values" in refused("train", "none.csv", "--target", "b")


def test_a_column_without_values(refused, tmp_path):
    (tmp_path / "hole.csv").write_text("a,b,y\n" + "".join(f"{i},,{i % 2}\n" for i in range(20)))
    line = refused("train", "hole.csv", "--target", "y")
    assert "column 'b' has no values: leave out with --drop b, or fill in" in line


def test_text_where_numbers_were_in_training(refused, run, tmp_path):
    (tmp_path / "new.csv").write_text("length,width\n1.0,2.0\nlong,2.0\n")
    line = refused("predict", run, "new.csv")
    assert "column 'length' holds text ('long' in data row 2) where training had numbers" in line
    assert not os.path.exists("new-predictions.csv")


def test_a_new_category_at_prediction(gradatim, refused, tmp_path):
    rows = "".join(f"{i},{'red' if i % 3 else 'blue'},{i % 2}\n" for i in range(60))
    (tmp_path / "data.csv").write_text("size,color,y\n" + rows)
    train = ("train", "data.csv", "--target", "y", "--epochs", "1", "--output", "run")
    assert gradatim(*train).status == 0
    (tmp_path / "new.csv").write_text("size,color\n1,green\n")
    line = refused("predict", "run", "new.csv")
    assert "column 'color' has 'green' in data row 1, which training did not have" in line
    assert "'blue' and 'red'" in line


def test_a_missing_column_at_prediction(refused, run, tmp_path):
    (tmp_path / "new.csv").write_text("length,widht\n1.0,2.0\n")
    line = refused("predict", run, "new.csv")
    assert "lacks 1 column that training had: 'width'; did you mean 'widht'?" in line


def test_wrong_shapes_between_layers_name_the_layer_and_both_shapes():
    model = gd.nn.Sequential(gd.nn.Linear(4, 8), gd.nn.Sequential(gd.nn.ReLU(), gd.nn.Linear(9, 2)))
    with pytest.raises(gd.ShapeError) as caught:
        model(gd.zeros(3, 4))
    message = str(caught.value)
    assert "1.1" in message and "3x8" in message.replace(" ", "").replace("(3,8)", "3x8")
    assert "9" in message and "\n" not in message


def test_a_dtype_that_an_operation_does_not_take():
    with pytest.raises(gd.DTypeError) as caught:
        gd.nn.Linear(2, 2)(gd.zeros(1, 2, dtype=gd.float64))
    assert "float64" in str(caught.value).lower() or "double" in str(caught.value).lower()


def test_a_loss_that_becomes_infinite(refused, tmp_path):
    x = np.linspace(0, 1e3, 100)
    rows = "".join(f"{a:.3f},{a * a:.3f}\n" for a in x)
    (tmp_path / "curve.csv").write_text("x,y\n" + rows)
    options = ("--target", "y", "--optimizer", "sgd", "--lr", "1e8")
    line = refused("train", "curve.csv", *options, "--output", "run")
    assert "the loss became" in line
    assert re.search(r"in epoch \d+, batch \d+ of \d+", line)
    assert "the largest weight before it was" in line
    assert "is kept in run" in line
    assert json.loads(Path("run/config.json").read_text())["recipe"]["learning_rate"] == 1e8


def test_a_full_disk(refused, table, monkeypatch):
    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    table()
    monkeypatch.setattr(files.os, "fsync", no_space)
    line = refused("train", "flowers.csv", "--target", "kind", "--output", "run")
    assert "cannot write run/config.json: the disk is full; free some space and try again" in line
    assert os.listdir("run") == []


def test_a_disk_that_fills_up_during_training(refused, run, monkeypatch):
    before = Path("run/model.safetensors").read_bytes()
    write = files.write_file

    def no_space(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:

        def full_from_here_on(path, data):
            patch.setattr(files.os, "fsync", no_space)
            write(path, data)

        patch.setattr(files, "write_file", full_from_here_on)
        line = refused("train", "--resume", "run", "--epochs", "30")
    assert "run/model.safetensors: the disk is full" in line
    assert Path("run/model.safetensors").read_bytes() == before
    assert gd.load("run").classes == ["lily", "rose"]


def damage(name, change):
    data = bytearray(Path(name).read_bytes())
    Path(name).write_bytes(change(data))


def test_a_corrupted_model(refused, run):
    def flip(data):
        data[-5] ^= 64
        return data

    damage("run/model.safetensors", flip)
    line = refused("predict", run, "flowers.csv")
    assert "run/model.safetensors is damaged: its checksum does not match" in line


def test_a_truncated_model_and_checkpoint(refused, run):
    damage("run/model.safetensors", lambda data: data[: len(data) // 2])
    assert "run/model.safetensors is damaged: it has" in refused("evaluate", run, "flowers.csv")
    damage("run/checkpoint.safetensors", lambda data: data[:3])
    line = refused("train", "--resume", run, "--epochs", "20")
    assert "run/checkpoint.safetensors was not written by Gradatim" in line


def test_a_foreign_model(refused, tmp_path, table):
    (tmp_path / "model.pt").write_bytes(b"PK\x03\x04 something of PyTorch's")
    line = refused("predict", "model.pt", table())
    assert "model.pt was not written by Gradatim: expected a run's folder" in line


def test_a_run_made_by_a_newer_version(refused, run):
    config = json.loads(Path("run/config.json").read_text())
    config |= {"format": 2, "gradatim": "3.0.0"}
    Path("run/config.json").write_text(json.dumps(config))
    for command in (("predict", run, "flowers.csv"), ("train", "--resume", run)):
        line = refused(*command)
        assert "run/config.json was made by Gradatim 3.0.0 (file format 2)" in line
        assert "pip install --upgrade gradatim" in line


def test_a_run_that_is_not_there(refused):
    assert "there is no run at nowhere: no such folder" in refused("train", "--resume", "nowhere")
    assert "there is no model file at nowhere" in refused("predict", "nowhere", "data.csv")


def test_a_run_without_a_model(refused, run):
    os.remove("run/model.safetensors")
    line = refused("predict", run, "flowers.csv")
    assert "the run run has no model yet" in line
    assert "gradatim train --resume run" in line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--batch-size", "0"], "batch size is 0: it has to be a whole number, at least 1"),
        (["--batch-size", "-8"], "batch size is -8"),
        (["--epochs", "0"], "epochs is 0: it has to be a whole number, at least 1"),
        (["--learning-rate", "-0.5"], "the learning rate is -0.5: it has to be above 0"),
        (["--hidden", "10,-1"], "--hidden is '10,-1': expected whole numbers of 1 and more"),
        (["--hidden", "ten"], "--hidden is 'ten'"),
        (["--optimizer", "adma"], "no optimizer 'adma': did you mean adam? choose from sgd, adam"),
        (["--loss", "msee"], "no loss 'msee': did you mean mse?"),
        (["--activation", "rellu"], "no activation 'rellu': did you mean relu?"),
        (["--engine", "gpu"], "no engine is named 'gpu': there are llvm, reference"),
        (["--target", "label"], "a target, columns to drop and a test size are for tables"),
        (["--threads", "0"], "threads is 0"),
        (["--epoch", "3"], "No such option: --epoch"),
        (["--epochs", "many"], "Invalid value for '--epochs'"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_options_that_make_no_sense(refused, options, message):
    assert message in refused("train", *options)
    assert not os.path.exists("runs")


def test_a_batch_larger_than_the_data_works(gradatim, table):
    said = gradatim("train", table(), "--target", "kind", "--epochs", "2", "--batch-size", "5000")
    assert said.status == 0


def test_a_column_to_drop_that_is_not_there(refused, table):
    line = refused("train", table(), "--target", "kind", "--drop", "widht")
    assert "flowers.csv has no column 'widht' to drop: did you mean 'width'?" in line


def test_options_that_cannot_change_when_a_run_is_continued(refused, run):
    line = refused("train", "--resume", run, "--hidden", "7")
    assert "--hidden cannot change when a run is continued" in line


def test_an_output_folder_that_holds_a_run(refused, run, table):
    line = refused("train", table(), "--target", "kind", "--output", run)
    assert "run already holds a run: continue it (resume), or choose another folder" in line


def test_a_picture_that_cannot_be_read(gradatim, refused, run, tmp_path):
    (tmp_path / "digit.png").write_text("not a picture")
    assert "digit.png is a picture, but this model did not learn from" in refused(
        "predict", run, "digit.png"
    )


def test_unknown_commands_and_missing_arguments(refused):
    assert "No such command 'trian'" in refused("trian")
    assert "Missing argument 'RUN'" in refused("predict")


def test_debug_shows_where(gradatim):
    with pytest.raises(gd.DataError):
        gradatim("train", "nothing.csv", "--target", "y", "--debug")


def test_more_digits_than_there_are(refused):
    line = refused("data", "export", "mnist", "train.csv", "--rows", "70001")
    assert "MNIST has 60,000 training digits" in line
    assert not os.path.exists("train.csv")
    assert "no data set 'minst': did you mean mnist?" in refused("data", "export", "minst", "a.csv")


def test_an_autoencoder_is_evaluated_on_data(gradatim, refused, table):
    options = ("--target", "kind", "--model", "autoencoder", "--epochs", "1", "--output", "coder")
    assert gradatim("train", table(), *options).status == 0
    assert "on which data?" in refused("evaluate", "coder")


def test_results_that_would_mix_with_what_is_there(refused, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("mine")
    assert "--output full is not empty" in refused("play", "CartPole-v1", "--output", "full")
    assert (tmp_path / "full" / "note.txt").read_text() == "mine"


def test_an_extra_that_is_missing_is_named(refused, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "gymnasium", None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert refused("play", "CartPole-v1") == (
        "gradatim: playing a game needs gymnasium, which is not installed: run pip install "
        "'gradatim[deck]'"
    )
    assert refused("compare", "mnist").endswith("run pip install 'gradatim[deck]'")
