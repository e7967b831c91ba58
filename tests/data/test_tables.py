"""Reading tables: what is accepted, and the one line for each way a file can be wrong."""

from __future__ import annotations

import gzip
import sys

import polars as pl
import pytest

from gradatim.data import read_table
from gradatim.graph.errors import DataError, DataNotFound, MissingExtra


@pytest.fixture
def write(tmp_path):
    """Writes bytes or text to a file of a temporary folder and gives its path."""

    def _write(content: bytes | str, name: str = "table.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return _write


def values(frame: pl.DataFrame) -> dict:
    return frame.to_dict(as_series=False)


def error_of(path) -> str:
    """The message of the DataError, with the folder taken out; checks that it is one line."""
    with pytest.raises(DataError) as caught:
        read_table(path)
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(f"{path.parent}/", "")


# --- what is accepted -----------------------------------------------------------------------------


def test_numbers_text_and_booleans_get_their_types(write):
    frame = read_table(write("a,b,c,d\n1,1.5,x,True\n2,2,y,false\n"))
    assert values(frame) == {"a": [1, 2], "b": [1.5, 2.0], "c": ["x", "y"], "d": [True, False]}
    assert frame.dtypes == [pl.Int64, pl.Float64, pl.String, pl.Boolean]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(write, delimiter):
    text = "a,b,c\n1,2,x\n3,4,y\n".replace(",", delimiter)
    assert values(read_table(write(text))) == {"a": [1, 3], "b": [2, 4], "c": ["x", "y"]}


def test_commas_in_text_do_not_mislead_the_delimiter(write):
    frame = read_table(write("name;size\nOslo, Norway;1\nBergen, Norway;2\n"))
    assert frame.columns == ["name", "size"]


def test_decimal_commas_after_semicolons(write):
    assert values(read_table(write("a;b\n1,5;x\n-2;y\n,25;z\n")))["a"] == [1.5, -2.0, 0.25]


@pytest.mark.parametrize("missing", ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "?", "None"])
def test_markers_of_missing_values(write, missing):
    frame = read_table(write(f"a,b\n1,x\n{missing},{missing}\n3,z\n"))
    assert values(frame) == {"a": [1, None, 3], "b": ["x", None, "z"]}


def test_spaces_around_values_and_names_are_dropped(write):
    assert values(read_table(write("a, b\n1, red\n 2, blue \n"))) == {
        "a": [1, 2],
        "b": ["red", "blue"],
    }


def test_blank_lines_are_passed_over(write):
    assert values(read_table(write("\na,b\n1,2\n\n  \n3,4\n\n\n"))) == {"a": [1, 3], "b": [2, 4]}


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_line_endings_of_other_systems(write, ending):
    assert values(read_table(write(f"a,b{ending}1,x{ending}2,y{ending}"))) == {
        "a": [1, 2],
        "b": ["x", "y"],
    }


def test_quoted_cells_hold_delimiters_quotes_and_line_ends(write):
    frame = read_table(write('a,b\n1,"x, y"\n2,"say ""hi"""\n3,"two\nlines"\n'))
    assert values(frame) == {"a": [1, 2, 3], "b": ["x, y", 'say "hi"', "two\nlines"]}


def test_quoted_header_over_plain_numbers_as_r_writes_it(write):
    assert values(read_table(write('"a","b"\n1,2\n'))) == {"a": [1], "b": [2]}


def test_a_column_that_changes_its_kind_after_thousands_of_rows(write):
    frame = read_table(write("a,b\n" + "1,2\n" * 3000 + "1.5,x\n"))
    assert frame.dtypes == [pl.Float64, pl.String]
    assert frame.row(-1) == (1.5, "x")
    assert frame.row(0) == (1.0, "2")


def test_an_index_without_a_name_is_left_out(write):
    assert values(read_table(write(",a\n0,5\n1,7\n2,6\n"))) == {"a": [5, 7, 6]}


def test_an_unnamed_column_with_values_is_kept(write):
    assert values(read_table(write(",a\n3,5\n1,7\n"))) == {"column_1": [3, 1], "a": [5, 7]}


def test_empty_columns_without_a_name_are_left_out(write):
    assert values(read_table(write("a,,\n1,,\n2,,\n"))) == {"a": [1, 2]}


def test_the_last_cells_of_a_tab_separated_row_may_be_empty(write):
    assert values(read_table(write("a\tb\n1\t2\n3\t\n", "t.tsv"))) == {"a": [1, 3], "b": [2, None]}


