"""`gradatim train`: a network on the bundled MNIST, or on any table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from gradatim.cli.words import choose, names, numbers
from gradatim.graph.errors import ArgumentError

if TYPE_CHECKING:
    from gradatim.train.recipe import Recipe

INTERRUPTED = 130

DATA, NETWORK, TRAINING, RUN = "Data", "Network", "Training", "Run"


def train(
    data: str = typer.Argument(
        None,
        metavar="DATA",
        help="A table (CSV, TSV, Parquet), series (.ts), a folder of pictures or recordings, or "
        "bundled: mnist, spoken-digits, basic-motions, japanese-vowels. Without it, MNIST.",
    ),
    model: str = typer.Option(
        None,
        help="perceptron, feed-forward, deep-feed-forward, autoencoder, convolutional, rnn, lstm, "
        "gru",
        rich_help_panel=NETWORK,
    ),
    target: str = typer.Option(
        None, metavar="COLUMN", help="What to learn; several with commas.", rich_help_panel=DATA
    ),
    task: str = typer.Option(
        None, help="classification or regression; by the target if not given", rich_help_panel=DATA
    ),
    drop: list[str] = typer.Option(  # noqa: B008
        [], metavar="COLUMN", help="Leave out; several with commas.", rich_help_panel=DATA
    ),
    test_size: float = typer.Option(
        None, help="Share of the rows kept for the test: 0.2", rich_help_panel=DATA
    ),
    case: str = typer.Option(
        None,
        metavar="COLUMN",
        help="Of a long table: which series a row belongs to.",
        rich_help_panel=DATA,
    ),
    time: str = typer.Option(
        None,
        metavar="COLUMN",
        help="Of a long table: a row's place in its series; as in the file if not given.",
        rich_help_panel=DATA,
    ),
    size: int = typer.Option(
        None, help="Height and width to give to pictures.", rich_help_panel=DATA
    ),
    hidden: str = typer.Option(
        None, help="Sizes of hidden layers: 1000,500,100 (table: 100)", rich_help_panel=NETWORK
    ),
    activation: str = typer.Option(
        None, help="relu, sigmoid, tanh, leaky-relu, gelu, silu", rich_help_panel=NETWORK
    ),
    dropout: float = typer.Option(
        None, help="Share of hidden values dropped in training.", rich_help_panel=NETWORK
    ),
    epochs: int = typer.Option(
        None, help="Times through the data: 20 (table: at most 200)", rich_help_panel=TRAINING
    ),
    batch_size: int = typer.Option(
        None, help="Rows in a step: 1000 (table: 32 to 512)", rich_help_panel=TRAINING
    ),
    learning_rate: float = typer.Option(
        None, "--learning-rate", "--lr", help="1 (table: 0.001)", rich_help_panel=TRAINING
    ),
    optimizer: str = typer.Option(
        None, help="sgd, adam, adamw: sgd (table: adamw)", rich_help_panel=TRAINING
    ),
    momentum: float = typer.Option(None, help="Of sgd.", rich_help_panel=TRAINING),
    weight_decay: float = typer.Option(
        None, help="Pull of the weights to 0.", rich_help_panel=TRAINING
    ),
    loss: str = typer.Option(
        None,
        help="mse, cross-entropy; for numbers mse, l1, smooth-l1",
        rich_help_panel=TRAINING,
    ),
    shuffle: bool = typer.Option(
        None, "--shuffle/--no-shuffle", help="A new order each epoch.", rich_help_panel=TRAINING
    ),
    patience: int = typer.Option(
        None,
        help="Stop after so many epochs without improvement: never, 0 (table: 20)",
        rich_help_panel=TRAINING,
    ),
    schedule: str = typer.Option(
        None,
        help="Of the learning rate: constant, or one-cycle (up to it and down to 0).",
        rich_help_panel=TRAINING,
    ),
    seed: int = typer.Option(
        None, help="Of weights, splits and shuffles: 0", rich_help_panel=TRAINING
    ),
    output: str = typer.Option(
        None, metavar="DIR", help="The run's folder: runs/NAME-1, -2 ...", rich_help_panel=RUN
    ),
    resume: str = typer.Option(
        None, metavar="RUN", help="Continue an interrupted run.", rich_help_panel=RUN
    ),
    engine: str = typer.Option(
        None, help="What computes; gradatim info lists them.", rich_help_panel=RUN
    ),
    threads: int = typer.Option(None, help="How many processors to use.", rich_help_panel=RUN),
    mesh: str = typer.Option(
        None,
        metavar="AXES",
        help="Devices to train on: data=8, or data=4,model=2 (needs jax)",
        rich_help_panel=RUN,
    ),
    accumulate: int = typer.Option(
        None, help="Pieces that a batch is cut into, for less memory.", rich_help_panel=RUN
    ),
    precision: str = typer.Option(None, help="float32, or bf16", rich_help_panel=RUN),
) -> None:
    """Train a network: on the bundled MNIST digits, on a table with --target, or a type of network
    by name on data that suits it.

    A run's folder holds the model, its metrics and a checkpoint. Ctrl-C saves and stops.
    """
    from gradatim import hosts
    from gradatim.cli.report import conclude, introduce
    from gradatim.cli.threads import use_threads
    from gradatim.train.interrupts import TrainingInterrupted
    from gradatim.train.job import Job
    from gradatim.train.run import Run

    given = {
        "data": data,
        "model": model,
        "case": case,
        "time": time,
        "size": size,
        "dropout": dropout,
        "schedule": schedule,
        "target": target,
        "task": task,
        "drop": [name for part in drop for name in names(part)],
        "test_size": test_size,
        "hidden": None if hidden is None else numbers("--hidden", hidden),
        "activation": activation,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "optimizer": optimizer,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "loss": loss,
        "shuffle": shuffle,
        "patience": patience,
        "seed": seed,
        "engine": engine,
        "threads": threads,
        "mesh": mesh,
        "accumulate": accumulate,
        "precision": precision,
    }
    given = {name: value for name, value in given.items() if value not in (None, [])}
    if resume is None:
        use_threads(threads)
        job = Job.new(_recipe(given))
        run = job.create_run(output)
    else:
        run = Run.open(resume)
        use_threads(run.config.get("recipe", {}).get("threads"))
        job = Job.of_run(run, _changes(given, output))
    if hosts.leads():
        introduce(job, run, resumed=resume is not None)
    try:
        results = job.fit(run, resume=resume is not None)
    except TrainingInterrupted:
        print(f"Stopped after the batch, and saved. Go on with  gradatim train --resume {run.path}")
        raise typer.Exit(INTERRUPTED) from None
    except KeyboardInterrupt:
        print(
            f"Stopped at once. Go on from the last checkpoint: gradatim train --resume {run.path}"
        )
        raise typer.Exit(INTERRUPTED) from None
    if hosts.leads():
        conclude(job, run, results)


def _recipe(given: dict[str, Any]) -> Recipe:
    from gradatim.train.recipe import ACTIVATIONS, LOSSES, OPTIMIZERS, SCHEDULES, TASKS, Recipe
    from gradatim.train.types import TYPES, find_type

    choices = {
        "task": TASKS,
        "activation": ACTIVATIONS,
        "optimizer": OPTIMIZERS,
        "loss": LOSSES,
        "schedule": SCHEDULES,
    }
    if "model" in given:
        kind = find_type(given["model"])
        given["model"] = next(name for name, one in TYPES.items() if one is kind)
    for name, possible in choices.items():
        if name in given:
            given[name] = choose(name, given[name], possible)
    return Recipe(**given)


def _changes(given: dict[str, Any], output: str | None) -> dict[str, Any]:
    """What may be said anew when a run is continued."""
    free = ("data", "epochs", "learning_rate", "mesh", "accumulate")
    fixed = [name for name in given if name not in free]
    if output is not None:
        fixed.append("output")
    if fixed:
        option = "--" + fixed[0].replace("_", "-")
        raise ArgumentError(
            f"{option} cannot change when a run is continued (--epochs and --learning-rate can): "
            "begin a new run for it"
        )
    return given
