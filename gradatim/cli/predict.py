"""`gradatim predict`: what a trained model says about new rows, or about a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import numpy as np

    from gradatim.train.predictor import Predictor

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")
PREVIEW_ROWS = 5


def predict(
    run: str = typer.Argument(..., metavar="RUN", help="The folder of a run, or a model file."),
    data: str = typer.Argument(..., metavar="DATA", help="A table of new rows, or a picture."),
    output: str = typer.Option(
        None, "--output", "-o", metavar="FILE", help="CSV to write [DATA-predictions.csv]"
    ),
) -> None:
    """Predict new rows, or the digit on a picture."""
    from gradatim.train.saved import load_predictor

    model = load_predictor(run)
    if model.answers == "inputs":
        _encode(model, data, output)
    elif hasattr(model.preprocessing, "read"):
        _predict_cases(model, data, output)
    elif data.lower().endswith(PICTURES):
        _predict_picture(model, data)
    else:
        _predict_table(model, data, output)


def _predict_picture(model: Predictor, path: str) -> None:
    inputs = model.inputs(path)
    probabilities = model.predict_proba(inputs)[0]
    order = probabilities.argsort()[::-1]
    height, width = model.preprocessing.image
    print(drawing(inputs.numpy().reshape(height, width)))
    best, *others = order[:3]
    rest = ", ".join(f"{model.classes[k]} {probabilities[k]:.1%}" for k in others)
    print(f"{path}: {model.classes[best]}  ({probabilities[best]:.1%}; then {rest})")


def _predict_table(model: Predictor, path: str, output: str | None) -> None:
    from gradatim.data import read_table
    from gradatim.graph.errors import DataError

    if model.preprocessing is None:
        raise DataError("this model was saved without preprocessing: it does not know tables")
    table = read_table(path)
    notes: list[str] = []
    inputs = model.preprocessing.transform_features(table, source=path, notes=notes)
    outputs = model.outputs(inputs)
    _give(model, _frame(answer_columns(model, outputs)), path, output, notes)


def _predict_cases(model: Predictor, path: str, output: str | None) -> None:
    """Pictures, series or recordings: one answer for each, with its name."""
    cases = model.preprocessing.read(path)
    columns = answer_columns(model, model.outputs(cases.inputs))
    _give(model, _frame({_free("case", columns): cases.names, **columns}), path, output)


def _encode(model: Predictor, path: str, output: str | None) -> None:
    """The codes of an autoencoder, and how well it gives the inputs back."""
    from gradatim.data import read_table

    if path.lower().endswith(PICTURES) or hasattr(model.preprocessing, "read"):
        inputs = model.inputs(path)
    else:
        inputs = model.inputs(read_table(path))
    codes = model.encode(inputs)
    error = float(((model.outputs(inputs) - inputs.numpy()) ** 2).mean())
    frame = _frame({f"code_{number}": codes[:, number] for number in range(codes.shape[1])})
    _give(model, frame, path, output, ["these are the codes of an autoencoder"])
    if output != "-":
        print(f"Mean squared error of the reconstruction: {error:.6f}")


def _free(name: str, taken: dict[str, Any]) -> str:
    return name if name not in taken else _free(f"{name}_", taken)


def _give(
    model: Predictor, frame: Any, path: str, output: str | None, notes: Sequence[str] = ()
) -> None:
    """Write the answers to a file or to the terminal, and show the first."""
    from gradatim.data.files import replacing

    output = output or f"{_stem(path)}-predictions.csv"
    if output == "-":
        print(frame.write_csv(), end="")
        return
    with replacing(output) as temporary:
        frame.write_csv(temporary)
    for note in notes:
        print(f"Note      {note}")
    _preview(model, frame)
    print(f"Wrote {frame.height:,} predictions to {output}.")


def answer_columns(model: Predictor, outputs: np.ndarray) -> dict[str, Any]:
    """The predictions as columns: the targets' names, and a probability for each class."""
    names = model.preprocessing.targets
    meaning = model.meaning(outputs)
    if model.classes is None:
        values = meaning.reshape(len(outputs), -1)
        return {name: values[:, k] for k, name in enumerate(names)}
    probabilities = model.probabilities(outputs)
    columns: dict[str, Any] = {names[0]: meaning}
    return columns | {
        f"probability_{name}": probabilities[:, k] for k, name in enumerate(model.classes)
    }


def drawing(image: np.ndarray) -> str:
    """A picture of values from 0 to 1 in text, two rows of pixels in one line.

    Example:
        >>> import numpy as np
        >>> print(drawing(np.array([[0, 1], [1, 1]])))
        ▄█
    """
    ink = image > 0.4
    if len(ink) % 2:
        ink = [*ink, [False] * len(ink[0])]
    blocks = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
    pairs = zip(ink[::2], ink[1::2])
    lines = ["".join(blocks[bool(a), bool(b)] for a, b in zip(*pair)).rstrip() for pair in pairs]
    return "\n".join(lines).strip("\n")


def _frame(columns: dict[str, Any]) -> Any:
    import polars

    return polars.DataFrame(columns)


def _stem(path: str) -> str:
    return Path(path).name.split(".")[0]


def _preview(model: Predictor, frame: Any) -> None:
    """The first predictions, of classes with the probability of the one predicted."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    classes = model.classes
    names = frame.columns[: len(frame.columns) - len(classes)] if classes else frame.columns[:8]
    table = Table(box=SIMPLE_HEAD)
    table.add_column("row", justify="right")
    for name in [*names, "probability"] if classes else names:
        table.add_column(name, justify="left" if classes else "right")
    for number, row in enumerate(frame.head(PREVIEW_ROWS).rows(), start=1):
        cells = [value if isinstance(value, str) else f"{value:.6g}" for value in row[: len(names)]]
        if classes:
            cells = [str(value) for value in row[: len(names)]] + [f"{max(row[len(names) :]):.1%}"]
        table.add_row(str(number), *cells)
    if frame.height > PREVIEW_ROWS:
        table.add_row("…")
    Console(highlight=False).print(table)
