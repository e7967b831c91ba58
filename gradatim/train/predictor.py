"""Predictor: a network that reads raw data, and says its answer in the data's words."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from gradatim import ops
from gradatim.data import read_image
from gradatim.graph.errors import ArgumentError, DataError
from gradatim.nn import Linear, Module
from gradatim.tensor import Tensor
from gradatim.train.feed import EVALUATION_BATCH, as_tensor
from gradatim.train.steps import prediction_step

ANSWERS = ("logits", "one_hot", "values", "inputs")
"""What outputs mean: logits of classes, estimates of a one-hot vector, standardized values, or (of
an autoencoder) the inputs again."""


class Predictor(Module):
    """A model that takes raw data: what `gradatim.load` gives.

    Called on a tensor, it is its network. `predict` and `predict_proba` take raw data:

    - a table (polars) with the columns that training had,
    - the path of a picture, if the model learned from pictures,
    - an array of pictures, uint8 (n, height, width) or (n, height × width), 0 to 255,
    - any other array or tensor: inputs as the network takes them, used as they are.

    Args:
        network: the Module that was trained.
        preprocessing: what training learned about the data (a `TablePreprocessor`,
            `ImagePreprocessor` or `SeriesPreprocessor`), or None.
        answers: "logits", "one_hot", "values" or "inputs"; None where nobody said (`predict`
            gives outputs).
    """

    def __init__(
        self,
        network: Module,
        preprocessing: Any = None,
        answers: str | None = None,
    ) -> None:
        super().__init__()
        if answers is not None and answers not in ANSWERS:
            raise ArgumentError(f"answers is {answers!r}: choose from {', '.join(ANSWERS)}")
        self.network = network
        self.preprocessing = preprocessing
        self.answers = answers
        self._step = prediction_step(network)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.network(inputs)

    @property
    def classes(self) -> list[Any] | None:
        """The classes in the order of the outputs; None if there are none, or nobody said."""
        if self.preprocessing is None or self.answers == "inputs":
            return None
        return self.preprocessing.classes

    @property
    def input_size(self) -> int | None:
        """How many numbers one row of inputs has, or None if the network does not begin so."""
        leaves = (layer for layer in self.network.modules() if not list(layer.children()))
        first = next(leaves, None)
        return first.in_features if isinstance(first, Linear) else None

    def inputs(self, data: Any) -> Tensor:
        """Raw data as the network takes it, (rows, inputs)."""
        if hasattr(data, "columns") and not isinstance(data, Tensor):
            if self.preprocessing is None:
                raise ArgumentError(
                    "this model was saved without preprocessing: give it an array of inputs"
                )
            return as_tensor(self.preprocessing.transform_features(data))
        image = None if self.preprocessing is None else self.preprocessing.image
        if isinstance(data, str | os.PathLike):
            if hasattr(self.preprocessing, "read"):
                return as_tensor(self.preprocessing.read(data).inputs)
            if image is None:
                raise DataError(f"{data} is a picture, but this model did not learn from pictures")
            return as_tensor(read_image(data, *image).reshape(1, -1))
        if image is not None and not isinstance(data, Tensor):
            data = np.asarray(data)
            if data.ndim == 3 or data.shape == image:
                data = data.reshape(-1, image[0] * image[1])
            if data.dtype == np.uint8:
                data = data.astype(np.float32) / np.float32(255)
        return as_tensor(data)

    def outputs(self, data: Any) -> np.ndarray:
        """The network's outputs for raw data: (rows, outputs)."""
        rows = self.inputs(data)
        self.network.eval()
        starts = range(0, max(len(rows), 1), EVALUATION_BATCH)
        parts = [self._step(rows[start : start + EVALUATION_BATCH]) for start in starts]
        return ops.cat(parts).numpy()

    def encode(self, data: Any) -> np.ndarray:
        """The codes of an autoencoder for raw data: (rows, codes).

        Raises:
            ArgumentError: the model is no autoencoder.
        """
        if self.answers != "inputs":
            raise ArgumentError("this model is no autoencoder: it has no codes")
        self.network.eval()
        return prediction_step(self.network[0])(self.inputs(data)).numpy()

    def predict(self, data: Any) -> np.ndarray:
        """The class of each row, or its value: (rows,), or (rows, targets) for several targets."""
        return self.meaning(self.outputs(data))

    def predict_proba(self, data: Any) -> np.ndarray:
        """The probability of each class: (rows, classes), each row adding up to 1."""
        return self.probabilities(self.outputs(data))

    def meaning(self, outputs: np.ndarray) -> np.ndarray:
        """What `predict` says, from the network's outputs."""
        if self.answers in (None, "inputs"):
            return outputs
        if self.preprocessing is not None:
            outputs = self.preprocessing.inverse_target(outputs)
        elif self.answers != "values":
            outputs = outputs.argmax(axis=1)
        return outputs[:, 0] if outputs.ndim == 2 and outputs.shape[1] == 1 else outputs

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """What `predict_proba` says, from the network's outputs.

        Logits go through softmax. Estimates of a one-hot vector are clipped to 0 … 1 and divided by
        their sum.
        """
        if self.answers == "logits":
            exponentials = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            return exponentials / exponentials.sum(axis=1, keepdims=True)
        if self.answers == "one_hot":
            clipped = np.clip(outputs, 1e-6, 1.0)
            return clipped / clipped.sum(axis=1, keepdims=True)
        raise ArgumentError("this model predicts numbers, not classes: it has no probabilities")
