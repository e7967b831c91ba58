"""A run that was interrupted and continued ends with the same bits as one that never was.

The training here has everything that could go astray: shuffling, dropout, Adam's moments, a
schedule, early stopping's count, an epoch whose last batch is smaller.
"""

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import gradatim as gd
from gradatim import nn, optim
from gradatim.data import DataLoader, TensorDataset
from gradatim.train import Callback, EarlyStopping, Run, Trainer, TrainingInterrupted, trainer

EPOCHS, BATCH, BATCHES = 6, 12, 5


@pytest.fixture
def data():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(50, 4)).astype(np.float32)
    return x, (x @ np.float32([1, -2, 0.5, 3]) > 0).astype(np.int64)


class InterruptAt(Callback):
    """Ctrl-C while this batch runs."""

    def __init__(self, epoch, batch):
        self.moment = (epoch, batch)

    def on_batch_end(self, trainer, epoch, batch):
        if (epoch, batch) == self.moment:
            os.kill(os.getpid(), signal.SIGINT)


def make(folder, callbacks=(), scheduler="step", patience=50):
    gd.manual_seed(7)
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.4), nn.Linear(16, 2))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    schedulers = {
        "step": lambda: optim.lr_scheduler.StepLR(optimizer, 2, 0.5),
        "one cycle": lambda: optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=0.05, total_steps=EPOCHS * BATCHES
        ),
        "plateau": lambda: optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0),
    }
    return Trainer(
        model,
        "cross_entropy",
        optimizer,
        metrics=["accuracy"],
        monitor="validation_loss",
        callbacks=[EarlyStopping(patience=patience), *callbacks],
        scheduler=schedulers[scheduler](),
        run_dir=folder,
        progress=False,
    )


def fit(trainer, data, resume=False):
    return trainer.fit(
        data, validation=data, epochs=EPOCHS, batch_size=BATCH, shuffle=True, resume=resume
    )


def fingerprint(folder):
    """All that a run leaves, without the times."""
    files = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("model.safetensors",)
    }
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return files, [{k: v for k, v in record.items() if k != "seconds"} for record in records]


def weights(trainer):
    return {name: value.numpy().tobytes() for name, value in trainer.model.state_dict().items()}


@pytest.mark.parametrize("scheduler", ["step", "one cycle", "plateau"])
@pytest.mark.parametrize("moment", [(1, 1), (2, 3), (3, BATCHES), (EPOCHS, BATCHES - 1)], ids=str)
def test_ctrl_c_and_resume(tmp_path, data, moment, scheduler):
    whole = make(tmp_path / "whole", scheduler=scheduler)
    fit(whole, data)
    with pytest.raises(TrainingInterrupted):
        fit(make(tmp_path / "parts", [InterruptAt(*moment)], scheduler), data)
    gd.manual_seed(99)  # whatever happened in between
    continued = make(tmp_path / "parts", scheduler=scheduler)
    history = fit(continued, data, resume=True)
    assert weights(continued) == weights(whole)
    assert fingerprint(tmp_path / "parts") == fingerprint(tmp_path / "whole")
    assert len(history) == EPOCHS


def test_interrupted_again_and_again(tmp_path, data):
    whole = make(tmp_path / "whole")
    fit(whole, data)
    moments = [(1, 2), (1, 4), (2, 5), (4, 1), (4, 2), (6, 5)]
    resume = False
    for moment in moments:
        with contextlib.suppress(TrainingInterrupted):
            fit(make(tmp_path / "parts", [InterruptAt(*moment)]), data, resume)
        resume = True
    fit(make(tmp_path / "parts"), data, resume=True)
    assert fingerprint(tmp_path / "parts") == fingerprint(tmp_path / "whole")


def test_early_stopping_counts_on(tmp_path, data):
    """With weights that never move: best after epoch 1, and out of patience after epoch 4."""

    def still(*callbacks):
        trainer = make(tmp_path / "run", callbacks, patience=3)
        trainer.optimizer = optim.SGD(trainer.model.parameters(), lr=0.0)
        trainer.scheduler = None
        return trainer

    with pytest.raises(TrainingInterrupted):
        fit(still(InterruptAt(4, 2)), data)
    history = fit(still(), data, resume=True)
    assert (len(history), history.best_epoch) == (4, 1)


def test_a_loaders_own_generator_is_restored(tmp_path, data):
    def loader():
        dataset = TensorDataset(*map(gd.tensor, data))
        generator = gd.Generator().manual_seed(3)
        return DataLoader(dataset, batch_size=BATCH, shuffle=True, generator=generator)

    fit(make(tmp_path / "whole"), loader())
    with pytest.raises(TrainingInterrupted):
        fit(make(tmp_path / "parts", [InterruptAt(3, 2)]), loader())
    fit(make(tmp_path / "parts"), loader(), resume=True)
    assert fingerprint(tmp_path / "parts") == fingerprint(tmp_path / "whole")


def test_a_finished_run_is_left_as_it_is(tmp_path, data):
    fit(make(tmp_path / "run"), data)
    before = fingerprint(tmp_path / "run")
    history = fit(make(tmp_path / "run"), data, resume=True)
    assert len(history) == EPOCHS
    assert fingerprint(tmp_path / "run") == before


