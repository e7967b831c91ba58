"""`summary(model, x)`: a table of layers, output shapes and parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gradatim.autograd import no_grad
from gradatim.nn import Module
from gradatim.tensor import Tensor


@dataclass(frozen=True)
class Row:
    """One layer: its path in the model, its class, the shape it gave, its own parameters."""

    path: str
    layer: str
    output: tuple[int, ...] | None
    parameters: int


@dataclass(frozen=True)
class Summary:
    """What `summary` found.

    Attributes:
        rows: the layers in the order in which they ran.
        parameters: numbers in all parameters; `trainable` of them have requires_grad.
        bytes: memory of the parameters.
    """

    rows: list[Row]
    parameters: int
    trainable: int
    bytes: int


def summary(model: Module, x: Any = None, show: bool = True) -> Summary:
    """Print the layers of a model with their output shapes and parameters, and return the totals.

    Args:
        x: an input, or a batch of them; None leaves the shapes out. The model runs on it once, in
            evaluation mode, without gradients.
        show: False only returns.

    Example:
        >>> import gradatim as gd
        >>> model = gd.nn.Sequential(gd.nn.Linear(4, 3), gd.nn.ReLU())
        >>> totals = summary(model, gd.zeros(2, 4), show=False)
        >>> totals.parameters, totals.rows[0].output
        (15, (2, 3))
    """
    leaves = [(path, layer) for path, layer in model.named_modules() if not list(layer.children())]
    shapes = {} if x is None else _run(model, x, leaves)
    order = list(shapes) if shapes else [path for path, _ in leaves]
    layers = dict(leaves)
    rows = [
        Row(path, type(layers[path]).__name__, shapes.get(path), _count(layers[path]))
        for path in order
    ]
    parameters = list(model.parameters())
    totals = Summary(
        rows,
        sum(p.numel() for p in parameters),
        sum(p.numel() for p in parameters if p.requires_grad),
        sum(p.numel() * p.element_size() for p in parameters),
    )
    if show:
        _print(totals, type(model).__name__)
    return totals


def _run(model: Module, x: Any, leaves: list[tuple[str, Module]]) -> dict[str, tuple[int, ...]]:
    """The output shape of each layer, in the order in which they run."""
    shapes: dict[str, tuple[int, ...]] = {}

    def note(path: str) -> Any:
        def hook(layer: Module, inputs: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) else output
            if isinstance(first, Tensor):
                shapes[path] = tuple(first.shape)

        return hook

    handles = [layer.register_forward_hook(note(path)) for path, layer in leaves]
    training = model.training
    try:
        model.eval()
        with no_grad():
            model(x)
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()
    return shapes


def _count(layer: Module) -> int:
    return sum(parameter.numel() for parameter in layer.parameters())


def _print(totals: Summary, title: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, box=SIMPLE_HEAD, show_footer=True, title_justify="left")
    table.add_column("Layer", "Total")
    table.add_column("Type")
    table.add_column("Output shape")
    table.add_column("Parameters", f"{totals.parameters:,}", justify="right")
    for row in totals.rows:
        shape = "" if row.output is None else " × ".join(map(str, row.output))
        count = f"{row.parameters:,}" if row.parameters else ""
        table.add_row(row.path or title, row.layer, shape, count)
    Console(highlight=False).print(table)
    frozen = totals.parameters - totals.trainable
    note = f" ({frozen:,} of them frozen)" if frozen else ""
    print(f"{totals.parameters:,} parameters{note}, {_size(totals.bytes)}")


def _size(count: int) -> str:
    """Bytes for a person: `5.3 MB`."""
    for power, unit in ((9, "GB"), (6, "MB"), (3, "KB")):
        if count >= 10**power:
            return f"{count / 10**power:.1f} {unit}"
    return f"{count} bytes"
