"""Tables from files: CSV, TSV and Parquet, with one clear line for each way a file can be wrong.

Polars parses. What it would let pass in silence (rows with too few fields, a column that stops
being a number after a thousand rows) or report without a place is checked here, on the bytes.
"""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import itertools
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gradatim.data.columns import nan_as_missing
from gradatim.graph.errors import DataError, DataNotFound, missing_extra

if TYPE_CHECKING:
    import polars as pl

# What stands for "no value", in files from pandas, R, Excel and the UCI archive.
MISSING = (
    "", "?", "NA", "N/A", "#N/A", "n/a", "<NA>", "NaN", "nan", "-nan", "NULL", "null", "None",
)  # fmt: skip

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}

# The beginning of the name of a column without one.
UNNAMED = "column_"

# How many rows decide at first what a column holds. A later surprise costs a second reading.
ROWS_TO_INFER = 1_000

KNOWN_BINARIES = (
    (b"PK\x03\x04", "an Excel or zip file: save it as CSV, or unpack it"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file: save it as CSV"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"%PDF", "a PDF document"),
    (b"\xfd7zXZ", "an xz archive: unpack it first"),
    (b"BZh", "a bzip2 archive: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive: unpack it first"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF", "an HDF5 file"),
)


def read_table(path: str | os.PathLike[str]) -> pl.DataFrame:
    """Read a table with a line of column names.

    CSV and TSV may be gzipped; the delimiter (comma, semicolon, tab or bar) is found from the first
    lines, and after a semicolon `1,5` is read as 1.5. Empty cells, `NA`, `NaN`, `null`, `?` and
    their like are missing values. Blank lines are passed over, and spaces around a value are
    dropped.

    Args:
        path: a CSV, TSV or Parquet file.

    Returns:
        A polars DataFrame with numbers, booleans, and text.

    Raises:
        DataNotFound: there is no such file.
        DataError: it is a directory, empty, binary, damaged, a header only, has a ragged row or a
            column name twice. The message names the file, and the line where there is one.
        MissingExtra: polars is not installed.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "t.csv"
        >>> _ = path.write_text("size;color;price\\n1,5;red;3\\n2;NA;4\\n")
        >>> read_table(path).to_dict(as_series=False)
        {'size': [1.5, 2.0], 'color': ['red', None], 'price': [3, 4]}
    """
    try:
        import polars  # noqa: F401
    except ImportError:
        raise missing_extra(f"reading the table {path}", "polars", "tables") from None

    path = Path(path)
    data = _read_bytes(path)
    is_parquet = data[:4] == b"PAR1"
    frame = _parse_parquet(path) if is_parquet else _parse_text(path, _utf8(path, data))
    if frame.height == 0:
        raise DataError(
            f"{path} has a header ({frame.width} columns) and no rows: add rows below it"
        )
    return frame


# --- bytes ---------------------------------------------------------------------------------------


def _read_bytes(path: Path) -> bytes:
    """The file's bytes, unzipped."""
    if path.is_dir():
        tables = sorted(p.name for p in path.iterdir() if _is_table_name(p.name))
        hint = f"did you mean {path / tables[0]}?" if tables else "there is no table in it"
        raise DataError(f"{path} is a directory: expected a CSV, TSV or Parquet file; {hint}")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataNotFound(f"there is no file {path}{_nearby(path)}") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(
                f"{path} is a damaged gzip file ({error}): fetch or make it again"
            ) from error
    if not data.strip():
        raise DataError(f"{path} is empty: expected a line of column names, then rows")
    return data


def _is_table_name(name: str) -> bool:
    return name.lower().removesuffix(".gz").endswith((".csv", ".tsv", ".txt", ".parquet"))


def _nearby(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f": there is no folder {folder}"
    # By the part before the first dot: all tables end alike.
    tables = {p.name.partition(".")[0]: p for p in folder.iterdir() if _is_table_name(p.name)}
    close = difflib.get_close_matches(path.name.partition(".")[0], tables, 1)
    return f": did you mean {tables[close[0]]}?" if close else f" in {folder.resolve()}"


def _utf8(path: Path, data: bytes) -> bytes:
    """The file as UTF-8 text with `\n` after each line."""
    for magic, what in KNOWN_BINARIES:
        if data.startswith(magic):
            raise DataError(f"{path} is {what}; expected a CSV, TSV or Parquet file")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16", errors="replace").encode()
    data = data.removeprefix(b"\xef\xbb\xbf")
    if _NOT_TEXT.search(data, 0, 8192):
        raise DataError(f"{path} is a binary file: expected a CSV, TSV or Parquet file")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path} line {line} is not UTF-8 text (byte 0x{data[error.start]:02x}): save the file "
            "as UTF-8"
        ) from None
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data


# Bytes that no text has.
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def _parse_parquet(path: Path) -> pl.DataFrame:
    import polars as pl

    try:
        return nan_as_missing(pl.read_parquet(path))
    except Exception as error:  # polars has errors of several kinds, some of them Rust panics
        raise DataError(f"{path} is a damaged Parquet file: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


# --- text ----------------------------------------------------------------------------------------


def _parse_text(path: Path, data: bytes) -> pl.DataFrame:
    blank = len(data) - len(data.lstrip(b"\n"))  # lines before the header
    header, _, body = data[blank:].rstrip(b" \n").partition(b"\n")
    delimiter = _delimiter(path, data[blank:])
    if b'"' in body or header.count(b'"') % 2:
        rows = _quoted_rows(path, data.decode(), delimiter)
        names = _column_names(path, blank + 1, next(rows))
        frame = _frame_of_rows(rows, names)
    else:
        fields = next(csv.reader([header.decode()], delimiter=delimiter))
        names = _column_names(path, blank + 1, fields)
        frame = _frame_of_plain_text(path, body, blank + 2, names, delimiter)
    if frame.height == 0:
        return frame
    frame = frame.with_columns(_typed(column, delimiter) for column in frame)
    return _without_index(frame)


def _delimiter(path: Path, data: bytes) -> str:
    """The delimiter that gives the first lines the most equal numbers of fields."""
    *lines, last = data[: 1 << 20].decode(errors="replace").strip("\n").split("\n", 20)
    lines = [line for line in lines or [last] if line]
    best, best_score = ("\t" if path.name.lower().split(".")[1:2] == ["tsv"] else ","), (0.0, 1)
    for delimiter in DELIMITERS:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        score = (widths.count(widths[0]) / len(widths), widths[0])
        if widths[0] > 1 and score > best_score:
            best, best_score = delimiter, score
    return best


def _column_names(path: Path, line: int, header: Sequence[str]) -> list[str]:
    """The names in the header. Unnamed columns get a number, which `_without_index` may drop."""
    names = [name.strip() for name in header]
    if not any(names):
        raise DataError(f"{path} line {line} names no columns: expected a line of column names")
    places: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        if name in places:
            raise DataError(
                f"{path} line {line}: the name {name!r} is given to columns {places[name]} and "
                f"{place}; rename one"
            )
        if name:
            places[name] = place
    return [name or _unnamed(place, places) for place, name in enumerate(names, start=1)]


def _unnamed(place: int, taken: dict[str, int]) -> str:
    name = f"{UNNAMED}{place}"
    return name if name not in taken else _unnamed(place + 1000, taken)


def _ragged(path: Path, line: int, fields: int, names: Sequence[str], delimiter: str) -> DataError:
    return DataError(
        f"{path} line {line} has {fields} field{'s' * (fields != 1)} where the header has "
        f"{len(names)}: look there for a missing or extra {DELIMITERS[delimiter]}"
    )


def _frame_of_plain_text(
    path: Path, body: bytes, first_line: int, names: list[str], delimiter: str
) -> pl.DataFrame:
    """A table in which no cell is quoted: a line is a row, and every delimiter divides."""
    import polars as pl

    separator = delimiter.encode()
    lines = body.split(b"\n")
    for number, line in enumerate(lines, start=first_line):
        if line.count(separator) != len(names) - 1 and line.strip(b" "):
            raise _ragged(path, number, line.count(separator) + 1, names, delimiter)
    if not all(line.strip(b" ") for line in lines):
        lines = [line for line in lines if line.strip(b" ")]
        body = b"\n".join(lines)
    if not lines:
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    options = {
        "has_header": False,
        "new_columns": names,
        "separator": delimiter,
        "quote_char": None,
    }
    try:
        frame = pl.read_csv(body, infer_schema_length=ROWS_TO_INFER, **options)
    except pl.exceptions.ComputeError:  # a later row is of another kind than the first thousand
        frame = pl.read_csv(body, infer_schema_length=0, **options)
    if frame.shape != (len(lines), len(names)):
        raise DataError(f"{path}: {len(lines)} lines of cells were read as {frame.height} rows")
    return frame


def _quoted_rows(path: Path, text: str, delimiter: str) -> Iterator[list[str]]:
    """The rows of a table with quoted cells, which may hold delimiters and line ends."""
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True, strict=True)
    width = None
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{path} line {line}: quotation marks do not match ({error}); a cell in quotes "
                "ends "
                'with one, and a quotation mark inside is doubled ("")'
            ) from None
        if not any(cell.strip() for cell in row) and len(row) <= 1:
            continue
        width = width or row
        if len(row) != len(width):
            raise _ragged(path, line, len(row), width, delimiter)
        yield row


