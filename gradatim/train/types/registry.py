"""The table of network types: what data each suits, how it is built, and what it is trained with.

A type is built from the kind and shape of one input:

    table    (features,)
    image    (channels, height, width), in the data as one row of numbers
    series   (steps, 1 + features): first whether the step is there, see `LastState`
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradatim.graph.errors import ArgumentError
from gradatim.nn import Module
from gradatim.train.types import convolutional, feed_forward, recurrent

Shape = tuple[int, ...]


@dataclass(frozen=True)
class NetworkType:
    """A kind of network.

    Attributes:
        title, letters: its name, and its letters in the deck's chart.
        suits: kinds of data that it takes.
        build: (kind, shape, outputs, recipe) to the network; the recipe is complete.
        defaults: (kind, rows) to what suits it, for what the recipe leaves open.
        learns: "targets", or "inputs": those are their own targets.
    """

    title: str
    letters: str
    suits: tuple[str, ...]
    build: Callable[[str, Shape, int, Any], Module]
    defaults: Callable[[str, int], dict[str, Any]]
    learns: str = "targets"


ANY = ("table", "image", "series")

TYPES = {
    "perceptron": NetworkType(
        "Perceptron", "P", ANY, feed_forward.build, feed_forward.defaults([])
    ),
    "feed_forward": NetworkType(
        "Feed forward", "FF", ANY, feed_forward.build, feed_forward.defaults([100])
    ),
    "deep_feed_forward": NetworkType(
        "Deep feed forward",
        "DFF",
        ANY,
        feed_forward.build,
        feed_forward.defaults([512, 256, 128], dropout=0.2),
    ),
    "autoencoder": NetworkType(
        "Autoencoder",
        "AE",
        ("table", "image"),
        feed_forward.build_autoencoder,
        feed_forward.autoencoder_defaults,
        learns="inputs",
    ),
    "convolutional": NetworkType(
        "Deep convolutional network",
        "DCN",
        ("image", "series"),
        convolutional.build,
        convolutional.defaults,
    ),
    "rnn": NetworkType(
        "Recurrent neural network",
        "RNN",
        ("image", "series"),
        recurrent.builder("RNN"),
        recurrent.defaults("RNN"),
    ),
    "lstm": NetworkType(
        "Long short-term memory",
        "LSTM",
        ("image", "series"),
        recurrent.builder("LSTM"),
        recurrent.defaults("LSTM"),
    ),
    "gru": NetworkType(
        "Gated recurrent unit",
        "GRU",
        ("image", "series"),
        recurrent.builder("GRU"),
        recurrent.defaults("GRU"),
    ),
}

MEANS = {
    "table": "rows of a table",
    "image": "images",
    "series": "series",
}


def find_type(name: str) -> NetworkType:
    """The type of that name; upper case, hyphens and the deck's letters do as well.

    Example:
        >>> find_type("Deep-Feed-Forward").letters, find_type("DCN").title
        ('DFF', 'Deep convolutional network')
    """
    key = name.strip().lower().replace("-", "_")
    by_letters = {one.letters.lower(): one for one in TYPES.values()}
    found = TYPES.get(key) or by_letters.get(key)
    if found is None:
        near = difflib.get_close_matches(key, TYPES, n=1)
        hint = f"did you mean {near[0].replace('_', '-')}? " if near else ""
        names = ", ".join(TYPES).replace("_", "-")
        raise ArgumentError(f"there is no model {name!r}: {hint}choose from {names}")
    return found


def check_suits(name: str, kind: str, title: str) -> None:
    """Raise `ArgumentError` where data of a kind is nothing for a type, and say what is."""
    if kind not in find_type(name).suits:
        fitting = [key.replace("_", "-") for key, one in TYPES.items() if kind in one.suits]
        takes = " and ".join(MEANS[one] for one in find_type(name).suits)
        raise ArgumentError(
            f"a model of type {name.replace('_', '-')} takes {takes}, and {title} holds "
            f"{MEANS[kind]}: choose from {', '.join(fitting)}"
        )


def build_network(name: str, kind: str, shape: Shape, outputs: int, recipe: Any) -> Module:
    """The network of a type for inputs of a kind and shape."""
    return find_type(name).build(kind, shape, outputs, recipe)
