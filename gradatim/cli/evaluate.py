"""`gradatim evaluate`: how good a trained model is on given data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    import numpy as np

    from gradatim.train.predictor import Predictor


def evaluate(
    run: str = typer.Argument(..., metavar="RUN", help="The folder of a run, or a model file."),
    data: str = typer.Argument(
        None, metavar="DATA", help="A table that has the target. Without it, MNIST's test digits."
    ),
) -> None:
    """Print a model's metrics: on a table that has the target, or on MNIST's test digits."""
    from gradatim.train.saved import load_predictor

    model = load_predictor(run)
    if model.answers == "inputs":
        return _evaluate_autoencoder(model, data)
    inputs, targets, source = evaluation_data(model, data)
    outputs = model.outputs(inputs)
    print(f"{len(targets):,} rows of {source}")
    if model.classes is None:
        _print_regression(model, outputs, targets)
    else:
        _print_classification(model, outputs, targets)


def evaluation_data(model: Predictor, path: str | None) -> tuple[np.ndarray, np.ndarray, str]:
    """Inputs, and targets as the preprocessing encodes them."""
    import numpy as np

    from gradatim.data import mnist, read_table
    from gradatim.graph.errors import ArgumentError

    if model.preprocessing is None:
        raise ArgumentError("this model was saved without preprocessing: it does not know tables")
    if hasattr(model.preprocessing, "read"):
        if path is None:
            raise ArgumentError("on which data? gradatim evaluate RUN DATA")
        cases = model.preprocessing.read(path, labelled=True)
        return cases.inputs, cases.targets, path
    if path is not None:
        notes: list[str] = []
        table = read_table(path)
        inputs, targets = model.preprocessing.transform(table, source=path, notes=notes)
        for note in notes:
            print(f"Note      {note}")
        return inputs, targets, path
    if model.preprocessing.image != (28, 28):
        raise ArgumentError(
            f"on which table? The model predicts {', '.join(model.preprocessing.targets)}: "
            "gradatim evaluate RUN DATA.csv"
        )
    digits = mnist()
    return model.inputs(digits.test_images).numpy(), digits.test_labels.astype(np.int64), "MNIST"


def _evaluate_autoencoder(model: Predictor, path: str | None) -> None:
    """How well it gives the inputs back: of a table, or of MNIST's test digits."""
    from gradatim.data import mnist, read_table
    from gradatim.graph.errors import ArgumentError

    is_of_digits = getattr(model.preprocessing, "image", None) == (28, 28)
    if path is None and not is_of_digits:
        raise ArgumentError("on which data? gradatim evaluate RUN DATA")
    if path is None:
        inputs, path = model.inputs(mnist().test_images), "MNIST"
    elif hasattr(model.preprocessing, "read"):
        inputs = model.inputs(path)
    else:
        inputs = model.inputs(read_table(path))
    error = float(((model.outputs(inputs) - inputs.numpy()) ** 2).mean())
    print(f"{len(inputs):,} rows of {path}")
    print(f"Mean squared error {error:.6f}")


def _print_classification(model: Predictor, outputs: np.ndarray, targets: np.ndarray) -> None:
    answers = outputs.argmax(axis=1)
    right = answers == targets
    print(f"Accuracy {right.mean():.4f}  ({right.sum():,} of {len(right):,} right)")
    rows = []
    for number, name in enumerate(model.classes):
        of_class, said = targets == number, answers == number
        found = (of_class & said).sum()
        rows.append(
            [
                str(name),
                f"{of_class.sum():,}",
                _share(found, said.sum()),
                _share(found, of_class.sum()),
            ]
        )
    _print_table(["class", "rows", "precision", "recall"], rows)


def _print_regression(model: Predictor, outputs: np.ndarray, targets: np.ndarray) -> None:
    from gradatim import ops
    from gradatim.train.metrics import MAE, R2, RMSE

    restore = model.preprocessing.inverse_target
    predicted, true = restore(outputs), restore(targets)
    rows = []
    for column, name in enumerate(model.preprocessing.targets):
        pair = [ops.tensor(values[:, column : column + 1]) for values in (predicted, true)]
        values = [
            (metric, metric.value(metric.sums(*pair).numpy())) for metric in (MAE(), RMSE(), R2())
        ]
        rows.append([name, *[metric.text(value) for metric, value in values]])
    _print_table(["target", "MAE", "RMSE", "R²"], rows)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.4f}" if whole else "-"


def _print_table(header: list[str], rows: list[list[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    for index, name in enumerate(header):
        table.add_column(name, justify="right" if index else "left")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False).print(table)
