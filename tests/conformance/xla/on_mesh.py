"""A program that trains a classifier on a mesh, and prints its losses and its memory as JSON.

python on_mesh.py '{"mesh": {"data": 8}, "epochs": 5, ...}'
"""

import json
import sys

import gradatim as gd
from gradatim import hosts, nn


class Losses(gd.train.Callback):
    """The loss of every step."""

    def __init__(self):
        self.found = []

    def on_batch_end(self, trainer, epoch, batch):
        self.found.append(trainer._unread[-1][0].item())


def main(mesh=None, epochs=5, rows=1280, batch=128, resume=False, asked=(), **options):
    hosts.join()
    gd.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 200), nn.ReLU(), nn.Linear(200, 10)
    )
    for place, spec in asked:
        gd.shard(model[place].weight, spec)
    x, y, *_ = gd.data.mnist()
    x, y = gd.tensor(x[:rows].reshape(rows, 784) / 255).float(), gd.tensor(y[:rows]).long()
    losses = Losses()
    optimizer = gd.optim.Adam(model.parameters(), lr=1e-3)
    trainer = gd.Trainer(
        model, "cross_entropy", optimizer, metrics=["accuracy"], callbacks=[losses], mesh=mesh,
        progress=False, seed=1, **options,
    )  # fmt: skip
    history = trainer.fit((x, y), epochs=epochs, batch_size=batch, resume=resume)
    found = {"losses": losses.found, "accuracy": history.last["accuracy"]}
    if mesh is not None:
        found["memory"] = trainer.memory()
    found["weights"] = [float(p.double().abs().sum()) for p in model.parameters()]
    print(json.dumps({"host": hosts.process()[0], **found}))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
