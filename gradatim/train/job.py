"""A job: a recipe carried out, from data to a finished run. What `gradatim train` does."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradatim import hosts
from gradatim.engines import set_engine
from gradatim.graph.errors import ArgumentError, DataError
from gradatim.nn import Module
from gradatim.random import manual_seed
from gradatim.train.callbacks import Callback, EarlyStopping
from gradatim.train.history import History
from gradatim.train.predictor import Predictor
from gradatim.train.problem import Problem, load_problem
from gradatim.train.progress import Progress
from gradatim.train.recipe import CLASSIFICATION_LOSSES, REGRESSION_LOSSES, Recipe
from gradatim.train.run import Run, make_free_folder
from gradatim.train.trainer import Trainer
from gradatim.train.typed_problem import is_bundled
from gradatim.train.types import build_network


@dataclass
class Results:
    """How a job went.

    Attributes:
        history: epoch by epoch.
        values: the loss and metrics of the best model on the test rows (on the validation rows
            where no test rows were set apart).
        targets: what was to be predicted on those rows, and.
        answers: what the best model predicted: class indices, or values in the data's units.
    """

    history: History
    values: dict[str, float]
    targets: np.ndarray
    answers: np.ndarray


class Job:
    """A recipe with its data, and the model to be trained.

    Data is read and everything is checked here, before anything is written.
    """

    def __init__(
        self, recipe: Recipe, problem: Problem, callbacks: Sequence[Callback] = ()
    ) -> None:
        self.recipe, self.problem, self.callbacks = recipe, problem, list(callbacks)
        recipe.complete(problem.defaults)
        recipe.check()
        _check_loss(recipe.loss, problem)
        if recipe.engine is not None:
            set_engine(recipe.engine)
        hosts.join()
        if recipe.mesh is None and hosts.count() > 1:
            raise ArgumentError(
                f"{hosts.count()} hosts train together: say on which devices, --mesh data=8"
            )
        manual_seed(recipe.seed)
        network = _network(recipe, problem)
        self.model = Predictor(network, problem.preprocessing, _answers(recipe.loss, problem))

    @classmethod
    def new(cls, recipe: Recipe) -> Job:
        """A job that begins."""
        recipe.check()
        problem = load_problem(recipe)
        if not is_bundled(recipe.data):
            recipe.data = os.path.abspath(recipe.data)
            recipe.checksum = checksum(recipe.data)
        return cls(recipe, problem)

    @classmethod
    def of_run(cls, run: Run, changes: dict[str, Any]) -> Job:
        """The job of a run that is to be continued.

        Args:
            changes: what may differ from before: epochs, learning_rate, data (where the file is
                now).
        """
        recipe = Recipe.from_config(run.config.get("recipe"), str(run.path / "config.json"))
        if recipe.schedule == "one_cycle" and changes.keys() & {"epochs", "learning_rate"}:
            raise ArgumentError(
                f"the learning rate of {run.path} goes up and down once in its {recipe.epochs} "
                "epochs, so neither these nor the rate can change: begin a new run"
            )
        for name, value in changes.items():
            setattr(recipe, name, value)
        recipe.check()
        if not is_bundled(recipe.data):
            if not os.path.exists(recipe.data):
                raise DataError(
                    f"the run {run.path} was trained on {recipe.data}, which is not there any "
                    f"more: say where it is, gradatim train DATA --resume {run.path}"
                )
            if checksum(recipe.data) != recipe.checksum:
                raise DataError(
                    f"{recipe.data} is not what the run {run.path} was trained on: it has changed "
                    "since; begin a new run"
                )
        rate = changes.get("learning_rate")
        callbacks = [] if rate is None else [SetLearningRate(rate)]
        job = cls(recipe, load_problem(recipe), callbacks)
        if changes and hosts.leads():
            run.config["recipe"] = recipe.to_config()
            run.write_config()
        return job

    def create_run(self, folder: str | os.PathLike | None = None) -> Run:
        """The folder of a new run, by default the next number under `runs`."""
        config = {"recipe": self.recipe.to_config()}
        if not hosts.leads():  # process 0 makes it, and says which it is
            return Run(Path(hosts.share_line("run", None)), config)
        run = Run.create(folder or make_free_folder("runs", self.problem.name), config)
        hosts.share_line("run", str(run.path.absolute()))
        return run

    def fit(self, run: Run, resume: bool = False, progress: bool | Progress = True) -> Results:
        """Train, evaluate the best model, and draw the pictures."""
        recipe, problem = self.recipe, self.problem
        stopping = recipe.patience and problem.validation
        early = [EarlyStopping(patience=recipe.patience)] if stopping else []
        optimizer = recipe.make_optimizer(self.model)
        trainer = Trainer(
            self.model,
            recipe.loss,
            optimizer,
            metrics=problem.metrics(),
            callbacks=early + self.callbacks,
            scheduler=recipe.make_scheduler(optimizer, len(problem.train[0])),
            monitor=self._monitor(),
            run_dir=run,
            progress=progress and hosts.leads(),
            mesh=recipe.axes(),
            accumulate=recipe.accumulate or 1,
            precision=recipe.precision,
        )
        self.trainer = trainer
        history = trainer.fit(
            problem.tensors(problem.train, recipe.loss),
            problem.tensors(problem.validation, recipe.loss),
            epochs=recipe.epochs,
            batch_size=recipe.batch_size,
            shuffle=recipe.shuffle,
            resume=resume,
        )
        part = problem.test or problem.validation or problem.train
        trainer.restore_best()
        values = trainer.evaluate(problem.tensors(part, recipe.loss))
        targets, answers = self._compare(part)
        return Results(history, values, targets, answers)

    def _monitor(self) -> str:
        """The deck's run is chosen by its accuracy; tables by the smoother validation loss.

        Without validation rows nothing chooses an epoch of one cycle of the learning rate: the
        last, where the rate has come to its lowest, is kept.
        """
        if self.problem.validation is None:
            return "learning_rate" if self.recipe.schedule == "one_cycle" else "loss"
        return (
            "accuracy" if self.problem.test is None and self.problem.classes else "validation_loss"
        )

    def _compare(self, part: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """What was to be predicted, and what the model predicts."""
        inputs, targets = part
        outputs = self.trainer.predict(inputs).numpy()
        if self.problem.classes:
            return targets, outputs.argmax(axis=1)
        if self.problem.reconstructs:
            return targets, outputs
        restore = self.problem.preprocessing.inverse_target
        return restore(targets), restore(outputs)


class SetLearningRate(Callback):
    """Another learning rate from here on."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def on_train_begin(self, trainer: Trainer) -> None:
        for group in trainer.optimizer.param_groups:
            group["lr"] = self.rate


def checksum(path: str | os.PathLike) -> str:
    """SHA-256 of a file, or of all files of a folder."""
    if os.path.isdir(path):
        return _checksum_of_folder(path)
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checksum_of_folder(folder: str | os.PathLike) -> str:
    """SHA-256 of the names and contents of all its files."""
    whole = hashlib.sha256()
    for place, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            whole.update(f"{os.path.relpath(path, folder)} {checksum(path)}\n".encode())
    return whole.hexdigest()


def _network(recipe: Recipe, problem: Problem) -> Module:
    name = recipe.model or "feed_forward"
    return build_network(name, problem.kind, problem.shape, problem.outputs, recipe)


def _check_loss(loss: str, problem: Problem) -> None:
    fitting = CLASSIFICATION_LOSSES if problem.classes else REGRESSION_LOSSES
    if loss not in fitting:
        kind = "classification" if problem.classes else "regression"
        raise ArgumentError(
            f"the loss {loss} does not fit {kind} of {', '.join(problem.targets)}: "
            f"choose from {', '.join(fitting)}"
        )


def _answers(loss: str, problem: Problem) -> str:
    if not problem.classes:
        return "inputs" if problem.reconstructs else "values"
    return "one_hot" if loss == "mse" else "logits"
