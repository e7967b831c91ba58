"""A run: the directory that training leaves behind, and that it can be continued from.

`config.json`             what was asked for; written first, so that a run killed early can begin
                          again
`metrics.jsonl`           one line per epoch
`model.safetensors`       the best model so far
`checkpoint.safetensors`  the last state: everything that the next batch depends on, and the history

The model is written before the checkpoint that knows of it. If the process is killed between the
two, training goes on from the older checkpoint and comes to the same model once more.
"""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import gradatim
from gradatim.graph.errors import CheckpointError
from gradatim.train.files import (
    FORMAT,
    check_format,
    read_tensors,
    remove_unfinished,
    write_file,
    write_tensors,
)


class Run:
    """The files of one run.

    Args:
        path: the directory.
        config: what `config.json` says.
    """

    def __init__(self, path: Path, config: dict[str, Any]) -> None:
        self.path, self.config = path, config

    @classmethod
    def create(cls, path: str | os.PathLike, config: Mapping[str, Any]) -> Run:
        """Make the directory and write its `config.json`. Never overwrites another run."""
        path = Path(path)
        if (path / "config.json").exists():
            raise CheckpointError(
                f"{path} already holds a run: continue it (resume), or choose another folder"
            )
        if path.exists() and not path.is_dir():
            raise CheckpointError(f"{path} is a file: a run needs a folder of its own")
        if path.is_dir() and any(not name.startswith(".") for name in os.listdir(path)):
            raise CheckpointError(f"{path} is not empty: a run needs a folder of its own")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _no_folder(path, error) from error
        run = cls(path, {"format": FORMAT, "gradatim": gradatim.__version__, **config})
        run.write_config()
        return run

    @classmethod
    def open(cls, path: str | os.PathLike) -> Run:
        """The run in the directory `path`."""
        path = Path(path)
        if not path.exists():
            raise CheckpointError(f"there is no run at {path}: no such folder")
        if not path.is_dir():
            raise CheckpointError(f"{path} is a file: expected the folder of a run")
        file = path / "config.json"
        try:
            config = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise CheckpointError(f"{path} is not a run: it has no config.json") from None
        except OSError as error:
            raise CheckpointError(f"cannot read {file}: {error.strerror}") from error
        except ValueError:
            raise CheckpointError(f"{file} is damaged: it is not JSON; train again") from None
        if not isinstance(config, dict):
            raise CheckpointError(f"{file} was not written by Gradatim")
        check_format(file, config)
        return cls(path, config)

    @property
    def model_file(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def checkpoint_file(self) -> Path:
        return self.path / "checkpoint.safetensors"

    def write_config(self) -> None:
        """Write `config` as it is now."""
        text = json.dumps(self.config, indent=2, ensure_ascii=False) + "\n"
        write_file(self.path / "config.json", text.encode())

    def write_metrics(self, records: list[dict[str, Any]]) -> None:
        """Write all epochs' records, one JSON object per line (NaN and infinity as null)."""
        lines = [json.dumps(_finite(record), ensure_ascii=False) + "\n" for record in records]
        write_file(self.path / "metrics.jsonl", "".join(lines).encode())

    def read_metrics(self) -> list[dict[str, Any]]:
        """The records of the epochs so far."""
        file = self.path / "metrics.jsonl"
        if not file.exists():
            return []
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]

    def write_model(self, arrays: Mapping[str, np.ndarray], about: dict[str, Any]) -> None:
        """Write the best model so far."""
        write_tensors(self.model_file, "model", arrays, about)

    def write_checkpoint(self, arrays: Mapping[str, np.ndarray], state: dict[str, Any]) -> None:
        """Write the last state."""
        write_tensors(self.checkpoint_file, "checkpoint", arrays, {"state": state})

    def read_checkpoint(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """The last state, or None when the run ended before it had one."""
        remove_unfinished(self.path)
        if not self.checkpoint_file.exists():
            return None
        arrays, about = read_tensors(self.checkpoint_file, "checkpoint")
        return arrays, about["state"]

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"


def make_free_folder(parent: str | os.PathLike, name: str) -> Path:
    """Make `parent/name-1`, or the next number that is not taken."""
    for number in itertools.count(1):
        folder = Path(parent) / f"{name}-{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise _no_folder(folder, error) from error
        return folder
    raise AssertionError


def _no_folder(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(f"cannot make the folder {path}: {error.strerror}; choose another one")


def _finite(record: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in record.items()
    }
