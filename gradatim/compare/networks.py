"""The networks of a comparison: which types suit which data, and training one on some rows."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from typing import Any

import numpy as np

from gradatim.train.job import Job, Results
from gradatim.train.problem import Problem, load_problem, validation_size
from gradatim.train.recipe import Recipe
from gradatim.train.typed_problem import suit

NETWORKS = {
    "table": ("feed_forward", "deep_feed_forward"),
    "image": ("deep_feed_forward", "convolutional"),
    "series": ("deep_feed_forward", "convolutional", "lstm", "gru"),
}
"""By the kind of data."""


def load_typed(recipe: Recipe, model: str) -> Problem:
    """The data of a recipe, made ready for a type of network."""
    return load_problem(dataclasses.replace(recipe, model=model))


def pool(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """All rows that may be learned from: those to train and those to validate on."""
    if problem.validation is None:
        return problem.train
    inputs, targets = zip(problem.train, problem.validation)
    return np.concatenate(inputs), np.concatenate(targets)


def order_of_rows(count: int, seed: int) -> np.ndarray:
    """The order in which a learning curve takes the rows of the pool."""
    return np.random.RandomState(seed).permutation(count)


def with_rows(problem: Problem, recipe: Recipe, rows: int) -> Problem:
    """The same problem with so many rows of the pool, of which some choose the epoch.

    The more rows, the more of them are the same: each size holds the smaller ones whole.
    """
    inputs, targets = pool(problem)
    chosen = order_of_rows(len(inputs), recipe.seed)[:rows]
    apart = validation_size(rows) if problem.validation is not None else 0
    parts: list[Any] = [
        (inputs[part], targets[part]) if len(part) else None
        for part in (chosen[apart:], chosen[:apart])
    ]
    made = dataclasses.replace(problem, train=parts[0], validation=parts[1])
    return suit(made, recipe)


def train_network(recipe: Recipe, problem: Problem) -> tuple[Job, Results, float]:
    """Train on a problem, leaving nothing on disk, and give the seconds that it took."""
    job = Job(recipe, problem)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        results = job.fit(job.create_run(folder), progress=False)
    return job, results, time.perf_counter() - started
