"""`gradatim draw`: pictures for learning and teaching, as PNG or SVG."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from gradatim.train.predictor import Predictor

NAMES = (
    "digits", "activations", "learning-rates", "descent", "learning-rate-finder", "perceptron",
    "network-types", "curves", "confusion", "filters", "embedding", "reconstructions",
)  # fmt: skip


def draw(
    name: str = typer.Argument(..., metavar="NAME", help=", ".join(NAMES)),
    run: str = typer.Argument(
        None, metavar="RUN", help="The run: for curves, confusion, filters, embedding, ..."
    ),
    data: str = typer.Argument(
        None, metavar="DATA", help="What the run's model is shown. Without it, MNIST's test digits."
    ),
    output: str = typer.Option(
        None, "--output", "-o", metavar="FILE", help="A .png, .svg or .pdf file: NAME.png"
    ),
) -> None:
    """Draw a picture: of data, functions and methods, or of what a run learned."""
    from gradatim.cli.words import choose
    from gradatim.explain import pictures
    from gradatim.graph.errors import ArgumentError

    name = choose("picture", name, [one.replace("-", "_") for one in NAMES])
    file = output or f"{name.replace('_', '-')}.png"
    if name in OF_RUNS:
        if run is None:
            raise ArgumentError(f"of which run? gradatim draw {name} RUN")
        figure = OF_RUNS[name](run, data)
    else:
        if run is not None:
            raise ArgumentError(
                f"the picture {name} is of no run: gradatim draw {name} -o FILE.svg"
            )
        figure = getattr(pictures, {"perceptron": "perceptron_lines"}.get(name, name))()
    print(f"Drew {pictures.save(figure, file)}.")


def _curves(run: str, data: str | None) -> Any:
    from gradatim.explain.pictures import training_curves
    from gradatim.train.metrics import METRICS
    from gradatim.train.run import Run

    opened = Run.open(run)
    records = opened.read_metrics()
    names = records[-1] if records else {}
    labels = {name: METRICS[name].label for name in METRICS if name in names}
    best = opened.config.get("results", {}).get("best_epoch")
    return training_curves(records, labels, "validation", best)


def _confusion(run: str, data: str | None) -> Any:
    from gradatim.explain.pictures import confusion_matrix

    model, inputs, targets = _shown(run, data)
    _need_classes(model)
    return confusion_matrix(targets, model.outputs(inputs).argmax(axis=1), model.classes)


def _filters(run: str, data: str | None) -> Any:
    from gradatim.explain.pictures import filters
    from gradatim.train.saved import load_predictor

    model = load_predictor(run)
    return filters(model.network, getattr(model.preprocessing, "image", None))


def _embedding(run: str, data: str | None) -> Any:
    from gradatim.explain.pictures import embedding
    from gradatim.explain.pictures.learned import hidden_values

    model, inputs, targets = _shown(run, data)
    classes = model.preprocessing.classes
    if classes is None:
        _need_classes(model)
    return embedding(hidden_values(model.network, inputs[:3000]), targets[:3000], classes)


def _reconstructions(run: str, data: str | None) -> Any:
    from gradatim.explain.pictures import reconstructions
    from gradatim.graph.errors import ArgumentError

    model, inputs, _ = _shown(run, data)
    if model.answers != "inputs":
        raise ArgumentError(f"the model of {run} is no autoencoder: it reconstructs nothing")
    preprocessing = model.preprocessing
    size = preprocessing.image or getattr(preprocessing, "size", None)
    if size is None:
        raise ArgumentError(f"the model of {run} did not learn from pictures")
    shape = (getattr(preprocessing, "channels", 1), *size)
    return reconstructions(inputs[:10], model.outputs(inputs[:10]), shape)


OF_RUNS: dict[str, Callable[[str, str | None], Any]] = {
    "curves": _curves,
    "confusion": _confusion,
    "filters": _filters,
    "embedding": _embedding,
    "reconstructions": _reconstructions,
}


def _shown(run: str, data: str | None) -> tuple[Predictor, Any, Any]:
    """The run's model, and inputs and targets to show it."""
    from gradatim.cli.evaluate import evaluation_data
    from gradatim.train.saved import load_predictor

    model = load_predictor(run)
    inputs, targets, _ = evaluation_data(model, data)
    return model, inputs, targets


def _need_classes(model: Predictor) -> None:
    from gradatim.graph.errors import ArgumentError

    if model.classes is None:
        raise ArgumentError("this model predicts no classes")