def test_a_run_without_a_checkpoint_begins_anew(tmp_path, data):
    """Killed right after config.json was written."""
    Run.create(tmp_path / "run", {})
    fit(make(tmp_path / "run"), data, resume=True)
    fit(make(tmp_path / "whole"), data)
    assert fingerprint(tmp_path / "run") == fingerprint(tmp_path / "whole")


def test_killed_between_any_two_writes(tmp_path, data, monkeypatch):
    """Whichever file was the last to be written, the run continues to the same end."""
    monkeypatch.setattr(trainer, "SAVE_AFTER_EPOCH", 0)
    fit(make(tmp_path / "whole"), data)
    import gradatim.train.files as files

    class Killed(BaseException):
        pass

    write = files.write_file
    writes = 0
    for last in range(1, 18):
        writes = 0
        folder = tmp_path / f"killed-after-{last}"

        def counted(path, content, last=last):
            nonlocal writes
            if writes == last:
                raise Killed
            writes += 1
            write(path, content)

        monkeypatch.setattr(files, "write_file", counted)
        monkeypatch.setattr("gradatim.train.run.write_file", counted)
        with pytest.raises(Killed):
            fit(make(folder), data)
        monkeypatch.setattr(files, "write_file", write)
        monkeypatch.setattr("gradatim.train.run.write_file", write)
        fit(make(folder), data, resume=True)
        assert fingerprint(folder) == fingerprint(tmp_path / "whole"), f"after write {last}"


SCRIPT = """
import sys
sys.path[:0] = {paths!r}
import numpy as np
import test_resume as t
from gradatim.train import trainer
trainer.SAVE_AFTER_EPOCH = trainer.SAVE_WITHIN_EPOCH = 0.0
t.EPOCHS, t.BATCH = 120, 2
generator = np.random.default_rng(0)
x = generator.normal(size=(50, 4)).astype(np.float32)
y = (x @ np.float32([1, -2, 0.5, 3]) > 0).astype(np.int64)
from pathlib import Path
print("ready", flush=True)
t.fit(t.make(Path({folder!r})), (x, y), resume={resume})
"""


PATHS = [str(Path(__file__).resolve().parent), str(Path(gd.__file__).resolve().parents[1])]


def start(folder, resume):
    script = SCRIPT.format(paths=PATHS, folder=str(folder), resume=resume)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    return process


def test_kill_9_at_random_moments(tmp_path):
    """Saving after every batch, so that most kills hit a file being written."""
    randomness = random.Random(0)
    folder = tmp_path / "killed"
    resume = False
    for _ in range(5):
        process = start(folder, resume)
        time.sleep(randomness.uniform(0.02, 0.7))
        process.kill()
        process.communicate()
        resume = (folder / "config.json").exists()
    seen = Run.open(folder).read_checkpoint()
    assert seen is None or seen[1]["position"]["epoch"] < 120
    # Both are brought to the same, near end: 40 epochs instead of 120.
    for path, again in ((folder, True), (tmp_path / "whole", False)):
        script = SCRIPT.replace("0.0", "60.0").format(paths=PATHS, folder=str(path), resume=again)
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert fingerprint(folder) == fingerprint(tmp_path / "whole")
    assert not list(folder.glob(".*"))


# What it refuses


def test_a_folder_with_a_run_is_not_overwritten(tmp_path, data):
    fit(make(tmp_path / "run"), data)
    with pytest.raises(gd.CheckpointError, match="already holds a run: continue it"):
        fit(make(tmp_path / "run"), data)


def test_a_folder_with_other_things_is_not_used(tmp_path, data):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(gd.CheckpointError, match="is not empty: a run needs a folder of its own"):
        fit(make(tmp_path), data)
    with pytest.raises(gd.CheckpointError, match=r"thesis\.txt is a file"):
        fit(make(tmp_path / "thesis.txt"), data)


def test_another_optimizer_cannot_continue(tmp_path, data):
    fit(make(tmp_path / "run"), data)
    other = make(tmp_path / "run")
    other.optimizer = optim.SGD(other.model.parameters(), lr=0.1)
    with pytest.raises(gd.CheckpointError, match="made with Adam; it cannot be continued with SGD"):
        fit(other, data, resume=True)


def test_less_data_cannot_continue_an_epoch(tmp_path, data):
    with pytest.raises(TrainingInterrupted):
        fit(make(tmp_path / "run", [InterruptAt(2, 4)]), data)
    with pytest.raises(gd.CheckpointError, match="after batch 4 of an epoch; this data has only 2"):
        fit(make(tmp_path / "run"), (data[0][:20], data[1][:20]), resume=True)


def test_what_is_not_a_run(tmp_path):
    with pytest.raises(gd.CheckpointError, match="there is no run at"):
        Run.open(tmp_path / "nowhere")
    with pytest.raises(gd.CheckpointError, match=r"is not a run: it has no config\.json"):
        Run.open(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(gd.CheckpointError, match=r"config\.json is damaged: it is not JSON"):
        Run.open(tmp_path)
    (tmp_path / "config.json").write_text('{"format": 3, "gradatim": "9.9"}')
    with pytest.raises(gd.CheckpointError, match=r"was made by Gradatim 9\.9 \(file format 3\)"):
        Run.open(tmp_path)
    (tmp_path / "config.json").write_text('{"name": "someone else"}')
    with pytest.raises(gd.CheckpointError, match="was not written by Gradatim"):
        Run.open(tmp_path)
