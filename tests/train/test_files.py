"""Files are whole or not there; damage is found and named."""

import errno
import json
import os
import random

import ml_dtypes
import numpy as np
import pytest

import gradatim as gd
from gradatim.train import files
from gradatim.train.files import read_tensors, remove_unfinished, write_file, write_tensors

ARRAYS = {
    "weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "steps": np.array(7, dtype=np.int64),
    "mask": np.array([True, False]),
    "half": np.array([1.5, -2], dtype=np.float16),
    "brain": np.array([1.5, -2], dtype=ml_dtypes.bfloat16),
    "empty": np.zeros((0, 4)),
    "bytes": np.arange(5, dtype=np.uint8),
}


@pytest.fixture
def model_file(tmp_path):
    path = tmp_path / "model.safetensors"
    write_tensors(path, "model", ARRAYS, {"class": "Net"})
    return path


def test_arrays_come_back_with_their_dtypes_shapes_and_values(model_file):
    arrays, about = read_tensors(model_file, "model")
    assert about["class"] == "Net"
    assert set(arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert arrays[name].shape == array.shape
        assert arrays[name].tobytes() == array.tobytes()


def test_equal_content_gives_equal_bytes(tmp_path):
    other_order = dict(reversed(ARRAYS.items()))
    write_tensors(tmp_path / "a", "model", ARRAYS, {"x": 1, "y": 2})
    write_tensors(tmp_path / "b", "model", other_order, {"x": 1, "y": 2})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_file_is_plain_safetensors(model_file):
    from safetensors.numpy import load_file

    assert load_file(model_file)["weight"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, number):
    path = tmp_path / "model.safetensors"
    write_file(path, b"old")

    def no_space(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, "fsync", no_space)
    with pytest.raises(gd.Error, match=r"cannot write .*model\.safetensors: the disk is full"):
        write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.safetensors"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(gd.Error, match=r"cannot write .*there is no folder"):
        write_file(tmp_path / "nowhere" / "file", b"")


def test_leftovers_of_a_killed_process_are_removed(tmp_path):
    leftover = tmp_path / ".model.safetensors.123.unfinished"
    leftover.write_bytes(b"half")
    (tmp_path / "keep").write_bytes(b"")
    remove_unfinished(tmp_path)
    assert os.listdir(tmp_path) == ["keep"]


def test_a_truncated_file(model_file):
    data = model_file.read_bytes()
    model_file.write_bytes(data[:-10])
    with pytest.raises(gd.CheckpointError, match=r"is damaged: it has [\d,]+ bytes where its"):
        read_tensors(model_file, "model")
    model_file.write_bytes(data[:100])
    with pytest.raises(gd.CheckpointError, match="ends in the middle of its header"):
        read_tensors(model_file, "model")


def test_a_changed_bit_is_found_by_the_checksum(model_file):
    data = bytearray(model_file.read_bytes())
    data[-1] ^= 1
    model_file.write_bytes(data)
    with pytest.raises(gd.CheckpointError, match="is damaged: its checksum does not match"):
        read_tensors(model_file, "model")


def test_any_damage_is_a_checkpoint_error(model_file):
    """Whatever byte changes, and wherever the file ends, nothing else comes out."""
    data = model_file.read_bytes()
    random.seed(0)
    for _ in range(300):
        damaged = bytearray(data)
        if random.random() < 0.5:
            damaged = damaged[: random.randrange(len(data))]
        else:
            damaged[random.randrange(len(data))] ^= 1 << random.randrange(8)
        model_file.write_bytes(damaged)
        if damaged != data:
            with pytest.raises(gd.CheckpointError) as caught:
                read_tensors(model_file, "model")
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"PK\x03\x04 a zip file", b"\x00" * 64, b"hello", b"{}"])
def test_a_foreign_file(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(gd.CheckpointError, match="was not written by Gradatim"):
        read_tensors(path, "model")


def test_a_safetensors_file_of_someone_else(tmp_path):
    from safetensors.numpy import save_file

    save_file({"weight": np.zeros(2)}, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(gd.CheckpointError, match="was not written by Gradatim"):
        read_tensors(tmp_path / "model.safetensors", "model")


def test_missing_empty_folder_and_wrong_kind(tmp_path, model_file):
    with pytest.raises(gd.CheckpointError, match="there is no model file at"):
        read_tensors(tmp_path / "nothing", "model")
    with pytest.raises(gd.CheckpointError, match="is a folder"):
        read_tensors(tmp_path, "model")
    with pytest.raises(gd.CheckpointError, match="holds a model, not a checkpoint"):
        read_tensors(model_file, "checkpoint")
    model_file.write_bytes(b"")
    with pytest.raises(gd.CheckpointError, match="is empty"):
        read_tensors(model_file, "model")


def test_a_file_of_a_newer_version_says_which(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "FORMAT", 9)
    monkeypatch.setattr(gd, "__version__", "7.1.0")
    write_tensors(tmp_path / "model", "model", ARRAYS, {})
    monkeypatch.undo()
    with pytest.raises(gd.CheckpointError, match=r"made by Gradatim 7\.1\.0 \(file format 9\)"):
        read_tensors(tmp_path / "model", "model")


def test_the_description_is_readable_json(model_file):
    data = model_file.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert json.loads(header["__metadata__"]["gradatim"])["kind"] == "model"