def test_gzip_byte_order_marks_and_utf16(write):
    expected = {"å": [1], "b": [2]}
    assert values(read_table(write(gzip.compress("å,b\n1,2\n".encode()), "t.csv.gz"))) == expected
    assert values(read_table(write("\ufeffå,b\n1,2\n"))) == expected
    assert values(read_table(write("å\tb\n1\t2\n".encode("utf-16")))) == expected


def test_parquet_is_known_by_its_content(write, tmp_path):
    frame = pl.DataFrame({"a": [1.5, None, float("nan")], "b": ["x", "y", None]})
    frame.write_parquet(tmp_path / "table.data")
    assert values(read_table(tmp_path / "table.data")) == {
        "a": [1.5, None, None],
        "b": ["x", "y", None],
    }


def test_whole_numbers_too_long_for_64_bits_become_floats(write):
    assert values(read_table(write("a\n99999999999999999999\n1\n"))) == {"a": [1e20, 1.0]}


# --- what is not ----------------------------------------------------------------------------------


def test_missing_file_names_one_like_it(write):
    path = write("a\n1\n", "train.csv")
    with pytest.raises(
        DataNotFound, match=r"there is no file .*trian.csv: did you mean .*train.csv"
    ):
        read_table(path.with_name("trian.csv"))
    with pytest.raises(DataNotFound, match=r"there is no file .*iris.csv in /"):
        read_table(path.with_name("iris.csv"))
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"):
        read_table(path.parent / "nowhere" / "train.csv")


def test_directory(write):
    path = write("a\n1\n")
    assert "is a directory: expected a CSV, TSV or Parquet file; did you mean" in error_of(
        path.parent
    )


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_empty_file(write, content):
    assert error_of(write(content)).startswith("table.csv is empty: expected a line of column")


def test_header_only(write):
    assert error_of(write("a,b\n")) == (
        "table.csv has a header (2 columns) and no rows: add rows below it"
    )
    assert "no rows" in error_of(write('"a","b"\n\n'))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "is a PNG picture"),
        (b"PK\x03\x04\0\0", "is an Excel or zip file: save it as CSV"),
        (bytes(range(256)) * 4, "is a binary file"),
        (b"a,b\n1,\x00\n", "is a binary file"),
    ],
)
def test_binary_files(write, content, what):
    message = error_of(write(content))
    assert what in message
    assert message.endswith("expected a CSV, TSV or Parquet file")


def test_text_in_another_encoding_is_named_with_its_line(write):
    assert error_of(write(b"a,b\n1,x\n2,caf\xe9\n")) == (
        "table.csv line 3 is not UTF-8 text (byte 0xe9): save the file as UTF-8"
    )


@pytest.mark.parametrize(
    ("row", "fields"), [("5", "1 field"), ("5,6,7", "3 fields"), ('"5",6,7', "3 fields")]
)
def test_ragged_rows_are_named_with_their_line(write, row, fields):
    assert error_of(write(f"a,b\n1,2\n\n3,4\n{row}\n")) == (
        f"table.csv line 5 has {fields} where the header has 2: look there for a missing or extra "
        "comma"
    )


def test_the_line_of_a_ragged_row_counts_line_ends_in_quotes(write):
    assert "line 4 has 1 field" in error_of(write('a,b\n"two\nlines",2\n3\n'))


def test_a_name_given_twice(write):
    assert error_of(write("a,b,a\n1,2,3\n")) == (
        "table.csv line 1: the name 'a' is given to columns 1 and 3; rename one"
    )


def test_a_header_without_names(write):
    assert error_of(write(",,\n1,2,3\n")).startswith("table.csv line 1 names no columns")


def test_a_quotation_mark_that_is_never_closed(write):
    assert error_of(write('a,b\n1,x\n2,"y\n3,z\n')).startswith(
        "table.csv line 3: quotation marks do not match"
    )


def test_damaged_gzip_and_parquet(write):
    half = gzip.compress(b"a,b\n1,2\n" * 1000)[:50]
    assert "is a damaged gzip file" in error_of(write(half, "t.csv.gz"))
    assert "is a damaged Parquet file" in error_of(write(b"PAR1 and nothing"))


def test_without_polars_the_extra_is_named(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtra, match=r"needs polars, .* pip install 'gradatim\[tables\]'"):
        read_table(write("a\n1\n"))
