"""A comparison: each method trained on the same rows and asked about the same test rows."""

from __future__ import annotations

import dataclasses
import difflib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradatim.compare.classic import CLASSIC, check_installed, train_classic
from gradatim.compare.networks import (
    NETWORKS,
    load_typed,
    order_of_rows,
    pool,
    train_network,
    with_rows,
)
from gradatim.graph.errors import ArgumentError, DataError
from gradatim.train.job import Job
from gradatim.train.problem import Problem
from gradatim.train.recipe import Recipe
from gradatim.train.types import TYPES

GUESS = "guess"
"""The largest class, or the mean: what a method has to beat."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Entry:
    """What one method reached.

    Attributes:
        name, title: of the method.
        kind: "classic", "network" or "guess".
        rows: how many rows there were to learn from.
        accuracy: share of the test rows that it got right; None for numbers.
        errors: mean absolute error of each target, in its own units; None for classes.
        r2: of numbers, the share of the variance explained (mean over the targets).
        fit_seconds, predict_seconds: wall time.
        notes: what a person should know.
    """

    name: str
    title: str
    kind: str
    rows: int
    accuracy: float | None
    errors: list[float] | None
    r2: float | None
    fit_seconds: float
    predict_seconds: float
    notes: list[str] = field(default_factory=list)

    @property
    def better(self) -> float:
        """Larger for the better of two."""
        return self.accuracy if self.accuracy is not None else -float(np.mean(self.errors or [0]))


@dataclass
class Comparison:
    """All that a comparison found.

    Attributes:
        title: of the data.
        targets, classes: as of the `Problem`.
        test_rows: how many rows were asked about.
        entries: one for each method; of a learning curve one for each method and size.
        jobs: the trained networks by name.
    """

    title: str
    targets: list[str]
    classes: list[Any] | None
    test_rows: int
    entries: list[Entry]
    jobs: dict[str, Job] = field(default_factory=dict)

    @property
    def best_network(self) -> str | None:
        found = [entry for entry in self.entries if entry.kind == "network"]
        return max(found, key=lambda entry: (entry.rows, entry.better)).name if found else None

    def as_json(self) -> dict[str, Any]:
        """Plain data, without the networks."""
        return {
            "data": self.title,
            "targets": self.targets,
            "test_rows": self.test_rows,
            "entries": [dataclasses.asdict(entry) for entry in self.entries],
        }


def compare(
    recipe: Recipe, methods: Sequence[str] = (), threads: int = 1, say: Say | None = None
) -> Comparison:
    """Train every method on all rows but those of the test.

    Args:
        recipe: the data, its target and the seed; what it says of networks goes for all of them.
        methods: keys of `CLASSIC` and types of networks; none for all that suit the data.
        threads: for the classic algorithms that take a number.
        say: is told what is being trained.

    Raises:
        MissingExtra: scikit-learn is not installed.
        DataError: there are no test rows.
    """
    return learning_curve(recipe, methods, None, threads, say)


def learning_curve(
    recipe: Recipe,
    methods: Sequence[str] = (),
    sizes: Sequence[int] | None = None,
    threads: int = 1,
    say: Say | None = None,
) -> Comparison:
    """Train every method on more and more of the rows, the same ones for all.

    Args:
        sizes: how many rows, in ascending order; None for all of them at once.
    """
    check_installed()
    first = load_typed(recipe, "deep_feed_forward")
    _check(first)
    test_targets = first.test[1]
    classes = first.classes is not None
    inputs, targets = pool(first)
    sizes = _sizes(sizes, len(inputs))
    chosen = choose_methods(methods, first.kind, classes)
    found = Comparison(first.title, first.targets, first.classes, len(test_targets), [])
    order = order_of_rows(len(inputs), recipe.seed)
    flat = inputs.reshape(len(inputs), -1)
    asked = first.test[0].reshape(len(test_targets), -1)
    for size in sizes:
        rows = order[:size]
        answers = _guess(targets[rows], len(test_targets), classes)
        found.entries.append(_entry(GUESS, "a guess", "guess", size, first, answers, 0.0, 0.0, []))
        for name in chosen:
            title = CLASSIC[name].title if name in CLASSIC else TYPES[name].title.lower()
            if name == "logistic_regression" and not classes:
                title = "linear regression"
            if say is not None:
                say(f"{title}, {size:,} {first.rows}")
            if name in CLASSIC:
                part = (flat[rows], targets[rows])
                result = train_classic(name, part, asked, classes, recipe.seed, threads)
                found.entries.append(_entry(name, title, "classic", size, first, *result))
            else:
                whole = size == len(inputs)
                job, entry = _network(name, title, recipe, None if whole else size)
                found.jobs[name] = job
                found.entries.append(dataclasses.replace(entry, rows=size))
    return found


def choose_methods(wanted: Sequence[str], kind: str, classes: bool) -> list[str]:
    """The methods that suit the data, or those of them that are wanted.

    Raises:
        ArgumentError: for a name that is none of them.

    Example:
        >>> choose_methods(["Forest", "feed-forward"], "table", True)
        ['forest', 'feed_forward']
    """
    fitting = [name for name, one in CLASSIC.items() if classes or one.regress]
    fitting += list(NETWORKS[kind])
    possible = fitting + [name for name, one in TYPES.items() if _fits(one, kind)]
    for name in wanted:
        key = name.strip().lower().replace("-", "_")
        if key not in possible:
            near = difflib.get_close_matches(key, possible, n=1)
            hint = f"did you mean {near[0].replace('_', '-')}? " if near else ""
            names = ", ".join(dict.fromkeys(possible)).replace("_", "-")
            raise ArgumentError(f"there is no method {name!r} for this data: {hint}one of {names}")
    if not wanted:
        return fitting
    return list(dict.fromkeys(name.strip().lower().replace("-", "_") for name in wanted))


def _fits(kind_of_network: Any, kind: str) -> bool:
    return kind in kind_of_network.suits and kind_of_network.learns == "targets"


def _check(problem: Problem) -> None:
    if problem.test is None:
        raise DataError(f"{problem.title}: a comparison needs test rows: leave out --test-size 0")


def _sizes(sizes: Sequence[int] | None, count: int) -> list[int]:
    """The sizes that there are rows for, with all rows last.

    Example:
        >>> _sizes([100, 1000, 5000], 1500)
        [100, 1000, 1500]
    """
    return sorted({*(size for size in sizes or () if size < count), count})


def _network(name: str, title: str, recipe: Recipe, rows: int | None) -> tuple[Job, Entry]:
    own = dataclasses.replace(recipe, model=name)
    problem = load_typed(recipe, name)
    if rows is not None:
        problem = with_rows(problem, own, rows)
    job, results, seconds = train_network(own, problem)
    started = time.perf_counter()
    outputs = job.trainer.predict(problem.test[0]).numpy()
    predicting = time.perf_counter() - started
    answers = outputs.argmax(axis=1) if problem.classes else outputs
    notes = [f"{len(results.history)} epochs"]
    parts = (problem.train, problem.validation)
    count = sum(len(part[0]) for part in parts if part is not None)
    return job, _entry(name, title, "network", count, problem, answers, seconds, predicting, notes)


def _guess(targets: np.ndarray, rows: int, classes: bool) -> np.ndarray:
    if classes:
        return np.full(rows, np.bincount(targets).argmax())
    return np.broadcast_to(targets.mean(axis=0), (rows, targets.shape[1]))


def _entry(
    name: str,
    title: str,
    kind: str,
    rows: int,
    problem: Problem,
    answers: np.ndarray,
    fit_seconds: float,
    predict_seconds: float,
    notes: list[str],
) -> Entry:
    targets = problem.test[1]
    accuracy = errors = r2 = None
    if problem.classes is not None:
        accuracy = float((answers == targets).mean())
    else:
        off = np.abs(answers - targets).mean(axis=0, dtype=np.float64)
        errors = [float(one) for one in off * problem.scale]
        left = ((answers - targets) ** 2).mean(axis=0, dtype=np.float64)
        r2 = float((1 - left / np.maximum(targets.var(axis=0, dtype=np.float64), 1e-30)).mean())
    return Entry(name, title, kind, rows, accuracy, errors, r2, fit_seconds, predict_seconds, notes)


def by_method(entries: Sequence[Entry]) -> Iterator[tuple[str, list[Entry]]]:
    """(title, its entries by rows) of each method that is no guess."""
    titles = dict.fromkeys(entry.title for entry in entries if entry.kind != "guess")
    for title in titles:
        found = [entry for entry in entries if entry.title == title]
        yield title, sorted(found, key=lambda entry: entry.rows)
