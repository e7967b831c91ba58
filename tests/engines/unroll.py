"""A scan, evaluated step by step: each Node of its body by the rules of exact.py or bounds.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradatim.graph import primitives as p
from gradatim.graph.node import Node

Evaluate = Callable[[Node, Sequence[Any]], Any]


def unroll(
    node: Node, inputs: Sequence[Any], evaluate: Evaluate, leaf: Callable[[Any], Any],
    part: Callable[[Any, int], Any],
) -> list[list[Any]]:  # fmt: skip
    """What each step gives: first the carries (behind the last step), then for each result the
    list of its steps, in the order of their places.

    Args:
        leaf: the value of a constant.
        part: one slice of a value along its first axis.
    """
    body, n_carries, n_sequences, length, reverse = node.params
    carries = list(inputs[:n_carries])
    sequences = inputs[n_carries : n_carries + n_sequences]
    constants = list(inputs[n_carries + n_sequences :])
    results: list[list[Any]] = [[None] * length for _ in body.outputs[n_carries:]]
    for place in reversed(range(length)) if reverse else range(length):
        values = dict(
            zip(body.inputs, [*carries, *[part(x, place) for x in sequences], *constants])
        )
        for inner in body.nodes[len(body.inputs) :]:
            if inner.primitive is p.CONSTANT:
                values[inner] = leaf(np.asarray(inner.params[0]).astype(inner.dtype.numpy))
            else:
                values[inner] = evaluate(inner, [values[n] for n in inner.inputs])
        given = [values[n] for n in body.outputs]
        carries = given[:n_carries]
        for steps, value in zip(results, given[n_carries:]):
            steps[place] = value
    return [carries, *results]


def stacked(arrays: Sequence[Any], shape: Any, dtype: Any) -> Any:
    """The steps of a result, or an empty array of its shape."""
    return np.stack(arrays) if arrays else np.zeros(shape, dtype)
