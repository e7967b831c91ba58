"""The classic algorithms: scikit-learn's, with its defaults where nothing is said here.

Each is a row of a table: how it is made for classes, how for numbers, and what it cannot do.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradatim.graph.errors import missing_extra

SVM_ROWS = 20_000
"""A support vector machine's time grows with the square of the rows, or faster."""


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


def _logistic(seed: int, threads: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=200)


def _ridge(seed: int, threads: int) -> Any:
    from sklearn.linear_model import Ridge

    return Ridge()


def _tree(name: str) -> Callable[[int, int], Any]:
    def make(seed: int, threads: int) -> Any:
        from sklearn import tree

        return getattr(tree, name)(random_state=seed)

    return make


def _forest(name: str) -> Callable[[int, int], Any]:
    def make(seed: int, threads: int) -> Any:
        from sklearn import ensemble

        return getattr(ensemble, name)(random_state=seed, n_jobs=threads)

    return make


def _boosting(name: str) -> Callable[[int, int], Any]:
    def make(seed: int, threads: int) -> Any:
        from sklearn import ensemble

        return getattr(ensemble, name)(random_state=seed)

    return make


def _svm(name: str) -> Callable[[int, int], Any]:
    def make(seed: int, threads: int) -> Any:
        from sklearn import svm

        return getattr(svm, name)()

    return make


def _neighbours(name: str) -> Callable[[int, int], Any]:
    def make(seed: int, threads: int) -> Any:
        from sklearn import neighbors

        return getattr(neighbors, name)(n_jobs=threads)

    return make


def _bayes(seed: int, threads: int) -> Any:
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB()


CLASSIC = {
    "logistic_regression": Classic("logistic regression", _logistic, _ridge),
    "tree": Classic(
        "decision tree", _tree("DecisionTreeClassifier"), _tree("DecisionTreeRegressor")
    ),
    "forest": Classic(
        "random forest", _forest("RandomForestClassifier"), _forest("RandomForestRegressor")
    ),
    "boosting": Classic(
        "gradient boosting",
        _boosting("HistGradientBoostingClassifier"),
        _boosting("HistGradientBoostingRegressor"),
        one_target=True,
    ),
    "svm": Classic("support vectors", _svm("SVC"), _svm("SVR"), SVM_ROWS, one_target=True),
    "neighbours": Classic(
        "nearest neighbours",
        _neighbours("KNeighborsClassifier"),
        _neighbours("KNeighborsRegressor"),
    ),
    "naive_bayes": Classic("naive Bayes", _bayes, None),
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
        notes.append("stopped before it converged")
    if not classes:
        answers = np.asarray(answers, np.float32).reshape(len(inputs), -1)
    return answers, fitted - started, done - fitted, notes
