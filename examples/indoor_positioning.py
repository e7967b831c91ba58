"""Indoor positioning: on which floor, and where, a telephone is, from the radio networks it hears.

Data: UJIIndoorLoc (Torres-Sospedra et al. 2014), bundled: 1,111 fingerprints of 520 access points
in three buildings of the Universitat Jaume I. One network answers both questions: its first
outputs are classes (floors), its last two the position. Nearest neighbours, the usual method,
answer beside it.
"""

from __future__ import annotations

import numpy as np

import gradatim as gd
from gradatim import nn, optim
from gradatim.data import DataLoader, TensorDataset, UJIIndoorLoc, train_test_split
from gradatim.nn import functional as F

gd.manual_seed(0)
data = UJIIndoorLoc()

# A network that is not heard is 0; the others are from just above 0 to 1.
signals = ((data.signals + 110) / 110).astype(np.float32)
floors = data.columns["FLOOR"]
# Metres from the middle of the campus, in units of their spread.
center = data.positions.mean(axis=0)
spread = (data.positions - center).std()
places = ((data.positions - center) / spread).astype(np.float32)

train, test = train_test_split(len(data), test_size=0.2, seed=0)
FLOORS = int(floors.max()) + 1

model = nn.Sequential(
    nn.Linear(520, 256),
    nn.ReLU(),
    nn.Dropout(0.3),
    nn.Linear(256, 128),
    nn.ReLU(),
    nn.Dropout(0.3),
    nn.Linear(128, FLOORS + 2),
)
EPOCHS = 150
optimizer = optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
loader = DataLoader(
    TensorDataset(gd.tensor(signals[train]), gd.tensor(floors[train]), gd.tensor(places[train])),
    batch_size=32,
    shuffle=True,
    drop_last=True,
)
scheduler = optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, EPOCHS * len(loader))


@gd.compile
def step(x, floor, place):
    outputs = model(x)
    # Near zero squares, else distances: what counts is metres, not their squares.
    off = F.smooth_l1_loss(outputs[:, FLOORS:], place, beta=0.05)
    loss = F.cross_entropy(outputs[:, :FLOORS], floor) + 5 * off
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


for _ in range(EPOCHS):
    for x, floor, place in loader:
        # Some access points are switched off at random: others will be, on another day.
        step(x * (gd.rand(x.shape) > 0.1).float(), floor, place)
        scheduler.step()

model.eval()
with gd.no_grad():
    outputs = model(gd.tensor(signals[test])).numpy()


def report(name: str, floor: np.ndarray, place: np.ndarray) -> None:
    off = np.linalg.norm((place - places[test]) * spread, axis=1)
    print(
        f"{name:<20} floor {np.mean(floor == floors[test]):.3f} right, position off by "
        f"{np.median(off):.1f} m (median), {off.mean():.1f} m (mean)"
    )


print(f"{len(train)} fingerprints to learn from, {len(test)} to be asked about")
report("network", outputs[:, :FLOORS].argmax(axis=1), outputs[:, FLOORS:])

squares = (signals**2).sum(axis=1)
distances = squares[test][:, None] + squares[train] - 2 * signals[test] @ signals[train].T
near = train[np.argsort(distances, axis=1)[:, :3]]
report("3 nearest neighbours", floors[near[:, 0]], places[near].mean(axis=1))
report(
    "a guess",
    np.full(len(test), np.bincount(floors[train]).argmax()),
    np.broadcast_to(places[train].mean(axis=0), (len(test), 2)),
)
