"""`gradatim explain`: one training step with every number, its graph, or the update rule alone."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from gradatim.nn import Module

GRAPH, UPDATES = "graph", "updates"
LOGITS = ("cross_entropy", "bce_with_logits", "multi_margin", "soft_margin", "hinge_embedding",
          "multilabel_margin", "multilabel_soft_margin", "poisson_nll")  # fmt: skip
"""Losses that take the last layer's sums as they are."""
LOG_PROBABILITIES = ("nll", "kl_div")
CLASSES = ("cross_entropy", "nll", "multi_margin")


def explain(
    what: str = typer.Argument(
        None,
        metavar="[graph|updates]",
        help="The computational graph, or the update rule alone; by default all of the step.",
    ),
    run: str = typer.Argument(
        None,
        metavar="[RUN]",
        help="The folder of a run; by default a small network made of the options.",
    ),
    layers: str = typer.Option("2,2,1", help="Inputs, neurons of each layer, outputs."),
    activation: str = typer.Option("sigmoid", help="Of every layer: sigmoid, tanh, relu, ..."),
    loss: str = typer.Option(None, help="mse, cross_entropy, bce, ... (mse, or a run's own)"),
    lr: float = typer.Option(None, help="The learning rate. (0.1, or a run's own)"),
    seed: int = typer.Option(0, help="Of the initial weights."),
    input: str = typer.Option(None, help="Numbers, such as 1,0; several rows as 1,0;0,1."),
    target: str = typer.Option(None, help="Numbers or classes, as many rows as inputs."),
    row: int = typer.Option(0, help="Of a run: the row of its training data, from 0."),
    neuron: str = typer.Option(
        None, help="LAYER.NEURON to show in full; several with commas, such as 1.7,2.5."
    ),
    digits: int = typer.Option(4, min=1, max=17, help="Significant digits shown."),
    html: str = typer.Option(None, metavar="FILE", help="Write a page."),
    latex: str = typer.Option(None, metavar="FILE", help="Write a document for pdflatex."),
    svg: str = typer.Option(None, metavar="FILE", help="Write the network, or the graph."),
    dot: str = typer.Option(None, metavar="FILE", help="Write the graph for Graphviz."),
    weights: str = typer.Option("0.3,0.5,1.0", help="For updates."),
    gradients: str = typer.Option("0.2,0.5,-2.0", help="For updates."),
) -> None:
    """Show one training step with every number: sums, loss, gradients, old and new weights."""
    from gradatim import explain as explaining
    from gradatim.graph.errors import ArgumentError

    words = [word for word in (what, run) if word is not None]
    kind = words.pop(0) if words and words[0] in (GRAPH, UPDATES) else None
    if len(words) > (kind != UPDATES):
        raise ArgumentError(f"{words[-1]!r} is one word too many: expected [graph|updates] [RUN]")
    if kind != GRAPH and dot is not None:
        raise ArgumentError("--dot writes a graph: use it with  gradatim explain graph")
    if kind == UPDATES:
        rate = 0.1 if lr is None else lr
        numbers = _numbers("--weights", weights), _numbers("--gradients", gradients)
        print(explaining.update_table(*numbers, lr=rate))
        return
    if words:
        step = _of_run(words[0], row, loss, lr)
    else:
        step = _made_up(layers, activation, loss or "mse", 0.1 if lr is None else lr, seed)(
            input, target
        )
    if kind == GRAPH:
        found: Any = explaining.graph(**step)
        wanted = {".svg": svg, ".dot": dot}
        for option, file in (("--html", html), ("--latex", latex)):
            if file is not None:
                raise ArgumentError(f"a graph has no {option}: use --svg or --dot")
        print(found)
    else:
        found = explaining.step(**step, neurons=_neurons(neuron), digits=digits)
        wanted = {".html": html, ".tex": latex, ".svg": svg}
        found.show()
    for ending, file in wanted.items():
        if file is not None:
            found.save(file, ending)
            print(f"Wrote {file}.")


# --- a network of the options --------------------------------------------------------------------


