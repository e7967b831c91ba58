"""Trainer: the loop, and what it says, records and refuses."""

import json
import re

import numpy as np
import pytest

import gradatim as gd
from gradatim import nn, optim
from gradatim.data import DataLoader, IterableDataset, TensorDataset
from gradatim.train import Callback, EarlyStopping, Trainer
from gradatim.train.progress import PlainProgress, clock


@pytest.fixture
def line():
    """Points on y = 3 x − 1."""
    x = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
    return x, 3 * x - 1


def make(lr=0.3, seed=0, **options):
    gd.manual_seed(seed)
    model = nn.Linear(1, 1)
    options = {"progress": False, **options}
    return Trainer(model, "mse", optim.SGD(model.parameters(), lr=lr), **options)


def test_a_line_is_found(line):
    trainer = make()
    trainer.fit(line, epochs=30, batch_size=10)
    assert trainer.model.weight.item() == pytest.approx(3, abs=1e-3)
    assert trainer.model.bias.item() == pytest.approx(-1, abs=1e-3)


def test_the_loss_is_the_mean_over_rows_and_its_sum_is_over_batches(line):
    """With a learning rate too small to matter, all batches see the same weights."""
    trainer = make(lr=1e-12)
    history = trainer.fit(line, epochs=1, batch_size=15, shuffle=False)
    x, y = line
    errors = (trainer.model(gd.tensor(x)) - gd.tensor(y)).detach().numpy() ** 2
    batches = [errors[:15].mean(), errors[15:30].mean(), errors[30:].mean()]
    assert history.last["loss"] == pytest.approx(errors.mean(), rel=1e-5)
    assert history.last["loss_sum"] == pytest.approx(sum(batches), rel=1e-5)


def test_the_steps_are_those_of_a_loop_written_by_hand(line):
    """The same seed: the same shuffles, and the same weights to the bit."""
    trainer = make()
    trainer.fit(line, epochs=3, batch_size=7)
    gd.manual_seed(0)
    model = nn.Linear(1, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.3)
    loader = DataLoader(TensorDataset(*map(gd.tensor, line)), batch_size=7, shuffle=True)
    for _ in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()
    assert trainer.model.weight.item() == model.weight.item()
    assert trainer.model.bias.item() == model.bias.item()


def test_a_batch_larger_than_the_data_is_one_batch(line):
    history = make().fit(line, epochs=1, batch_size=1000)
    assert history.last["loss_sum"] == history.last["loss"]


def test_validation_metrics_and_the_best_epoch(line):
    trainer = make(metrics=["mae", "r2"], monitor="validation_loss")
    history = trainer.fit(line, validation=line, epochs=4)
    assert list(history.last) == [
        "epoch", "loss", "loss_sum", "learning_rate", "validation_loss", "mae", "r2", "seconds",
    ]  # fmt: skip
    values = trainer.evaluate(line)
    assert values["loss"] == history.last["validation_loss"]
    assert values["mae"] == history.last["mae"]
    assert history.best_epoch == 1 + int(np.argmin(history["validation_loss"]))


def test_metrics_without_validation_are_taken_on_the_training_batches():
    x = gd.tensor([[1.0, 0.0], [0.0, 1.0]] * 10)
    model = nn.Linear(2, 2, bias=False)
    with gd.no_grad():
        model.weight.copy_(gd.eye(2))
    trainer = Trainer(
        model, "cross_entropy", optim.SGD(model.parameters(), lr=1e-9), ["accuracy"], progress=False
    )
    history = trainer.fit((x, gd.tensor([0, 1, 0, 0] * 5)), epochs=1, batch_size=3)
    assert history.last["accuracy"] == 0.75


def test_the_best_weights_can_be_restored(line):
    class Spoil(Callback):
        """From the third epoch on, everything gets worse."""

        def on_epoch_begin(self, trainer, epoch):
            if epoch >= 3:
                for group in trainer.optimizer.param_groups:
                    group["lr"] = -0.3

    trainer = make(callbacks=[Spoil()])
    history = trainer.fit(line, validation=line, epochs=5)
    assert history.best_epoch == 2
    trainer.restore_best()
    assert trainer.evaluate(line)["loss"] == history.best["validation_loss"]


def test_evaluation_does_not_depend_on_the_batches_and_draws_nothing(line):
    x, y = np.tile(line[0], (60, 1)), np.tile(line[1], (60, 1))  # 2,400 rows: three batches
    trainer = make(metrics=["rmse"])
    state = gd.get_rng_state().tolist()
    values = trainer.evaluate((x, y))
    assert gd.get_rng_state().tolist() == state
    errors = trainer.model(gd.tensor(x)).detach().numpy() - y
    assert values["loss"] == pytest.approx(np.mean(errors**2), rel=1e-5)
    assert values["rmse"] == pytest.approx(trainer.evaluate(line)["rmse"], rel=1e-6)
    assert trainer.predict(x).shape == (2400, 1)


