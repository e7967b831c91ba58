"""Healthcare: is a tumour of the breast malignant? With probabilities that mean what they say.

Data: Breast Cancer Wisconsin (Street, Wolberg & Mangasarian 1993), from scikit-learn: 30 measures
of cell nuclei of 569 women. Every woman is judged by a network that did not see her (ten folds).
The probabilities are calibrated by one temperature (Guo et al. 2017, *On calibration of modern
neural networks*): the logits of each fold are divided by the T that fits the other nine best.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer

import gradatim as gd
from gradatim import nn, optim
from gradatim.nn import functional as F

FOLDS, EPOCHS = 10, 60
table = load_breast_cancer()
# In scikit-learn's table 0 is malignant: here 1 is, what is looked for.
x, y = table.data.astype(np.float32), (1 - table.target).astype(np.int64)


def train(inputs: np.ndarray, labels: np.ndarray, seed: int) -> nn.Module:
    gd.manual_seed(seed)
    model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 2))
    optimizer = optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    rows, targets = gd.tensor(inputs), gd.tensor(labels)

    @gd.compile
    def step(batch, wanted):
        loss = F.cross_entropy(model(batch), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for _ in range(EPOCHS):
        order = gd.randperm(len(rows))
        for part in order.split(32)[:-1]:
            step(rows[part], targets[part])
    return model.eval()


def logits(model: nn.Module, inputs: np.ndarray) -> np.ndarray:
    with gd.no_grad():
        return model(gd.tensor(inputs)).numpy()


def probabilities(values: np.ndarray, temperature: float) -> np.ndarray:
    """That of class 1."""
    return 1 / (1 + np.exp(-(values[:, 1] - values[:, 0]) / temperature))


def log_loss(p: np.ndarray, labels: np.ndarray) -> float:
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return float(-np.mean(np.where(labels == 1, np.log(p), np.log(1 - p))))


def calibration_error(p: np.ndarray, labels: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error: how far stated probabilities are from shares, on average."""
    which = np.minimum((p * bins).astype(int), bins - 1)
    parts = [which == k for k in range(bins)]
    return sum(
        part.mean() * abs(p[part].mean() - labels[part].mean()) for part in parts if part.any()
    )


TEMPERATURES = np.geomspace(0.3, 5, 60)
fold = np.random.RandomState(0).permutation(len(x)) % FOLDS
judged = np.zeros((len(x), 2))
for k in range(FOLDS):
    test = fold == k
    mean, spread = x[~test].mean(axis=0), x[~test].std(axis=0)
    inputs = (x - mean) / spread
    judged[test] = logits(train(inputs[~test], y[~test], seed=k), inputs[test])

plain, calibrated, found = probabilities(judged, 1.0), np.zeros(len(x)), []
for k in range(FOLDS):
    others = fold != k
    losses = [log_loss(probabilities(judged[others], t), y[others]) for t in TEMPERATURES]
    found.append(float(TEMPERATURES[int(np.argmin(losses))]))
    calibrated[~others] = probabilities(judged[~others], found[-1])

print(f"{len(x)} women, each judged by a network that did not see her")
for name, p in (("as trained", plain), ("calibrated", calibrated)):
    print(
        f"{name}: accuracy {np.mean((p > 0.5) == y):.4f}, log loss {log_loss(p, y):.4f}, "
        f"calibration error {calibration_error(p, y):.4f}"
    )
print(f"temperatures {min(found):.2f} to {max(found):.2f}")

answers = (calibrated > 0.5).astype(int)
counts = [[int(np.sum((y == a) & (answers == b))) for b in (0, 1)] for a in (0, 1)]
print("\n                 said benign   said malignant")
for name, row in zip(("benign", "malignant"), counts):
    print(f"{name:<15} {row[0]:>12} {row[1]:>16}")
careful = calibrated > 0.1
print(
    f"sent on when malignant is likelier than 10%: {np.sum(careful & (y == 1))} of {y.sum()} "
    f"malignant, {np.sum(careful & (y == 0))} of {np.sum(y == 0)} benign"
)

if len(sys.argv) > 1:
    from gradatim.explain import pictures

    figure = pictures.confusion_matrix(y, answers, ["benign", "malignant"])
    print(f"Drew {pictures.save(figure, Path(sys.argv[1]))}.")
