"""Data for a network type by name: images, series, speech, and tables with the type's defaults."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gradatim.data import read_table, train_test_split
from gradatim.data.folders import IMG_EXTENSIONS, ImageFolder
from gradatim.data.image_preprocessing import ImagePreprocessor
from gradatim.data.preprocessing import TablePreprocessor
from gradatim.data.series_files import (
    LabelledSeries,
    bundled_ts,
    case_targets,
    check_series_columns,
    read_series,
    sorted_by_case,
    split_cases,
    spoken_digits,
)
from gradatim.data.series_preprocessing import SeriesPreprocessor
from gradatim.data.targets import target_names
from gradatim.graph.errors import ArgumentError, DataError, DataNotFound
from gradatim.train.problem import (
    Problem,
    digits_problem,
    split_rows,
    table_batch_size,
    table_problem,
    unit_of_targets,
    validation_size,
)
from gradatim.train.recipe import Recipe
from gradatim.train.types import find_type
from gradatim.train.types.registry import check_suits

FIXED = ("perceptron", "feed_forward", "deep_feed_forward")
"""Types whose size depends on the number of steps of a series."""

FEW_SERIES = 1000
"""Fewer than these, with a test part of their own, are all trained on: none choose the epoch."""

SPEECH_POOL = 2
"""Frames of 10 ms that become one step."""

BUNDLED_SERIES: dict[str, tuple[str, str, Callable[[bool], LabelledSeries], int]] = {
    "basic-motions": (
        "BasicMotions",
        "activity",
        lambda train: bundled_ts("basic-motions", "BasicMotions", train),
        1,
    ),
    "japanese-vowels": (
        "JapaneseVowels",
        "speaker",
        lambda train: bundled_ts("japanese-vowels", "JapaneseVowels", train),
        1,
    ),
    "spoken-digits": ("spoken digits", "digit", spoken_digits, SPEECH_POOL),
}
"""Of bundled series by name: title, what the classes are called, how to read, and pooling."""

BUNDLED = ("mnist", *BUNDLED_SERIES)


def is_bundled(data: str | None) -> bool:
    """Whether data is inside the package, not a file. A file of that name goes first."""
    return data is None or (data in BUNDLED and not os.path.exists(data))


def typed_problem(recipe: Recipe) -> Problem:
    """The data that a recipe names, with the defaults of its network type (if it names one).

    Raises:
        DataError, ArgumentError: the data cannot be read, or is nothing for that type.
    """
    problem = _problem(recipe)
    if recipe.model is None:
        return problem
    kind = find_type(recipe.model)
    check_suits(recipe.model, problem.kind, problem.title)
    return suit(reconstruction(problem) if kind.learns == "inputs" else problem, recipe)


def suit(problem: Problem, recipe: Recipe) -> Problem:
    """The problem with the defaults of the recipe's network type for so many rows."""
    defaults = {"loss": "cross_entropy" if problem.classes else "mse", "shuffle": True}
    usual = find_type(recipe.model).defaults(problem.kind, len(problem.train[0]))
    if recipe.optimizer == "sgd":  # whose rates are others
        usual |= {"learning_rate": 0.1, "weight_decay": 0.0}
    if problem.kind == "table":
        defaults["batch_size"] = table_batch_size(len(problem.train[0]))
    return dataclasses.replace(problem, defaults={**problem.defaults, **defaults, **usual})


def _problem(recipe: Recipe) -> Problem:
    if recipe.data in (None, "mnist") and is_bundled(recipe.data):
        return digits_problem(recipe)
    read = _reader(recipe)
    if recipe.model is None and read is not table_problem:
        raise ArgumentError(
            f"which network for {recipe.data}? --model lstm (gru, rnn, convolutional) for series "
            "and speech, --model convolutional for pictures"
        )
    return read(recipe)


def _reader(recipe: Recipe) -> Callable[[Recipe], Problem]:
    """What reads the data that a recipe names."""
    data = recipe.data
    if data in BUNDLED_SERIES and not os.path.exists(data):
        return bundled_series_problem
    path = Path(data)
    if path.is_dir() and not recipe.target:
        return folder_problem
    if path.suffix.lower() == ".ts":
        return ts_problem
    if recipe.case:
        return long_table_problem
    if not path.exists() and path.suffix == "" and not recipe.target:
        raise DataNotFound(
            f"there is no file or folder {data}, and no bundled data of that name: bundled are "
            f"{', '.join(BUNDLED)}"
        )
    return table_problem


