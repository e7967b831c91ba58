"""The classic algorithms: scikit-learn's, with its defaults where nothing is said here.

Each is a row of a table: how it is made for classes, how for numbers, and what it cannot do.
"""

from __future__ import annotations

import importlib
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradatim.graph.errors import missing_extra

SVM_ROWS = 20_000
"""A support vector machine's time grows with the square of the rows, or faster."""


SEED, THREADS = "the seed", "the number of threads"


@dataclass(frozen=True)
class Classic:
    """One algorithm.

    Attributes:
        title: for people.
        classify: (seed, threads) to a scikit-learn estimator for classes.
        regress: the same for numbers; None where the algorithm knows classes only.
        most_rows: it is trained on so many at most.
        one_target: whether its regression learns one number at a time.
    """

    title: str
    classify: Callable[[int, int], Any]
    regress: Callable[[int, int], Any] | None
    most_rows: int | None = None
    one_target: bool = False


def _of(path: str, **settings: Any) -> Callable[[int, int], Any]:
    """Makes scikit-learn's estimator of that name: "svm.SVC".

    Args:
        settings: its arguments; SEED and THREADS stand for those of the comparison.
    """
    module, name = path.split(".")

    def make(seed: int, threads: int) -> Any:
        given = {SEED: seed, THREADS: threads}
        kind = getattr(importlib.import_module(f"sklearn.{module}"), name)
        return kind(**{key: given.get(value, value) for key, value in settings.items()})

    return make


CLASSIC = {
    "logistic_regression": Classic(
        "logistic regression",
        _of("linear_model.LogisticRegression", max_iter=200),
        _of("linear_model.Ridge"),
    ),
    "tree": Classic(
        "decision tree",
        _of("tree.DecisionTreeClassifier", random_state=SEED),
        _of("tree.DecisionTreeRegressor", random_state=SEED),
    ),
    "forest": Classic(
        "random forest",
        _of("ensemble.RandomForestClassifier", random_state=SEED, n_jobs=THREADS),
        _of("ensemble.RandomForestRegressor", random_state=SEED, n_jobs=THREADS),
    ),
    "boosting": Classic(
        "gradient boosting",
        _of("ensemble.HistGradientBoostingClassifier", random_state=SEED),
        _of("ensemble.HistGradientBoostingRegressor", random_state=SEED),
        one_target=True,
    ),
    "svm": Classic("support vectors", _of("svm.SVC"), _of("svm.SVR"), SVM_ROWS, one_target=True),
    "neighbours": Classic(
        "nearest neighbours",
        _of("neighbors.KNeighborsClassifier", n_jobs=THREADS),
        _of("neighbors.KNeighborsRegressor", n_jobs=THREADS),
    ),
    "naive_bayes": Classic("naive Bayes", _of("naive_bayes.GaussianNB"), None),
}
"""By name, in the order of the table. The first one's regression is linear (ridge)."""


def check_installed() -> None:
    """Raise `MissingExtra` without scikit-learn."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise missing_extra("comparing with classic algorithms", "scikit-learn", "deck") from None


def train_classic(
    name: str,
    train: tuple[np.ndarray, np.ndarray],
    inputs: np.ndarray,
    classes: bool,
    seed: int,
    threads: int,
) -> tuple[np.ndarray, float, float, list[str]]:
    """Fit one algorithm and predict.

    Args:
        name: a key of `CLASSIC`.
        train: inputs (rows, features) and class numbers (rows,), or values (rows, targets).
        inputs: what to predict, (rows, features).
        classes: whether the targets are classes.

    Returns:
        Answers as the targets, seconds of fitting, seconds of predicting, and notes for people.
    """
    algorithm, notes = CLASSIC[name], []
    x, y = train
    if algorithm.most_rows is not None and len(x) > algorithm.most_rows:
        rows = np.random.RandomState(seed).permutation(len(x))[: algorithm.most_rows]
        x, y = x[rows], y[rows]
        notes.append(f"on {algorithm.most_rows:,} of the rows")
    if classes and len(np.unique(y)) == 1:
        notes.append("saw one class only")
        return np.full(len(inputs), y[0]), 0.0, 0.0, notes
    make = algorithm.classify if classes else algorithm.regress
    assert make is not None
    estimator = make(seed, threads)
    if not classes and algorithm.one_target and y.shape[1] > 1:
        from sklearn.multioutput import MultiOutputRegressor

        estimator = MultiOutputRegressor(estimator)
    elif not classes and y.shape[1] == 1:
        y = y[:, 0]
    neighbours = getattr(estimator, "n_neighbors", 0)
    if neighbours > len(x):
        estimator.set_params(n_neighbors=len(x))
        notes.append(f"{len(x)} neighbours, as there are")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        started = time.perf_counter()
        estimator.fit(x, y)
        fitted = time.perf_counter()
        answers = estimator.predict(inputs)
        done = time.perf_counter()
    if any(type(one.message).__name__ == "ConvergenceWarning" for one in caught) or any(
        "converge" in str(one.message) for one in caught
    ):
        notes.append("not converged")
    if not classes:
        answers = np.asarray(answers, np.float32).reshape(len(inputs), -1)
    return answers, fitted - started, done - fitted, notes
