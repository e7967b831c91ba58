"""The deck's MNIST classifier: Gradatim beside PyTorch.

    python benchmarks/main_job.py [--epochs 5] [--threads 2]             epoch by epoch, in turn
    python benchmarks/main_job.py --whole [--epochs 5] [--rounds 3]      whole processes, in turn

Both train 784-1000-500-100-10 (ReLU, MSE on one-hot, SGD, learning rate 1, batch 1000) on the
60,000 digits and count the test digits they get right after each epoch, so that their losses and
accuracies can be compared too. A first epoch of each is a warm-up and not counted.

With `--whole` the clock runs from the start of a process to its end: `gradatim train` against a
program that does the same in PyTorch: imports, reading the digits, training, counting, saving the
model. Each starts once with an empty cache (of compiled code and of unpacked digits, which both
read alike) and once with what that left. Needs the `peers` extra.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
BATCH, LEARNING_RATE = 1000, 1.0

Epoch = tuple[float, float]  # the sum of the losses, the accuracy


def main() -> None:
    arguments = read_arguments()
    if arguments.torch_job:
        torch_job(arguments.torch_job, arguments.epochs, arguments.threads)
        return
    if arguments.whole:
        whole_processes(arguments.epochs, arguments.rounds, arguments.threads)
        return
    # The libraries below NumPy read this when they are loaded.
    os.environ |= dict.fromkeys(VARIABLES, str(arguments.threads))
    sides = {"Gradatim": gradatim_epochs(), "PyTorch": torch_epochs(arguments.threads)}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(arguments.epochs + 1):
        for name, epochs in sides.items():
            begin = time.perf_counter()
            loss, accuracy = next(epochs)
            seconds[name].append(time.perf_counter() - begin)
            print(
                f"epoch {number + 1}  {name:9}  {seconds[name][-1]:6.2f} s  "
                f"loss {loss:.6f}  accuracy {accuracy:.4f}{'  (warm-up)' if not number else ''}",
                flush=True,
            )
    report({name: times[1:] for name, times in seconds.items()}, arguments.threads)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--whole", action="store_true", help="time whole processes")
    parser.add_argument("--rounds", type=int, default=3, help="of --whole")
    parser.add_argument("--torch-job", metavar="FILE", help=argparse.SUPPRESS)
    return parser.parse_args()


# --- whole processes -----------------------------------------------------------------------------


def torch_job(file: str, epochs: int, threads: int) -> None:
    """The whole of the main job in PyTorch: what a process of its own does."""
    import torch

    for number, (loss, accuracy) in enumerate(torch_epochs(threads), 1):
        print(f"epoch {number}  loss {loss:.6f}  accuracy {accuracy:.4f}", flush=True)
        if number == epochs:
            break
    torch.save({"epochs": epochs, "accuracy": accuracy}, file)


def whole_processes(epochs: int, rounds: int, threads: int) -> None:
    seconds: dict[str, list[float]] = {}
    for number in range(1, rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            ours = ["-m", "gradatim", "train", "--epochs", str(epochs)]
            theirs = [__file__, "--epochs", str(epochs), "--threads", str(threads)]
            for cache in ("cold", "warm"):
                jobs = {
                    "Gradatim": [*ours, "--output", str(place / f"run-{cache}")],
                    "PyTorch": [*theirs, "--torch-job", str(place / f"{cache}.pt")],
                }
                for name, command in jobs.items():
                    code = place / name / "code"
                    before = _names(code)
                    spent = _time_process(command, place / name, threads)
                    seconds.setdefault(f"{name}, {cache}", []).append(spent)
                    made = len(_names(code) - before)
                    compiled = f", {made} programs compiled" if name == "Gradatim" else ""
                    print(f"round {number}  {name:9} {cache}  {spent:6.2f} s{compiled}", flush=True)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print(f"\n{platform.machine()}, {threads} threads, {epochs} epochs, median of {rounds}")
    for cache in ("cold", "warm"):
        ours, theirs = (medians[f"{name}, {cache}"] for name in ("Gradatim", "PyTorch"))
        print(
            f"  {cache} cache: Gradatim {ours:6.2f} s, PyTorch {theirs:6.2f} s, "
            f"{theirs / ours:.2f} times faster"
        )


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*")}


def _time_process(command: list[str], cache: Path, threads: int) -> float:
    """Seconds that a Python process takes, from start to end."""
    root = str(Path(__file__).resolve().parents[1])
    environment = os.environ | dict.fromkeys((*VARIABLES, "GRADATIM_NUM_THREADS"), str(threads))
    environment |= {"PYTHONPATH": root, "GRADATIM_CACHE": str(cache)}
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, *command], env=environment, check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - begin


# --- epoch by epoch ------------------------------------------------------------------------------


def gradatim_epochs() -> Iterator[Epoch]:
    """Epochs of the main job, by the same Trainer that `gradatim train` uses."""
    from gradatim.train.job import Job
    from gradatim.train.recipe import Recipe
    from gradatim.train.trainer import Trainer

    job = Job.new(Recipe())
    recipe, problem = job.recipe, job.problem
    train, test = (problem.tensors(part, "mse") for part in (problem.train, problem.validation))
    optimizer = recipe.make_optimizer(job.model)
    trainer = Trainer(job.model, "mse", optimizer, ["accuracy"], progress=False)
    while True:
        history = trainer.fit(train, test, epochs=1, batch_size=BATCH, shuffle=False)
        yield history.last["loss_sum"], history.last["accuracy"]


def torch_epochs(threads: int) -> Iterator[Epoch]:
    """Epochs of the deck's program, as a PyTorch user writes it today."""
    import torch
    from torch import nn

    from gradatim.data import mnist

    torch.set_num_threads(threads)
    digits = mnist()

    def pixels(images):
        return torch.tensor(images.reshape(len(images), -1) / 255.0, dtype=torch.float32)

    x, x_test = pixels(digits.train_images), pixels(digits.test_images)
    labels = torch.tensor(digits.train_labels.astype("int64"))
    labels_test = torch.tensor(digits.test_labels.astype("int64"))
    y = nn.functional.one_hot(labels).float()
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(784, 1000), nn.ReLU(), nn.Linear(1000, 500), nn.ReLU(),
        nn.Linear(500, 100), nn.ReLU(), nn.Linear(100, 10),
    )  # fmt: skip
    criterion = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE)
    while True:
        total = 0.0
        for i in range(0, len(x), BATCH):
            loss = criterion(model(x[i : i + BATCH]), y[i : i + BATCH])
            total += loss.item()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            accuracy = (model(x_test).argmax(1) == labels_test).float().mean().item()
        yield total, accuracy


def report(seconds: dict[str, list[float]], threads: int) -> None:
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print(f"\n{platform.machine()}, {threads} threads, median of {len(seconds['PyTorch'])} epochs")
    for name, median in medians.items():
        print(f"  {name:9} {median:6.2f} s  ({min(seconds[name]):.2f} to {max(seconds[name]):.2f})")
    print(f"  Gradatim / PyTorch: {medians['Gradatim'] / medians['PyTorch']:.2f}")


if __name__ == "__main__":
    main()