def _made_up(layers: str, activation: str, loss: str, lr: float, seed: int) -> Any:
    """The network, and what is asked of it, for `--input` and `--target`."""
    import gradatim
    from gradatim import nn
    from gradatim.cli.words import choose, numbers
    from gradatim.explain import LOSSES
    from gradatim.explain.functions import ACTIVATIONS
    from gradatim.graph.errors import ArgumentError

    sizes = numbers("--layers", layers)
    if len(sizes) < 2:
        raise ArgumentError(f"--layers is {layers!r}: expected at least two sizes, such as 2,2,1")
    names = {name.lower(): name for name in ACTIVATIONS if name != "Threshold"}
    name = names[choose("activation", activation.replace("_", "").replace("-", ""), names)]
    loss = choose("loss", loss, LOSSES)
    gradatim.manual_seed(seed)
    parts: list[Module] = []
    for before, after in itertools.pairwise(sizes):
        over_classes = name in ("Softmax", "Softmin", "LogSoftmax")
        parts += [nn.Linear(before, after), getattr(nn, name)(*([-1] if over_classes else []))]
    if loss in LOGITS or loss in LOG_PROBABILITIES:
        parts.pop()
    if loss in LOG_PROBABILITIES:
        parts.append(nn.LogSoftmax(-1))
    model = nn.Sequential(*parts)

    def complete(input: str | None, target: str | None) -> dict[str, Any]:
        x = _rows("--input", input) if input is not None else _example(sizes[0])
        if target is not None:
            y = _rows("--target", target)
        else:
            y = [[0.0] if loss in CLASSES else [1.0] + [0.0] * (sizes[-1] - 1)] * len(x)
        for option, rows, size in (("--input", x, sizes[0]), ("--target", y, sizes[-1])):
            width = 1 if loss in CLASSES and option == "--target" else size
            if any(len(row) != width for row in rows):
                raise ArgumentError(
                    f"{option} has {len(rows[0])} numbers in a row, but the network has {sizes[0]} "
                    f"inputs and {sizes[-1]} outputs: give {width}"
                )
        if len(x) != len(y):
            raise ArgumentError(f"--input has {len(x)} rows and --target {len(y)}")
        targets: Any = [int(row[0]) for row in y] if loss in CLASSES else y
        if loss == "multilabel_margin":
            targets = [[int(k) for k in row] for row in y]
        return {"model": model, "x": x, "y": targets, "loss": loss, "lr": lr}

    return complete


def _example(size: int) -> list[list[float]]:
    """An input where none was given: 1, 0, 1, 0, ..."""
    return [[float(k % 2 == 0) for k in range(size)]]


def _numbers(option: str, given: str) -> list[float]:
    from gradatim.graph.errors import ArgumentError

    try:
        return [float(part) for part in given.split(",")]
    except ValueError:
        raise ArgumentError(
            f"{option} is {given!r}: expected numbers with commas between, such as 0.5,-1"
        ) from None


def _rows(option: str, given: str) -> list[list[float]]:
    return [_numbers(option, part) for part in given.split(";")]


def _neurons(given: str | None) -> list[tuple[int, int]]:
    from gradatim.cli.words import names
    from gradatim.graph.errors import ArgumentError

    found = []
    for text in names(given):
        layer, _, neuron = text.partition(".")
        if not (layer.isdigit() and neuron.isdigit()):
            raise ArgumentError(f"--neuron is {text!r}: expected LAYER.NEURON, such as 2.5")
        found.append((int(layer), int(neuron)))
    return found


# --- a trained run -------------------------------------------------------------------------------


def _of_run(path: str, row: int, loss: str | None, lr: float | None) -> dict[str, Any]:
    """The run's network, one row of what it was trained on, its loss and its learning rate."""
    import os

    from gradatim.graph.errors import ArgumentError, DataError
    from gradatim.train.problem import load_problem
    from gradatim.train.recipe import Recipe
    from gradatim.train.run import Run
    from gradatim.train.saved import load_predictor
    from gradatim.train.typed_problem import is_bundled

    run = Run.open(path)
    recipe = Recipe.from_config(run.config.get("recipe"), str(run.path / "config.json"))
    model = load_predictor(path)
    if not is_bundled(recipe.data) and not os.path.exists(recipe.data):
        raise DataError(
            f"the run {run.path} was trained on {recipe.data}, which is not there any more"
        )
    problem = load_problem(recipe)
    count = len(problem.train[0])
    if not 0 <= row < count:
        raise ArgumentError(f"--row is {row}: {run.path} was trained on rows 0 to {count - 1:,}")
    name = loss or recipe.loss or "mse"
    part = (problem.train[0][row : row + 1], problem.train[1][row : row + 1])
    tensors = problem.tensors(part, name)
    assert tensors is not None
    x, y = (tensor.clone() for tensor in tensors)  # apart from the memory of the whole data
    rate = recipe.learning_rate if lr is None else lr
    return {"model": model.network, "x": x, "y": y, "loss": name, "lr": rate or 0.1}
