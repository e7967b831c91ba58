"""What `gradatim train` says before and after."""

from __future__ import annotations

from gradatim.train import plots
from gradatim.train.job import Job, Results
from gradatim.train.progress import clock
from gradatim.train.run import Run
from gradatim.train.types import find_type


def introduce(job: Job, run: Run, resumed: bool) -> None:
    """What is going to happen, in a few lines."""
    recipe, problem = job.recipe, job.problem
    count = sum(parameter.numel() for parameter in job.model.parameters())
    for note in problem.notes:
        print(f"Note      {note}")
    print(f"Data      {problem.title}: {_parts(job)}")
    activation = f", {_words(recipe.activation)}" if recipe.hidden else ""
    print(f"Network   {_network(job)}{activation}; {count:,} parameters")
    cycle = " (up to it and down to 0)" if recipe.schedule == "one_cycle" else ""
    print(
        f"Training  {_words(recipe.loss)} loss, {recipe.optimizer}, learning rate "
        f"{recipe.learning_rate:g}{cycle}, batches of {recipe.batch_size:,}, seed {recipe.seed}"
    )
    print(f"Run       {run.path}{' (continued)' if resumed else ''}\n", flush=True)


def conclude(job: Job, run: Run, results: Results) -> None:
    """How good the model is, how long it took, and what to do next."""
    history = results.history
    _note_results(run, results)
    pictures = _draw(job, run, results)
    epochs = f"{len(history)} epoch{'s' * (len(history) != 1)}"
    print(f"\nDone      {epochs} in {clock(history.seconds)}: {_verdict(job, results)}")
    print(f"Saved     {run.path}{f' (see {pictures})' if pictures else ''}")
    print(f"Next      gradatim predict {run.path} {job.problem.example}")
    if len(history) == job.recipe.epochs and job.recipe.schedule != "one_cycle":
        print(f"          gradatim train --resume {run.path} --epochs {2 * len(history)}")


def _network(job: Job) -> str:
    """`784-1000-500-100-10`, with the name of the type where one was asked for."""
    recipe, problem = job.recipe, job.problem
    hidden = list(map(str, recipe.hidden))
    if recipe.model is None:
        return "-".join([str(problem.inputs), *hidden, str(problem.outputs)])
    if problem.reconstructs:
        hidden += hidden[-2::-1]
    shape = list(problem.shape)
    if problem.kind == "series":
        shape[1] -= 1
    title = find_type(recipe.model).title.lower()
    return f"{title}, {'-'.join([' × '.join(map(str, shape)), *hidden, str(problem.outputs)])}"


def _parts(job: Job) -> str:
    problem = job.problem
    found = [f"{len(problem.train[0]):,} {problem.rows} to train on"]
    if problem.validation is not None:
        use = "validate" if problem.test else problem.validation_use
        found.append(f"{len(problem.validation[0]):,} to {use} on")
    if problem.test is not None:
        found.append(f"{len(problem.test[0]):,} to test on")
    return ", ".join(found)


def _verdict(job: Job, results: Results) -> str:
    """`accuracy 0.9656 on the 10,000 test images`, and which epoch's model that is."""
    history, problem = results.history, job.problem
    metrics = problem.metrics()
    if problem.test is None and problem.validation is not None:
        metric = metrics[0]
        last, best = history.last[metric.name], history.best[metric.name]
        where = f"on the {len(problem.validation[0]):,} {problem.validation_use} {problem.rows}"
        verdict = f"{metric.label.lower()} {metric.text(last)} {where}"
        if best != last:
            verdict += f"; best, and saved, {metric.text(best)} after epoch {history.best_epoch}"
        return verdict
    values = ", ".join(
        f"{metric.label} {metric.text(results.values[metric.name])}" for metric in metrics
    )
    rows = "training" if problem.test is None else "test"
    part = problem.train if problem.test is None else problem.test
    verdict = f"{values} on the {len(part[0]):,} {rows} {problem.rows}"
    return f"{verdict} (the model of epoch {history.best_epoch})"


def _draw(job: Job, run: Run, results: Results) -> str:
    """The run's pictures, where matplotlib is installed."""
    if not plots.can_plot():
        return ""
    plots.plot_curves(run, results.history, job.problem.validation_use)
    if job.problem.reconstructs and job.problem.kind == "image":
        plots.plot_reconstructions(run, results.targets, results.answers, job.problem.shape)
        return "curves.png, reconstructions.png"
    if not job.problem.classes:
        return "curves.png"
    plots.plot_confusion(run, results.targets, results.answers, job.problem.classes)
    return "curves.png, confusion.png"


def _note_results(run: Run, results: Results) -> None:
    run.config["results"] = {"best_epoch": results.history.best_epoch, **results.values}
    run.write_config()


def _words(name: str) -> str:
    return name.replace("_", " ")
