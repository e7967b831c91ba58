"""What the zoo knows of a system: its paper, its sizes, its network, and a demonstration.

Each file of the zoo ends with one `System`; everything that lists, draws, explains or trains the
systems reads that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gradatim.graph.errors import ArgumentError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gradatim.nn import Module

SCALES = ("full", "tiny")


@dataclass(frozen=True)
class Sizes:
    """How large the network of the paper is: not that of the demonstration.

    Lists, pages and charts say so where `of_paper` is False.

    Attributes:
        neurons: units that compute something; inputs are none.
        connections: per neuron, on average: all connections divided by the neurons.
        parameters: numbers that learn. Connections that share a weight share its parameter.
        operations: multiplications and additions that one example needs, forward. A multiplication
            with its addition counts as two.
        examples: how many the paper's data set has; None where there is none to count.
        of_paper: False where the paper's sizes are not known: then they are those of the file's
            network with its defaults.
    """

    neurons: int
    connections: float
    parameters: int
    operations: int
    examples: int | None = None
    of_paper: bool = True

    @property
    def whose(self) -> str:
        """What the sizes are those of, for a sentence."""
        return "The paper's network" if self.of_paper else "The network here (not the paper's)"


@dataclass(frozen=True)
class Equation:
    """A line of the paper, with the number that it has there.

    Attributes:
        text: for the terminal, in Unicode: "w ← w + α (t − y) x".
        latex: the same without the dollars.
        source: "eq. 4", "section 3.2"; "" where the paper has no number.
    """

    text: str
    latex: str
    source: str = ""


@dataclass(frozen=True)
class Measure:
    """One figure that a demonstration reached.

    Attributes:
        name: what was measured: "MNIST test accuracy".
        value: a fraction for accuracies and errors, else in `unit`.
        unit: "%" shows a fraction as per cent; "nats", "times", "s"; "" for a plain number.
        baseline: the simple thing that it has to beat, in the same unit, and what that is.
        bar: what this project asks of it.
        paper: the paper's own figure, where it can be compared.
        lower_is_better: for errors.
    """

    name: str
    value: float
    unit: str = "%"
    baseline: float | None = None
    baseline_name: str = ""
    bar: float | None = None
    paper: float | None = None
    lower_is_better: bool = False

    @property
    def reached(self) -> bool | None:
        """Whether the value is as good as the bar; None without one."""
        if self.bar is None:
            return None
        return self.value <= self.bar if self.lower_is_better else self.value >= self.bar

    def shown(self, value: float | None) -> str:
        """A value as a person reads it: "98.60%", "-124.3 nats"."""
        if value is None:
            return ""
        if self.unit == "%":
            return f"{100 * value:.2f}%"
        return f"{value:.4g} {self.unit}".strip()


@dataclass
class Result:
    """What a demonstration gives back.

    Attributes:
        measures: the figures, the most important first.
        figure: what it learned, as a matplotlib figure (filters, samples, hidden units).
        notes: sentences that a reader needs for a fair reading: what was scaled down and by how
            much, what the paper did that was not done.
        curve: (seconds, value) of the first measure during training, where it was watched.
        model: the trained network.
    """

    measures: list[Measure]
    figure: Figure | None = None
    notes: list[str] = field(default_factory=list)
    curve: list[tuple[float, float]] = field(default_factory=list)
    model: Any = None


@dataclass(frozen=True)
class Settings:
    """How a demonstration runs.

    Attributes:
        seed: of everything that is drawn.
        scale: "full" reaches the figures of `docs/zoo.md`; "tiny" takes the same way in seconds
            with a fraction of the data, and reaches nothing: it is for tests.
        report: called with one line of progress, often; the default says nothing.
    """

    seed: int = 0
    scale: str = "full"
    report: Callable[[str], None] = lambda line: None

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ArgumentError(f"scale is {self.scale!r}: expected 'full' or 'tiny'")

    def of(self, full: Any, tiny: Any) -> Any:
        """The one of two values that goes with the scale."""
        return full if self.scale == "full" else tiny


@dataclass(frozen=True)
class System:
    """One of the deck's twenty.

    Attributes:
        number: its place in the deck's chart, 1 to 20.
        name: as it is typed: "lenet-5".
        title: as it is written: "LeNet-5".
        year, authors: of the paper.
        reference: the paper, whole; several are separated by newlines.
        idea: what was new about it, in two to five sentences.
        equations: those that the file uses.
        sizes: of the paper's network.
        data: what the demonstration trains on.
        paper_data: what the paper trained on.
        paper_result: the paper's main result, in its words: "0.95% errors on MNIST"; "" if none.
        network: makes the paper's network with its sizes as defaults.
        demo: trains and measures: `demo(Settings(seed=0))`.
        minutes: what the demonstration may take on two cores.
    """

    number: int
    name: str
    title: str
    year: int
    authors: str
    reference: str
    idea: str
    equations: tuple[Equation, ...]
    sizes: Sizes
    data: str
    paper_data: str
    paper_result: str
    network: Callable[..., Module]
    demo: Callable[[Settings], Result]
    minutes: float = 3.0