def _frame_of_rows(rows: Iterator[list[str]], names: list[str]) -> pl.DataFrame:
    import polars as pl

    schema = dict.fromkeys(names, pl.String)
    pieces = [pl.DataFrame(schema=schema)]
    while piece := list(itertools.islice(rows, 50_000)):
        columns = dict(zip(names, map(list, zip(*piece))))
        pieces.append(pl.DataFrame(columns, schema=schema))
    return pl.concat(pieces)


def _typed(column: pl.Series, delimiter: str) -> pl.Series:
    """A column read as text as what all of its values are: whole numbers, numbers, true/false,
    text."""
    import polars as pl

    if column.dtype.is_float():
        return column.fill_nan(None)
    if str(column.dtype) == "Int128":  # more digits than a whole number of 64 bits has
        return column.cast(pl.Float64)
    if column.dtype != pl.String:
        return column
    text = column.str.strip_chars()
    text = text.set(text.is_in(MISSING), None)
    known = text.len() - text.null_count()
    if known == 0:
        return text
    numerals = text
    if delimiter == ";":
        numerals = text.str.replace(r"^([-+]?\d*),(\d+)$", "$1.$2")
    for kind in (pl.Int64, pl.Float64):
        numbers = numerals.str.strip_prefix("+").cast(kind, strict=False)
        if numbers.len() - numbers.null_count() == known:
            return numbers
    lower = text.str.to_lowercase()
    if lower.is_in(["true", "false"]).sum() == known:
        return lower == "true"
    return text


def _without_index(frame: pl.DataFrame) -> pl.DataFrame:
    """The table without columns that have no name and say nothing: those without values, and a
    first one that counts the rows, which pandas and R write unless told not to."""
    import polars as pl

    for place, name in enumerate(frame.columns):
        column = frame[name]
        if not name.startswith(UNNAMED):
            continue
        counts = (
            place == 0
            and column.dtype == pl.Int64
            and column.null_count() == 0
            and column[0] in (0, 1)
            and (column.diff().drop_nulls() == 1).all()
        )
        if counts or column.null_count() == frame.height:
            frame = frame.drop(name)
    return frame
