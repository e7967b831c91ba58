"""One script under two libraries: what most tests of modules here are made of."""

from __future__ import annotations

from collections import OrderedDict

import torch

import gradatim as gd
from gradatim import nn as gd_nn

LIBRARIES = ((gd, gd_nn), (torch, torch.nn))


def both(script):
    """What the script gives under each library."""
    return tuple(script(lib, nn) for lib, nn in LIBRARIES)


def numbers(tensor):
    return tensor.detach().numpy().tolist()


def state_of(module):
    return {name: numbers(value) for name, value in module.state_dict().items()}


def classifier(nn):
    """The deck's: 784-1000-500-100-10."""
    return nn.Sequential(
        nn.Linear(784, 1000),
        nn.ReLU(),
        nn.Linear(1000, 500),
        nn.ReLU(),
        nn.Linear(500, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )


def nested(nn):
    class Block(nn.Module):
        def __init__(self, width, rate):
            super().__init__()
            self.first = nn.Linear(width, width, bias=False)
            self.act = nn.LeakyReLU(0.2, inplace=True)
            self.drop = nn.Dropout(rate)
            self.heads = nn.ModuleList(nn.Linear(width, 2) for _ in range(3))
            self.table = nn.ModuleDict({"a": nn.Tanh(), "b": nn.Softmax(dim=1)})
            self.scale = nn.Parameter(self.first.weight.detach()[0] * 0 + 1)
            self.register_buffer("running", self.first.weight.detach()[0] * 0)
            self.register_buffer("scratch", None)
            self.register_buffer("hidden", self.first.weight.detach()[0] * 0, persistent=False)

        def forward(self, x):
            return self.heads[0](self.act(self.first(x)) * self.scale)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.GELU("tanh"))
            self.blocks = nn.Sequential(
                OrderedDict(one=Block(4, 0.1), two=nn.Sequential(Block(4, 0.5), nn.Identity()))
            )
            self.tied = self.stem[1]
            self.nothing = None

        def forward(self, x):
            return self.blocks(self.stem(x))

        def extra_repr(self):
            return "a=1,\nb=2"

    return Net()