def test_dropout_is_off_in_evaluation_and_on_in_training():
    modes = []

    class Look(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(1, 1)

        def forward(self, x):
            modes.append(self.training)
            return self.layer(x)

    model = Look()
    trainer = Trainer(model, "mse", optim.SGD(model.parameters(), lr=0.1), progress=False)
    trainer.fit((gd.ones(4, 1), gd.ones(4, 1)), (gd.ones(4, 1), gd.ones(4, 1)), epochs=2)
    assert modes[0] is True
    assert False in modes


def test_loaders_datasets_and_streams_without_length(line):
    dataset = TensorDataset(*map(gd.tensor, line))

    class Stream(IterableDataset):
        def __iter__(self):
            return iter(dataset)

    for data in (dataset, DataLoader(dataset, batch_size=32), DataLoader(Stream(), batch_size=32)):
        trainer = make()
        losses = trainer.fit(data, epochs=20, shuffle=False)["loss"]
        assert losses[-1] < losses[0] / 5


def test_double_precision_from_numpy_is_taken_as_our_default():
    x = np.ones((4, 1))
    make().fit((x, x), epochs=1)


# Callbacks, stopping, schedulers


def test_callbacks_are_called_in_order(line):
    calls = []

    class Note(Callback):
        def on_train_begin(self, trainer):
            calls.append("begin")

        def on_epoch_begin(self, trainer, epoch):
            calls.append(f"epoch {epoch}")

        def on_batch_end(self, trainer, epoch, batch):
            calls.append(f"batch {batch}")

        def on_epoch_end(self, trainer, record):
            calls.append(f"end {record['epoch']}")

        def on_train_end(self, trainer):
            calls.append("over")

    make(callbacks=[Note()]).fit(line, epochs=2, batch_size=20)
    epoch = ["batch 1", "batch 2"]
    assert calls == ["begin", "epoch 1", *epoch, "end 1", "epoch 2", *epoch, "end 2", "over"]


def test_early_stopping_waits_for_its_patience(line, capsys):
    trainer = make(lr=0.0, callbacks=[EarlyStopping(patience=3)], progress=PlainProgress())
    assert len(trainer.fit(line, validation=line, epochs=50)) == 4
    assert "Stopped early: no better validation loss for 3 epochs." in capsys.readouterr().out


def test_early_stopping_on_something_that_is_not_recorded(line):
    with pytest.raises(gd.ArgumentError, match="'accuracy' cannot be monitored: an epoch records"):
        make(callbacks=[EarlyStopping("accuracy")]).fit(line, epochs=1)


def test_a_scheduler_steps_after_each_epoch(line):
    trainer = make()
    trainer.scheduler = optim.lr_scheduler.StepLR(trainer.optimizer, step_size=2, gamma=0.5)
    assert trainer.fit(line, epochs=5)["learning_rate"] == [0.3, 0.3, 0.15, 0.15, 0.075]


def test_one_cycle_steps_after_each_batch(line):
    trainer = make()
    schedule = optim.lr_scheduler.OneCycleLR(trainer.optimizer, max_lr=0.5, total_steps=8)
    trainer.scheduler = schedule
    trainer.fit(line, epochs=2, batch_size=10)
    assert schedule.last_epoch == 8


def test_reduce_on_plateau_sees_the_monitored_value(line):
    trainer = make(lr=1e-6)
    trainer.scheduler = optim.lr_scheduler.ReduceLROnPlateau(
        trainer.optimizer, patience=1, threshold=0.1
    )
    rates = trainer.fit(line, validation=line, epochs=5)["learning_rate"]
    assert rates == pytest.approx([1e-6, 1e-6, 1e-6, 1e-7, 1e-7])


# What it says


def test_one_line_per_epoch_where_there_is_no_terminal(line, capsys):
    make(progress=True, metrics=["mae"]).fit(line, validation=line, epochs=10)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert re.fullmatch(r"Epoch  1/10   Loss \d\.\d{6}   MAE [\d.]+   [\d.]+ s", lines[0])
    assert lines[9].startswith("Epoch 10/10   Loss ")


def test_durations_for_people():
    assert [clock(s) for s in (0.0312, 2.94, 59.97, 93, 3725)] == [
        "0.03 s", "2.9 s", "1 min 0 s", "1 min 33 s", "1 h 2 min",
    ]  # fmt: skip


# What it refuses


@pytest.mark.parametrize("epochs", [0, -1, 2.5])
def test_no_epochs(line, epochs):
    with pytest.raises(gd.ArgumentError, match=r"epochs is .*: it has to be a whole number"):
        make().fit(line, epochs=epochs)


@pytest.mark.parametrize("batch_size", [0, -5])
def test_no_batch(line, batch_size):
    with pytest.raises(gd.ArgumentError, match=r"batch_size is .*at least 1"):
        make().fit(line, batch_size=batch_size)


def test_data_that_does_not_fit_together(line):
    with pytest.raises(gd.ShapeError, match="40 rows of inputs and 39 of targets"):
        make().fit((line[0], line[1][:-1]))
    with pytest.raises(gd.DataError, match="no rows to train on"):
        make().fit((line[0][:0], line[1][:0]))
    with pytest.raises(gd.ArgumentTypeError, match=r"is a ndarray: expected \(inputs, targets\)"):
        make().fit(line[0])


def test_an_unknown_loss_lists_the_known_ones():
    with pytest.raises(gd.ArgumentError, match="no loss 'mse_loss': choose from mse, l1"):
        Trainer(nn.Linear(1, 1), "mse_loss", None)


# Losses that are not finite


def test_a_diverging_loss_names_epoch_batch_and_largest_weight(line):
    trainer = make(lr=1e6, seed=1)
    with pytest.raises(gd.NonFiniteError) as caught:
        trainer.fit(line, epochs=50, batch_size=20, shuffle=False)
    assert re.fullmatch(
        r"the loss became (inf|nan) in epoch \d+, batch [12] of 2: the largest weight before it "
        r"was [\d.]+e\+\d+ in (weight|bias); try a learning rate below 1e\+06, or look for extreme "
        r"values in the data; the model has its weights after epoch \d+ again",
        str(caught.value),
    )
    assert np.isfinite(trainer.model.weight.item())


def test_the_largest_weight_is_the_one_just_before(line):
    """Weights that grow by a known factor: w ← w − 1e10 · ∂(w²)/∂w, about −2e10 w each step."""
    x = np.ones((4, 1), np.float32)
    model = nn.Linear(1, 1, bias=False)
    with gd.no_grad():
        model.weight.fill_(1.0)
    trainer = Trainer(model, "mse", optim.SGD(model.parameters(), lr=1e10), progress=False)
    with pytest.raises(gd.NonFiniteError, match=r"epoch 1, batch 3 of 4: .* was 4e\+20 in weight"):
        trainer.fit((x, 0 * x), epochs=2, batch_size=1, shuffle=False)
    assert model.weight.item() == 1.0


def test_weights_that_break_in_the_last_batch_are_noticed_before_they_are_saved(tmp_path):
    """The loss of the last batch is finite, and only its update is not."""
    model = nn.Linear(1, 1, bias=False)
    with gd.no_grad():
        model.weight.fill_(1e19)
    trainer = Trainer(
        model, "l1", optim.SGD(model.parameters(), lr=1e38), run_dir=tmp_path / "r", progress=False
    )
    x = np.full((1, 1), 100, np.float32)
    with pytest.raises(gd.NonFiniteError, match=r"weight became NaN or infinite in epoch 1"):
        trainer.fit((x, x), epochs=1, batch_size=1)
    assert model.weight.item() == pytest.approx(1e19)
    assert not (tmp_path / "r" / "model.safetensors").exists()


def test_data_with_nan_is_blamed_on_the_data(line):
    x, y = line[0].copy(), line[1]
    x[25] = np.nan
    with pytest.raises(gd.NonFiniteError, match=r"batch 3 of 4: the batch's inputs hold NaN"):
        make().fit((x, y), epochs=1, batch_size=10, shuffle=False)


def test_the_last_good_checkpoint_is_kept(line, tmp_path):
    class Explode(Callback):
        def on_epoch_begin(self, trainer, epoch):
            if epoch == 3:
                for group in trainer.optimizer.param_groups:
                    group["lr"] = 1e30

    trainer = make(callbacks=[Explode()], run_dir=tmp_path / "run")
    with pytest.raises(gd.NonFiniteError, match=r"epoch 3, .* checkpoint after epoch 2") as caught:
        trainer.fit(line, epochs=5, batch_size=10)
    # The search for the weight that grew took the steps that the callback had made so large.
    assert re.search(r"largest weight before it was \d\.\d+e\+\d\d in", str(caught.value))
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(text)["epoch"] for text in lines] == [1, 2]
    again = make(run_dir=tmp_path / "run")
    assert len(again.fit(line, epochs=5, batch_size=10, resume=True)) == 5
