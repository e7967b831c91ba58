"""Models on disk: `save_model`, and `load` for them and for weight files of others.

A model file is safetensors: parameters and buffers by name, and in the metadata the architecture
and the preprocessing. No code is stored, and none is run when a file is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gradatim.data import TablePreprocessor
from gradatim.data.image_preprocessing import ImagePreprocessor
from gradatim.data.series_preprocessing import SeriesPreprocessor
from gradatim.graph.errors import CheckpointError, WrongKind
from gradatim.nn import Module
from gradatim.random import fork_rng
from gradatim.tensor import Tensor
from gradatim.train.architecture import build, describe
from gradatim.train.files import holds_plain_tensors, read_tensors, write_tensors
from gradatim.train.packing import to_array, to_tensor
from gradatim.train.predictor import Predictor
from gradatim.train.run import Run
from gradatim.weights.loading import (
    is_foreign_pickle,
    load_safetensors,
    load_weights,
    open_binary,
)


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


def load(
    f: str | os.PathLike[str] | BinaryIO,
    model: Module | None = None,
    *,
    map_location: Any = None,
    weights_only: bool = True,
    mmap: bool | None = None,
) -> Any:
    """A trained model, or weights: what comes back depends on what the file is.

    - a run's folder, or a file of `save_model`: its model, as a `Predictor`
    - a `.pt` or `.pth` file of `torch.save` (the zip format, since PyTorch 1.6) or of `gd.save`:
      what was saved, such as a `state_dict`. The file is read as data; no code in it is run, and
      one that holds whole objects is refused.
    - any other safetensors file: a `state_dict`

    Args:
        f: the path, or (for `.pt`) a binary file open for reading.
        model: an object of your own class, where the file does not know how to build the network;
            its parameters are overwritten, and it comes back as a `Predictor`.
        map_location, weights_only, mmap: taken for PyTorch's sake. Tensors come to the CPU,
            nothing but weights is ever loaded, and files are read as a whole.

    Raises:
        CheckpointError: the file is missing, damaged, foreign, or newer than this version; it names
            something that is not data; names, shapes or dtypes differ from the model's.

    Example:
        >>> import io, gradatim as gd
        >>> file = io.BytesIO()
        >>> gd.save(gd.nn.Linear(2, 1).state_dict(), file)
        >>> gd.nn.Linear(2, 1).load_state_dict(gd.load(file))
        <All keys matched successfully>
    """
    if not isinstance(f, str | os.PathLike):
        if not hasattr(f, "read"):
            raise WrongKind(
                f"gd.load takes a path or a file open for reading, got {type(f).__name__}"
            )
        return _into(load_weights(f, "the file"), model, "the file")
    file = Path(f)
    if not file.is_dir():
        with open_binary(file) as opened:
            start = opened.read(64)
            if is_foreign_pickle(start):
                return _into(load_weights(opened, str(file)), model, file)
            if start[8:9] == b"{" and holds_plain_tensors(opened):
                opened.seek(0)
                return _into(load_safetensors(opened.read(), str(file)), model, file)
    return load_predictor(file, model)


def _into(weights: Any, model: Module | None, source: str | Path) -> Any:
    """The weights; or the model with these weights, where there is one."""
    if model is None:
        return weights
    if not isinstance(weights, Mapping) or not all(isinstance(v, Tensor) for v in weights.values()):
        raise CheckpointError(
            f"{source} holds more than one state_dict: load it without a model, and give the part "
            "that is the model's to model.load_state_dict(...)"
        )
    load_arrays(model, {name: to_array(value) for name, value in weights.items()}, source)
    model.eval()
    return Predictor(model, None, None)


def load_predictor(path: str | os.PathLike[str], model: Module | None = None) -> Predictor:
    """A model from a run's directory (its best) or from a file of `save_model`.

    Raises:
        CheckpointError: see `load`.
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
    return Predictor(model, _preprocessing(about.get("preprocessing")), about.get("answers"))


def _preprocessing(config: dict[str, Any] | None) -> Any:
    """What turns raw data into inputs, from its description in the file."""
    if config is None:
        return None
    kind = config.get("kind", "table")
    kinds = {"table": TablePreprocessor, "image": ImagePreprocessor, "series": SeriesPreprocessor}
    if kind not in kinds:
        raise CheckpointError(
            f"the file describes data of a kind {kind!r}, which this version of Gradatim does not "
            "know: upgrade with  pip install --upgrade gradatim"
        )
    return kinds[kind].from_config(config)


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
