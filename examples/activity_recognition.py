"""Activity recognition: standing, running, walking, or badminton, from a smart watch.

Data: BasicMotions (Clements, of the UEA archive of time series), bundled: 40 cases to learn from
and 40 to be asked about, each of 100 steps (10 s) of acceleration and rotation in three
directions. A gated recurrent network reads the steps, and the state after the last one is
classified. Five seeds, as 40 cases are few.
"""

from __future__ import annotations

import statistics

import numpy as np

import gradatim as gd
from gradatim import nn, optim
from gradatim.data import BasicMotions
from gradatim.nn import functional as F

EPOCHS, SEEDS = 300, 5


def load(train: bool) -> tuple[np.ndarray, np.ndarray]:
    cases = BasicMotions(train)
    series = np.stack([np.asarray(case).T for case, _ in cases])  # (cases, steps, channels)
    return series.astype(np.float32), np.array([label for _, label in cases])


class Watch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.GRU(6, 64, batch_first=True)
        self.drop = nn.Dropout(0.3)
        self.linear = nn.Linear(64, 4)

    def forward(self, series: gd.Tensor) -> gd.Tensor:
        states, _ = self.recurrent(self.drop(series))
        return self.linear(self.drop(states[:, -1]))


def train_and_ask(seed: int) -> np.ndarray:
    """The answers to the test cases."""
    gd.manual_seed(seed)
    model = Watch()
    optimizer = optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.01)
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, EPOCHS * 4, cycle_momentum=False)

    @gd.compile
    def step(series: gd.Tensor, wanted: gd.Tensor) -> None:
        loss = F.cross_entropy(model(series), wanted)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    for _ in range(EPOCHS):
        for part in gd.randperm(len(inputs)).split(10):
            step(inputs[part], labels[part])
            scheduler.step()
    model.eval()
    with gd.no_grad():
        return model(gd.tensor(asked)).argmax(1).numpy()


seen, targets = load(train=True)
asked, answers = load(train=False)
mean, spread = seen.mean(axis=(0, 1)), seen.std(axis=(0, 1))
asked = (asked - mean) / spread
inputs, labels = gd.tensor((seen - mean) / spread), gd.tensor(targets)

said = [train_and_ask(seed) for seed in range(SEEDS)]
right = [float(np.mean(one == answers)) for one in said]
print(f"{len(seen)} cases to learn from, {len(asked)} to be asked about")
print(f"accuracy of {SEEDS} seeds: {', '.join(f'{one:.3f}' for one in right)}")
print(f"median {statistics.median(right):.3f}")
classes = BasicMotions().classes
for number, name in enumerate(classes):
    of_class = np.concatenate([one[answers == number] for one in said])
    counts = {classes[k]: int(n) for k, n in enumerate(np.bincount(of_class, minlength=4)) if n}
    print(f"{name:<10} was taken for {counts}")
