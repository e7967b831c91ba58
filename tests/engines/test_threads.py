"""Training gives the same bits on any number of threads.

The number is read when an engine first runs, so each run is a process of its own.
"""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]

STEPS = '''
import hashlib, random, sys
import numpy as np
import gradatim as gd
from gradatim import nn

seed = int(sys.argv[1])
rng = random.Random(seed)
gd.manual_seed(seed)

def mlp():
    """Widths that leave odd pieces, and layers large enough to be cut into several."""
    widths = [rng.choice((7, 64, 100, 333))]
    layers = []
    for _ in range(rng.choice((1, 2, 3))):
        widths.append(rng.choice((10, 33, 128, 257, 500)))
        layers.append(nn.Linear(widths[-2], widths[-1]))
        layers.append(rng.choice((nn.ReLU, nn.Tanh, nn.Sigmoid))())
        if rng.random() < 0.3:
            layers.append(nn.Dropout(0.25))
    layers.append(nn.Linear(widths[-1], 10))
    return nn.Sequential(*layers), (widths[0],)

def cnn():
    channels = rng.choice((1, 3))
    side = rng.choice((12, 17))
    layers = [nn.Conv2d(channels, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
              nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten()]
    inside = (side // 2 - 2) ** 2 * 16
    return nn.Sequential(*layers, nn.Linear(inside, 10)), (channels, side, side)

kind = sys.argv[2]
model, shape = {"mlp": mlp, "cnn": cnn}[kind]()
batch = rng.choice((1, 50, 129, 400)) if kind == "mlp" else rng.choice((5, 32))
optimizer = rng.choice((
    lambda ps: gd.optim.SGD(ps, lr=0.05),
    lambda ps: gd.optim.SGD(ps, lr=0.05, momentum=0.9, weight_decay=1e-3),
    lambda ps: gd.optim.Adam(ps, lr=1e-3),
))(model.parameters())
criterion = nn.CrossEntropyLoss()

@gd.compile
def step(x, y):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    return loss

data = np.random.default_rng(seed)
found = hashlib.sha256()
for _ in range(4):
    x = gd.tensor(data.normal(size=(batch, *shape)).astype(np.float32))
    y = gd.tensor(data.integers(0, 10, batch))
    loss = step(x, y)
    found.update(loss.detach().numpy().tobytes())
for parameter in model.parameters():
    found.update(parameter.detach().numpy().tobytes())
assert np.isfinite(loss.item())
print(found.hexdigest())
'''


def trained(engine, threads, seed, kind):
    environment = os.environ | {
        "GRADATIM_ENGINE": engine.name,
        "GRADATIM_NUM_THREADS": str(threads),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", STEPS, str(seed), kind],
        capture_output=True, text=True, env=environment, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("seed", range(4))
def test_a_perceptron_trains_to_the_same_bits_on_1_2_and_4_threads(engine, seed):
    one, two, four = (trained(engine, threads, seed, "mlp") for threads in (1, 2, 4))
    assert len(one) == 64
    assert one == two == four


@pytest.mark.parametrize("seed", range(2))
def test_a_convolutional_network_does_too(engine, seed):
    one, two, four = (trained(engine, threads, seed, "cnn") for threads in (1, 2, 4))
    assert one == two == four
