"""Models on disk: `save_model` and `load`, and the `Predictor` that `load` gives.

A model file is safetensors: parameters and buffers by name, and in the metadata the architecture
and the preprocessing. No code is stored, and none is run when a file is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gradatim.data import TablePreprocessor
from gradatim.graph.errors import CheckpointError
from gradatim.nn import Module
from gradatim.random import fork_rng
from gradatim.tensor import Tensor
from gradatim.train.architecture import build, describe
from gradatim.train.files import read_tensors, write_tensors
from gradatim.train.packing import to_array, to_tensor
from gradatim.train.predictor import Predictor
from gradatim.train.run import Run


def save_model(model: Module, path: str | os.PathLike) -> None:
    """Write a model to one safetensors file, from which `load` gives it back.

    Networks made of `Sequential` and this package's layers are stored with their architecture. Of
    a class of yours only the numbers are stored, and `load` needs an object of that class.

    Example:
        >>> import tempfile, gradatim as gd
        >>> path = Path(tempfile.mkdtemp()) / "model.safetensors"
        >>> save_model(gd.nn.Sequential(gd.nn.Linear(2, 3), gd.nn.ReLU()), path)
        >>> load(path)(gd.zeros(5, 2)).shape
        torch.Size([5, 3])
    """
    write_tensors(Path(path), "model", model_arrays(model), model_about(model))


def load(path: str | os.PathLike, model: Module | None = None) -> Predictor:
    """A model from a run's directory (its best) or from a file of `save_model`.

    Args:
        model: an object of your own class, where the file does not know how to build the network;
            its parameters are overwritten.

    Raises:
        CheckpointError: the file is missing, damaged, foreign, or newer than this version; names,
            shapes or dtypes differ from the model's.
    """
    file = Path(path)
    if file.is_dir():
        run = Run.open(file)
        file = run.model_file
        if not file.exists():
            raise CheckpointError(
                f"the run {run.path} has no model yet: it ended before its first epoch was saved; "
                f"continue it with  gradatim train --resume {run.path}"
            )
    arrays, about = read_tensors(file, "model")
    if model is None:
        if about["architecture"] is None:
            raise CheckpointError(
                f"{file} holds the parameters of a {about['class']}, which is a class of your own: "
                f"make one and pass it, gradatim.load({str(path)!r}, model={about['class']}(...))"
            )
        with fork_rng():
            model = build(about["architecture"])
        _match_dtypes(model, arrays)
    load_arrays(model, arrays, file)
    model.eval()
    config = about.get("preprocessing")
    preprocessing = None if config is None else TablePreprocessor.from_config(config)
    return Predictor(model, preprocessing, about.get("answers"))


def model_arrays(model: Module) -> dict[str, np.ndarray]:
    """Parameters and buffers by name, as copies."""
    return {
        name: np.array(to_array(value)) for name, value in network_of(model).state_dict().items()
    }


def model_about(model: Module) -> dict[str, Any]:
    """What a model file says beside the numbers."""
    network = network_of(model)
    about = {"architecture": describe(network), "class": type(network).__name__}
    if isinstance(model, Predictor):
        about["answers"] = model.answers
        if model.preprocessing is not None:
            about["preprocessing"] = model.preprocessing.to_config()
    return about


def network_of(model: Module) -> Module:
    """The network inside a `Predictor`; any other model is its own network."""
    return model.network if isinstance(model, Predictor) else model


def load_arrays(model: Module, arrays: Mapping[str, np.ndarray], source: str | Path) -> None:
    """Put the numbers into the model, or say exactly what does not fit (and change nothing)."""
    differences = list(_differences(model.state_dict(), arrays))
    if differences:
        shown = "; ".join(differences[:4])
        more = f"; and {len(differences) - 4} more" if len(differences) > 4 else ""
        raise CheckpointError(f"{source} does not fit the model: {shown}{more}")
    model.load_state_dict({name: to_tensor(array) for name, array in arrays.items()})


def _differences(state: Mapping[str, Tensor], arrays: Mapping[str, np.ndarray]) -> list[str]:
    found = []
    for name, value in state.items():
        if name not in arrays:
            found.append(f"{name} is missing in the file")
            continue
        here, there = to_array(value), arrays[name]
        if here.shape != there.shape:
            found.append(f"{name} has shape {there.shape} in the file, {here.shape} in the model")
        elif here.dtype != there.dtype:
            found.append(f"{name} has dtype {there.dtype} in the file, {here.dtype} in the model")
    found += [f"{name} is not in the model" for name in arrays if name not in state]
    return found


def _match_dtypes(model: Module, arrays: Mapping[str, np.ndarray]) -> None:
    """Give a newly built network the floating dtype that its parameters were saved in."""
    dtypes = {to_tensor(array).dtype for array in arrays.values()}
    floating = [dtype for dtype in dtypes if dtype.is_floating_point]
    if len(floating) == 1:
        model.to(floating[0])