def reconstruction(problem: Problem) -> Problem:
    """The same inputs, to be learned themselves."""
    parts = {
        name: None if part is None else (part[0], part[0])
        for name in ("train", "validation", "test")
        for part in [getattr(problem, name)]
    }
    return dataclasses.replace(
        problem, **parts, classes=None, scale=None, targets=["inputs"], reconstructs=True
    )


# --- images --------------------------------------------------------------------------------------


def folder_problem(recipe: Recipe) -> Problem:
    """A folder with a folder of pictures, or of recordings, for each class."""
    folder = Path(recipe.data)
    endings = {Path(name).suffix.lower() for _, _, names in os.walk(folder) for name in names}
    if ".wav" in endings:
        found = read_series(folder)
        _check_classes(found.classes, recipe.data)
        return _series_problem(recipe, found, None, folder.name, "class", SPEECH_POOL)
    if not endings & set(IMG_EXTENSIONS):
        raise DataError(
            f"{folder} holds no pictures (PNG, JPEG, ...) and no recordings (WAV): expected a "
            "folder of them for each class"
        )
    found = ImageFolder(folder)
    _check_classes(found.classes, recipe.data)
    preprocessing = ImagePreprocessor.fit(found, recipe.size)
    inputs = preprocessing.transform([path for path, _ in found.samples])
    targets = np.array(found.targets, np.int64)
    return Problem(
        name=folder.name or "images",
        title=folder.name,
        **_parts(recipe, inputs, targets),
        preprocessing=preprocessing,
        classes=preprocessing.classes,
        targets=["class"],
        scale=None,
        rows="images",
        defaults={"test_size": 0.2},
        notes=preprocessing.notes,
        kind="image",
        shape=(preprocessing.channels, *preprocessing.size),
        example="PICTURE.png",
    )


def _check_classes(classes: list[Any], source: str) -> None:
    if len(classes) < 2:
        raise DataError(
            f"{source} has one class only ({classes[0]!r}): there is nothing to learn; at least "
            "two are needed"
        )


def _parts(recipe: Recipe, inputs: np.ndarray, targets: np.ndarray) -> dict[str, Any]:
    """Training, validation and test, each class in the same shares where they are classes."""
    size = 0.2 if recipe.test_size is None else recipe.test_size
    train, test = _split(np.arange(len(inputs)), targets, size, recipe)
    train, validation = _split(train, targets, validation_size(len(train)), recipe)
    return {
        name: None if rows is None else (inputs[rows], targets[rows])
        for name, rows in (("train", train), ("validation", validation), ("test", test))
    }


def _split(
    rows: np.ndarray, targets: np.ndarray, size: float | int, recipe: Recipe
) -> tuple[np.ndarray, np.ndarray | None]:
    counts = np.unique(targets[rows], return_counts=True)[1] if targets.ndim == 1 else [0]
    if size == 0 or min(counts) < 2:
        return split_rows(rows, size, recipe)
    size = size if size < 1 else int(size)
    kept, apart = train_test_split(len(rows), size, recipe.seed, stratify=targets[rows])
    return rows[kept], rows[apart]


# --- series --------------------------------------------------------------------------------------


def bundled_series_problem(recipe: Recipe) -> Problem:
    """Bundled series in their published parts: the test part is looked at once, at the end."""
    title, target, read, pool = BUNDLED_SERIES[recipe.data]
    return _series_problem(recipe, read(True), read(False), title, target, pool)


def ts_problem(recipe: Recipe) -> Problem:
    """A `.ts` file. Beside `NAME_TRAIN.ts`, `NAME_TEST.ts` is the test part."""
    path = Path(recipe.data)
    found = read_series(path)
    if found.targets is None:
        raise DataError(f"{path} has no classes (its line @classLabel says so): nothing to learn")
    present = sorted(set(found.targets.tolist()))
    _check_classes([found.classes[number] for number in present], recipe.data)
    beside = path.with_name(path.name.replace("_TRAIN", "_TEST"))
    test = read_series(beside) if beside != path and beside.exists() else None
    if test is not None and test.classes != found.classes:
        raise DataError(f"{beside} has other classes than {path}")
    return _series_problem(recipe, found, test, path.stem, "class", 1)


