"""From tables to arrays: what each column becomes, and what is said about it."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from gradatim.data import TablePreprocessor
from gradatim.graph.errors import ArgumentError, CheckpointError, DataError


def fit(frame, target="y", *args, **options) -> TablePreprocessor:
    return TablePreprocessor().fit(frame, target, *args, **options)


def error_of(call) -> str:
    with pytest.raises(DataError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def people() -> pl.DataFrame:
    """Every kind of column, each with a missing value."""
    return pl.DataFrame(
        {
            "age": [20.0, 30.0, None, 40.0, 70.0, 30.0],
            "city": ["Oslo", "Bergen", "Oslo", None, "Bergen", "Oslo"],
            "member": [True, False, None, True, True, False],
            "y": ["no", "yes", "no", "yes", "no", "yes"],
        }
    )


# --- columns --------------------------------------------------------------------------------------


def test_numbers_are_standardized_with_the_median_for_missing_ones(people):
    inputs, _ = fit(people).transform(people)
    known = np.array([20, 30, 40, 70, 30])
    filled = np.array([20, 30, 30, 40, 70, 30])
    np.testing.assert_allclose(inputs[:, 0], (filled - known.mean()) / known.std(), rtol=1e-6)
    assert inputs.dtype == np.float32


def test_text_becomes_one_input_for_each_value_and_none_for_missing(people):
    preprocessor = fit(people)
    assert preprocessor.input_names == ["age", "city=Bergen", "city=Oslo", "member"]
    inputs, _ = preprocessor.transform(people)
    assert inputs[:, 1:3].tolist() == [[0, 1], [1, 0], [0, 1], [0, 0], [1, 0], [0, 1]]


def test_what_was_done_is_said(people):
    assert fit(people).notes == [
        "target 'y' holds text: classification, 2 classes",
        "column 'city': 1 missing value encoded as none of its 2 values",
        "column 'age': 1 missing value replaced by the median, 30",
        "column 'member': 1 missing value replaced by the median, 1",
    ]


def test_many_imputed_columns_are_said_in_one_note():
    table = pl.DataFrame({f"x{k}": [1.0, None, 2.0] for k in range(8)} | {"y": ["a", "b", "a"]})
    assert fit(table).notes[1] == (
        "8 missing values in 8 columns replaced by the column's median: "
        "'x0', 'x1', 'x2', 'x3', 'x4', ... and 'x7' (8 in all)"
    )


def test_nan_counts_as_missing():
    table = pl.DataFrame({"x": [1.0, float("nan"), 5.0], "y": ["a", "b", "a"]})
    preprocessor = fit(table)
    assert preprocessor.transform(table)[0][1] == 0  # the median, 3, is the mean
    assert "1 missing value" in preprocessor.notes[1]


def test_constant_columns_are_left_out_whatever_they_hold_later():
    table = pl.DataFrame({"same": [100, 100, 100], "x": [1, 2, 3], "y": ["a", "b", "a"]})
    preprocessor = fit(table)
    assert preprocessor.columns == ["x"]
    assert "1 column left out, with the same value in every row: 'same'" in preprocessor.notes
    later = table.with_columns(same=pl.Series([-91, 100, 0]))
    assert (preprocessor.transform(later)[0] == preprocessor.transform(table)[0]).all()


def test_text_different_in_every_row_is_left_out():
    table = pl.DataFrame(
        {"name": [f"n{k}" for k in range(60)], "x": range(60), "y": ["a", "b"] * 30}
    )
    preprocessor = fit(table)
    assert preprocessor.columns == ["x"]
    assert preprocessor.notes[1] == (
        "column 'name' left out: it is text with 60 different values in 60 rows"
    )


def test_one_wrong_cell_in_a_column_of_numbers_is_pointed_at():
    ages = [str(k) for k in range(60)]
    ages[17] = "unknown"
    table = pl.DataFrame({"age": ages, "x": range(60), "y": ["a", "b"] * 30})
    assert fit(table).notes[1].endswith("(numbers, but for 'unknown' in data row 18)")


def test_dates_count_as_numbers():
    dates = pl.Series(["2024-01-01", "2024-01-03", "2024-01-05"]).str.to_date()
    table = pl.DataFrame({"day": dates, "y": ["a", "b", "a"]})
    inputs, _ = fit(table).transform(table)
    np.testing.assert_allclose(inputs[:, 0], [-1.2247449, 0, 1.2247449], rtol=1e-6)


def test_pictures_are_divided_by_255():
    pixels = {f"pixel{k}": [0, 51, 255] for k in range(16)}
    table = pl.DataFrame({"label": [0, 1, 0]} | pixels)
    preprocessor = fit(table, "label", "classification")
    assert preprocessor.image == (4, 4)
    assert preprocessor.notes[-1] == (
        "16 columns of pixels (4 x 4, 0 to 255): divided by 255, not standardized"
    )
    inputs, _ = preprocessor.transform(table)
    np.testing.assert_array_equal(inputs[:, 0], np.float32([0, 0.2, 1]))


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.drop("pixel15"),  # no square
        lambda t: t.with_columns(pixel3=pl.lit(0.5)),  # not whole
        lambda t: t.with_columns(pixel3=pl.lit(300)),  # beyond a byte
        lambda t: t.rename({"pixel3": "weight"}),
    ],
)
def test_what_only_resembles_pictures_is_standardized(change):
    pixels = {f"pixel{k}": [0, 51, 255] for k in range(16)}
    preprocessor = fit(change(pl.DataFrame({"y": ["a", "b", "a"]} | pixels)))
    assert preprocessor.image is None


def test_statistics_come_from_the_training_rows_and_categories_from_all():
    table = pl.DataFrame({"x": [1.0, 3.0, 100.0], "c": ["a", "b", "z"], "y": ["p", "q", "p"]})
    preprocessor = fit(table, rows=np.array([0, 1]))
    inputs, _ = preprocessor.transform(table)
    assert inputs[:2, 0].tolist() == [-1, 1]
    assert preprocessor.input_names == ["x", "c=a", "c=b", "c=z"]


# --- targets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b", "a", "b"], "classification"),
        ([True, False, True, True], "classification"),
        ([0, 1, 1, 0], "classification"),  # the four rows of XOR
        (list(range(10)) * 5, "classification"),
        ([0.0, 1.0, 2.0, 0.0, 1.0, 2.0], "classification"),  # as pandas writes int with NaN
        ([1.5, 2.0, 1.5, 2.0], "regression"),
        (list(range(25, 250)), "regression"),
        (list(range(21)) * 5, "regression"),
        ([1, 2, 3, 4, 5], "regression"),
    ],
)
def test_the_task_follows_from_the_target(values, task):
    table = pl.DataFrame({"x": range(len(values)), "y": values})
    assert fit(table).task == task


def test_the_task_can_be_chosen():
    table = pl.DataFrame({"x": [1, 2, 3, 4], "y": [0, 1, 1, 0]})
    assert fit(table, "y", "regression").task == "regression"
    assert fit(table.with_columns(y=pl.Series([1, 2, 3, 4])), "y", "classification").classes == [
        1,
        2,
        3,
        4,
    ]
    assert "regression needs numbers, and 'y' holds text ('a')" in error_of(
        lambda: fit(table.with_columns(y=pl.Series(list("abab"))), "y", "regression")
    )
    with pytest.raises(ArgumentError, match="expected 'classification' or 'regression'"):
        fit(table, "y", "clustering")


@pytest.mark.parametrize("values", [["b", "a", "b"], [7, -3, 7], [True, False, True]])
def test_classes_are_numbered_in_order_and_given_back(values):
    table = pl.DataFrame({"x": [1, 2, 3], "y": values})
    preprocessor = fit(table, "y", "classification")
    _, targets = preprocessor.transform(table)
    assert targets.tolist() == [1, 0, 1]
    assert targets.dtype == np.int64
    assert preprocessor.out_features == 2
    assert preprocessor.inverse_target(targets).tolist() == values
    scores = np.array([[0.1, 0.9], [2.0, -1.0], [0.4, 0.6]])
    assert preprocessor.inverse_target(scores).tolist() == values


def test_regression_targets_are_standardized_and_given_back():
    table = pl.DataFrame({"x": [1, 2, 3], "y": [10.0, 20.5, 60.0]})
    preprocessor = fit(table)
    _, targets = preprocessor.transform(table)
    assert targets.shape == (3, 1)
    assert targets.dtype == np.float32
    np.testing.assert_allclose(targets.mean(), 0, atol=1e-6)
    np.testing.assert_allclose(targets.std(), 1, atol=1e-6)
    # float32 targets carry 24 bits.
    np.testing.assert_allclose(preprocessor.inverse_target(targets)[:, 0], table["y"], rtol=1e-6)
    np.testing.assert_allclose(preprocessor.inverse_target(targets[:, 0]), table["y"], rtol=1e-6)


def test_a_regression_target_that_is_the_same_in_all_training_rows():
    table = pl.DataFrame({"x": [1, 2, 3], "y": [10.5, 10.5, 12.0]})
    _, targets = fit(table, rows=np.array([0, 1])).transform(table)
    assert targets[:, 0].tolist() == [0, 0, 1.5]


def test_several_targets_are_regression():
    table = pl.DataFrame({"x": [1, 2, 3], "lon": [-7515.9, -7383.9, -7374.5], "floor": [1, 4, 4]})
    for names in ("lon,floor", ["lon", "floor"], "lon, floor"):
        preprocessor = fit(table, names)
        assert (preprocessor.task, preprocessor.targets) == ("regression", ["lon", "floor"])
    _, targets = preprocessor.transform(table)
    assert targets.shape == (3, 2)
    np.testing.assert_allclose(
        preprocessor.inverse_target(targets), table.select("lon", "floor").to_numpy(), rtol=1e-6
    )


def test_rows_without_a_target_are_left_out_and_it_is_said():
    table = pl.DataFrame({"x": [1, 2, 3, 4], "y": ["a", None, "b", "a"]})
    preprocessor = fit(table)
    assert preprocessor.notes[0] == "1 row without a target left out"
    notes: list[str] = []
    inputs, targets = preprocessor.transform(table, notes=notes)
    assert len(inputs) == 3
    assert targets.tolist() == [0, 1, 0]
    assert notes == ["1 row without a target left out"]
    assert len(preprocessor.transform_features(table)) == 4


# --- new tables -----------------------------------------------------------------------------------


def test_columns_are_matched_by_name_and_others_ignored(people):
    preprocessor = fit(people)
    shuffled = people.select("member", "city", "age").with_columns(extra=pl.lit(1))
    notes: list[str] = []
    inputs = preprocessor.transform_features(shuffled, notes=notes)
    assert (inputs == preprocessor.transform_features(people)).all()
    assert notes[0] == "1 column not in training, ignored: 'extra'"
    assert "column 'age': 1 missing value replaced by the median, 30" in notes


def test_missing_columns_are_named_with_the_nearest(people):
    preprocessor = fit(people)
    new = people.rename({"age": "Age"})
    assert error_of(lambda: preprocessor.transform_features(new, source="new.csv")) == (
        "new.csv lacks 1 column that training had: 'age'; did you mean 'Age'?"
    )


def test_text_where_training_had_numbers(people):
    new = people.with_columns(age=pl.Series(["1", "2", "x", "", None, "3"]))
    assert error_of(lambda: fit(people).transform_features(new, source="new.csv")) == (
        "new.csv: column 'age' holds text ('x' in data row 3) where training had numbers: correct "
        "it, or leave the cell empty to count as missing"
    )


def test_a_new_category_is_named_with_the_known_ones(people):
    new = people.with_columns(city=pl.Series(["Oslo", None, "Paris", "Oslo", "Oslo", "Oslo"]))
    assert error_of(lambda: fit(people).transform_features(new, source="new.csv")).startswith(
        "new.csv: column 'city' has 'Paris' in data row 3, which training did not have "
        "(known: 'Bergen' and 'Oslo')"
    )


def test_a_new_class(people):
    new = people.with_columns(y=pl.lit("perhaps"))
    assert error_of(lambda: fit(people).transform(new)) == (
        "the table: target 'y' has 'perhaps' in data row 1, which is no class that training had "
        "(known: 'no' and 'yes')"
    )


def test_a_column_that_is_all_missing_later_is_imputed(people):
    new = people.with_columns(age=pl.lit(None, pl.String))
    inputs = fit(people).transform_features(new)
    known = np.array([20, 30, 40, 70, 30])
    np.testing.assert_allclose(inputs[:, 0], (30 - known.mean()) / known.std(), rtol=1e-6)


# --- what cannot be learned from ------------------------------------------------------------------


def test_a_target_that_is_not_there(people):
    assert error_of(lambda: fit(people, "Age")) == (
        "the table has no target column 'Age': did you mean 'age'?"
    )
    assert error_of(lambda: fit(people, "zzz", source="p.csv")) == (
        "p.csv has no target column 'zzz': the columns are 'age', 'city', 'member' and 'y'"
    )


def test_a_target_of_one_class_or_none(people):
    assert "target 'y' is 'no' in every row: there is nothing to learn" in error_of(
        lambda: fit(people.with_columns(y=pl.lit("no")))
    )
    assert "target 'y' is 2.5 in every row" in error_of(
        lambda: fit(people.with_columns(y=pl.lit(2.5)))
    )
    assert "target 'y' has no values: every one of 6 rows lacks it" in error_of(
        lambda: fit(people.with_columns(y=pl.lit(None, pl.String)))
    )


def test_a_column_without_values_has_to_be_dropped(people):
    table = people.with_columns(empty=pl.lit(None, pl.Float64))
    assert error_of(lambda: fit(table)) == (
        "the table: column 'empty' has no values: leave out with --drop empty, or fill in"
    )
    assert "empty" not in fit(table, drop=["empty"]).columns


def test_dropping_what_is_not_there_or_is_the_target(people):
    assert "has no column 'aeg' to drop: did you mean 'age'?" in error_of(
        lambda: fit(people, drop=["aeg"])
    )
    with pytest.raises(ArgumentError, match="cannot be both the target and dropped"):
        fit(people, drop=["y"])


def test_an_infinite_value_is_named_with_its_row(people):
    table = people.with_columns(age=pl.Series([1.0, 2.0, float("-inf"), 4.0, 5.0, 6.0]))
    assert "column 'age' is infinite (-inf) in data row 3" in error_of(lambda: fit(table))


def test_several_targets_with_text(people):
    assert "several targets have to be numbers, and 'city' holds text ('Oslo')" in error_of(
        lambda: fit(people, "age,city")
    )


def test_nothing_beside_the_target():
    assert "nothing to learn from beside the target" in error_of(
        lambda: fit(pl.DataFrame({"y": [1, 2, 1, 2]}))
    )


def test_columns_of_lists():
    table = pl.DataFrame({"x": [[1], [2]], "y": ["a", "b"]})
    assert "column 'x' holds List(Int64) values; expected numbers" in error_of(lambda: fit(table))


# --- on disk --------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["y", "age", "member"])
def test_config_goes_through_json_and_back(people, target):
    preprocessor = fit(people, target)
    again = TablePreprocessor.from_config(json.loads(json.dumps(preprocessor.to_config())))
    for before, after in zip(preprocessor.transform(people), again.transform(people)):
        np.testing.assert_array_equal(before, after)
    assert again.to_config() == preprocessor.to_config()
    assert repr(again) == repr(preprocessor)
    assert again.classes == preprocessor.classes


def test_a_damaged_config_is_refused(people):
    config = fit(people).to_config()
    del config["columns"][0]["scale"]
    with pytest.raises(CheckpointError, match="columns is damaged"):
        TablePreprocessor.from_config(config)
