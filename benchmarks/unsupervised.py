"""What an autoencoder learned without labels is worth: a linear classifier on its codes.

    python benchmarks/unsupervised.py [RUN]

Two linear classifiers are trained with the labels of the same 1,000 training digits: on the 32
codes of an autoencoder, and on the first 32 principal components. Both were found on the training
digits without a label; both are standardized; the weight decay of each classifier is chosen by
five-fold cross-validation within the 1,000. RUN is the autoencoder's; without it, one is trained.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from typing import Any

import numpy as np

import gradatim as gd
from gradatim import nn, optim
from gradatim.data import mnist
from gradatim.nn import functional as F
from gradatim.train.job import Job
from gradatim.train.recipe import Recipe

LABELS, CODES, DRAWS, FOLDS = 1000, 32, 5, 5
DECAYS = (1e-4, 1e-3, 1e-2, 3e-2)
BAR = 0.88


def train_linear(x: np.ndarray, y: np.ndarray, decay: float, steps: int = 400) -> nn.Linear:
    """Multinomial logistic regression with the whole data in each step."""
    gd.manual_seed(0)
    model = nn.Linear(x.shape[1], 10)
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    inputs, labels = gd.tensor(x), gd.tensor(y)

    @gd.compile
    def step() -> Any:
        loss = F.cross_entropy(model(inputs), labels) + decay * (model.weight**2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    for _ in range(steps):
        step()
    return model


def accuracy(model: nn.Linear, x: np.ndarray, y: np.ndarray) -> float:
    with gd.no_grad():
        return float((model(gd.tensor(x)).numpy().argmax(1) == y).mean())


def choose_decay(x: np.ndarray, y: np.ndarray) -> float:
    """The weight decay with the best cross-validated accuracy."""
    fold = np.arange(len(x)) % FOLDS

    def score(decay: float) -> float:
        parts = [(x[fold != k], y[fold != k], x[fold == k], y[fold == k]) for k in range(FOLDS)]
        return statistics.mean(
            accuracy(train_linear(a, b, decay, steps=150), c, d) for a, b, c, d in parts
        )

    return max(DECAYS, key=score)


def standardized(train: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    mean, deviation = train.mean(axis=0), train.std(axis=0) + 1e-8
    return [((one - mean) / deviation).astype(np.float32) for one in (train, *others)]


def components(train: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """The first principal components, by the covariance of the training rows."""
    mean = train.mean(axis=0, dtype=np.float64)
    covariance = np.cov(train.T, dtype=np.float64)
    _, vectors = np.linalg.eigh(covariance)
    return [(one - mean) @ vectors[:, ::-1][:, :CODES] for one in (train, *others)]


def measure(model: Any) -> dict[str, Any]:
    """Test accuracies on codes and on components, for some draws of the 1,000 labelled digits.

    Args:
        model: the `Predictor` of an autoencoder of digits.
    """
    digits = mnist()
    train, test = (
        one.reshape(len(one), -1) / np.float32(255)
        for one in (digits.train_images, digits.test_images)
    )
    labels, answers = digits.train_labels.astype(np.int64), digits.test_labels.astype(np.int64)
    features = {
        "codes": standardized(_encode(model, train), _encode(model, test)),
        "components": standardized(*components(train, test)),
    }
    found: dict[str, Any] = {name: [] for name in features}
    for draw in range(DRAWS):
        rows = np.random.RandomState(draw).permutation(len(train))[:LABELS]
        for name, (seen, asked) in features.items():
            decay = choose_decay(seen[rows], labels[rows])
            linear = train_linear(seen[rows], labels[rows], decay)
            found[name].append(accuracy(linear, asked, answers))
    return found


def _encode(model: Any, rows: np.ndarray) -> np.ndarray:
    return np.concatenate([model.encode(part) for part in np.array_split(rows, 20)])


def main(arguments: list[str]) -> int:
    if arguments:
        model = gd.load(arguments[0])
    else:
        job = Job.new(Recipe(model="autoencoder", data="mnist"))
        with tempfile.TemporaryDirectory() as folder:
            job.fit(job.create_run(folder), progress=False)
        job.trainer.restore_best()
        model = job.model
    found = measure(model)
    codes, others = (statistics.median(found[name]) for name in ("codes", "components"))
    for name, values in found.items():
        print(f"{name}: median {statistics.median(values):.4f} of {values}")
    reached = codes >= BAR and codes > others
    print(f"bar {BAR}, and above the components: {'reached' if reached else 'MISSED'}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