def _series_problem(
    recipe: Recipe,
    found: LabelledSeries,
    test: LabelledSeries | None,
    title: str,
    target: str,
    pool: int,
) -> Problem:
    preprocessing = SeriesPreprocessor(
        list(found.classes), target, cut=recipe.model in FIXED, pool=pool
    )
    if test is not None:
        rows = np.arange(len(found.series))
        size = validation_size(len(rows)) if len(rows) >= FEW_SERIES else 0
        train, validation = _split(rows, found.targets, size, recipe)
    else:
        size = 0.2 if recipe.test_size is None else recipe.test_size
        train, test_rows = _split(np.arange(len(found.series)), found.targets, size, recipe)
        train, validation = _split(train, found.targets, validation_size(len(train)), recipe)
    preprocessing.fit([found.series[row] for row in train])
    inputs = preprocessing.transform(found.series)
    parts = [
        None if rows is None else (inputs[rows], found.targets[rows])
        for rows in (train, validation)
    ]
    if test is not None:
        test_part = (preprocessing.transform(test.series), test.targets)
    else:
        test_part = None if test_rows is None else (inputs[test_rows], found.targets[test_rows])
    return _of_series(title, parts, test_part, preprocessing, None)


def long_table_problem(recipe: Recipe) -> Problem:
    """A long table: a row is one step of the series that its `case` column names."""
    path = recipe.data
    frame = read_table(path)
    if not recipe.target:
        raise ArgumentError(
            f"which column of {path} should be learned? --target COLUMN, the same in all rows of a "
            "series"
        )
    check_series_columns(frame, recipe.case, recipe.time, path)
    names = target_names(recipe.target, frame, path)
    frame = frame.drop_nulls([name for name in names if name in frame.columns])
    frame, starts = sorted_by_case(frame, recipe.case, recipe.time)
    cases = np.arange(len(starts))
    size = 0.2 if recipe.test_size is None else recipe.test_size
    train, test = split_rows(cases, size, recipe)
    train, validation = split_rows(train, validation_size(len(train)), recipe)
    of_row = np.repeat(cases, np.diff([*starts, frame.height]))
    drop = [*recipe.drop, recipe.case, *([recipe.time] if recipe.time else [])]
    table = TablePreprocessor().fit(
        frame,
        names,
        recipe.task,
        rows=np.flatnonzero(np.isin(of_row, train)),
        drop=drop,
        source=path,
    )
    inputs, rows = table.transform(frame, source=path)
    targets = case_targets(rows, starts, frame[recipe.case], names[0], path)
    series = split_cases(inputs, starts)
    preprocessing = SeriesPreprocessor(
        table.classes, names[0], recipe.model in FIXED, 1, table, recipe.case, recipe.time
    ).fit([series[case] for case in train])
    preprocessing.notes[:0] = table.notes
    padded = preprocessing.transform(series)
    *parts, test_part = (
        None if cases is None else (padded[cases], targets[cases])
        for cases in (train, validation, test)
    )
    title = Path(path).name
    scale = None if table.classes else unit_of_targets(table)
    return _of_series(title, parts, test_part, preprocessing, scale)


def _of_series(
    title: str, parts: list[Any], test: Any, preprocessing: SeriesPreprocessor, scale: Any
) -> Problem:
    train, validation = parts
    return Problem(
        name=title.split(".")[0].replace(" ", "-").lower(),
        title=title,
        train=train,
        validation=validation,
        test=test,
        preprocessing=preprocessing,
        classes=preprocessing.classes,
        targets=preprocessing.targets,
        scale=scale,
        rows="series",
        defaults={"test_size": 0.2},
        notes=preprocessing.notes,
        kind="series",
        shape=train[0].shape[1:],
        example="NEW.csv" if preprocessing.table else "NEW.ts",
    )
