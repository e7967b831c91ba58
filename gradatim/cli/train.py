"""`gradatim train`: a network on the bundled MNIST, or on any table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from gradatim.train.job import Job, Results
    from gradatim.train.recipe import Recipe
    from gradatim.train.run import Run

DATA, NETWORK, TRAINING, RUN = "Data", "Network", "Training", "Run"


def train(
    data: str = typer.Argument(
        None, metavar="[DATA]", help="A table: CSV, TSV or Parquet. Without it, MNIST."
    ),
    target: str = typer.Option(
        None, metavar="COLUMN", help="What to learn; several with commas.", rich_help_panel=DATA
    ),
    task: str = typer.Option(
        None, help="classification or regression [by the target]", rich_help_panel=DATA
    ),
    drop: list[str] = typer.Option(
        [], metavar="COLUMN", help="Leave out; several with commas.", rich_help_panel=DATA
    ),
    test_size: float = typer.Option(
        None, help="Share of the rows kept for the test [0.2]", rich_help_panel=DATA
    ),
    hidden: str = typer.Option(
        None, help="Sizes of hidden layers [MNIST 1000,500,100; 100]", rich_help_panel=NETWORK
    ),
    activation: str = typer.Option(
        "relu", help="relu, sigmoid, tanh, leaky-relu, gelu, silu", rich_help_panel=NETWORK
    ),
    epochs: int = typer.Option(
        None, help="Times through the data [MNIST 20; at most 200]", rich_help_panel=TRAINING
    ),
    batch_size: int = typer.Option(
        None, help="Rows in a step [MNIST 1000; by the rows]", rich_help_panel=TRAINING
    ),
    learning_rate: float = typer.Option(
        None, "--learning-rate", "--lr", help="[MNIST 1; 0.001]", rich_help_panel=TRAINING
    ),
    optimizer: str = typer.Option(
        None, help="sgd, adam, adamw [MNIST sgd; adamw]", rich_help_panel=TRAINING
    ),
    momentum: float = typer.Option(None, help="Of sgd.", rich_help_panel=TRAINING),
    weight_decay: float = typer.Option(
        None, help="Pull of the weights to 0.", rich_help_panel=TRAINING
    ),
    loss: str = typer.Option(
        None,
        help="mse, cross-entropy; regression: mse, l1, smooth-l1",
        rich_help_panel=TRAINING,
    ),
    shuffle: bool = typer.Option(
        None, "--shuffle/--no-shuffle", help="A new order each epoch.", rich_help_panel=TRAINING
    ),
    patience: int = typer.Option(
        None,
        help="Stop after so many epochs without improvement; 0 never [MNIST 0; 20]",
        rich_help_panel=TRAINING,
    ),
    seed: int = typer.Option(
        None, help="Of weights, splits and shuffles [0]", rich_help_panel=TRAINING
    ),
    output: str = typer.Option(
        None, metavar="DIR", help="The run's folder [runs/NAME-N]", rich_help_panel=RUN
    ),
    resume: str = typer.Option(
        None, metavar="RUN", help="Continue an interrupted run.", rich_help_panel=RUN
    ),
    engine: str = typer.Option(None, help="What computes (see info).", rich_help_panel=RUN),
    threads: int = typer.Option(None, help="How many processors to use.", rich_help_panel=RUN),
) -> None:
    """Train a network: on the bundled MNIST digits, or on a table with --target.

    A run's folder holds the model, its metrics and a checkpoint. Ctrl-C saves and stops.
    """
    from gradatim.cli.threads import use_threads
    from gradatim.train.interrupts import TrainingInterrupted
    from gradatim.train.job import Job
    from gradatim.train.run import Run

    given = {
        "data": data,
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
    _introduce(job, run, resumed=resume is not None)
    try:
        results = job.fit(run, resume=resume is not None)
    except TrainingInterrupted:
        print(f"Stopped after the batch, and saved. Go on with  gradatim train --resume {run.path}")
        raise typer.Exit(INTERRUPTED) from None
    _conclude(job, run, results)


def _recipe(given: dict[str, Any]) -> Recipe:
    from gradatim.train.recipe import ACTIVATIONS, LOSSES, OPTIMIZERS, TASKS, Recipe

    choices = {
        "task": TASKS,
        "activation": ACTIVATIONS,
        "optimizer": OPTIMIZERS,
        "loss": LOSSES,
    }
    for name, possible in choices.items():
        if name in given:
            given[name] = choose(name, given[name], possible)
    return Recipe(**given)


def _changes(given: dict[str, Any], output: str | None) -> dict[str, Any]:
    """What may be said anew when a run is continued."""
    fixed = [name for name in given if name not in ("data", "epochs", "learning_rate")]
    if output is not None:
        fixed.append("output")
    if fixed:
        option = "--" + fixed[0].replace("_", "-")
        raise ArgumentError(
            f"{option} cannot change when a run is continued (--epochs and --learning-rate can): "
            "begin a new run for it"
        )
    return given


def _introduce(job: Job, run: Run, resumed: bool) -> None:
    """What is going to happen, in a few lines."""
    recipe, problem = job.recipe, job.problem
    sizes = "-".join(map(str, [problem.inputs, *recipe.hidden, problem.outputs]))
    count = sum(parameter.numel() for parameter in job.model.parameters())
    parts = [f"{len(problem.train[0]):,} {problem.rows} to train on"]
    if problem.test is None and problem.validation is not None:
        parts.append(f"{len(problem.validation[0]):,} to test on")
    else:
        for part, use in ((problem.validation, "validate"), (problem.test, "test")):
            if part is not None:
                parts.append(f"{len(part[0]):,} to {use} on")
    for note in problem.notes:
        print(f"Note: {note}.")
    print(f"Data     {problem.title}: {', '.join(parts)}")
    print(f"Network  {sizes}, {recipe.activation.replace('_', ' ')}; {count:,} parameters")
    details = [f"learning rate {recipe.learning_rate:g}", f"batches of {recipe.batch_size:,}"]
    loss = recipe.loss.replace("_", " ")
    print(f"Training {loss} loss, {recipe.optimizer}, {', '.join(details)}, seed {recipe.seed}")
    print(f"Run      {run.path}{' (continued)' if resumed else ''}", flush=True)


def _conclude(job: Job, run: Run, results: Results) -> None:
    """How good it is, how long it took, and what to do next."""
    from gradatim.train import plots
    from gradatim.train.progress import clock

    history, problem = results.history, job.problem
    if plots.can_plot():
        plots.plot_curves(run, history)
        if problem.classes:
            plots.plot_confusion(run, results.targets, results.answers, problem.classes)
    labels = {metric.name: metric for metric in problem.metrics()}
    on = "test" if problem.test or not problem.validation else "validation"
    print()
    print(f"Done     {len(history)} epochs in {clock(history.seconds)}")
    shown = [f"{labels[name].label} {labels[name].text(value)}" for name, value in results.values.items() if name in labels]
